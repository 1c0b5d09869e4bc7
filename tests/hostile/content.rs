//! Sections whose hashes are right and whose content lies.

use shroff_serve::artifact::{Contents, ReasonCode};
use shroff_serve::model::Model;
use shroff_serve::{ErrorKind, Record, Scorer, Value};

use super::assembly::{Assembly, OPTIONAL};
use super::refused;
use crate::common::{artifact, averaged, boosted, draft, linear, models, reasons};

#[test]
fn lengths_that_lie_are_refused() {
    // The first eight bytes of these sections are the number of something.
    for (kind, model) in [
        (1, linear()),
        (2, linear()),
        (5, boosted()),
        (6, linear()),
        (7, reasons()),
        (9, averaged()),
    ] {
        for lie in LIES {
            let mut assembly = Assembly::of(&artifact(&model));
            let section = assembly.section_mut(kind);
            section.body[..8].copy_from_slice(&lie.to_le_bytes());
            let refusal = refused(&assembly.bytes());
            assert!(
                matches!(refusal.kind(), ErrorKind::Decode { .. }),
                "section {kind}: {refusal}"
            );
        }
    }
    // Every other length is somewhere: a lie at every byte meets them all.
    for whole in small_drafts() {
        for section in 0..whole.sections.len() {
            for start in 0..whole.sections[section].body.len() - 7 {
                for lie in LIES {
                    let mut assembly = whole.clone();
                    let place = &mut assembly.sections[section].body[start..start + 8];
                    place.copy_from_slice(&lie.to_le_bytes());
                    opens_or_not(&assembly.bytes());
                }
            }
        }
    }
}

#[test]
fn every_flipped_bit_under_right_hashes_is_refused_or_harmless() {
    let mut harmless = 0;
    for mut assembly in small_drafts() {
        for section in 0..assembly.sections.len() {
            for bit in 0..8 * assembly.sections[section].body.len() {
                assembly.sections[section].body[bit / 8] ^= 1 << (bit % 8);
                harmless += u32::from(opens_or_not(&assembly.bytes()));
                assembly.sections[section].body[bit / 8] ^= 1 << (bit % 8);
            }
        }
    }
    assert!(harmless > 0, "a name or a weight may be any: the test must have scored something");
}

#[test]
fn every_flipped_bit_of_golden_records_is_refused_or_harmless() {
    let mut assembly = Assembly::of(&artifact(&averaged()));
    // The first records: a rejected one, and some of every type of value.
    for bit in 0..8 * 400 {
        assembly.section_mut(6).body[bit / 8] ^= 1 << (bit % 8);
        if let Ok(scorer) = Scorer::from_bytes(&assembly.bytes()) {
            stays_in_range(&scorer);
        }
        assembly.section_mut(6).body[bit / 8] ^= 1 << (bit % 8);
    }
}

#[test]
fn what_the_content_does_not_use_must_be_zero() {
    // CALIBRATION of the averaged forest: after the code of the prior comes the shift of the other
    // kind of prior, and after the calibrator's code (none) two numbers of Platt's.
    for (contents, kind, unused) in [
        (averaged(), 4, 2),
        (averaged(), 4, 36),
        (averaged(), 4, 44),
        // SCHEMA: the value of a policy that has none stands after its code, 26 bytes into the
        // first feature, which follows three inputs of 8 + name + 3 bytes.
        (linear(), 1, 8 + (8 + 6 + 3) + (8 + 7 + 3) + (8 + 7 + 3) + 8 + (8 + 6) + 4 + 2),
        // MODEL: the start value of a forest that is averaged, after two options and a code.
        (averaged(), 3, 1 + 1 + 2),
    ] {
        let mut assembly = Assembly::of(&artifact(&contents));
        let body = &mut assembly.section_mut(kind).body;
        assert_eq!(body[unused], 0, "section {kind}: byte {unused} should be an unused one");
        body[unused] = 1;
        let refusal = refused(&assembly.bytes());
        // A forest says so while it is read, others when they turn out to be written otherwise.
        let expected = match kind {
            3 => "a number that the model has no use for should be 0",
            _ => "the section is not in its canonical form",
        };
        assert_eq!(refusal.kind().to_string(), expected, "section {kind}, byte {unused}");
    }
}

#[test]
fn contents_that_contradict_themselves_are_never_written() {
    let write = |change: fn(&mut Contents)| {
        let mut contents = boosted();
        change(&mut contents);
        let outcome = shroff_serve::artifact::write(&contents).map(|bytes| bytes.len());
        let error = outcome.expect_err("should be refused");
        error.section().expect("names a section")
    };
    assert_eq!(write(|contents| contents.schema.inputs.clear()), "SCHEMA");
    assert_eq!(write(|contents| contents.program.steps.truncate(2)), "PROGRAM");
    assert_eq!(write(|contents| contents.model = linear().model), "MODEL");
    assert_eq!(write(|contents| contents.calibration = averaged().calibration), "CALIBRATION");
    assert_eq!(write(|contents| contents.golden.truncate(63)), "GOLDEN");
    let edges = |contents: &mut Contents| contents.bands.iter_mut().for_each(|b| b.edges.reverse());
    assert_eq!(write(edges), "BANDS");
    let short = |contents: &mut Contents| {
        contents.reference.iter_mut().for_each(|reference| reference.features.truncate(2));
    };
    assert_eq!(write(short), "REFERENCE");
    let codes = |contents: &mut Contents| {
        let of =
            |feature| ReasonCode { code: "a".into(), text: "t".into(), features: vec![feature] };
        contents.reasons = vec![of(0), of(0)];
    };
    assert_eq!(write(codes), "REASONS");
}

