//! One section of a valid artifact replaced by bytes of any kind, behind right hashes.

use shroff_serve::Scorer;

use super::frame::{Frame, GOLDEN, Table};
use super::{BASES, score_anything};

/// The first byte names the artifact, the second its section and, by its top bit, the section's next version, 1 after 3;
/// the rest is its content. Golden records are left out unless they are what is replaced.
pub fn section(bytes: &[u8]) -> bool {
    let Some(([base, section], body)) = bytes.split_first_chunk::<2>() else { return false };
    let base = BASES[usize::from(*base) % BASES.len()];
    let mut frame = Frame::of(base, Table::First).expect("a golden file has a frame");
    let at = usize::from(section & 0x7f) % frame.sections.len();
    let (head, _, place) = &mut frame.sections[at];
    if section & 0x80 != 0 {
        head[4] = head[4] % 3 + 1;
    }
    body.clone_into(place);
    let is_golden = head[..4] == GOLDEN.to_le_bytes();
    let scorer = if is_golden {
        Scorer::from_bytes(&frame.bytes(Table::First))
    } else {
        Scorer::from_draft(&frame.into_draft().bytes(Table::First))
    };
    scorer.inspect(|scorer| score_anything(scorer, body)).is_ok()
}

/// Every section of every base as such bytes.
pub fn seeds() -> impl Iterator<Item = Vec<u8>> {
    (0_u8..).zip(BASES).flat_map(|(base, bytes)| {
        let frame = Frame::of(bytes, Table::First).expect("a golden file has a frame");
        let bodies = frame.sections.into_iter().map(|(_, _, body)| body);
        (0_u8..).zip(bodies).map(move |(at, body)| [&[base, at], body.as_slice()].concat())
    })
}
