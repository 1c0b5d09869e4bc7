//! What pages show is what reports say: thresholds beside bands, slices, comparisons.

use serde_json::Value;

use super::naive::{assert_close, number};
use crate::project::{Project, assert_says};

/// Every alarm is reviewed, so that what the bands cost is what the point at their edge costs.
const REVIEWED: &str = "[evaluate]\nalert_unit = \"cases\"\n\n\
    [[band]]\nname = \"review\"\nalerts_per_day = 12\n\n\
    [cost]\nloss_rate = 0.9\nreview_cost = 2.0\nreview_catch_rate = 0.75\n\
    false_decline_cost = { fixed = 4.0, share = 0.05 }\n\n[[feature]]";

fn shown(value: &Value) -> String {
    format!("{:.4}", number(value))
}

#[test]
fn a_threshold_at_a_band_is_the_band() {
    let project = Project::edited(&[("[[feature]]", REVIEWED)]);
    let run = project.retrain("").expect(0).json();
    let report = "registry/models/cards/reports/00000001";
    let metrics: Value =
        serde_json::from_str(&project.read(&format!("{report}/metrics.json"))).expect("JSON");
    let model = &run["learners"][run["candidate"].as_str().expect("a learner")];
    let band = &model["bands"][0];
    let points = metrics["evidence"]["points"].as_array().expect("points");
    let point = points.iter().find(|point| point["band"] == "review").expect("the edge");
    for key in ["precision", "recall", "false_positive_rate", "alerts_per_day", "amount_recall"] {
        assert_close(number(&point[key]), number(&band["and_above"][key]), key);
    }
    assert_close(number(&point["rows"]), number(&band["rows"]), "rows");
    assert!(number(&point["alerts"]) < number(&point["rows"]), "several rows make a case");
    assert_close(number(&point["cost_if_reviewed"]), number(&model["expected_cost"]), "cost");
    let all = points.last().expect("all rows");
    assert_close(number(&all["rows"]), number(&model["rows"]), "all rows");
    let page = project.read(&format!("{report}/report.html"));
    assert_says(&page, &["cases a day", "Expected cost", &shown(&model["average_precision"])]);
}

#[test]
fn slices_and_models_are_those_of_the_report() {
    let project = Project::new();
    let [a, b] = ["logistic", "decision_tree"].map(|learner| project.train(learner));
    let slices = "--slice CHANNEL --min-slice-frauds 5 --replicates 100 --json";
    let window = "transactions.csv --from 2018-05-01";
    let evaluated = project.run(&format!("evaluate {a} {window} {slices} --report a.html"));
    let evaluated = evaluated.expect(0).json();
    let page = project.read("a.html");
    assert!(number(&evaluated["rows_in_fitted_windows"]) > 0.0);
    assert_says(&page, &["The model was fitted, chosen or calibrated on windows"]);
    let found = evaluated["slices"].as_array().expect("slices");
    assert!(found.len() > 1, "{found:?}");
    for slice in found {
        let name = slice["slice"].as_str().expect("a name").replace('=', ": ");
        let ends = ["low", "high"].map(|end| shown(&slice["intervals"]["roc_auc"][end]));
        let row = format!("<th scope=\"row\">{name}</th>");
        assert_eq!(page.matches(&row).count(), 1, "{name} stands once");
        let cells = page.split(&row).nth(1).and_then(|rest| rest.split("</tr>").next());
        let cells = cells.expect("its row");
        assert_says(cells, &[&shown(&slice["average_precision"]), &ends.join(" to ")]);
    }
    let compared = project.run(&format!("compare {a} {b} {window} {slices} --report ab.html"));
    let compared = compared.expect(0).json();
    let page = project.read("ab.html");
    let comparison = &compared["comparison"];
    let ahead = format!("{:+.4}", number(&comparison["difference"])).replace('-', "−");
    let measures = ["a", "b"].map(|side| shown(&compared[side]["average_precision"]));
    let detectable = shown(&comparison["smallest_detectable"]);
    assert_says(
        &page,
        &[&ahead, &measures[0], &measures[1], &detectable, "B against A", "ring-roc"],
    );
    assert!(compared["evidence"].is_null());
}
