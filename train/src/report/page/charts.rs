//! The plots of the page.

use serde_json::Value;

use super::Source;
use super::format::{count, decimals, ends, measure, percent, tick};
use super::svg::{Axis, Plot};
use crate::metric::FPR_LIMITS;
use crate::report::evidence::{Evidence, Period, Point, ProbabilityBin, ScoreBins};

/// Most names below an axis of days.
const MAX_DAYS_NAMED: usize = 5;

/// The curves of the model, and of the champion beside it.
pub(super) struct Curves<'a> {
    points: &'a [Point],
    champion: &'a [Point],
    /// Recall at a false-positive rate with its interval: rate, recall, low, high.
    recalls: Vec<(f64, f64, f64, f64)>,
    pub(super) base_rate: f64,
}

impl<'a> Curves<'a> {
    pub(super) fn of(source: &'a Source<'_>) -> Self {
        let Evidence { points, champion_points, .. } = source.evidence;
        let base_rate = points.last().map_or(0.0, |point| point.precision);
        let measures = source.ours;
        let recall = |limit: f64| {
            let key = format!("recall_at_fpr_{limit}");
            let interval = &measures["intervals"][&key];
            let end = |end: &str| interval[end].as_f64();
            Some((limit, measures[&key].as_f64()?, end("low")?, end("high")?))
        };
        let recalls = FPR_LIMITS.into_iter().filter_map(recall).collect();
        Self { points, champion: champion_points, recalls, base_rate }
    }

    /// The models, each with its value of a measure and our interval, and last what is faint.
    pub(super) fn legend(
        &self,
        source: &Source<'_>,
        key: &str,
        faint: &str,
    ) -> Vec<(&'static str, String)> {
        let (name, digits) = measure(key);
        let of = |side: &str, measures: &Value| {
            let value = measures[key].as_f64().map(|value| decimals(value, digits));
            let ends = ends(&measures["intervals"][key], digits);
            let ends = ends.map_or(String::new(), |ends| format!(" ({ends})"));
            value.map_or(side.to_owned(), |value| format!("{side}: {name} {value}{ends}"))
        };
        let [(_, ours), (_, theirs)] = &source.names;
        let mut legend = vec![("a", of(ours, source.ours))];
        if !self.champion.is_empty() {
            legend.push(("b", of(theirs, source.theirs.unwrap_or(&Value::Null))));
        }
        legend.push(("faint", faint.to_owned()));
        legend
    }

    pub(super) fn has_intervals(&self) -> bool {
        !self.recalls.is_empty()
    }
}

pub(super) fn precision_recall(curves: &Curves<'_>) -> Plot {
    let mut plot = Plot::new(
        Axis::linear("recall", 0.0, 1.0, tick),
        Axis::linear("precision", 0.0, 1.0, tick),
    );
    let line = |points: &[Point]| {
        let point = |point: &Point| Some((point.recall?, point.precision));
        points.iter().filter_map(point).collect::<Vec<_>>()
    };
    plot.line("faint", [(0.0, curves.base_rate), (1.0, curves.base_rate)]);
    plot.line("b", line(curves.champion));
    plot.line("a", line(curves.points));
    plot
}

pub(super) fn roc(curves: &Curves<'_>) -> Plot {
    let x = Axis::log("false-positive rate", 1e-4, 1.0, tick);
    let mut plot = Plot::new(x, Axis::linear("recall", 0.0, 1.0, tick));
    let line = |points: &[Point]| {
        let point = |point: &Point| Some((point.false_positive_rate?, point.recall?));
        points.iter().filter_map(point).collect::<Vec<_>>()
    };
    // A random order, which a logarithmic axis bends.
    plot.line(
        "faint",
        (0..=40).map(|k| libm::pow(10.0, f64::from(k) / 10.0 - 4.0)).map(|x| (x, x)),
    );
    plot.line("b", line(curves.champion));
    plot.line("a", line(curves.points));
    for (rate, recall, low, high) in &curves.recalls {
        plot.whisker("a", *rate, *low, *high);
        let title = format!(
            "recall at {} false positives: {}, {} to {}",
            tick(*rate),
            percent(*recall),
            percent(*low),
            percent(*high)
        );
        plot.dot("a", (*rate, *recall), &title);
    }
    plot
}

/// What all rows together cost by the rows that alarm: each of them reviewed, or blocked. None without
/// costs.
pub(super) fn cost(points: &[Point]) -> Option<Plot> {
    let costs = |of: fn(&Point) -> Option<f64>| {
        points.iter().filter_map(move |point| Some((point.rows, of(point)?)))
    };
    let (reviewed, blocked) = (|p: &Point| p.cost_if_reviewed, |p: &Point| p.cost_if_blocked);
    let all: Vec<f64> = costs(reviewed).chain(costs(blocked)).map(|(_, cost)| cost).collect();
    // Blocking most of all rows costs so much that nothing else would be seen.
    let first = all.first().copied().filter(|cost| *cost > 0.0)?;
    let most = all.iter().copied().fold(first, f64::max).min(1.6 * first);
    let rows = points.iter().map(|point| point.rows);
    let x = Axis::log(
        "rows alarmed",
        rows.clone().fold(f64::MAX, f64::min),
        rows.fold(1.0, f64::max),
        count,
    );
    let mut plot = Plot::new(x, Axis::linear("expected cost", 0.0, most, count));
    let shown = |of: fn(&Point) -> Option<f64>| {
        costs(of).take_while(|(_, cost)| *cost <= most).collect::<Vec<_>>()
    };
    plot.line("b", shown(blocked));
    plot.line("a", shown(reviewed));
    Some(plot)
}

