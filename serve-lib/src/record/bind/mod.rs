//! Binding: which field of a struct feeds which input, found once by serialising a sample. A value
//! is then serialised along this plan, without a name looked up or anything allocated.

mod error;
mod leaf;
mod survey;
mod walk;

use std::sync::Arc;

use serde::Serialize;

pub use self::error::{BindError, BindErrorKind};
use self::leaf::A_MAP;
use self::survey::{Found, Seen, Sort, survey};
pub(crate) use self::walk::Sink;
use crate::schema::{Input, InputType};

/// The fields of a struct in the order in which they serialise; those of a nested struct follow it.
#[derive(Debug)]
pub(crate) struct Plan {
    fields: Vec<Field>,
}

#[derive(Debug)]
struct Field {
    name: &'static str,
    /// `outer.inner` for a field of a nested struct.
    path: Arc<str>,
    role: Role,
}

#[derive(Debug, Clone, Copy)]
enum Role {
    /// The position of the input it feeds.
    Feeds { input: u32, input_type: InputType },
    /// Neither it nor what lies within feeds an input.
    Ignored,
    /// A struct of as many fields.
    Nested { n_fields: u32 },
}

const NO_INSTANT: &str = "text that is no instant such as 2018-07-21T20:15:00Z";

impl Plan {
    /// The plan that feeds these inputs from a struct like the sample.
    ///
    /// # Errors
    /// A shape that cannot be bound, an input without a field or with several, a field of another
    /// type than its input.
    pub(crate) fn new<T: Serialize + ?Sized>(
        inputs: &[Input],
        sample: &T,
    ) -> Result<Self, BindError> {
        let fail = |kind| BindError::new(std::any::type_name::<T>(), kind);
        let mut candidates = Vec::new();
        match survey(sample) {
            Found::Fields(fields) => flatten(&fields, "", &mut candidates).map_err(fail)?,
            Found::Entries(keys) => return Err(fail(BindErrorKind::Map { keys })),
            Found::Other(found) => return Err(fail(BindErrorKind::NotAStruct { found })),
            Found::Value(sort) => {
                return Err(fail(BindErrorKind::NotAStruct { found: sort.name() }));
            }
            Found::Failed(message) => {
                let field = String::new();
                return Err(fail(BindErrorKind::Serialize { field, message }));
            }
            // Only a field can be skipped.
            Found::Skipped => return Err(fail(BindErrorKind::NotAStruct { found: "nothing" })),
        }
        // All whole names first, so that no bare one takes a field that is another input's.
        let mut chosen = vec![None; inputs.len()];
        for is_match in [has_path, has_name] {
            for ((position, input), chosen) in (0_u32..).zip(inputs).zip(&mut chosen) {
                if chosen.is_none()
                    && let Some(candidate) =
                        choose(input, &mut candidates, is_match).map_err(fail)?
                {
                    candidate.check(input).map_err(fail)?;
                    let input_type = input.input_type;
                    candidate.field.role = Role::Feeds { input: position, input_type };
                    *chosen = Some(position);
                }
            }
        }
        let unfed = inputs.iter().zip(&chosen).filter(|(_, chosen)| chosen.is_none());
        let missing: Vec<Arc<str>> = unfed.map(|(input, _)| input.name.clone()).collect();
        if !missing.is_empty() {
            let path = |candidate: &Candidate| candidate.field.path.to_string();
            let fields = candidates.iter().map(path).collect();
            let unknown = candidates.iter().filter(|c| c.is_unknown()).map(path).collect();
            return Err(fail(BindErrorKind::MissingFields { inputs: missing, fields, unknown }));
        }
        Ok(Self { fields: without_idle_structs(candidates) })
    }
}

/// A field that may feed an input.
struct Candidate {
    field: Field,
    found: Sample,
}

/// What is known of a field's value.
#[derive(Clone, Copy)]
enum Sample {
    Value(Sort),
    Skipped,
    Struct,
}

impl Candidate {
    fn is_free(&self) -> bool {
        matches!(self.field.role, Role::Ignored)
    }

    /// None in the sample, and no input's: there may be a struct within.
    fn is_unknown(&self) -> bool {
        self.is_free() && matches!(self.found, Sample::Value(Sort::Null))
    }

