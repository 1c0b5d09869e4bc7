//! Sets of category codes, the question of a split by category.

/// A set of category codes as bits, the lowest code in the lowest bit of the first word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CategorySet(Box<Bits>);

/// Apart from the split that asks for it: most splits have none, and nodes lie close together.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Bits {
    n_categories: u32,
    words: Vec<u64>,
}

impl CategorySet {
    /// The set of these codes out of `0..n_categories`; codes beyond are left out.
    pub fn new(n_categories: u32, codes: impl IntoIterator<Item = u32>) -> Self {
        let mut words = vec![0; (n_categories as usize).div_ceil(64)];
        for code in codes.into_iter().filter(|code| *code < n_categories) {
            if let Some(word) = words.get_mut(code as usize / 64) {
                *word |= 1 << (code % 64);
            }
        }
        Self::from_words(n_categories, words)
    }

    /// The set whose bits are these words; [`Model::check`](super::Model::check) proves that they fit.
    pub fn from_words(n_categories: u32, words: Vec<u64>) -> Self {
        Self(Box::new(Bits { n_categories, words }))
    }

    /// Codes from here on are no categories: to a split they are missing values.
    pub fn n_categories(&self) -> u32 {
        self.0.n_categories
    }

    /// The bits, 64 codes a word.
    pub fn words(&self) -> &[u64] {
        &self.0.words
    }

    /// Whether the code is in the set.
    #[inline]
    pub fn contains(&self, code: usize) -> bool {
        self.0.words.get(code / 64).is_some_and(|word| word >> (code % 64) & 1 == 1)
    }

    /// The words are as many as the categories need, and no bit is set beyond the last category.
    pub(super) fn is_sound(&self) -> bool {
        let needed = (self.0.n_categories as usize).div_ceil(64);
        let used_bits = self.0.n_categories % 64;
        self.0.words.len() == needed
            && (used_bits == 0 || self.0.words.last().is_none_or(|last| last >> used_bits == 0))
    }
}
