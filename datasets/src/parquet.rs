//! Parquet files, lazily: only the columns and, where the file tells, only the rows asked for.
//!
//! polars is built without some of its types. A file that has a column of such a type is read whole
//! and by its plain Parquet types, in which what pandas calls a category is text. A column that
//! still cannot be read, a struct for one, is an error only if it is asked for.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use polars::prelude::{
    ArrowDataType, ArrowField, DataFrame, DataType, Expr, IdxSize, LazyFrame, ParquetReader,
    PlRefPath, PolarsError, PolarsResult, ScanArgsParquet, SerReader,
};

use crate::error::{Error, ErrorKind};

/// A file whose columns are known and whose rows are not read yet.
pub(crate) struct ParquetFile {
    path: PathBuf,
    columns: Vec<ParquetColumn>,
    /// Whether the types stored for Arrow readers are passed over.
    plain_types: bool,
}

/// A column of a file; `Err` names a type that cannot be read.
struct ParquetColumn {
    name: String,
    dtype: Result<DataType, String>,
}

impl ParquetFile {
    pub(crate) fn open(path: &Path) -> Result<Self, Error> {
        File::open(path).map_err(|source| ErrorKind::io(path, source))?;
        let open = || -> PolarsResult<Self> {
            let mut columns = columns_of(path, false)?;
            let plain_types = columns.iter().any(|column| column.dtype.is_err());
            if plain_types {
                let plain = columns_of(path, true)?;
                for (column, plain) in columns.iter_mut().zip(plain) {
                    // Of the others' plain types nobody could tell what they stood for.
                    if !matches!(&column.dtype, Err(name) if name != DICTIONARY) {
                        column.dtype = plain.dtype;
                    }
                }
            }
            Ok(Self { path: path.to_owned(), columns, plain_types })
        };
        open().map_err(|source| unreadable(path, source).into())
    }

    /// Names of the columns in the file's order.
    pub(crate) fn names(&self) -> Vec<String> {
        self.columns.iter().map(|column| column.name.clone()).collect()
    }

    /// Number of rows.
    pub(crate) fn n_rows(&self) -> Result<usize, Error> {
        let n_rows = || reader(&self.path, self.plain_types)?.num_rows();
        n_rows().map_err(|source| unreadable(&self.path, source).into())
    }

    /// Rows and uncompressed bytes of the file's groups of rows.
    pub(crate) fn row_groups(&self) -> Result<Vec<(usize, usize)>, Error> {
        let groups = || -> PolarsResult<Vec<(usize, usize)>> {
            let mut reader = reader(&self.path, self.plain_types)?;
            let groups = &reader.get_metadata()?.row_groups;
            Ok(groups.iter().map(|group| (group.num_rows(), group.total_byte_size())).collect())
        };
        groups().map_err(|source| unreadable(&self.path, source).into())
    }

    /// All columns of so many rows from this one on.
    pub(crate) fn read_slice(&self, first: usize, n_rows: usize) -> Result<DataFrame, Error> {
        let names = self.names();
        self.refuse_types(&names)?;
        let slice = || {
            let reader = reader(&self.path, self.plain_types)?.with_slice(Some((first, n_rows)));
            reader.with_columns(Some(names.clone())).finish()?.select(&names)
        };
        slice().map_err(|source| unreadable(&self.path, source).into())
    }

    /// Names of the columns' types.
    pub(crate) fn type_names(&self) -> impl Iterator<Item = String> {
        self.columns.iter().map(|column| match &column.dtype {
            Ok(dtype) => dtype.to_string(),
            Err(name) => name.clone(),
        })
    }

    /// The type of a column, if there is one and it can be read.
    pub(crate) fn dtype(&self, name: &str) -> Option<&DataType> {
        let column = self.columns.iter().find(|column| column.name == name)?;
        column.dtype.as_ref().ok()
    }

    /// Whether rows can be chosen while the file is read.
    pub(crate) fn is_filterable(&self) -> bool {
        !self.plain_types
    }

    /// These columns, which must be there, of the rows for which the predicate holds.
    pub(crate) fn read(
        &self,
        names: &[String],
        predicate: Option<&Expr>,
    ) -> Result<DataFrame, Error> {
        self.refuse_types(names)?;
        let frame = if self.plain_types { self.eager(names) } else { self.lazy(names, predicate) };
        frame.map_err(|source| unreadable(&self.path, source).into())
    }

