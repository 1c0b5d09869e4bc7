//! What is kept of one key's entities, and how each feature is read off it.
//!
//! A *stream* is the events of an entity that pass one filter. All features of a stream share one log,
//! and all intervals share *edges*: the times `t − distance` at which one begins or ends.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::identity::{IdentityHasher, Naming};
use super::{Closed, Filter, Measure, WindowFeature, WindowProgram, canonical};
use crate::schema::SchemaError;

/// Cells of time per distance of an edge, at most and at least.
pub(super) const FINEST: u32 = 64;
const COARSEST: u32 = 4;
/// Most edges of a stream.
pub(in crate::features) const MAX_EDGES: usize = 64;

/// What is kept of the entities of one key.
#[derive(Debug, Clone)]
pub(in crate::features) struct KeyPlan {
    pub(super) columns: Vec<usize>,
    pub(super) hasher: IdentityHasher,
    /// In the order of their filters' bytes, so that programs of one hash have the same.
    pub(in crate::features) streams: Vec<StreamPlan>,
}

/// What is kept of the events that pass one filter.
#[derive(Debug, Clone)]
pub(in crate::features) struct StreamPlan {
    /// The bit of the filter; 0 where all events pass.
    filter: u64,
    pub(in crate::features) max_events: usize,
    pub(in crate::features) horizon: i64,
    /// In ascending order of their distance.
    pub(in crate::features) zones: Vec<Zone>,
    pub(super) resolution: u32,
    /// By ascending distance; at one distance those closed right before those closed left.
    pub(in crate::features) edges: Vec<Edge>,
    /// In the order of the columns' names.
    pub(in crate::features) amounts: Vec<AmountPlan>,
    pub(in crate::features) distinct: Vec<DistinctPlan>,
    pub(in crate::features) labels: Option<LabelPlan>,
    /// Pairs of words of a row of a short log: [those of every row](Self::total_pairs), then the different values.
    pub(in crate::features) short_pairs: usize,
    /// Pairs of a row of a long log: those of every row, then squares and extremes.
    pub(in crate::features) long_pairs: usize,
    /// Pairs that every row begins with: the time and count of events, then number and sum of each amount.
    pub(in crate::features) total_pairs: usize,
    /// Extremes of some amount are kept.
    pub(in crate::features) has_extremes: bool,
    /// Events have ids.
    pub(in crate::features) has_id: bool,
    /// Some feature sees the event itself.
    pub(in crate::features) sees_itself: bool,
    /// By measure: one follows its like.
    pub(in crate::features) measures: Vec<MeasurePlan>,
}

/// Ages up to `distance`, beyond those of the zone before: cells here are `width` long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::features) struct Zone {
    pub(in crate::features) distance: i64,
    pub(in crate::features) width: i64,
}

/// A time at which intervals begin or end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::features) struct Edge {
    pub(in crate::features) distance: i64,
    pub(in crate::features) closed: Closed,
}

/// What is kept of an amount.
#[derive(Debug, Clone, Copy)]
pub(in crate::features) struct AmountPlan {
    /// Which amount of an event.
    pub(in crate::features) slot: usize,
    /// The pair of its number and sum in a row of the log.
    pub(in crate::features) pair: usize,
    /// The pair of its squares or, without these, its extremes, among those behind a row's totals.
    pub(in crate::features) more: usize,
    /// Minor units in a major one.
    pub(in crate::features) scale: f64,
    pub(in crate::features) squares: bool,
    pub(in crate::features) extremes: bool,
}

/// What is kept of a column's different values.
#[derive(Debug, Clone, Copy)]
pub(in crate::features) struct DistinctPlan {
    /// Which value of an event.
    pub(in crate::features) slot: usize,
    /// Where some window is limited, so that occurrences are kept: which word of a short log's row has the value.
    pub(in crate::features) word: Option<usize>,
    /// Some window is all history: first occurrences are kept.
    pub(in crate::features) ever: bool,
}

/// What is kept of labels.
#[derive(Debug, Clone, Copy)]
pub(in crate::features) struct LabelPlan {
    /// Some window is all history.
    pub(in crate::features) ever: bool,
}

