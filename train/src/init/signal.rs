//! How well one column by itself tells frauds from legitimate rows: a column that does so nearly
//! without fail was most often written after the fraud was known.

use shroff_serve::schema::MAX_FEATURES;

use super::choose::{Choice, Reason, Verdict};
use super::look::{Content, Look};
use crate::metric::{Ranking, Scored};

/// Labelled rows to look at, chosen evenly: all frauds up to a share of these.
#[derive(Debug)]
pub(super) struct Sample {
    rows: Vec<usize>,
    labels: Vec<bool>,
    n_frauds: usize,
}

const MAX_ROWS: usize = 200_000;
/// Whole numbers with so few different values are also looked at as categories.
const FEW_VALUES: usize = 64;

impl Sample {
    /// Choosing rows of one class evenly leaves the ROC AUC what it is.
    pub(super) fn new(labels: &[Option<bool>]) -> Self {
        let of_class = |class: bool| {
            let rows: Vec<usize> =
                (0..labels.len()).filter(|row| labels[*row] == Some(class)).collect();
            let step = rows.len().div_ceil(MAX_ROWS / 2).max(1);
            rows.into_iter().step_by(step).collect::<Vec<_>>()
        };
        let (frauds, legitimate) = (of_class(true), of_class(false));
        let n_frauds = frauds.len();
        let mut rows = [frauds, legitimate].concat();
        rows.sort_unstable();
        let labels = rows.iter().map(|row| labels[*row] == Some(true)).collect();
        Self { rows, labels, n_frauds }
    }

    /// Frauds and legitimate rows, whichever is fewer.
    pub(super) fn smaller_class(&self) -> usize {
        self.n_frauds.min(self.rows.len() - self.n_frauds)
    }

    /// The ROC AUC of the column alone, .5 or more: the best of its order, upwards or downwards, with
    /// nulls first or last, and of the fraud rates of its values, each learnt on one half of the
    /// rows and tried on the other. Of times only whether there is one counts.
    pub(super) fn auc(&self, look: &Look) -> f64 {
        let mut best = 0.5_f64;
        let mut take = |scores: &[f64]| {
            let auc = self.ranked(scores);
            best = best.max(auc).max(1.0 - auc);
        };
        match &look.content {
            Content::Number { values, .. } => {
                for null in [-f64::MAX, f64::MAX] {
                    let score = |row: &usize| match values[*row] {
                        value if value.is_nan() => null,
                        value => value.clamp(-f64::MAX, f64::MAX),
                    };
                    take(&self.rows.iter().map(score).collect::<Vec<_>>());
                    if look.n_null == 0 {
                        break;
                    }
                }
                if look.n_distinct <= FEW_VALUES {
                    let mut known: Vec<u64> =
                        self.rows.iter().map(|row| (values[*row] + 0.0).to_bits()).collect();
                    let all = known.clone();
                    known.sort_unstable();
                    known.dedup();
                    let code = |bits: &u64| known.binary_search(bits).unwrap_or_default();
                    let codes: Vec<usize> = all.iter().map(code).collect();
                    take(&self.by_rate(&codes, known.len()));
                }
            }
            Content::Boolean(values) => {
                let code = |row: &usize| values[*row].map_or(2, usize::from);
                take(&self.by_rate(&self.rows.iter().map(code).collect::<Vec<_>>(), 3));
            }
            Content::Text { codes, values } => {
                let code = |row: &usize| codes[*row].map_or(values.len(), |code| code as usize);
                let codes: Vec<usize> = self.rows.iter().map(code).collect();
                take(&self.by_rate(&codes, values.len() + 1));
            }
            Content::Time { values, .. } => {
                let score = |row: &usize| f64::from(u8::from(values[*row].is_some()));
                take(&self.rows.iter().map(score).collect::<Vec<_>>());
            }
            Content::Unreadable(_) => {}
        }
        best
    }

    /// Each row's category's fraud rate in the other half of the rows, drawn to the base rate by one
    /// row: a value that is hardly seen twice then tells nothing.
    fn by_rate(&self, codes: &[usize], n_codes: usize) -> Vec<f64> {
        let mut counts = vec![[(0.0, 0.0); 2]; n_codes];
        // Halves of either class by turns, so that both have the same base rate.
        let mut turns = [0_usize; 2];
        let mut half_of = Vec::with_capacity(codes.len());
        for (code, label) in codes.iter().zip(&self.labels) {
            let turn = &mut turns[usize::from(*label)];
            let half = *turn % 2;
            *turn += 1;
            half_of.push(half);
            let (rows, frauds) = &mut counts[*code][half];
            *rows += 1.0;
            *frauds += f64::from(u8::from(*label));
        }
        let base_rate = self.n_frauds as f64 / self.rows.len().max(1) as f64;
        let rate = |(code, half): (&usize, &usize)| {
            let (rows, frauds) = counts[*code][1 - half];
            (frauds + base_rate) / (rows + 1.0)
        };
        codes.iter().zip(&half_of).map(rate).collect()
    }

