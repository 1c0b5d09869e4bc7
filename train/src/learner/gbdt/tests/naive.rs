//! The first trees against a search that knows neither bins nor integers: every split between two
//! values of the data, in `f64`, over all rows each time.

use rand_pcg::Pcg64;
use rand_pcg::rand_core::{Rng, SeedableRng};
use shroff_serve::model::Node;

use super::{Gbdt, GrowPolicy, fit, forest, numbers, small};
use crate::matrix::Matrix;

/// A question: feature, greatest value on the left, side of missing values.
type Question = (usize, f32, bool);

struct Naive<'a> {
    learner: &'a Gbdt,
    matrix: &'a Matrix,
    gradients: Vec<(f64, f64)>,
}

struct Leaf {
    rows: Vec<usize>,
    depth: usize,
}

impl Naive<'_> {
    fn passes(&self, row: usize, (feature, at_most, missing_left): Question) -> bool {
        let value = self.matrix.row(row)[feature];
        if value.is_nan() { missing_left } else { value <= at_most }
    }

    fn score(&self, rows: &[usize]) -> f64 {
        let (mut gradient, mut hessian) = (0.0, 0.0);
        for row in rows {
            gradient += self.gradients[*row].0;
            hessian += self.gradients[*row].1;
        }
        gradient * gradient / (hessian + self.learner.lambda_l2)
    }

    fn output(&self, rows: &[usize]) -> f64 {
        let sums = rows.iter().map(|row| self.gradients[*row]);
        let (gradient, hessian) = sums.fold((0.0, 0.0), |a, b| (a.0 + b.0, a.1 + b.1));
        -self.learner.learning_rate * gradient / (hessian + self.learner.lambda_l2)
    }

    fn gain(&self, rows: &[usize], question: Question) -> f64 {
        let (left, right): (Vec<usize>, Vec<usize>) =
            rows.iter().partition(|row| self.passes(**row, question));
        if left.is_empty() || right.is_empty() {
            return 0.0;
        }
        self.score(&left) + self.score(&right) - self.score(rows)
    }

    /// All questions halfway between two values of the data.
    fn questions(&self) -> Vec<Question> {
        let mut questions = Vec::new();
        for feature in 0..self.matrix.n_features() {
            let column = (0..self.matrix.n_rows()).map(|row| self.matrix.row(row)[feature]);
            let mut values: Vec<f32> = column.filter(|value| !value.is_nan()).collect();
            values.sort_by(f32::total_cmp);
            values.dedup();
            let between = values.windows(2).map(|pair| (pair[0] + pair[1]) / 2.0);
            for at_most in between.chain([f32::MAX.next_down()]) {
                questions.extend([(feature, at_most, false), (feature, at_most, true)]);
            }
        }
        questions
    }

    fn best(&self, leaves: &[&Leaf]) -> Option<(f64, Question)> {
        let mut best: Option<(f64, Question)> = None;
        for question in self.questions() {
            let gain: f64 = leaves.iter().map(|leaf| self.gain(&leaf.rows, question)).sum();
            if gain > best.map_or(1e-9, |best| best.0 + 1e-9) {
                best = Some((gain, question));
            }
        }
        best
    }

    fn split(&self, leaf: &Leaf, question: Question) -> [Leaf; 2] {
        [true, false].map(|left| {
            let rows = leaf.rows.iter().copied();
            let rows = rows.filter(|row| self.passes(*row, question) == left).collect();
            Leaf { rows, depth: leaf.depth + 1 }
        })
    }

    fn grow(&self) -> Vec<Leaf> {
        let rows = (0..self.matrix.n_rows()).collect();
        let mut leaves = vec![Leaf { rows, depth: 0 }];
        let max_depth = self.learner.max_depth.expect("set");
        match self.learner.grow_policy {
            GrowPolicy::Symmetric => {
                for _ in 0..max_depth {
                    let Some((_, question)) = self.best(&leaves.iter().collect::<Vec<_>>()) else {
                        break;
                    };
                    leaves = leaves.iter().flat_map(|leaf| self.split(leaf, question)).collect();
                }
            }
            GrowPolicy::Leafwise => {
                while leaves.len() < self.learner.num_leaves {
                    let open = leaves.iter().enumerate().filter(|(_, leaf)| leaf.depth < max_depth);
                    let gains = open.filter_map(|(at, leaf)| {
                        self.best(&[leaf]).map(|(gain, question)| (gain, at, question))
                    });
                    let best = gains.max_by(|a, b| a.0.total_cmp(&b.0));
                    let Some((_, at, question)) = best else { break };
                    let leaf = leaves.swap_remove(at);
                    leaves.extend(self.split(&leaf, question));
                }
            }
        }
        leaves
    }
}

