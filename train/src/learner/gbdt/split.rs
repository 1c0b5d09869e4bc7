//! The best way to part a leaf in two.

use std::ops::Range;

use rayon::prelude::*;

use super::bins::{BinSet, MAX_BINS, MISSING};
use super::grow::Grower;
use super::sums::{Scale, Sums};

/// What a split may do, and what a leaf then says.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Rules {
    pub(super) scale: Scale,
    pub(super) min_data_in_leaf: i64,
    pub(super) min_sum_hessian_in_leaf: f64,
    pub(super) lambda_l1: f64,
    pub(super) lambda_l2: f64,
    /// None: no bound.
    pub(super) max_delta_step: Option<f64>,
    pub(super) min_gain_to_split: f64,
    pub(super) categories: CategoryRules,
    /// Per feature -1, 0 or 1; empty: none is constrained.
    pub(super) monotone: Vec<i8>,
}

/// How categories are put in order and parted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct CategoryRules {
    pub(super) smooth: f64,
    pub(super) l2: f64,
    pub(super) max_threshold: usize,
    pub(super) min_data_per_group: i64,
}

/// Between which values a leaf may lie so that monotone constraints hold above it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Bounds {
    pub(super) low: f64,
    pub(super) high: f64,
}

/// A way to part a leaf.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Candidate {
    pub(super) gain: f64,
    pub(super) feature: usize,
    /// The bins that go left, that of missing values among them if they do.
    pub(super) left: BinSet,
    pub(super) left_sums: Sums,
}

/// A leaf as a search for splits by one feature sees it.
pub(super) struct Scan<'a> {
    pub(super) order: &'a Order,
    /// Those of the feature.
    pub(super) bins: &'a [Sums],
    pub(super) total: Sums,
    pub(super) bounds: Bounds,
    pub(super) monotone: i8,
    /// Missing values are tried on both sides.
    pub(super) has_missing: bool,
    /// Also splits beside an empty bin, which are those beside the bin before it.
    pub(super) empty_bins: bool,
}

/// Bins of a feature in the order in which a split goes through them: those before it go left.
#[derive(Debug)]
pub(super) struct Order {
    pub(super) bins: Vec<u8>,
    /// Numbers of bins on the left that may be; categories may be capped on both ends.
    allowed: [Range<usize>; 2],
    is_categorical: bool,
}

impl Default for Bounds {
    fn default() -> Self {
        Self::NONE
    }
}

impl Bounds {
    pub(super) const NONE: Self = Self { low: f64::NEG_INFINITY, high: f64::INFINITY };
}

impl Rules {
    /// The value of a leaf before the learning rate: the bounded Newton step.
    ///
    /// # Source
    /// Chen and Guestrin (2016), *XGBoost*, equation 5, with LightGBM's `lambda_l1` and
    /// `max_delta_step`.
    pub(super) fn output(&self, sums: Sums, l2: f64, bounds: Bounds) -> f64 {
        let (gradient, hessian) = self.scale.of(sums);
        let step = -self.shrink(gradient) / (hessian + l2).max(f64::MIN_POSITIVE);
        let step = self.max_delta_step.map_or(step, |max| step.clamp(-max, max));
        step.clamp(bounds.low, bounds.high)
    }

    /// How much better than 0 a leaf of these sums does with this output: twice the fall of the
    /// loss's quadratic approximation.
    fn score(&self, sums: Sums, l2: f64, output: f64) -> f64 {
        let (gradient, hessian) = self.scale.of(sums);
        -(2.0 * gradient * output + (hessian + l2) * output * output)
            - 2.0 * self.lambda_l1 * output.abs()
    }

    /// The score of a leaf with its own output.
    pub(super) fn leaf_score(&self, sums: Sums, bounds: Bounds) -> f64 {
        self.score(sums, self.lambda_l2, self.output(sums, self.lambda_l2, bounds))
    }

    fn shrink(&self, gradient: f64) -> f64 {
        (gradient.abs() - self.lambda_l1).max(0.0).copysign(gradient)
    }

