//! Why a score is what it is: the margin taken apart by feature, and the reasons behind it.

use super::{Score, Scorer};
use crate::error::ScoreError;
use crate::explain::Contributions;
use crate::record::Record;

/// A score and what it is made of.
#[derive(Debug, Clone, PartialEq)]
pub struct Explanation<'s> {
    /// The score, to the bit that of [`Scorer::score`].
    pub score: Score,
    /// The margin to be expected before anything of the transaction is known; the same for every
    /// row.
    pub base: f64,
    /// What each feature adds to the margin, in the order of the row; above 0 speaks for fraud.
    /// With `base` they sum to the margin, but for rounding: the difference is below 1e-12 times
    /// the greatest leaves of all trees, or times the bias and all terms, added up in size.
    pub contributions: Vec<f64>,
    /// The greatest reasons to think of fraud, the greatest first.
    pub reasons: Vec<Reason<'s>>,
}

/// What a group of features adds to the margin.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Reason<'s> {
    /// The code under which the artifact declares the group; the feature's name for a feature that
    /// is in no group, and is one by itself.
    pub code: &'s str,
    /// What the artifact says of the code; empty for a feature by itself.
    pub text: &'s str,
    /// The sum of its features' contributions, above 0.
    pub contribution: f64,
}

impl Scorer {
    /// Explains the score of a dense row: what each feature adds to the margin, and the `top`
    /// reasons for fraud.
    ///
    /// Contributions are on the scale of the margin: log-odds for linear and boosted models, mean
    /// leaf values for averaged forests. They are
    /// - for a linear model, the term less its mean over the training rows;
    /// - for a forest, the Shapley value of the feature: at splits on features that are not known both
    ///   sides count, by their share of the training rows (half and half where none came by).
    ///   Missing values are explained as they are scored, by the side they go to.
    ///
    /// A reason is a group of features that the artifact declares ([`ReasonCode`]), or a feature of
    /// no group. Only those whose contributions sum to more than 0 are given; of equal ones that
    /// declared first comes first, features by themselves last, in the order of the row.
    ///
    /// An explanation allocates, unlike a score, and takes tens to hundreds of times as long: the
    /// work grows with the nodes of the forest, at most 32 steps for each, the memory with the
    /// features, the deepest tree and a byte for each node of the largest one. It never panics, locks or recurses. Its last bits may change
    /// with a new version of this library, those of the score do not.
    ///
    /// ```
    /// use shroff_serve::Scorer;
    ///
    /// # let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/golden/v1/linear.shroff");
    /// let scorer = Scorer::open(path)?;
    /// // amount, country, balance
    /// let explanation = scorer.explain(&[191.75, 1.0, 250.0], 2)?;
    /// // 0.75 · (191.75 − 88.5)/103.25 less its mean in training, 0.0625; 0.1 − 0.01; 0.4 − 0.0625
    /// for (found, expected) in explanation.contributions.iter().zip([0.6875, 0.09, 0.3375]) {
    ///     assert!((found - expected).abs() < 1e-12);
    /// }
    /// let sum: f64 = explanation.contributions.iter().sum();
    /// assert!((explanation.base + sum - explanation.score.margin).abs() < 1e-12);
    /// let codes: Vec<&str> = explanation.reasons.iter().map(|reason| reason.code).collect();
    /// assert_eq!(codes, ["amount", "balance"]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// [`ReasonCode`]: crate::artifact::ReasonCode
    ///
    /// # Errors
    /// A row of another length than the schema has features.
    pub fn explain(&self, row: &[f32], top: usize) -> Result<Explanation<'_>, ScoreError> {
        let score = self.score(row)?;
        let Contributions { base, features } = Contributions::of(&self.contents.model, row);
        let reasons = self.reasons(&features, top);
        Ok(Explanation { score, base, contributions: features, reasons })
    }

    /// As [`Scorer::explain`], for a raw record.
    ///
    /// # Errors
    /// As [`Scorer::score_record`].
    pub fn explain_record(
        &self,
        record: Record<'_>,
        top: usize,
    ) -> Result<Explanation<'_>, ScoreError> {
        self.explain_record_with(record, &[], top)
    }

    /// As [`Scorer::explain_record`], with the values of the velocity features, as
    /// [`Scorer::score_record_with`] takes them.
    ///
    /// # Errors
    /// As [`Scorer::score_record_with`].
    pub fn explain_record_with(
        &self,
        record: Record<'_>,
        velocity: &[f32],
        top: usize,
    ) -> Result<Explanation<'_>, ScoreError> {
        let mut row = vec![0.0; self.contents.schema.features.len()];
        self.encode_with(record, velocity, &mut row)?;
        self.explain(&row, top)
    }

    fn reasons(&self, contributions: &[f64], top: usize) -> Vec<Reason<'_>> {
        let declared = &self.contents.reasons;
        let mut is_alone = vec![true; contributions.len()];
        let mut sum_of = |features: &[u32]| {
            let mut sum = 0.0;
            for &feature in features {
                let slot = is_alone.get_mut(feature as usize);
                if let Some((is_alone, share)) = slot.zip(contributions.get(feature as usize)) {
                    *is_alone = false;
                    sum += share;
                }
            }
            sum
        };
        let mut reasons: Vec<Reason<'_>> = declared
            .iter()
            .map(|reason| Reason {
                code: &reason.code,
                text: &reason.text,
                contribution: sum_of(&reason.features),
            })
            .collect();
        let alone = self.contents.schema.features.iter().zip(contributions).zip(&is_alone);
        reasons.extend(alone.filter(|(_, is_alone)| **is_alone).map(
            |((feature, &contribution), _)| Reason { code: &feature.name, text: "", contribution },
        ));
        reasons.retain(|reason| reason.contribution > 0.0);
        // Stable: of equals the first stays first.
        reasons.sort_by(|a, b| b.contribution.total_cmp(&a.contribution));
        reasons.truncate(top);
        reasons
    }
}