    /// Proves that its values suit the input, as far as the sample tells.
    fn check(&self, input: &Input) -> Result<(), BindErrorKind> {
        let field = self.field.path.to_string();
        let expected = input.input_type.name();
        let sort = match self.found {
            Sample::Value(sort) => sort,
            Sample::Skipped => return Err(BindErrorKind::Skipped { field }),
            Sample::Struct => {
                let (found, advice) = ("a struct", "");
                return Err(BindErrorKind::WrongType { field, expected, found, advice });
            }
        };
        if sort.fits(input.input_type) {
            return Ok(());
        }
        let (found, advice) = match (sort, input.input_type) {
            (Sort::Integer, InputType::Time) => (
                "integer",
                ", which does not say its unit; wrap microseconds since 1970 in `record::Timestamp`",
            ),
            (Sort::Text { .. }, InputType::Time) => (NO_INSTANT, ""),
            (Sort::Text { .. }, InputType::Number) => ("text", "; parse it before"),
            (Sort::Integer | Sort::Number, InputType::Boolean) => ("number", "; compare it before"),
            (sort, _) => (sort.name(), ""),
        };
        Err(BindErrorKind::WrongType { field, expected, found, advice })
    }
}

/// Lists the fields depth first, and refuses what can be neither bound nor passed by.
fn flatten(
    fields: &[Seen],
    outer: &str,
    candidates: &mut Vec<Candidate>,
) -> Result<(), BindErrorKind> {
    for Seen { name, found } in fields {
        let path = if outer.is_empty() { (*name).to_owned() } else { format!("{outer}.{name}") };
        let mut push = |role, found| {
            let field = Field { name, path: path.as_str().into(), role };
            candidates.push(Candidate { field, found });
        };
        match found {
            Found::Value(sort) => push(Role::Ignored, Sample::Value(*sort)),
            Found::Skipped => push(Role::Ignored, Sample::Skipped),
            Found::Fields(inner) => {
                let n_fields = u32::try_from(inner.len()).unwrap_or(u32::MAX);
                push(Role::Nested { n_fields }, Sample::Struct);
                flatten(inner, &path, candidates)?;
            }
            Found::Entries(_) => {
                return Err(BindErrorKind::Shape { field: path, found: A_MAP });
            }
            Found::Other(found) => return Err(BindErrorKind::Shape { field: path, found }),
            Found::Failed(message) => {
                let message = message.clone();
                return Err(BindErrorKind::Serialize { field: path, message });
            }
        }
    }
    Ok(())
}

fn has_path(candidate: &Candidate, name: &str) -> bool {
    *candidate.field.path == *name
}

fn has_name(candidate: &Candidate, name: &str) -> bool {
    candidate.field.name == name && candidate.is_free()
}

/// The only field that matches the input's name, if there is one.
fn choose<'a>(
    input: &Input,
    candidates: &'a mut [Candidate],
    is_match: fn(&Candidate, &str) -> bool,
) -> Result<Option<&'a mut Candidate>, BindErrorKind> {
    let mut found: Vec<&mut Candidate> =
        candidates.iter_mut().filter(|candidate| is_match(candidate, &input.name)).collect();
    if found.len() > 1 {
        let fields = found.iter().map(|candidate| candidate.field.path.to_string()).collect();
        return Err(BindErrorKind::Ambiguous { input: input.name.clone(), fields });
    }
    Ok(found.pop())
}

/// Passes a nested struct by as a whole if nothing in it feeds an input.
fn without_idle_structs(candidates: Vec<Candidate>) -> Vec<Field> {
    let mut fields: Vec<Field> = Vec::with_capacity(candidates.len());
    let mut candidates = candidates.into_iter().map(|candidate| candidate.field);
    while let Some(mut field) = candidates.next() {
        let Role::Nested { n_fields } = field.role else {
            fields.push(field);
            continue;
        };
        let inner: Vec<Field> = candidates.by_ref().take(n_fields as usize).collect();
        if inner.iter().any(|field| matches!(field.role, Role::Feeds { .. })) {
            fields.push(field);
            fields.extend(inner);
        } else {
            field.role = Role::Ignored;
            fields.push(field);
        }
    }
    fields
}
