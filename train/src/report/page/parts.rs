//! The sections of the page, each there when what it shows is.

use serde_json::Value;

use super::decide::Decide;
use super::format::{NONE, count, decimals, difference, optional, percent};
use super::{BarView, Block, Chart, Figure, RowView, Section, Source, TableView, charts, date};
use crate::drift::{Drift, FeatureDrift};
use crate::report::evidence::Slice;
use crate::report::text::MEASURES;

/// Rows of the table of thresholds.
const MAX_TABLE_POINTS: usize = 14;
/// Features shown by importance.
const MAX_IMPORTANT: usize = 20;

/// What must be said before any number.
pub(super) fn alerts(source: &Source<'_>) -> Vec<String> {
    let report = source.report;
    let mut alerts = Vec::new();
    if report["honest_in_time"] == false {
        alerts.push(
            "Not honest in time: rows are split by a column or a hash. Expect worse of what comes next."
                .to_owned(),
        );
    }
    if report["checks"] == "skipped" {
        alerts.push("The checks before training were skipped.".to_owned());
    }
    let texts = |key: &str| report[key].as_array().into_iter().flatten().filter_map(Value::as_str);
    alerts.extend(texts("warnings").map(str::to_owned));
    alerts
}

/// The numbers that matter most.
pub(super) fn figures(source: &Source<'_>) -> Vec<Figure> {
    let (ours, champion) = (source.measures(), source.champion());
    let beside = |key: &str, digits: usize| {
        let theirs = champion.and_then(|champion| champion[key].as_f64());
        theirs.map_or(String::new(), |value| format!("champion {}", decimals(value, digits)))
    };
    let mut figures = Vec::new();
    for (key, name, digits) in [
        ("average_precision", "average precision", 4),
        ("roc_auc", "ROC AUC", 4),
        ("observed_over_expected", "observed / expected frauds", 3),
    ] {
        if let Some(value) = ours[key].as_f64() {
            let note = match (key, ours["base_rate"].as_f64()) {
                ("average_precision", Some(rate)) if champion.is_none() => {
                    format!("random order {}", decimals(rate, 4))
                }
                _ => beside(key, digits),
            };
            figures.push(Figure { name, value: decimals(value, digits), note });
        }
    }
    if let Some(recall) = ours["recall_at_fpr_0.01"].as_f64() {
        let theirs = champion.and_then(|champion| champion["recall_at_fpr_0.01"].as_f64());
        let note = theirs.map_or(String::new(), |value| format!("champion {}", percent(value)));
        let name = "recall at 1 % false positives";
        figures.push(Figure { name, value: percent(recall), note });
    }
    if let (Some(frauds), Some(rows)) = (ours["frauds"].as_f64(), ours["rows"].as_f64()) {
        let note = format!("of {} rows judged", count(rows));
        figures.push(Figure { name: "frauds", value: count(frauds), note });
    }
    figures
}

pub(super) fn sections(source: &Source<'_>) -> Vec<Section> {
    let made = [
        comparison(source),
        decide(source),
        probabilities(source),
        course(source),
        slices(source),
        importance(source),
        drift(source),
        learners(source),
        provenance(source),
    ];
    made.into_iter().flatten().filter(|section| !section.blocks.is_empty()).collect()
}

fn comparison(source: &Source<'_>) -> Option<Section> {
    let (ours, champion) = (source.measures(), source.champion()?);
    let row = |(key, name, digits): &(&str, &str, usize)| {
        let (own, other) = (ours[key].as_f64(), champion[key].as_f64());
        let by = own.zip(other).map(|(own, other)| own - other);
        let show = |value| optional(value, |value| decimals(value, *digits));
        let by = optional(by, |by| difference(by, *digits));
        RowView::new(vec![(*name).to_owned(), show(own), show(other), by])
    };
    let version = source.report["champion"]["version"].as_u64().unwrap_or(0);
    let rows = champion["rows"].as_f64();
    let table = TableView {
        heading: vec!["measure", "challenger", "champion", "difference"],
        rows: MEASURES.iter().map(row).collect(),
    };
    Some(Section {
        id: "champion",
        title: "Challenger against champion",
        intro: format!(
            "The champion is version {version}. Both score the same {} rows.",
            optional(rows, count)
        ),
        blocks: vec![Block::Table(table)],
    })
}

