//! Events in the order of time, and the events of each entity within it.

use std::cmp::Ordering;
use std::ops::Range;

use rayon::prelude::*;
use shroff_datasets::{Column, Values};

use crate::hash::NumberMap;

/// The rows in the order of time, then of their ids, then of their places; none if that is their own. Ids without a
/// value come first.
pub(super) fn order(times: &[i64], ids: Option<&Column>) -> Option<Vec<u32>> {
    let n_rows = u32::try_from(times.len()).expect("fewer than 2^32 rows fit in memory");
    let by_id = |a: usize, b: usize| ids.map_or(Ordering::Equal, |ids| id_order(ids, a, b));
    let in_order = |row: usize| match times[row - 1].cmp(&times[row]) {
        Ordering::Equal => by_id(row - 1, row) != Ordering::Greater,
        order => order == Ordering::Less,
    };
    if (1..times.len()).all(in_order) {
        return None;
    }
    let mut rows: Vec<u32> = (0..n_rows).collect();
    let time = |row: &u32| times[*row as usize];
    if !times.is_sorted() {
        rows.par_sort_unstable_by_key(|row| (time(row), *row));
    }
    rows.par_chunk_by_mut(|a, b| time(a) == time(b))
        .filter(|ties| ties.len() > 1)
        .for_each(|ties| ties.sort_by(|a, b| by_id(*a as usize, *b as usize)));
    Some(rows)
}

fn id_order(ids: &Column, a: usize, b: usize) -> Ordering {
    let known = |row: usize| !ids.is_null(row);
    match ids.values() {
        Values::Integer(ids) => known(a).then(|| ids[a]).cmp(&known(b).then(|| ids[b])),
        Values::Text(ids) => known(a).then(|| ids.value(a)).cmp(&known(b).then(|| ids.value(b))),
        Values::Number(ids) => {
            // One zero, whatever its sign, and NaN is no id.
            let id = |row: usize| (known(row) && !ids[row].is_nan()).then(|| ids[row] + 0.0);
            id(a).partial_cmp(&id(b)).unwrap_or(Ordering::Equal)
        }
        Values::Boolean(_) | Values::Time(_) => Ordering::Equal,
    }
}

/// In place of an entity's number where the key has no value.
pub(super) const NONE: u32 = u32::MAX;

/// The entities of a key by number, of which some may have no row.
pub(super) struct Entities {
    of_row: Vec<u32>,
    /// How many rows each has.
    n_rows: Vec<u32>,
}

impl Entities {
    /// The entities that these columns name together.
    pub(super) fn new(columns: &[&Column], n_rows: usize) -> Self {
        let mut of_row = vec![0; n_rows];
        for (position, column) in columns.iter().enumerate() {
            let codes = codes(column);
            if position == 0 {
                of_row = codes;
                continue;
            }
            let pairs = of_row.iter().zip(&codes).map(|(first, second)| {
                let known = *first != NONE && *second != NONE;
                known.then_some(i64::from(*first) << 32 | i64::from(*second))
            });
            of_row = numbered(pairs);
        }
        let known = || of_row.iter().filter(|entity| **entity != NONE);
        let mut n_rows = vec![0; known().max().map_or(0, |last| *last as usize + 1)];
        known().for_each(|entity| n_rows[*entity as usize] += 1);
        Self { of_row, n_rows }
    }

    /// The entity of each row, [`NONE`] where it has none.
    pub(super) fn of_row(&self) -> &[u32] {
        &self.of_row
    }

    /// How many rows have no entity.
    pub(super) fn n_without(&self) -> usize {
        let n_known: usize = self.n_rows.iter().map(|n| *n as usize).sum();
        self.of_row.len() - n_known
    }

    /// The entities, so many together that they have `n_rows` or a little more.
    pub(super) fn chunks(&self, n_rows: usize) -> Vec<Range<usize>> {
        let mut chunks = Vec::new();
        let (mut first, mut filled) = (0, 0);
        for (entity, n) in self.n_rows.iter().enumerate() {
            filled += *n as usize;
            if filled >= n_rows || entity + 1 == self.n_rows.len() {
                chunks.push(first..entity + 1);
                (first, filled) = (entity + 1, 0);
            }
        }
        chunks
    }

    /// By entity, the positions among the rows of these entities, of which `of_rows` gives the entity of each.
    pub(super) fn groups_within(
        &self,
        entities: Range<usize>,
        of_rows: impl Iterator<Item = u32>,
    ) -> Groups {
        Groups::new(entities.start, &self.n_rows[entities], (0..).zip(of_rows))
    }

    /// The rows of each entity, in this order, or in their own.
    pub(super) fn groups(&self, order: Option<&[u32]>) -> Groups {
        let row = |place: usize| order.map_or(place as u32, |order| order[place]);
        let entity = |row: u32| (row, self.of_row[row as usize]);
        let rows = (0..self.of_row.len()).map(row);
        let known = rows.map(entity).filter(|(_, of)| *of != NONE);
        Groups::new(0, &self.n_rows, known)
    }
}

/// What belongs to each of some entities that follow each other.
pub(super) struct Groups {
    first: usize,
    /// Where the members of each entity end, and those of the next begin.
    ends: Vec<u32>,
    members: Vec<u32>,
}

