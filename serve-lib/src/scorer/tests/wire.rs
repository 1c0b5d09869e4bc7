//! The bytes of the format are little-endian whatever the machine: a draft written by hand, and the golden files
//! read and written again. CONTRIBUTING.md says how to run this on a big-endian machine that Miri simulates.

use std::fs;
use std::path::Path;

use crate::Scorer;
use crate::artifact::{self, write, write_draft};
use crate::features::Step;
use crate::features::state::EntityState;
use crate::model::Model;
use crate::snapshot::Snapshot;

/// Sections after FORMAT.md, each with the line of its table as far as the hash. Every number of more than one
/// byte that is not 0 would be another one if its bytes were swapped.
const SECTIONS: [(&str, &str); 5] = [
    (
        "01000000 0100 0100 8001000000000000 3f00000000000000 0000000000000000",
        // One input "a", a number; one feature "a" with three policies, learned; 3,600 seconds east.
        "0100000000000000 0100000000000000 61 0100 00 \
         0100000000000000 0100000000000000 61 00000000 0100 00000000 0100 00000000 0100 00000000 \
         100e0000",
    ),
    (
        "02000000 0100 0100 bf01000000000000 3700000000000000 0000000000000000",
        // A number within −2 and 1,000.25.
        "0100000000000000 0100 00000000 00000000 01 00000000000000c0 0000000000428f40 0000 0000 \
         0000000000000000 0000000000000000",
    ),
    (
        "03000000 0100 0100 f601000000000000 4c00000000000000 0000000000000000",
        // Linear: 1.5 + 0.25 · (a − 3) / 2.
        "01 000000000000f83f 0100000000000000 0100 0100000000000000 000000000000d03f \
         0000000000000840 0000000000000040 0000000000000840 0000000000000000 0000000000000000 00",
    ),
    (
        "04000000 0100 0100 4202000000000000 4400000000000000 0000000000000000",
        // Log-odds, shifted by −0.5.
        "0100 000000000000e0bf 0000000000000000 0000000000000000 0000000000000000 \
         0000 0000000000000000 0000000000000000 0000000000000000 0000000000000000",
    ),
    (
        "09000000 0100 0100 8602000000000000 6200000000000000 0000000000000000",
        // Model "m", as of 0x0102030405060708.
        "0100000000000000 6d 01 0807060504030201 0000000000000000 \
         000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f \
         0000000000000000 0000000000000000 0000000000000000 0000000000000000 0000000000000000",
    ),
];

/// A draft of five sections, 744 bytes.
const HEAD: &str = "8953485246 0d0a1a 01000000 05000000 e802000000000000 01000000 00000000";

#[test]
#[expect(clippy::float_cmp, reason = "the hand calculation is exact")]
fn a_draft_written_by_hand_is_read_and_written_alike() {
    let (mut table, mut bodies) = (Vec::new(), Vec::new());
    for (line, body) in SECTIONS {
        let body = hexadecimal(body);
        table.extend(hexadecimal(line));
        table.extend(blake3::hash(&body).as_bytes());
        bodies.extend(body);
    }
    let head = hexadecimal(HEAD);
    let root = blake3::hash(&[head.as_slice(), &table].concat());
    let bytes = [head.as_slice(), root.as_bytes(), &table, &bodies].concat();
    assert_eq!(bytes.len(), 744);

    let scorer = Scorer::from_draft(&bytes).expect("it is valid");
    let contents = scorer.contents();
    assert_eq!(contents.schema.utc_offset_secs, 3_600);
    assert_eq!(contents.program.steps, [Step::Number { input: 0, range: Some((-2.0, 1_000.25)) }]);
    assert!(matches!(&contents.model, Model::Linear(linear) if linear.bias == 1.5));
    assert_eq!(contents.provenance.as_of, Some(0x0102_0304_0506_0708));
    // 1.5 + 0.25 · (5 − 3) / 2
    assert_eq!(scorer.score(&[5.0]).expect("one feature").margin, 1.75);
    assert_eq!(write_draft(contents).expect("it is valid"), bytes);
}

/// Each golden record among them is scored when its file is opened, and must give the bits of the file.
#[test]
fn golden_files_are_read_and_written_alike() {
    for name in ["v1/linear", "v1/averaged", "v1/boosted", "v1/computed", "v1-reasons/reasons"] {
        opens_and_is_written_alike(&format!("{name}.shroff"));
    }
}

#[test]
fn golden_states_are_read_and_written_alike() {
    ["v1-velocity", "v1-program3"].into_iter().for_each(its_states_are_read_and_written_alike);
}

fn its_states_are_read_and_written_alike(folder: &str) {
    let scorer = match cfg!(miri) {
        false => opens_and_is_written_alike(&format!("{folder}/velocity.shroff")),
        // Opening takes it a quarter of an hour: some of the records do.
        true => {
            let bytes = golden_file(&format!("{folder}/velocity.shroff"));
            let scorer = Scorer::new(artifact::read(&bytes).expect("it is sound"));
            for (row, golden) in scorer.contents().golden.iter().enumerate().step_by(16) {
                scorer.check_golden(row, golden).expect("the bits of the file");
            }
            scorer
        }
    };
    let windows = scorer.windows().expect("the model has windows");
    let states = golden_file(&format!("{folder}/velocity.state"));
    let mut snapshot = Snapshot::read(std::io::Cursor::new(states)).expect("it opens");
    assert_eq!(snapshot.as_of(), 1_750_291_200_000_000);
    let read_states = snapshot.for_each(|saved| {
        let state = EntityState::decode(windows, saved.key, saved.bytes)?;
        let mut again = Vec::new();
        state.encode(windows, &mut again);
        assert_eq!(again, saved.bytes);
        Ok(())
    });
    assert_eq!(read_states.expect("it is sound"), 8);
}

fn opens_and_is_written_alike(name: &str) -> Scorer {
    let bytes = golden_file(name);
    let mut opened = None;
    let allocated = allocation_counter::measure(|| opened = Some(Scorer::from_bytes(&bytes)));
    // As SECURITY.md says.
    let most = 20 * bytes.len() as u64;
    assert!(allocated.bytes_max < most, "{name}: {} bytes", allocated.bytes_max);
    let scorer = opened.expect("it was opened").expect("a golden file opens");
    assert!(write(scorer.contents()).expect("it is valid") == bytes, "{name}");
    scorer
}

fn golden_file(name: &str) -> Vec<u8> {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/golden");
    fs::read(golden.join(name)).expect("the golden file")
}

fn hexadecimal(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    digits.chunks(2).map(|pair| byte(pair).expect("two hexadecimal digits")).collect()
}
