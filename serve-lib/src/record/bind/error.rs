//! Why a struct cannot be bound.

use std::sync::Arc;

/// Why a struct cannot be bound to a scorer. Found once, at start, rather than by a wrong score.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("cannot bind {type_name}: {kind}")]
pub struct BindError {
    type_name: &'static str,
    kind: BindErrorKind,
}

impl BindError {
    pub(super) fn new(type_name: &'static str, kind: BindErrorKind) -> Self {
        Self { type_name, kind }
    }

    /// What is wrong.
    pub fn kind(&self) -> &BindErrorKind {
        &self.kind
    }

    /// The type that was to be bound, as Rust names it.
    pub fn type_name(&self) -> &'static str {
        self.type_name
    }
}

/// The kinds of [`BindError`]. A field within a nested struct is named `outer.inner`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BindErrorKind {
    /// The sample is no struct.
    #[error("expected a struct, found {found}")]
    NotAStruct {
        /// What it is.
        found: &'static str,
    },
    /// The sample serialises as a map, which says anew at each value what it holds.
    #[error(
        "expected a struct, found a map with the keys {}; `#[serde(flatten)]` on a field makes a map of the struct around it: name the fields one by one, or nest them",
        Names(keys)
    )]
    Map {
        /// Its keys, those of a flattened field among them.
        keys: Vec<String>,
    },
    /// A field that is neither one value nor a struct of values.
    #[error(
        "field {field:?}: expected one value or a struct of values, found {found}{}; leave it out with `#[serde(skip)]`, or bind a struct without it",
        Flatten(found)
    )]
    Shape {
        /// The field.
        field: String,
        /// What it is.
        found: &'static str,
    },
    /// Inputs that no field feeds.
    #[error(
        "no field for {}; its fields: {}; rename one with `#[serde(rename = …)]`{}",
        Names(inputs),
        Names(fields),
        Hint(unknown)
    )]
    MissingFields {
        /// The inputs.
        inputs: Vec<Arc<str>>,
        /// All fields of the sample.
        fields: Vec<String>,
        /// Fields that are none in the sample, so that what lies within is not known.
        unknown: Vec<String>,
    },
    /// An input that several fields could feed.
    #[error("several fields for {input:?}: {}; rename all but one", Names(fields))]
    Ambiguous {
        /// The input.
        input: Arc<str>,
        /// The fields.
        fields: Vec<String>,
    },
    /// A field of another type than the input it feeds.
    #[error("field {field:?}: expected {expected}, found {found}{advice}")]
    WrongType {
        /// The field.
        field: String,
        /// The input's type.
        expected: &'static str,
        /// The field's type.
        found: &'static str,
        /// What to do, if there is more to say.
        advice: &'static str,
    },
    /// A field that is sometimes left out.
    #[error(
        "field {field:?}: skipped in the sample; whether that means null or some default is not known here: drop `skip_serializing_if`"
    )]
    Skipped {
        /// The field.
        field: String,
    },
    /// The sample's own `Serialize` reports an error.
    #[error("{}serialising failed: {message}", OfField(field))]
    Serialize {
        /// The field; empty for the sample as a whole.
        field: String,
        /// The reason it gave.
        message: String,
    },
}

struct Names<'a, T>(&'a [T]);

impl<T: std::fmt::Debug> std::fmt::Display for Names<'_, T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.0.is_empty() {
            return f.write_str("none");
        }
        for (position, name) in self.0.iter().enumerate() {
            let comma = if position > 0 { ", " } else { "" };
            write!(f, "{comma}{name:?}")?;
        }
        Ok(())
    }
}

struct Hint<'a>(&'a [String]);

impl std::fmt::Display for Hint<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.0.is_empty() {
            return Ok(());
        }
        write!(f, ", or bind a sample in which {} is not none", Names(self.0))
    }
}

struct Flatten(&'static str);

impl std::fmt::Display for Flatten {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let is_map = self.0 == super::leaf::A_MAP;
        f.write_str(if is_map { " (`#[serde(flatten)]` makes one of a struct)" } else { "" })
    }
}

struct OfField<'a>(&'a str);

impl std::fmt::Display for OfField<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.0.is_empty() { Ok(()) } else { write!(f, "field {:?}: ", self.0) }
    }
}
