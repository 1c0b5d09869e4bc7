//! The values of features for one event, read off the states of its entities.

use super::amounts::{self, AmountSums};
use super::frauds::FraudLog;
use super::log::{Found, Hints, NEVER, Pair};
use super::{EntityState, Stream};
use crate::features::window::{
    AmountPlan, Event, FeaturePlan, MAX_EDGES, MeasurePlan, PlannedMeasure, StreamPlan, Windows,
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
        match state {
            Some(state) => {
                for (plan, stream) in plans.iter().zip(state.streams.iter()) {
                    stream.features(plan, event, values, &mut Hints::default());
                }
            }
            None if event.entity(key).is_some() => {
                let nothing_known = Stream::default();
                for plan in plans {
                    nothing_known.features(plan, event, values, &mut Hints::default());
                }
            }
            None => {
                let measures = plans.iter().flat_map(|plan| &plan.measures);
                for feature in measures.flat_map(|measure| &measure.features) {
                    put(values, feature.position, f32::NAN);
                }
            }
        }
    }
}

/// What is the same for all features of a stream.
struct Question<'a, const N: usize> {
    stream: &'a Stream,
    plan: &'a StreamPlan,
    event: &'a Event,
    /// When the event happened, or the floor where that is later.
    now: i64,
    /// Nothing is asked of the time before.
    floor: i64,
    /// Features that see the event itself count it.
    is_own: bool,
    pairs: &'a [Pair],
    /// The last row before each edge.
    found: [Found; N],
}

/// A feature's stretch of the log.
#[derive(Clone, Copy)]
struct Interval<'a, const N: usize> {
    question: &'a Question<'a, N>,
    plan: &'a FeaturePlan,
}

/// As many edges as most streams have: clearing the room of more costs as much as a few features.
const FEW_EDGES: usize = 8;

impl Stream {
    /// Puts the values of the plan's features into their places, and where its edges were found into the
    /// hints.
    #[inline]
    pub(super) fn features(
        &self,
        plan: &StreamPlan,
        event: &Event,
        values: &mut [f32],
        hints: &mut Hints,
    ) {
        match plan.edges.len() {
            0..=FEW_EDGES => self.features_at::<FEW_EDGES>(plan, event, values, hints),
            _ => self.features_at::<MAX_EDGES>(plan, event, values, hints),
        }
    }

    /// Apart for each N, so that few edges do not take the stack of many.
    #[inline(never)]
    fn features_at<const N: usize>(
        &self,
        plan: &StreamPlan,
        event: &Event,
        values: &mut [f32],
        hints: &mut Hints,
    ) {
        let newest = self.events.newest(plan).unwrap_or(event.time());
        let floor = newest.wrapping_sub(plan.horizon);
        let now = event.time().max(floor);
        let is_own =
            plan.sees_itself && plan.takes(event.filters()) && !self.events.has(plan, event);
        let pairs = self.events.from(0);
        let found = [Found::default(); N];
        let mut question = Question { stream: self, plan, event, now, floor, is_own, pairs, found };
        self.events.find(plan, now, &mut question.found, hints);
        for measure in &plan.measures {
            question.put(measure, values);
        }
    }
}

impl<'a, const N: usize> Question<'a, N> {
    /// Puts the values of the features of one measure into their places.
    #[inline(always)]
    fn put(&self, MeasurePlan { measure, features }: &MeasurePlan, values: &mut [f32]) {
        match *measure {
            PlannedMeasure::Count => self.each(features, values, |it| number(it.n_events())),
            PlannedMeasure::Sum(at) => self.each_of(features, values, at, |it, of| it.sum(of)),
            PlannedMeasure::Mean(at) => self.each_of(features, values, at, |it, of| it.mean(of)),
            PlannedMeasure::Max(at) => {
                self.each_of(features, values, at, |it, amount| it.extreme(amount, |both| both.1))
            }
            PlannedMeasure::Min(at) => {
                self.each_of(features, values, at, |it, amount| it.extreme(amount, |both| both.0))
            }
            PlannedMeasure::Std(at) => self.each_of(features, values, at, |it, of| it.std(of)),
            PlannedMeasure::RatioToMean(at) => {
                self.each_of(features, values, at, |it, amount| it.ratio_to_mean(amount))
            }
            PlannedMeasure::Distinct(at) => {
                self.each(features, values, |it| number(it.n_distinct(at)))
            }
            PlannedMeasure::FraudRate => self.each(features, values, |it| it.fraud_rate()),
            PlannedMeasure::SecondsSinceLast => {
                self.each(features, values, |it| it.seconds_since_last())
            }
        }
    }

