//! Counts as Prometheus reads them.

use std::fmt::{self, Display, Formatter, Write};

use super::{Counts, FeatureCounts, PROBABILITY_EDGES};

/// The counts in Prometheus' text format, to be answered with the content type
/// `text/plain; version=0.0.4`. Take the counts of all models on a page together: each metric may
/// stand there only once.
///
/// | metric | labels besides `model` and `artifact` |
/// |---|---|
/// | `shroff_scored_total` | |
/// | `shroff_rejected_total` | `reason`: `missing`, `unseen`, `out_of_range`, `wrong_type`, `wrong_shape` |
/// | `shroff_odd_values_total` | `feature`; `kind`: `missing`, `unseen`, `out_of_range` |
/// | `shroff_band_total` | `band` |
/// | `shroff_probability` | a histogram over [`PROBABILITY_EDGES`] |
///
/// # Source
/// Prometheus documentation, *Exposition formats*, "Text-based format".
pub fn prometheus(counts: &[Counts]) -> impl Display + '_ {
    Page(counts)
}

struct Page<'a>(&'a [Counts]);

impl Display for Page<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        head(f, "shroff_scored_total", "counter", "Transactions scored.")?;
        for counts in self.0 {
            sample(f, counts, "shroff_scored_total", &[], counts.scored())?;
        }
        head(f, "shroff_rejected_total", "counter", "Transactions that got no score, by reason.")?;
        for counts in self.0 {
            rejected(f, counts)?;
        }
        let help =
            "Values that a policy decides on, of transactions scored or rejected by a policy.";
        head(f, "shroff_odd_values_total", "counter", help)?;
        for counts in self.0 {
            counts.features.iter().try_for_each(|feature| odd_values(f, counts, feature))?;
        }
        head(
            f,
            "shroff_band_total",
            "counter",
            "Transactions scored, by the band of their margin.",
        )?;
        for counts in self.0 {
            for (band, count) in &counts.bands {
                sample(f, counts, "shroff_band_total", &[("band", band)], *count)?;
            }
        }
        let help = "Probabilities of fraud of the transactions scored.";
        head(f, "shroff_probability", "histogram", help)?;
        self.0.iter().try_for_each(|counts| histogram(f, counts))
    }
}

fn rejected(f: &mut Formatter<'_>, counts: &Counts) -> fmt::Result {
    let rejected = &counts.rejected;
    for (reason, count) in [
        ("missing", rejected.missing),
        ("unseen", rejected.unseen),
        ("out_of_range", rejected.out_of_range),
        ("wrong_type", rejected.wrong_type),
        ("wrong_shape", rejected.wrong_shape),
    ] {
        sample(f, counts, "shroff_rejected_total", &[("reason", reason)], count)?;
    }
    Ok(())
}

fn odd_values(f: &mut Formatter<'_>, counts: &Counts, feature: &FeatureCounts) -> fmt::Result {
    for (kind, count) in [
        ("missing", Some(feature.missing)),
        ("unseen", feature.unseen),
        ("out_of_range", feature.out_of_range),
    ] {
        if let Some(count) = count {
            let labels = [("feature", &*feature.feature), ("kind", kind)];
            sample(f, counts, "shroff_odd_values_total", &labels, count)?;
        }
    }
    Ok(())
}

fn histogram(f: &mut Formatter<'_>, counts: &Counts) -> fmt::Result {
    let edges = PROBABILITY_EDGES.iter().map(f64::to_string).chain(["+Inf".to_owned()]);
    let mut below = 0_u64;
    for (edge, count) in edges.zip(counts.bins) {
        below = below.wrapping_add(count);
        sample(f, counts, "shroff_probability_bucket", &[("le", &edge)], below)?;
    }
    sample(f, counts, "shroff_probability_sum", &[], counts.probability_sum)?;
    sample(f, counts, "shroff_probability_count", &[], below)
}

fn head(f: &mut Formatter<'_>, name: &str, kind: &str, help: &str) -> fmt::Result {
    write!(f, "# HELP {name} {help}\n# TYPE {name} {kind}\n")
}

fn sample(
    f: &mut Formatter<'_>,
    counts: &Counts,
    name: &str,
    labels: &[(&str, &str)],
    value: impl Display,
) -> fmt::Result {
    write!(f, "{name}{{model=\"{}\",artifact=\"{}\"", Escaped(&counts.model), counts.artifact)?;
    for (label, text) in labels {
        write!(f, ",{label}=\"{}\"", Escaped(text))?;
    }
    writeln!(f, "}} {value}")
}

/// A label's value: names of features, bands and models may hold anything.
struct Escaped<'a>(&'a str);

impl Display for Escaped<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|ch| match ch {
            '\\' => f.write_str("\\\\"),
            '"' => f.write_str("\\\""),
            '\n' => f.write_str("\\n"),
            ch => f.write_char(ch),
        })
    }
}
