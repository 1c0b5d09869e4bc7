//! Makes the questions of [`Blocks`] of a forest.

use super::super::order::{Order, Strike};
use super::{Blocks, Coded, Feature, Lines, MAX_FEATURES, Numeric, Part, Shape, WORD};
use crate::model::{Forest, Node, RowType, Split, SplitTest, Tree};

/// With about so many questions a tree, which is one for each leaf and a fifth more, walks are as fast.
const MAX_QUESTIONS: usize = 512;
/// Symmetric trees of more levels have too many leaves.
const MAX_LEVELS: usize = 12;
/// Tables by category beyond this lie too far from the core.
const MAX_TABLE_BYTES: usize = 16 << 20;

impl Blocks {
    /// The questions of a forest that `Model::check` proved for such rows, unless they are too many
    /// or ask about too much.
    pub(in super::super) fn new(forest: &Forest, row: &[RowType]) -> Option<Self> {
        let blocks = Self {
            aggregation: forest.aggregation,
            features: Vec::new(),
            trees: Vec::with_capacity(forest.trees.len()),
            parts: Vec::new(),
            numeric: Vec::new(),
            coded: Vec::new(),
            leaves: Lines::new(&[]),
        };
        let mut build = Build {
            blocks,
            leaves: Vec::new(),
            row,
            known: vec![None; row.len()],
            questions_left: MAX_QUESTIONS * forest.trees.len(),
            table_bytes_left: MAX_TABLE_BYTES,
        };
        let mut order = Order::default();
        for tree in &forest.trees {
            build.push(tree, forest.symmetric, &mut order)?;
        }
        Some(Self { leaves: Lines::new(&build.leaves), ..build.blocks })
    }
}

/// Blocks in the making.
struct Build<'r> {
    /// As yet without leaves.
    blocks: Blocks,
    leaves: Vec<[f64; WORD]>,
    row: &'r [RowType],
    /// For each value of a row its position among the features asked about.
    known: Vec<Option<usize>>,
    questions_left: usize,
    table_bytes_left: usize,
}

