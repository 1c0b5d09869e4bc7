//! What decisions cost, and the edges between them that cost least.

use serde::{Deserialize, Serialize};

/// `[cost]`: what decisions cost, in the unit of the amounts. Nothing has a default: only the business
/// knows.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CostPolicy {
    /// Share of its amount that a missed fraud costs: 0 to 1, or more with fees.
    pub loss_rate: f64,
    /// What looking at one payment costs.
    pub review_cost: f64,
    /// Share of the reviewed frauds that a review stops, 0 to 1.
    pub review_catch_rate: f64,
    /// What a blocked good payment costs.
    pub false_decline_cost: DeclineCost,
}

/// `false_decline_cost`: a fixed part, and a share of the amount.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeclineCost {
    /// For every blocked good payment: calls, customers who leave.
    pub fixed: f64,
    /// Share of its amount: the margin that is not earned.
    pub share: f64,
}

/// What is done with a payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// Let through.
    Allow,
    /// Looked at by a person, who stops some of the frauds and lets good payments through.
    Review,
    /// Refused.
    Block,
}

impl CostPolicy {
    /// The key whose value is wrong, what was expected, and the value.
    pub fn wrong(&self) -> Option<(&'static str, &'static str, f64)> {
        const AMOUNT: &str = "a finite number of at least 0";
        let DeclineCost { fixed, share } = self.false_decline_cost;
        let amount = |value: f64| value.is_finite() && value >= 0.0;
        [
            ("loss_rate", AMOUNT, self.loss_rate, amount(self.loss_rate)),
            ("review_cost", AMOUNT, self.review_cost, amount(self.review_cost)),
            (
                "review_catch_rate",
                "a share from 0 to 1",
                self.review_catch_rate,
                (0.0..=1.0).contains(&self.review_catch_rate),
            ),
            ("false_decline_cost fixed", AMOUNT, fixed, amount(fixed)),
            ("false_decline_cost share", AMOUNT, share, amount(share)),
        ]
        .into_iter()
        .find(|(.., right)| !right)
        .map(|(key, expected, value, _)| (key, expected, value))
    }

    /// What one payment of this amount, at least 0, is expected to cost.
    pub fn of(&self, action: Action, is_fraud: bool, amount: f64) -> f64 {
        let DeclineCost { fixed, share } = self.false_decline_cost;
        match (action, is_fraud) {
            (Action::Allow, true) => amount * self.loss_rate,
            (Action::Allow, false) | (Action::Block, true) => 0.0,
            (Action::Review, true) => {
                self.review_cost + (1.0 - self.review_catch_rate) * amount * self.loss_rate
            }
            (Action::Review, false) => self.review_cost,
            (Action::Block, false) => fixed + share * amount,
        }
    }
}

/// A payment whose decision is weighed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Payment {
    /// Its score.
    pub margin: f64,
    /// Whether it is a fraud.
    pub is_fraud: bool,
    /// At least 0.
    pub amount: f64,
    /// How many payments it stands for.
    pub weight: f64,
}

/// A band whose lower edge is sought.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tier {
    /// What is done with payments in it.
    pub action: Action,
    /// Its edge where that is settled; infinity for a band that no score reaches.
    pub edge: Option<f64>,
}

/// The edges, one per tier from the highest down, at which the payments together cost least; whatever
/// lies below all of them is allowed. Every edge is the margin of a payment, so that payments of one
/// margin stay together, or none where no payment lies in the tier or above; two edges are equal
/// where the lower tier is best left empty. Settled edges stay, and tiers without reach no further than
/// the settled one below them; a settled edge above one of a higher tier moves down to it. Of equal
/// costs the fewest payments alarm. Cost: a sort, and one pass per tier.
pub fn least_cost_edges(
    policy: &CostPolicy,
    payments: &[Payment],
    tiers: &[Tier],
) -> Vec<Option<f64>> {
    let mut payments = payments.to_vec();
    payments.sort_by(|a, b| (b.margin + 0.0).total_cmp(&(a.margin + 0.0)));
    let groups: Vec<&[Payment]> =
        payments.chunk_by(|a, b| (a.margin + 0.0).total_cmp(&(b.margin + 0.0)).is_eq()).collect();
    let n_groups = groups.len();
    let cost = |action: Action, group: &[Payment]| -> f64 {
        let cost = |p: &Payment| p.weight * policy.of(action, p.is_fraud, p.amount);
        group.iter().map(cost).sum()
    };
    // With the top i groups in tier j or above, cost is a sum over tiers of what moving i groups from
    // the next lower action to that of j adds; each tier reaches at least as far down as the one before.
    let mut best = vec![0.0; n_groups + 1];
    let mut settled_above = 0;
    let mut reach: Vec<Vec<usize>> = Vec::with_capacity(tiers.len());
    for (position, tier) in tiers.iter().enumerate() {
        let below = tiers.get(position + 1).map_or(Action::Allow, |tier| tier.action);
        let settled = tier.edge.map(|edge| {
            let reach = groups.partition_point(|group| group[0].margin >= edge);
            settled_above = reach.max(settled_above);
            settled_above
        });
        let (mut added, mut least, mut at) = (0.0, f64::INFINITY, 0);
        let mut reached = Vec::with_capacity(n_groups + 1);
        for (i, best) in best.iter_mut().enumerate() {
            if let Some(group) = i.checked_sub(1).and_then(|before| groups.get(before)) {
                added += cost(tier.action, group) - cost(below, group);
            }
            let total = *best + added;
            if settled.is_none_or(|settled| i == settled) && total < least {
                (least, at) = (total, i);
            }
            reached.push(at);
            *best = least;
        }
        reach.push(reached);
    }
    let mut edges = vec![None; tiers.len()];
    let mut end = n_groups;
    for (position, reached) in reach.iter().enumerate().rev() {
        end = reached[end];
        edges[position] = end.checked_sub(1).map(|last| groups[last][0].margin);
    }
    edges
}

