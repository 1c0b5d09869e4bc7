//! What becomes of each column: a feature of a sensible kind, or left out for a reason.

use super::look::{Content, Look};
use super::signal::Sample;
use super::times::TimeText;
use crate::check::warning::LEAK_AUC;
use crate::config::MICROS_PER_DAY;
use crate::program::DEFAULT_MAX_CATEGORIES;

/// A column and what was decided.
#[derive(Debug)]
pub(super) struct Choice {
    pub(super) name: String,
    pub(super) verdict: Verdict,
}

/// What a column becomes.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Verdict {
    Number,
    Boolean,
    /// With the number of its different values.
    Category(usize),
    /// Parts of a timestamp.
    Parts(Vec<&'static str>),
    LeftOut(Reason),
}

/// Why a column is no feature.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Reason {
    /// Every row has a value of its own: it can be `id`.
    Id,
    /// Names a card, customer or device that comes again: it can be an `entity`.
    Entity(String),
    /// The time at which the label became known, it seems.
    LabelTime(String),
    /// Anything else.
    Other(String),
}

/// What is known of the table beside the column itself.
pub(super) struct Context<'a> {
    pub(super) n_rows: usize,
    pub(super) sample: &'a Sample,
    /// When each event happened.
    pub(super) times: Option<&'a [Option<i64>]>,
    /// How the source's text columns write times, if in a way of their own.
    pub(super) time_format: Option<&'a str>,
}

/// Fewer rows of the smaller class may be told apart by chance.
const MIN_CLASS_ROWS: usize = 20;
/// Named like the outcome and this good alone: left out.
const NAMED_LEAK_AUC: f64 = 0.9;
const FREE_TEXT_CHARS: usize = 64;
/// More customers than this are not learnt one by one.
const FEW_PARTIES: usize = 30;

