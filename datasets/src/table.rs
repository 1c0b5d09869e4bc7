//! Typed columns with a null mask: what leaves this crate in place of any type of polars.

use crate::error::{Error, ErrorKind};

/// Rows of named, typed columns, all of the same length.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Table {
    n_rows: usize,
    columns: Vec<(String, Column)>,
}

impl Table {
    /// A table of the given columns.
    ///
    /// # Errors
    /// Two columns of one name, or columns of different lengths.
    pub fn new(columns: Vec<(String, Column)>) -> Result<Self, Error> {
        let n_rows = columns.first().map_or(0, |(_, column)| column.len());
        for (position, (name, column)) in columns.iter().enumerate() {
            if columns[..position].iter().any(|(other, _)| other == name) {
                return Err(ErrorKind::DuplicateColumn { column: name.clone() }.into());
            }
            if column.len() != n_rows {
                return Err(ErrorKind::ColumnLength {
                    column: name.clone(),
                    expected: n_rows,
                    found: column.len(),
                }
                .into());
            }
        }
        Ok(Self { n_rows, columns })
    }

    /// Number of rows.
    pub fn n_rows(&self) -> usize {
        self.n_rows
    }

    /// The columns in order.
    pub fn columns(&self) -> impl Iterator<Item = (&str, &Column)> {
        self.columns.iter().map(|(name, column)| (name.as_str(), column))
    }

    /// The column of this name.
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|(other, _)| other == name).map(|(_, column)| column)
    }

    /// The rows at these positions, in this order.
    ///
    /// # Panics
    /// When a position is not below `n_rows`.
    pub fn take(&self, rows: &[usize]) -> Self {
        let columns =
            self.columns.iter().map(|(name, column)| (name.clone(), column.take(rows))).collect();
        Self { n_rows: rows.len(), columns }
    }

    /// Adds the rows of `other`, whose columns must have the same names in the same order.
    ///
    /// # Errors
    /// Other names, or a column whose type differs.
    pub fn append(&mut self, other: Self) -> Result<(), Error> {
        if self.columns.len() != other.columns.len() {
            return Err(ErrorKind::ColumnCount {
                expected: self.columns.len(),
                found: other.columns.len(),
            }
            .into());
        }
        for ((name, column), (other_name, other_column)) in
            self.columns.iter_mut().zip(other.columns)
        {
            if *name != other_name {
                return Err(ErrorKind::ColumnMissing {
                    column: name.clone(),
                    available: vec![other_name],
                }
                .into());
            }
            column.append(other_column).map_err(|(expected, found)| ErrorKind::ColumnType {
                column: name.clone(),
                expected,
                found: found.to_owned(),
            })?;
        }
        self.n_rows += other.n_rows;
        Ok(())
    }
}

/// One column: values and which of them are null.
#[derive(Debug, Clone, PartialEq)]
pub struct Column {
    values: Values,
    nulls: Nulls,
}

/// The values of a column. A null holds an arbitrary value in its place; ask [`Column::is_null`].
#[derive(Debug, Clone, PartialEq)]
pub enum Values {
    /// Floating point numbers.
    Number(Vec<f64>),
    /// Whole numbers.
    Integer(Vec<i64>),
    /// Truth values.
    Boolean(Vec<bool>),
    /// Text, each distinct value stored once.
    Text(Text),
    /// Microseconds since 1970-01-01T00:00:00 UTC.
    Time(Vec<i64>),
}

/// Dictionary-coded text. Codes follow the order in which values first appear.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Text {
    codes: Vec<u32>,
    dictionary: Vec<String>,
    index: std::collections::HashMap<String, u32>,
}

/// Which rows of a column are null.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Nulls {
    /// Empty while nothing is null.
    mask: Vec<bool>,
    count: usize,
}

impl Column {
    /// A column without nulls.
    pub fn new(values: Values) -> Self {
        Self { values, nulls: Nulls::default() }
    }