    /// Refuses columns of types that cannot be read.
    fn refuse_types(&self, names: &[String]) -> Result<(), Error> {
        for name in names {
            let column = self.columns.iter().find(|column| column.name == *name);
            if let Some(Err(found)) = column.map(|column| &column.dtype) {
                return Err(ErrorKind::FileColumnType {
                    path: self.path.clone(),
                    column: name.clone(),
                    expected: "numbers, truth values, text or times",
                    found: found.clone(),
                }
                .into());
            }
        }
        Ok(())
    }

    /// Positions in the file, from 0, of the rows for which the predicate holds.
    pub(crate) fn rows_where(&self, predicate: &Expr) -> Result<Vec<IdxSize>, Error> {
        let mut index = "row".to_owned();
        while self.columns.iter().any(|column| column.name == index) {
            index.push('_');
        }
        let rows = || -> PolarsResult<Vec<IdxSize>> {
            let frame = self
                .scan()?
                .with_row_index(index.as_str(), None)
                .filter(predicate.clone())
                .select([Expr::Column(index.as_str().into())])
                .collect()?;
            Ok(frame.column(&index)?.idx()?.into_no_null_iter().collect())
        };
        rows().map_err(|source| unreadable(&self.path, source).into())
    }

    fn lazy(&self, names: &[String], predicate: Option<&Expr>) -> PolarsResult<DataFrame> {
        let columns: Vec<Expr> =
            names.iter().map(|name| Expr::Column(name.as_str().into())).collect();
        let mut scan = self.scan()?;
        if let Some(predicate) = predicate {
            scan = scan.filter(predicate.clone());
        }
        scan.select(columns).collect()
    }

    fn scan(&self) -> PolarsResult<LazyFrame> {
        // The path is one file already: a bracket in its name is no pattern.
        let args = ScanArgsParquet { glob: false, ..ScanArgsParquet::default() };
        LazyFrame::scan_parquet(PlRefPath::try_from_path(&self.path)?, args)
    }

    fn eager(&self, names: &[String]) -> PolarsResult<DataFrame> {
        let reader = reader(&self.path, true)?;
        reader.with_columns(Some(names.to_vec())).finish()?.select(names)
    }
}

fn columns_of(path: &Path, plain_types: bool) -> PolarsResult<Vec<ParquetColumn>> {
    let schema = reader(path, plain_types)?.schema()?;
    let column =
        |field: &ArrowField| ParquetColumn { name: field.name.to_string(), dtype: readable(field) };
    Ok(schema.iter_values().map(column).collect())
}

fn reader(path: &Path, plain_types: bool) -> PolarsResult<ParquetReader<File>> {
    let mut reader = ParquetReader::new(File::open(path)?);
    if plain_types {
        let mut metadata = reader.get_metadata()?.as_ref().clone();
        metadata.key_value_metadata = None;
        reader.set_metadata(Arc::new(metadata));
    }
    Ok(reader)
}

/// A type whose values are stored plainly, and only marked for Arrow readers as few and recurring.
const DICTIONARY: &str = "dictionary";

/// The type of a column if this build of polars has it. Others would panic in polars.
fn readable(field: &ArrowField) -> Result<DataType, String> {
    use ArrowDataType as Arrow;
    match field.dtype() {
        Arrow::Null
        | Arrow::Boolean
        | Arrow::Int8
        | Arrow::Int16
        | Arrow::Int32
        | Arrow::Int64
        | Arrow::UInt8
        | Arrow::UInt16
        | Arrow::UInt32
        | Arrow::UInt64
        | Arrow::Float32
        | Arrow::Float64
        | Arrow::Decimal(..)
        | Arrow::Timestamp(..)
        | Arrow::Date32
        | Arrow::Date64
        | Arrow::Utf8
        | Arrow::LargeUtf8
        | Arrow::Utf8View
        | Arrow::Binary
        | Arrow::LargeBinary
        | Arrow::BinaryView
        | Arrow::FixedSizeBinary(_) => Ok(DataType::from_arrow_field(field)),
        Arrow::List(inner) | Arrow::LargeList(inner) => {
            let inner = readable(inner).map_err(|inner| format!("list[{inner}]"))?;
            Ok(DataType::List(Box::new(inner)))
        }
        Arrow::Struct(_) => Err("struct".to_owned()),
        Arrow::Map(..) => Err("map".to_owned()),
        Arrow::Dictionary(..) => Err(DICTIONARY.to_owned()),
        Arrow::Time32(_) | Arrow::Time64(_) => Err("time of day".to_owned()),
        Arrow::Duration(_) => Err("duration".to_owned()),
        other => Err(format!("{other:?}")),
    }
}

