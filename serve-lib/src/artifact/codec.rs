//! The only file that names bincode: little-endian, fixed-width integers, a limit, every byte used.
//!
//! bincode 2.0.1 is the last release that builds and is no longer maintained, which is why it is
//! pinned, kept behind these two functions, and given only bytes whose hash has been proved.

use bincode::config::{Configuration, Fixint, Limit, LittleEndian};
use bincode::error::{DecodeError, EncodeError};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::ErrorKind;

/// Most bytes of a section. The limit also bounds what a length inside the bytes may claim.
const MAX_SECTION_BYTES: usize = 512 << 20;

const CONFIG: Configuration<LittleEndian, Fixint, Limit<MAX_SECTION_BYTES>> =
    bincode::config::standard()
        .with_little_endian()
        .with_fixed_int_encoding()
        .with_limit::<MAX_SECTION_BYTES>();

pub(super) fn encode<T: Serialize>(value: &T) -> Result<Vec<u8>, ErrorKind> {
    bincode::serde::encode_to_vec(value, CONFIG)
        .map_err(|error: EncodeError| ErrorKind::Decode { reason: error.to_string() })
}

/// The value these bytes hold, all of them and nothing more.
pub(super) fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ErrorKind> {
    let (value, used) = bincode::serde::decode_from_slice(bytes, CONFIG)
        .map_err(|error: DecodeError| ErrorKind::Decode { reason: error.to_string() })?;
    if used != bytes.len() {
        let (expected, found) = (used as u64, bytes.len() as u64);
        return Err(ErrorKind::Length { what: "section content", expected, found });
    }
    Ok(value)
}
