//! One line of a log, and its inputs as values of a record.

use serde::Deserialize;
use serde_json::Value as Json;
use shroff_datasets::time::parse_time;
use shroff_serve::Value;
use shroff_serve::artifact::ArtifactId;
use shroff_serve::schema::{Input, InputType};

/// A request as it was logged.
#[derive(Debug, Deserialize)]
pub(super) struct Line {
    pub(super) artifact: String,
    inputs: Json,
    /// Read as f32: by way of the nearest f64 another one might come out.
    #[serde(default)]
    velocity: Vec<Option<f32>>,
    #[serde(deserialize_with = "Option::deserialize")]
    pub(super) margin: Option<f64>,
    #[serde(deserialize_with = "Option::deserialize")]
    pub(super) probability: Option<f64>,
    #[serde(default)]
    pub(super) id: Option<Json>,
}

impl Line {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let line: Self = serde_json::from_str(text).map_err(|error| {
            format!(
                "expected an object with artifact, inputs, margin and probability, found one that \
                 cannot be read: {error}"
            )
        })?;
        if line.artifact.parse::<ArtifactId>().is_err() {
            return Err(format!(
                "artifact: expected an artifact id, 64 hexadecimal digits, found {:?}",
                line.artifact
            ));
        }
        if line.margin.is_some() != line.probability.is_some() {
            let problem = "expected margin and probability, or null for both, found one of them";
            return Err(problem.to_owned());
        }
        Ok(line)
    }

    /// The values of velocity features, NaN for null.
    pub(super) fn velocity(&self) -> Vec<f32> {
        self.velocity.iter().map(|value| value.unwrap_or(f32::NAN)).collect()
    }

    /// The values of a record of these inputs.
    pub(super) fn values(&self, inputs: &[Input]) -> Result<Vec<Value<'_>>, String> {
        match &self.inputs {
            Json::Array(values) if values.len() == inputs.len() => {
                inputs.iter().zip(values).map(|(input, json)| value(input, json)).collect()
            }
            Json::Array(values) => Err(format!(
                "inputs: expected {} values in the order of the schema, found {}",
                inputs.len(),
                values.len()
            )),
            Json::Object(fields) => {
                let fields = flat(fields);
                let find = |input: &Input| value(input, find(&fields, &input.name)?);
                inputs.iter().map(find).collect()
            }
            _ => Err("inputs: expected an object or a list, found neither".to_owned()),
        }
    }
}

/// A field with the name of the struct it is in, if it is in one.
type Field<'a> = (Option<&'a str>, &'a str, &'a Json);

/// Fields, and those of nested objects one level deep.
fn flat(fields: &serde_json::Map<String, Json>) -> Vec<Field<'_>> {
    let mut flat: Vec<Field<'_>> = Vec::with_capacity(fields.len());
    for (outer, json) in fields {
        match json {
            Json::Object(inner) => {
                flat.extend(inner.iter().map(|(name, json)| (Some(outer.as_str()), &**name, json)));
            }
            json => flat.push((None, outer, json)),
        }
    }
    flat
}

/// The field that feeds an input: the one of its whole name, else the only one of its inner name.
fn find<'a>(fields: &[Field<'a>], name: &str) -> Result<&'a Json, String> {
    let is_whole = |(outer, inner, _): &&Field<'_>| match outer {
        None => *inner == name,
        Some(outer) => {
            let rest = name.strip_prefix(outer).and_then(|rest| rest.strip_prefix('.'));
            rest == Some(inner)
        }
    };
    if let Some((.., json)) = fields.iter().find(is_whole) {
        return Ok(json);
    }
    let mut within = fields.iter().filter(|(outer, inner, _)| outer.is_some() && *inner == name);
    match (within.next(), within.next()) {
        (Some((.., json)), None) => Ok(json),
        (None, _) => Err(format!("inputs: expected a field {name:?}, found none")),
        _ => Err(format!("inputs: expected one field {name:?}, found it in several structs")),
    }
}