/// What the decisions on all payments are expected to cost, `action(position)` being what is done with
/// each.
pub fn expected_cost(
    policy: &CostPolicy,
    payments: &[Payment],
    action: impl Fn(usize) -> Action,
) -> f64 {
    let cost = |(position, p): (usize, &Payment)| {
        p.weight * policy.of(action(position), p.is_fraud, p.amount)
    };
    payments.iter().enumerate().map(cost).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::sample::{Rows, close};

    const POLICY: CostPolicy = CostPolicy {
        loss_rate: 0.9,
        review_cost: 3.0,
        review_catch_rate: 0.8,
        false_decline_cost: DeclineCost { fixed: 5.0, share: 0.1 },
    };

    #[test]
    fn one_payment_of_a_hundred() {
        for (action, fraud, good) in [
            (Action::Allow, 90.0, 0.0),
            (Action::Review, 3.0 + 18.0, 3.0),
            (Action::Block, 0.0, 15.0),
        ] {
            close(POLICY.of(action, true, 100.0), fraud, 1e-12);
            close(POLICY.of(action, false, 100.0), good, 1e-12);
        }
    }

    #[test]
    fn wrong_values_are_named() {
        assert_eq!(POLICY.wrong(), None);
        let share = CostPolicy { review_catch_rate: 1.2, ..POLICY };
        assert_eq!(share.wrong(), Some(("review_catch_rate", "a share from 0 to 1", 1.2)));
        let loss = CostPolicy { loss_rate: f64::NAN, ..POLICY };
        assert_eq!(loss.wrong().map(|(key, ..)| key), Some("loss_rate"));
    }

    fn payments(seed: u64, n_rows: usize) -> Vec<Payment> {
        let Rows { labels, scores, weights } = Rows::seeded(seed, n_rows);
        let amount = |row: usize| (row * 37 % 23) as f64;
        (0..n_rows)
            .map(|row| Payment {
                margin: scores[row],
                is_fraud: labels[row],
                amount: amount(row),
                weight: weights[row],
            })
            .collect()
    }

    fn cost_of(payments: &[Payment], tiers: &[Tier], edges: &[Option<f64>]) -> f64 {
        expected_cost(&POLICY, payments, |position| {
            let reached = |edge: &Option<f64>| edge.is_some_and(|e| payments[position].margin >= e);
            edges.iter().position(reached).map_or(Action::Allow, |tier| tiers[tier].action)
        })
    }

    /// Every pair of edges in turn.
    #[test]
    fn no_other_edges_cost_less() {
        let tier = |action, edge| Tier { action, edge };
        for seed in 0..20 {
            let payments = payments(seed, 120);
            let mut scores: Vec<f64> = payments.iter().map(|p| p.margin).collect();
            scores.push(f64::INFINITY);
            scores.sort_by(|a, b| b.total_cmp(a));
            scores.dedup();
            for settled in [None, Some(1.5), Some(f64::INFINITY)] {
                let tiers = [tier(Action::Block, None), tier(Action::Review, settled)];
                let found = least_cost_edges(&POLICY, &payments, &tiers);
                let mut least = f64::INFINITY;
                for block in &scores {
                    for review in scores.iter().filter(|review| *review <= block) {
                        if settled.is_none_or(|settled| settled.total_cmp(review).is_eq()) {
                            let edges = [Some(*block), Some(*review)];
                            least = least.min(cost_of(&payments, &tiers, &edges));
                        }
                    }
                }
                close(cost_of(&payments, &tiers, &found), least, 1e-9);
            }
        }
    }

    #[test]
    fn settled_edges_and_nothing_to_weigh() {
        let tier = |action, edge| Tier { action, edge };
        let payments = payments(1, 50);
        // The review edge above that of block moves down to it.
        let tiers = [tier(Action::Block, Some(0.5)), tier(Action::Review, Some(2.0))];
        assert_eq!(least_cost_edges(&POLICY, &payments, &tiers), [Some(0.5), Some(0.5)]);
        // Where nothing is a fraud, nothing is stopped.
        let good: Vec<_> = payments.iter().map(|p| Payment { is_fraud: false, ..*p }).collect();
        let tiers = [tier(Action::Block, None), tier(Action::Review, None)];
        assert_eq!(least_cost_edges(&POLICY, &good, &tiers), [None, None]);
        assert_eq!(least_cost_edges(&POLICY, &[], &tiers), [None, None]);
    }
}
