//! How a model is evaluated: derived from the plain model at load, never stored. Every engine gives
//! the bits of the model's own `margin`, which is the definition.

mod batch;
#[cfg(target_arch = "x86_64")]
mod blocks;
mod choice;
#[cfg(target_arch = "x86_64")]
mod cpu;
#[cfg(target_arch = "x86_64")]
mod leaves;
#[cfg(target_arch = "x86_64")]
mod masks;
#[cfg(target_arch = "x86_64")]
mod order;
#[cfg(target_arch = "x86_64")]
mod question;
mod rows;
#[cfg(target_arch = "x86_64")]
mod symmetric;
#[cfg(test)]
mod tests;
mod walk;
#[cfg(target_arch = "x86_64")]
mod wide_walk;

use crate::model::{Forest, Linear, Model};
use crate::schema::RowType;
use batch::BatchEngine;
pub(crate) use choice::N_TIMED;
pub(crate) use rows::Rows;
use walk::Walker;
#[cfg(target_arch = "x86_64")]
use {
    cpu::{Avx2, Avx512},
    masks::Masks,
    std::sync::Arc,
    symmetric::Symmetric,
    wide_walk::WideWalk,
};

/// A model made ready to run.
#[derive(Debug)]
pub(crate) enum Engine {
    Linear(Linear),
    Forest { single: ForestEngine, batch: BatchEngine },
}

/// A way to evaluate a forest.
#[derive(Debug)]
pub(crate) enum ForestEngine {
    Walk(Walker),
    #[cfg(target_arch = "x86_64")]
    Symmetric512(Avx512, Arc<Symmetric>),
    #[cfg(target_arch = "x86_64")]
    Symmetric2(Avx2, Arc<Symmetric>),
    #[cfg(target_arch = "x86_64")]
    Masks512(Avx512, Arc<Masks>),
    #[cfg(target_arch = "x86_64")]
    Masks2(Avx2, Arc<Masks>),
    #[cfg(target_arch = "x86_64")]
    WideWalk512(Avx512, WideWalk),
}

impl Engine {
    /// Prepares a model that [`Model::check`] proved for rows of these types: in the way that takes
    /// the least time for the sample of rows, or without one in the way that should.
    pub(crate) fn new(model: &Model, row: &[RowType], sample: &[Vec<f32>]) -> Self {
        match model {
            Model::Linear(linear) => Self::Linear(linear.clone()),
            Model::Forest(forest) => {
                let single = ForestEngine::new(forest, row, sample);
                // Which is best for many rows differs less between machines than timing would cost.
                let batch = BatchEngine::likely(&single, forest, row);
                Self::Forest { single, batch }
            }
        }
    }

    /// The names of all engines for one row, or else for many, that take the model on this machine;
    /// for tests and benches.
    pub(crate) fn names(model: &Model, row: &[RowType], batch: bool) -> Vec<&'static str> {
        match model {
            Model::Linear(_) => vec!["linear"],
            Model::Forest(forest) if batch => {
                BatchEngine::all(forest, row).iter().map(BatchEngine::name).collect()
            }
            Model::Forest(forest) => {
                ForestEngine::all(forest, row).iter().map(ForestEngine::name).collect()
            }
        }
    }

    /// Evaluates one row, or many, in the named way, if that takes the model; for tests and benches.
    pub(crate) fn force(&mut self, model: &Model, row: &[RowType], name: &str) -> bool {
        let (Self::Forest { single, batch }, Model::Forest(forest)) = (self, model) else {
            return name == "linear";
        };
        let found = ForestEngine::all(forest, row).into_iter().find(|engine| engine.name() == name);
        let many = BatchEngine::all(forest, row).into_iter().find(|engine| engine.name() == name);
        match (found, many) {
            (Some(found), _) => *single = found,
            (None, Some(found)) => *batch = found,
            (None, None) => return false,
        }
        true
    }

    /// The name in reports.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Linear(_) => "linear",
            Self::Forest { single, .. } => single.name(),
        }
    }

    /// The name of the engine for many rows.
    pub(crate) fn batch_name(&self) -> &'static str {
        match self {
            Self::Linear(_) => "linear",
            Self::Forest { batch, .. } => batch.name(),
        }
    }

    /// The margin of a row of as many values as the model has features.
    #[inline]
    pub(crate) fn margin(&self, row: &[f32]) -> f64 {
        match self {
            Self::Linear(linear) => linear.margin(row),
            Self::Forest { single, .. } => single.margin(row),
        }
    }

    /// The margins of the rows from `first` on, one for each place in `margins`.
    pub(crate) fn margins(&self, rows: Rows<'_>, first: usize, margins: &mut [f64]) {
        match self {
            Self::Linear(linear) => rows.each(first, margins, |row| linear.margin(row)),
            Self::Forest { single, batch } => batch.margins(single, rows, first, margins),
        }
    }
}

