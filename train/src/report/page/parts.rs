//! The sections of the page, each there when what it shows is.

use serde_json::Value;

use super::format::{NONE, count, decimals, optional, percent};
use super::view::{BarView, Block, Chart, RowView, Section, TableView};
use super::{Source, charts, date, decide, measures, slices};
use crate::drift::{Drift, FeatureDrift};
use crate::report::text::MEASURES;

/// Features shown by importance.
const MAX_IMPORTANT: usize = 20;

pub(super) fn sections(source: &Source<'_>) -> Vec<Section> {
    let made = [
        measures::section(source),
        decide::section(source),
        probabilities(source),
        course(source),
        slices::section(source),
        importance(source),
        drift(source),
        learners(source),
        provenance(source),
    ];
    made.into_iter().flatten().filter(|section| !section.blocks.is_empty()).collect()
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
        title: "Alarms and frauds",
        legend: legend(&[("a", "rows alarmed"), ("b", "frauds")]),
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
            "Rows with a margin from {edge} on alarm. A point stands for {} frauds on average: \
             single ones jump by chance.",
            count(frauds)
        ),
        blocks: vec![Block::Chart(counts), Block::Chart(measures)],
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
        let index = |value: f64| decimals(value, 3);
        let cells = [
            feature.name.clone(),
            index(feature.psi.value),
            index(feature.psi.limit),
            optional(feature.ks.map(|ks| ks.value), index),
            optional(feature.ks.map(|ks| ks.limit), index),
            percent(feature.missing.data),
            percent(feature.missing.reference),
            if feature.drifted.is_empty() { NONE.to_owned() } else { feature.drifted.join(", ") },
        ];
        RowView::new(cells).marked(!feature.drifted.is_empty())
    };
    let heading =
        vec!["feature", "PSI", "limit", "KS", "limit", "missing", "before", "beyond limits"];
    let rows = [score].into_iter().chain(features).map(row).collect();
    let mut blocks = vec![Block::Table(TableView { heading, rows })];
    if !bands.is_empty() {
        let row = |band: &crate::drift::BandDrift| {
            let cells = [
                format!("{} and above", band.name),
                percent(band.data),
                optional(band.reference, percent),
                optional(band.limit, |limit| format!("±{}", percent(limit))),
            ];
            RowView::new(cells).marked(band.is_beyond())
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
        RowView::new(cells).marked(is_candidate)
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
    let artifact = &source.ours["artifact"];
    let mut facts = Vec::new();
    facts.extend(artifact.as_str().map(|id| format!("artifact {id}")));
    for (key, what) in [
        ("unlabelled_rows", "rows without a label known in time"),
        ("duplicate_rows", "rows with a later row of the same id left out"),
        ("dropped_test_rows", "test rows of entities known to be compromised left out"),
        ("dropped_rows", "rows of entities known to be compromised left out"),
        ("skipped_rows", "rows that could not be read skipped"),
    ] {
        let rows = report[key].as_f64().filter(|rows| *rows > 0.0);
        facts.extend(rows.map(|rows| format!("{} {what}", count(rows))));
    }
    blocks.extend((!facts.is_empty()).then_some(Block::List(facts)));
    Some(Section { id: "provenance", title: "Provenance", intro: String::new(), blocks })
}