/// The features of one measure.
#[derive(Debug, Clone)]
pub(in crate::features) struct MeasurePlan {
    pub(in crate::features) measure: PlannedMeasure,
    pub(in crate::features) features: Vec<FeaturePlan>,
}

/// Where a feature is read off the log.
#[derive(Debug, Clone, Copy)]
pub(in crate::features) struct FeaturePlan {
    /// Its position among the values.
    pub(in crate::features) position: usize,
    /// The edges at which its interval begins, none for all history, and ends.
    pub(in crate::features) begin: Option<usize>,
    pub(in crate::features) end: usize,
    pub(in crate::features) closed: Closed,
    /// Closed right without a delay: the event itself is seen.
    pub(in crate::features) sees_itself: bool,
}

/// A measure with the position of its amount or distinct column in the stream's plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::features) enum PlannedMeasure {
    Count,
    Sum(usize),
    Mean(usize),
    Max(usize),
    Min(usize),
    Std(usize),
    Distinct(usize),
    FraudRate,
    SecondsSinceLast,
    RatioToMean(usize),
}

/// What a plan refers to.
pub(super) struct Context<'a> {
    pub(super) program: &'a WindowProgram,
    pub(super) naming: Naming,
    pub(super) distinct: &'a [&'a Arc<str>],
    pub(super) filters: &'a [&'a Filter],
}

/// The plan of one key, of which these are the features with their positions.
pub(super) fn key(
    context: &Context<'_>,
    features: &[(usize, &WindowFeature)],
    column: impl Fn(&Arc<str>) -> Option<usize>,
) -> Result<KeyPlan, SchemaError> {
    let Some((_, first)) = features.first() else {
        return Err(SchemaError::new("window program", "a key without features"));
    };
    let mut by_filter: BTreeMap<Vec<u8>, Vec<(usize, &WindowFeature)>> = BTreeMap::new();
    for (position, feature) in features {
        let filter = canonical::filter(feature.filter.as_ref());
        by_filter.entry(filter).or_default().push((*position, feature));
    }
    let streams = by_filter.into_iter().map(|(filter, features)| {
        let is_it = |(_, other): &(u32, &&Filter)| canonical::filter(Some(other)) == filter;
        let bit = (0..).zip(context.filters).find(is_it);
        let bit = bit.map_or(0, |(bit, _)| 1_u64.wrapping_shl(bit));
        stream(context, bit, &features)
    });
    Ok(KeyPlan {
        columns: first.sorted_key().into_iter().filter_map(column).collect(),
        hasher: canonical::entity_hasher(first, context.naming),
        streams: streams.collect::<Result<_, _>>()?,
    })
}

