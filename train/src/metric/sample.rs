//! Seeded rows for tests: many ties, weights that are often 0, frauds that tend to score higher.

/// Rows in one order. The weights are whole numbers, so that a weighted row can also be repeated.
pub(crate) struct Rows {
    pub(crate) labels: Vec<bool>,
    pub(crate) scores: Vec<f64>,
    pub(crate) weights: Vec<f64>,
}

impl Rows {
    /// `n_rows` rows: about one fraud in five, scores in quarters from -2.5 to 3.5, weights 0 to 3.
    pub(crate) fn seeded(seed: u64, n_rows: usize) -> Self {
        let mut state = seed;
        let mut below = |n: u32| {
            // Knuth's MMIX constants; the high bits are the good ones.
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            ((state >> 33) % u64::from(n)) as u32
        };
        let mut rows = Self { labels: vec![], scores: vec![], weights: vec![] };
        for _ in 0..n_rows {
            let label = below(10) < 2;
            rows.labels.push(label);
            rows.scores.push((f64::from(below(21)) - 10.0) / 4.0 + f64::from(label));
            rows.weights.push(f64::from(below(4)));
        }
        rows
    }

    /// The same rows without weights: each repeated as often as its weight says.
    pub(crate) fn repeated(&self) -> Self {
        let mut rows = Self { labels: vec![], scores: vec![], weights: vec![] };
        for (i, &weight) in self.weights.iter().enumerate() {
            for _ in 0..weight as usize {
                rows.labels.push(self.labels[i]);
                rows.scores.push(self.scores[i]);
                rows.weights.push(1.0);
            }
        }
        rows
    }
}

/// Asserts that two numbers agree within `tolerance`.
#[track_caller]
pub(crate) fn close(found: f64, expected: f64, tolerance: f64) {
    let apart = (found - expected).abs();
    assert!(apart <= tolerance, "expected {expected}, found {found}: {apart:e} apart");
}
