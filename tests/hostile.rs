//! Bytes that someone damaged, or made: every one is refused, or scores as harmlessly as any other.

use std::fs;
use std::path::Path;

use shroff_serve::artifact::{Contents, Expected, read};
use shroff_serve::model::Model;
use shroff_serve::{Error, ErrorKind, Scorer};

use self::assembly::{Assembly, OPTIONAL, REQUIRED, Span};
use crate::common::{AMOUNTS, artifact, averaged, boosted, draft, linear, models, with_golden};

mod assembly;
mod content;
mod fuzzed;
mod limits;
mod velocity;

#[test]
fn every_prefix_is_refused() {
    let bytes = artifact(&smallest());
    for length in 0..bytes.len() {
        assert!(Scorer::from_bytes(&bytes[..length]).is_err(), "{length} bytes were accepted");
    }
    let error = refused(&bytes[..5]);
    assert!(matches!(error.kind(), ErrorKind::Length { what: "signature", expected: 8, found: 5 }));
    let n = bytes.len();
    let expected = format!("artifact refused at byte 16: file: expected {n}, found {}", n - 1);
    assert_eq!(refused(&bytes[..n - 1]).to_string(), expected);
}

#[test]
fn every_flipped_bit_is_refused() {
    let mut bytes = artifact(&smallest());
    assert!(bytes.len() < 4_500, "this takes seconds for a small file only: {}", bytes.len());
    for position in 0..bytes.len() {
        for bit in 0..8 {
            bytes[position] ^= 1 << bit;
            assert!(Scorer::from_bytes(&bytes).is_err(), "bit {bit} of byte {position}");
            bytes[position] ^= 1 << bit;
        }
    }
    // Each region has its own answer: signature, root, content.
    for (position, expected) in [
        (0, "not a shroff artifact: the first bytes are not its signature"),
        (32, "checksum of the header and section table does not match: the file is damaged"),
        (bytes.len() - 1, "checksum of the section's content does not match: the file is damaged"),
    ] {
        bytes[position] ^= 1;
        assert_eq!(refused(&bytes).kind().to_string(), expected);
        bytes[position] ^= 1;
    }
    assert!(Scorer::from_bytes(&bytes).is_ok());
}

#[test]
fn trailing_bytes_are_refused() {
    for (_, contents) in models() {
        let mut bytes = artifact(&contents);
        bytes.push(0);
        assert!(matches!(refused(&bytes).kind(), ErrorKind::Length { what: "file", .. }));
        // Inside a section, with every hash right.
        for section in 0..Assembly::of(&artifact(&contents)).sections.len() {
            let mut assembly = Assembly::of(&artifact(&contents));
            assembly.sections[section].body.push(0);
            let error = refused(&assembly.bytes());
            let is_length =
                matches!(error.kind(), ErrorKind::Length { what: "section content", .. });
            assert!(is_length, "{error}");
        }
    }
}

#[test]
fn the_header_is_held_to_its_word() {
    let changed = |change: fn(&mut Assembly)| {
        let mut assembly = Assembly::of(&artifact(&linear()));
        change(&mut assembly);
        refused(&assembly.bytes())
    };
    let newer = changed(|file| file.version = 2);
    assert!(matches!(newer.kind(), ErrorKind::FormatVersion { found: 2, oldest: 1, newest: 1 }));
    assert!(
        newer
            .kind()
            .to_string()
            .starts_with("format version 2 is not one this library reads (1 to 1)")
    );
    assert!(matches!(changed(|file| file.version = 0).kind(), ErrorKind::FormatVersion { .. }));
    for change in [
        |file: &mut Assembly| file.flags = 2,
        |file: &mut Assembly| file.reserved = 1,
        |file: &mut Assembly| file.sections[0].flags = 3,
        |file: &mut Assembly| file.sections[0].reserved = 1,
        |file: &mut Assembly| file.sections[0].flags = OPTIONAL,
        |file: &mut Assembly| file.sections.clear(),
        |file: &mut Assembly| {
            file.sections.extend((100..160).map(|kind| Assembly::section(kind, 1, OPTIONAL, &[])));
        },
    ] {
        let error = changed(change);
        assert!(matches!(error.kind(), ErrorKind::Header { .. }), "{error}");
    }
    // The flag of a draft alone: golden records should not be there then.
    assert!(matches!(changed(|file| file.flags = 1).kind(), ErrorKind::Content { .. }));
    assert!(matches!(refused(&draft(&linear())).kind(), ErrorKind::Draft));
}

