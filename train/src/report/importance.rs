//! What the features of a forest contribute to it.

use shroff_serve::model::{Forest, Node};

/// How much a feature is used.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Importance {
    /// Its share of the gain of all splits, 0 to 1.
    pub gain: f64,
    /// Splits by it.
    pub n_splits: usize,
}

/// The importance of each of so many features, by their position in the row.
///
/// Gain favours features with many values, and says nothing of rows unlike those of the fit: it tells
/// what the model looks at, not what causes fraud.
///
/// # Source
/// Friedman (2001), *Greedy function approximation*, equation 44, without the root.
pub fn importance(forest: &Forest, n_features: usize) -> Vec<Importance> {
    let mut features = vec![Importance::default(); n_features];
    for node in forest.trees.iter().flat_map(|tree| &tree.nodes) {
        if let Node::Split(split) = node
            && let Some(feature) = features.get_mut(split.feature_index as usize)
        {
            feature.gain += split.gain;
            feature.n_splits += 1;
        }
    }
    let total: f64 = features.iter().map(|feature| feature.gain).sum();
    if total > 0.0 {
        features.iter_mut().for_each(|feature| feature.gain /= total);
    }
    features
}

#[cfg(test)]
mod tests {
    use shroff_serve::model::{Aggregation, Split, SplitTest, Tree};

    use super::*;

    #[test]
    fn gains_are_shares_and_splits_are_counted() {
        let leaf = || Node::Leaf { value: 0.0, cover: 1.0 };
        let split = |feature_index, gain, left| {
            let (test, default_left) = (SplitTest::AtMost(0.0), false);
            let right = left + 1;
            Node::Split(Split { feature_index, test, default_left, left, right, cover: 2.0, gain })
        };
        let forest = |nodes| {
            let aggregation = Aggregation::Additive { start: 0.0 };
            Forest { aggregation, symmetric: false, trees: vec![Tree { nodes }] }
        };
        let nodes = vec![
            split(0, 6.0, 1),
            split(2, 1.0, 3),
            split(0, 1.0, 5),
            leaf(),
            leaf(),
            leaf(),
            leaf(),
        ];
        let found = importance(&forest(nodes), 3);
        let gains = found.iter().map(|feature| feature.gain).collect::<Vec<_>>();
        assert_eq!(gains, [0.875, 0.0, 0.125]);
        assert_eq!(found.iter().map(|feature| feature.n_splits).collect::<Vec<_>>(), [2, 0, 1]);
        assert_eq!(importance(&forest(vec![leaf()]), 1), [Importance::default()]);
    }
}
