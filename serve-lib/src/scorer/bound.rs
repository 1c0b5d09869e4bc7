//! A struct of the backend bound to a scorer.

use std::any::type_name;
use std::marker::PhantomData;
use std::sync::Arc;

use serde::Serialize;

use super::{Explanation, Score, Scorer};
use crate::error::ScoreError;
use crate::features::{ByInput, RowFill, Unwatched, Waiting, Watch};
use crate::record::{BindError, Plan, Sink, Value};
use crate::schema::MAX_FEATURES;

/// Scores values of a type whose fields were bound to a scorer's inputs, by [`Scorer::bind`].
///
/// Which field feeds which input was found once, by name. A score serialises the value along these
/// positions: no name is looked up, nothing allocated, and the bits are those of
/// [`Scorer::score_record`]. The type implements [`Serialize`], as a rule by derive.
///
/// | input | fields that may feed it |
/// |---|---|
/// | number | integers and floats of any width |
/// | boolean | `bool` |
/// | id | integers of at most 64 bits with a sign, floats that are whole, and what feeds text |
/// | text | strings, `char`, enums of unit variants, whatever serialises as a string |
/// | time | [`Timestamp`](crate::record::Timestamp); text such as `2018-07-21T20:15:00Z`, with a space for the T, a fraction, `±HH:MM` for the Z or nothing, which is UTC: what date crates write |
///
/// - Each may be within an `Option`, none being null, a `Box`, a reference or a newtype. Empty text
///   is null. An integer beyond 64 bits is refused.
/// - **Names** are those that serde sees, after `rename`. Fields of a nested struct, one level deep,
///   are named `outer.inner`; an input that no field has for its whole name takes the only `inner`
///   of its name. An optional struct that is none has only null fields.
/// - **Every input has a field**, else binding is an error: a forgotten one would be a wrong score.
///   Fields that feed no input are passed by unread.
/// - **The shape is fixed.** Maps, and with them `flatten`, sequences, tuples, bytes, variants with
///   data and structs deeper down are refused when binding. Give a sample that is whole: what lies
///   within a `None` cannot be seen.
/// - Each score checks that the fields come as they came in the sample. Where they do not, the
///   score is an error, also where `skip_serializing_if` leaves a field out that feeds an input.
pub struct Bound<'s, T: ?Sized> {
    scorer: Holder<'s>,
    plan: Plan,
    by_input: ByInput,
    values: PhantomData<fn(&T)>,
}

/// A scorer that someone else keeps, or that is kept together.
pub(super) enum Holder<'s> {
    Borrowed(&'s Scorer),
    Shared(Arc<Scorer>),
}

impl<'s, T: Serialize + ?Sized> Bound<'s, T> {
    pub(super) fn new(scorer: Holder<'s>, sample: &T) -> Result<Self, BindError> {
        let contents = scorer.get().contents();
        let plan = Plan::new(&contents.schema.inputs, sample)?;
        let by_input = ByInput::new(&contents.schema, &contents.program);
        Ok(Self { scorer, plan, by_input, values: PhantomData })
    }

    /// Scores a value.
    ///
    /// # Errors
    /// As [`Scorer::score_record`], and for a value of another shape than the sample.
    #[inline]
    pub fn score(&self, value: &T) -> Result<Score, ScoreError> {
        self.score_like(value)
    }

    /// As [`Bound::score`], with the values of the velocity features, as [`Scorer::score_record_with`]
    /// takes them.
    ///
    /// # Errors
    /// As [`Bound::score`], and for another number of velocity features.
    #[inline]
    pub fn score_with(&self, value: &T, velocity: &[f32]) -> Result<Score, ScoreError> {
        self.score_like_with(value, velocity)
    }

    /// As [`Bound::score`], for any type whose fields have the names of the sample's, in its order:
    /// the same type borrowing for a shorter time, where a binding of `Request<'static>` is kept.
    ///
    /// ```
    /// use shroff_serve::{Bound, Scorer};
    ///
    /// #[derive(serde::Serialize)]
    /// struct Payment<'a> { amount: f64, country: &'a str, balance: Option<i64> }
    ///
    /// # let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/golden/v1/linear.shroff");
    /// # let scorer = std::sync::Arc::new(Scorer::open(path)?);
    /// let sample = Payment { amount: 1.0, country: "", balance: Some(1) };
    /// let bound: Bound<'static, Payment<'static>> = scorer.bind_shared(&sample)?;
    ///
    /// let request = String::from("FR 191.75");
    /// let (country, amount) = request.split_once(' ').ok_or("two words")?;
    /// let payment = Payment { amount: amount.parse()?, country, balance: Some(250) };
    /// assert!((bound.score_like(&payment)?.margin + 1.25).abs() < 1e-12);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`Bound::score`].
    #[inline]
    pub fn score_like<U: Serialize + ?Sized>(&self, value: &U) -> Result<Score, ScoreError> {
        self.score_like_with(value, &[])
    }

    /// As [`Bound::score_with`], for the types that [`Bound::score_like`] takes.
    ///
    /// # Errors
    /// As [`Bound::score_with`].
    #[inline]
    pub fn score_like_with<U: Serialize + ?Sized>(
        &self,
        value: &U,
        velocity: &[f32],
    ) -> Result<Score, ScoreError> {
        self.score_watched(value, velocity, &mut Unwatched)
    }

