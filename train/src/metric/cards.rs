//! Card Precision@k: how many of the cards that a team looks at every day are compromised.

use std::collections::HashMap;
use std::hash::Hash;

use super::scored::{MAX_ROWS, MetricError, same_length};

/// The rows of each day in the order in which a team would meet them, made once for any budget and any
/// weights.
///
/// A card stands for any entity: cards, customers, accounts. Every day the cards are sorted by their
/// highest score of that day; the first *k* are looked at, and those with a fraud on that day are found
/// to be compromised. What a model is worth to a team is the share of the budget that finds one,
/// averaged over the days. A card found once is blocked, and taken from the days that follow.
///
/// Of equal scores the row given first comes first, so give the rows in the order in which they came.
/// A row whose weight in the population is not 1 counts as one row: cards are looked at as they are.
///
/// # Source
/// Le Borgne et al., Reproducible Machine Learning for Credit Card Fraud Detection, chapter 4,
/// `card_precision_top_k`; there cards of equal score come in any order.
#[derive(Debug, Clone)]
pub struct CardDays {
    /// Which days hold rows, ascending.
    days: Vec<i64>,
    /// Where each day ends in `alerts`.
    ends: Vec<usize>,
    /// Day by day, the highest score first.
    alerts: Vec<Alert>,
    /// Where the frauds of each case end in `frauds`; those of case 0 begin at 0.
    fraud_ends: Vec<u32>,
    /// Rows that are frauds, case by case.
    frauds: Vec<u32>,
    n_cards: usize,
}

/// A row on its day.
#[derive(Debug, Clone, Copy)]
struct Alert {
    row: u32,
    card: u32,
    /// One card on one day.
    case: u32,
}

impl CardDays {
    /// Sorts the rows: their local day, a code for their card, whether they are frauds, and any
    /// finite scores, higher meaning more suspect.
    ///
    /// # Errors
    /// No rows, more than [`MAX_ROWS`], columns of unequal length, a score that is not finite.
    pub fn new<K: Copy + Eq + Hash>(
        days: &[i64],
        cards: &[K],
        labels: &[bool],
        scores: &[f64],
    ) -> Result<Self, MetricError> {
        if labels.is_empty() {
            return Err(MetricError::NoRows);
        }
        if labels.len() > MAX_ROWS {
            return Err(MetricError::TooManyRows { found: labels.len() });
        }
        same_length("days", labels.len(), days.len())?;
        same_length("cards", labels.len(), cards.len())?;
        same_length("scores", labels.len(), scores.len())?;
        if let Some((row, &score)) = scores.iter().enumerate().find(|(_, s)| !s.is_finite()) {
            return Err(MetricError::Score { row, score });
        }
        let (mut codes, mut cases) = (HashMap::new(), HashMap::new());
        let mut alerts: Vec<Alert> = Vec::with_capacity(labels.len());
        for (row, (&day, &card)) in days.iter().zip(cards).enumerate() {
            let next = codes.len() as u32;
            let card = *codes.entry(card).or_insert(next);
            let next = cases.len() as u32;
            let case = *cases.entry((day, card)).or_insert(next);
            alerts.push(Alert { row: row as u32, card, case });
        }
        let mut frauds: Vec<Alert> =
            alerts.iter().copied().filter(|alert| labels[alert.row as usize]).collect();
        frauds.sort_unstable_by_key(|alert| (alert.case, alert.row));
        let mut fraud_ends = vec![0; cases.len()];
        frauds.iter().for_each(|alert| fraud_ends[alert.case as usize] += 1);
        let mut end = 0;
        for slot in &mut fraud_ends {
            end += *slot;
            *slot = end;
        }
        // Adding 0.0 turns -0.0 into 0.0.
        let score = |alert: &Alert| scores[alert.row as usize] + 0.0;
        alerts.sort_unstable_by(|a, b| {
            let day = |alert: &Alert| days[alert.row as usize];
            day(a).cmp(&day(b)).then(score(b).total_cmp(&score(a))).then(a.row.cmp(&b.row))
        });
        let (mut distinct, mut ends) = (Vec::new(), Vec::new());
        for same in alerts.chunk_by(|a, b| days[a.row as usize] == days[b.row as usize]) {
            distinct.push(days[same[0].row as usize]);
            ends.push(ends.last().copied().unwrap_or(0) + same.len());
        }
        let frauds = frauds.iter().map(|alert| alert.row).collect();
        Ok(Self { days: distinct, ends, alerts, fraud_ends, frauds, n_cards: codes.len() })
    }

