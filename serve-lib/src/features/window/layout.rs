//! A proved program, laid out to run: which columns are read, which keys and streams there are.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::identity::{IdentityHasher, Naming};
use super::plan::{self, KeyPlan};
use super::{
    AmountColumn, Filter, FilterTest, FilterValue, MAX_DISTINCT, MAX_FILTERS, MAX_KEYS, Measure,
    WindowFeature, WindowProgram, canonical, check,
};
use crate::schema::{InputType, SchemaError};

/// A proved [`WindowProgram`] that is ready to run. Immutable and `Send + Sync`.
#[derive(Debug, Clone)]
pub struct Windows {
    program: WindowProgram,
    naming: Naming,
    hash: [u8; 32],
    columns: Vec<WindowColumn>,
    pub(super) time_column: usize,
    pub(super) id_column: Option<HashedColumn>,
    /// In the order of their names, so that programs of one hash make the same events.
    pub(super) amounts: Vec<AmountSlot>,
    /// Columns of which different values are counted.
    pub(super) distinct: Vec<HashedColumn>,
    pub(super) filters: Vec<FilterSlot>,
    keys: Vec<KeyPlan>,
}

/// Programs that declare the same in the same order; see [`Windows::hash`] for the same meaning.
impl PartialEq for Windows {
    fn eq(&self, other: &Self) -> bool {
        (&self.program, self.naming) == (&other.program, other.naming)
    }
}

/// A raw field that a program reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WindowColumn {
    /// Its name.
    pub name: Arc<str>,
    /// What its values may be.
    pub kind: ColumnKind,
}

/// What the values of a column may be; null suits each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ColumnKind {
    /// `Value::Time`.
    Time,
    /// `Value::Number` or `Value::Integer`.
    Number,
    /// `Value::Bool`.
    Boolean,
    /// An id: `Value::Text`, `Value::Integer`, `Value::Number` or `Value::Bool`.
    Identifier,
}

impl ColumnKind {
    /// Whether an input of this type may serve as such a column.
    pub fn suits(self, input_type: InputType) -> bool {
        match self {
            Self::Time => input_type == InputType::Time,
            Self::Number => input_type == InputType::Number,
            Self::Boolean => input_type == InputType::Boolean,
            Self::Identifier => input_type != InputType::Time,
        }
    }
}

/// A column whose values are kept as hashes under a key of its own.
#[derive(Debug, Clone)]
pub(super) struct HashedColumn {
    pub(super) column: usize,
    pub(super) hasher: IdentityHasher,
}

#[derive(Debug, Clone)]
pub(super) struct AmountSlot {
    pub(super) column: usize,
    /// Minor units in a major one.
    pub(super) scale: i64,
}

#[derive(Debug, Clone)]
pub(super) struct FilterSlot {
    pub(super) column: usize,
    pub(super) test: FilterTest,
}

impl Windows {
    /// Proves a program and lays it out.
    ///
    /// # Errors
    /// What is wrong, and with which column or feature.
    pub fn new(program: WindowProgram) -> Result<Self, SchemaError> {
        Self::with_naming(program, Naming::default())
    }

    /// As [`new`](Self::new), for a program that hashes ids so.
    pub(crate) fn with_naming(program: WindowProgram, naming: Naming) -> Result<Self, SchemaError> {
        check::check(&program)?;
        let columns = columns(&program)?;
        let at = |name: &Arc<str>| columns.iter().position(|column| column.name == *name);
        let hashed = |name: &Arc<str>| {
            let hasher = canonical::column_hasher(name, naming);
            at(name).map(|column| HashedColumn { column, hasher })
        };
        let amounts = program.sorted_amounts().into_iter().filter_map(|amount: &AmountColumn| {
            let scale = 10_i64.saturating_pow(amount.decimals.into());
            Some(AmountSlot { column: at(&amount.name)?, scale })
        });
        let distinct = distinct_columns(&program);
        if distinct.len() > MAX_DISTINCT {
            let problem = "different values should be counted of 8 columns at most";
            return Err(SchemaError::new("window program", problem));
        }
        let filters = filters(&program);
        if filters.len() > MAX_FILTERS {
            let problem = "different filters should number 64 at most";
            return Err(SchemaError::new("window program", problem));
        }
        let filter_slots = filters.iter().filter_map(|filter: &&Filter| {
            Some(FilterSlot { column: at(&filter.column)?, test: filter.test.clone() })
        });
        let mut by_key: BTreeMap<Vec<u8>, Vec<(usize, &WindowFeature)>> = BTreeMap::new();
        for (position, feature) in program.features.iter().enumerate() {
            by_key.entry(canonical::key(feature)).or_default().push((position, feature));
        }
        if by_key.len() > MAX_KEYS {
            let problem = "different keys should number 16 at most";
            return Err(SchemaError::new("window program", problem));
        }
        let context =
            plan::Context { program: &program, naming, distinct: &distinct, filters: &filters };
        let keys = by_key
            .into_values()
            .map(|features| plan::key(&context, &features, at))
            .collect::<Result<Vec<_>, _>>()?;
        Ok(Self {
            hash: canonical::program_hash(&program, naming),
            time_column: at(&program.time).unwrap_or(usize::MAX),
            id_column: program.event_id.as_ref().and_then(hashed),
            amounts: amounts.collect(),
            distinct: distinct.iter().filter_map(|name| hashed(name)).collect(),
            filters: filter_slots.collect(),
            keys,
            columns,
            naming,
            program,
        })
    }

