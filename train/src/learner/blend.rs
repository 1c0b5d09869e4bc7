//! The mean of boosted models that differ in their parameters.

use serde::{Deserialize, Serialize};
use shroff_serve::model::{Aggregation, Forest, MAX_TREES, Model, Node, PriorCorrection, Tree};

use super::{Fitted, Gbdt, GrowPolicy, LearnError, Learner, Progress, Ranges};
use crate::matrix::TrainingSet;

const KIND: &str = "blend";

/// Gradient-boosted models fitted apart, whose log-odds are averaged: one additive forest of all trees,
/// each leaf divided by the number of models.
///
/// What one set of parameters gets wrong by chance another does not. On the Handbook's folds the mean of the
/// five best of a search ranks 0.002 better by average precision than the best alone, which is within the
/// noise of four weeks. `[search] blend` makes one of the best trials. It costs as much as all members
/// together, in fitting and in scoring.
///
/// # Source
/// Perrone and Cooper (1993), *When networks disagree*, for the mean of models; Caruana et al. (2004),
/// *Ensemble selection from libraries of models*, for the best of a search, with which they begin.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Blend {
    /// Each with the parameters of a `gbdt`, its name aside; 2 to 100. At most 10,000 trees in all.
    pub members: Vec<Gbdt>,
    /// What reports call this learner; absent: its kind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

impl Learner for Blend {
    fn kind(&self) -> &'static str {
        KIND
    }

    fn check(&self) -> Result<(), LearnError> {
        Ranges(KIND).count("members", self.members.len(), 2..=100)?;
        for (number, member) in (1..).zip(&self.members) {
            if let Some(name) = &member.name {
                let expected = "members without names".to_owned();
                return Err(Ranges(KIND).refuse("members", expected, format!("{name:?}")));
            }
            member.check().map_err(|error| match error {
                LearnError::Parameter { key, expected, found, .. } => {
                    let found = format!("{found} in member {number}");
                    LearnError::Parameter { kind: KIND, key, expected, found }
                }
                other => other,
            })?;
        }
        let found: usize = self.members.iter().map(Gbdt::most_trees).sum();
        if found > MAX_TREES {
            let expected = format!("models of at most {MAX_TREES} trees in all");
            return Err(Ranges(KIND).refuse("members", expected, found.to_string()));
        }
        Ok(())
    }

    fn fit(&self, data: &TrainingSet<'_>, progress: &dyn Progress) -> Result<Fitted, LearnError> {
        self.blend(data, |member| member.fit(data, progress))
    }

    /// Each member stops for itself.
    fn fit_until(
        &self,
        data: &TrainingSet<'_>,
        stop: &TrainingSet<'_>,
        progress: &dyn Progress,
    ) -> Result<Fitted, LearnError> {
        self.blend(data, |member| member.fit_until(data, stop, progress))
    }
}

impl Blend {
    /// The mean of the members as they are fitted. `n_rows` and `n_frauds` are those of the member that
    /// was fitted on most.
    fn blend(
        &self,
        data: &TrainingSet<'_>,
        fit: impl Fn(&Gbdt) -> Result<Fitted, LearnError>,
    ) -> Result<Fitted, LearnError> {
        self.check()?;
        let share = 1.0 / self.members.len() as f64;
        let (mut start, mut shift, mut trees) = (0.0, 0.0, Vec::new());
        let (mut n_rows, mut n_frauds) = (0, 0);
        let (mut n_rounds, mut notes) = (Vec::new(), Vec::new());
        for (number, member) in (1..).zip(&self.members) {
            let fitted = fit(member)?;
            if let Model::Forest(Forest {
                aggregation: Aggregation::Additive { start: of_it },
                trees: mut of_member,
                ..
            }) = fitted.model
            {
                start += share * of_it;
                of_member.iter_mut().for_each(|tree| scale(tree, share));
                trees.append(&mut of_member);
            }
            if let PriorCorrection::LogOdds { shift: of_it } = fitted.prior {
                shift += share * of_it;
            }
            (n_rows, n_frauds) = (fitted.n_rows.max(n_rows), fitted.n_frauds.max(n_frauds));
            n_rounds.extend(fitted.n_rounds);
            notes.extend(fitted.notes.iter().map(|note| format!("member {number}: {note}")));
        }
        let symmetric = self.members.iter().all(|of| of.grow_policy == GrowPolicy::Symmetric);
        let forest = Forest { aggregation: Aggregation::Additive { start }, symmetric, trees };
        let model = Model::Forest(forest);
        let unsound = |source| LearnError::Unsound { kind: KIND, source };
        model.check(data.matrix.row_types()).map_err(unsound)?;
        let prior = PriorCorrection::LogOdds { shift };
        Ok(Fitted { model, prior, n_rows, n_frauds, n_rounds, notes })
    }
}

