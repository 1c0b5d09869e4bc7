//! The only file that names bincode: little-endian, fixed-width integers, a limit, every byte used.
//!
//! bincode 2.0.1 is the last release that builds and is no longer maintained, which is why it is
//! pinned, kept behind these two functions, and given only bytes whose hash has been proved.

use bincode::config::{Configuration, Fixint, Limit, LittleEndian};
use bincode::de::read::Reader;
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

/// What is still to be written, or read.
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

impl Reader for Rest<'_> {
    #[inline(always)]
    fn read(&mut self, bytes: &mut [u8]) -> Result<(), DecodeError> {
        let Some((found, rest)) = self.0.split_at_checked(bytes.len()) else {
            let additional = bytes.len().saturating_sub(self.0.len());
            return Err(DecodeError::UnexpectedEnd { additional });
        };
        bytes.copy_from_slice(found);
        self.0 = rest;
        Ok(())
    }
}

/// Why bytes hold no such value, and how many were read before that showed.
pub(super) type Undecoded = (ErrorKind, usize);

/// The value these bytes hold, all of them and nothing more.
pub(super) fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Undecoded> {
    // bincode makes room for a text as long as it claims to be, up to the limit, before it looks
    // whether the text is there. The limit is a constant, so it comes in sizes.
    match bytes.len() {
        0..0x8000 => decode_within::<T, { 64 << 10 }>(bytes),
        0x8000..0x10_0000 => decode_within::<T, { 2 << 20 }>(bytes),
        0x10_0000..0x100_0000 => decode_within::<T, { 32 << 20 }>(bytes),
        _ => decode_within::<T, { 512 << 20 }>(bytes),
    }
}

fn decode_within<T: DeserializeOwned, const LIMIT: usize>(bytes: &[u8]) -> Result<T, Undecoded> {
    let mut rest = Rest(bytes);
    let outcome = bincode::serde::decode_from_reader(&mut rest, config::<LIMIT>());
    let used = bytes.len().saturating_sub(rest.0.len());
    let fail = |kind| Err((kind, used));
    match outcome {
        Ok(value) if rest.0.is_empty() => Ok(value),
        Ok(_) => {
            let (expected, found) = (used as u64, bytes.len() as u64);
            fail(ErrorKind::Length { what: "section content", expected, found })
        }
        Err(error) => fail(ErrorKind::Decode { reason: DecodeError::to_string(&error) }),
    }
}