fn decide(source: &Source<'_>) -> Option<Section> {
    let decide = Decide::of(source)?;
    let points = &source.evidence.points;
    let every = points.len().div_ceil(MAX_TABLE_POINTS).max(1);
    let shown = points.iter().enumerate();
    let shown = shown.filter(|(n, point)| n % every == 0 || point.band.is_some());
    let has_amounts = points.iter().any(|point| point.fraud_amount.is_some());
    let has_days = points.iter().any(|point| point.alerts_per_day.is_some());
    let mut heading = vec!["band"];
    heading.extend(has_days.then_some("alerting rows a day"));
    heading.extend(["alerts", "precision", "recall"]);
    heading.extend(has_amounts.then_some("fraud money caught"));
    heading.extend(["of good rows", "margin from"]);
    let row = |(_, point): (usize, &crate::report::evidence::Point)| {
        let mut cells = vec![point.band.clone().unwrap_or_default()];
        cells.extend(has_days.then(|| optional(point.alerts_per_day, count)));
        cells.extend([
            count(point.alerts),
            percent(point.precision),
            optional(point.recall, percent),
        ]);
        cells.extend(has_amounts.then(|| optional(point.amount_recall, percent)));
        cells.extend([optional(point.false_positive_rate, percent), decimals(point.margin, 4)]);
        RowView { class: if point.band.is_some() { "edge" } else { "" }, cells }
    };
    let table = TableView { heading, rows: shown.map(row).collect() };
    Some(Section {
        id: "threshold",
        title: "Where to set the threshold",
        intro:
            "Everything scored at the threshold or higher is an alert. Move it, and see what it \
                catches and what it costs."
                .to_owned(),
        blocks: vec![Block::Decide(Box::new(decide)), Block::Table(table)],
    })
}

fn probabilities(source: &Source<'_>) -> Option<Section> {
    let evidence = source.evidence;
    let mut blocks = Vec::new();
    if !evidence.calibration.is_empty() {
        blocks.push(Block::Chart(Chart {
            title: "Calibration",
            legend: vec![("a", "observed, with 95 % intervals".to_owned())],
            svg: charts::calibration(&evidence.calibration),
        }));
    }
    if let Some(bins) = &evidence.scores {
        let legend = [("good", "legitimate"), ("fraud", "fraud")];
        blocks.push(Block::Chart(Chart {
            title: "Scores",
            legend: legend.map(|(class, name)| (class, name.to_owned())).to_vec(),
            svg: charts::scores(bins, evidence),
        }));
    }
    Some(Section {
        id: "probabilities",
        title: "Probabilities and scores",
        intro:
            "On the dashed line a probability means what it says; above it the model promises too \
                few frauds. Intervals take rows as independent."
                .to_owned(),
        blocks,
    })
}

