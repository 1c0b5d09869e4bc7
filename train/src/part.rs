//! Parts in place of windows: a column or a hash says whether a row fits, chooses, calibrates or
//! judges. Not honest in time, and the only way for tables without one.

use shroff_datasets::{Column, ColumnKind, ColumnRequest, Values};
use shroff_serve::Value;
use shroff_serve::schema::InputType;

use crate::config::{Config, PartRule, Shares};
use crate::error::Error;
use crate::events::{Events, column_kind, value};
use crate::split::DEFAULT_STOP_SHARE;

/// What a row is used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Fits learners.
    Train,
    /// Chooses among them.
    Stop,
    /// Calibrates.
    Calibrate,
    /// Judges.
    Test,
}

/// The part of every row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parts {
    of_row: Vec<Option<Part>>,
    /// What the rows of no part say in place of one, each once, in the order of the source; only of a
    /// split by column.
    others: Vec<String>,
}

impl Part {
    /// All of them, in their order.
    pub const ALL: [Self; 4] = [Self::Train, Self::Stop, Self::Calibrate, Self::Test];

    /// Its name in the configuration, in data and in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Stop => "stop",
            Self::Calibrate => "calibrate",
            Self::Test => "test",
        }
    }
}

/// In place of a column of `by_hash`: all inputs of the features, for tables without an id.
pub const ALL_INPUTS: &str = "*";

/// The columns that a rule reads besides the inputs of the features.
pub fn columns(config: &Config) -> Vec<ColumnRequest> {
    let Some(rule) = config.split.part_rule() else { return Vec::new() };
    if matches!(rule, PartRule::Hash { column: ALL_INPUTS, .. }) {
        return Vec::new();
    }
    let kind = match rule {
        PartRule::Column { .. } => ColumnKind::Text,
        PartRule::Hash { .. } => ColumnKind::Key,
    };
    let mut columns = vec![ColumnRequest::new(rule.column(), kind)];
    if let (PartRule::Column { .. }, Some(id)) = (rule, &config.columns.id) {
        columns.push(ColumnRequest::new(id, ColumnKind::Key));
    }
    columns
}

impl Parts {
    /// Parts by the rule of a configuration. `inputs` are the columns that its features read.
    ///
    /// The rule is of the row alone: the order of rows and what other rows hold change nothing, save
    /// whether a split by column has rows of `stop`. Without those, and unless `stop = "none"`, the
    /// 15 % of train with the highest hash (of the id, or without one of the inputs) are `stop`.
    ///
    /// # Errors
    /// A column that was not read, a row without a value to hash.
    pub fn new(
        config: &Config,
        rule: PartRule<'_>,
        inputs: &[(String, InputType)],
        events: &Events,
    ) -> Result<Self, Error> {
        let not_read = |name: &str| Error::data(format!("column {name:?} was not read"));
        match rule {
            PartRule::Hash { column: name, shares } => {
                let of_row = if name == ALL_INPUTS {
                    content_points(inputs, events)?
                } else {
                    let column = events.column(name, ColumnKind::Key);
                    points(name, column.ok_or_else(|| not_read(name))?, events)?
                };
                let of_row = of_row.into_iter().map(|point| part_at(point, shares)).collect();
                Ok(Self { of_row, others: Vec::new() })
            }
            PartRule::Column { column: name, no_stop } => {
                let column = events.column(name, ColumnKind::Text).ok_or_else(|| not_read(name))?;
                let mut parts = Self::told(column, no_stop);
                if no_stop || parts.of_row.contains(&Some(Part::Stop)) {
                    return Ok(parts);
                }
                let id = config.columns.id.as_ref();
                let hashes = match id.and_then(|id| Some((id, events.column(id, ColumnKind::Key)?)))
                {
                    Some((id, column)) => points(id, column, events)?,
                    None => content_points(inputs, events)?,
                };
                for (part, point) in parts.of_row.iter_mut().zip(hashes) {
                    if *part == Some(Part::Train) && point >= 1.0 - DEFAULT_STOP_SHARE {
                        *part = Some(Part::Stop);
                    }
                }
                Ok(parts)
            }
        }
    }

    /// The rows of a part, in the order of the source.
    pub fn rows(&self, part: Part) -> Vec<usize> {
        (0..self.of_row.len()).filter(|row| self.of_row[*row] == Some(part)).collect()
    }

    /// How many rows belong to no part.
    pub fn n_ignored(&self) -> usize {
        self.of_row.iter().filter(|part| part.is_none()).count()
    }

    /// What rows of no part say, for a message; the first few.
    pub fn others(&self) -> String {
        let shown: Vec<&str> = self.others.iter().take(5).map(String::as_str).collect();
        let more = if self.others.len() > shown.len() { ", …" } else { "" };
        format!("{}{more}", shown.join(", "))
    }

    fn told(column: &Column, no_stop: bool) -> Self {
        let Values::Text(text) = column.values() else {
            return Self { of_row: vec![None; column.len()], others: Vec::new() };
        };
        let part = |word: &String| {
            let named = Part::ALL.into_iter().find(|part| part.name() == word);
            named.filter(|part| !(no_stop && *part == Part::Stop))
        };
        let of_word: Vec<Option<Part>> = text.dictionary().iter().map(part).collect();
        let mut seen = vec![false; of_word.len()];
        let (mut of_row, mut others) = (Vec::with_capacity(column.len()), Vec::new());
        for (row, code) in text.codes().iter().map(|code| *code as usize).enumerate() {
            let known = !column.is_null(row);
            of_row.push(of_word[code].filter(|_| known));
            if known && of_word[code].is_none() && !seen[code] {
                others.push(format!("{:?}", text.value(row)));
            }
            seen[code] |= known;
        }
        if column.null_count() > 0 {
            others.push("nothing".to_owned());
        }
        Self { of_row, others }
    }
}