    /// Puts a value for each feature into its place.
    #[inline(always)]
    fn each(
        &self,
        features: &[FeaturePlan],
        values: &mut [f32],
        value: impl Fn(Interval<'_, N>) -> f64,
    ) {
        for plan in features {
            let value = value(Interval { question: self, plan });
            #[expect(
                clippy::cast_possible_truncation,
                reason = "the one rounding, to the precision of a row"
            )]
            // One zero, whatever its sign; and one NaN: that of arithmetic may have any sign.
            let value = if value.is_nan() { f32::NAN } else { value as f32 + 0.0 };
            put(values, plan.position, value);
        }
    }

    /// As [`each`](Self::each), of an amount.
    #[inline(always)]
    fn each_of(
        &self,
        features: &[FeaturePlan],
        values: &mut [f32],
        at: usize,
        value: impl Fn(Interval<'_, N>, &AmountPlan) -> f64,
    ) {
        if let Some(amount) = self.plan.amounts.get(at) {
            self.each(features, values, |it| value(it, amount));
        }
    }
}

/// The value where there is none.
const MISSING: f64 = f64::NAN;

impl<'a, const N: usize> Interval<'a, N> {
    /// The place of the last row before it, none where all history begins, and of its last row.
    #[inline(always)]
    fn places(self) -> (Option<usize>, usize) {
        (self.plan.begin.map(|edge| self.found(edge).place), self.found(self.plan.end).place)
    }

    #[inline(always)]
    fn found(self, edge: usize) -> Found {
        // There are at most N edges: it takes no branch.
        const { assert!(N.is_power_of_two()) };
        self.question.found.get(edge & N.wrapping_sub(1)).copied().unwrap_or_default()
    }

