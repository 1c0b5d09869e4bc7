//! The entities of one shard.
//!
//! A table of lines of memory. An entity's lies where its name, which is a hash, says, or as near behind as there was
//! room: so it can be asked for ahead of time. It tells where the entity's state and all that a question will read of
//! it lie: so these are asked for together, while each step from one to the next would be one more through memory
//! far away.

use crate::features::state::{EntityState, N_SPANS};
use crate::features::window::{EntityKey, Windows};
use crate::near::Span;

/// States by the names of their entities.
#[derive(Debug, Default)]
pub(super) struct Entities {
    /// None or a power of two, at least a quarter of them free.
    lines: Vec<Line>,
    states: Vec<Placed>,
}

/// A state in as few lines of memory as it takes.
#[derive(Debug)]
#[repr(align(64))]
struct Placed(EntityState);

const _: () = assert!(size_of::<Placed>() == 3 * 64 || size_of::<usize>() != 8);

#[derive(Debug, Clone, Copy, Default)]
#[repr(align(64))]
struct Line {
    /// None where the line is free.
    name: Option<EntityKey>,
    /// The position of the state.
    place: u32,
    /// What a question will read, as it lay after the last change.
    spans: [Span; N_SPANS],
}

impl Line {
    #[inline]
    fn place(&self) -> usize {
        self.place as usize
    }
}

/// Lines of the first table.
const FEWEST_LINES: usize = 4;

impl Entities {
    pub(super) fn len(&self) -> usize {
        self.states.len()
    }

