//! A policy that blocks payments by their amount, save a share let through to learn from.
//!
//! What is blocked shows no fraud and no honesty: its label is missing. The rows let through stand
//! for all that the policy would have blocked, each for the inverse of the share, so that the
//! weighted rate of frauds among labelled rows is that of the population.

use rand::{Rng, RngExt};

/// Blocks payments above an amount, whatever they are.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Policy {
    /// Payments above this amount are blocked; at least 0, two decimals.
    pub block_above: f64,
    /// The share of those that is let through all the same, 0 to 1.
    pub let_through: f64,
}

/// What became of a payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Decision {
    /// The policy had nothing against it.
    Approved,
    /// The policy would have blocked it, and it was let through.
    LetThrough,
    /// Blocked.
    Declined,
}

impl Policy {
    pub(super) fn is_sound(self) -> bool {
        self.block_above.is_finite()
            && self.block_above >= 0.0
            && (0.0..=1.0).contains(&self.let_through)
    }

    pub(super) fn decide<R: Rng>(self, amount_cents: u32, rng: &mut R) -> Decision {
        if f64::from(amount_cents) <= (self.block_above * 100.0).round() {
            Decision::Approved
        } else if rng.random_bool(self.let_through) {
            Decision::LetThrough
        } else {
            Decision::Declined
        }
    }

    /// How many payments one of this decision stands for; 0 for one that shows no label.
    pub(super) fn weight(self, decision: Decision) -> f64 {
        match decision {
            Decision::Approved => 1.0,
            Decision::LetThrough => 1.0 / self.let_through,
            Decision::Declined => 0.0,
        }
    }
}

impl Decision {
    /// What a payments log says; it does not tell who was let through.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Approved | Self::LetThrough => "approved",
            Self::Declined => "declined",
        }
    }
}