#[test]
fn unknown_sections_are_refused_or_skipped() {
    let bytes = artifact(&boosted());
    let mut assembly = Assembly::of(&bytes);
    assembly.sections.push(Assembly::section(77, 3, REQUIRED, b"from the future"));
    let error = refused(&assembly.bytes());
    assert!(matches!(error.kind(), ErrorKind::UnknownSection { kind: 77, version: 3 }));
    assert!(error.to_string().contains("section kind 77 version 3 is required"), "{error}");

    assembly.sections.pop();
    assembly.sections.push(Assembly::section(77, 3, OPTIONAL, b"from the future"));
    let scorer = Scorer::from_bytes(&assembly.bytes()).expect("an optional section is skipped");
    assert_ne!(scorer.id(), Scorer::from_bytes(&bytes).expect("valid").id());

    // A known kind in an unknown version: 3 is MODEL, 5 is BANDS.
    let mut newer_model = Assembly::of(&bytes);
    newer_model.section_mut(3).version = 2;
    let error = refused(&newer_model.bytes());
    let is_unknown = matches!(error.kind(), ErrorKind::UnknownSection { kind: 3, version: 2 });
    assert!(is_unknown, "{error}");
    let mut newer_bands = Assembly::of(&bytes);
    newer_bands.section_mut(5).version = 2;
    let scorer = Scorer::from_bytes(&newer_bands.bytes()).expect("bands are optional");
    assert!(scorer.bands().is_none());
}

#[test]
fn a_missing_required_section_is_named() {
    for (kind, name) in
        [(1, "SCHEMA"), (2, "PROGRAM"), (3, "MODEL"), (4, "CALIBRATION"), (9, "PROVENANCE")]
    {
        let mut assembly = Assembly::of(&artifact(&averaged()));
        assembly.sections.retain(|section| section.kind != kind);
        let error = refused(&assembly.bytes());
        assert!(matches!(error.kind(), ErrorKind::MissingSection));
        assert_eq!(error.section(), Some(name));
    }
    let mut assembly = Assembly::of(&artifact(&averaged()));
    assembly.sections.retain(|section| section.kind != 6);
    assert!(matches!(refused(&assembly.bytes()).kind(), ErrorKind::Content { .. }));
}

#[test]
fn a_table_that_does_not_tile_the_file_is_refused() {
    let assembly = Assembly::of(&artifact(&linear()));
    let spans = assembly.spans();
    let broken = |change: fn(&mut Vec<Span>)| {
        let mut spans = spans.clone();
        change(&mut spans);
        refused(&assembly.bytes_at(&spans))
    };
    let is_offset =
        |error: Error| matches!(error.kind(), ErrorKind::Length { what: "section offset", .. });
    assert!(is_offset(broken(|spans| spans[1].offset -= 1)), "overlap");
    assert!(is_offset(broken(|spans| spans[1].offset += 1)), "gap");
    assert!(is_offset(broken(|spans| spans[0].offset = 0)), "a section over the header");
    assert!(is_offset(broken(|spans| spans.swap(0, 1))), "bodies in another order");
    let is_length =
        |error: Error| matches!(error.kind(), ErrorKind::Length { what: "section length", .. });
    assert!(is_length(broken(|spans| spans[0].length = u64::MAX)), "past the end of numbers");
    assert!(is_length(broken(|spans| spans[5].length += 1_000_000)), "past the end of the file");
    let short = broken(|spans| spans.last_mut().expect("there are sections").length -= 1);
    assert!(matches!(short.kind(), ErrorKind::Length { what: "end of the last section", .. }));

    let mut swapped = Assembly::of(&artifact(&linear()));
    swapped.sections.swap(2, 3);
    assert!(matches!(refused(&swapped.bytes()).kind(), ErrorKind::Header { .. }), "kinds descend");
    let mut twice = Assembly::of(&artifact(&linear()));
    let again = twice.sections[0].clone();
    twice.sections.insert(1, again);
    assert!(
        matches!(refused(&twice.bytes()).kind(), ErrorKind::Header { .. }),
        "a kind appears twice"
    );
}