    /// Whether a leaf may have so few rows and so small a hessian.
    pub(super) fn is_enough(&self, sums: Sums) -> bool {
        sums.n_rows >= self.min_data_in_leaf
            && self.scale.of(sums).1 >= self.min_sum_hessian_in_leaf
    }

    /// Calls `visit` with each split of a leaf: the number of bins on the left, whether missing
    /// values go there, the sums there, and the score of both sides together, which is minus infinity
    /// where a constraint forbids the split.
    pub(super) fn each_split(
        &self,
        scan: &Scan<'_>,
        mut visit: impl FnMut(usize, bool, Sums, f64),
    ) {
        let Scan { order, bins, total, bounds, monotone, .. } = *scan;
        let missing = bins[usize::from(MISSING)];
        let l2 = self.lambda_l2 + order.extra_l2(self);
        // The plain Newton step needs one division for both sides.
        let plain = self.lambda_l1 == 0.0
            && self.max_delta_step.is_none()
            && monotone == 0
            && bounds == Bounds::NONE;
        let mut left = Sums::default();
        for (position, &bin) in order.bins.iter().enumerate() {
            let bin = bins[usize::from(bin)];
            left += bin;
            // A split beside an empty bin was seen before.
            if (bin.n_rows == 0 && !scan.empty_bins) || !order.allows(position + 1) {
                continue;
            }
            for missing_left in [false, true] {
                if missing_left && !scan.has_missing {
                    break;
                }
                let left = if missing_left { left + missing } else { left };
                let right = total - left;
                if !self.is_enough(left) || !self.is_enough(right) {
                    continue;
                }
                let score = if plain {
                    let ((g_left, h_left), (g_right, h_right)) =
                        (self.scale.of(left), self.scale.of(right));
                    let (h_left, h_right) = (h_left + l2, h_right + l2);
                    (g_left * g_left * h_right + g_right * g_right * h_left) / (h_left * h_right)
                } else {
                    let output = |sums| self.output(sums, l2, bounds);
                    let (low, high) = (output(left), output(right));
                    if f64::from(monotone) * (high - low) < 0.0 {
                        f64::NEG_INFINITY
                    } else {
                        self.score(left, l2, low) + self.score(right, l2, high)
                    }
                };
                visit(position + 1, missing_left, left, score);
            }
        }
    }

    /// What a leaf says: its output, or what it inherited if it is too small to say something.
    pub(super) fn leaf_output(&self, sums: Sums, bounds: Bounds, inherited: f64) -> f64 {
        if self.is_enough(sums) { self.output(sums, self.lambda_l2, bounds) } else { inherited }
    }

    /// The bounds of two children, of which the left should say no more, or no less, than the right.
    ///
    /// # Source
    /// LightGBM's basic method: whatever grows on one side stays beyond the middle of both.
    pub(super) fn child_bounds(
        &self,
        feature: usize,
        middle: f64,
        bounds: Bounds,
    ) -> (Bounds, Bounds) {
        let (below, above) = (Bounds { high: middle, ..bounds }, Bounds { low: middle, ..bounds });
        match self.monotone.get(feature) {
            Some(1) => (below, above),
            Some(-1) => (above, below),
            _ => (bounds, bounds),
        }
    }

    /// The best split of a leaf by one feature.
    pub(super) fn best_split(
        &self,
        feature: usize,
        is_categorical: bool,
        bins: &[Sums],
        total: Sums,
        bounds: Bounds,
    ) -> Option<Candidate> {
        let order = Order::new(self, is_categorical, bins);
        let monotone = self.monotone.get(feature).copied().unwrap_or(0);
        let needed = self.leaf_score(total, bounds) + self.min_gain_to_split;
        let mut best: Option<(usize, bool, Sums, f64)> = None;
        let has_missing = bins[usize::from(MISSING)].n_rows > 0;
        let order = &order;
        let scan = Scan { order, bins, total, bounds, monotone, has_missing, empty_bins: false };
        self.each_split(&scan, |n_left, missing, left, score| {
            if score > best.map_or(needed, |best| best.3) && score.is_finite() {
                best = Some((n_left, missing, left, score));
            }
        });
        let (n_left, missing_left, left_sums, score) = best?;
        let gain = score - self.leaf_score(total, bounds);
        let heavier_left = 2 * left_sums.hessian >= total.hessian;
        let is_empty = |bin: u8| bins[usize::from(bin)].n_rows == 0;
        let default_left = if is_empty(MISSING) { heavier_left } else { missing_left };
        let left =
            order.left(n_left, default_left, |bin| is_empty(bin) && is_categorical, bins.len());
        Some(Candidate { gain, feature, left, left_sums })
    }
}

