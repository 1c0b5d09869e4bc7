//! What goes in: the raw inputs a record carries, and the features they become.

use std::sync::Arc;

/// Longest name of an input, a feature or a category, in bytes.
pub const MAX_NAME_BYTES: usize = 256;
/// Most inputs a record may carry.
pub const MAX_INPUTS: usize = 4_096;
/// Most features a row may have.
pub const MAX_FEATURES: usize = 4_096;
/// Most categories one feature may have, the bucket for unseen values included.
pub const MAX_CATEGORIES: usize = 1 << 20;

/// The inputs of a record and the features of a row, each in order.
#[derive(Debug, Clone, PartialEq)]
pub struct Schema {
    /// The raw fields a record carries, in order.
    pub inputs: Vec<Input>,
    /// The values of a row, in order.
    pub features: Vec<Feature>,
    /// Seconds east of UTC that define hour, night, weekday and weekend; within ±86,400.
    pub utc_offset_secs: i32,
}

/// A raw field as the backend has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Input {
    /// Its name in the data the model was trained on.
    pub name: Arc<str>,
    /// Its type.
    pub input_type: InputType,
    /// A null is an error, because a feature made from it rejects missing values.
    pub required: bool,
}

/// The type of a raw field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum InputType {
    /// A number: `Value::Number` or `Value::Integer`.
    Number,
    /// A truth value: `Value::Bool`.
    Boolean,
    /// Text: `Value::Text`.
    Text,
    /// An instant: `Value::Time`, microseconds since 1970-01-01T00:00:00 UTC.
    Time,
    /// An id that only velocity features read: `Value::Text`, `Value::Integer`, or `Value::Number`
    /// where that is whole and at most 2^53; 5, 5.0 and "5" are the same id.
    Key,
}

/// One value of a row and what becomes of odd values on the way to it.
#[derive(Debug, Clone, PartialEq)]
pub struct Feature {
    /// Its name; unique.
    pub name: Arc<str>,
    /// What the value means.
    pub kind: RowType,
    /// For a null or NaN input.
    pub on_missing: Policy,
    /// For text that is not in the vocabulary.
    pub on_unseen: Policy,
    /// For a number outside the declared range, infinite, or too large for `f32`.
    pub on_out_of_range: Policy,
}

/// What a feature's value, a row's `f32`, means to a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum RowType {
    /// An ordered quantity; NaN is missing.
    Numeric,
    /// A category code `0..n_categories`, stored as a float; NaN is missing.
    Categorical {
        /// Number of codes.
        n_categories: u32,
    },
}

/// What to do with a value the feature was not made for.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Policy {
    /// The model has learnt what it means. Missing: the row holds NaN. Unseen: the bucket of rare
    /// values. Out of range: the value goes in as it is.
    Learned,
    /// The value is treated as missing, then `on_missing` decides.
    AsMissing,
    /// This value goes into the row instead: a number, or a category's code.
    Default(f32),
    /// Scoring the record is an error.
    Reject,
}

impl InputType {
    /// The type's name as messages use it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Number => "number",
            Self::Boolean => "boolean",
            Self::Text => "text",
            Self::Time => "time",
            Self::Key => "id",
        }
    }
}

impl RowType {
    /// Number of codes of a category.
    pub fn n_categories(self) -> Option<u32> {
        match self {
            Self::Numeric => None,
            Self::Categorical { n_categories } => Some(n_categories),
        }
    }
}

impl Schema {
    /// What the values of a row mean, in order.
    pub fn row_types(&self) -> Vec<RowType> {
        self.features.iter().map(|feature| feature.kind).collect()
    }

    /// The position of the input of this name.
    pub fn input_index(&self, name: &str) -> Option<usize> {
        self.inputs.iter().position(|input| &*input.name == name)
    }

    /// The position of the feature of this name.
    pub fn feature_index(&self, name: &str) -> Option<usize> {
        self.features.iter().position(|feature| &*feature.name == name)
    }

    /// Proves that names are unique and of proper length and that policies make sense.
    ///
    /// # Errors
    /// What is wrong, and with which input or feature.
    pub fn check(&self) -> Result<(), SchemaError> {
        if self.inputs.is_empty() || self.inputs.len() > MAX_INPUTS {
            return Err(SchemaError::new("inputs", "should number 1 to 4096"));
        }
        if self.utc_offset_secs.unsigned_abs() > 86_400 {
            return Err(SchemaError::new("utc offset", "should lie within a day of UTC"));
        }
        if self.features.is_empty() || self.features.len() > MAX_FEATURES {
            return Err(SchemaError::new("features", "should number 1 to 4096"));
        }
        check_names(self.inputs.iter().map(|input| &*input.name))?;
        check_names(self.features.iter().map(|feature| &*feature.name))?;
        for feature in &self.features {
            if feature.kind.n_categories().is_some_and(|n| n == 0 || n as usize > MAX_CATEGORIES) {
                return Err(SchemaError::new(&feature.name, "should have 1 to 1048576 categories"));
            }
            if feature.on_missing == Policy::AsMissing {
                let problem = "on_missing = as_missing would never end; use learned";
                return Err(SchemaError::new(&feature.name, problem));
            }
            let policies = [feature.on_missing, feature.on_unseen, feature.on_out_of_range];
            if policies.iter().any(|p| matches!(p, Policy::Default(value) if !value.is_finite())) {
                return Err(SchemaError::new(&feature.name, "a default should be finite"));
            }
        }
        Ok(())
    }
}

fn check_names<'a>(names: impl Iterator<Item = &'a str>) -> Result<(), SchemaError> {
    let mut seen = std::collections::BTreeSet::new();
    for name in names {
        if name.is_empty() || name.len() > MAX_NAME_BYTES {
            return Err(SchemaError::new(name, "a name should have 1 to 256 bytes"));
        }
        if !seen.insert(name) {
            return Err(SchemaError::new(name, "the name appears twice"));
        }
    }
    Ok(())
}

/// The category code a row's value stands for; none when it is missing, negative or not whole.
#[inline]
#[expect(clippy::cast_possible_truncation, reason = "what does not fit fails the round trip")]
#[expect(clippy::float_cmp, reason = "a code is a whole number or no code at all")]
pub(crate) fn category(value: f32) -> Option<usize> {
    // A float-to-integer cast saturates, so the round trip fails for NaN, fractions and negatives.
    let code = value as u32;
    (code as f32 == value).then_some(code as usize)
}

/// Why a schema or a program is not sound.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{subject:?}: {problem}")]
pub struct SchemaError {
    /// The input or feature.
    pub subject: String,
    /// What is wrong with it.
    pub problem: &'static str,
}

impl SchemaError {
    pub(crate) fn new(subject: &str, problem: &'static str) -> Self {
        // A name from a hostile file may be as long as its section: show its beginning only.
        Self { subject: subject.chars().take(MAX_NAME_BYTES).collect(), problem }
    }
}