fn course(source: &Source<'_>) -> Option<Section> {
    let course = &source.evidence.course;
    if course.len() < 2 {
        return None;
    }
    let legend = |names: &[(&'static str, &str)]| {
        names.iter().map(|(class, name)| (*class, (*name).to_owned())).collect()
    };
    let counts = Chart {
        title: "Alerts and frauds",
        legend: legend(&[("a", "alerts"), ("b", "frauds")]),
        svg: charts::counts(course),
    };
    let measures = Chart {
        title: "Measures",
        legend: legend(&[("a", "precision"), ("b", "recall"), ("c", "average precision")]),
        svg: charts::measures(course),
    };
    let edge = optional(source.evidence.alert_margin, |margin| decimals(margin, 4));
    let frauds = course.iter().map(|period| period.frauds).sum::<f64>() / course.len() as f64;
    Some(Section {
        id: "course",
        title: "Over time",
        intro: format!(
            "Alerts are rows with a margin from {edge} on. A point stands for {} frauds on average: \
             single ones jump by chance.",
            count(frauds)
        ),
        blocks: vec![Block::Chart(counts), Block::Chart(measures)],
    })
}

fn slices(source: &Source<'_>) -> Option<Section> {
    let slices = &source.evidence.slices;
    if slices.is_empty() {
        return None;
    }
    let row = |slice: &Slice| {
        RowView::new(vec![
            format!("{}: {}", slice.column, slice.value),
            count(slice.rows),
            count(slice.frauds),
            optional(slice.average_precision, |value| decimals(value, 4)),
            optional(slice.roc_auc, |value| decimals(value, 4)),
            percent(slice.alert_rate),
            optional(slice.precision, percent),
            optional(slice.recall, percent),
            optional(slice.observed_over_expected, |value| decimals(value, 2)),
        ])
    };
    let heading = vec![
        "slice",
        "rows",
        "frauds",
        "avg precision",
        "ROC AUC",
        "alerts",
        "precision",
        "recall",
        "obs/exp",
    ];
    let table = TableView { heading, rows: slices.iter().map(row).collect() };
    Some(Section {
        id: "slices",
        title: "Slices",
        intro:
            "Average precision depends on how many frauds there are: compare a slice with itself \
                last week rather than with its neighbour."
                .to_owned(),
        blocks: vec![Block::Table(table)],
    })
}

fn importance(source: &Source<'_>) -> Option<Section> {
    let important = &source.evidence.importance;
    let greatest = important.first()?.share;
    let bar = |feature: &crate::report::evidence::Importance| BarView {
        name: feature.name.clone(),
        width: format!("{:.1}", feature.share / greatest * 100.0),
        value: percent(feature.share),
    };
    let bars = important.iter().take(MAX_IMPORTANT).map(bar).collect();
    let more = important.len().saturating_sub(MAX_IMPORTANT);
    let mut intro =
        "What the model looks at, as a share of all it gains by its features. It does not \
                     say what causes fraud."
            .to_owned();
    if more > 0 {
        intro.push_str(&format!(" {more} features of less are left out."));
    }
    Some(Section { id: "importance", title: "Features", intro, blocks: vec![Block::Bars(bars)] })
}

fn drift(source: &Source<'_>) -> Option<Section> {
    let drift = source.evidence.drift.as_ref()?;
    let Drift { features, score, bands, .. } = drift;
    let row = |feature: &FeatureDrift| {
        let class = if feature.drifted.is_empty() { "" } else { "edge" };
        let index = |value: f64| decimals(value, 3);
        let cells = vec![
            feature.name.clone(),
            index(feature.psi.value),
            index(feature.psi.limit),
            optional(feature.ks.map(|ks| ks.value), index),
            optional(feature.ks.map(|ks| ks.limit), index),
            percent(feature.missing.data),
            percent(feature.missing.reference),
            if feature.drifted.is_empty() { NONE.to_owned() } else { feature.drifted.join(", ") },
        ];
        RowView { class, cells }
    };
    let heading =
        vec!["feature", "PSI", "limit", "KS", "limit", "missing", "before", "beyond limits"];
    let rows = [score].into_iter().chain(features).map(row).collect();
    let mut blocks = vec![Block::Table(TableView { heading, rows })];
    if !bands.is_empty() {
        let row = |band: &crate::drift::BandDrift| RowView {
            class: if band.is_beyond() { "edge" } else { "" },
            cells: vec![
                format!("{} and above", band.name),
                percent(band.data),
                optional(band.reference, percent),
                optional(band.limit, |limit| format!("±{}", percent(limit))),
            ],
        };
        let heading = vec!["share of rows", "here", "calibrate window", "limit"];
        let rows = bands.iter().map(row).collect();
        blocks.push(Block::Table(TableView { heading, rows }));
    }
    let findings = drift.findings();
    let found = match findings.as_slice() {
        [] => "Nothing drifted.".to_owned(),
        findings => format!("Drifted: {}.", findings.join("; ")),
    };
    Some(Section {
        id: "drift",
        title: "Drift",
        intro: format!(
            "{} rows beside the {} of the calibrate window. A change counts when it is larger than both \
             custom and chance allow. {found}",
            count(drift.rows as f64),
            count(drift.reference_rows as f64)
        ),
        blocks,
    })
}

fn learners(source: &Source<'_>) -> Option<Section> {
    let learners = source.report["learners"].as_object()?;
    let heading = ["learner", "stop AP"].into_iter().chain(MEASURES.map(|(_, name, _)| name));
    let row = |(name, learner): (&String, &Value)| {
        let number = |key: &str, digits: usize| {
            optional(learner[key].as_f64(), |value| decimals(value, digits))
        };
        let is_candidate = source.report["candidate"] == **name;
        let mut cells = vec![name.clone(), number("stop_average_precision", 4)];
        cells.extend(MEASURES.map(|(key, _, digits)| number(key, digits)));
        cells.push(learner["size"].as_str().unwrap_or(NONE).to_owned());
        RowView { class: if is_candidate { "edge" } else { "" }, cells }
    };
    let rows = learners.iter().map(row).collect();
    let table = TableView { heading: heading.chain(["size"]).collect(), rows };
    let notes: Vec<String> = learners
        .iter()
        .flat_map(|(name, learner)| {
            let notes = learner["notes"].as_array().into_iter().flatten();
            notes.filter_map(Value::as_str).map(move |note| format!("{name}: {note}"))
        })
        .collect();
    let mut blocks = vec![Block::Table(table)];
    blocks.extend((!notes.is_empty()).then_some(Block::List(notes)));
    Some(Section {
        id: "learners",
        title: "Learners that competed",
        intro: "The marked one was chosen on the stop window; measures are of the test window."
            .to_owned(),
        blocks,
    })
}

fn provenance(source: &Source<'_>) -> Option<Section> {
    let report = source.report;
    let mut blocks = Vec::new();
    let windows = report["windows"].as_object().into_iter().flatten();
    let rows: Vec<RowView> = windows
        .map(|(name, window)| {
            let time = |key: &str| window[key].as_str().map_or(NONE, date).to_owned();
            let number = |key: &str| optional(window[key].as_f64(), count);
            let unlabelled = optional(window["unlabelled"]["rows"].as_f64(), count);
            let (from, to) = (time("from"), time("to"));
            let cells = vec![name.clone(), from, to, number("rows"), number("frauds"), unlabelled];
            RowView::new(cells)
        })
        .collect();
    if !rows.is_empty() {
        let heading = vec!["window", "from", "to, exclusive", "rows", "frauds", "without label"];
        blocks.push(Block::Table(TableView { heading, rows }));
    }
    let candidate = report["candidate"].as_str();
    let artifact = match candidate {
        Some(candidate) => &report["learners"][candidate]["artifact"],
        None => &report["artifact"],
    };
    let mut facts = Vec::new();
    facts.extend(artifact.as_str().map(|id| format!("artifact {id}")));
    for (key, what) in [
        ("unlabelled_rows", "rows without a label known in time"),
        ("duplicate_rows", "rows with a later row of the same id left out"),
        ("dropped_test_rows", "test rows of entities known to be compromised left out"),
        ("dropped_rows", "rows of entities known to be compromised left out"),
        ("skipped_rows", "rows that could not be read skipped"),
        ("rows_in_fitted_windows", "rows that the model was fitted or calibrated on"),
    ] {
        let rows = report[key].as_f64().filter(|rows| *rows > 0.0);
        facts.extend(rows.map(|rows| format!("{} {what}", count(rows))));
    }
    blocks.extend((!facts.is_empty()).then_some(Block::List(facts)));
    Some(Section { id: "provenance", title: "Provenance", intro: String::new(), blocks })
}
