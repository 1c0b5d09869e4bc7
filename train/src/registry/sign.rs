//! Signatures of what an alias names. Backends that trust keys serve nothing else.

use std::sync::Arc;

use shroff_serve::registry::AliasTarget;
use shroff_serve::signed::{SignatureError, Statement, TrustedKeys};

use super::Registry;
use super::error::Error;
use super::record::{Alias, Event};
use super::store::Put;
use crate::signing::SigningKey;

impl Registry {
    /// Signs what becomes champion from now on, before the alias names it.
    #[must_use]
    pub fn with_signer(mut self, key: SigningKey) -> Self {
        self.signer = Some(Arc::new(key));
        self
    }

    /// Signs what an alias names, as the events say; does nothing where that is done. Says what it names.
    ///
    /// # Errors
    /// The alias is not set, its artifact is missing or refused, it was signed for this event by another key, or a
    /// file could not be written or read.
    pub fn sign(&self, name: &str, alias: Alias, key: &SigningKey) -> Result<AliasTarget, Error> {
        let unset = || Error::AliasUnset { model: name.into(), alias: alias.as_str() };
        let target = self.standing(name)?.target(alias).ok_or_else(unset)?;
        self.check_blob(&target.artifact)?;
        self.put_signature(name, alias, target, key)?;
        Ok(target)
    }

    /// Proves that what an alias names is signed by a trusted key, for this model, alias and event.
    ///
    /// # Errors
    /// The alias is not set, or its file or the signature cannot be read; a signature that is not there is
    /// `None`, and one that is not accepted has its reason.
    pub fn verify_signature(
        &self,
        name: &str,
        alias: Alias,
        keys: &TrustedKeys,
    ) -> Result<(AliasTarget, Option<Result<Statement, SignatureError>>), Error> {
        let unset = || Error::AliasUnset { model: name.into(), alias: alias.as_str() };
        let target = self.reader.alias(name, alias.as_str())?.ok_or_else(unset)?;
        let signature = self.reader.signature(&target)?;
        let verified =
            signature.map(|text| verify(&text, keys, &target, &statement(name, alias, &target)));
        Ok((target, verified))
    }

    /// Signs what an event made champion, if there is a key to sign with.
    pub(super) fn sign_event(&self, name: &str, event: &Event) -> Result<(), Error> {
        let (Some(key), Some(alias)) = (&self.signer, event.alias) else { return Ok(()) };
        let target = AliasTarget { artifact: event.artifact, event: event.event };
        self.put_signature(name, alias, target, key)
    }

    /// Whether an event should be signed, as there is a key, and is not.
    pub(super) fn is_unsigned(&self, event: &Event) -> Result<bool, Error> {
        let target = AliasTarget { artifact: event.artifact, event: event.event };
        Ok(self.signer.is_some() && self.reader.signature(&target)?.is_none())
    }

    /// A signature that is there stays. No two are alike, even by the same key: it is verified rather than compared.
    fn put_signature(
        &self,
        name: &str,
        alias: Alias,
        target: AliasTarget,
        key: &SigningKey,
    ) -> Result<(), Error> {
        let statement = statement(name, alias, &target);
        let artifact = target.artifact;
        let failed = |source| Error::Sign { artifact, source };
        let trusted = key.trusted().map_err(failed)?;
        let path = self.reader.signature_path(&target);
        if self.reader.signature(&target)?.is_none() {
            let text = key.sign(&artifact, &statement).map_err(failed)?;
            if self.store.put_new(&path, text.as_bytes())? == Put::Done {
                return Ok(());
            }
        }
        let found = self.reader.signature(&target)?.unwrap_or_default();
        match verify(&found, &trusted, &target, &statement) {
            Ok(_) => self.store.persist(&path),
            Err(source) => Err(Error::SignatureTaken { path, source }),
        }
    }
}

fn statement(name: &str, alias: Alias, target: &AliasTarget) -> Statement {
    Statement { model: name.into(), alias: alias.as_str().into(), event: target.event }
}

fn verify(
    text: &str,
    keys: &TrustedKeys,
    target: &AliasTarget,
    expected: &Statement,
) -> Result<Statement, SignatureError> {
    let found = keys.verify(&target.artifact, text)?;
    if found == *expected {
        return Ok(found);
    }
    let (expected, found) = (Box::new(expected.clone()), Box::new(found));
    Err(SignatureError::OtherStatement { expected, found })
}