fn scale(tree: &mut Tree, share: f64) {
    for node in &mut tree.nodes {
        if let Node::Leaf { value, .. } = node {
            *value *= share;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::learner::{LearnerConfig, NoProgress, fixture};

    fn blend() -> Blend {
        let leafwise = Gbdt {
            grow_policy: GrowPolicy::Leafwise,
            num_iterations: 30,
            learning_rate: 0.3,
            negative_ratio: Some(4.0),
            ..Gbdt::default()
        };
        let symmetric = Gbdt { num_iterations: 40, boost_from_average: false, ..Gbdt::default() };
        Blend { members: vec![leafwise, symmetric], name: None }
    }

    fn corrected(fitted: &Fitted, row: &[f32]) -> f64 {
        let (Model::Forest(forest), PriorCorrection::LogOdds { shift }) =
            (&fitted.model, fitted.prior)
        else {
            panic!("an additive forest");
        };
        forest.margin(row) + shift
    }

    #[test]
    fn its_log_odds_are_the_mean_of_its_members() {
        let (matrix, labels) = fixture::transactions(3_000, 5);
        let data = TrainingSet { matrix: &matrix, labels: &labels, weights: None };
        let blend = blend();
        let fitted = blend.fit(&data, &NoProgress).expect("a model");
        let members: Vec<Fitted> =
            blend.members.iter().map(|of| of.fit(&data, &NoProgress).expect("a model")).collect();
        for row in 0..500 {
            let row = matrix.row(row);
            let mean = members.iter().map(|member| corrected(member, row)).sum::<f64>() / 2.0;
            assert!((corrected(&fitted, row) - mean).abs() < 1e-12);
        }
        // The member that draws among legitimate rows is fitted on fewer.
        assert_eq!((fitted.n_rows, members[1].n_rows), (3_000, 3_000));
        assert!(members[0].n_rows < 3_000);
    }

    #[test]
    fn each_member_stops_for_itself() {
        let (matrix, labels) = fixture::transactions(3_000, 5);
        let (stop_matrix, stop_labels) = fixture::transactions(1_000, 6);
        let data = TrainingSet { matrix: &matrix, labels: &labels, weights: None };
        let stop = TrainingSet { matrix: &stop_matrix, labels: &stop_labels, weights: None };
        let mut blend = blend();
        // One of the three is fitted to its end.
        blend.members.insert(1, Gbdt { num_iterations: 7, ..Gbdt::default() });
        for (member, patience) in blend.members.iter_mut().zip([3, 0, 3]) {
            member.early_stopping_rounds = patience;
        }
        let fitted = blend.fit_until(&data, &stop, &NoProgress).expect("a model");
        let alone = |member: &Gbdt| member.fit_until(&data, &stop, &NoProgress).expect("a model");
        let n_rounds: Vec<usize> =
            blend.members.iter().flat_map(|member| alone(member).n_rounds).collect();
        assert_eq!((fitted.n_rounds.len(), &fitted.n_rounds), (2, &n_rounds));
        assert_ne!(n_rounds[0], n_rounds[1]);
        // Fitted again on the same rows, with nothing to stop by, it is the same.
        let config = LearnerConfig::Blend(blend);
        let again = config.for_refit(&fitted);
        assert!(config.stops_early() && !again.stops_early());
        let again = again.learner().fit(&data, &NoProgress).expect("a model");
        assert_eq!((again.model, again.n_rounds), (fitted.model, Vec::new()));
    }

    #[test]
    fn members_are_checked() {
        let read = |json: &str| {
            serde_json::from_str::<LearnerConfig>(json).map_err(|error| error.to_string())
        };
        let refused = |json: &str| read(json).expect("known keys").check().unwrap_err().to_string();
        let one = refused(r#"{"kind": "blend", "members": [{}]}"#);
        assert!(one.contains("members") && one.contains("2 to 100"), "{one}");
        let rate = refused(r#"{"kind": "blend", "members": [{}, {"learning_rate": 2}]}"#);
        assert!(rate.contains("member 2") && rate.contains("learning_rate"), "{rate}");
        let large = refused(r#"{"kind": "blend", "members": [{}, {"num_iterations": 9701}]}"#);
        assert!(large.contains("10000 trees in all, found 10001"), "{large}");
        let named = refused(r#"{"kind": "blend", "members": [{}, {"name": "a"}]}"#);
        assert!(named.contains("members without names"), "{named}");
        let unknown = read(r#"{"kind": "blend", "members": [{}, {"n_trees": 2}]}"#);
        assert!(unknown.unwrap_err().contains("n_trees"));
    }
}