    /// In no order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (EntityKey, &EntityState)> {
        let state = |line: &Line| self.states.get(line.place()).map(|Placed(state)| state);
        self.lines.iter().filter_map(move |line| Some((line.name?, state(line)?)))
    }

    /// Where the table lies and how many lines it has, for [`first_lines`]; 0 while there is none. A line begins at a
    /// multiple of 64, and the number is a power of two.
    #[inline]
    pub(super) fn table(&self) -> usize {
        match self.lines.len() {
            0 => 0,
            n_lines => self.lines.as_ptr().addr() | n_lines.trailing_zeros() as usize,
        }
    }

    /// Asks for the memory of an entity's state, and of what a question will read of it.
    #[inline]
    pub(super) fn bring_near(&self, name: EntityKey) {
        let Some(line) = self.line(name) else { return };
        Span::of(self.states.get(line.place()..=line.place()).unwrap_or_default()).bring();
        line.spans.iter().for_each(|span| span.bring());
    }

    #[inline]
    pub(super) fn get(&self, name: EntityKey) -> Option<&EntityState> {
        self.states.get(self.line(name)?.place()).map(|Placed(state)| state)
    }

    /// Changes the state of an entity.
    pub(super) fn change<R>(
        &mut self,
        windows: &Windows,
        name: EntityKey,
        change: impl FnOnce(&mut EntityState) -> R,
    ) -> Option<R> {
        self.change_at(self.position(name), windows, change)
    }

    /// Changes the state of an entity; where it has none, the one that is made now.
    #[inline]
    pub(super) fn change_or_put<R>(
        &mut self,
        windows: &Windows,
        name: EntityKey,
        make: impl FnOnce(&mut Self) -> EntityState,
        change: impl FnOnce(&mut EntityState) -> R,
    ) -> Option<R> {
        let mut at = self.position(name);
        if self.lines.get(at).is_none_or(|line| line.name.is_none()) {
            let state = make(self);
            at = self.put(windows, name, state);
        }
        self.change_at(at, windows, change)
    }

    #[inline]
    fn change_at<R>(
        &mut self,
        at: usize,
        windows: &Windows,
        change: impl FnOnce(&mut EntityState) -> R,
    ) -> Option<R> {
        let line = self.lines.get_mut(at).filter(|line| line.name.is_some())?;
        let Placed(state) = self.states.get_mut(line.place())?;
        let changed = change(state);
        line.spans = state.spans(windows);
        Some(changed)
    }

    /// Puts a state in the place of the entity's own; the position of its line.
    #[expect(clippy::cast_possible_truncation, reason = "no shard has room for 2^32 states")]
    pub(super) fn put(&mut self, windows: &Windows, name: EntityKey, state: EntityState) -> usize {
        let n_lines = self.lines.len();
        // A quarter is free: the search for an entity that is not there comes to an end, and soon.
        if self.len() >= n_lines.saturating_sub(n_lines / 4) {
            self.grow();
        }
        let (at, spans) = (self.position(name), state.spans(windows));
        let Some(line) = self.lines.get_mut(at) else { return at };
        if line.name.is_none() {
            line.place = self.states.len() as u32;
        }
        *line = Line { name: Some(name), spans, ..*line };
        match self.states.get_mut(line.place()) {
            Some(Placed(old)) => *old = state,
            None => self.states.push(Placed(state)),
        }
        at
    }

    fn grow(&mut self) {
        let n_lines = self.lines.len().saturating_mul(2).max(FEWEST_LINES);
        let old = std::mem::replace(&mut self.lines, vec![Line::default(); n_lines]);
        old.into_iter().for_each(|line| self.put_line(line));
    }

    fn put_line(&mut self, line: Line) {
        let at = line.name.map_or(usize::MAX, |name| self.position(name));
        self.lines.get_mut(at).into_iter().for_each(|free| *free = line);
    }

    /// Keeps the entities of some states, of which it asks in the order in which they came.
    pub(super) fn retain(&mut self, mut stays: impl FnMut(&EntityState) -> bool) {
        let (mut places, mut next) = (Vec::with_capacity(self.states.len()), 0_u32);
        self.states.retain(|Placed(state)| {
            let stays = stays(state);
            places.push(stays.then_some(next));
            next = next.wrapping_add(stays.into());
            stays
        });
        // What a state has in other places lies there still.
        let kept = |line: &Line| {
            line.name?;
            Some(Line { place: places.get(line.place()).copied().flatten()?, ..*line })
        };
        let kept: Vec<Line> = self.lines.iter().filter_map(kept).collect();
        self.lines.fill(Line::default());
        kept.into_iter().for_each(|line| self.put_line(line));
    }

    #[cfg(test)]
    pub(super) fn knows_where_all_lies(&self, windows: &Windows) -> bool {
        self.iter().all(|(name, state)| {
            self.line(name).is_some_and(|line| line.spans == state.spans(windows))
        })
    }

    #[inline]
    fn line(&self, name: EntityKey) -> Option<&Line> {
        self.lines.get(self.position(name)).filter(|line| line.name.is_some())
    }

    /// The position of an entity's line, or of the free one that it would take.
    #[inline]
    fn position(&self, name: EntityKey) -> usize {
        let (before, from) =
            self.lines.split_at_checked(first_line(name, self.lines.len())).unwrap_or_default();
        let is_it = |line: &Line| line.name.is_none_or(|other| other == name);
        match from.iter().position(is_it) {
            Some(at) => before.len().wrapping_add(at),
            None => before.iter().position(is_it).unwrap_or(usize::MAX),
        }
    }
}

/// The two lines of a [`table`](Entities::table) at which an entity is looked for first: a quarter or more find the
/// first one taken.
#[inline]
#[expect(clippy::cast_possible_truncation, reason = "six bits")]
pub(super) fn first_lines(name: EntityKey, table: usize) -> Span {
    const LINE_BYTES: usize = size_of::<Line>();
    const { assert!(LINE_BYTES == 64) };
    let (address, log2) = (table & !(LINE_BYTES - 1), table & (LINE_BYTES - 1));
    let line = first_line(name, 1_usize.wrapping_shl(log2 as u32));
    Span::at(address.wrapping_add(line.wrapping_mul(LINE_BYTES)), 2)
}

/// The line from which on an entity is looked for: by the lower bits of its name, as the shard is by the upper ones.
#[inline]
fn first_line(name: EntityKey, n_lines: usize) -> usize {
    name.to_bits() as usize & n_lines.wrapping_sub(1)
}