fn stream(
    context: &Context<'_>,
    filter: u64,
    features: &[(usize, &WindowFeature)],
) -> Result<StreamPlan, SchemaError> {
    let fail = |problem| Err(SchemaError::new("window program", problem));
    let max_events = context.program.max_events as usize;
    let edges = edges(features);
    if edges.len() > MAX_EDGES {
        return fail("the windows of one key and filter begin and end at more than 64 distances");
    }
    let distances: BTreeSet<i64> =
        edges.iter().map(|edge| edge.distance).filter(|distance| *distance > 0).collect();
    let finest = (COARSEST..=FINEST).rev().find_map(|resolution| {
        let zones = zones(&distances, resolution);
        // Half of the events for cells, a quarter exact, and a quarter to come until the next time.
        (n_cells(&zones) <= max_events / 2).then_some((resolution, zones))
    });
    let Some((resolution, zones)) = finest else {
        return fail(
            "max_events is too small for so many windows: take more events or fewer windows",
        );
    };
    let amounts = amounts(context.program, features);
    let sorted = context.program.sorted_amounts();
    let distinct = distinct(context, features);
    let edge = |distance, closed| edges.iter().position(|edge| *edge == Edge { distance, closed });
    let planned = features.iter().filter_map(|(position, feature)| {
        let at = |of: fn(usize) -> PlannedMeasure, name: &Arc<str>| {
            let slot = sorted.iter().position(|amount| amount.name == *name);
            amounts.iter().position(|amount| Some(amount.slot) == slot).map(of)
        };
        let measure = match &feature.measure {
            Measure::Count => PlannedMeasure::Count,
            Measure::Sum(name) => at(PlannedMeasure::Sum, name)?,
            Measure::Mean(name) => at(PlannedMeasure::Mean, name)?,
            Measure::Max(name) => at(PlannedMeasure::Max, name)?,
            Measure::Min(name) => at(PlannedMeasure::Min, name)?,
            Measure::Std(name) => at(PlannedMeasure::Std, name)?,
            Measure::RatioToMean(name) => at(PlannedMeasure::RatioToMean, name)?,
            Measure::Distinct(name) => {
                let slot = context.distinct.iter().position(|column| *column == name);
                distinct
                    .iter()
                    .position(|plan| Some(plan.slot) == slot)
                    .map(PlannedMeasure::Distinct)?
            }
            Measure::FraudRate => PlannedMeasure::FraudRate,
            Measure::SecondsSinceLast => PlannedMeasure::SecondsSinceLast,
        };
        let (delay, closed) = (feature.delay_micros, feature.closed);
        let begin = match feature.window_micros {
            Some(window) => Some(edge(delay.saturating_add(window), closed)?),
            None => None,
        };
        let sees_itself = closed == Closed::Right && delay == 0;
        let (position, end) = (*position, edge(delay, closed)?);
        Some((measure, FeaturePlan { position, begin, end, closed, sees_itself }))
    });
    let mut by_measure: BTreeMap<PlannedMeasure, Vec<FeaturePlan>> = BTreeMap::new();
    for (measure, feature) in planned {
        by_measure.entry(measure).or_default().push(feature);
    }
    let is_ever = |rates: &Vec<FeaturePlan>| rates.iter().any(|rate| rate.begin.is_none());
    let rates = by_measure.get(&PlannedMeasure::FraudRate);
    let labels = rates.map(|rates| LabelPlan { ever: is_ever(rates) });
    let total_pairs = amounts.len().saturating_add(1);
    let n_more = amounts.last().map_or(0, AmountPlan::end);
    let n_words = distinct.iter().filter(|plan| plan.word.is_some()).count();
    let sees_itself = by_measure.values().flatten().any(|feature| feature.sees_itself);
    let measures = by_measure.into_iter();
    let measures = measures.map(|(measure, features)| MeasurePlan { measure, features });
    Ok(StreamPlan {
        filter,
        max_events,
        horizon: distances.last().copied().unwrap_or(0),
        zones,
        resolution,
        distinct,
        labels,
        short_pairs: total_pairs.saturating_add(n_words.div_ceil(2)),
        long_pairs: total_pairs.saturating_add(n_more),
        total_pairs,
        has_extremes: amounts.iter().any(|amount| amount.extremes),
        has_id: context.program.event_id.is_some(),
        sees_itself,
        measures: measures.collect(),
        edges,
        amounts,
    })
}

fn edges(features: &[(usize, &WindowFeature)]) -> Vec<Edge> {
    let edges = features.iter().flat_map(|(_, feature)| {
        let end = Edge { distance: feature.delay_micros, closed: feature.closed };
        let begin = feature.window_micros.map(|window| Edge {
            distance: feature.delay_micros.saturating_add(window),
            closed: feature.closed,
        });
        [end].into_iter().chain(begin)
    });
    let mut edges: Vec<Edge> = edges.collect();
    edges.sort_unstable_by_key(|edge| (edge.distance, std::cmp::Reverse(edge.closed)));
    edges.dedup();
    edges
}

/// Cells as wide as the next edge at which an event will be cut allows. Each width is a multiple of
/// the one before, so that a cell never straddles the border of a wider one.
fn zones(distances: &BTreeSet<i64>, resolution: u32) -> Vec<Zone> {
    let mut width = 1_i64;
    let zones = distances.iter().map(|&distance| {
        let allowed = distance.checked_div(resolution.into()).unwrap_or(distance);
        let times = allowed.checked_div(width).unwrap_or(1).max(1);
        width = width.saturating_mul(times);
        Zone { distance, width }
    });
    zones.collect()
}

