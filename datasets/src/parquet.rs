//! Parquet files, lazily: only the columns and, where the file tells, only the rows asked for.
//!
//! polars is built without some of its types. A file that has a column of such a type is read whole
//! and by its plain Parquet types, in which what pandas calls a category is text. A column that
//! still cannot be read, a struct for one, is an error only if it is asked for.
//!
//! A damaged file may make polars panic, or read beyond the file's end: every call of it is guarded, and
//! what the footer says of places in the file is proved first. Two faults remain, since polars checks
//! neither: values that were changed, for most files hold no checksums, and a page that claims to
//! hold more than any memory, at which the process ends.

use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
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
        let file = File::open(path).map_err(|source| ErrorKind::io(path, source))?;
        let n_bytes = file.metadata().map_err(|source| ErrorKind::io(path, source))?.len();
        let open = || -> PolarsResult<Self> {
            prove_places(path, n_bytes)?;
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
        guarded(path, open)
    }

    /// Names of the columns in the file's order.
    pub(crate) fn names(&self) -> Vec<String> {
        self.columns.iter().map(|column| column.name.clone()).collect()
    }

    /// Number of rows.
    pub(crate) fn n_rows(&self) -> Result<usize, Error> {
        let n_rows = || reader(&self.path, self.plain_types)?.num_rows();
        guarded(&self.path, n_rows)
    }

    /// Rows and uncompressed bytes of the file's groups of rows.
    pub(crate) fn row_groups(&self) -> Result<Vec<(usize, usize)>, Error> {
        let groups = || -> PolarsResult<Vec<(usize, usize)>> {
            let mut reader = reader(&self.path, self.plain_types)?;
            let groups = &reader.get_metadata()?.row_groups;
            Ok(groups.iter().map(|group| (group.num_rows(), group.total_byte_size())).collect())
        };
        guarded(&self.path, groups)
    }

    /// All columns of so many rows from this one on.
    pub(crate) fn read_slice(&self, first: usize, n_rows: usize) -> Result<DataFrame, Error> {
        let names = self.names();
        self.refuse_types(&names)?;
        let slice = || {
            let reader = reader(&self.path, self.plain_types)?.with_slice(Some((first, n_rows)));
            reader.with_columns(Some(names.clone())).finish()?.select(&names)
        };
        guarded(&self.path, slice)
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
        guarded(&self.path, || {
            if self.plain_types { self.eager(names) } else { self.lazy(names, predicate) }
        })
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
        guarded(&self.path, rows)
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

/// Proves that what the footer says of columns lies in the file and agrees with itself.
fn prove_places(path: &Path, n_bytes: u64) -> PolarsResult<()> {
    let damaged = |what: &str| {
        let what = format!("the file is damaged ({what}); fetch it, or write it, again");
        Err(PolarsError::ComputeError(what.into()))
    };
    for group in &reader(path, false)?.get_metadata()?.row_groups {
        for column in group.parquet_columns() {
            let place = column.byte_range();
            if place.end > n_bytes || column.compressed_size() < 0 {
                return damaged("a column lies beyond its end");
            }
            let is_flat = column.descriptor().descriptor.max_rep_level == 0;
            if is_flat && usize::try_from(column.num_values()) != Ok(group.num_rows()) {
                return damaged("its columns differ in length");
            }
        }
    }
    Ok(())
}

/// What polars makes of a file, and an error if it fails or panics.
fn guarded<T>(path: &Path, read: impl FnOnce() -> PolarsResult<T>) -> Result<T, Error> {
    type Reason = Box<dyn std::error::Error + Send + Sync>;
    let source: Reason = match catch_unwind(AssertUnwindSafe(read)) {
        Ok(Ok(read)) => return Ok(read),
        Ok(Err(error)) => Box::new(error),
        Err(_) => "the file is damaged (reading it panicked); fetch it, or write it, again".into(),
    };
    Err(ErrorKind::Unreadable { path: path.to_owned(), format: "Parquet", source }.into())
}

#[cfg(test)]
mod tests;