    /// As [`Bound::score_like_with`]; `watch` is told of every odd value, whether one is rejected or not.
    #[inline]
    pub(crate) fn score_watched<U: Serialize + ?Sized, W: Watch>(
        &self,
        value: &U,
        velocity: &[f32],
        watch: &mut W,
    ) -> Result<Score, ScoreError> {
        // Few models have features of two inputs, and none has more of them than features.
        match (self.scorer().schema().features.len(), self.by_input.n_pairs()) {
            (0..=64, 0) => self.score_on_stack::<64, 0, U, W>(value, velocity, watch),
            (65..=512, 0) => self.score_on_stack::<512, 0, U, W>(value, velocity, watch),
            (_, 0) => self.score_on_stack::<MAX_FEATURES, 0, U, W>(value, velocity, watch),
            (0..=64, 1..=16) => self.score_on_stack::<64, 16, U, W>(value, velocity, watch),
            (0..=512, 1..=512) => self.score_on_stack::<512, 512, U, W>(value, velocity, watch),
            _ => self.score_on_stack::<MAX_FEATURES, MAX_FEATURES, U, W>(value, velocity, watch),
        }
    }

    // Not inlined: within one function each call would take the stack of all sizes together.
    #[inline(never)]
    fn score_on_stack<const N: usize, const PAIRS: usize, U: Serialize + ?Sized, W: Watch>(
        &self,
        value: &U,
        velocity: &[f32],
        watch: &mut W,
    ) -> Result<Score, ScoreError> {
        let scorer = self.scorer();
        let (mut row, mut waiting) = ([0.0; N], [None; PAIRS]);
        let row = &mut row[..scorer.schema().features.len()];
        self.encode(value, velocity, row, &mut waiting, watch)?;
        scorer.score(row)
    }

    /// Fills a row of as many values as the schema has features, with room for operands to wait.
    #[inline]
    fn encode<U: Serialize + ?Sized, W: Watch>(
        &self,
        value: &U,
        velocity: &[f32],
        row: &mut [f32],
        waiting: &mut [Waiting],
        watch: &mut W,
    ) -> Result<(), ScoreError> {
        let contents = self.scorer().contents();
        let (schema, program) = (&contents.schema, &contents.program);
        program.check_velocity(velocity)?;
        let mut fill = RowFill::new(&self.by_input, schema, program, row, waiting, watch);
        fill.feed_velocity(velocity);
        self.plan.walk(&schema.inputs, value, &mut fill)?;
        fill.finish()
    }

    /// Explains the score of a value as [`Scorer::explain`] does that of a row; as there, it
    /// allocates.
    ///
    /// # Errors
    /// As [`Bound::score`].
    pub fn explain(&self, value: &T, top: usize) -> Result<Explanation<'_>, ScoreError> {
        self.explain_like(value, top)
    }

    /// As [`Bound::explain`], with the values of the velocity features.
    ///
    /// # Errors
    /// As [`Bound::score_with`].
    pub fn explain_with(
        &self,
        value: &T,
        velocity: &[f32],
        top: usize,
    ) -> Result<Explanation<'_>, ScoreError> {
        self.explain_like_with(value, velocity, top)
    }

    /// As [`Bound::explain`], for the types that [`Bound::score_like`] takes.
    ///
    /// # Errors
    /// As [`Bound::score`].
    pub fn explain_like<U: Serialize + ?Sized>(
        &self,
        value: &U,
        top: usize,
    ) -> Result<Explanation<'_>, ScoreError> {
        self.explain_like_with(value, &[], top)
    }

    /// As [`Bound::explain_with`], for the types that [`Bound::score_like`] takes.
    ///
    /// # Errors
    /// As [`Bound::score_with`].
    pub fn explain_like_with<U: Serialize + ?Sized>(
        &self,
        value: &U,
        velocity: &[f32],
        top: usize,
    ) -> Result<Explanation<'_>, ScoreError> {
        let mut row = vec![0.0; self.scorer().schema().features.len()];
        let mut waiting = vec![None; self.by_input.n_pairs()];
        self.encode(value, velocity, &mut row, &mut waiting, &mut Unwatched)?;
        self.scorer().explain(&row, top)
    }

    pub(super) fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The scorer that the type is bound to.
    pub fn scorer(&self) -> &Scorer {
        self.scorer.get()
    }
}

impl<T: ?Sized> std::fmt::Debug for Bound<'_, T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Bound<{}>({}, {:?})", type_name::<T>(), self.scorer.get().id(), self.plan)
    }
}

impl Holder<'_> {
    #[inline]
    fn get(&self) -> &Scorer {
        match self {
            Self::Borrowed(scorer) => scorer,
            Self::Shared(scorer) => scorer,
        }
    }
}

impl<W: Watch> Sink for RowFill<'_, W> {
    #[inline(always)]
    fn feed(&mut self, input: u32, value: Value<'_>) {
        RowFill::feed(self, input, value);
    }
}

/// Shared between threads whatever it scores.
const _: () = {
    const fn shareable<T: Send + Sync>() {}
    shareable::<Bound<'_, std::rc::Rc<str>>>();
};
