//! The page of a backtest: how the job does from run to run, and what its models lose as they age.

use super::date;
use super::format::{NONE, count, decimals, difference, measure, optional};
use super::svg::{Axis, Plot};
use super::view::{Block, Cell, Chart, Figure, Page, RowView, Section, TableView};
use crate::pipeline::backtest::{Age, Backtest, Fold, Interval, MeasureMap};

/// The measures that are shown by themselves, where there are any.
const SHOWN: [&str; 6] = [
    "average_precision",
    "roc_auc",
    "card_precision_at_100",
    "recall_at_fpr_0.01",
    "observed_over_expected",
    "log_loss",
];
/// Those that ages and intervals have a plot of.
const PLOTTED: [&str; 2] = ["average_precision", "recall_at_fpr_0.01"];
/// Most names below an axis of runs.
const MAX_RUNS_NAMED: usize = 5;

/// Test windows that the interval told in words rests on, where there are as many.
const MIN_WINDOWS: usize = 3;

/// The page of a backtest. The same backtest gives the same bytes.
pub fn backtest_page(found: &Backtest) -> String {
    let (n_runs, every) = (found.folds.len(), &found.every);
    let runs = if n_runs == 1 { "run" } else { "runs" };
    let (from, to) = (date(&found.from), date(&found.to));
    let source = Source { found, shown: shown(found) };
    let page = Page {
        kind: "Backtest",
        title: found.model.clone(),
        subtitle: format!("{n_runs} {runs} of the job, every {every} · {from} to {to}"),
        verdict: None,
        alerts: source.alerts(),
        figures: source.figures(),
        figures_note: source.figures_note(),
        sections: [
            source.retrain_every(),
            source.course(),
            source.ages(),
            source.runs(),
            source.spread(),
        ]
        .into_iter()
        .flatten()
        .collect(),
    };
    page.document()
}

/// The measures of [`SHOWN`] that some run has.
fn shown(found: &Backtest) -> Vec<&'static str> {
    SHOWN.into_iter().filter(|key| found.spread(key).is_some()).collect()
}

struct Source<'a> {
    found: &'a Backtest,
    shown: Vec<&'static str>,
}

fn number(map: &MeasureMap, key: &str) -> Option<f64> {
    map.get(key)?.as_f64()
}