/// The hash of every row's value as a point from 0 to below 1.
fn points(name: &str, column: &Column, events: &Events) -> Result<Vec<f64>, Error> {
    if let Some(row) = (0..column.len()).find(|row| column.is_null(*row)) {
        return Err(Error::data(format!(
            "column {name:?}, row {}: the value is missing, and without it the row belongs to no \
             part; fill it, or split by another column",
            events.source_row(row)
        )));
    }
    Ok(match column.values() {
        Values::Integer(values) => {
            values.iter().map(|value| point_of_text(&value.to_string())).collect()
        }
        Values::Text(text) => {
            let of_word: Vec<f64> =
                text.dictionary().iter().map(|word| point_of_text(word)).collect();
            text.codes().iter().map(|code| of_word[*code as usize]).collect()
        }
        _ => return Err(Error::data(format!("column {name:?} was not read as a key"))),
    })
}

/// The hash of what a row holds in the columns of the inputs, as a point from 0 to below 1.
fn content_points(inputs: &[(String, InputType)], events: &Events) -> Result<Vec<f64>, Error> {
    let column = |(name, input): &(String, InputType)| {
        events
            .column(name, column_kind(*input))
            .ok_or_else(|| Error::data(format!("column {name:?} was not read")))
    };
    let columns = inputs.iter().map(column).collect::<Result<Vec<_>, Error>>()?;
    let of_row = |row: usize| {
        let mut hasher = blake3::Hasher::new();
        for column in &columns {
            let (kind, bytes): (u8, &[u8]) = match value(column, row) {
                Value::Bool(value) => (1, &[u8::from(value)]),
                Value::Number(value) => (2, &value.to_bits().to_le_bytes()),
                Value::Integer(value) => (3, &value.to_le_bytes()),
                Value::Text(value) => (4, value.as_bytes()),
                Value::Time(value) => (5, &value.to_le_bytes()),
                _ => (0, &[]),
            };
            hasher.update(&[kind]).update(&(bytes.len() as u64).to_le_bytes()).update(bytes);
        }
        point(&hasher.finalize())
    };
    Ok((0..events.n_rows()).map(of_row).collect())
}

/// An id is hashed as its text, so that 7 in one file and "7" in another are the same.
fn point_of_text(text: &str) -> f64 {
    point(&blake3::hash(text.as_bytes()))
}

/// The first eight bytes, little-endian, of which the highest 53 bits make a number below 1.
fn point(hash: &blake3::Hash) -> f64 {
    let [a, b, c, d, e, f, g, h, ..] = *hash.as_bytes();
    (u64::from_le_bytes([a, b, c, d, e, f, g, h]) >> 11) as f64 / (1_u64 << 53) as f64
}

fn part_at(point: f64, shares: Shares) -> Option<Part> {
    let Shares { train, stop, calibrate, test } = shares;
    let ends = [train, train + stop, train + stop + calibrate, train + stop + calibrate + test];
    let part = Part::ALL.into_iter().zip(ends).find(|(_, end)| point < *end).map(|(part, _)| part);
    // Shares that add up to 1 but for rounding leave no row over.
    part.or_else(|| (ends[3] > 1.0 - 1e-9).then_some(Part::Test))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_point_is_the_first_bytes_of_the_hash() {
        // b3sum of the empty input begins af1349b9f5f9a1a6; little-endian 0xa6a1f9f5b94913af.
        let expected = 0xa6a1_f9f5_b949_13af_u64 as f64 / 2.0 / (1_u64 << 63) as f64;
        assert!((point_of_text("") - expected).abs() < 1e-15);
        assert_eq!(point(&blake3::Hash::from_bytes([0; 32])).to_bits(), 0);
        assert!(point(&blake3::Hash::from_bytes([255; 32])) < 1.0);
    }

    #[test]
    fn shares_hold_what_they_say() {
        let shares = Shares { train: 0.5, stop: 0.1, calibrate: 0.2, test: 0.1 };
        let n = 100_000;
        let mut counts = [0_u32; 5];
        for id in 0..n {
            let part = part_at(point_of_text(&id.to_string()), shares);
            counts[part.map_or(4, |part| part as usize)] += 1;
        }
        for (count, share) in counts.into_iter().zip([0.5, 0.1, 0.2, 0.1, 0.1]) {
            // Four standard deviations of a binomial.
            let within = 4.0 * (f64::from(n) * share * (1.0 - share)).sqrt();
            let apart = (f64::from(count) - f64::from(n) * share).abs();
            assert!(apart < within, "{count} of {n} for a share of {share}");
        }
        // 0.6 + 0.09 + … in floating point may stop short of 1.
        let whole = Shares { train: 0.51, stop: 0.09, calibrate: 0.2, test: 0.2 };
        assert_eq!(part_at(1.0 - f64::EPSILON / 2.0, whole), Some(Part::Test));
        assert_eq!(part_at(0.6, shares), Some(Part::Calibrate));
        assert_eq!(part_at(0.95, shares), None);
    }

    #[test]
    fn words_name_parts_and_others_are_told() {
        let words = ["train", "test", "hold", "stop", "", "hold", "Train"];
        let nulls = words.iter().map(|word| word.is_empty()).collect();
        let column = Column::with_nulls(Values::Text(words.into_iter().collect()), nulls);
        let parts = Parts::told(&column, false);
        assert_eq!((parts.rows(Part::Train), parts.rows(Part::Stop)), (vec![0], vec![3]));
        assert_eq!(parts.n_ignored(), 4);
        assert_eq!(parts.others(), "\"hold\", \"Train\", nothing");
        assert_eq!(Parts::told(&column, true).n_ignored(), 5);
    }
}