/// Predicted beside observed, both on logarithmic scales.
pub(super) fn calibration(bins: &[ProbabilityBin]) -> String {
    let least = bins.iter().map(|bin| bin.predicted).fold(0.01, f64::min).max(1e-6);
    let mut plot = Plot::new(
        Axis::log("predicted probability", least, 1.0, tick),
        Axis::log("observed share of frauds", least, 1.0, tick),
    );
    plot.line("faint", [(least / 10.0, least / 10.0), (1.0, 1.0)]);
    for bin in bins {
        plot.whisker("a", bin.predicted, bin.observed_lower, bin.observed_upper);
        let title = format!(
            "predicted {}, observed {}: {} frauds of {} rows",
            percent(bin.predicted),
            percent(bin.observed),
            count(bin.frauds),
            count(bin.rows)
        );
        plot.dot("a", (bin.predicted, bin.observed), &title);
    }
    let (fraud, expected) = bins.iter().fold((0.0, 0.0), |(fraud, expected), bin| {
        (fraud + bin.frauds, expected + bin.predicted * bin.rows)
    });
    plot.svg(&format!(
        "Observed share of frauds by predicted probability; {} frauds where {} were expected",
        count(fraud),
        count(expected)
    ))
}

/// Margins of both classes, rows on a logarithmic scale, and where the alerts begin.
pub(super) fn scores(bins: &ScoreBins, evidence: &Evidence) -> String {
    let most = bins.frauds.iter().chain(&bins.legitimate).copied().fold(1.0, f64::max);
    let rows = |value: f64| if value < 1.0 { String::new() } else { count(value) };
    let x = Axis::linear("margin", bins.from, bins.to, |value| decimals(value, digits(bins)));
    let mut plot = Plot::new(x, Axis::log("rows", 0.5, most, rows));
    let width = (bins.to - bins.from) / bins.frauds.len().max(1) as f64;
    for (bin, (frauds, legitimate)) in bins.frauds.iter().zip(&bins.legitimate).enumerate() {
        let from = bins.from + bin as f64 * width;
        let middle = from + width / 2.0;
        let range = format!("{} to {}", decimals(from, 3), decimals(from + width, 3));
        if *legitimate > 0.0 {
            let title = format!("{range}: {} legitimate", count(*legitimate));
            plot.bar("good", (from, middle), *legitimate, &title);
        }
        if *frauds > 0.0 {
            let title = format!("{range}: {} frauds", count(*frauds));
            plot.bar("fraud", (middle, from + width), *frauds, &title);
        }
    }
    for point in evidence.points.iter().filter(|point| point.band.is_some()) {
        plot.mark(point.margin, point.band.as_deref().unwrap_or_default());
    }
    plot.svg("Rows by margin, frauds beside legitimate ones, on a logarithmic scale")
}

/// Decimals that tell the ticks of the margins apart.
fn digits(bins: &ScoreBins) -> usize {
    match bins.to - bins.from {
        span if span > 10.0 => 0,
        span if span > 1.0 => 1,
        _ => 2,
    }
}

/// An axis of periods, of which some are named.
fn periods(course: &[Period]) -> Axis {
    let last = course.len().saturating_sub(1) as f64;
    let every = course.len().div_ceil(MAX_DAYS_NAMED).max(1);
    let ticks = course.iter().enumerate().step_by(every);
    let ticks = ticks.map(|(position, period)| (position as f64, day(&period.from).to_owned()));
    let name = if course.iter().any(|period| period.days > 1) { "week from" } else { "day" };
    Axis::linear(name, 0.0, last, |_| String::new()).with_ticks(ticks.collect())
}

/// Month and day of a date.
fn day(date: &str) -> &str {
    date.get(5..).unwrap_or(date)
}

/// Frauds and alerts by day.
pub(super) fn counts(course: &[Period]) -> String {
    let most = course.iter().map(|p| p.frauds.max(p.alerts)).fold(1.0, f64::max);
    let mut plot = Plot::new(periods(course), Axis::linear("rows", 0.0, most * 1.05, count));
    let at = |of: fn(&Period) -> f64| {
        course.iter().enumerate().map(move |(position, period)| (position as f64, of(period)))
    };
    plot.line("b", at(|period| period.frauds));
    plot.line("a", at(|period| period.alerts));
    for (position, period) in course.iter().enumerate() {
        let from = &period.from;
        let alerts = format!("{from}: {} rows alarmed", count(period.alerts));
        plot.dot("a", (position as f64, period.alerts), &alerts);
        let frauds = format!("{from}: {} frauds", count(period.frauds));
        plot.dot("b", (position as f64, period.frauds), &frauds);
    }
    plot.svg("Rows alarmed and frauds over time")
}

/// Precision, recall and average precision by day.
pub(super) fn measures(course: &[Period]) -> String {
    let mut plot = Plot::new(periods(course), Axis::linear("share", 0.0, 1.0, tick));
    let mut line = |class: &str, name: &str, of: fn(&Period) -> Option<f64>| {
        let known = course.iter().enumerate();
        let known: Vec<(f64, f64, &str)> = known
            .filter_map(|(position, period)| Some((position as f64, of(period)?, &*period.from)))
            .collect();
        plot.line(class, known.iter().map(|(x, y, _)| (*x, *y)));
        for (x, y, from) in known {
            plot.dot(class, (x, y), &format!("{from}: {name} {}", percent(y)));
        }
    };
    line("c", "average precision", |period| period.average_precision);
    line("b", "recall", |period| period.recall);
    line("a", "precision", |period| period.precision);
    plot.svg("Precision and recall of the alerts, and average precision, over time")
}
