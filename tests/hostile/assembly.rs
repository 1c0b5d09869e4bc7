//! A writer of artifacts by hand, after FORMAT.md: hashes, root and table are right, whatever else
//! is wrong. It shares no code with the library, and so checks the page as well.

/// Section flag: a reader must understand the section.
pub(super) const REQUIRED: u16 = 1;
/// Section flag: a reader may skip the section.
pub(super) const OPTIONAL: u16 = 0;

const SIGNATURE: [u8; 8] = *b"\x89SHRF\r\n\x1a";

/// An artifact in pieces.
#[derive(Clone)]
pub(super) struct Assembly {
    pub(super) version: u32,
    pub(super) flags: u32,
    pub(super) reserved: u32,
    pub(super) sections: Vec<Section>,
}

/// One section and its line of the table.
#[derive(Clone)]
pub(super) struct Section {
    pub(super) kind: u32,
    pub(super) version: u16,
    pub(super) flags: u16,
    pub(super) reserved: u64,
    pub(super) body: Vec<u8>,
}

/// Where the table says that a section lies.
#[derive(Clone, Copy)]
pub(super) struct Span {
    pub(super) offset: u64,
    pub(super) length: u64,
}

impl Assembly {
    /// Takes a valid artifact apart.
    pub(super) fn of(bytes: &[u8]) -> Self {
        assert_eq!(bytes[..8], SIGNATURE);
        let n_sections = number(bytes, 12, 4) as usize;
        let section = |position: usize| {
            let line = &bytes[64 + 64 * position..][..64];
            let (offset, length) = (number(line, 8, 8) as usize, number(line, 16, 8) as usize);
            Section {
                kind: number(line, 0, 4) as u32,
                version: number(line, 4, 2) as u16,
                flags: number(line, 6, 2) as u16,
                reserved: number(line, 24, 8),
                body: bytes[offset..offset + length].to_vec(),
            }
        };
        Self {
            version: number(bytes, 8, 4) as u32,
            flags: number(bytes, 24, 4) as u32,
            reserved: number(bytes, 28, 4) as u32,
            sections: (0..n_sections).map(section).collect(),
        }
    }

    pub(super) fn section(kind: u32, version: u16, flags: u16, body: &[u8]) -> Section {
        Section { kind, version, flags, reserved: 0, body: body.to_vec() }
    }

    /// The section of this kind, which must be there.
    pub(super) fn section_mut(&mut self, kind: u32) -> &mut Section {
        let found = self.sections.iter_mut().find(|section| section.kind == kind);
        found.expect("the artifact has the section")
    }

    /// Where the sections lie when they follow one another.
    pub(super) fn spans(&self) -> Vec<Span> {
        let mut offset = 64 + 64 * self.sections.len() as u64;
        let span = |section: &Section| {
            let span = Span { offset, length: section.body.len() as u64 };
            offset += span.length;
            span
        };
        self.sections.iter().map(span).collect()
    }

    /// The file.
    pub(super) fn bytes(&self) -> Vec<u8> {
        self.bytes_at(&self.spans())
    }

    /// The file with a table that claims other places for the sections.
    pub(super) fn bytes_at(&self, spans: &[Span]) -> Vec<u8> {
        let bodies: Vec<u8> = self.sections.iter().flat_map(|s| s.body.clone()).collect();
        let mut table = Vec::new();
        for (section, span) in self.sections.iter().zip(spans) {
            table.extend(section.kind.to_le_bytes());
            table.extend(section.version.to_le_bytes());
            table.extend(section.flags.to_le_bytes());
            table.extend(span.offset.to_le_bytes());
            table.extend(span.length.to_le_bytes());
            table.extend(section.reserved.to_le_bytes());
            table.extend(blake3::hash(&section.body).as_bytes());
        }
        let mut header = SIGNATURE.to_vec();
        header.extend(self.version.to_le_bytes());
        header.extend((self.sections.len() as u32).to_le_bytes());
        header.extend((64 + table.len() as u64 + bodies.len() as u64).to_le_bytes());
        header.extend(self.flags.to_le_bytes());
        header.extend(self.reserved.to_le_bytes());
        let root = blake3::hash(&[header.as_slice(), &table].concat());
        [header.as_slice(), root.as_bytes(), &table, &bodies].concat()
    }
}

/// A little-endian number of `n_bytes` at an offset.
fn number(bytes: &[u8], offset: usize, n_bytes: usize) -> u64 {
    bytes[offset..offset + n_bytes].iter().rev().fold(0, |sum, byte| sum << 8 | u64::from(*byte))
}
