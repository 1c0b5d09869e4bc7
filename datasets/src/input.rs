//! The bytes of a text file, decompressed and in UTF-8, as a window that moves over them: so much
//! of the file is held as the longest row takes.

use std::fs::File;
use std::io::{self, Chain, Cursor, Read};
use std::path::{Path, PathBuf};

use crate::error::{Error, ErrorKind};
use crate::options::{Encoding, ReadOptions};

/// A window on the bytes of a file.
pub(crate) struct Input {
    path: PathBuf,
    reader: Box<dyn Read + Send>,
    compressed: bool,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    ended: bool,
}

impl Input {
    /// Opens a file and passes over its byte order mark. gzip (any number of members) and zstd
    /// (any number of frames) are told by their first bytes.
    pub(crate) fn open(path: &Path, options: &ReadOptions) -> Result<Self, Error> {
        let file = File::open(path).map_err(|source| ErrorKind::io(path, source))?;
        let io = |source| ErrorKind::io(path, source);
        let (first, file) = first_bytes(file).map_err(io)?;
        let (raw, compressed): (Box<dyn Read + Send>, bool) = match first.as_slice() {
            [0x1f, 0x8b, ..] => (Box::new(flate2::read::MultiGzDecoder::new(file)), true),
            [0x28, 0xb5, 0x2f, 0xfd] => {
                (Box::new(zstd::stream::read::Decoder::new(file).map_err(io)?), true)
            }
            _ => (Box::new(file), false),
        };
        let failed = |source| failure(path, compressed, source);
        let (first, mut raw) = first_bytes(raw).map_err(failed)?;
        if first.starts_with(b"\xef\xbb\xbf") {
            raw.read_exact(&mut [0; 3]).map_err(failed)?;
        }
        let reader: Box<dyn Read + Send> = match options.encoding {
            Encoding::Utf8 => Box::new(raw),
            Encoding::Latin1 => Box::new(Recode { inner: raw, high: None }),
            Encoding::Windows1252 => Box::new(Recode { inner: raw, high: Some(&WINDOWS_1252) }),
        };
        let buffer = vec![0; FIRST_WINDOW];
        let path = path.to_owned();
        Ok(Self { path, reader, compressed, buffer, start: 0, end: 0, ended: false })
    }

    /// The bytes read and not consumed.
    pub(crate) fn pending(&self) -> &[u8] {
        &self.buffer[self.start..self.end]
    }

    /// How many bytes are held.
    #[cfg(test)]
    pub(crate) fn window(&self) -> usize {
        self.buffer.len()
    }

    /// Whether nothing follows the pending bytes.
    pub(crate) fn has_ended(&self) -> bool {
        self.ended
    }

    /// Passes over pending bytes.
    pub(crate) fn consume(&mut self, length: usize) {
        self.start = (self.start + length).min(self.end);
    }

    /// Reads on, so that there are more pending bytes or the end is reached. Positions within the
    /// pending bytes stay what they were.
    pub(crate) fn fill(&mut self) -> Result<(), Error> {
        self.buffer.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        if self.buffer.len() - self.end < LEAST_SPACE {
            self.buffer.resize(self.buffer.len() * 2, 0);
        }
        while !self.ended && self.buffer.len() - self.end >= LEAST_SPACE {
            match self.reader.read(&mut self.buffer[self.end..]) {
                Ok(0) => self.ended = true,
                Ok(length) => self.end += length,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(source) => return Err(failure(&self.path, self.compressed, source).into()),
            }
        }
        Ok(())
    }

    /// Passes over everything up to and with the next line end, without keeping it.
    pub(crate) fn skip_line(&mut self) -> Result<(), Error> {
        loop {
            if let Some(length) = memchr::memchr(b'\n', self.pending()) {
                self.consume(length + 1);
                return Ok(());
            }
            self.consume(self.pending().len());
            if self.ended {
                return Ok(());
            }
            self.fill()?;
        }
    }
}

const FIRST_WINDOW: usize = 1 << 20;
/// A character in UTF-8 fits.
const LEAST_SPACE: usize = 4;

fn failure(path: &Path, compressed: bool, source: io::Error) -> ErrorKind {
    if compressed {
        return ErrorKind::Compressed { path: path.to_owned(), source };
    }
    ErrorKind::io(path, source)
}

type Rewound<R> = Chain<Cursor<Vec<u8>>, R>;

