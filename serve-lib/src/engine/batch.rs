//! How a forest scores many rows in one call.

use super::ForestEngine;
use super::rows::Rows;
use crate::model::Forest;
use crate::schema::RowType;
#[cfg(target_arch = "x86_64")]
use {
    super::blocks::Blocks,
    super::cpu::{Avx2, Avx512},
    std::sync::Arc,
};

/// Fewer rows than this beyond whole steps of sixteen cost less one after the other.
#[cfg(target_arch = "x86_64")]
const FEW: usize = 5;

/// With so many nodes a tree, a wide walk row after row takes no longer than to ask all questions.
const MANY_NODES: usize = 256;

/// A way to evaluate a forest for many rows.
#[derive(Debug)]
pub(crate) enum BatchEngine {
    /// One row after the other, by the engine for one.
    Rows,
    #[cfg(target_arch = "x86_64")]
    Blocks512(Avx512, Arc<Blocks>),
    #[cfg(target_arch = "x86_64")]
    Blocks2(Avx2, Arc<Blocks>),
}

impl BatchEngine {
    /// The one likely to be fastest beside this engine for one row.
    pub(super) fn likely(single: &ForestEngine, forest: &Forest, row: &[RowType]) -> Self {
        let n_nodes: usize = forest.trees.iter().map(|tree| tree.nodes.len()).sum();
        if single.is_wide_walk() && n_nodes > forest.trees.len().saturating_mul(MANY_NODES) {
            return Self::Rows;
        }
        Self::all(forest, row).into_iter().next().unwrap_or(Self::Rows)
    }

    /// Every engine that takes the forest on this machine, the one likely to be fastest first.
    pub(super) fn all(forest: &Forest, row: &[RowType]) -> Vec<Self> {
        let mut found = Vec::new();
        #[cfg(target_arch = "x86_64")]
        {
            let (avx2, avx512) = (Avx2::detect(), Avx512::detect());
            // AVX-512 brings AVX2 with it. Both run over the same questions.
            let blocks = avx2.and_then(|_| Blocks::new(forest, row)).map(Arc::new);
            found.extend(avx512.zip(blocks.clone()).map(|(cpu, run)| Self::Blocks512(cpu, run)));
            found.extend(avx2.zip(blocks).map(|(cpu, run)| Self::Blocks2(cpu, run)));
        }
        found.push(Self::Rows);
        found
    }

    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Rows => "rows",
            #[cfg(target_arch = "x86_64")]
            Self::Blocks512(..) => "blocks_avx512",
            #[cfg(target_arch = "x86_64")]
            Self::Blocks2(..) => "blocks_avx2",
        }
    }

    /// The margins of the rows from `first` on, one for each place in `margins`.
    pub(super) fn margins(
        &self,
        single: &ForestEngine,
        rows: Rows<'_>,
        first: usize,
        margins: &mut [f64],
    ) {
        let in_blocks = match self {
            Self::Rows => 0,
            #[cfg(target_arch = "x86_64")]
            _ => match margins.len() % 16 {
                few if few < FEW => margins.len().saturating_sub(few),
                _ => margins.len(),
            },
        };
        let (whole, rest) = margins.split_at_mut(in_blocks);
        match self {
            _ if whole.is_empty() => {}
            Self::Rows => {}
            #[cfg(target_arch = "x86_64")]
            Self::Blocks512(cpu, blocks) => cpu.blocks(blocks, rows, first, whole),
            #[cfg(target_arch = "x86_64")]
            Self::Blocks2(cpu, blocks) => cpu.blocks(blocks, rows, first, whole),
        }
        rows.each(first.saturating_add(in_blocks), rest, |row| single.margin(row));
    }
}