impl Build<'_> {
    fn push<'t>(&mut self, tree: &'t Tree, symmetric: bool, order: &mut Order<'t>) -> Option<()> {
        let [n_parts, n_numeric, n_coded] = self.n_asked();
        let (leaves, answers) =
            if symmetric { self.symmetric(tree)? } else { self.any(tree, order)? };
        let [parts, numeric, coded] = self.n_asked();
        let word =
            |leaves: &[f64]| std::array::from_fn(|at| leaves.get(at).copied().unwrap_or(0.0));
        self.leaves.extend(leaves.chunks(WORD).map(word));
        self.blocks.trees.push(Shape {
            n_parts: parts - n_parts,
            n_numeric: numeric - n_numeric,
            n_coded: coded - n_coded,
            n_words: leaves.len().div_ceil(WORD),
            answers,
        });
        Some(())
    }

    fn n_asked(&self) -> [usize; 3] {
        [self.blocks.parts.len(), self.blocks.numeric.len(), self.blocks.coded.len()]
    }

    /// Asks all questions of a tree.
    fn any<'t>(
        &mut self,
        tree: &'t Tree,
        order: &mut Order<'t>,
    ) -> Option<(Vec<f64>, Option<u32>)> {
        if tree.nodes.len() / 2 > self.questions_left {
            return None;
        }
        order.read(tree);
        let Order { values, strikes, .. } = &*order;
        for part in (0..values.len().div_ceil(WORD)).rev() {
            let (first, last) = (part * WORD, part * WORD + WORD);
            let touching = strikes
                .iter()
                .filter(|strike| strike.leaves.start < last && strike.leaves.end > first);
            self.push_part(
                first,
                touching.map(|Strike { split, leaves }| {
                    let (from, to) = (leaves.start.max(first), leaves.end.min(last));
                    (*split, !bits(from - first, to - first))
                }),
            )?;
        }
        Some((values.clone(), None))
    }

    /// Asks a question a level; the answer "right" of level `n` clears bit `n`.
    fn symmetric(&mut self, tree: &Tree) -> Option<(Vec<f64>, Option<u32>)> {
        let (mut questions, mut index) = (Vec::new(), 0);
        while let Node::Split(split) = &tree.nodes[index] {
            questions.push((split, !(1 << questions.len())));
            index = split.left as usize;
            if questions.len() > MAX_LEVELS {
                return None;
            }
        }
        self.push_part(0, questions.iter().copied())?;
        let n_leaves = 1 << questions.len();
        let leaves = (0..n_leaves).map(|number| leaf_value(tree, number)).collect();
        Some((leaves, Some(n_leaves as u32 - 1)))
    }

    fn push_part<'t>(
        &mut self,
        first_leaf: usize,
        questions: impl Iterator<Item = (&'t Split, u32)>,
    ) -> Option<()> {
        let (numeric, coded) = (self.blocks.numeric.len(), self.blocks.coded.len());
        for (split, kept) in questions {
            self.questions_left = self.questions_left.checked_sub(1)?;
            match &split.test {
                SplitTest::AtMost(bound) => {
                    let column = self.column(split, !split.default_left)?;
                    self.blocks.numeric.push(Numeric { column, bound: *bound, kept });
                }
                SplitTest::OneOf(set) => {
                    let table = self.table(split, coded)?;
                    for (rank, word) in table.iter_mut().enumerate() {
                        let goes_left = match rank.checked_sub(1) {
                            Some(code) => set.contains(code),
                            None => split.default_left,
                        };
                        *word &= if goes_left { u32::MAX } else { kept };
                    }
                }
            }
        }
        let n_numeric = self.blocks.numeric.len() - numeric;
        let n_coded = self.blocks.coded.len() - coded;
        self.blocks.parts.push(Part { first_leaf: first_leaf as u32, n_numeric, n_coded });
        Some(())
    }

    /// The table of a category feature among those from `first` on.
    fn table(&mut self, split: &Split, first: usize) -> Option<&mut [u32]> {
        let column = self.column(split, false)?;
        let coded = &mut self.blocks.coded;
        let known = coded[first..].iter().position(|coded| coded.column == column);
        let position = known.map_or(coded.len(), |known| first + known);
        if known.is_none() {
            let n_categories = self.row[split.feature_index as usize].n_categories()?;
            let n_ranks = n_categories as usize + 1;
            self.table_bytes_left =
                self.table_bytes_left.checked_sub(n_ranks * size_of::<u32>())?;
            coded.push(Coded { column, kept: vec![u32::MAX; n_ranks] });
        }
        Some(&mut coded[position].kept)
    }

    /// The first column of a split's feature, or its second.
    fn column(&mut self, split: &Split, second: bool) -> Option<u32> {
        let (position, features) = (split.feature_index as usize, &mut self.blocks.features);
        let known = &mut self.known[position];
        if known.is_none() && features.len() < MAX_FEATURES {
            *known = Some(features.len());
            let n_categories = self.row[position].n_categories().map(|n| n as usize);
            features.push(Feature { position, n_categories });
        }
        known.map(|feature| feature as u32 * 2 + u32::from(second))
    }
}

/// The leaves `from..to` of a word, the first in the highest bit.
fn bits(from: usize, to: usize) -> u32 {
    let down_from = |leaf: usize| u32::MAX.checked_shr(leaf as u32).unwrap_or(0);
    down_from(from) & !down_from(to)
}

/// The leaf of a symmetric tree to which these answers lead, the first in the lowest bit: 1 is left.
fn leaf_value(tree: &Tree, mut answers: usize) -> f64 {
    let mut index = 0;
    loop {
        match &tree.nodes[index] {
            Node::Leaf { value, .. } => return *value,
            Node::Split(split) => {
                index = if answers & 1 == 1 { split.left } else { split.right } as usize;
                answers >>= 1;
            }
        }
    }
}
