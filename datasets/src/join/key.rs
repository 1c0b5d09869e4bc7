//! Keys of both sides as codes: equal codes mean equal keys.

use std::collections::HashMap;
use std::hash::Hash;

use crate::table::{Column, Values};

/// A code per row; none where a part of the key is null, which never matches.
pub(crate) type Codes = Vec<Option<u64>>;

/// Codes for the rows of both sides, whose columns are given in pairs of [`Key`] columns. An integer
/// equals text that is written as it is.
///
/// [`Key`]: crate::ColumnKind::Key
pub(crate) fn codes(left: &[&Column], right: &[&Column], n: (usize, usize)) -> (Codes, Codes) {
    let mut whole = (vec![Some(0); n.0], vec![Some(0); n.1]);
    for (part, (left, right)) in left.iter().zip(right).enumerate() {
        let found = pair(left, right);
        if part == 0 {
            whole = found;
            continue;
        }
        // Numbered together, so that a code still fits one integer.
        let mut numbers = HashMap::new();
        whole.1 = fold(&mut numbers, whole.1, found.1);
        whole.0 = fold(&mut numbers, whole.0, found.0);
    }
    whole
}

fn fold(numbers: &mut HashMap<(u64, u64), u64>, whole: Codes, part: Codes) -> Codes {
    let both = whole.into_iter().zip(part);
    both.map(|(whole, part)| Some(number(numbers, (whole?, part?)))).collect()
}

fn pair(left: &Column, right: &Column) -> (Codes, Codes) {
    match (left.values(), right.values()) {
        (Values::Integer(l), Values::Integer(r)) => {
            let codes = |column: &Column, values: &[i64]| {
                let rows = values.iter().enumerate();
                rows.map(|(row, v)| (!column.is_null(row)).then_some(v.cast_unsigned())).collect()
            };
            (codes(left, l), codes(right, r))
        }
        _ => {
            let (left, right) = (left.integers_as_text(), right.integers_as_text());
            let mut numbers = HashMap::new();
            let right = text_codes(&mut numbers, &right);
            (text_codes(&mut numbers, &left), right)
        }
    }
}

fn text_codes(numbers: &mut HashMap<String, u64>, column: &Column) -> Codes {
    let Values::Text(text) = column.values() else { return vec![None; column.len()] };
    let shared: Vec<u64> =
        text.dictionary().iter().map(|value| number(numbers, value.clone())).collect();
    let rows = text.codes().iter().enumerate();
    rows.map(|(row, code)| (!column.is_null(row)).then(|| shared[*code as usize])).collect()
}

fn number<K: Hash + Eq>(numbers: &mut HashMap<K, u64>, key: K) -> u64 {
    let next = numbers.len() as u64;
    *numbers.entry(key).or_insert(next)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_equal_where_every_part_is() {
        let integers = |values: &[i64], nulls: &[bool]| {
            Column::with_nulls(Values::Integer(values.to_vec()), nulls.to_vec())
        };
        let texts = |values: &[&str]| Column::new(Values::Text(values.iter().copied().collect()));
        let (a, b) = (integers(&[7, 8, 7, 0], &[false, false, false, true]), texts(&["x"; 4]));
        let (c, d) = (texts(&["8", "7", "007"]), texts(&["x", "y", "x"]));
        let (left, right) = codes(&[&a], &[&c], (4, 3));
        assert!(left[0] == right[1] && left[1] == right[0] && left[0] == left[2]);
        assert!(left[3].is_none() && !left.contains(&right[2]));
        let (left, right) = codes(&[&a, &b], &[&c, &d], (4, 3));
        assert!(left[1] == right[0] && left[0] == left[2] && left[3].is_none());
        assert!(!left.contains(&right[1]) && !left.contains(&right[2]));
    }
}
