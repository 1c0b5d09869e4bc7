//! The row of the same key.

use std::collections::HashMap;

use super::key::Codes;

/// The right row of each left row.
///
/// # Errors
/// Two right rows of one key, which would duplicate rows: their positions.
pub(crate) fn matches(left: &Codes, right: &Codes) -> Result<Vec<Option<usize>>, (usize, usize)> {
    let mut rows = HashMap::with_capacity(right.len());
    for (row, code) in right.iter().enumerate() {
        if let Some(code) = code
            && let Some(first) = rows.insert(*code, row)
        {
            return Err((first, row));
        }
    }
    Ok(left.iter().map(|code| code.and_then(|code| rows.get(&code).copied())).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_row_finds_the_row_of_its_key() {
        let right = vec![Some(5), None, Some(3), None];
        let left = vec![Some(3), Some(4), None, Some(5), Some(3)];
        assert_eq!(matches(&left, &right), Ok(vec![Some(2), None, None, Some(0), Some(2)]));
        assert_eq!(matches(&left, &vec![Some(1), None, Some(4), Some(1)]), Err((0, 3)));
    }
}
