//! The latest row of the same key that was valid before an instant.

use super::key::Codes;

/// For each left row the right row of its key whose `valid_from` is the latest strictly before the
/// left row's time; of equal ones the later row. Nulls on either side never match.
///
/// O((n + m) log m) for n left and m right rows.
pub(crate) fn matches(
    left: &Codes,
    times: &[Option<i64>],
    right: &Codes,
    valid_from: &[Option<i64>],
) -> Vec<Option<usize>> {
    let known = right.iter().zip(valid_from).enumerate();
    let mut sorted: Vec<(u64, i64, usize)> =
        known.filter_map(|(row, (code, from))| Some(((*code)?, (*from)?, row))).collect();
    sorted.sort_unstable();
    let find = |(code, time): (&Option<u64>, &Option<i64>)| {
        let (code, time) = ((*code)?, (*time)?);
        let before = sorted.partition_point(|(c, from, _)| (*c, *from) < (code, time));
        let (found, _, row) = sorted.get(before.checked_sub(1)?)?;
        (*found == code).then_some(*row)
    };
    left.iter().zip(times).map(find).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::join::tests::Draws;

    /// All right rows, one after the other; a later one wins when it is not older.
    fn naive(
        (code, time): (&Option<u64>, &Option<i64>),
        right: &Codes,
        valid_from: &[Option<i64>],
    ) -> Option<usize> {
        let mut best: Option<(i64, usize)> = None;
        for (row, (key, from)) in right.iter().zip(valid_from).enumerate() {
            if let (Some(from), Some(time)) = (from, time)
                && code.is_some()
                && code == key
                && from < time
                && best.is_none_or(|(latest, _)| *from >= latest)
            {
                best = Some((*from, row));
            }
        }
        best.map(|(_, row)| row)
    }

    #[test]
    fn a_row_valid_from_the_very_instant_is_not_yet_known() {
        let found = |time| matches(&vec![Some(1)], &[Some(time)], &vec![Some(1); 2], &[Some(5); 2]);
        assert_eq!((found(5), found(6)), (vec![None], vec![Some(1)]));
    }

    #[test]
    fn equals_a_naive_search_with_nulls_and_ties_in_any_order() {
        let mut draws = Draws::new(1);
        for round in 0..200 {
            let (n, m) = (draws.below(30), draws.below(40));
            let codes = |draws: &mut Draws, n| -> Codes {
                (0..n).map(|_| draws.unless_null(4).map(|code| code as u64)).collect()
            };
            let instants = |draws: &mut Draws, n| -> Vec<Option<i64>> {
                (0..n).map(|_| draws.unless_null(12).map(|at| at as i64 - 6)).collect()
            };
            let (left, right) = (codes(&mut draws, n), codes(&mut draws, m));
            let (times, from) = (instants(&mut draws, n), instants(&mut draws, m));
            let expected: Vec<_> =
                left.iter().zip(&times).map(|row| naive(row, &right, &from)).collect();
            assert_eq!(matches(&left, &times, &right, &from), expected, "round {round}");
        }
    }
}
