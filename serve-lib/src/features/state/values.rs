//! The values of features for one event, read off the states of its entities.

use super::amounts::{self, AmountSums};
use super::frauds::FraudLog;
use super::log::{Hints, NEVER, hint_of, n_events};
use super::{EntityState, Stream};
use crate::features::window::{
    AmountPlan, Event, IntervalBounds, IntervalPlan, MAX_EDGES, PlannedMeasure, StreamPlan, Windows,
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
                for (plan, stream) in plans.iter().zip(state.streams()) {
                    stream.features(plan, event, values);
                }
            }
            None if event.entity(key).is_some() => {
                let nothing_known = Stream::default();
                for plan in plans {
                    nothing_known.features(plan, event, values);
                }
            }
            None => {
                let intervals = plans.iter().flat_map(|plan| &plan.intervals);
                let features = intervals.flat_map(|interval| &interval.features);
                features.for_each(|feature| put(values, feature.position, f32::NAN));
            }
        }
    }
}

/// What is the same for all features of a stream.
struct Question<'a> {
    stream: &'a Stream,
    plan: &'a StreamPlan,
    event: &'a Event,
    /// When the event happened, or the floor where that is later.
    now: i64,
}

/// An edge in the log of a stream.
#[derive(Clone, Copy, Default)]
struct Found<'a> {
    /// The place of the last row before it.
    place: usize,
    /// The log from that row on, which says what there was up to here.
    row: &'a [u64],
    /// Its time, or the floor where that is later.
    bound: i64,
}

/// Where all history begins: nothing was before.
const NOTHING: Found<'static> = Found { place: 0, row: &[], bound: NEVER };

/// A log between two of its rows.
struct Interval<'a> {
    question: &'a Question<'a>,
    bounds: &'a IntervalBounds,
    begin: &'a Found<'a>,
    end: &'a Found<'a>,
    /// Events in it.
    n_events: u64,
    /// The event, where it counts itself.
    own: Option<&'a Event>,
}

/// As many edges as most streams have: clearing the room of more costs as much as a few features.
const FEW_EDGES: usize = 8;

impl Stream {
    /// Puts the values of the plan's features into their places; where its edges were found.
    pub(super) fn features(&self, plan: &StreamPlan, event: &Event, values: &mut [f32]) -> Hints {
        match plan.edges.len() {
            0..=FEW_EDGES => self.features_at::<FEW_EDGES>(plan, event, values),
            _ => self.features_at::<MAX_EDGES>(plan, event, values),
        }
    }

    /// Apart for each N, so that few edges do not take the stack of many.
    #[inline(never)]
    fn features_at<const N: usize>(
        &self,
        plan: &StreamPlan,
        event: &Event,
        values: &mut [f32],
    ) -> Hints {
        let newest = self.events.newest(plan).unwrap_or(event.time());
        let floor = newest.wrapping_sub(plan.horizon);
        let now = event.time().max(floor);
        let mut found = [NOTHING; N];
        let mut hints = Hints::default();
        for ((number, edge), of_edge) in plan.edges.iter().enumerate().zip(&mut found) {
            let bound = edge.bound(now);
            let place = self.events.before(plan, bound, number);
            *of_edge = Found { place, row: self.events.from(place), bound: bound.max(floor) };
            if let Some(hint) = hints.get_mut(number) {
                *hint = hint_of(place);
            }
        }
        let is_own =
            plan.sees_itself && plan.takes(event.filters()) && !self.events.has(plan, event);
        let question = Question { stream: self, plan, event, now };
        for IntervalPlan { bounds, features } in &plan.intervals {
            // A plan has no interval without its edges.
            let Some(end) = found.get(bounds.end) else { continue };
            let begin = bounds.begin.and_then(|edge| found.get(edge)).unwrap_or(&NOTHING);
            let own = (is_own && bounds.sees_itself).then_some(event);
            let n_events = n_events(end.row)
                .wrapping_sub(n_events(begin.row))
                .wrapping_add(u64::from(own.is_some()));
            let interval = Interval { question: &question, bounds, begin, end, n_events, own };
            for feature in features {
                put(values, feature.position, interval.value(feature.measure));
            }
        }
        hints
    }
}

