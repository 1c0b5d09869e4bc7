//! The frame of artifacts and snapshots, after FORMAT.md and without code of the library: takes apart what may
//! be damaged anywhere, and puts it together with lengths, offsets, hashes and root as they should be.

/// Where the section table stands: before the sections in an artifact, behind them in a snapshot.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Table {
    /// Before.
    First,
    /// Behind.
    Last,
}

/// A file in pieces.
pub struct Frame {
    /// Its first 32 bytes: signature, version, count and length, which are set, and flags.
    pub head: [u8; 32],
    /// Of each section the kind, version and flags (8 bytes), the reserved bytes, and its content.
    pub sections: Vec<([u8; 8], [u8; 8], Vec<u8>)>,
}

const HEADER: usize = 64;
const ENTRY: usize = 64;

impl Frame {
    /// Takes a file apart, as far as there is something to be taken: lengths end with the file, and the last
    /// section takes what is left. None without a header.
    pub fn of(bytes: &[u8], place: Table) -> Option<Self> {
        let (header, rest) = bytes.split_first_chunk::<HEADER>()?;
        let head: [u8; 32] = *header.first_chunk()?;
        let n_sections = u32::from_le_bytes([head[12], head[13], head[14], head[15]]) as usize;
        let n_sections = n_sections.min(rest.len() / ENTRY).min(256);
        let (table, mut bodies) = match place {
            Table::First => rest.split_at(n_sections * ENTRY),
            Table::Last => {
                let (bodies, table) = rest.split_at(rest.len() - n_sections * ENTRY);
                (table, bodies)
            }
        };
        let mut sections = Vec::new();
        for (position, entry) in table.chunks_exact(ENTRY).enumerate() {
            let (kind, rest) = entry.split_first_chunk::<8>()?;
            let (length, rest) = rest[8..].split_first_chunk::<8>()?;
            let length = usize::try_from(u64::from_le_bytes(*length)).unwrap_or(usize::MAX);
            let is_last = position + 1 == n_sections;
            let length = if is_last { bodies.len() } else { length.min(bodies.len()) };
            let (body, others) = bodies.split_at(length);
            bodies = others;
            sections.push((*kind, *rest.first_chunk()?, body.to_vec()));
        }
        Some(Self { head, sections })
    }

    /// The file.
    pub fn bytes(&self, place: Table) -> Vec<u8> {
        let (mut table, mut bodies) = (Vec::new(), Vec::new());
        let n_table_bytes = self.sections.len() * ENTRY;
        let start = HEADER + if place == Table::First { n_table_bytes } else { 0 };
        for (kind, reserved, body) in &self.sections {
            table.extend(kind);
            table.extend(((start + bodies.len()) as u64).to_le_bytes());
            table.extend((body.len() as u64).to_le_bytes());
            table.extend(reserved);
            table.extend(blake3::hash(body).as_bytes());
            bodies.extend(body);
        }
        let mut header = self.head.to_vec();
        header[12..16].copy_from_slice(&(self.sections.len() as u32).to_le_bytes());
        let length = (HEADER + table.len() + bodies.len()) as u64;
        header[16..24].copy_from_slice(&length.to_le_bytes());
        let root = blake3::hash(&[header.as_slice(), &table].concat());
        header.extend(root.as_bytes());
        match place {
            Table::First => [header, table, bodies].concat(),
            Table::Last => [header, bodies, table].concat(),
        }
    }

    /// The place of the section of this kind.
    pub fn section_mut(&mut self, kind: u32) -> Option<&mut Vec<u8>> {
        let is_it = |(head, ..): &&mut ([u8; 8], [u8; 8], Vec<u8>)| head[..4] == kind.to_le_bytes();
        self.sections.iter_mut().find(is_it).map(|(.., body)| body)
    }

    /// Makes a draft of an artifact: no golden records, and the flag that says so.
    pub fn into_draft(mut self) -> Self {
        self.sections.retain(|(head, ..)| head[..4] != GOLDEN.to_le_bytes());
        self.head[24] |= 1;
        self
    }
}

/// The kind of the section of golden records.
pub const GOLDEN: u32 = 6;

/// The same file with its lengths, offsets, hashes and root put right.
pub fn rehash(bytes: &[u8], place: Table) -> Vec<u8> {
    Frame::of(bytes, place).map_or_else(|| bytes.to_vec(), |frame| frame.bytes(place))
}

/// Changes one section of a file in place by `mutate`, which is given its bytes, followed by room, and their
/// number, and tells the new number. Gives the length of the file, at most that of `bytes`.
pub fn mutate_section(
    bytes: &mut [u8],
    size: usize,
    place: Table,
    seed: u32,
    mutate: impl FnOnce(&mut [u8], usize) -> usize,
) -> usize {
    let Some(mut frame) = Frame::of(&bytes[..size], place) else { return size };
    if frame.sections.is_empty() {
        return size;
    }
    let at = seed as usize % frame.sections.len();
    let (.., body) = &mut frame.sections[at];
    let n_bytes = body.len();
    body.resize((n_bytes + (bytes.len() - size).min(4_096)).max(1), 0);
    let n_bytes = mutate(body, n_bytes);
    body.truncate(n_bytes);
    let file = frame.bytes(place);
    let Some(room) = bytes.get_mut(..file.len()) else { return size };
    room.copy_from_slice(&file);
    file.len()
}