impl Context<'_> {
    /// Decides on a column. The first reason that holds leaves it out: unreadable, empty, the same
    /// throughout, an id, a leak, a time after the event, a copy of the time, text of which hardly
    /// any value comes again.
    pub(super) fn choose(&self, look: &Look) -> Verdict {
        let other = |reason: String| Verdict::LeftOut(Reason::Other(reason));
        if let Content::Unreadable(reason) = &look.content {
            return other(reason.clone());
        }
        if look.name.trim().is_empty() && look.n_distinct < self.n_rows {
            return other("it has no name".to_owned());
        }
        if look.n_null + look.n_stray >= self.n_rows {
            return other("it is empty".to_owned());
        }
        if look.n_distinct == 1 && look.n_null == 0 {
            return other("it is the same in all rows".to_owned());
        }
        if let Some(verdict) = self.id(look) {
            return verdict;
        }
        let auc = self.sample.auc(look);
        let enough = self.sample.smaller_class() >= MIN_CLASS_ROWS;
        let outcome = named_like_an_outcome(&look.name);
        if let Content::Time { values, text } = &look.content {
            return self.time(values, text.as_ref(), auc, outcome);
        }
        if enough && (auc > LEAK_AUC || outcome && auc > NAMED_LEAK_AUC) {
            let name = if outcome { ", and it is named like an outcome" } else { "" };
            return other(format!(
                "alone it tells fraud with a ROC AUC of {auc:.4}{name}: written after the fraud was \
                 known? If it is known when a transaction is scored, add it"
            ));
        }
        match &look.content {
            Content::Number { values, .. } => {
                if self.copies_the_time(values) {
                    return other(
                        "it runs with the time, and goes on beyond what was learnt".to_owned(),
                    );
                }
                if is_key(&look.name) && look.n_distinct <= DEFAULT_MAX_CATEGORIES as usize {
                    return self.key_of_few_values(look);
                }
                Verdict::Number
            }
            Content::Boolean(_) => Verdict::Boolean,
            _ => self.text(look),
        }
    }

    /// A number that names one of few things, such as a shop, is no quantity.
    fn key_of_few_values(&self, look: &Look) -> Verdict {
        match &look.content {
            Content::Number { whole: true, .. } => Verdict::Category(look.n_distinct),
            _ => Verdict::Number,
        }
    }

    fn id(&self, look: &Look) -> Option<Verdict> {
        let n_known = self.n_rows - look.n_null;
        let (key, distinct) = (is_key(&look.name), look.n_distinct);
        let (whole, text) = match &look.content {
            Content::Number { whole, .. } => (*whole, false),
            Content::Text { .. } => (false, true),
            _ => return None,
        };
        let unnamed = look.name.trim().is_empty() || look.name.starts_with("Unnamed:");
        if (text || whole && (key || unnamed)) && look.n_null == 0 && distinct == self.n_rows {
            return Some(Verdict::LeftOut(Reason::Id));
        }
        let most =
            if names_a_party(&look.name) { FEW_PARTIES } else { DEFAULT_MAX_CATEGORIES as usize };
        if key && distinct > most {
            let rows = n_known as f64 / distinct.max(1) as f64;
            let reason =
                format!("it names something, with {distinct} values of {rows:.1} rows each");
            let comes_again = distinct < n_known && (whole || text);
            return Some(Verdict::LeftOut(if comes_again {
                Reason::Entity(reason)
            } else {
                Reason::Other(reason)
            }));
        }
        // Rows 0, 1, 2, … whatever their name.
        if let Content::Number { values, whole: true } = &look.content
            && self.n_rows > 50
            && values.windows(2).all(|pair| pair[1] - pair[0] > 0.5 && pair[1] - pair[0] < 1.5)
        {
            return Some(Verdict::LeftOut(Reason::Other("it numbers the rows".to_owned())));
        }
        None
    }

    fn time(
        &self,
        values: &[Option<i64>],
        text: Option<&TimeText>,
        auc: f64,
        outcome: bool,
    ) -> Verdict {
        let other = |reason: String| Verdict::LeftOut(Reason::Other(reason));
        if let Some(times) = self.times {
            let pairs =
                || values.iter().zip(times).filter_map(|(own, event)| Some(((*own)?, (*event)?)));
            let n_after = pairs().filter(|(own, event)| own > event).count();
            if n_after * 2 > pairs().count() {
                let reason =
                    "it lies after the event, and is not known when it is scored".to_owned();
                return Verdict::LeftOut(if outcome {
                    Reason::LabelTime(reason)
                } else {
                    Reason::Other(reason)
                });
            }
        }
        if auc > NAMED_LEAK_AUC && self.sample.smaller_class() >= MIN_CLASS_ROWS || outcome {
            return other("whether it is filled in may tell the fraud".to_owned());
        }
        let format = match text {
            Some(TimeText::Format(format)) => Some(format.as_str()),
            _ => None,
        };
        if text.is_some() && format != self.time_format {
            return other(format!(
                "its times are written in another way than the others' ({})",
                format.unwrap_or("ISO 8601")
            ));
        }
        let parts = parts(values);
        if parts.is_empty() {
            other("its times lie too near together".to_owned())
        } else {
            Verdict::Parts(parts)
        }
    }

    /// Whether a number is as good as the time of the event: a counter, seconds since some start.
    fn copies_the_time(&self, values: &[f64]) -> bool {
        let Some(times) = self.times else { return false };
        let first = times.iter().flatten().min().copied().unwrap_or_default();
        let step = (values.len() / 100_000).max(1);
        let pairs: Vec<(f64, f64)> = values
            .iter()
            .zip(times)
            .step_by(step)
            .filter_map(|(value, time)| Some((*value, ((*time)? - first) as f64 / 1e6)))
            .filter(|(value, _)| value.is_finite())
            .collect();
        let n = pairs.len() as f64;
        let mean = |of: fn(&(f64, f64)) -> f64| pairs.iter().map(of).sum::<f64>() / n;
        let (mean_value, mean_time) = (mean(|pair| pair.0), mean(|pair| pair.1));
        let (mut product, mut value_square, mut time_square) = (0.0, 0.0, 0.0);
        for (value, time) in &pairs {
            let (value, time) = (value - mean_value, time - mean_time);
            product += value * time;
            value_square += value * value;
            time_square += time * time;
        }
        pairs.len() > 50 && product * product > 0.999 * value_square * time_square && product > 0.0
    }

    fn text(&self, look: &Look) -> Verdict {
        let other = |reason: String| Verdict::LeftOut(Reason::Other(reason));
        let (n_known, distinct) = (self.n_rows - look.n_null, look.n_distinct);
        if let Content::Text { values, .. } = &look.content {
            let chars: usize = values.iter().map(|value| value.chars().count()).sum();
            if distinct > 20 && chars > FREE_TEXT_CHARS * values.len() {
                return other("it is free text".to_owned());
            }
            let spelt = values.iter().filter(|value| is_spelt_number(value)).collect::<Vec<_>>();
            if distinct > 20 && spelt.len() * 2 > values.len() {
                return other(format!(
                    "its values are numbers with separators or signs, such as {:?}; write them plainly \
                     (1234.5) to use it",
                    spelt[0]
                ));
            }
            let numbers = values.iter().filter(|value| value.trim().parse::<f64>().is_ok()).count();
            if distinct > DEFAULT_MAX_CATEGORIES as usize && numbers * 2 > values.len() {
                let stray = values
                    .iter()
                    .find(|value| !value.trim().is_empty() && value.trim().parse::<f64>().is_err());
                return other(format!(
                    "most of its values are numbers, others are not, such as {:?}; mend them or null \
                     them to use it",
                    stray.map_or("", |value| value.as_str())
                ));
            }
        }
        let too_rare = n_known < 10 * distinct && distinct > 50;
        match (too_rare, distinct * 10 > n_known * 9) {
            (true, true) => other(format!("nearly every row has a value of its own ({distinct})")),
            (true, false) => Verdict::LeftOut(Reason::Entity(format!(
                "its {distinct} values come again too rarely to learn each"
            ))),
            _ => Verdict::Category(distinct),
        }
    }
}

