//! The features of one key as windows of their own.

use shroff_serve::features::window::{AmountColumn, WindowFeature, WindowProgram, Windows};

/// What a key's features read of an event is all that such an event has, so that less is packed, and their values lie
/// one beside the other.
pub(super) struct KeyWindows {
    pub(super) windows: Windows,
    /// The positions of the features among those of all keys.
    pub(super) features: Vec<usize>,
}

impl KeyWindows {
    pub(super) fn new(windows: &Windows, key: usize) -> Self {
        let columns: Vec<_> = windows
            .key_columns(key)
            .iter()
            .map(|column| &windows.columns()[*column].name)
            .collect();
        let is_of_it = |feature: &WindowFeature| {
            feature.key.len() == columns.len()
                && feature.key.iter().all(|column| columns.contains(&column))
        };
        let program = windows.program();
        let all = program.features.iter().enumerate();
        let (positions, features): (_, Vec<WindowFeature>) =
            all.filter(|(_, feature)| is_of_it(feature)).map(|(at, of)| (at, of.clone())).unzip();
        let is_summed = |amount: &&AmountColumn| {
            let mut measures = features.iter().map(|feature| &feature.measure);
            // It cannot be a column of ids too, of which different values are counted.
            measures.any(|of| of.column() == Some(&amount.name))
        };
        let amounts = program.amounts.iter().filter(is_summed).cloned().collect();
        let part = WindowProgram { amounts, features, ..program.clone() };
        let windows = Windows::new(part).expect("a part of a sound program is sound");
        Self { windows, features: positions }
    }

    /// The names of the key's columns.
    pub(super) fn name(&self) -> String {
        let names = self.windows.key_columns(0).iter();
        let names: Vec<&str> = names.map(|&column| &*self.windows.columns()[column].name).collect();
        names.join("+")
    }
}