    /// The days that hold rows, ascending.
    pub fn days(&self) -> &[i64] {
        &self.days
    }

    /// Mean over the days of the share of `k` cards that are found to be compromised, 0 to 1; the
    /// divisor is `k` also on a day with fewer cards. `None` for `k` 0. Cost: little more than `k` rows
    /// a day, those with few cards aside.
    pub fn precision_at(&self, k: u32) -> Option<f64> {
        self.weighted_precision_at(k, |_| 1, |_| 1)
    }

    /// The same of a resample. `copies(row)` says how many times the card of a row is in it, as so many
    /// cards with the same rows; 0 leaves the row out. The row with the card's highest score of the day
    /// decides. Where cards are drawn, that is how often
    /// the card was drawn; where other things are, a card is the same card however often one of its
    /// rows was drawn, so at most 1. `repeats(position)` says how many times a day of
    /// [`days`](Self::days) is in it: it counts so often in the mean, and at 0 finds nothing.
    pub fn weighted_precision_at(
        &self,
        k: u32,
        copies: impl Fn(usize) -> u32,
        repeats: impl Fn(usize) -> u32,
    ) -> Option<f64> {
        // The last day on which a card was met, and how many of its copies are found.
        let (mut met, mut found) = (vec![None; self.n_cards], vec![0; self.n_cards]);
        let (mut n_found, mut n_days) = (0_u64, 0_u64);
        let mut start = 0;
        for (day, &end) in self.ends.iter().enumerate() {
            let alerts = &self.alerts[start..end];
            start = end;
            let repeats = u64::from(repeats(day));
            let mut left = if repeats > 0 { k } else { 0 };
            n_days += repeats;
            for alert in alerts {
                if left == 0 {
                    break;
                }
                let card = alert.card as usize;
                if met[card] == Some(day as u32) {
                    continue;
                }
                let looked_at = copies(alert.row as usize).saturating_sub(found[card]).min(left);
                if looked_at == 0 {
                    continue;
                }
                left -= looked_at;
                met[card] = Some(day as u32);
                if self.frauds_of(alert.case).iter().any(|row| copies(*row as usize) > 0) {
                    n_found += repeats * u64::from(looked_at);
                    found[card] += looked_at;
                }
            }
        }
        let looked_at = u64::from(k) * n_days;
        (looked_at > 0).then(|| n_found as f64 / looked_at as f64)
    }

