//! Rows cut by the values of a column.

use std::collections::BTreeMap;

/// Least frauds of a slice: of fewer no measure says much.
pub const MIN_SLICE_FRAUDS: usize = 20;
/// Above so many distinct numbers a column is cut into quarters instead.
const MAX_NUMBERS: usize = 20;

/// Rows with one value, or with values too rare for a slice of their own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slice {
    /// `COLUMN=value`, `COLUMN=low..high` of numbers, `COLUMN=(none)` or `COLUMN=(other)`.
    pub name: String,
    /// Their positions, ascending.
    pub rows: Vec<usize>,
}

/// Cuts rows by a column of words; `None` is no value. Values with fewer than `min_frauds` frauds are
/// one slice together, left out where it has too few itself. In the order of the values, the others
/// last.
pub fn slices<T: AsRef<str>>(
    column: &str,
    values: &[Option<T>],
    labels: &[bool],
    min_frauds: usize,
) -> Vec<Slice> {
    let mut by_value: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (row, value) in values.iter().enumerate() {
        let value = value.as_ref().map_or("(none)", AsRef::as_ref);
        by_value.entry(value).or_default().push(row);
    }
    let enough = |rows: &[usize]| rows.iter().filter(|row| labels[**row]).count() >= min_frauds;
    let (mut found, mut others) = (Vec::new(), Vec::new());
    for (value, rows) in by_value {
        match enough(&rows) {
            true => found.push(Slice { name: format!("{column}={value}"), rows }),
            false => others.extend(rows),
        }
    }
    others.sort_unstable();
    if enough(&others) && !others.is_empty() {
        found.push(Slice { name: format!("{column}=(other)"), rows: others });
    }
    found
}

/// Cuts rows by a column of numbers: by value where they are few, else into quarters of about as many
/// rows, each from its first number to before the next.
pub fn slices_of_numbers(
    column: &str,
    values: &[Option<f64>],
    labels: &[bool],
    min_frauds: usize,
) -> Vec<Slice> {
    let mut sorted: Vec<f64> = values.iter().flatten().copied().collect();
    sorted.sort_by(f64::total_cmp);
    let mut edges = sorted.clone();
    edges.dedup();
    if edges.len() > MAX_NUMBERS {
        let quarter = |n: usize| sorted[n * sorted.len() / 4];
        edges = (0..4).map(quarter).collect();
        edges.dedup();
        let last = edges.len() - 1;
        let name = |value: &f64| {
            let part = edges.partition_point(|edge| edge <= value).saturating_sub(1);
            match part == last {
                true => format!("{}..", edges[last]),
                false => format!("{}..{}", edges[part], edges[part + 1]),
            }
        };
        let names: Vec<Option<String>> =
            values.iter().map(|value| value.as_ref().map(name)).collect();
        let mut found = slices(column, &names, labels, min_frauds);
        // As words they would not be in the order of the numbers.
        found.sort_by_key(|slice| {
            let first = values[slice.rows[0]].unwrap_or(f64::INFINITY);
            edges.partition_point(|edge| *edge <= first)
        });
        return found;
    }
    let names: Vec<Option<String>> =
        values.iter().map(|value| value.map(|value| value.to_string())).collect();
    slices(column, &names, labels, min_frauds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rare_values_share_a_slice() {
        let values = [Some("b"), Some("a"), None, Some("c"), Some("b"), Some("c"), Some("d")];
        let labels = [true, true, true, false, true, true, false];
        let found = slices("C", &values, &labels, 2);
        let shown: Vec<(&str, &[usize])> =
            found.iter().map(|slice| (slice.name.as_str(), slice.rows.as_slice())).collect();
        assert_eq!(shown, [("C=b", &[0, 4][..]), ("C=(other)", &[1, 2, 3, 5, 6][..])]);
        assert_eq!(slices("C", &values, &labels, 4).len(), 1);
        assert!(slices("C", &values, &labels, 6).is_empty());
    }

    #[test]
    fn many_numbers_are_cut_into_quarters() {
        let values: Vec<Option<f64>> = (0..100).rev().map(|n| Some(f64::from(n))).collect();
        let labels = vec![true; 100];
        let found = slices_of_numbers("A", &values, &labels, 20);
        let names: Vec<&str> = found.iter().map(|slice| slice.name.as_str()).collect();
        assert_eq!(names, ["A=0..25", "A=25..50", "A=50..75", "A=75.."]);
        assert!(found.iter().all(|slice| slice.rows.len() == 25));
        assert_eq!(found[0].rows, (75..100).collect::<Vec<_>>());
        let few: Vec<Option<f64>> = (0..100).map(|n| Some(f64::from(n % 2))).collect();
        let names: Vec<String> =
            slices_of_numbers("A", &few, &labels, 20).into_iter().map(|s| s.name).collect();
        assert_eq!(names, ["A=0", "A=1"]);
    }
}
