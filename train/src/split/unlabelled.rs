//! Which rows have a label that counts, and why the others have none.

use serde_json::{Value, json};

use crate::events::Events;

/// How many rows of a window have no label that counts, by the reason.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Unlabelled {
    /// All rows of the window, labelled ones too.
    pub n_window: usize,
    /// Blocked at the time: there is no honest label.
    pub blocked: usize,
    /// The label is null.
    pub null: usize,
    /// The label became known too late for this window.
    pub not_in_time: usize,
}

impl Unlabelled {
    /// How many rows have no label that counts.
    pub fn n_rows(&self) -> usize {
        self.blocked + self.null + self.not_in_time
    }

    /// Rows, their share of the window, and the reasons.
    pub fn to_json(&self) -> Value {
        json!({
            "rows": self.n_rows(),
            "share": self.n_rows() as f64 / self.n_window.max(1) as f64,
            "blocked": self.blocked,
            "null_label": self.null,
            "not_known_in_time": self.not_in_time,
        })
    }
}

/// Of these rows those with a label that was known before `cutoff`, or without one known at all.
pub fn labelled(events: &Events, rows: &[usize], cutoff: Option<i64>) -> (Vec<usize>, Unlabelled) {
    let mut counts = Unlabelled { n_window: rows.len(), ..Unlabelled::default() };
    let mut known = Vec::with_capacity(rows.len());
    for &row in rows {
        if events.blocked[row] {
            counts.blocked += 1;
        } else if events.labels[row].is_none() {
            counts.null += 1;
        } else if cutoff.is_some_and(|cutoff| events.known_at[row] >= cutoff) {
            counts.not_in_time += 1;
        } else {
            known.push(row);
        }
    }
    (known, counts)
}