    /// The rows of a case that are frauds.
    fn frauds_of(&self, case: u32) -> &[u32] {
        let case = case as usize;
        let start = case.checked_sub(1).map_or(0, |before| self.fraud_ends[before]);
        &self.frauds[start as usize..self.fraud_ends[case] as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::sample::{Rows, close};

    #[test]
    fn worked_by_hand() {
        // Day 1: card 7 scores 0.9 and has a fraud at 0.2; 8 scores 0.8; 9 has a fraud at 0.7.
        // Day 2: card 7, found on day 1, is gone; 9 has a fraud at 0.6, 8 scores 0.5.
        let days = [1, 1, 1, 1, 2, 2, 2];
        let cards = [7, 7, 8, 9, 9, 7, 8];
        let labels = [false, true, false, true, true, true, false];
        let scores = [0.9, 0.2, 0.8, 0.7, 0.6, 0.95, 0.5];
        let of = CardDays::new(&days, &cards, &labels, &scores).unwrap();
        assert_eq!(of.days(), [1, 2]);
        // 7; then 9.
        close(of.precision_at(1).unwrap(), (1.0 + 1.0) / 2.0, 1e-15);
        // 7 and 8; then 9 and 8.
        close(of.precision_at(2).unwrap(), (0.5 + 0.5) / 2.0, 1e-15);
        // 7, 8 and 9; then 8 alone, and still of three.
        close(of.precision_at(3).unwrap(), (2.0 / 3.0 + 0.0) / 2.0, 1e-15);
        assert_eq!(of.precision_at(0), None);

        // Card 8 drawn twice, 7 not: 8, 8 and 9; then 8 and 8.
        let copies = |row: usize| [0, 0, 2, 1, 1, 0, 2][row];
        close(of.weighted_precision_at(3, copies, |_| 1).unwrap(), 1.0 / 6.0, 1e-15);
        // 7 and two copies of 8, for more there is no room; then 9, and again two of 8.
        let copies = |row: usize| [1, 1, 9, 1, 1, 1, 9][row];
        close(of.weighted_precision_at(3, copies, |_| 1).unwrap(), 1.0 / 3.0, 1e-15);
        // Day 2 alone, drawn twice: 7, which nobody found before, and 9.
        close(of.weighted_precision_at(2, |_| 1, |day| [0, 2][day]).unwrap(), 1.0, 1e-15);
        // A fraud that was not drawn is none.
        let copies = |row: usize| u32::from(row != 1);
        close(of.weighted_precision_at(1, copies, |day| [1, 0][day]).unwrap(), 0.0, 1e-15);
    }

    #[test]
    fn of_equal_scores_the_first_comes_first() {
        let of =
            |labels: &[bool]| CardDays::new(&[3; 3], &["a", "b", "c"], labels, &[0.0, -0.0, 0.0]);
        let precision = |labels: [bool; 3]| of(&labels).unwrap().precision_at(1);
        assert_eq!(precision([true, false, false]), Some(1.0));
        assert_eq!(precision([false, true, true]), Some(0.0));
        let found = CardDays::new(&[0], &[0], &[true, false], &[0.5, 0.5]).unwrap_err();
        assert_eq!(found.to_string(), "expected 2 days, one per row, found 1");
    }

    /// The book's functions, line by line.
    fn by_the_book(days: &[i64], cards: &[u64], labels: &[bool], scores: &[f64], k: usize) -> f64 {
        let mut list_days = days.to_vec();
        list_days.sort_unstable();
        list_days.dedup();
        let mut detected: Vec<u64> = Vec::new();
        let mut precisions = Vec::new();
        for day in list_days {
            let mut by_card: Vec<(u64, f64, bool)> = Vec::new();
            for row in (0..days.len()).filter(|&row| days[row] == day) {
                if detected.contains(&cards[row]) {
                    continue;
                }
                match by_card.iter_mut().find(|(card, ..)| *card == cards[row]) {
                    Some((_, score, label)) => {
                        *score = score.max(scores[row]);
                        *label |= labels[row];
                    }
                    None => by_card.push((cards[row], scores[row], labels[row])),
                }
            }
            by_card.sort_by(|a, b| b.1.total_cmp(&a.1));
            let top = by_card.iter().take(k).filter(|(.., label)| *label);
            let found: Vec<u64> = top.map(|(card, ..)| *card).collect();
            precisions.push(found.len() as f64 / k as f64);
            detected.extend(found);
        }
        precisions.iter().sum::<f64>() / precisions.len() as f64
    }

    #[test]
    fn equals_the_book_on_scores_without_ties() {
        for seed in 0..20 {
            let Rows { labels, scores, weights } = Rows::seeded(seed, 400);
            let scores: Vec<f64> =
                scores.iter().enumerate().map(|(row, score)| score + row as f64 * 1e-6).collect();
            let days: Vec<i64> = (0..400).map(|row| row * 7 % 11 - 3).collect();
            let cards: Vec<u64> = (0..400_u64).map(|row| row * row % 53).collect();
            let of = CardDays::new(&days, &cards, &labels, &scores).unwrap();
            for k in [1, 5, 30] {
                let expected = by_the_book(&days, &cards, &labels, &scores, k as usize);
                close(of.precision_at(k).unwrap(), expected, 1e-14);
            }
            // A card drawn several times is as many cards.
            let drawn = |card: u64| weights[card as usize] as u32;
            let copies = of.weighted_precision_at(5, |row| drawn(cards[row]), |_| 1);
            let (mut twin_days, mut twins, mut twin_labels, mut twin_scores) =
                (vec![], vec![], vec![], vec![]);
            for row in 0..400 {
                for copy in 0..drawn(cards[row]) {
                    twin_days.push(days[row]);
                    twins.push(cards[row] * 10 + u64::from(copy));
                    twin_labels.push(labels[row]);
                    twin_scores.push(scores[row]);
                }
            }
            let copied = CardDays::new(&twin_days, &twins, &twin_labels, &twin_scores).unwrap();
            close(copies.unwrap(), copied.precision_at(5).unwrap(), 1e-14);
        }
    }
}
