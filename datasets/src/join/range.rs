//! The narrowest range that holds a value.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::table::{Column, Values};

/// A range, both ends included, on a scale of integers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Range {
    pub(crate) lower: i64,
    pub(crate) upper: i64,
    /// Orders as the width does.
    pub(crate) width: u64,
}

/// For each value the narrowest range that holds it; of equally narrow ones the later row.
///
/// O((n + m) log m) for n values and m ranges: both are swept from the least value on, with the
/// ranges that have begun in a heap by their width. One that has ended never counts again.
pub(crate) fn matches(values: &[Option<i64>], ranges: &[Option<Range>]) -> Vec<Option<usize>> {
    let mut by_value: Vec<(i64, usize)> =
        values.iter().enumerate().filter_map(|(row, value)| Some(((*value)?, row))).collect();
    by_value.sort_unstable();
    let mut by_lower: Vec<(Range, usize)> =
        ranges.iter().enumerate().filter_map(|(row, range)| Some(((*range)?, row))).collect();
    by_lower.sort_unstable_by_key(|(range, row)| (range.lower, *row));
    let mut coming = by_lower.into_iter().peekable();
    let mut open: BinaryHeap<(Reverse<u64>, usize, i64)> = BinaryHeap::new();
    let mut found = vec![None; values.len()];
    for (value, row) in by_value {
        while let Some((range, row)) = coming.next_if(|(range, _)| range.lower <= value) {
            open.push((Reverse(range.width), row, range.upper));
        }
        while open.peek().is_some_and(|(_, _, upper)| *upper < value) {
            open.pop();
        }
        found[row] = open.peek().map(|(_, row, _)| *row);
    }
    found
}

/// Values and ranges on one scale: the numbers themselves if they are integers, else floats by their
/// order. A null, and a range that ends before it begins, is none.
pub(crate) fn scaled(
    value: &Column,
    lower: &Column,
    upper: &Column,
) -> (Vec<Option<i64>>, Vec<Option<Range>>) {
    let values = (0..value.len()).map(|row| place(value, row)).collect();
    let range = |row| {
        let (from, to) = (place(lower, row)?, place(upper, row)?);
        let width = match (lower.values(), upper.values()) {
            // Not negative, so its bits order as it does.
            (Values::Number(from), Values::Number(to)) => (to[row] - from[row] + 0.0).to_bits(),
            _ => to.abs_diff(from),
        };
        (from <= to).then_some(Range { lower: from, upper: to, width })
    };
    (values, (0..lower.len()).map(range).collect())
}

/// Where a number lies in the order of all numbers.
fn place(column: &Column, row: usize) -> Option<i64> {
    if column.is_null(row) {
        return None;
    }
    match column.values() {
        Values::Integer(values) => Some(values[row]),
        Values::Number(values) => {
            // As f64::total_cmp does it; adding 0 makes one zero of two.
            let bits = (values[row] + 0.0).to_bits().cast_signed();
            Some(bits ^ ((bits >> 63).cast_unsigned() >> 1).cast_signed())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::join::tests::Draws;

    #[test]
    fn equals_a_naive_search_with_nulls_overlaps_and_ties() {
        let mut draws = Draws::new(2);
        for round in 0..200 {
            let (n, m) = (draws.below(40), draws.below(30));
            let mut numbers = |n: usize| -> Column {
                // Quarters from -5 to 5: many equal ends and widths, some ranges the wrong way.
                let drawn: Vec<_> = (0..n).map(|_| draws.unless_null(40)).collect();
                let mask = drawn.iter().map(Option::is_none).collect();
                let value = |v: Option<usize>| v.map_or(0.0, |v| v as f64 / 4.0 - 5.0);
                Column::with_nulls(Values::Number(drawn.into_iter().map(value).collect()), mask)
            };
            let (value, lower, upper) = (numbers(n), numbers(m), numbers(m));
            let at = |column: &Column, row| match column.values() {
                Values::Number(values) if !column.is_null(row) => Some(values[row]),
                _ => None,
            };
            let naive = |row| {
                let value = at(&value, row)?;
                let mut best: Option<(f64, usize)> = None;
                for range in 0..m {
                    let (Some(from), Some(to)) = (at(&lower, range), at(&upper, range)) else {
                        continue;
                    };
                    let holds = from <= value && value <= to;
                    if holds && best.is_none_or(|(width, _)| to - from <= width) {
                        best = Some((to - from, range));
                    }
                }
                best.map(|(_, range)| range)
            };
            let (values, ranges) = scaled(&value, &lower, &upper);
            let expected: Vec<_> = (0..n).map(naive).collect();
            assert_eq!(matches(&values, &ranges), expected, "round {round}");
        }
    }

    #[test]
    fn integers_beyond_the_digits_of_a_float_are_told_apart() {
        let card = 9_999_999_999_999_999; // 16 digits, above 2^53
        let column = |values: &[i64]| Column::new(Values::Integer(values.to_vec()));
        let (lower, upper) = (column(&[card - 1, card]), column(&[card - 1, card]));
        let (values, ranges) = scaled(&column(&[card, card - 1, i64::MIN]), &lower, &upper);
        assert_eq!(matches(&values, &ranges), [Some(1), Some(0), None]);
        let (_, widest) = scaled(&column(&[]), &column(&[i64::MIN]), &column(&[i64::MAX]));
        assert_eq!(widest[0].map(|range| range.width), Some(u64::MAX));
    }

    #[test]
    fn infinite_ends_are_ends() {
        let column = |values: &[f64]| Column::new(Values::Number(values.to_vec()));
        let lower = column(&[f64::NEG_INFINITY, 0.0]);
        let upper = column(&[-0.0, f64::INFINITY]);
        let (values, ranges) = scaled(&column(&[-1e300, 0.0, 1.0]), &lower, &upper);
        assert_eq!(matches(&values, &ranges), [Some(0), Some(1), Some(1)]);
    }
}