    /// A column whose rows are null where `mask` is true.
    ///
    /// # Panics
    /// When the mask has another length than the values.
    pub fn with_nulls(values: Values, mask: Vec<bool>) -> Self {
        assert_eq!(values.len(), mask.len(), "one mask entry per value");
        let count = mask.iter().filter(|null| **null).count();
        let mask = if count == 0 { Vec::new() } else { mask };
        Self { values, nulls: Nulls { mask, count } }
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The values, null rows included.
    #[inline]
    pub fn values(&self) -> &Values {
        &self.values
    }

    /// Whether this row is null.
    #[inline]
    pub fn is_null(&self, row: usize) -> bool {
        self.nulls.mask.get(row).copied().unwrap_or(false)
    }

    /// How many rows are null.
    pub fn null_count(&self) -> usize {
        self.nulls.count
    }

    /// The rows at these positions, in this order.
    ///
    /// # Panics
    /// When a position is not below the number of rows.
    pub fn take(&self, rows: &[usize]) -> Self {
        fn pick<T: Copy>(values: &[T], rows: &[usize]) -> Vec<T> {
            rows.iter().map(|&row| values[row]).collect()
        }
        let values = match &self.values {
            Values::Number(values) => Values::Number(pick(values, rows)),
            Values::Integer(values) => Values::Integer(pick(values, rows)),
            Values::Boolean(values) => Values::Boolean(pick(values, rows)),
            Values::Text(text) => Values::Text(Text {
                codes: pick(&text.codes, rows),
                dictionary: text.dictionary.clone(),
                index: text.index.clone(),
            }),
            Values::Time(values) => Values::Time(pick(values, rows)),
        };
        if self.nulls.count == 0 {
            return Self::new(values);
        }
        Self::with_nulls(values, pick(&self.nulls.mask, rows))
    }

    /// As [`Column::take`], without the distinct texts that no row has any more.
    pub(crate) fn take_only(&self, rows: &[usize]) -> Self {
        let Values::Text(text) = &self.values else { return self.take(rows) };
        let taken = rows.iter().map(|&row| text.value(row)).collect();
        Self::with_nulls(Values::Text(taken), rows.iter().map(|&row| self.is_null(row)).collect())
    }

    /// The rows at these positions, in this order; null where there is none.
    pub(crate) fn take_or_null(&self, rows: &[Option<usize>]) -> Self {
        fn pick<T: Copy + Default>(values: &[T], rows: &[Option<usize>]) -> Vec<T> {
            rows.iter().map(|row| row.map_or(T::default(), |row| values[row])).collect()
        }
        let values = match &self.values {
            Values::Number(values) => Values::Number(pick(values, rows)),
            Values::Integer(values) => Values::Integer(pick(values, rows)),
            Values::Boolean(values) => Values::Boolean(pick(values, rows)),
            Values::Text(text) => {
                // A row without text still has a code, which must stand for something.
                let mut text = text.clone();
                text.code_of("");
                text.codes = pick(&text.codes, rows);
                Values::Text(text)
            }
            Values::Time(values) => Values::Time(pick(values, rows)),
        };
        let mask = rows.iter().map(|row| row.is_none_or(|row| self.is_null(row))).collect();
        Self::with_nulls(values, mask)
    }

    /// Integers as the text they are written as; other columns stay as they are.
    pub(crate) fn integers_as_text(&self) -> Self {
        let Values::Integer(values) = &self.values else { return self.clone() };
        let mut text = Text::with_capacity(values.len());
        for (row, value) in values.iter().enumerate() {
            if self.is_null(row) {
                text.push("");
            } else {
                text.push(&value.to_string());
            }
        }
        Self { values: Values::Text(text), nulls: self.nulls.clone() }
    }

    /// Adds the rows of `other`; on a clash of types gives the two types' names.
    pub(crate) fn append(&mut self, other: Self) -> Result<(), (&'static str, &'static str)> {
        let (before, added) = (self.len(), other.len());
        match (&mut self.values, other.values) {
            (Values::Number(values), Values::Number(more)) => values.extend(more),
            (Values::Integer(values), Values::Integer(more)) => values.extend(more),
            (Values::Boolean(values), Values::Boolean(more)) => values.extend(more),
            (Values::Time(values), Values::Time(more)) => values.extend(more),
            (Values::Text(text), Values::Text(more)) => text.append(&more),
            (values, more) => return Err((values.type_name(), more.type_name())),
        }
        if self.nulls.count + other.nulls.count > 0 {
            self.nulls.mask.resize(before, false);
            self.nulls.mask.extend(other.nulls.mask);
            self.nulls.mask.resize(before + added, false);
            self.nulls.count += other.nulls.count;
        }
        Ok(())
    }
}

impl Values {
    /// Number of rows.
    pub fn len(&self) -> usize {
        match self {
            Self::Number(values) => values.len(),
            Self::Integer(values) | Self::Time(values) => values.len(),
            Self::Boolean(values) => values.len(),
            Self::Text(text) => text.codes.len(),
        }
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The type's name as messages use it.
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::Number(_) => "number",
            Self::Integer(_) => "integer",
            Self::Boolean(_) => "boolean",
            Self::Text(_) => "text",
            Self::Time(_) => "time",
        }
    }
}