#[test]
fn reasons_that_make_no_sense_are_refused() {
    /// A section by hand, after FORMAT.md.
    fn section(reasons: &[(&str, &str, &[u32])]) -> Vec<u8> {
        let length = |n: usize| (n as u64).to_le_bytes();
        let mut body = length(reasons.len()).to_vec();
        for (code, text, features) in reasons {
            for words in [code, text] {
                body.extend(length(words.len()));
                body.extend(words.as_bytes());
            }
            body.extend(length(features.len()));
            body.extend(features.iter().flat_map(|feature| feature.to_le_bytes()));
        }
        body
    }
    let (long, longer) = ("c".repeat(256), "t".repeat(1_024));
    let open = |reasons: &[(&str, &str, &[u32])]| {
        let mut assembly = Assembly::of(&artifact(&boosted()));
        let after_golden = assembly.sections.iter().position(|s| s.kind > 7).expect("there is 9");
        assembly
            .sections
            .insert(after_golden, Assembly::section(7, 1, OPTIONAL, &section(reasons)));
        Scorer::from_bytes(&assembly.bytes())
    };
    let scorer = open(&[(&long, &longer, &[0, 2]), ("b", "t", &[1])]).expect("all is well");
    let expected = [
        ReasonCode { code: long.clone(), text: longer.clone(), features: vec![0, 2] },
        ReasonCode { code: "b".to_owned(), text: "t".to_owned(), features: vec![1] },
    ];
    assert_eq!(scorer.contents().reasons, expected);
    let (long, longer) = (long + "c", longer + "t");
    for (reasons, expected) in [
        (&[][..], "the section should be absent without reasons"),
        (&[("a", "t", &[3][..])], "a reason names a feature that is not in the schema"),
        (&[("a", "t", &[u32::MAX])], "a reason names a feature that is not in the schema"),
        (&[("a", "t", &[])], "a reason should have a feature"),
        (&[("a", "t", &[1, 1])], "a reason's features should ascend"),
        (&[("a", "t", &[1, 0])], "a reason's features should ascend"),
        (&[("a", "t", &[0, 1]), ("b", "t", &[1, 2])], "a feature is in two reasons"),
        (&[("a", "t", &[0]), ("a", "u", &[1])], "a reason's code appears twice"),
        (&[("", "t", &[0])], "a reason's code should have 1 to 256 bytes"),
        (&[(&long, "t", &[0])], "a reason's code should have 1 to 256 bytes"),
        (&[("a", "", &[0])], "a reason's text should have 1 to 1024 bytes"),
        (&[("a", &longer, &[0])], "a reason's text should have 1 to 1024 bytes"),
    ] {
        let error = open(reasons).expect_err(expected);
        assert_eq!((error.kind().to_string(), error.section()), (expected.into(), Some("REASONS")));
    }
}

/// More than any memory, more than any address, and as much as the format allows at all.
const LIES: [u64; 3] = [1 << 40, u64::MAX, 500 << 20];

/// A draft of each model, forests cut to three trees: these tests open them for every bit.
fn small_drafts() -> [Assembly; 6] {
    models().map(|(_, mut contents)| {
        if let Model::Forest(forest) = &mut contents.model {
            forest.trees.truncate(3);
        }
        Assembly::of(&draft(&contents))
    })
}

/// Whether a draft opens. When it does, it scores whatever it is given.
fn opens_or_not(bytes: &[u8]) -> bool {
    let scorer = Scorer::from_draft(bytes);
    scorer.iter().for_each(stays_in_range);
    scorer.is_ok()
}

/// Scores rows and records of odd values; a score is finite and its probability one.
fn stays_in_range(scorer: &Scorer) {
    const ODD: [f32; 9] = [
        f32::NAN,
        f32::INFINITY,
        f32::NEG_INFINITY,
        f32::MAX,
        -0.0,
        -1.0,
        1.5,
        99.5,
        4_294_967_296.0,
    ];
    let check = |score: shroff_serve::Score| {
        assert!(score.margin.is_finite(), "{score:?}");
        assert!((0.0..=1.0).contains(&score.probability), "{score:?}");
        assert_eq!(score.band.is_some(), scorer.bands().is_some());
    };
    let n_features = scorer.schema().features.len();
    for start in 0..ODD.len() {
        let row: Vec<f32> = (0..n_features).map(|i| ODD[(start + 2 * i) % ODD.len()]).collect();
        check(scorer.score(&row).expect("the row has the length of the schema"));
        let explained = scorer.explain(&row, 2).expect("the row has the length of the schema");
        let numbers = explained.contributions.iter().chain([&explained.base]);
        assert!(numbers.clone().all(|number| number.is_finite()), "{explained:?}");
        assert!(explained.reasons.len() <= 2, "{explained:?}");
    }
    let odd = [
        Value::Null,
        Value::Number(f64::NEG_INFINITY),
        Value::Integer(i64::MAX),
        Value::Text("\0"),
        Value::Time(i64::MIN),
        Value::Bool(true),
    ];
    for start in 0..odd.len() {
        let inputs = 0..scorer.schema().inputs.len();
        let values: Vec<Value<'_>> = inputs.map(|i| odd[(start + i) % odd.len()]).collect();
        // A wrong type, a rejection or no event is an error, and never a panic.
        let record = Record::new(&values);
        let mut velocity = Vec::new();
        if let (Some(windows), Ok(event)) = (scorer.windows(), scorer.event(record)) {
            velocity.resize(windows.n_features(), 0.0);
            windows.features(&event, &[], &mut velocity);
        }
        if let Ok(score) = scorer.score_record_with(record, &velocity) {
            check(score);
        }
    }
}