impl Groups {
    /// `n_members` says how many each entity has, from the first on; `members` are numbers with their
    /// entities.
    pub(super) fn new(
        first: usize,
        n_members: &[u32],
        members: impl Iterator<Item = (u32, u32)>,
    ) -> Self {
        let mut n_all = 0;
        let start = |n: &u32| {
            let start = n_all;
            n_all += n;
            start
        };
        let mut ends: Vec<u32> = n_members.iter().map(start).collect();
        let mut placed = vec![0; n_all as usize];
        // Each start moves on to the entity's end as its members are put down.
        for (member, entity) in members {
            let next = &mut ends[entity as usize - first];
            placed[*next as usize] = member;
            *next += 1;
        }
        Self { first, ends, members: placed }
    }

    /// The members of an entity.
    pub(super) fn of(&self, entity: usize) -> &[u32] {
        &self.members[self.places(entity)]
    }

    /// The same, to be put in another order.
    pub(super) fn of_mut(&mut self, entity: usize) -> &mut [u32] {
        let places = self.places(entity);
        &mut self.members[places]
    }

    fn places(&self, entity: usize) -> Range<usize> {
        let at = entity - self.first;
        let start = at.checked_sub(1).map_or(0, |before| self.ends[before]);
        start as usize..self.ends[at] as usize
    }
}

/// A number per row, equal for what serve-lib takes for the same id; [`NONE`] where there is none.
pub(super) fn codes(column: &Column) -> Vec<u32> {
    let known = |row: usize| !column.is_null(row);
    match column.values() {
        Values::Text(text) => {
            let codes = text.codes().iter().enumerate();
            let code = |(row, code): (usize, &u32)| {
                if known(row) && !text.dictionary()[*code as usize].is_empty() {
                    *code
                } else {
                    NONE
                }
            };
            codes.map(code).collect()
        }
        Values::Integer(values) | Values::Time(values) => {
            // Ids that were counted up need no table of those known.
            let least = values.iter().min().copied().unwrap_or_default();
            let most = values.iter().max().copied().unwrap_or_default();
            let few = (4 * values.len() as i64).min(i64::from(NONE));
            if most.checked_sub(least).is_some_and(|width| width < few) {
                let code = |(row, value): (usize, &i64)| {
                    if known(row) { (*value - least) as u32 } else { NONE }
                };
                return values.iter().enumerate().map(code).collect();
            }
            numbered(values.iter().enumerate().map(|(row, value)| known(row).then_some(*value)))
        }
        Values::Boolean(values) => {
            let truth = |(row, value): (usize, &bool)| known(row).then_some(i64::from(*value));
            numbered(values.iter().enumerate().map(truth))
        }
        Values::Number(values) => {
            // One zero, whatever its sign.
            let bits = |value: f64| (value + 0.0).to_bits().cast_signed();
            let number =
                |(row, value): (usize, &f64)| (known(row) && !value.is_nan()).then(|| bits(*value));
            numbered(values.iter().enumerate().map(number))
        }
    }
}

/// The different values numbered in the order in which they appear.
fn numbered(values: impl Iterator<Item = Option<i64>>) -> Vec<u32> {
    let mut known: NumberMap<i64, u32> = NumberMap::default();
    let number = |value: Option<i64>| {
        let Some(value) = value else { return NONE };
        let next = known.len() as u32;
        *known.entry(value).or_insert(next)
    };
    values.map(number).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_stand_by_time_then_id_then_place() {
        let times = [5, 3, 5, 3, 5, 1];
        let ids = Values::Integer(vec![9, 4, -2, 4, 0, 7]);
        let last_is_null = vec![false, false, false, false, true, false];
        let ids = Column::with_nulls(ids, last_is_null);
        assert_eq!(order(&times, Some(&ids)), Some(vec![5, 1, 3, 4, 2, 0]));
        assert_eq!(order(&times, None), Some(vec![5, 1, 3, 0, 2, 4]));
        assert_eq!(order(&[1, 1, 2], None), None);
        // As text, 10 comes before 9.
        let words = Column::new(Values::Text(["9", "10", "9"].into_iter().collect()));
        assert_eq!(order(&[1, 1, 1], Some(&words)), Some(vec![1, 0, 2]));
        // 0 is one id, whatever its sign, and NaN is none.
        let numbers = Column::new(Values::Number(vec![0.0, 0.5, -0.0, f64::NAN]));
        assert_eq!(order(&[1, 1, 1, 1], Some(&numbers)), Some(vec![3, 0, 2, 1]));
    }

    #[test]
    fn entities_are_those_of_equal_keys() {
        let cards = Column::new(Values::Number(vec![0.0, 1.5, -0.0, f64::NAN, 1.5, 7.0]));
        let shops = Values::Text(["a", "a", "a", "a", "", "a"].into_iter().collect());
        let shops = Column::with_nulls(shops, vec![false, false, false, false, false, true]);
        let order = [5, 4, 3, 2, 1, 0];
        let groups = |columns: &[&Column]| {
            let entities = Entities::new(columns, order.len());
            let groups = entities.groups(Some(&order));
            let rows = entities.chunks(1).into_iter().flatten();
            let rows =
                rows.map(|entity| groups.of(entity).to_vec()).filter(|rows| !rows.is_empty());
            (rows.collect::<Vec<_>>(), entities.n_without())
        };
        assert_eq!(groups(&[&cards]), (vec![vec![2, 0], vec![4, 1], vec![5]], 1));
        assert_eq!(groups(&[&cards, &shops]), (vec![vec![2, 0], vec![1]], 3));
        assert_eq!(groups(&[&shops]), (vec![vec![3, 2, 1, 0]], 2));
    }
}
