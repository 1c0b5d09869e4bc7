//! How many features a forest tries at each split.

use serde::{Deserialize, Serialize};

use super::{LearnError, Ranges};

/// Number of features tried at each split.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged, expecting = "`max_features` should be \"sqrt\", \"all\" or a number of features")]
pub enum MaxFeatures {
    /// A share of them by name.
    Share(NamedShare),
    /// This many, at most all.
    Count(usize),
}

/// A share of the features.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NamedShare {
    /// The square root of their number, rounded down.
    Sqrt,
    /// All of them.
    All,
}

impl From<NamedShare> for MaxFeatures {
    fn from(share: NamedShare) -> Self {
        Self::Share(share)
    }
}

impl MaxFeatures {
    pub(super) fn of(self, n_features: usize) -> usize {
        match self {
            Self::Share(NamedShare::Sqrt) => n_features.isqrt(),
            Self::Share(NamedShare::All) => n_features,
            Self::Count(count) => count.min(n_features),
        }
    }

    pub(super) fn check(self, ranges: &Ranges) -> Result<(), LearnError> {
        match self {
            Self::Count(count) => ranges.count("max_features", count, 1..=usize::MAX),
            Self::Share(_) => Ok(()),
        }
    }
}
