//! The values of a category, and the way from text to code.

use crate::schema::{MAX_CATEGORIES, MAX_NAME_BYTES};

/// The values of a category in ascending byte order; a value's position is its code, and the code
/// after the last stands for all rare and unseen values.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Vocabulary {
    values: Vec<String>,
    table: Table,
}

impl Vocabulary {
    /// A vocabulary of these values, sorted here; duplicates count once.
    pub fn new(mut values: Vec<String>) -> Self {
        values.sort_unstable();
        values.dedup();
        Self::from_sorted(values)
    }

    /// The values as they stand in a file; [`Program::check`](super::Program::check) proves their
    /// order.
    pub(crate) fn from_sorted(values: Vec<String>) -> Self {
        let table = Table::new(&values);
        Self { values, table }
    }

    /// The values in the order of their codes.
    pub fn values(&self) -> &[String] {
        &self.values
    }

    /// The code of a value; none when it is rare or was never seen.
    #[inline]
    pub fn code(&self, value: &str) -> Option<u32> {
        if self.table.slots.is_empty() {
            let position = self.values.binary_search_by(|known| known.as_str().cmp(value));
            return position.ok().and_then(|code| u32::try_from(code).ok());
        }
        self.table.code(&self.values, value)
    }

    /// The code of all rare and unseen values.
    pub fn other(&self) -> u32 {
        u32::try_from(self.values.len()).unwrap_or(u32::MAX)
    }

    /// Number of codes, the one for rare and unseen values included.
    pub fn n_categories(&self) -> u32 {
        self.other().saturating_add(1)
    }

    pub(super) fn problem(&self) -> Option<&'static str> {
        if self.values.len() >= MAX_CATEGORIES {
            return Some("the vocabulary has more than a million values");
        }
        if self.values.iter().any(|value| value.len() > MAX_NAME_BYTES) {
            return Some("a value of the vocabulary has more than 256 bytes");
        }
        let sorted = self.values.is_sorted_by(|a, b| a < b);
        (!sorted).then_some("the vocabulary is not in ascending order")
    }
}

/// Codes by the hash of their value, with linear probing. Derived from the values, and empty where
/// they do not spread: a binary search gives the same codes then.
///
/// A request cannot slow it down. The table is fixed when the artifact is opened, and a value that
/// would lie further than [`MAX_PROBES`] from its place, as a hostile file could arrange, leaves it
/// empty.
#[derive(Clone, PartialEq, Eq, Default)]
struct Table {
    /// A power of two, at least twice the number of values.
    slots: Vec<Slot>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
struct Slot {
    /// The upper half of the hash, so that other text is told apart without looking at it.
    tag: u32,
    code: u32,
}

const EMPTY: Slot = Slot { tag: 0, code: u32::MAX };
const MAX_PROBES: usize = 64;

impl Table {
    fn new(values: &[String]) -> Self {
        // More values than allowed are refused a little later.
        if values.is_empty() || values.len() > MAX_CATEGORIES {
            return Self::default();
        }
        let n_slots = values.len().saturating_mul(2).next_power_of_two();
        let mut table = Self { slots: vec![EMPTY; n_slots] };
        for (code, value) in (0_u32..).zip(values) {
            let hash = hash(value.as_bytes());
            let is_free = |at: &usize| table.slots.get(*at) == Some(&EMPTY);
            let free = table.probe(hash).take(MAX_PROBES).find(is_free);
            let Some(slot) = free.and_then(|free| table.slots.get_mut(free)) else {
                return Self::default();
            };
            *slot = Slot { tag: tag(hash), code };
        }
        table
    }