    /// The event, where it counts itself.
    #[inline(always)]
    fn own_event(self) -> Option<&'a Event> {
        (self.question.is_own && self.plan.sees_itself).then_some(self.question.event)
    }

    /// Events in it.
    #[inline(always)]
    fn n_events(self) -> u64 {
        let end = self.found(self.plan.end);
        let n_events = match self.plan.begin {
            Some(begin) => end.count.wrapping_sub(self.found(begin).count).into(),
            None => self.question.stream.events.n_up_to(self.question.plan, end.place),
        };
        n_events.wrapping_add(self.own_event().is_some().into())
    }

    /// The times from which on and before which its events lie, the floor where that is later.
    fn bounds(self) -> (i64, i64) {
        let Question { plan, now, floor, .. } = *self.question;
        let bound =
            |edge: usize| plan.edges.get(edge).map_or(NEVER, |edge| edge.bound(now).max(floor));
        (self.plan.begin.map_or(NEVER, bound), bound(self.plan.end))
    }

    /// The sums of an amount, extremes aside.
    fn sums(self, amount: &AmountPlan) -> AmountSums {
        let Question { stream, plan, .. } = self.question;
        stream.events.sums(plan, amount, self.places()).plus(self.own(amount))
    }

    #[inline]
    fn own(self, amount: &AmountPlan) -> AmountSums {
        AmountSums::of(self.own_event().and_then(|event| event.amount(amount.slot)))
    }

    /// How many events have the amount, and its sum, rounded once: most features need no more.
    #[inline(always)]
    fn n_and_sum(self, amount: &AmountPlan) -> (u64, f64) {
        let pair = |place: usize| {
            self.question.pairs.get(place.wrapping_add(amount.pair)).copied().unwrap_or_default()
        };
        let (begin, end) = self.places();
        let (begin, end) = (begin.map_or([0; 2], pair), pair(end));
        let own = self.own_event().and_then(|event| event.amount(amount.slot));
        let n = amounts::n_between(end, begin).wrapping_add(own.is_some().into());
        let own = own.unwrap_or(0);
        let sum = if n <= amounts::FEW {
            amounts::sum_of_few(end, begin).wrapping_add(own) as f64
        } else {
            float(amounts::sum_between(end, begin).wrapping_add(own.into()))
        };
        (n, sum)
    }

    #[inline(always)]
    fn sum(self, amount: &AmountPlan) -> f64 {
        let (_, sum) = self.n_and_sum(amount);
        sum / amount.scale
    }

    #[inline(always)]
    fn mean(self, amount: &AmountPlan) -> f64 {
        let (n, sum) = self.n_and_sum(amount);
        if n > 0 { sum / (number(n) * amount.scale) } else { MISSING }
    }

    #[inline(never)]
    fn ratio_to_mean(self, plan: &AmountPlan) -> f64 {
        let (n, sum) = self.n_and_sum(plan);
        match self.question.event.amount(plan.slot) {
            Some(amount) if n > 0 && sum != 0.0 => amount as f64 * number(n) / sum,
            _ => MISSING,
        }
    }

    /// Of whole numbers n·Σa² − (Σa)² is exact; where it would overflow, its terms are rounded first.
    #[inline(never)]
    fn std(self, amount: &AmountPlan) -> f64 {
        let AmountSums { n, sum, squares, .. } = self.sums(amount);
        if n < 2 {
            return MISSING;
        }
        let exact = || {
            let of_squares = squares.checked_mul(i128::from(n))?;
            Some(float(of_squares.checked_sub(sum.checked_mul(sum)?)?))
        };
        let (count, rounded) = (number(n), float(sum));
        let spread = exact().unwrap_or_else(|| float(squares) * count - rounded * rounded);
        (spread.max(0.0) / (count * (count - 1.0))).sqrt() / amount.scale
    }

    /// The greatest or least amount; a walk along the rows.
    #[inline(never)]
    fn extreme(self, amount: &AmountPlan, which: fn((i64, i64)) -> i64) -> f64 {
        let Question { stream, plan, .. } = self.question;
        let (low, high) = stream.events.extremes(plan, amount, self.places());
        let own = self.own(amount);
        let all = (low.min(own.low), high.max(own.high));
        if all.0 <= all.1 { which(all) as f64 / amount.scale } else { MISSING }
    }

    #[inline(never)]
    fn n_distinct(self, at: usize) -> u64 {
        let Question { stream, plan, .. } = self.question;
        let Some(of_it) = plan.distinct.get(at) else { return 0 };
        let seen = stream.distinct.get(at);
        let own = self.own_event().map_or(0, |event| event.value(of_it.slot));
        let (from, to) = self.bounds();
        let ((begin, end), events) = (self.places(), &stream.events);
        let found = match (begin, of_it.word) {
            (None, _) => seen.map(|seen| (seen.ever.count(to), own != 0 && seen.ever.has(own, to))),
            (Some(begin), Some(word)) if !events.is_long() => {
                Some(events.n_distinct(plan, word, (begin, end), own))
            }
            _ => seen
                .and_then(|seen| seen.windowed.as_ref())
                .map(|seen| (seen.count(from, to), own != 0 && seen.has(own, from, to))),
        };
        let (n_seen, is_seen) = found.unwrap_or((0, false));
        n_seen.saturating_add(u64::from(own != 0 && !is_seen))
    }

    #[inline(always)]
    fn fraud_rate(self) -> f64 {
        let n_all = self.n_events();
        let frauds = &self.question.stream.frauds;
        match (n_all, if frauds.is_empty() { 0 } else { self.n_frauds(frauds) }) {
            (0, _) => MISSING,
            // Of most entities; a division takes longer than all else here.
            (_, 0) => 0.0,
            // More frauds than events: labels of events that were not observed, or a blurred edge.
            (_, n_frauds) => number(n_frauds.min(n_all)) / number(n_all),
        }
    }

    #[inline(never)]
    fn n_frauds(self, frauds: &FraudLog) -> u64 {
        // A fraud counts that is known before.
        let known = self.question.now.saturating_add(self.plan.closed.after());
        let (from, to) = self.bounds();
        let n_frauds = frauds.count(from, to, known);
        // No event sees its own label, if it should be known already.
        let knows_own = self.own_event().is_some_and(|event| frauds.knows(event, known));
        n_frauds.saturating_sub(u64::from(knows_own))
    }

    #[inline(never)]
    fn seconds_since_last(self) -> f64 {
        // An interval over all history that has none of the events kept has the base.
        let (begin, end) = self.places();
        let Question { stream, now, .. } = self.question;
        let last = stream.events.time_at(end);
        if begin == Some(end) || last == NEVER {
            return MISSING;
        }
        now.saturating_sub(last) as f64 / 1e6
    }
}

#[inline]
fn put(values: &mut [f32], position: usize, value: f32) {
    if let Some(slot) = values.get_mut(position) {
        *slot = value;
    }
}

/// A number of events, which is far below 2^63: as a signed one it takes one instruction.
#[inline]
fn number(n: u64) -> f64 {
    n.cast_signed() as f64
}

/// The nearest f64. Most sums fit 64 bits, for which processors have an instruction.
#[inline]
fn float(whole: i128) -> f64 {
    /// Apart, as otherwise both ways are taken and one result is chosen.
    #[cold]
    #[inline(never)]
    fn wide(whole: i128) -> f64 {
        whole as f64
    }
    i64::try_from(whole).map_or_else(|_| wide(whole), |narrow| narrow as f64)
}
