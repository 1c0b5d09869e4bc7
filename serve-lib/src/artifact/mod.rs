//! The artifact: one file that holds everything a score depends on.
//!
#![doc = include_str!("../../FORMAT.md")]

mod codec;
mod contents;
mod read;
mod section;
pub(crate) mod wire;
mod write;

pub use crate::limits::MAX_ARTIFACT_BYTES;
pub use contents::{
    Bands, Contents, Expected, GoldenRecord, Histogram, OwnedValue, Provenance, ReasonCode,
    Reference, Window,
};
pub use read::{Artifact, SectionInfo, read, read_within, sections};
pub(crate) use wire::locate;
pub use wire::{FORMAT_VERSION, HEADER_BYTES, OLDEST_READABLE_VERSION, SECTION_ENTRY_BYTES};
pub use write::{write, write_draft};

/// Fewest and most golden records of an artifact that is not a draft.
pub const GOLDEN_RECORDS: std::ops::RangeInclusive<usize> = 64..=256;

/// An artifact's name by content: the BLAKE3 root over its header and section table.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ArtifactId([u8; 32]);

impl ArtifactId {
    /// The id of these 32 bytes.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl std::fmt::Display for ArtifactId {
    /// 64 lower-case hexadecimal digits.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl std::fmt::Debug for ArtifactId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ArtifactId({self})")
    }
}

/// Text that is no artifact id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("an artifact id is 64 lower-case hexadecimal digits")]
pub struct ParseIdError;

impl std::str::FromStr for ArtifactId {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<Self, ParseIdError> {
        let digits = text.as_bytes();
        if digits.len() != 64 {
            return Err(ParseIdError);
        }
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            for &digit in pair {
                let value = match digit {
                    b'0'..=b'9' => digit.wrapping_sub(b'0'),
                    b'a'..=b'f' => digit.wrapping_sub(b'a').wrapping_add(10),
                    _ => return Err(ParseIdError),
                };
                *byte = *byte << 4 | value;
            }
        }
        Ok(Self(bytes))
    }
}