    fn ranked(&self, scores: &[f64]) -> f64 {
        let scored = Scored::new(&self.labels, scores, None).ok();
        scored.and_then(|scored| Ranking::new(&scored).roc_auc()).unwrap_or(0.5)
    }
}

/// Leaves out the columns that alone tell least, so that a model can take the features of the others.
pub(super) fn leave_out_weakest(
    most: usize,
    looks: &[&Look],
    choices: &mut [Choice],
    sample: &Sample,
) {
    let width = |choice: &Choice| match &choice.verdict {
        Verdict::LeftOut(_) => 0,
        Verdict::Parts(parts) => parts.len(),
        Verdict::Number | Verdict::Boolean | Verdict::Category(_) => 1,
    };
    let mut total: usize = choices.iter().map(width).sum();
    if total <= most {
        return;
    }
    let used = choices.iter().zip(looks).enumerate().filter(|(_, (choice, _))| width(choice) > 0);
    let mut ranked: Vec<(f64, usize)> =
        used.map(|(position, (_, look))| (sample.auc(look), position)).collect();
    // Of columns that tell the same the first stay.
    ranked.sort_by(|a, b| a.0.total_cmp(&b.0).then(b.1.cmp(&a.1)));
    for (auc, position) in ranked {
        if total <= most {
            break;
        }
        total -= width(&choices[position]);
        choices[position].verdict = Verdict::LeftOut(Reason::Other(format!(
            "a model takes at most {MAX_FEATURES} features, and others tell more (alone it has a ROC AUC \
             of {auc:.4})"
        )));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(content: Content, n_distinct: usize) -> Look {
        let (n_null, n_stray, null_words) = (1, 0, Vec::new());
        Look { name: "x".to_owned(), content, n_null, n_distinct, n_stray, null_words }
    }

    fn auc(content: Content, n_distinct: usize) -> f64 {
        let labels: Vec<Option<bool>> = (0..400).map(|row| Some(row % 5 == 0)).collect();
        let look = look(content, n_distinct);
        Sample::new(&labels).auc(&look)
    }

    #[test]
    fn leaks_of_every_kind_are_seen_and_ids_are_not() {
        let number = |value: &dyn Fn(usize) -> f64| Content::Number {
            values: (0..400).map(value).collect(),
            whole: true,
        };
        let close = |found: f64, expected: f64| assert!((found - expected).abs() < 1e-9, "{found}");
        let fraud = |row: usize| row.is_multiple_of(5);
        close(auc(number(&|row| if fraud(row) { -1.0 } else { row as f64 }), 321), 1.0);
        close(auc(number(&|row| if fraud(row) { f64::NAN } else { row as f64 }), 320), 1.0);
        // Neither up nor down, but as a code.
        close(auc(number(&|row| if fraud(row) { 1.0 } else { [0.0, 2.0][row % 2] }), 3), 1.0);
        let text = |code: &dyn Fn(usize) -> u32| Content::Text {
            codes: (0..400).map(|row| Some(code(row))).collect(),
            values: (0..400).map(|value| value.to_string()).collect(),
        };
        close(auc(text(&|row| u32::from(fraud(row))), 2), 1.0);
        // Every value once: the other half knows none of them.
        close(auc(text(&|row| row as u32), 400), 0.5);
        let times = (0..400).map(|row| fraud(row).then_some(7)).collect();
        close(auc(Content::Time { values: times, text: None }, 1), 1.0);
    }

    #[test]
    fn of_too_many_columns_those_stay_that_tell_most() {
        let labels: Vec<Option<bool>> = (0..200).map(|row| Some(row % 4 == 0)).collect();
        // Out of every so many frauds one is told from the rest.
        let column = |every: usize| {
            let told = |row: usize| {
                f64::from(u8::from(row.is_multiple_of(4) && row.is_multiple_of(every)))
            };
            look(Content::Number { values: (0..200).map(told).collect(), whole: true }, 2)
        };
        let looks = [column(8), column(100), column(4), column(100), column(40)];
        let looks: Vec<&Look> = looks.iter().collect();
        let verdicts = [
            Verdict::Parts(vec!["hour", "night"]),
            Verdict::Number,
            Verdict::LeftOut(Reason::Id),
            Verdict::Number,
            Verdict::Number,
        ];
        let choice = |verdict: &Verdict| Choice { name: "x".to_owned(), verdict: verdict.clone() };
        let left = |most: usize| {
            let mut choices: Vec<Choice> = verdicts.iter().map(choice).collect();
            leave_out_weakest(most, &looks, &mut choices, &Sample::new(&labels));
            let left_out = |choice: &Choice| matches!(choice.verdict, Verdict::LeftOut(_));
            choices.iter().map(left_out).collect::<Vec<_>>()
        };
        assert_eq!(left(5), [false, false, true, false, false]);
        assert_eq!(left(4), [false, false, true, true, false]);
        assert_eq!(left(2), [false, true, true, true, true]);
    }
}