/// Few values, some missing, and a signal in which no two splits are about as good.
fn data(seed: u64) -> (Matrix, Vec<bool>) {
    let mut random = Pcg64::seed_from_u64(seed);
    let mut below = |n: u64| random.next_u64() % n;
    let (mut values, mut labels) = (Vec::new(), Vec::new());
    for _ in 0..400 {
        let row = [below(9) as f32 * 0.5, below(6) as f32 - 2.0, below(4) as f32];
        let missing = below(10) == 0;
        let risk = 1
            + 2 * row[0] as u64 * u64::from(row[1] > 0.0)
            + 3 * u64::from(missing)
            + u64::from(row[2] > 1.5);
        labels.push(below(14) < risk);
        values.extend([row[0], row[1], if missing { f32::NAN } else { row[2] }]);
    }
    (numbers(3, values), labels)
}

#[test]
fn the_first_trees_are_those_of_an_exact_search() {
    for (policy, seed, boost_from_average) in [
        (GrowPolicy::Leafwise, 1, true),
        (GrowPolicy::Leafwise, 2, false),
        (GrowPolicy::Symmetric, 3, true),
        (GrowPolicy::Symmetric, 4, false),
    ] {
        let (matrix, labels) = data(seed);
        let learner = Gbdt { boost_from_average, ..small(policy) };
        let fitted = fit(&learner, &matrix, &labels, None);
        let n_frauds = labels.iter().filter(|label| **label).count() as f64;
        let average = libm::log(n_frauds / (400.0 - n_frauds));
        let start = if boost_from_average { average } else { 0.0 };
        let mut margins = vec![start; 400];
        for tree in &forest(&fitted).trees {
            let gradient = |(margin, label): (&f64, &bool)| {
                let p = 1.0 / (1.0 + libm::exp(-margin));
                (p - f64::from(u8::from(*label)), p * (1.0 - p))
            };
            let gradients = margins.iter().zip(&labels).map(gradient).collect();
            let naive = Naive { learner: &learner, matrix: &matrix, gradients };
            let leaves = naive.grow();
            assert_eq!(tree.nodes.len(), 2 * leaves.len() - 1, "{policy:?} {seed}");
            let mut reached = Vec::new();
            // A symmetric tree may have leaves without rows.
            for leaf in leaves.iter().filter(|leaf| !leaf.rows.is_empty()) {
                // The rows that the naive tree has together are together, and no others.
                let index = tree.leaf_index(matrix.row(leaf.rows[0]));
                assert!(leaf.rows.iter().all(|row| tree.leaf_index(matrix.row(*row)) == index));
                assert!(!reached.contains(&index), "{policy:?} {seed}");
                reached.push(index);
                let Node::Leaf { value, cover } = tree.nodes[index] else { panic!("no leaf") };
                let expected = naive.output(&leaf.rows);
                assert!((value - expected).abs() < 1e-6, "{value} {expected}");
                assert!((cover - leaf.rows.len() as f64).abs() < 1e-9);
                leaf.rows.iter().for_each(|row| margins[*row] += value);
            }
        }
    }
}
