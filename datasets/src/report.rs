//! What reading left out: counts, and the first few rows with their reasons.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::error::{Error, ErrorKind};
use crate::options::BadRows;

/// How many rows were read and how many could not be.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReadReport {
    /// Rows handed out.
    pub rows_read: usize,
    /// Rows left out because they could not be read; rows outside the range of time asked for are
    /// neither read nor left out.
    pub rows_skipped: usize,
    /// The same for each file, in the order of the files.
    pub files: Vec<FileReport>,
    /// The first rows left out, at most five, in the order in which they were found.
    pub examples: Vec<BadRow>,
}

/// The counts of one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileReport {
    /// The file.
    pub path: PathBuf,
    /// Rows handed out.
    pub rows_read: usize,
    /// Rows left out because they could not be read.
    pub rows_skipped: usize,
}

/// A row that could not be read. Shown as `FILE, line 3 (data row 2): REASON`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadRow {
    /// The file.
    pub path: PathBuf,
    /// Line in the file on which the row starts, from 1; only text files have lines.
    pub line: Option<usize>,
    /// Row of data in the file, from 1, the header of a CSV file not counted.
    pub row: usize,
    /// What is wrong with it.
    pub reason: String,
}

impl fmt::Display for BadRow {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, line, row, reason } = self;
        match line {
            Some(line) => {
                write!(formatter, "{}, line {line} (data row {row}): {reason}", path.display())
            }
            None => write!(formatter, "{}, data row {row}: {reason}", path.display()),
        }
    }
}

impl ReadReport {
    const EXAMPLES: usize = 5;

    /// Adds what a later read found.
    pub fn merge(&mut self, later: Self) {
        self.rows_read += later.rows_read;
        self.rows_skipped += later.rows_skipped;
        for file in later.files {
            let known = self.file(&file.path);
            known.rows_read += file.rows_read;
            known.rows_skipped += file.rows_skipped;
        }
        self.examples.extend(later.examples);
        self.examples.truncate(Self::EXAMPLES);
    }

    /// Counts rows handed out.
    pub(crate) fn read(&mut self, path: &Path, n_rows: usize) {
        self.rows_read += n_rows;
        self.file(path).rows_read += n_rows;
    }

    /// Counts a row that cannot be read, or refuses it.
    pub(crate) fn bad_row(
        &mut self,
        rule: BadRows,
        path: &Path,
        (row, line): (usize, Option<usize>),
        reason: String,
    ) -> Result<(), Error> {
        if rule == BadRows::Error {
            let path = path.to_owned();
            return Err(ErrorKind::Row(BadRow { path, line, row: row + 1, reason }).into());
        }
        self.skip(path, (row, line), || reason);
        Ok(())
    }

    /// Counts a row left out; the reason is made only if it is kept.
    pub(crate) fn skip(
        &mut self,
        path: &Path,
        (row, line): (usize, Option<usize>),
        reason: impl FnOnce() -> String,
    ) {
        self.rows_skipped += 1;
        self.file(path).rows_skipped += 1;
        if self.examples.len() < Self::EXAMPLES {
            self.examples.push(BadRow {
                path: path.to_owned(),
                line,
                row: row + 1,
                reason: reason(),
            });
        }
    }

    /// The counts of a file, which is most often the last one.
    fn file(&mut self, path: &Path) -> &mut FileReport {
        let position = self.files.iter().rposition(|file| file.path == path);
        let position = position.unwrap_or_else(|| {
            self.files.push(FileReport { path: path.to_owned(), rows_read: 0, rows_skipped: 0 });
            self.files.len() - 1
        });
        &mut self.files[position]
    }
}

/// Where in its file each of a run of rows comes from.
#[derive(Debug, Clone, Default)]
pub(crate) struct Places {
    n_rows: usize,
    /// The rows that do not simply follow the one before.
    anchors: Vec<Anchor>,
}

#[derive(Debug, Clone, Copy)]
struct Anchor {
    position: usize,
    row: usize,
    line: Option<usize>,
}

impl Places {
    /// Rows of a file without lines, from this one on.
    pub(crate) fn from_row(row: usize, n_rows: usize) -> Self {
        Self { n_rows, anchors: vec![Anchor { position: 0, row, line: None }] }
    }

    /// Adds a row, counted from 0, on a line, counted from 1.
    pub(crate) fn push(&mut self, row: usize, line: Option<usize>) {
        let position = self.n_rows;
        self.n_rows += 1;
        if position == 0 || self.get(position) != (row, line) {
            self.anchors.push(Anchor { position, row, line });
        }
    }

    /// Row, from 0, and line, from 1, of a position.
    pub(crate) fn get(&self, position: usize) -> (usize, Option<usize>) {
        let next = match self.anchors.last() {
            Some(last) if last.position <= position => self.anchors.len(),
            _ => self.anchors.partition_point(|anchor| anchor.position <= position),
        };
        let Some(anchor) = next.checked_sub(1).and_then(|last| self.anchors.get(last)) else {
            return (position, None);
        };
        let after = position - anchor.position;
        (anchor.row + after, anchor.line.map(|line| line + after))
    }

    /// The places of these positions.
    pub(crate) fn take(&self, positions: &[usize]) -> Self {
        let mut taken = Self::default();
        for position in positions {
            let (row, line) = self.get(*position);
            taken.push(row, line);
        }
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_remember_jumps_of_rows_and_lines() {
        let expected = [(0, 2), (1, 3), (3, 5), (4, 8), (5, 9)];
        let mut places = Places::default();
        for (row, line) in expected {
            places.push(row, Some(line));
        }
        assert_eq!(places.anchors.len(), 3);
        let all = |places: &Places, n| (0..n).map(|position| places.get(position)).collect();
        let found: Vec<_> = all(&places, 5);
        assert_eq!(found, expected.map(|(row, line)| (row, Some(line))));
        let taken: Vec<_> = all(&places.take(&[1, 3, 4]), 3);
        assert_eq!(taken, [(1, Some(3)), (4, Some(8)), (5, Some(9))]);
        assert_eq!(Places::from_row(7, 3).get(2), (9, None));
    }

    #[test]
    fn reports_add_up_and_keep_five_examples() {
        let mut whole = ReadReport::default();
        for file in ["a", "b", "a"] {
            let mut part = ReadReport::default();
            part.read(Path::new(file), 10);
            for row in 0..3 {
                part.skip(Path::new(file), (row, Some(row + 2)), || "why".to_owned());
            }
            whole.merge(part);
        }
        assert_eq!((whole.rows_read, whole.rows_skipped, whole.examples.len()), (30, 9, 5));
        let counts: Vec<_> =
            whole.files.iter().map(|file| (file.rows_read, file.rows_skipped)).collect();
        assert_eq!(counts, [(20, 6), (10, 3)]);
        assert_eq!(whole.examples[1].to_string(), "a, line 3 (data row 2): why");
    }
}
