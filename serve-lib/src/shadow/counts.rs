//! What a challenger did beside the champion.

use std::fmt;

use crate::artifact::ArtifactId;
use crate::scorer::{Score, Scorer};

/// What came of a challenger so far. Differences are those of the challenger's probability from the champion's.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Counts {
    /// The challenger.
    pub challenger: ArtifactId,
    /// The champion it is compared with; none before the first transaction.
    pub champion: Option<ArtifactId>,
    /// Transactions of the sample, since the shadow began; those below are among them.
    pub n_offered: u64,
    /// Not scored, because the buffer was full, or another thread was just at it.
    pub n_dropped: u64,
    /// Not scored, because the budget of that second was used up.
    pub n_over_budget: u64,
    /// The challenger gave an error, or panicked.
    pub n_failed: u64,
    /// The last of these.
    pub last_failure: Option<String>,
    /// Scored by both, with this champion.
    pub n_compared: u64,
    /// Of these, put into the same band by both, by its name; all where neither has bands.
    pub n_same_band: u64,
    /// The others, by what became of them, the most frequent first.
    pub flips: Vec<BandFlip>,
    /// The mean of the differences; 0 before the first.
    pub mean_difference: f64,
    /// The mean of their absolute values.
    pub mean_absolute_difference: f64,
    /// The one that is largest, either way.
    pub max_difference: f64,
}

/// How often the challenger put a transaction into another band.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BandFlip {
    /// The champion's band; empty where it has none.
    pub champion: String,
    /// The challenger's; empty where it has none.
    pub challenger: String,
    /// How often.
    pub count: u64,
}

impl Counts {
    pub(super) fn new(challenger: ArtifactId) -> Self {
        Self {
            challenger,
            champion: None,
            n_offered: 0,
            n_dropped: 0,
            n_over_budget: 0,
            n_failed: 0,
            last_failure: None,
            n_compared: 0,
            n_same_band: 0,
            flips: Vec::new(),
            mean_difference: 0.0,
            mean_absolute_difference: 0.0,
            max_difference: 0.0,
        }
    }

    /// Of another champion than before nothing is compared yet.
    pub(super) fn begin(&mut self, champion: ArtifactId) {
        if self.champion != Some(champion) {
            self.champion = Some(champion);
            (self.n_compared, self.n_same_band) = (0, 0);
            self.flips.clear();
            (self.mean_difference, self.mean_absolute_difference) = (0.0, 0.0);
            self.max_difference = 0.0;
        }
    }

    pub(super) fn compare(&mut self, champion: (&Scorer, Score), challenger: (&Scorer, Score)) {
        let difference = challenger.1.probability - champion.1.probability;
        self.n_compared = self.n_compared.saturating_add(1);
        let n = self.n_compared as f64;
        self.mean_difference += (difference - self.mean_difference) / n;
        self.mean_absolute_difference += (difference.abs() - self.mean_absolute_difference) / n;
        if difference.abs() > self.max_difference.abs() {
            self.max_difference = difference;
        }
        let band = |(scorer, score): (&Scorer, Score)| scorer.band_name(score).to_owned();
        let (champion, challenger) = (band(champion), band(challenger));
        if champion == challenger {
            self.n_same_band = self.n_same_band.saturating_add(1);
            return;
        }
        let same =
            |flip: &&mut BandFlip| flip.champion == champion && flip.challenger == challenger;
        match self.flips.iter_mut().find(same) {
            Some(flip) => flip.count = flip.count.saturating_add(1),
            None => self.flips.push(BandFlip { champion, challenger, count: 1 }),
        }
    }

    /// The share of what was compared that both put into the same band; none before the first.
    pub fn agreement(&self) -> Option<f64> {
        (self.n_compared > 0).then(|| self.n_same_band as f64 / self.n_compared as f64)
    }
}

/// For a log, in one line.
impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { n_compared, n_offered, n_dropped, n_over_budget, n_failed, .. } = self;
        write!(f, "{n_compared} compared of {n_offered} offered, {n_dropped} dropped, ")?;
        write!(f, "{n_over_budget} over budget, {n_failed} failed")?;
        if let Some(agreement) = self.agreement() {
            let difference = self.mean_absolute_difference;
            write!(f, "; {agreement:.4} in the same band, mean difference {difference:.6}")?;
        }
        for BandFlip { champion, challenger, count } in &self.flips {
            write!(f, "; {champion} -> {challenger}: {count}")?;
        }
        Ok(())
    }
}