impl Text {
    /// Room for `n_rows` values.
    pub fn with_capacity(n_rows: usize) -> Self {
        Self { codes: Vec::with_capacity(n_rows), ..Self::default() }
    }

    /// Adds one row.
    pub fn push(&mut self, value: &str) {
        let code = self.code_of(value);
        self.codes.push(code);
    }

    /// The value of a row.
    ///
    /// # Panics
    /// When the row does not exist.
    #[inline]
    pub fn value(&self, row: usize) -> &str {
        &self.dictionary[self.codes[row] as usize]
    }

    /// The dictionary position of each row's value.
    pub fn codes(&self) -> &[u32] {
        &self.codes
    }

    /// The distinct values in order of first appearance.
    pub fn dictionary(&self) -> &[String] {
        &self.dictionary
    }

    fn append(&mut self, other: &Self) {
        let translation: Vec<u32> =
            other.dictionary.iter().map(|value| self.code_of(value)).collect();
        self.codes.extend(other.codes.iter().map(|&code| translation[code as usize]));
    }

    fn code_of(&mut self, value: &str) -> u32 {
        if let Some(&code) = self.index.get(value) {
            return code;
        }
        let code = u32::try_from(self.dictionary.len()).expect("fewer than 2^32 distinct values");
        self.dictionary.push(value.to_owned());
        self.index.insert(value.to_owned(), code);
        code
    }
}

impl<'a> FromIterator<&'a str> for Text {
    fn from_iter<I: IntoIterator<Item = &'a str>>(values: I) -> Self {
        let mut text = Self::default();
        for value in values {
            text.push(value);
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn appending_keeps_values_and_nulls_in_place() {
        let left = Column::new(Values::Text(["a", "b"].into_iter().collect()));
        let right = Column::with_nulls(
            Values::Text(["b", "", "c"].into_iter().collect()),
            vec![false, true, false],
        );
        let mut table = Table::new(vec![("word".to_owned(), left)]).unwrap();
        table.append(Table::new(vec![("word".to_owned(), right)]).unwrap()).unwrap();
        let column = table.column("word").unwrap();
        let Values::Text(text) = column.values() else { panic!("text stays text") };
        let shown: Vec<Option<&str>> =
            (0..5).map(|row| (!column.is_null(row)).then(|| text.value(row))).collect();
        assert_eq!(shown, [Some("a"), Some("b"), Some("b"), None, Some("c")]);
        let taken = table.take(&[3, 0]);
        assert_eq!((taken.n_rows(), taken.column("word").unwrap().null_count()), (2, 1));
    }

    #[test]
    fn columns_of_different_length_or_type_are_refused() {
        let one = Column::new(Values::Number(vec![1.0]));
        let two = Column::new(Values::Number(vec![1.0, 2.0]));
        let error = Table::new(vec![("a".into(), one.clone()), ("b".into(), two)]).unwrap_err();
        assert_eq!(error.to_string(), "column \"b\" has 2 rows where 1 were expected");
        let mut table = Table::new(vec![("a".into(), one)]).unwrap();
        let other =
            Table::new(vec![("a".into(), Column::new(Values::Boolean(vec![true])))]).unwrap();
        assert_eq!(
            table.append(other).unwrap_err().to_string(),
            "column \"a\" should hold number but holds boolean"
        );
    }
}
