//! `shroff keygen`, `sign` and `verify`: who vouches for a model, and whether it is whole.

use std::fs::OpenOptions;
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};

use anyhow::Context;
use serde_json::json;
use shroff_serve::artifact::ArtifactId;
use shroff_serve::signed::{Statement, TrustedKeys};

use super::Ending;
use super::data::ModelArgs;
use crate::Error;
use crate::registry::{Alias, Registry};
use crate::signing::{KeyFiles, SigningKey};

/// Flags of `keygen`.
#[derive(Debug, clap::Args)]
pub(super) struct KeygenArgs {
    /// File of the secret key, which signs
    #[arg(long, default_value = "shroff.key")]
    secret: PathBuf,
    /// File of the public key, for backends and `verify`
    #[arg(long, default_value = "shroff.pub")]
    public: PathBuf,
    /// Leave the secret key without a password, for a job that keeps the file where nobody else reads it
    #[arg(long)]
    no_password: bool,
}

/// Flags of `sign`.
#[derive(Debug, clap::Args)]
pub(super) struct SignArgs {
    /// NAME@champion or NAME@challenger in the registry
    model: String,
    /// File of the secret key; its password is asked for, or SHROFF_KEY_PASSWORD
    #[arg(long)]
    key: PathBuf,
    /// Folder of the registry
    #[arg(long, default_value = "registry")]
    registry: PathBuf,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// Flags of `verify`.
#[derive(Debug, clap::Args)]
pub(super) struct VerifyArgs {
    #[command(flatten)]
    model: ModelArgs,
    /// File of a public key: also prove that the artifact is signed by it, of an alias for its present event
    #[arg(long)]
    key: Option<PathBuf>,
    /// File of the signature, of an artifact that is a file
    #[arg(long, requires = "key")]
    signature: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub(super) fn keygen(args: &KeygenArgs) -> anyhow::Result<Ending> {
    let password = match args.no_password {
        true => None,
        false => Some(new_password().map_err(unreadable_password)?),
    };
    let files = KeyFiles::generate(password).map_err(|error| Error::Config(error.to_string()))?;
    // The public one first: cut short between the two, no secret lies about.
    write_new(&args.public, &files.public, false)?;
    write_new(&args.secret, &files.secret, true)?;
    let (secret, public) = (args.secret.display(), args.public.display());
    super::print(&format!("{secret} signs: keep it secret; {public} is for backends\n"))?;
    Ok(Ending::Done)
}

pub(super) fn sign(args: &SignArgs) -> anyhow::Result<Ending> {
    let (name, alias) = alias_of(&args.model).ok_or_else(|| {
        let model = &args.model;
        Error::Config(format!(
            "a signature is for what an alias names: expected NAME@champion or NAME@challenger, found {model:?}"
        ))
    })?;
    let key = read_key(&args.key)?;
    let registry = Registry::open(&args.registry).map_err(Error::Registry)?;
    let target = registry.sign(name, alias, &key).map_err(Error::Registry)?;
    let path = registry.reader().signature_path(&target);
    if args.json {
        let (artifact, path) = (target.artifact.to_string(), path.display().to_string());
        super::print_json(
            &json!({ "artifact": artifact, "event": target.event, "signature": path }),
        )?;
    } else {
        let (artifact, event) = (target.artifact, target.event);
        super::print(&format!(
            "signed: {}, artifact {artifact}, event {event}, in {}\n",
            args.model,
            path.display()
        ))?;
    }
    Ok(Ending::Done)
}

pub(super) fn verify(args: &VerifyArgs) -> anyhow::Result<Ending> {
    let scorer = args.model.open()?;
    let statement = match &args.key {
        Some(key) => Some(verify_signature(args, &read_trusted(key)?, &scorer.id())?),
        None => None,
    };
    let golden = scorer.contents().golden.len();
    if args.json {
        let artifact = scorer.id().to_string();
        let mut report = json!({ "artifact": artifact, "golden_records": golden, "sound": true });
        if let Some(Statement { model, alias, event }) = &statement {
            report["signed"] = json!({ "model": model, "alias": alias, "event": event });
        }
        super::print_json(&report)?;
        return Ok(Ending::Done);
    }
    let id = scorer.id();
    let mut text = format!("sound: artifact {id}, {golden} golden records score as promised\n");
    if let Some(Statement { model, alias, event }) = &statement {
        text.push_str(&format!("signed: {model}@{alias} of event {event}\n"));
    }
    super::print(&text)?;
    Ok(Ending::Done)
}

fn verify_signature(
    args: &VerifyArgs,
    keys: &TrustedKeys,
    artifact: &ArtifactId,
) -> anyhow::Result<Statement> {
    let refused = |reason: String| Error::Signature { artifact: *artifact, reason };
    if let Some(path) = &args.signature {
        let text = read(path)?;
        return Ok(keys.verify(artifact, &text).map_err(|error| refused(error.to_string()))?);
    }
    let (name, alias) = alias_of(args.model.name()).ok_or_else(|| {
        Error::Config(
            "name the file of the signature with --signature, or the model by its alias".into(),
        )
    })?;
    let registry = Registry::open(args.model.registry()).map_err(Error::Registry)?;
    let (target, verified) =
        registry.verify_signature(name, alias, keys).map_err(Error::Registry)?;
    // The model may be a file of that name, or the alias have moved since it was opened.
    if target.artifact != *artifact {
        let named =
            format!("{} in the registry names artifact {}", args.model.name(), target.artifact);
        return Err(refused(named).into());
    }
    let missing = || refused(format!("it is not signed for event {}", target.event));
    let verified = verified.ok_or_else(missing)?;
    Ok(verified.map_err(|error| refused(error.to_string()))?)
}

/// The secret key in a file.
pub(super) fn read_key(path: &Path) -> anyhow::Result<SigningKey> {
    let text = read(path)?;
    let key = SigningKey::parse(&text, || password("password of the key: "));
    let usage = |error: crate::signing::SigningError| Error::Config(chain(&error));
    key.map_err(usage).with_context(|| path.display().to_string())
}

fn read_trusted(path: &Path) -> anyhow::Result<TrustedKeys> {
    let keys = TrustedKeys::parse(&read(path)?);
    let usage = |error: shroff_serve::signed::SignatureError| Error::Config(error.to_string());
    keys.map_err(usage).with_context(|| path.display().to_string())
}

fn read(path: &Path) -> Result<String, Error> {
    let unreadable = |error| Error::Config(format!("{}: {error}", path.display()));
    std::fs::read_to_string(path).map_err(unreadable)
}

/// Of NAME@champion and NAME@challenger both parts; none of anything else.
fn alias_of(model: &str) -> Option<(&str, Alias)> {
    let (name, which) = model.rsplit_once('@')?;
    let mut aliases = [Alias::Champion, Alias::Challenger].into_iter();
    aliases.find(|alias| alias.as_str() == which).map(|alias| (name, alias))
}

/// A key that is lost cannot be made again: nothing is written over.
fn write_new(path: &Path, text: &str, is_secret: bool) -> Result<(), Error> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    if is_secret {
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    }
    let write = || {
        let mut file = options.open(path)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()
    };
    write().map_err(|source: io::Error| match source.kind() {
        io::ErrorKind::AlreadyExists => Error::Config(format!(
            "{} is there, and keys are never replaced: name another file",
            path.display()
        )),
        _ => Error::Io { path: path.to_path_buf(), source },
    })
}

/// Of the environment, or typed unseen.
fn password(prompt: &str) -> io::Result<String> {
    match std::env::var(PASSWORD) {
        Ok(password) => Ok(password),
        Err(_) if io::stdin().is_terminal() => rpassword::prompt_password(prompt),
        Err(_) => Err(io::Error::other("there is no terminal")),
    }
}

fn new_password() -> io::Result<String> {
    let password = password("password of the new key: ")?;
    if std::env::var_os(PASSWORD).is_none() {
        let again = self::password("once more: ")?;
        if again != password {
            return Err(io::Error::other("the two are not the same"));
        }
    }
    match password.is_empty() {
        true => Err(io::Error::other("it is empty")),
        false => Ok(password),
    }
}

fn unreadable_password(error: io::Error) -> Error {
    Error::Config(format!(
        "expected a password for the key: {error}; type it at a terminal, set {PASSWORD}, or say --no-password"
    ))
}

fn chain(error: &dyn std::error::Error) -> String {
    error.source().map_or_else(|| error.to_string(), |source| format!("{error}: {source}"))
}

const PASSWORD: &str = "SHROFF_KEY_PASSWORD";