    #[inline]
    #[expect(
        clippy::indexing_slicing,
        reason = "the mask of a probe keeps it within the slots; codes in them are positions of values"
    )]
    fn code(&self, values: &[String], value: &str) -> Option<u32> {
        let hash = hash(value.as_bytes());
        for at in self.probe(hash).take(MAX_PROBES) {
            let slot = self.slots[at];
            if slot == EMPTY {
                return None;
            }
            if slot.tag == tag(hash) && values[slot.code as usize] == value {
                return Some(slot.code);
            }
        }
        None
    }

    /// The slots where a value of this hash may lie, best first.
    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "the lowest bits are those asked for")]
    fn probe(&self, hash: u64) -> impl Iterator<Item = usize> + use<> {
        let mask = self.slots.len().wrapping_sub(1);
        (0..).map(move |step| (hash as usize).wrapping_add(step) & mask)
    }
}

impl std::fmt::Debug for Table {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Table({} slots)", self.slots.len())
    }
}

fn tag(hash: u64) -> u32 {
    (hash >> 32) as u32
}

/// Eight bytes at a time, each folded in by a multiplication; the last eight overlap those before.
///
/// # Source
/// Wang Yi, *wyhash* (2019), for multiplying into 128 bits and folding the halves; the constant is
/// that of SplitMix64.
#[inline]
fn hash(bytes: &[u8]) -> u64 {
    let start = ODD ^ bytes.len() as u64;
    if let Some(last) = bytes.last_chunk() {
        let (words, _) = bytes.as_chunks();
        let before_last =
            words.iter().fold(start, |hash, word| fold(hash ^ u64::from_le_bytes(*word)));
        return fold(before_last ^ u64::from_le_bytes(*last));
    }
    let word = match (bytes.first_chunk(), bytes.last_chunk()) {
        (Some(first), Some(last)) => {
            u64::from(u32::from_le_bytes(*first)) << 32 | u64::from(u32::from_le_bytes(*last))
        }
        _ => bytes.iter().fold(0, |word, byte| word << 8 | u64::from(*byte)),
    };
    fold(start ^ word)
}

const ODD: u64 = 0x9e37_79b9_7f4a_7c15;

#[inline]
#[expect(clippy::cast_possible_truncation, reason = "both halves are used")]
fn fold(word: u64) -> u64 {
    let product = u128::from(word).wrapping_mul(u128::from(ODD));
    (product >> 64) as u64 ^ product as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Text of every length around the words of the hash, and with long common beginnings.
    fn words() -> Vec<String> {
        let lengths = (0..40).map(|length| "x".repeat(length));
        let n_numbered = if cfg!(miri) { 100 } else { 2_000 };
        let numbered = (0..n_numbered).map(|number| format!("a shop with a long name {number}"));
        lengths.chain(numbered).chain(["é", "ß", "日本", "\0", "\0\0"].map(str::to_owned)).collect()
    }

    #[test]
    fn codes_are_the_positions() {
        let vocabulary = Vocabulary::new(words());
        assert!(!vocabulary.table.slots.is_empty(), "such values spread");
        for (code, value) in vocabulary.values().iter().enumerate() {
            assert_eq!(vocabulary.code(value), Some(code as u32), "{value:?}");
            for other in [format!("{value}\0"), format!("{value}y"), format!(" {value}")] {
                let expected = vocabulary.values().iter().position(|known| *known == other);
                assert_eq!(vocabulary.code(&other), expected.map(|at| at as u32), "{other:?}");
            }
        }
        assert_eq!(Vocabulary::default().code(""), None);
    }

    #[test]
    fn values_that_do_not_spread_have_the_same_codes() {
        // The same value again and again is refused by the proof, yet must do no harm before it.
        let alike = Vocabulary::from_sorted(vec!["a".to_owned(); 2 * MAX_PROBES]);
        assert!(alike.table.slots.is_empty() && alike.problem().is_some());
        assert!(alike.code("a").is_some() && alike.code("b").is_none());
        let mut searched = Vocabulary::new(words());
        searched.table = Table::default();
        let hashed = Vocabulary::new(words());
        for value in words() {
            assert_eq!(searched.code(&value), hashed.code(&value), "{value:?}");
        }
    }
}
