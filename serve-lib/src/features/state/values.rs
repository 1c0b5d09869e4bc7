//! The values of features for one event, read off the states of its entities.

use super::amounts::AmountSums;
use super::frauds::FraudLog;
use super::log::{NEVER, n_events};
use super::{EntityState, Stream};
use crate::features::window::{
    AmountPlan, Closed, Event, FeaturePlan, MAX_EDGES, PlannedMeasure, StreamPlan, Windows,
};

impl Windows {
    /// The values of all features for an event, in their order; NaN is missing. Ask before the event is
    /// observed: one closed right counts itself here, unless its id shows that it was observed already.
    ///
    /// `states` holds one state a key. Where there is none, an entity of which nothing is known is
    /// taken; where the event has no entity either, the key's features are missing. A shorter `values`
    /// takes the first features.
    ///
    /// Cost: some ten nanoseconds a feature; no allocation.
    pub fn features(&self, event: &Event, states: &[Option<&EntityState>], values: &mut [f32]) {
        for key in 0..self.n_keys() {
            let state = states.get(key).copied().flatten();
            self.features_of_key(key, event, state, values);
        }
    }

    /// As [`features`](Self::features), the features of one key alone; other values stay as they are.
    pub fn features_of_key(
        &self,
        key: usize,
        event: &Event,
        state: Option<&EntityState>,
        values: &mut [f32],
    ) {
        let plans = self.keys().get(key).map_or(&[][..], |key| &key.streams);
        let mut streams = state.into_iter().flat_map(EntityState::streams);
        let is_missing = state.is_none() && event.entity(key).is_none();
        let nothing_known = Stream::default();
        for plan in plans {
            if is_missing {
                let slots = plan.features.iter().map(|feature| feature.position);
                slots.for_each(|slot| put(values, slot, f32::NAN));
                continue;
            }
            streams.next().unwrap_or(&nothing_known).features(plan, event, values);
        }
    }
}

/// A log between two of its rows, and the times it was asked for.
struct Interval<'a> {
    stream: &'a Stream,
    plan: &'a StreamPlan,
    /// Events before the interval, none for all history, and before its end.
    begin: Option<usize>,
    end: usize,
    from: Option<i64>,
    to: i64,
    /// When the event happened, or the floor where that is later.
    now: i64,
    /// A fraud counts that is known before.
    known: i64,
    /// The event, where it counts itself.
    own: Option<&'a Event>,
}

/// As many edges as most streams have: clearing the room of more costs as much as a few features.
const FEW_EDGES: usize = 8;

impl Stream {
    fn features(&self, plan: &StreamPlan, event: &Event, values: &mut [f32]) {
        match plan.edges.len() {
            0..=FEW_EDGES => self.features_at::<FEW_EDGES>(plan, event, values),
            _ => self.features_at::<MAX_EDGES>(plan, event, values),
        }
    }

    fn features_at<const N: usize>(&self, plan: &StreamPlan, event: &Event, values: &mut [f32]) {
        let newest = self.events.newest(plan).unwrap_or(event.time());
        let floor = newest.saturating_sub(plan.horizon);
        let now = event.time().max(floor);
        let (mut positions, mut bounds) = ([0; N], [0; N]);
        let mut n_before = self.events.n_kept(plan);
        let places = positions.iter_mut().zip(&mut bounds);
        for ((number, edge), (position, place)) in plan.edges.iter().enumerate().zip(places) {
            let bound = edge.bound(now);
            // Each edge lies at or before the last one.
            n_before = self.events.n_before(plan, n_before, bound, number);
            (*position, *place) = (n_before, bound.max(floor));
        }
        let is_own = plan.takes(event.filters())
            && plan.features.iter().any(|feature| feature.sees_itself)
            && !self.events.has(plan, event);
        for feature in &plan.features {
            let at = |edge: usize| positions.get(edge).copied().unwrap_or(0);
            let bound = |edge: usize| bounds.get(edge).copied().unwrap_or(floor);
            let closed = plan.edges.get(feature.end).map_or(Closed::Left, |edge| edge.closed);
            let interval = Interval {
                stream: self,
                plan,
                begin: feature.begin.map(at),
                end: at(feature.end),
                from: feature.begin.map(bound),
                to: bound(feature.end),
                now,
                known: now.saturating_add(closed.after()),
                own: (is_own && feature.sees_itself).then_some(event),
            };
            put(values, feature.position, interval.value(feature, event));
        }
    }
}

