//! The feature program one input at a time, for values that come in an order of their own and do not
//! stay: text borrowed from a struct is gone when the next field comes.

use super::outcome::{Expected, Watch};
use super::transform::number;
use super::{Program, Step};
use crate::error::{RejectReason, ScoreError};
use crate::record::Value;
use crate::schema::{Feature, Schema};

/// The features that each input feeds. Derived from a checked program.
#[derive(Debug)]
pub(crate) struct ByInput {
    targets: Vec<Target>,
    /// Those of an input in ascending order of their features.
    fed: Vec<Fed>,
    n_pairs: usize,
    /// The features that are velocity features, which no input feeds.
    windows: Vec<u32>,
}

/// A feature that an input feeds.
#[derive(Debug, Clone, Copy)]
struct Fed {
    feature: u32,
    /// For a feature of two inputs, which are fed in whatever order.
    pair: Option<Pair>,
}

#[derive(Debug, Clone, Copy)]
struct Pair {
    /// Where the one that comes first waits for the other.
    slot: u32,
    is_second: bool,
}

/// An operand that waits. Only numbers and times do, so nothing is borrowed.
pub(crate) type Waiting = Option<Value<'static>>;

#[derive(Debug, Clone, Copy)]
enum Target {
    /// The feature at this position, which is the number itself: the usual case.
    Number { feature: u32, expected: Expected },
    /// The feature at this position, of this input alone.
    One(u32),
    /// Those between these places of [`ByInput::fed`].
    Several { from: u32, to: u32 },
}

impl ByInput {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "`Schema::check` bounds the features, and each has at most two inputs"
    )]
    pub(crate) fn new(schema: &Schema, program: &Program) -> Self {
        let (mut targets, mut fed) = (Vec::new(), Vec::with_capacity(program.steps.len()));
        for input in 0..schema.inputs.len() {
            let from = fed.len() as u32;
            let mut slot = 0_u32;
            for (feature, step) in (0_u32..).zip(&program.steps) {
                let is_second = step.second_input() == Some(input);
                if is_second || step.input() == Some(input) {
                    let pair = step.second_input().map(|_| Pair { slot, is_second });
                    fed.push(Fed { feature, pair });
                }
                slot = slot.saturating_add(u32::from(step.second_input().is_some()));
            }
            targets.push(match fed.get(from as usize..) {
                Some(&[Fed { feature, pair: None }]) => match program.steps.get(feature as usize) {
                    Some(Step::Number { range, .. }) => {
                        Target::Number { feature, expected: Expected::new(*range) }
                    }
                    _ => Target::One(feature),
                },
                _ => Target::Several { from, to: fed.len() as u32 },
            });
        }
        let n_pairs = program.steps.iter().filter(|step| step.second_input().is_some()).count();
        let is_window = |(_, step): &(u32, &Step)| step.input().is_none();
        let windows = (0..).zip(&program.steps).filter(is_window).map(|(feature, _)| feature);
        Self { targets, fed, n_pairs, windows: windows.collect() }
    }

    /// How many operands may wait for their other at the same time.
    pub(crate) fn n_pairs(&self) -> usize {
        self.n_pairs
    }
}

/// A row in the making. It is whole when every input was fed once, in whatever order, and the velocity
/// features were.
pub(crate) struct RowFill<'a, W> {
    targets: &'a [Target],
    by_input: &'a [Fed],
    windows: &'a [u32],
    steps: &'a [Step],
    features: &'a [Feature],
    utc_offset_secs: i32,
    row: &'a mut [f32],
    waiting: &'a mut [Waiting],
    watch: &'a mut W,
    /// The first feature, in the schema's order, of which that is known.
    rejected: Option<(u32, RejectReason)>,
}

