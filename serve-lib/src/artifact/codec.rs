//! The only file that names bincode: little-endian, fixed-width integers, a limit, every byte used.
//!
//! bincode 2.0.1 is the last release that builds and is no longer maintained, which is why it is
//! pinned, kept behind these two functions, and given only bytes whose hash has been proved.

use bincode::config::{Configuration, Fixint, Limit, LittleEndian};
use bincode::enc::write::Writer;
use bincode::error::{DecodeError, EncodeError};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::ErrorKind;

type Config<const LIMIT: usize> = Configuration<LittleEndian, Fixint, Limit<LIMIT>>;

const fn config<const LIMIT: usize>() -> Config<LIMIT> {
    bincode::config::standard().with_little_endian().with_fixed_int_encoding().with_limit::<LIMIT>()
}

pub(super) fn encode<T: Serialize>(value: &T) -> Result<Vec<u8>, ErrorKind> {
    // The limit is one of reading only.
    bincode::serde::encode_to_vec(value, config::<{ 512 << 20 }>())
        .map_err(|error: EncodeError| ErrorKind::Decode { reason: error.to_string() })
}

/// Whether these bytes are what the value is written as. Nothing is written for it: a great model's bytes
/// would be there twice.
pub(super) fn is_written_as<T: Serialize>(value: &T, bytes: &[u8]) -> bool {
    let mut rest = Rest(bytes);
    let written = bincode::serde::encode_into_writer(value, &mut rest, config::<{ 512 << 20 }>());
    written.is_ok() && rest.0.is_empty()
}

/// What is still to be written.
struct Rest<'a>(&'a [u8]);

impl Writer for Rest<'_> {
    fn write(&mut self, bytes: &[u8]) -> Result<(), EncodeError> {
        match self.0.strip_prefix(bytes) {
            Some(rest) => self.0 = rest,
            None => return Err(EncodeError::Other("other bytes")),
        }
        Ok(())
    }
}

/// The value these bytes hold, all of them and nothing more.
pub(super) fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ErrorKind> {
    // bincode makes room for a text as long as it claims to be, up to the limit, before it looks
    // whether the text is there. The limit is a constant, so it comes in sizes.
    match bytes.len() {
        0..0x8000 => decode_within::<T, { 64 << 10 }>(bytes),
        0x8000..0x10_0000 => decode_within::<T, { 2 << 20 }>(bytes),
        0x10_0000..0x100_0000 => decode_within::<T, { 32 << 20 }>(bytes),
        _ => decode_within::<T, { 512 << 20 }>(bytes),
    }
}

fn decode_within<T: DeserializeOwned, const LIMIT: usize>(bytes: &[u8]) -> Result<T, ErrorKind> {
    let (value, used) = bincode::serde::decode_from_slice(bytes, config::<LIMIT>())
        .map_err(|error: DecodeError| ErrorKind::Decode { reason: error.to_string() })?;
    if used != bytes.len() {
        let (expected, found) = (used as u64, bytes.len() as u64);
        return Err(ErrorKind::Length { what: "section content", expected, found });
    }
    Ok(value)
}
