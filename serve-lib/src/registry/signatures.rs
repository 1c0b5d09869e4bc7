//! The signatures in a registry, beside the artifacts they are over, one for each event that was signed.

use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;

use super::error::io_error;
use super::{AliasTarget, Registry, RegistryError};
use crate::limits::MAX_SIGNATURE_BYTES;

impl Registry {
    /// The text of the signature over what an alias names; none when it was not signed. It proves nothing
    /// before it is verified.
    ///
    /// # Errors
    /// The file cannot be read, or is larger than any signature.
    pub fn signature(&self, target: &AliasTarget) -> Result<Option<String>, RegistryError> {
        let path = self.signature_path(target);
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(io_error(&path, source)),
        };
        let (mut bytes, expected) = (Vec::new(), MAX_SIGNATURE_BYTES as u64);
        let read = file.take(expected.saturating_add(1)).read_to_end(&mut bytes);
        read.map_err(|source| io_error(&path, source))?;
        let found = bytes.len() as u64;
        if found > expected {
            return Err(RegistryError::TooLarge { path, expected, found });
        }
        Ok(Some(String::from_utf8_lossy(&bytes).into_owned()))
    }

    /// Where the signature over what an alias names is, or would be.
    pub fn signature_path(&self, target: &AliasTarget) -> PathBuf {
        let AliasTarget { artifact, event } = target;
        self.blob_path(artifact).with_file_name(format!("{artifact}.{event}.minisig"))
    }
}
