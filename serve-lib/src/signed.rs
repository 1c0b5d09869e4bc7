//! Signatures of artifacts: who says that this artifact is this model's champion, as of this event.
//!
//! A hash tells that an artifact is whole, not that it is the right one: whoever can write to the registry can
//! put another there. A signature is a detached [minisign] file (Ed25519) over the artifact's id, written as 64
//! hexadecimal digits; its trusted comment, which is signed with it, holds a [`Statement`]:
//!
//! ```text
//! untrusted comment: signature from minisign secret key
//! RUQ…
//! trusted comment: shroff model=card-fraud alias=champion event=137
//! Qm…
//! ```
//!
//! The event's number is what keeps an old signature from being shown again: it only grows, also when a
//! model is rolled back, which is a new event and takes a new signature. A follower refuses a number below the
//! highest it accepted. What is signed is the artifact, not the snapshots beside it, which change nightly: whoever can write
//! to the registry can still give a model with velocity features a false past. This side only verifies; `shroff sign` signs. What minisign itself says of a signature:
//! `printf %s ID > id && minisign -Vm id -x ID.EVENT.minisig -p shroff.pub`.
//!
//! ```
//! use shroff_serve::signed::{Statement, TrustedKeys};
//!
//! let keys = TrustedKeys::parse(
//!     "untrusted comment: minisign public key E7620F1842B4E81F\n\
//!      RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3",
//! )?;
//! assert_eq!(keys.len(), 1);
//! let statement: Statement = "shroff model=card-fraud alias=champion event=137".parse()?;
//! assert_eq!((statement.alias.as_str(), statement.event), ("champion", 137));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! [minisign]: https://jedisct1.github.io/minisign/

use std::fmt;
use std::str::FromStr;

use minisign_verify::{PublicKey, Signature};

use crate::artifact::ArtifactId;

/// The public keys of whom a backend believes, one or, while keys are changed, several.
#[derive(Debug, Clone)]
pub struct TrustedKeys(Vec<PublicKey>);

/// What a signature says of an artifact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// The model whose artifact it is.
    pub model: String,
    /// The alias that the event set.
    pub alias: String,
    /// Number of the event that set it.
    pub event: u64,
}

impl TrustedKeys {
    /// The keys in the text of one or more public key files of minisign: lines of base64, with lines of comments
    /// or none between them.
    ///
    /// # Errors
    /// A line that is neither a key nor a comment, or no key at all.
    pub fn parse(text: &str) -> Result<Self, SignatureError> {
        let is_key = |line: &&str| !line.is_empty() && !line.starts_with("untrusted comment:");
        let keys = text.lines().map(str::trim).filter(is_key);
        let keys: Result<Vec<PublicKey>, _> = keys.map(PublicKey::from_base64).collect();
        match keys {
            Ok(keys) if !keys.is_empty() => Ok(Self(keys)),
            Ok(_) => Err(SignatureError::Key { reason: "there is none".into() }),
            Err(error) => Err(SignatureError::Key { reason: error.to_string() }),
        }
    }

    /// How many keys there are; at least one.
    #[expect(clippy::len_without_is_empty, reason = "it never is")]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Proves the text of a signature over an artifact by any of the keys, and says what it states.
    ///
    /// # Errors
    /// Text that is no signature, one by another key or over another artifact, or a comment that is no
    /// statement.
    pub fn verify(
        &self,
        artifact: &ArtifactId,
        signature: &str,
    ) -> Result<Statement, SignatureError> {
        if signature.len() > MAX_SIGNATURE_BYTES {
            return Err(SignatureError::Malformed { reason: "it is too long".into() });
        }
        let malformed = |error: minisign_verify::Error| {
            let reason = error.to_string();
            SignatureError::Malformed { reason }
        };
        let signature = Signature::decode(signature).map_err(malformed)?;
        let message = artifact.to_string();
        let mut other_key = true;
        for key in &self.0 {
            match key.verify(message.as_bytes(), &signature, false) {
                Ok(()) => return signature.trusted_comment().parse(),
                Err(minisign_verify::Error::UnexpectedKeyId) => {}
                Err(_) => other_key = false,
            }
        }
        if other_key { Err(SignatureError::OtherKey) } else { Err(SignatureError::Invalid) }
    }
}

/// As it stands in a trusted comment.
impl fmt::Display for Statement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { model, alias, event } = self;
        write!(f, "shroff model={model} alias={alias} event={event}")
    }
}

/// Reads the one form that is written.
impl FromStr for Statement {
    type Err = SignatureError;

    fn from_str(text: &str) -> Result<Self, SignatureError> {
        let read = || {
            let fields = text.strip_prefix("shroff model=")?;
            let (model, fields) = fields.split_once(" alias=")?;
            let (alias, event) = fields.split_once(" event=")?;
            let event = event.parse().ok()?;
            Some(Self { model: model.into(), alias: alias.into(), event })
        };
        let statement = read().filter(|statement| statement.to_string() == text);
        let found = text.chars().take(80).collect();
        statement.ok_or(SignatureError::Comment { found })
    }
}

/// Why a key or a signature was not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SignatureError {
    /// The text holds no public key of minisign.
    #[error("expected the text of a minisign public key: {reason}")]
    Key {
        /// Why.
        reason: String,
    },
    /// The text is no signature.
    #[error("expected a minisign signature of four lines: {reason}; sign the artifact again")]
    Malformed {
        /// Why.
        reason: String,
    },
    /// The signature was made by a key that is not among the trusted ones.
    #[error("it was made by another key than the trusted ones")]
    OtherKey,
    /// The signature is over another artifact or another comment, or is forged.
    #[error("it is not a signature over this artifact and its trusted comment")]
    Invalid,
    /// The trusted comment says something else.
    #[error(
        "its trusted comment should be 'shroff model=NAME alias=ALIAS event=NUMBER', found {found:?}"
    )]
    Comment {
        /// The comment, cut to 80 characters.
        found: String,
    },
    /// The signature is for something else.
    #[error("it is for '{found}', expected '{expected}'")]
    OtherStatement {
        /// What it should state.
        expected: Box<Statement>,
        /// What it states.
        found: Box<Statement>,
    },
}

/// Most bytes of the text of a signature: some 400, with room for a long untrusted comment.
pub const MAX_SIGNATURE_BYTES: usize = crate::limits::MAX_SIGNATURE_BYTES;