#[expect(
    clippy::indexing_slicing,
    reason = "`ByInput::new` read every position off this schema and program"
)]
impl<'a, W: Watch> RowFill<'a, W> {
    /// A row of as many values as the schema has features, and [`ByInput::n_pairs`] times nothing
    /// that waits.
    #[inline]
    pub(crate) fn new(
        by_input: &'a ByInput,
        schema: &'a Schema,
        program: &'a Program,
        row: &'a mut [f32],
        waiting: &'a mut [Waiting],
        watch: &'a mut W,
    ) -> Self {
        Self {
            targets: &by_input.targets,
            by_input: &by_input.fed,
            windows: &by_input.windows,
            steps: &program.steps,
            features: &schema.features,
            utc_offset_secs: schema.utc_offset_secs,
            row,
            waiting,
            watch,
            rejected: None,
        }
    }

    /// Computes all velocity features from their values, one for each of the program's.
    #[inline]
    pub(crate) fn feed_velocity(&mut self, velocity: &[f32]) {
        for &feature in self.windows {
            let value = self.steps[feature as usize].window_operand(velocity);
            self.fill(feature, value);
        }
    }

    /// Computes all features of one input; the value's type suits it.
    // Inlined where the kind of value is known, little of this is left.
    #[inline(always)]
    pub(crate) fn feed(&mut self, input: u32, value: Value<'_>) {
        let target = &self.targets[input as usize];
        if let Target::Number { feature, expected } = target
            && let Some(narrow) = expected.narrow(number(value))
        {
            self.row[*feature as usize] = narrow;
        } else {
            self.feed_other(input, value);
        }
    }

    #[inline(never)]
    fn feed_other(&mut self, input: u32, value: Value<'_>) {
        match self.targets[input as usize] {
            Target::Number { feature, .. } | Target::One(feature) => self.fill(feature, value),
            Target::Several { from, to } => self.fill_several(from, to, value),
        }
    }

    #[inline]
    fn fill(&mut self, at: u32, value: Value<'_>) {
        let (step, feature) = (&self.steps[at as usize], &self.features[at as usize]);
        let odd = |what| self.watch.odd(at as usize, what);
        match step.fill(feature, value, self.utc_offset_secs, odd) {
            Ok(value) => self.row[at as usize] = value,
            Err(reason) => self.reject(at, reason),
        }
    }

    #[inline(never)]
    fn fill_several(&mut self, from: u32, to: u32, value: Value<'_>) {
        let by_input = self.by_input;
        for fed in &by_input[from as usize..to as usize] {
            match fed.pair {
                None => self.fill(fed.feature, value),
                Some(pair) => self.fill_pair(fed.feature, pair, value),
            }
        }
    }

    /// The first operand to come waits, the second finds it there.
    fn fill_pair(&mut self, at: u32, pair: Pair, value: Value<'_>) {
        let Some(other) = self.waiting[pair.slot as usize].take() else {
            self.waiting[pair.slot as usize] = Some(operand(value));
            return;
        };
        let (first, second) = if pair.is_second { (other, value) } else { (value, other) };
        let (step, feature) = (&self.steps[at as usize], &self.features[at as usize]);
        let odd = |what| self.watch.odd(at as usize, what);
        match step.fill_pair(feature, first, second, odd) {
            Ok(value) => self.row[at as usize] = value,
            Err(reason) => self.reject(at, reason),
        }
    }

    #[cold]
    fn reject(&mut self, feature: u32, reason: RejectReason) {
        if self.rejected.is_none_or(|(first, _)| feature < first) {
            self.rejected = Some((feature, reason));
        }
    }

    /// # Errors
    /// The first feature, in the schema's order, whose policy rejects its value: the very one that
    /// [`Program::encode`] names.
    #[inline]
    pub(crate) fn finish(self) -> Result<(), ScoreError> {
        match self.rejected {
            None => Ok(()),
            Some((feature, reason)) => {
                let name = self.features[feature as usize].name.clone();
                Err(ScoreError::rejected(name, reason))
            }
        }
    }
}

fn operand(value: Value<'_>) -> Value<'static> {
    match value {
        Value::Number(value) => Value::Number(value),
        Value::Integer(value) => Value::Integer(value),
        Value::Time(value) => Value::Time(value),
        _ => Value::Null,
    }
}