impl Source<'_> {
    /// Where the job would have stopped.
    fn alerts(&self) -> Vec<String> {
        let folds = &self.found.folds;
        let stopped: Vec<&Fold> = folds.iter().filter(|fold| !fold.findings.is_empty()).collect();
        let Some(first) = stopped.first() else { return Vec::new() };
        vec![format!(
            "The checks before training would have stopped {} of {} runs, first that of {}: {}.",
            stopped.len(),
            folds.len(),
            date(&first.as_of),
            first.findings.join("; ")
        )]
    }

    fn figures(&self) -> Vec<Figure> {
        let figure = |key: &&str| {
            let (name, digits) = measure(key);
            let spread = self.found.spread(key)?;
            let show = |value: f64| decimals(value, digits);
            let sd = spread.sd.map(|sd| format!("± {}", show(sd)));
            let range = format!("{} to {}", show(spread.min), show(spread.max));
            let notes = sd.into_iter().chain([range]).collect();
            Some(Figure { name, value: show(spread.mean), notes })
        };
        self.shown.iter().filter_map(figure).collect()
    }

    fn figures_note(&self) -> String {
        match self.found.folds.len() {
            0 | 1 => String::new(),
            n => format!(
                "Mean of {n} runs, each judged on its own test window; below it their standard deviation, \
                 the least and the greatest."
            ),
        }
    }

    /// How often must we retrain?
    fn retrain_every(&self) -> Option<Section> {
        let intervals = &self.found.retrain_every;
        let regular = intervals.first().filter(|_| intervals.len() > 1)?;
        let days = |interval: &Interval| format!("{} days", count(interval.days));
        let sentence = |interval: &Interval| {
            let key = "average_precision";
            let digits = measure(key).1;
            let change = difference(number(&interval.change, key)?, digits);
            let sd = self.found.spread(key)?.sd.map_or(String::new(), |sd| {
                format!(
                    " From run to run it varies by {} (standard deviation).",
                    decimals(sd, digits)
                )
            });
            Some(format!(
                "Retraining every {} instead of every {} changes average precision on days after as-of by \
                 {change}, on {} test windows.{sd}",
                days(interval),
                days(regular),
                interval.n
            ))
        };
        // The longest that rests on more than chance meetings.
        let told = intervals.iter().rfind(|interval| interval.n >= MIN_WINDOWS);
        let told = told.filter(|interval| interval.days > regular.days).or(intervals.get(1));
        let facts: Vec<String> = told.and_then(sentence).into_iter().collect();
        let points =
            |interval: &Interval, key: &str| Some((interval.days, number(&interval.change, key)?));
        let chart = |key: &'static str| {
            let known = intervals.iter().filter_map(|interval| points(interval, key));
            self.changes(key, "days from one retraining to the next", known.collect(), None)
        };
        let heading = ["retrain every", "test windows"];
        let row = |interval: &Interval| {
            let cells = vec![Cell::from(days(interval)), Cell::from(interval.n.to_string())];
            self.change_row(cells, &interval.change)
        };
        let table = self.table(&heading, intervals.iter().map(row).collect());
        let mut blocks = vec![Block::List(facts)];
        blocks.extend(PLOTTED.into_iter().filter_map(chart).map(Block::Chart));
        blocks.push(Block::Table(table));
        Some(Section {
            id: "retrain",
            title: "How often to retrain",
            intro: format!(
                "What the days after as-of would have lost, or gained, had only every n-th run been made: \
                 the mean change against retraining every {}, on the same rows.",
                self.found.every
            ),
            blocks,
        })
    }

    /// Each measure over the runs, with the intervals of its own test window.
    fn course(&self) -> Option<Section> {
        let folds = &self.found.folds;
        if folds.len() < 2 {
            return None;
        }
        let blocks = self.shown.iter().filter_map(|key| self.over_runs(key)).map(Block::Chart);
        Some(Section {
            id: "course",
            title: "From run to run",
            intro:
                "Each point is a run's own model on its own test window, with the 95 % interval of \
                    that window; the dashed line is the mean."
                    .to_owned(),
            blocks: blocks.collect(),
        })
    }

    fn over_runs(&self, key: &'static str) -> Option<Chart> {
        let (folds, (name, digits)) = (&self.found.folds, measure(key));
        let known: Vec<Run<'_>> = folds
            .iter()
            .enumerate()
            .filter_map(|(position, fold)| Run::of(position as f64, fold, key))
            .collect();
        let mean = self.found.spread(key)?.mean;
        let y = spanning("", known.iter().flat_map(|run| [run.low, run.high, run.value]));
        let mut plot = Plot::new(runs_axis(folds), y);
        let last = folds.len() as f64 - 1.0;
        plot.line("faint", [(0.0, mean), (last, mean)]);
        plot.line("a", known.iter().map(|run| (run.at, run.value)));
        for Run { at, as_of, value, low, high } in &known {
            if high > low {
                plot.whisker("a", *at, *low, *high);
            }
            plot.dot("a", (*at, *value), &format!("{as_of}: {}", decimals(*value, digits)));
        }
        let svg = plot.svg(&format!("{name} from run to run; the table of runs has the numbers"));
        Some(Chart { title: title(key), legend: Vec::new(), svg })
    }

    /// What a model loses by its age.
    fn ages(&self) -> Option<Section> {
        let ages = &self.found.ages;
        if ages.len() < 2 {
            return None;
        }
        let chart = |key: &'static str| {
            let point = |age: &Age| Some((age.days_after_as_of, number(&age.change, key)?));
            let known: Vec<(f64, f64)> = ages.iter().filter_map(point).collect();
            let is_within = known.iter().any(|(days, _)| *days > 0.0);
            self.changes(key, "days from as-of to test window", known, is_within.then_some(0.0))
        };
        let heading = ["days after as-of", "pairs"];
        let row = |age: &Age| {
            let days = Cell::from(count(age.days_after_as_of));
            self.change_row(vec![days, Cell::from(age.n.to_string())], &age.change)
        };
        let table = self.table(&heading, ages.iter().map(row).collect());
        let charts = PLOTTED.into_iter().filter_map(chart).map(Block::Chart);
        Some(Section {
            id: "ages",
            title: "How models age",
            intro: "Mean change of earlier runs' models against the model of the test window's own run, on \
                    the same rows. From 0 days on a backend would have scored these days; high ages rest \
                    on few pairs."
                .to_owned(),
            blocks: charts.chain([Block::Table(table)]).collect(),
        })
    }

    fn runs(&self) -> Option<Section> {
        let row = |fold: &Fold| {
            let test = &fold.report["windows"]["test"];
            let number_of = |key: &str| optional(test[key].as_f64(), count);
            let from = test["from"].as_str().map_or(NONE, date);
            let cells = [date(&fold.as_of).to_owned(), from.to_owned(), number_of("rows")];
            let mut cells: Vec<Cell> = cells.into_iter().map(Cell::from).collect();
            cells.extend([number_of("frauds"), fold.candidate.clone()].map(Cell::from));
            cells.extend(self.shown.iter().map(|key| {
                let digits = measure(key).1;
                Cell::from(optional(number(&fold.test, key), |value| decimals(value, digits)))
            }));
            RowView::new(cells).marked(!fold.findings.is_empty())
        };
        let findings = self.found.folds.iter().flat_map(|fold| {
            fold.findings.iter().map(|finding| format!("{}: {finding}", date(&fold.as_of)))
        });
        let findings: Vec<String> = findings.collect();
        let heading = ["as of", "test from", "rows", "frauds", "learner"];
        let rows = self.found.folds.iter().map(row).collect();
        let mut blocks = vec![Block::Table(self.table(&heading, rows))];
        let mut intro = "Each run knows what was known at its as-of, and no more.".to_owned();
        if !findings.is_empty() {
            intro.push_str(" The checks before training would have stopped the marked ones.");
            blocks.push(Block::List(findings));
        }
        Some(Section { id: "runs", title: "Runs", intro, blocks })
    }

    /// All measures over the runs.
    fn spread(&self) -> Option<Section> {
        let row = |key: &String| {
            let ((name, digits), spread) = (measure(key), self.found.spread(key)?);
            let show = |value: f64| decimals(value, digits);
            let sd = optional(spread.sd, show);
            let [mean, min, max] = [spread.mean, spread.min, spread.max].map(show);
            Some(RowView::new([name, spread.n.to_string(), mean, sd, min, max]))
        };
        let keys = self.found.measures.keys();
        let keys = keys.filter(|key| !["rows", "frauds"].contains(&key.as_str()));
        let rows: Vec<RowView> = keys.filter_map(row).collect();
        let heading = vec!["measure", "runs", "mean", "sd", "least", "greatest"];
        let blocks = vec![Block::Table(TableView { heading, rows })];
        Some(Section { id: "spread", title: "All measures", intro: String::new(), blocks })
    }

    fn change_row(&self, mut cells: Vec<Cell>, change: &MeasureMap) -> RowView {
        cells.extend(self.shown.iter().map(|key| {
            let digits = measure(key).1;
            Cell::from(optional(number(change, key), |change| difference(change, digits)))
        }));
        RowView::new(cells)
    }

    /// With the shown measures after the given columns.
    fn table(&self, heading: &[&'static str], rows: Vec<RowView>) -> TableView {
        let measures = self.shown.iter().copied().map(title);
        TableView { heading: heading.iter().copied().chain(measures).collect(), rows }
    }

    /// Changes of a measure, beside none; none of fewer than two.
    fn changes(
        &self,
        key: &'static str,
        x: &str,
        known: Vec<(f64, f64)>,
        live: Option<f64>,
    ) -> Option<Chart> {
        let (first, last) = (known.first()?.0, known.last()?.0);
        if known.len() < 2 {
            return None;
        }
        let (name, digits) = measure(key);
        let changes = known.iter().map(|(_, change)| *change).chain([0.0]);
        let x = Axis::linear(x, first, last, count);
        let mut plot = Plot::new(x, spanning("change", changes));
        plot.line("faint", [(first, 0.0), (last, 0.0)]);
        if let Some(live) = live {
            plot.mark(live, "live");
        }
        plot.line("a", known.iter().copied());
        for (at, change) in known {
            let change_text = difference(change, digits);
            plot.dot("a", (at, change), &format!("{} days: {change_text}", count(at)));
        }
        let svg = plot.svg(&format!("Change of {name}; the table below has the numbers"));
        Some(Chart { title: title(key), legend: Vec::new(), svg })
    }
}