fn unreadable(path: &Path, source: PolarsError) -> ErrorKind {
    ErrorKind::Unreadable { path: path.to_owned(), format: "Parquet", source: Box::new(source) }
}

#[cfg(test)]
mod tests {
    use crate::{Column, ColumnKind, ColumnRequest, Source, TimeRange, Values};

    /// Written by pyarrow 26: a dictionary, a struct, a timestamp in milliseconds and a duration.
    const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/dictionary.parquet");

    #[test]
    fn categories_are_text_and_unknown_types_are_in_nobodys_way() {
        let source = Source::new(FILE);
        let named: Vec<_> = source.columns().unwrap();
        let named: Vec<(&str, &str)> =
            named.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
        assert_eq!(
            named,
            [("browser", "str"), ("place", "struct"), ("at", "datetime[ms]"), ("took", "duration")]
        );
        let request = [ColumnRequest::new("browser", ColumnKind::Text)];
        let browser = |text: &[&str], mask: &[bool]| {
            Column::with_nulls(Values::Text(text.iter().copied().collect()), mask.to_vec())
        };
        let all = source.read(&request, None).unwrap();
        let expected = browser(&["b", "a", "", "b"], &[false, false, true, false]);
        assert_eq!(all.column("browser"), Some(&expected));
        let range = TimeRange { column: "at".into(), from: Some(1_000_000), to: Some(3_000_000) };
        let some = source.read(&request, Some(&range)).unwrap();
        assert_eq!(some.column("browser"), Some(&browser(&["a", ""], &[false, true])));
    }

    #[test]
    fn categories_of_pandas_are_read_whole_and_in_batches() {
        const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/categories.parquet");
        // As the file was made, see the README beside it.
        let word = |row: usize| ["chip", "online", "", "naïve"][row % 4];
        let tier = |row: usize| ["low", "mid", "top"][row % 3];
        let expected = |rows: std::ops::Range<usize>| {
            let nulls = rows.clone().map(|row| word(row).is_empty()).collect();
            let code = rows.clone().map(|row| [5411, 7995][row % 2]).collect();
            [
                Column::with_nulls(Values::Text(rows.clone().map(word).collect()), nulls),
                Column::new(Values::Text(rows.map(tier).collect())),
                Column::new(Values::Integer(code)),
            ]
        };
        let request =
            [("word", ColumnKind::Text), ("tier", ColumnKind::Text), ("code", ColumnKind::Key)]
                .map(|(name, kind)| ColumnRequest::new(name, kind));
        let columns = |table: crate::Table| -> Vec<Column> {
            table.columns().map(|(_, column)| column.clone()).collect()
        };
        assert_eq!(columns(Source::new(FILE).read(&request, None).unwrap()), expected(0..120));
        // Groups are of 40 rows, and a batch is never of two.
        let mut first = 0_usize;
        for frame in Source::new(FILE).batches(25).unwrap() {
            let frame = frame.unwrap();
            assert_eq!(frame.n_rows(), if first.is_multiple_of(40) { 25 } else { 15 });
            let rows = first..first + frame.n_rows();
            first = rows.end;
            assert_eq!(columns(frame.table(&request).unwrap()), expected(rows));
        }
        assert_eq!(first, 120);
    }

    #[test]
    fn a_column_of_an_unknown_type_is_refused_when_asked_for() {
        for (column, found) in [("place", "struct"), ("took", "duration")] {
            let request = [ColumnRequest::new(column, ColumnKind::Number)];
            assert_eq!(
                Source::new(FILE).read(&request, None).unwrap_err().to_string(),
                format!(
                    "{FILE}, column \"{column}\": expected numbers, truth values, text or times, \
                     found type {found}"
                )
            );
        }
    }
}