impl Interval<'_> {
    /// NaN where it is missing.
    #[inline(always)]
    fn value(&self, measure: PlannedMeasure) -> f32 {
        let of = |at: usize, value: fn(&Self, &AmountPlan) -> Option<f64>| {
            self.question.plan.amounts.get(at).and_then(|plan| value(self, plan))
        };
        let value = match measure {
            PlannedMeasure::Count => Some(number(self.n_events)),
            PlannedMeasure::Sum(at) => of(at, Self::sum),
            PlannedMeasure::Mean(at) => of(at, Self::mean),
            PlannedMeasure::Max(at) => of(at, |it, plan| it.extreme(plan, |both| both.1)),
            PlannedMeasure::Min(at) => of(at, |it, plan| it.extreme(plan, |both| both.0)),
            PlannedMeasure::Std(at) => of(at, Self::std),
            PlannedMeasure::RatioToMean(at) => of(at, Self::ratio_to_mean),
            PlannedMeasure::Distinct(at) => Some(number(self.n_distinct(at))),
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

    fn is_endless(&self) -> bool {
        self.bounds.begin.is_none()
    }

    /// The sums of an amount, extremes aside.
    #[inline]
    fn sums(&self, plan: &AmountPlan) -> AmountSums {
        let total = |found: &Found<'_>| AmountSums::read(plan, found.row);
        total(self.end).since(total(self.begin)).plus(self.own(plan))
    }

    #[inline]
    fn own(&self, plan: &AmountPlan) -> AmountSums {
        AmountSums::of(self.own.and_then(|event| event.amount(plan.slot)))
    }

    /// How many events have the amount, and its sum: most features need no more.
    #[inline(always)]
    fn n_and_sum(&self, plan: &AmountPlan) -> (u64, i128) {
        let (n, sum) = amounts::n_and_sum(plan, self.end.row);
        let before = amounts::n_and_sum(plan, self.begin.row);
        let (n, sum) = (n.wrapping_sub(before.0), sum.wrapping_sub(before.1));
        match self.own.and_then(|event| event.amount(plan.slot)) {
            Some(own) => (n.wrapping_add(1), sum.wrapping_add(own.into())),
            None => (n, sum),
        }
    }

    #[inline(always)]
    fn sum(&self, plan: &AmountPlan) -> Option<f64> {
        let (_, sum) = self.n_and_sum(plan);
        Some(float(sum) / plan.scale)
    }

    #[inline(always)]
    fn mean(&self, plan: &AmountPlan) -> Option<f64> {
        let (n, sum) = self.n_and_sum(plan);
        (n > 0).then(|| float(sum) / (number(n) * plan.scale))
    }

    #[inline(never)]
    fn ratio_to_mean(&self, plan: &AmountPlan) -> Option<f64> {
        let (n, sum) = self.n_and_sum(plan);
        let amount = self.question.event.amount(plan.slot)?;
        (n > 0 && sum != 0).then(|| amount as f64 * number(n) / float(sum))
    }

    /// Of whole numbers n·Σa² − (Σa)² is exact; where it would overflow, its terms are rounded first.
    #[inline(never)]
    fn std(&self, plan: &AmountPlan) -> Option<f64> {
        let AmountSums { n, sum, squares, .. } = self.sums(plan);
        if n < 2 {
            return None;
        }
        let exact = || {
            let of_squares = squares.checked_mul(i128::from(n))?;
            Some(float(of_squares.checked_sub(sum.checked_mul(sum)?)?))
        };
        let (count, rounded) = (number(n), float(sum));
        let spread = exact().unwrap_or_else(|| float(squares) * count - rounded * rounded);
        Some((spread.max(0.0) / (count * (count - 1.0))).sqrt() / plan.scale)
    }

    /// The greatest or least amount; a walk along the rows.
    #[inline(never)]
    fn extreme(&self, plan: &AmountPlan, which: fn((i64, i64)) -> i64) -> Option<f64> {
        let Question { stream, plan: of_stream, .. } = self.question;
        let own = self.own(plan);
        let mut all = (own.low, own.high);
        let mut widen = |row| {
            let (low, high) = amounts::extremes(plan, row);
            all = (all.0.min(low), all.1.max(high));
        };
        // All history begins with the base, an interval with the row after its edge.
        let mut after = self.begin.place;
        if self.is_endless() {
            after = stream.events.base();
            widen(stream.events.from(after));
        }
        let rows = stream.events.rows_between(of_stream, after, self.end.place);
        rows.chunks_exact(of_stream.row_words).for_each(widen);
        (all.0 <= all.1).then(|| which(all) as f64 / plan.scale)
    }

    #[inline(never)]
    fn n_distinct(&self, at: usize) -> u64 {
        let Question { stream, plan, .. } = self.question;
        let Some(plan) = plan.distinct.get(at) else { return 0 };
        let own = self.own.map_or(0, |event| event.value(plan.slot));
        let (from, to) = (self.begin.bound, self.end.bound);
        let (n_seen, is_seen) = match stream.distinct.get(at) {
            None => (0, false),
            Some(seen) if self.is_endless() => {
                (seen.ever.count(to), own != 0 && seen.ever.has(own, to))
            }
            Some(seen) => {
                let is_seen = own != 0 && seen.windowed.has(own, from, to);
                (seen.windowed.count(from, to), is_seen)
            }
        };
        n_seen.saturating_add(u64::from(own != 0 && !is_seen))
    }

    #[inline(always)]
    fn fraud_rate(&self) -> Option<f64> {
        let n_all = self.n_events;
        let n_frauds =
            self.question.stream.frauds.as_ref().map_or(0, |frauds| self.n_frauds(frauds));
        // More frauds than events: labels of events that were not observed, or a blurred edge.
        (n_all > 0).then(|| number(n_frauds.min(n_all)) / number(n_all))
    }

    #[inline(never)]
    fn n_frauds(&self, frauds: &FraudLog) -> u64 {
        // A fraud counts that is known before.
        let known = self.question.now.saturating_add(self.bounds.closed.after());
        let n_frauds = frauds.count(self.begin.bound, self.end.bound, known);
        // No event sees its own label, if it should be known already.
        let knows_own = self.own.is_some_and(|event| frauds.knows(event, known));
        n_frauds.saturating_sub(u64::from(knows_own))
    }

    #[inline(never)]
    fn seconds_since_last(&self) -> Option<f64> {
        // An interval over all history that has none of the events kept has the base.
        let end = self.end.place;
        let has_none = !self.is_endless() && self.begin.place == end;
        let Question { stream, now, .. } = self.question;
        let last = stream.events.time_at(end);
        if has_none || last == NEVER {
            return None;
        }
        Some(now.saturating_sub(last) as f64 / 1e6)
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
