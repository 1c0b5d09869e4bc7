//! Terminals: where they stand and what their merchants sell.

use rand::RngExt;

use super::map::Place;
use super::stream::{Purpose, stream};
use crate::error::Error;
use crate::table::{Column, Table, Values};

/// One payment terminal of one merchant.
#[derive(Debug, Clone)]
pub(super) struct Terminal {
    pub(super) place: Place,
    pub(super) category: MerchantCategory,
}

/// What a merchant sells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MerchantCategory {
    Grocery,
    Restaurant,
    Fuel,
    Clothing,
    Pharmacy,
    Entertainment,
    Electronics,
    Travel,
}

impl Terminal {
    /// The terminal of this number.
    pub(super) fn draw(seed: u64, id: u32) -> Self {
        let mut rng = stream(seed, Purpose::Terminal, id);
        let place = Place::draw(&mut rng);
        Self { place, category: MerchantCategory::at(rng.random()) }
    }
}

impl MerchantCategory {
    /// The name in the tables.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Grocery => "grocery",
            Self::Restaurant => "restaurant",
            Self::Fuel => "fuel",
            Self::Clothing => "clothing",
            Self::Pharmacy => "pharmacy",
            Self::Entertainment => "entertainment",
            Self::Electronics => "electronics",
            Self::Travel => "travel",
        }
    }

    /// Whether the goods are easily turned into money, which thieves prefer.
    pub(super) fn is_resold_easily(self) -> bool {
        matches!(self, Self::Electronics | Self::Travel)
    }

    /// The category at a point of the unit interval divided by the shares.
    fn at(mut point: f64) -> Self {
        for (category, share) in SHARES {
            if point < share {
                return category;
            }
            point -= share;
        }
        // Only rounding at the very end of the interval comes here.
        Self::Travel
    }
}

/// The terminals as a table, one row each in order of their numbers.
pub(super) fn table(terminals: &[Terminal]) -> Result<Table, Error> {
    let numbers = |value: fn(&Terminal) -> f64| {
        Column::new(Values::Number(terminals.iter().map(value).collect()))
    };
    Table::new(vec![
        (
            "TERMINAL_ID".to_owned(),
            Column::new(Values::Integer((0i64..).take(terminals.len()).collect())),
        ),
        ("X".to_owned(), numbers(|terminal| terminal.place.x)),
        ("Y".to_owned(), numbers(|terminal| terminal.place.y)),
        (
            "MERCHANT_CATEGORY".to_owned(),
            Column::new(Values::Text(
                terminals.iter().map(|terminal| terminal.category.name()).collect(),
            )),
        ),
    ])
}

/// Share of each category among terminals.
const SHARES: [(MerchantCategory, f64); 8] = [
    (MerchantCategory::Grocery, 0.26),
    (MerchantCategory::Restaurant, 0.20),
    (MerchantCategory::Fuel, 0.12),
    (MerchantCategory::Clothing, 0.12),
    (MerchantCategory::Pharmacy, 0.08),
    (MerchantCategory::Entertainment, 0.08),
    (MerchantCategory::Electronics, 0.08),
    (MerchantCategory::Travel, 0.06),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn categories_appear_with_their_shares() {
        let n = 20_000;
        let terminals: Vec<Terminal> = (0..n).map(|id| Terminal::draw(3, id)).collect();
        for (category, share) in SHARES {
            let found = terminals.iter().filter(|terminal| terminal.category == category).count();
            let expected = share * f64::from(n);
            // Six standard deviations of the binomial.
            let bound = 6.0 * (expected * (1.0 - share)).sqrt();
            assert!((found as f64 - expected).abs() < bound, "{}: {found}", category.name());
        }
        let total: f64 = SHARES.iter().map(|(_, share)| share).sum();
        assert!((total - 1.0).abs() < 1e-12);
    }
}