/// A run's measure, with the ends of its interval where it has one.
struct Run<'a> {
    at: f64,
    as_of: &'a str,
    value: f64,
    low: f64,
    high: f64,
}

impl<'a> Run<'a> {
    fn of(at: f64, fold: &'a Fold, key: &str) -> Option<Self> {
        let value = number(&fold.test, key)?;
        let interval = &fold.report["learners"][&fold.candidate]["intervals"][key];
        let end = |end: &str| interval[end].as_f64().unwrap_or(value);
        Some(Self { at, as_of: date(&fold.as_of), value, low: end("low"), high: end("high") })
    }
}

/// A measure as it is headed.
fn title(key: &'static str) -> &'static str {
    match key {
        "average_precision" => "average precision",
        "roc_auc" => "ROC AUC",
        "card_precision_at_100" => "Card Precision@100",
        "recall_at_fpr_0.01" => "recall at 1 % FPR",
        "observed_over_expected" => "observed / expected",
        "log_loss" => "log loss",
        key => key,
    }
}

/// An axis that all values lie on, with a little room.
fn spanning(name: &str, values: impl Iterator<Item = f64>) -> Axis {
    let (low, high) =
        values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)));
    let room = (0.05 * (high - low)).max(1e-6);
    let digits = match high - low {
        span if span > 2.0 => 1,
        span if span > 0.1 => 2,
        span if span > 0.005 => 3,
        _ => 4,
    };
    Axis::linear(name, low - room, high + room, |tick| decimals(tick, digits))
}

/// The runs by their as-of, of which some are named.
fn runs_axis(folds: &[Fold]) -> Axis {
    let every = folds.len().div_ceil(MAX_RUNS_NAMED).max(1);
    let ticks = folds.iter().enumerate().step_by(every);
    let day = |fold: &Fold| fold.as_of.get(5..10).unwrap_or(&fold.as_of).to_owned();
    let ticks = ticks.map(|(position, fold)| (position as f64, day(fold))).collect();
    let last = folds.len().saturating_sub(1) as f64;
    Axis::linear("as of", 0.0, last, |_| String::new()).with_ticks(ticks)
}
