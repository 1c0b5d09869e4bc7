//! `shroff registry audit`

use serde_json::{Value, json};

use super::{Common, open};
use crate::Error;
use crate::registry::Event;
use crate::report::Table;

pub(super) fn run(model: Option<&str>, common: &Common) -> anyhow::Result<()> {
    let registry = open(common)?;
    let models = match model {
        Some(model) => vec![model.to_owned()],
        None => registry.models().map_err(Error::Registry)?,
    };
    let mut trails = Vec::new();
    for model in models {
        let trail = registry.audit(&model).map_err(Error::Registry)?;
        trails.push((model, trail));
    }
    if common.json {
        let events: Vec<Value> = trails
            .iter()
            .flat_map(|(model, trail)| trail.iter().map(|event| of_model(model, event)))
            .collect();
        return crate::cli::print_json(&json!({ "events": events }));
    }
    let text: Vec<String> =
        trails.iter().map(|(model, trail)| format!("{model}\n{}", events_table(trail))).collect();
    crate::cli::print(&text.join("\n"))
}

/// One line an event, oldest first.
pub(super) fn events_table(events: &[Event]) -> Table {
    let mut table =
        Table::new(["event", "kind", "version", "alias", "artifact", "at", "by", "why"]);
    for event in events {
        let written = |value: Value| value.as_str().unwrap_or("-").to_owned();
        table.push(vec![
            event.event.to_string(),
            written(json!(event.kind)),
            event.version.to_string(),
            written(json!(event.alias)),
            event.artifact.to_string().chars().take(12).collect(),
            event.at.clone(),
            event.by.clone(),
            // One line an event, whatever was typed.
            event.why.split_whitespace().collect::<Vec<_>>().join(" "),
        ]);
    }
    table
}

/// An event as it is recorded, with the model in front.
fn of_model(model: &str, event: &Event) -> Value {
    let mut shown = json!({ "model": model });
    if let (Some(shown), Value::Object(event)) = (shown.as_object_mut(), json!(event)) {
        shown.extend(event);
    }
    shown
}