fn value<'a>(input: &Input, json: &'a Json) -> Result<Value<'a>, String> {
    let (name, kind) = (&*input.name, input.input_type);
    let problem = |found: &dyn std::fmt::Display| {
        Err(format!("inputs: {name}: expected a {}, found {found}", kind_name(kind)))
    };
    Ok(match (json, kind) {
        (Json::Null, _) => Value::Null,
        (Json::Bool(value), _) => Value::Bool(*value),
        (Json::Number(number), InputType::Time) => match number.as_i64() {
            Some(micros) => Value::Time(micros),
            None => return problem(number),
        },
        (Json::Number(number), _) => match (number.as_i64(), number.as_f64()) {
            (Some(value), _) => Value::Integer(value),
            (None, Some(value)) => Value::Number(value),
            (None, None) => return problem(number),
        },
        (Json::String(text), InputType::Number) => match text.as_str() {
            "inf" => Value::Number(f64::INFINITY),
            "-inf" => Value::Number(f64::NEG_INFINITY),
            "NaN" => Value::Number(f64::NAN),
            _ => return problem(json),
        },
        (Json::String(text), InputType::Time) if text.is_empty() => Value::Null,
        (Json::String(text), InputType::Time) => match parse_time(text) {
            Some(micros) => Value::Time(micros),
            None => return problem(json),
        },
        (Json::String(text), _) => Value::Text(text),
        (Json::Array(_) | Json::Object(_), _) => return problem(&"a list or an object"),
    })
}

fn kind_name(kind: InputType) -> &'static str {
    match kind {
        InputType::Boolean => "boolean",
        InputType::Text => "text",
        InputType::Time => "time",
        InputType::Key => "whole number or text",
        _ => "number",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn input(name: &str, input_type: InputType) -> Input {
        Input { name: name.into(), input_type, required: false }
    }

    fn line(inputs: &str) -> Line {
        let artifact = "0".repeat(64);
        let score = r#""margin": null, "probability": null"#;
        Line::parse(&format!(r#"{{"artifact": "{artifact}", "inputs": {inputs}, {score}}}"#))
            .unwrap()
    }

    #[test]
    fn fields_are_found_as_a_binding_finds_them() {
        let inputs = [
            input("amount", InputType::Number),
            input("card.country", InputType::Text),
            input("at", InputType::Time),
            input("online", InputType::Boolean),
            input("customer", InputType::Key),
        ];
        let object = line(
            r#"{"shop": {"country": "FR"}, "card": {"country": "DE", "at": 1500000}, "amount": "inf",
                "online": true, "customer": 7, "note": [1, 2]}"#,
        );
        let expected = [
            Value::Number(f64::INFINITY),
            Value::Text("DE"),
            Value::Time(1_500_000),
            Value::Bool(true),
            Value::Integer(7),
        ];
        assert_eq!(object.values(&inputs).unwrap(), expected);
        let list = line(r#"[null, "", "1970-01-01T00:00:01.5Z", false, "A-7"]"#);
        let expected = [
            Value::Null,
            Value::Text(""),
            Value::Time(1_500_000),
            Value::Bool(false),
            Value::Text("A-7"),
        ];
        assert_eq!(list.values(&inputs).unwrap(), expected);
    }

    #[test]
    fn what_does_not_fit_is_named() {
        let inputs = [input("amount", InputType::Number)];
        let two = r#"{"a": {"amount": 1}, "b": {"amount": 2}}"#;
        for (given, expected) in [
            ("{}", "expected a field \"amount\", found none"),
            (two, "found it in several structs"),
            ("[]", "expected 1 values in the order of the schema, found 0"),
            ("[[1]]", "amount: expected a number, found a list or an object"),
            (r#"["7"]"#, "amount: expected a number, found \"7\""),
            ("7", "expected an object or a list"),
        ] {
            let problem = line(given).values(&inputs).unwrap_err();
            assert!(problem.contains(expected), "{problem}");
        }
        let score = r#""inputs": [], "margin": 1, "probability": null"#;
        for (given, expected) in [
            ("{}", "missing field `artifact`"),
            (r#"{"artifact": "x", "inputs": [], "margin": 1}"#, "missing field `probability`"),
            (&format!(r#"{{"artifact": "x", {score}}}"#), "64 hexadecimal digits"),
            (&format!(r#"{{"artifact": "{}", {score}}}"#, "0".repeat(64)), "null for both"),
        ] {
            let problem = Line::parse(given).unwrap_err();
            assert!(problem.contains(expected), "{problem}");
        }
    }

    #[test]
    fn velocity_values_keep_every_bit() {
        let values = [0.1_f32, 7.038_531e-26, f32::MIN_POSITIVE, -0.0, 16_777_217.0, f32::MAX];
        let text = serde_json::to_string(&values).unwrap();
        let artifact = "0".repeat(64);
        let rest = r#""inputs": [], "margin": null, "probability": null"#;
        let line =
            Line::parse(&format!(r#"{{"artifact": "{artifact}", "velocity": {text}, {rest}}}"#));
        let found = line.unwrap().velocity();
        assert_eq!(found.map_bits(), values.to_vec().map_bits());
    }

    trait Bits {
        fn map_bits(&self) -> Vec<u32>;
    }

    impl Bits for Vec<f32> {
        fn map_bits(&self) -> Vec<u32> {
            self.iter().map(|value| value.to_bits()).collect()
        }
    }
}