impl Interval<'_> {
    fn value(&self, feature: &FeaturePlan, event: &Event) -> f32 {
        let amount = |at: usize| self.plan.amounts.get(at);
        let of = |at: usize, value: fn(&Self, &AmountPlan) -> Option<f64>| {
            amount(at).and_then(|plan| value(self, plan))
        };
        let value = match feature.measure {
            PlannedMeasure::Count => Some(self.count() as f64),
            PlannedMeasure::Sum(at) => of(at, Self::sum),
            PlannedMeasure::Mean(at) => of(at, Self::mean),
            PlannedMeasure::Max(at) => of(at, |it, plan| it.extreme(plan, |sums| sums.high)),
            PlannedMeasure::Min(at) => of(at, |it, plan| it.extreme(plan, |sums| sums.low)),
            PlannedMeasure::Std(at) => of(at, Self::std),
            PlannedMeasure::RatioToMean(at) => {
                amount(at).and_then(|plan| self.ratio_to_mean(plan, event))
            }
            PlannedMeasure::Distinct(at) => Some(self.n_distinct(at) as f64),
            PlannedMeasure::FraudRate => self.fraud_rate(),
            PlannedMeasure::SecondsSinceLast => self.seconds_since_last(),
        };
        #[expect(
            clippy::cast_possible_truncation,
            reason = "the one rounding, to the precision of a row"
        )]
        // One zero, whatever its sign.
        let narrow = |value: f64| value as f32 + 0.0;
        value.map_or(f32::NAN, narrow)
    }

    #[inline]
    fn count(&self) -> u64 {
        let total = |n_before: usize| n_events(self.stream.events.row(self.plan, n_before));
        let own = u64::from(self.own.is_some());
        total(self.end).wrapping_sub(self.begin.map_or(0, total)).wrapping_add(own)
    }

    /// The sums of an amount, extremes aside.
    #[inline]
    fn sums(&self, plan: &AmountPlan) -> AmountSums {
        let total = |n_before| AmountSums::read(plan, self.stream.events.row(self.plan, n_before));
        let before = self.begin.map_or(AmountSums::NONE, total);
        total(self.end).since(before).plus(self.own(plan))
    }

    #[inline]
    fn own(&self, plan: &AmountPlan) -> AmountSums {
        AmountSums::of(self.own.and_then(|event| event.amount(plan.slot)))
    }

    fn sum(&self, plan: &AmountPlan) -> Option<f64> {
        Some(float(self.sums(plan).sum) / plan.scale)
    }

    fn mean(&self, plan: &AmountPlan) -> Option<f64> {
        let AmountSums { n, sum, .. } = self.sums(plan);
        (n > 0).then(|| float(sum) / (n as f64 * plan.scale))
    }

    fn ratio_to_mean(&self, plan: &AmountPlan, event: &Event) -> Option<f64> {
        let AmountSums { n, sum, .. } = self.sums(plan);
        let amount = event.amount(plan.slot)?;
        (n > 0 && sum != 0).then(|| amount as f64 * n as f64 / float(sum))
    }

    /// Of whole numbers n·Σa² − (Σa)² is exact; where it would overflow, its terms are rounded first.
    fn std(&self, plan: &AmountPlan) -> Option<f64> {
        let AmountSums { n, sum, squares, .. } = self.sums(plan);
        if n < 2 {
            return None;
        }
        let exact = || {
            let of_squares = squares.checked_mul(i128::from(n))?;
            Some(float(of_squares.checked_sub(sum.checked_mul(sum)?)?))
        };
        let (count, rounded) = (n as f64, float(sum));
        let spread = exact().unwrap_or_else(|| float(squares) * count - rounded * rounded);
        Some((spread.max(0.0) / (count * (count - 1.0))).sqrt() / plan.scale)
    }

    /// The greatest or least amount; a walk along the rows.
    fn extreme(&self, plan: &AmountPlan, which: fn(&AmountSums) -> i64) -> Option<f64> {
        // The row of an event is the one after it; all history begins with the base.
        let from = self.begin.map_or(0, |begin| begin.wrapping_add(1));
        let rows = self.stream.events.rows(self.plan, from, self.end.wrapping_add(1));
        let each = rows.chunks_exact(self.plan.row_words).map(|row| AmountSums::read(plan, row));
        let all = each.fold(self.own(plan), AmountSums::plus);
        (all.low <= all.high).then(|| which(&all) as f64 / plan.scale)
    }

    fn n_distinct(&self, at: usize) -> u64 {
        let Some(plan) = self.plan.distinct.get(at) else { return 0 };
        let own = self.own.map_or(0, |event| event.value(plan.slot));
        let (n_seen, is_seen) = match (self.stream.distinct.get(at), self.from) {
            (None, _) => (0, false),
            (Some(seen), Some(from)) => {
                let is_seen = own != 0 && seen.windowed.has(own, from, self.to);
                (seen.windowed.count(from, self.to), is_seen)
            }
            (Some(seen), None) => {
                (seen.ever.count(self.to), own != 0 && seen.ever.has(own, self.to))
            }
        };
        n_seen.saturating_add(u64::from(own != 0 && !is_seen))
    }

    fn fraud_rate(&self) -> Option<f64> {
        let n_all = self.count();
        let frauds = self.stream.frauds.as_ref();
        let count = |frauds: &FraudLog| {
            let n_frauds = frauds.count(self.from, self.to, self.known);
            // No event sees its own label, if it should be known already.
            let knows_own = self.own.is_some_and(|event| frauds.knows(event, self.known));
            n_frauds.saturating_sub(u64::from(knows_own))
        };
        let n_frauds = frauds.map_or(0, |frauds| count(frauds));
        // More frauds than events: labels of events that were not observed, or a blurred edge.
        (n_all > 0).then(|| n_frauds.min(n_all) as f64 / n_all as f64)
    }

    fn seconds_since_last(&self) -> Option<f64> {
        // An interval over all history that has none of the events kept has the base.
        let has_none = self.begin.is_some_and(|begin| begin == self.end);
        let last = self.stream.events.time(self.plan, self.end);
        if has_none || last == NEVER {
            return None;
        }
        Some(self.now.saturating_sub(last) as f64 / 1e6)
    }
}

#[inline]
fn put(values: &mut [f32], position: usize, value: f32) {
    if let Some(slot) = values.get_mut(position) {
        *slot = value;
    }
}

/// The nearest f64. Most sums fit 64 bits, for which processors have an instruction.
#[inline]
fn float(whole: i128) -> f64 {
    i64::try_from(whole).map_or(whole as f64, |narrow| narrow as f64)
}