/// Most cells in which the events within the horizon can lie.
fn n_cells(zones: &[Zone]) -> usize {
    let mut from = 0_i64;
    let cells = zones.iter().map(|zone| {
        let length = zone.distance.saturating_sub(from);
        from = zone.distance;
        // The first and the last may lie in the zone with an end only.
        let n_cells = length.checked_div(zone.width).unwrap_or(0).saturating_add(2);
        usize::try_from(n_cells).unwrap_or(usize::MAX)
    });
    // The newest time and all that is older than the horizon are a cell each.
    cells.fold(2, usize::saturating_add)
}

fn amounts(program: &WindowProgram, features: &[(usize, &WindowFeature)]) -> Vec<AmountPlan> {
    let mut plans: Vec<AmountPlan> = Vec::new();
    for (slot, column) in program.sorted_amounts().into_iter().enumerate() {
        let of_it = features.iter().filter(|(_, feature)| {
            super::check::summed(feature).is_some_and(|name| *name == column.name)
        });
        let measures: Vec<&Measure> = of_it.map(|(_, feature)| &feature.measure).collect();
        let any = |is: fn(&Measure) -> bool| measures.iter().any(|measure| is(measure));
        if measures.is_empty() {
            continue;
        }
        plans.push(AmountPlan {
            slot,
            pair: plans.len().saturating_add(1),
            more: plans.last().map_or(0, AmountPlan::end),
            scale: 10_u64.saturating_pow(column.decimals.into()) as f64,
            squares: any(|measure| matches!(measure, Measure::Std(_))),
            extremes: any(|measure| matches!(measure, Measure::Max(_) | Measure::Min(_))),
        });
    }
    plans
}

fn distinct(context: &Context<'_>, features: &[(usize, &WindowFeature)]) -> Vec<DistinctPlan> {
    let mut n_words = 0_usize;
    let plan = |(slot, column): (usize, &&Arc<str>)| {
        let of_it = features.iter().filter(
            |(_, feature)| matches!(&feature.measure, Measure::Distinct(name) if name == *column),
        );
        let endless: Vec<bool> =
            of_it.map(|(_, feature)| feature.window_micros.is_none()).collect();
        if endless.is_empty() {
            return None;
        }
        let word = endless.contains(&false).then_some(n_words);
        n_words = n_words.saturating_add(word.is_some().into());
        Some(DistinctPlan { slot, word, ever: endless.contains(&true) })
    };
    context.distinct.iter().enumerate().filter_map(plan).collect()
}

impl Edge {
    /// Events before this bound lie before the edge of an event at `time`. Times are whole: `time <=
    /// bound` is `time < bound + 1`. Times and distances are far too small to overflow.
    #[inline]
    pub(in crate::features) fn bound(self, time: i64) -> i64 {
        time.wrapping_sub(self.distance).wrapping_add(self.closed.after())
    }
}

impl AmountPlan {
    /// The pair of its extremes, where they are kept, among those behind a row's totals.
    #[inline]
    pub(in crate::features) fn extremes_pair(&self) -> usize {
        self.more.saturating_add(self.squares.into())
    }

    /// The pair after its last one.
    fn end(&self) -> usize {
        self.extremes_pair().saturating_add(self.extremes.into())
    }
}

impl StreamPlan {
    /// Whether an event of these filter bits belongs to the stream.
    #[inline]
    pub(in crate::features) fn takes(&self, passed: u64) -> bool {
        passed & self.filter == self.filter
    }

    /// The cell in which a time lies that is older by `age`; times of one cell may be put together.
    #[inline]
    pub(in crate::features) fn cell(&self, time: i64, age: i64) -> (i64, i64) {
        // The newest time is a cell of its own: there are programs without any zone.
        if age <= 0 {
            return (0, 0);
        }
        match self.zones.iter().find(|zone| age <= zone.distance) {
            Some(zone) => (zone.distance, time.checked_div_euclid(zone.width).unwrap_or(time)),
            None => (i64::MAX, 0),
        }
    }
}
