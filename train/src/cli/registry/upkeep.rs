//! `shroff registry fsck` and `gc`

use std::num::NonZeroUsize;
use std::time::Duration;

use serde_json::json;

use super::{Common, open};
use crate::Error;
use crate::cli::Ending;
use crate::cli::retrain::{now, user};
use crate::registry::{Finding, Gc, Removal};
use crate::report::Table;

/// Flags of `gc`.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct GcArgs {
    /// Keep the artifacts of the newest N versions of each model, and its newest N snapshots of the same
    /// windows; default all. Champion, challenger and the champion before stay in any case
    #[arg(long, value_name = "N")]
    keep: Option<NonZeroUsize>,
    /// Leave alone what was of use, or was written, less than this ago, like 24h or 7d
    #[arg(long, default_value = "24h", value_parser = grace)]
    grace: Duration,
    /// Only show what would be removed
    #[arg(long)]
    dry_run: bool,
}

pub(super) fn fsck(repair: bool, common: &Common) -> anyhow::Result<Ending> {
    let findings = open(common)?.fsck(repair).map_err(Error::Registry)?;
    let left: Vec<&Finding> =
        findings.iter().filter(|finding| finding.kind.is_problem() && !finding.repaired).collect();
    if common.json {
        crate::cli::print_json(&json!({ "findings": findings, "problems": left.len() }))?;
    } else if findings.is_empty() {
        crate::cli::print("everything is there, whole, and as the events say\n")?;
    } else {
        crate::cli::print(&findings.iter().map(line).collect::<String>())?;
    }
    if left.is_empty() {
        return Ok(Ending::Done);
    }
    let n_problems = left.len();
    let is_artifact = left.iter().any(|finding| finding.kind.is_artifact());
    Err(Error::Fsck { n_problems, is_artifact }.into())
}

pub(super) fn gc(args: &GcArgs, common: &Common) -> anyhow::Result<()> {
    let gc =
        Gc { keep: args.keep, grace: args.grace, dry_run: args.dry_run, by: user(), at: now() };
    let registry = open(common)?;
    let removals = registry.gc(&gc).map_err(Error::Registry)?;
    let bytes: u64 = removals.iter().map(|removal| removal.bytes).sum();
    if common.json {
        let json = json!({ "dry_run": gc.dry_run, "removed": removals, "bytes": bytes });
        return crate::cli::print_json(&json);
    }
    let mut text = String::new();
    if !removals.is_empty() {
        let mut table = Table::new(["what", "model", "version", "bytes", "file"]);
        for Removal { kind, model, version, path, bytes } in &removals {
            table.push(vec![
                word(kind),
                model.clone().unwrap_or_else(|| "-".into()),
                version.map_or("-".into(), |version| version.to_string()),
                bytes.to_string(),
                path.strip_prefix(registry.reader().root()).unwrap_or(path).display().to_string(),
            ]);
        }
        text = format!("{table}\n");
    }
    let what = if gc.dry_run { "would be removed" } else { "removed" };
    crate::cli::print(&format!("{text}{} files, {bytes} bytes {what}\n", removals.len()))
}

/// One line a finding: what became of it, the file, what is wrong.
fn line(finding: &Finding) -> String {
    let state = match (finding.repaired, finding.kind.is_problem()) {
        (true, _) => "repaired",
        (false, true) => "problem",
        (false, false) => "note",
    };
    let Finding { kind, path, what, .. } = finding;
    format!("{state}: {}: {}: {what}\n", word(kind), path.display())
}

/// The name that JSON has, as words.
fn word(kind: &impl serde::Serialize) -> String {
    json!(kind).as_str().unwrap_or_default().replace('_', " ")
}

fn grace(text: &str) -> Result<Duration, String> {
    let parsed = crate::config::Duration::parse(text);
    let micros = parsed.and_then(|parsed| u64::try_from(parsed.micros()).ok());
    let expected = || "expected a span of time like 90s, 30m, 24h or 7d".to_owned();
    micros.map(Duration::from_micros).ok_or_else(expected)
}