/// `1,234.50`, `1 234`, `12 %` or `€9`: a number for a person.
fn is_spelt_number(value: &str) -> bool {
    let plain: String = value.chars().filter(|ch| !", '_%$€£".contains(*ch)).collect();
    plain != value.trim() && plain.parse::<f64>().is_ok()
}

/// The parts worth having: the hour where times have one, the day of the week from two weeks on.
pub(super) fn parts(values: &[Option<i64>]) -> Vec<&'static str> {
    let known = || values.iter().flatten();
    let span = known().max().unwrap_or(&0) - known().min().unwrap_or(&0);
    let mut parts = Vec::new();
    if span >= 3 * MICROS_PER_DAY && known().any(|time| time.rem_euclid(MICROS_PER_DAY) != 0) {
        parts.extend(["hour", "night"]);
    }
    if span >= 14 * MICROS_PER_DAY {
        parts.extend(["weekday", "weekend"]);
    }
    parts
}

/// The words of a name: cut at punctuation and before capitals that follow small letters.
fn tokens(name: &str) -> Vec<String> {
    let mut tokens = vec![String::new()];
    let mut before = ' ';
    for ch in name.chars() {
        if !ch.is_alphanumeric() || before.is_lowercase() && ch.is_uppercase() {
            tokens.push(String::new());
        }
        if ch.is_alphanumeric()
            && let Some(token) = tokens.last_mut()
        {
            token.extend(ch.to_lowercase());
        }
        before = ch;
    }
    tokens.retain(|token| !token.is_empty());
    tokens
}

/// Whether a column is named as what it identifies, not as a quantity.
pub(super) fn is_key(name: &str) -> bool {
    const LAST: [&str; 13] = [
        "id", "ids", "uuid", "guid", "hash", "token", "email", "phone", "ip", "iban", "ssn", "no",
        "number",
    ];
    const WHOLE: [&str; 9] = [
        "card",
        "customer",
        "client",
        "user",
        "account",
        "device",
        "terminal",
        "merchant",
        "transaction",
    ];
    let tokens = tokens(name);
    let Some(last) = tokens.last().map(String::as_str) else { return false };
    let joined = last.strip_suffix("id").is_some_and(|rest| WHOLE.contains(&rest));
    let address = last == "address" && tokens.iter().any(|token| token == "ip" || token == "mac");
    LAST.contains(&last) || joined || address || tokens.len() == 1 && WHOLE.contains(&last)
}

/// Whether a key is that of who or what pays: learnt one by one, frauds of the past would be blamed on
/// a name.
fn names_a_party(name: &str) -> bool {
    const PARTIES: [&str; 16] = [
        "customer",
        "client",
        "user",
        "account",
        "card",
        "holder",
        "member",
        "person",
        "device",
        "session",
        "email",
        "phone",
        "iban",
        "ip",
        "order",
        "transaction",
    ];
    tokens(name).iter().any(|token| {
        PARTIES.contains(&token.as_str())
            || token.strip_suffix("id").is_some_and(|rest| PARTIES.contains(&rest))
    })
}

fn named_like_an_outcome(name: &str) -> bool {
    const WORDS: [&str; 10] = [
        "fraud",
        "fraudulent",
        "chargeback",
        "label",
        "target",
        "scenario",
        "outcome",
        "disputed",
        "dispute",
        "flagged",
    ];
    let name = tokens(name);
    name.iter().any(|token| WORDS.contains(&token.as_str()) || token.starts_with("isfraud"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_keys_and_outcomes() {
        for name in [
            "CUSTOMER_ID",
            "userId",
            "customerid",
            "card_number",
            "ip_address",
            "Card",
            "device.uuid",
        ] {
            assert!(is_key(name), "{name}");
        }
        for name in
            ["paid", "card_type", "account_age", "num_items", "address", "V1", "amount_paid"]
        {
            assert!(!is_key(name), "{name}");
        }
        for name in ["TX_FRAUD_SCENARIO", "isFraud", "fraud_type", "LABEL_TIME", "isfraud2"] {
            assert!(named_like_an_outcome(name), "{name}");
        }
        assert!(!named_like_an_outcome("fraudster_count"));
        assert!(
            names_a_party("CustomerID") && names_a_party("userid") && !names_a_party("store_id")
        );
    }
}