#[test]
fn a_golden_record_that_scores_otherwise_is_refused() {
    let wrong = |change: fn(&mut Contents)| {
        let mut contents = averaged();
        change(&mut contents);
        refused(&artifact(&contents))
    };
    let record = |contents: &Contents, rejected: bool| {
        let is_rejected = |e: Expected| matches!(e, Expected::Rejected { .. });
        contents.golden.iter().position(|g| is_rejected(g.expected) == rejected).expect("has both")
    };
    let (scored, rejected) = (record(&averaged(), false), record(&averaged(), true));
    assert_eq!((scored, rejected), (1, 0), "the positions that the changes below name");
    let next = |number: f64| f64::from_bits(number.to_bits() ^ 1);
    for (error, row) in [
        (wrong(|contents| contents.golden[0].expected = contents.golden[1].expected), 0),
        (wrong(|contents| contents.golden[1].expected = contents.golden[0].expected), 1),
        (wrong(|contents| contents.golden[3].values.truncate(2)), 3),
        (wrong(|contents| contents.golden[4].values.reverse()), 4),
    ] {
        let is_golden = matches!(error.kind(), ErrorKind::Golden { row: r, .. } if *r == row);
        assert!(is_golden, "{error}");
    }
    for last_bit_of_margin in [true, false] {
        let mut contents = averaged();
        if let Expected::Score { margin, probability } = &mut contents.golden[1].expected {
            let number = if last_bit_of_margin { margin } else { probability };
            *number = next(*number);
        }
        assert!(matches!(refused(&artifact(&contents)).kind(), ErrorKind::Golden { row: 1, .. }));
    }
}

#[test]
fn an_artifact_is_its_description_and_nothing_else() {
    // The assembly in this folder follows FORMAT.md and shares no code with the library.
    for (_, contents) in models() {
        let bytes = artifact(&contents);
        assert_eq!(Assembly::of(&bytes).bytes(), bytes);
        let id = read(&bytes).expect("valid").id;
        assert_eq!(id.as_bytes()[..], bytes[32..64]);
    }
}

#[test]
fn what_is_no_file_is_an_error() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for path in [folder.path().to_owned(), folder.path().join("absent.shroff")] {
        let error = Scorer::open(&path).expect_err("there is no file");
        assert!(matches!(error.kind(), ErrorKind::Io { .. }), "{error}");
    }
    let path = folder.path().join("empty.shroff");
    fs::write(&path, b"").expect("an empty file");
    let error = Scorer::open(&path).expect_err("the file is empty");
    assert!(matches!(error.kind(), ErrorKind::Length { what: "signature", .. }), "{error}");
}

#[test]
fn the_worked_example_of_the_page_is_the_golden_file() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(root.join("../serve-lib/FORMAT.md")).expect("FORMAT.md");
    let is_dump = |line: &&str| line.starts_with("000000");
    let shown: Vec<u8> = page
        .lines()
        .filter(is_dump)
        .flat_map(|line| line.split_ascii_whitespace().skip(1))
        .map(|byte| u8::from_str_radix(byte, 16).expect("two hexadecimal digits"))
        .collect();
    let golden = fs::read(root.join("golden/v1/linear.shroff")).expect("the golden file");
    assert_eq!(shown.len(), 128, "a header and one line of the table");
    assert_eq!(shown, golden[..128], "the page shows other bytes than the file has");
}

/// A model of one feature: as few bytes as 64 golden records allow.
fn smallest() -> Contents {
    let mut contents = linear();
    contents.schema.inputs.truncate(1);
    contents.schema.features.truncate(1);
    contents.program.steps.truncate(1);
    if let Model::Linear(linear) = &mut contents.model {
        linear.terms.truncate(1);
    }
    with_golden(contents, &[&AMOUNTS])
}

/// The error with which these bytes are refused.
fn refused(bytes: &[u8]) -> Error {
    match Scorer::from_bytes(bytes) {
        Ok(scorer) => panic!("accepted as {}", scorer.id()),
        Err(error) => error,
    }
}