impl ForestEngine {
    /// Every engine that takes the forest on this machine, the one likely to be fastest first.
    fn all(forest: &Forest, row: &[RowType]) -> Vec<Self> {
        let mut found = Self::vectorized(forest, row);
        found.push(Self::Walk(Walker::new(forest, row.len())));
        found
    }

    /// The engine that takes the least time for the sample, which depends on the processor and its
    /// caches and changes no score; without a sample the one likely to.
    fn new(forest: &Forest, row: &[RowType], sample: &[Vec<f32>]) -> Self {
        let walk = || Self::Walk(Walker::new(forest, row.len()));
        let mut engines = Self::vectorized(forest, row);
        if !engines.iter().any(Self::outdoes_walk) {
            engines.push(walk());
        }
        choice::fastest(engines, sample).unwrap_or_else(walk)
    }

    /// Whether the walk is not worth the time to lay it out: of the same trees, those in registers
    /// took at most seven tenths of its time in six models on one processor.
    fn outdoes_walk(&self) -> bool {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Symmetric512(..) | Self::Symmetric2(..) => true,
            #[cfg(target_arch = "x86_64")]
            Self::Masks512(..) | Self::WideWalk512(..) => true,
            _ => false,
        }
    }

    /// Whether rows one after the other are walked in registers.
    fn is_wide_walk(&self) -> bool {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::WideWalk512(..) => true,
            _ => false,
        }
    }

    /// Those for some forests on some machines.
    fn vectorized(forest: &Forest, row: &[RowType]) -> Vec<Self> {
        let mut found = Vec::new();
        #[cfg(target_arch = "x86_64")]
        {
            let (avx2, avx512) = (Avx2::detect(), Avx512::detect());
            // AVX-512 brings AVX2 with it. Both run over the same tables.
            let symmetric = avx2.and_then(|_| Symmetric::new(forest, row.len())).map(Arc::new);
            let masks = avx2.and_then(|_| Masks::new(forest, row)).map(Arc::new);
            let (symmetric, masks) = (|| symmetric.clone(), || masks.clone());
            for cpu in avx512.into_iter().flat_map(Avx512::ways) {
                found.extend(symmetric().map(|run| Self::Symmetric512(cpu, run)));
                found.extend(masks().map(|run| Self::Masks512(cpu, run)));
            }
            found.extend(avx2.zip(symmetric()).map(|(cpu, run)| Self::Symmetric2(cpu, run)));
            found.extend(avx2.zip(masks()).map(|(cpu, run)| Self::Masks2(cpu, run)));
            // Where tables or levels are enough, nodes need not be fetched: not worth the time to lay them
            // out. Of 100 and 500 trees of 31 leaves, tables took half of the time and less.
            let fetched = avx512.filter(|_| symmetric().is_none() && masks().is_none());
            let walk = fetched.and_then(|_| WideWalk::new(forest, row.len()));
            found.extend(avx512.zip(walk).map(|(cpu, run)| Self::WideWalk512(cpu, run)));
        }
        found
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Walk(_) => "walk",
            #[cfg(target_arch = "x86_64")]
            Self::Symmetric512(Avx512 { gathers: true }, _) => "symmetric_avx512_gather",
            #[cfg(target_arch = "x86_64")]
            Self::Symmetric512(..) => "symmetric_avx512",
            #[cfg(target_arch = "x86_64")]
            Self::Symmetric2(..) => "symmetric_avx2",
            #[cfg(target_arch = "x86_64")]
            Self::Masks512(Avx512 { gathers: true }, _) => "masks_avx512_gather",
            #[cfg(target_arch = "x86_64")]
            Self::Masks512(..) => "masks_avx512",
            #[cfg(target_arch = "x86_64")]
            Self::Masks2(..) => "masks_avx2",
            #[cfg(target_arch = "x86_64")]
            Self::WideWalk512(..) => "walk_avx512",
        }
    }

    #[inline]
    fn margin(&self, row: &[f32]) -> f64 {
        match self {
            Self::Walk(walker) => walker.margin(row),
            #[cfg(target_arch = "x86_64")]
            Self::Symmetric512(cpu, symmetric) => cpu.symmetric(symmetric, row),
            #[cfg(target_arch = "x86_64")]
            Self::Symmetric2(cpu, symmetric) => cpu.symmetric(symmetric, row),
            #[cfg(target_arch = "x86_64")]
            Self::Masks512(cpu, masks) => cpu.masks(masks, row),
            #[cfg(target_arch = "x86_64")]
            Self::Masks2(cpu, masks) => cpu.masks(masks, row),
            #[cfg(target_arch = "x86_64")]
            Self::WideWalk512(cpu, walk) => cpu.wide_walk(walk, row),
        }
    }
}
