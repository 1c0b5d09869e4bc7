//! When two raw values name the same thing, and the hashes that stand for them.

use std::hash::Hasher;
use std::num::NonZeroU128;

use siphasher::sip128::{Hasher128, SipHasher24};

use super::FilterValue;
use crate::record::Value;

/// The name of an entity: a hash of 128 bits over the names and values of its key columns, which one says the version of
/// PROGRAM. A key of a backend's store as it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntityKey(NonZeroU128);

impl EntityKey {
    /// The key of this number; none for 0, which names no entity.
    pub fn from_bits(bits: u128) -> Option<Self> {
        NonZeroU128::new(bits).map(Self)
    }

    /// The number.
    pub fn to_bits(self) -> u128 {
        self.0.get()
    }
}

impl std::fmt::Display for EntityKey {
    /// 32 lower-case hexadecimal digits.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

/// A value as an id, the same whether a source holds it as text, integer or float.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Identity<'a> {
    Integer(i64),
    Boolean(bool),
    /// A number that is not whole, or beyond ±2^53: its bits.
    Real(u64),
    Text(&'a str),
}

impl<'a> Identity<'a> {
    /// The identity of a value; none of a null, an empty text or NaN.
    ///
    /// # Errors
    /// An instant is no id.
    pub(super) fn of(value: Value<'a>) -> Result<Option<Self>, ()> {
        Ok(Some(match value {
            Value::Null | Value::Text("") => return Ok(None),
            Value::Number(number) if number.is_nan() => return Ok(None),
            Value::Bool(truth) => Self::Boolean(truth),
            Value::Integer(integer) => Self::Integer(integer),
            Value::Number(number) => Self::of_number(number),
            Value::Text(text) => plain_integer(text).map_or(Self::Text(text), Self::Integer),
            Value::Time(_) => return Err(()),
        }))
    }

    #[expect(clippy::cast_possible_truncation, reason = "the number is whole and within 2^53")]
    fn of_number(number: f64) -> Self {
        let whole = number.trunc().to_bits() == number.to_bits();
        if whole && number.abs() <= (1_u64 << 53) as f64 {
            Self::Integer(number as i64)
        } else {
            Self::Real(number.to_bits())
        }
    }

    pub(super) fn of_filter(value: &'a FilterValue) -> Self {
        match value {
            FilterValue::Boolean(truth) => Self::Boolean(*truth),
            FilterValue::Integer(integer) => Self::Integer(*integer),
            FilterValue::Text(text) => plain_integer(text).map_or(Self::Text(text), Self::Integer),
        }
    }

    /// A tag, a number and the bytes of a text, which stand for no other identity.
    #[inline]
    fn parts(self) -> (u8, u64, &'a [u8]) {
        match self {
            Self::Integer(integer) => (1, integer.cast_unsigned(), &[]),
            Self::Boolean(truth) => (2, u64::from(truth), &[]),
            Self::Real(bits) => (3, bits, &[]),
            Self::Text(text) => (4, text.len() as u64, text.as_bytes()),
        }
    }

    /// Its parts as bytes, of which none begins another's.
    pub(super) fn bytes(self) -> Vec<u8> {
        let (tag, number, rest) = self.parts();
        [&[tag], &number.to_le_bytes()[..], rest].concat()
    }
}

/// The whole number of which the text is the shortest form: no sign but `-`, no zeros before.
fn plain_integer(text: &str) -> Option<i64> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let plain = match digits.as_bytes() {
        [b'0'] => digits.len() == text.len(),
        [first, ..] => (b'1'..=b'9').contains(first),
        [] => false,
    };
    // Of text that begins so, `parse` refuses everything but further digits.
    if plain { text.parse().ok() } else { None }
}

/// What hashes ids.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Naming {
    /// BLAKE3: that of artifacts with version 2 of PROGRAM.
    Blake3,
    /// SipHash-2-4 of 128 bits, in a tenth of the time. Ids meet by chance as seldom; that nobody can craft two that do is
    /// promised only while the key is secret, which it is not: SECURITY.md says what that means.
    #[default]
    SipHash,
}

/// Hashes identities, one after the other, under a key.
#[derive(Debug, Clone, Copy)]
pub(super) enum IdentityHasher {
    Blake3([u8; 32]),
    SipHash(SipHasher24),
}

impl IdentityHasher {
    /// The key is BLAKE3 of these bytes, for SipHash its first half.
    pub(super) fn keyed_by(bytes: &[u8], naming: Naming) -> Self {
        let key = *blake3::hash(bytes).as_bytes();
        match naming {
            Naming::Blake3 => Self::Blake3(key),
            Naming::SipHash => {
                let half = key.first_chunk().unwrap_or(&[0; 16]);
                Self::SipHash(SipHasher24::new_with_key(half))
            }
        }
    }

    #[inline]
    pub(super) fn hash(&self, identities: &[Identity<'_>]) -> u128 {
        match self {
            Self::SipHash(keyed) => {
                let mut hasher = *keyed;
                for identity in identities {
                    let (tag, number, rest) = identity.parts();
                    hasher.write_u8(tag);
                    // It takes a number in the order of the machine, and all machines hash the same bytes.
                    hasher.write_u64(number.to_le());
                    if !rest.is_empty() {
                        hasher.write(rest);
                    }
                }
                hasher.finish128().into()
            }
            Self::Blake3(key) => {
                let mut hasher = blake3::Hasher::new_keyed(key);
                for identity in identities {
                    let (tag, number, rest) = identity.parts();
                    hasher.update(&[tag]).update(&number.to_le_bytes()).update(rest);
                }
                let hash = hasher.finalize();
                hash.as_bytes().first_chunk().map_or(0, |bytes| u128::from_le_bytes(*bytes))
            }
        }
    }
}

/// 48 bits of a value's hash, never 0: enough to tell apart the few values that one entity holds.
pub(super) fn value_fingerprint(hash: u128) -> u64 {
    fingerprint(hash, (1 << 48) - 1)
}

/// 32 bits of an event's id, never 0: it is only ever compared with those of the same entity and the same
/// microsecond.
pub(super) fn id_fingerprint(hash: u128) -> u64 {
    fingerprint(hash, u32::MAX.into())
}

#[expect(clippy::cast_possible_truncation, reason = "the lowest bits are wanted")]
fn fingerprint(hash: u128, bits: u64) -> u64 {
    (hash as u64 & bits).max(1)
}