    /// The program it was made of.
    pub fn program(&self) -> &WindowProgram {
        &self.program
    }

    /// What hashes its ids.
    pub(crate) fn naming(&self) -> Naming {
        self.naming
    }

    /// The window-program hash: BLAKE3 of all that gives states and values their meaning. The order of
    /// features, amounts, key columns and filter values does not enter; programs of one hash read
    /// each other's states.
    pub fn hash(&self) -> &[u8; 32] {
        &self.hash
    }

    /// The raw fields it reads, in ascending order of their names.
    pub fn columns(&self) -> &[WindowColumn] {
        &self.columns
    }

    /// The number of different keys: of entities an event belongs to.
    pub fn n_keys(&self) -> usize {
        self.keys.len()
    }

    /// The columns of a key, as positions among [`columns`](Self::columns); empty when there is no such key.
    pub fn key_columns(&self, key: usize) -> &[usize] {
        self.keys.get(key).map_or(&[], |plan| &plan.columns)
    }

    /// The number of features.
    pub fn n_features(&self) -> usize {
        self.program.features.len()
    }

    /// How long an entity's events matter to other than all-history features, in microseconds: the
    /// longest delay + window.
    pub fn horizon_micros(&self) -> i64 {
        self.streams().map(|stream| stream.horizon).max().unwrap_or(0)
    }

    /// Whether a feature looks at all history, so that an entity matters for ever.
    pub fn is_endless(&self) -> bool {
        self.program.features.iter().any(|feature| feature.window_micros.is_none())
    }

    /// An edge of an interval is blurred by less than its distance from the event divided by this, in
    /// the past of an entity of more than [`max_events`](WindowProgram::max_events) events: 64, or less where
    /// there are many windows for those.
    pub fn resolution(&self) -> u32 {
        self.streams().map(|stream| stream.resolution).min().unwrap_or(plan::FINEST)
    }

    pub(in crate::features) fn keys(&self) -> &[KeyPlan] {
        &self.keys
    }

    fn streams(&self) -> impl Iterator<Item = &plan::StreamPlan> {
        self.keys.iter().flat_map(|key| &key.streams)
    }
}

/// The columns of all parts, each once; the same column may serve several parts of one kind.
fn columns(program: &WindowProgram) -> Result<Vec<WindowColumn>, SchemaError> {
    let mut uses = vec![(&program.time, ColumnKind::Time)];
    uses.extend(program.event_id.iter().map(|name| (name, ColumnKind::Identifier)));
    uses.extend(program.amounts.iter().map(|amount| (&amount.name, ColumnKind::Number)));
    for feature in &program.features {
        uses.extend(feature.key.iter().map(|name| (name, ColumnKind::Identifier)));
        if let Measure::Distinct(name) = &feature.measure {
            uses.push((name, ColumnKind::Identifier));
        }
        uses.extend(feature.filter.iter().map(|filter| (&filter.column, filter_kind(filter))));
    }
    let mut kinds = BTreeMap::new();
    for (name, kind) in uses {
        if *kinds.entry(name).or_insert(kind) != kind {
            let problem = "is read as two of a time, a number, a truth value and an id";
            return Err(SchemaError::new(name, problem));
        }
    }
    Ok(kinds.into_iter().map(|(name, kind)| WindowColumn { name: name.clone(), kind }).collect())
}

fn filter_kind(filter: &Filter) -> ColumnKind {
    match &filter.test {
        FilterTest::Within { .. } => ColumnKind::Number,
        FilterTest::OneOf(values) => match values.first() {
            Some(FilterValue::Boolean(_)) => ColumnKind::Boolean,
            _ => ColumnKind::Identifier,
        },
    }
}

fn distinct_columns(program: &WindowProgram) -> Vec<&Arc<str>> {
    let columns = program.features.iter().filter_map(|feature| match &feature.measure {
        Measure::Distinct(column) => Some(column),
        _ => None,
    });
    let mut columns: Vec<_> = columns.collect();
    columns.sort_unstable();
    columns.dedup();
    columns
}

/// The filters of different meaning.
fn filters(program: &WindowProgram) -> Vec<&Filter> {
    let filters = program.features.iter().filter_map(|feature| feature.filter.as_ref());
    let by_bytes: BTreeMap<_, _> =
        filters.map(|filter| (canonical::filter(Some(filter)), filter)).collect();
    by_bytes.into_values().collect()
}
