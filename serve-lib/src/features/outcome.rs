//! What a step makes of its inputs, and what the feature's policies make of that.

use crate::error::RejectReason;
use crate::schema::{Feature, Policy};

/// Whoever wants to know of the odd values on the way from a record to a row: those that a policy
/// decides on, whatever it decides.
pub(crate) trait Watch {
    /// The feature at this position has such a value.
    fn odd(&mut self, feature: usize, what: RejectReason);
}

/// Nobody does, which costs nothing.
pub(crate) struct Unwatched;

impl Watch for Unwatched {
    #[inline(always)]
    fn odd(&mut self, _: usize, _: RejectReason) {}
}

/// What a step makes of its inputs before policies apply.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Outcome {
    Value(f32),
    Missing,
    Unseen { other: f32 },
    OutOfRange { value: f32 },
}

impl Outcome {
    /// The value, or what is odd about it.
    #[inline]
    pub(super) fn sound(self) -> Result<f32, RejectReason> {
        match self {
            Self::Value(value) => Ok(value),
            Self::Missing => Err(RejectReason::Missing),
            Self::Unseen { .. } => Err(RejectReason::Unseen),
            Self::OutOfRange { .. } => Err(RejectReason::OutOfRange),
        }
    }

    /// The value, or what the feature's policies make of an odd one after `odd` was told of it.
    // The call of `odd` stands where it is inlined: whoever does not watch passes nothing on.
    #[inline(always)]
    pub(super) fn settle(
        self,
        feature: &Feature,
        odd: impl FnOnce(RejectReason),
    ) -> Result<f32, RejectReason> {
        match self.sound() {
            Ok(value) => Ok(value),
            Err(what) => {
                odd(what);
                self.decide(feature)
            }
        }
    }

    /// What the feature's policies make of it.
    #[inline(never)]
    pub(super) fn decide(self, feature: &Feature) -> Result<f32, RejectReason> {
        let what = match self.sound() {
            Ok(value) => return Ok(value),
            Err(what) => what,
        };
        let policy = match what {
            RejectReason::Missing => feature.on_missing,
            RejectReason::Unseen => feature.on_unseen,
            RejectReason::OutOfRange => feature.on_out_of_range,
        };
        let (reason, policy) = if policy == Policy::AsMissing {
            (RejectReason::Missing, feature.on_missing)
        } else {
            (what, policy)
        };
        match (policy, reason, self) {
            (Policy::Reject, ..) => Err(reason),
            (Policy::Default(value), ..) => Ok(value),
            (Policy::Learned, RejectReason::Unseen, Self::Unseen { other }) => Ok(other),
            (Policy::Learned, RejectReason::OutOfRange, Self::OutOfRange { value }) => Ok(value),
            _ => Ok(f32::NAN),
        }
    }
}

/// What a number is, of which the values within the range are expected.
#[inline]
pub(super) fn number(value: f64, range: Option<(f64, f64)>) -> Outcome {
    match Expected::new(range).narrow(value) {
        Some(narrow) => Outcome::Value(narrow),
        None if value.is_nan() => Outcome::Missing,
        // A number too large for f32 becomes the greatest finite one, so that a row holds no infinity.
        None => Outcome::OutOfRange { value: narrow(value).clamp(f32::MIN, f32::MAX) },
    }
}

/// The numbers on which no policy decides.
#[derive(Debug, Clone, Copy)]
pub(super) struct Expected {
    low: f64,
    high: f64,
}

impl Expected {
    /// Those of the range, both ends included, that an f32 can stand for.
    #[inline]
    pub(super) fn new(range: Option<(f64, f64)>) -> Self {
        let (least, greatest) = (f64::from(f32::MIN), f64::from(f32::MAX));
        let (low, high) = range.unwrap_or((least, greatest));
        Self { low: low.max(least), high: high.min(greatest) }
    }

    /// The number as it stands in a row; none if it is another one or NaN.
    #[inline]
    pub(super) fn narrow(self, value: f64) -> Option<f32> {
        (self.low <= value && value <= self.high).then(|| narrow(value))
    }
}

/// -0.0 + 0.0 is +0.0: one zero, whatever its sign was.
#[inline]
fn narrow(value: f64) -> f32 {
    value as f32 + 0.0
}
