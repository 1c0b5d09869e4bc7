//! One or a few.

/// Of most things there is one: it is found without a further step. Where there is none, the first is its default.
#[derive(Debug, Clone, Default)]
pub(super) struct Few<T> {
    first: T,
    others: Box<[T]>,
}

impl<T: Default> FromIterator<T> for Few<T> {
    fn from_iter<I: IntoIterator<Item = T>>(items: I) -> Self {
        // What is collected while no item fails must not be asked on after the failure.
        let mut items = items.into_iter().fuse();
        Self { first: items.next().unwrap_or_default(), others: items.collect() }
    }
}

impl<T> Few<T> {
    #[inline]
    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        std::iter::once(&self.first).chain(&self.others)
    }

    #[inline]
    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        std::iter::once(&mut self.first).chain(&mut self.others)
    }

    #[inline]
    pub(super) fn get(&self, at: usize) -> Option<&T> {
        match at.checked_sub(1) {
            None => Some(&self.first),
            Some(at) => self.others.get(at),
        }
    }
}