impl Grower {
    /// The best split of a leaf by the features in use: the greatest gain, of equals the first.
    pub(super) fn best_split(
        &self,
        in_use: &[bool],
        histogram: &[Sums],
        total: Sums,
        bounds: Bounds,
    ) -> Option<Candidate> {
        let of_feature = |feature: usize| {
            if !in_use[feature] {
                return None;
            }
            let bins = &histogram[self.layout.bins(feature)];
            self.rules.best_split(feature, self.is_categorical[feature], bins, total, bounds)
        };
        best_of_features(self.layout.n_features(), of_feature)
    }
}

/// The greatest gain, of equals the first feature.
pub(super) fn best_of_features(
    n_features: usize,
    of_feature: impl Fn(usize) -> Option<Candidate> + Sync + Send,
) -> Option<Candidate> {
    let better = |a: Option<Candidate>, b: Option<Candidate>| match (a, b) {
        (Some(a), Some(b)) => {
            let second = b.gain > a.gain || (b.gain >= a.gain && b.feature < a.feature);
            Some(if second { b } else { a })
        }
        (a, b) => a.or(b),
    };
    let features = (0..n_features).into_par_iter().with_min_len(FEATURES_PER_TASK);
    features.map(of_feature).reduce(|| None, better)
}

/// A search takes about a microsecond per feature, a task a few.
const FEATURES_PER_TASK: usize = 8;

impl Order {
    /// Numbers ascend; categories are sorted by their smoothed ratio of gradient to hessian, those
    /// of too few rows left out.
    ///
    /// # Source
    /// Fisher (1958): for a convex loss the best parting of categories is one of those in this
    /// order. The smoothing, the cap and the least size are LightGBM's.
    pub(super) fn new(rules: &Rules, is_categorical: bool, bins: &[Sums]) -> Self {
        let n_bins = bins.len();
        if !is_categorical {
            let bins = (1..n_bins).map(|bin| bin as u8).collect();
            return Self { bins, allowed: [0..n_bins, 0..0], is_categorical };
        }
        let least = rules.categories.min_data_per_group.max(1);
        let mut order: Vec<u8> =
            (1..n_bins).filter(|&bin| bins[bin].n_rows >= least).map(|bin| bin as u8).collect();
        let ratio = |bin: u8| {
            let (gradient, hessian) = rules.scale.of(bins[usize::from(bin)]);
            gradient / (hessian + rules.categories.smooth)
        };
        order.sort_by(|a, b| ratio(*a).total_cmp(&ratio(*b)));
        let (cap, n) = (rules.categories.max_threshold, order.len());
        // All on the left leaves the right to rare and missing ones.
        let allowed = [0..cap + 1, n.saturating_sub(cap)..n + 1];
        Self { bins: order, allowed, is_categorical }
    }

    fn allows(&self, n_left: usize) -> bool {
        self.allowed.iter().any(|allowed| allowed.contains(&n_left))
    }

    fn extra_l2(&self, rules: &Rules) -> f64 {
        if self.is_categorical { rules.categories.l2 } else { 0.0 }
    }

    /// The set of the first `n_left` bins; missing values, and categories of which nothing is known
    /// here, go by default.
    pub(super) fn left(
        &self,
        n_left: usize,
        default_left: bool,
        is_unknown: impl Fn(u8) -> bool,
        n_bins: usize,
    ) -> BinSet {
        debug_assert!(n_bins <= MAX_BINS);
        let mut left = BinSet::default();
        self.bins[..n_left].iter().for_each(|bin| left.insert(*bin));
        if default_left {
            left.insert(MISSING);
            (1..n_bins)
                .map(|bin| bin as u8)
                .filter(|bin| is_unknown(*bin))
                .for_each(|bin| left.insert(bin));
        }
        left
    }
}
