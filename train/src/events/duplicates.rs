//! Rows with the same id: found, or all but the latest left out, since dumps that overlap hold a row
//! more than once.

use std::cmp::Ordering;

use shroff_datasets::{Column, ColumnKind, ColumnRequest, Table, TimeRange, Values};

use super::EventsRequest;
use crate::error::Error;

/// The positions of the first two rows that share a value; nulls share none.
pub(super) fn first(column: &Column) -> Option<(usize, usize)> {
    let keys = keys(column)?;
    let mut rows: Vec<usize> = (0..keys.len()).filter(|row| !column.is_null(*row)).collect();
    rows.sort_unstable_by_key(|&row| (keys[row], row));
    let equal = rows.windows(2).filter(|pair| keys[pair[0]] == keys[pair[1]]);
    equal.map(|pair| (pair[0], pair[1])).min_by_key(|pair| pair.1)
}

/// Of the rows in the range asked for, counted from 0, those of which no later version exists before
/// the end of the range. A version before its start counts too: where the range begins changes
/// nothing for the rows in it.
pub(super) fn latest(request: &EventsRequest<'_>) -> Result<Vec<usize>, Error> {
    let columns = request.columns;
    let Some(id) = &columns.id else { return Ok(Vec::new()) };
    let by = columns.duplicates_by.as_ref();
    let range = columns.time.as_ref().map(|time| TimeRange {
        column: time.clone(),
        from: None,
        to: request.to,
    });
    let read = |kind: ColumnKind| -> Result<Table, shroff_datasets::Error> {
        let mut wanted = vec![ColumnRequest::new(id, ColumnKind::Key)];
        wanted.extend(columns.time.iter().map(|name| ColumnRequest::new(name, ColumnKind::Time)));
        let other = by.filter(|by| wanted.iter().all(|column| column.name != **by));
        wanted.extend(other.map(|name| ColumnRequest::new(name, kind)));
        request.source.read(&wanted, range.as_ref())
    };
    // Times first, since whole seconds and small version numbers keep their order as times; then any
    // number. Of text that is neither, the message about times is the more helpful one.
    let table = match read(ColumnKind::Time) {
        Err(error) if by.is_some() => read(ColumnKind::Number).map_err(|_| error)?,
        table => table?,
    };
    let Some(column) = table.column(id) else { return Ok(Vec::new()) };
    let kept = last_of_each(column, by.and_then(|by| table.column(by)));
    let times = columns.time.as_ref().and_then(|time| table.column(time)).map(Column::values);
    let (Some(from), Some(Values::Time(times))) = (request.from, times) else { return Ok(kept) };
    let mut position = 0;
    let mut in_range = vec![None; times.len()];
    for (row, time) in times.iter().enumerate() {
        if *time >= from {
            in_range[row] = Some(position);
            position += 1;
        }
    }
    Ok(kept.into_iter().filter_map(|row| in_range[row]).collect())
}

/// The rows that stay, in their order: of each id the one with the greatest value of `by`, of equals
/// the last. No value is less than any. Rows without an id all stay.
fn last_of_each(id: &Column, by: Option<&Column>) -> Vec<usize> {
    let Some(keys) = keys(id) else { return (0..id.len()).collect() };
    let mut rows: Vec<usize> = (0..keys.len()).filter(|row| !id.is_null(*row)).collect();
    rows.sort_unstable_by(|&a, &b| {
        let value = by.map_or(Ordering::Equal, |by| compare(by, a, b));
        keys[a].cmp(&keys[b]).then(value).then(a.cmp(&b))
    });
    let mut stays = vec![true; keys.len()];
    for pair in rows.windows(2).filter(|pair| keys[pair[0]] == keys[pair[1]]) {
        stays[pair[0]] = false;
    }
    (0..keys.len()).filter(|row| stays[*row]).collect()
}

fn compare(column: &Column, a: usize, b: usize) -> Ordering {
    match (column.is_null(a), column.is_null(b)) {
        (false, false) => match column.values() {
            Values::Number(values) => values[a].total_cmp(&values[b]),
            Values::Integer(values) | Values::Time(values) => values[a].cmp(&values[b]),
            _ => Ordering::Equal,
        },
        (null_a, null_b) => null_b.cmp(&null_a),
    }
}

/// A number per row that is equal for equal ids.
fn keys(column: &Column) -> Option<Vec<i64>> {
    match column.values() {
        Values::Integer(values) => Some(values.clone()),
        Values::Text(text) => Some(text.codes().iter().map(|code| i64::from(*code)).collect()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_duplicate_is_the_one_that_comes_first() {
        let ids = Column::new(Values::Integer(vec![5, 3, 9, 3, 5, 3]));
        assert_eq!(first(&ids), Some((1, 3)));
        let nulls = Column::with_nulls(Values::Integer(vec![0, 0, 1]), vec![true, true, false]);
        assert_eq!(first(&nulls), None);
    }

    #[test]
    fn the_greatest_value_stays_and_of_equals_the_later_row() {
        let ids = Column::with_nulls(
            Values::Text(["a", "b", "a", "", "b", "a", ""].into_iter().collect()),
            vec![false, false, false, true, false, false, true],
        );
        assert_eq!(last_of_each(&ids, None), [3, 4, 5, 6]);
        // a has 2, none, 1; b has 7 and 7.
        let by = Column::with_nulls(
            Values::Number(vec![2.0, 7.0, 9.0, 0.0, 7.0, 1.0, 0.0]),
            vec![false, false, true, false, false, false, false],
        );
        assert_eq!(last_of_each(&ids, Some(&by)), [0, 3, 4, 6]);
    }
}