/// The first four bytes, or as many as there are, and a reader that still gives them.
fn first_bytes<R: Read>(mut reader: R) -> io::Result<(Vec<u8>, Rewound<R>)> {
    let mut first = Vec::with_capacity(4);
    reader.by_ref().take(4).read_to_end(&mut first)?;
    Ok((first.clone(), Cursor::new(first).chain(reader)))
}

/// Writes bytes of one character each as UTF-8.
struct Recode<R> {
    inner: R,
    /// The characters of the bytes 0x80 to 0x9f, where they are not those of these numbers.
    high: Option<&'static [char; 32]>,
}

impl<R: Read> Read for Recode<R> {
    /// The space must hold the longest character, of three bytes.
    fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
        let mut bytes = [0; 16 << 10];
        let longest = (space.len() / 3).min(bytes.len());
        let length = self.inner.read(&mut bytes[..longest])?;
        let mut written = 0;
        for byte in &bytes[..length] {
            let character = match (self.high, byte) {
                (Some(high), 0x80..=0x9f) => high[usize::from(byte - 0x80)],
                _ => char::from(*byte),
            };
            written += character.encode_utf8(&mut space[written..]).len();
        }
        Ok(written)
    }
}

#[rustfmt::skip]
const WINDOWS_1252: [char; 32] = [
    '\u{20ac}', '\u{81}', '\u{201a}', '\u{192}', '\u{201e}', '\u{2026}', '\u{2020}', '\u{2021}',
    '\u{2c6}', '\u{2030}', '\u{160}', '\u{2039}', '\u{152}', '\u{8d}', '\u{17d}', '\u{8f}',
    '\u{90}', '\u{2018}', '\u{2019}', '\u{201c}', '\u{201d}', '\u{2022}', '\u{2013}', '\u{2014}',
    '\u{2dc}', '\u{2122}', '\u{161}', '\u{203a}', '\u{153}', '\u{9d}', '\u{17e}', '\u{178}',
];

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn read(contents: &[u8], encoding: Encoding) -> Result<Vec<u8>, String> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), contents).unwrap();
        let options = ReadOptions { encoding, ..ReadOptions::default() };
        let all = || -> Result<Vec<u8>, Error> {
            let mut input = Input::open(file.path(), &options)?;
            while !input.has_ended() {
                input.fill()?;
            }
            Ok(input.pending().to_owned())
        };
        all().map_err(|error| error.to_string().replace(file.path().to_str().unwrap(), "FILE"))
    }

    fn gzip(contents: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(contents).unwrap();
        encoder.finish().unwrap()
    }

    /// Longer than the first window, and hard to compress.
    fn long() -> Vec<u8> {
        (0..400_000_u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()).collect()
    }

    #[test]
    fn compressed_files_of_several_parts_are_whole() {
        let long = long();
        let two = [gzip(b"\xef\xbb\xbfa,b\n"), gzip(&long)].concat();
        let expected = [b"a,b\n".as_slice(), &long].concat();
        assert!(read(&two, Encoding::Utf8).unwrap() == expected);
        let frame = |bytes: &[u8]| zstd::encode_all(bytes, 1).unwrap();
        let two = [frame(b"a,b\n"), frame(&long)].concat();
        assert!(read(&two, Encoding::Utf8).unwrap() == expected);
    }

    #[test]
    fn compressed_files_that_are_cut_are_refused() {
        let message = "FILE: the compressed data is cut short or damaged; fetch the file again";
        for whole in [gzip(&long()), zstd::encode_all(long().as_slice(), 1).unwrap()] {
            for length in [12, whole.len() / 2, whole.len() - 1] {
                assert_eq!(read(&whole[..length], Encoding::Utf8).unwrap_err(), message);
            }
        }
        let damaged = [gzip(b"a,b\n"), b"more".to_vec()].concat();
        assert_eq!(read(&damaged, Encoding::Utf8).unwrap_err(), message);
    }

    #[test]
    fn single_byte_encodings_become_utf_8() {
        let bytes = b"caf\xe9 \x80 \x93";
        assert_eq!(read(bytes, Encoding::Latin1).unwrap(), "café \u{80} \u{93}".as_bytes());
        assert_eq!(read(bytes, Encoding::Windows1252).unwrap(), "café € “".as_bytes());
        assert_eq!(read(bytes, Encoding::Utf8).unwrap(), bytes);
        let long = vec![0xe9; 3 << 20];
        assert!(read(&long, Encoding::Latin1).unwrap() == "é".repeat(3 << 20).as_bytes());
    }
}
