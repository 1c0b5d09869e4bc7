//! Events in the order of time, and the events of each entity within it.

use std::ops::Range;

use rayon::prelude::*;
use shroff_datasets::{Column, Values};

use crate::hash::NumberMap;

/// The rows in the order of time, then of their ids, then of their places. Ids without a value come
/// first.
pub(super) fn order(times: &[i64], ids: Option<&Column>) -> Vec<u32> {
    let n_rows = u32::try_from(times.len()).expect("fewer than 2^32 rows fit in memory");
    let mut rows: Vec<u32> = (0..n_rows).collect();
    let time = |row: &u32| times[*row as usize];
    if !rows.is_sorted_by_key(time) {
        rows.par_sort_unstable_by_key(|row| (time(row), *row));
    }
    let Some(ids) = ids else { return rows };
    rows.par_chunk_by_mut(|a, b| time(a) == time(b)).filter(|ties| ties.len() > 1).for_each(
        |ties| {
            let known = |row: &u32| !ids.is_null(*row as usize);
            match ids.values() {
                Values::Integer(ids) => {
                    ties.sort_by_key(|row| known(row).then(|| ids[*row as usize]));
                }
                Values::Text(ids) => {
                    ties.sort_by_key(|row| known(row).then(|| ids.value(*row as usize)));
                }
                _ => {}
            }
        },
    );
    rows
}

/// The rows of each entity, in the order of time.
pub(super) struct Groups {
    /// Where the rows of each entity end, and those of the next begin.
    ends: Vec<usize>,
    rows: Vec<u32>,
    n_without: usize,
}

/// In place of an entity's number where the key has no value.
pub(super) const NONE: u32 = u32::MAX;

impl Groups {
    /// The entities that these columns name together.
    pub(super) fn new(columns: &[&Column], order: &[u32]) -> Self {
        let mut entities = vec![0; order.len()];
        for (position, column) in columns.iter().enumerate() {
            let codes = codes(column);
            if position == 0 {
                entities = codes;
                continue;
            }
            let pairs = entities.iter().zip(&codes).map(|(first, second)| {
                let known = *first != NONE && *second != NONE;
                known.then_some(i64::from(*first) << 32 | i64::from(*second))
            });
            entities = numbered(pairs);
        }
        let known = || entities.iter().filter(|entity| **entity != NONE);
        let n_entities = known().max().map_or(0, |last| *last as usize + 1);
        let mut starts = vec![0_usize; n_entities + 1];
        known().for_each(|entity| starts[*entity as usize + 1] += 1);
        for entity in 0..n_entities {
            starts[entity + 1] += starts[entity];
        }
        let n_known = starts[n_entities];
        let mut rows = vec![0; n_known];
        // Each start moves on to the entity's end as its rows are put down.
        for &row in order {
            let entity = entities[row as usize];
            if entity != NONE {
                let next = &mut starts[entity as usize];
                rows[*next] = row;
                *next += 1;
            }
        }
        starts.truncate(n_entities);
        Self { ends: starts, rows, n_without: entities.len() - n_known }
    }

    /// How many rows have no entity.
    pub(super) fn n_without(&self) -> usize {
        self.n_without
    }

    /// The rows of an entity; of a number that is no entity's, none.
    pub(super) fn rows(&self, entity: usize) -> &[u32] {
        self.rows_of(entity..entity + 1)
    }

    /// The rows of these entities, one after the other.
    pub(super) fn rows_of(&self, entities: Range<usize>) -> &[u32] {
        let end = |entity: Option<usize>| entity.map_or(0, |entity| self.ends[entity]);
        &self.rows[end(entities.start.checked_sub(1))..end(entities.end.checked_sub(1))]
    }

    /// The entities, so many together that they have `n_rows` or a little more.
    pub(super) fn chunks(&self, n_rows: usize) -> Vec<Range<usize>> {
        let mut chunks = Vec::new();
        let (mut first, mut filled) = (0, 0);
        for (entity, end) in self.ends.iter().enumerate() {
            if end - filled >= n_rows || entity + 1 == self.ends.len() {
                chunks.push(first..entity + 1);
                (first, filled) = (entity + 1, *end);
            }
        }
        chunks
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
        assert_eq!(order(&times, Some(&ids)), [5, 1, 3, 4, 2, 0]);
        assert_eq!(order(&times, None), [5, 1, 3, 0, 2, 4]);
        // As text, 10 comes before 9.
        let words = Column::new(Values::Text(["9", "10", "9"].into_iter().collect()));
        assert_eq!(order(&[1, 1, 1], Some(&words)), [1, 0, 2]);
    }

    #[test]
    fn entities_are_those_of_equal_keys() {
        let cards = Column::new(Values::Number(vec![0.0, 1.5, -0.0, f64::NAN, 1.5, 7.0]));
        let shops = Values::Text(["a", "a", "a", "a", "", "a"].into_iter().collect());
        let shops = Column::with_nulls(shops, vec![false, false, false, false, false, true]);
        let order = [5, 4, 3, 2, 1, 0];
        let groups = |columns: &[&Column]| {
            let groups = Groups::new(columns, &order);
            let rows = groups.chunks(1).into_iter().flatten().map(|entity| groups.rows(entity));
            (rows.map(<[u32]>::to_vec).collect::<Vec<_>>(), groups.n_without())
        };
        assert_eq!(groups(&[&cards]), (vec![vec![2, 0], vec![4, 1], vec![5]], 1));
        assert_eq!(groups(&[&cards, &shops]), (vec![vec![2, 0], vec![1]], 3));
        assert_eq!(groups(&[&shops]), (vec![vec![3, 2, 1, 0]], 2));
    }
}
