//! Numbers of varying length: seven bits a byte, the lowest first, the top bit set on all but the last.

/// What is read has not the form it should have.
pub(super) type Unsound = &'static str;

const SHORT: Unsound = "it ends too early";

/// Bytes yet to be read.
pub(super) struct Reader<'a>(pub(super) &'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], Unsound> {
        let (bytes, rest) = self.0.split_first_chunk().ok_or(SHORT)?;
        self.0 = rest;
        Ok(*bytes)
    }

    pub(super) fn byte(&mut self) -> Result<u8, Unsound> {
        self.array().map(|[byte]| byte)
    }

    /// The hash of a value.
    pub(super) fn fingerprint(&mut self) -> Result<u64, Unsound> {
        let [a, b, c, d, e, f] = self.array()?;
        Ok(u64::from_le_bytes([a, b, c, d, e, f, 0, 0]))
    }

    /// The hash of an event's id.
    pub(super) fn id(&mut self) -> Result<u64, Unsound> {
        self.array().map(|bytes| u64::from(u32::from_le_bytes(bytes)))
    }

    pub(super) fn wide(&mut self) -> Result<u128, Unsound> {
        let mut wide = 0_u128;
        for shift in (0..u128::BITS).step_by(7) {
            let byte = self.byte()?;
            let bits = u128::from(byte & 0x7f);
            let placed = bits << shift;
            if placed >> shift != bits {
                return Err("a number is too large");
            }
            wide |= placed;
            if byte & 0x80 == 0 {
                return Ok(wide);
            }
        }
        Err("a number is too long")
    }

    pub(super) fn number(&mut self) -> Result<u64, Unsound> {
        // One byte is the common case by far.
        if let Some((byte, rest)) = self.0.split_first().filter(|(byte, _)| **byte < 0x80) {
            self.0 = rest;
            return Ok(u64::from(*byte));
        }
        u64::try_from(self.wide()?).map_err(|_| "a number is too large")
    }

    pub(super) fn signed(&mut self) -> Result<i64, Unsound> {
        let zigzag = self.number()?;
        Ok((zigzag >> 1).cast_signed() ^ (zigzag & 1).cast_signed().wrapping_neg())
    }

    pub(super) fn wide_signed(&mut self) -> Result<i128, Unsound> {
        let zigzag = self.wide()?;
        Ok((zigzag >> 1).cast_signed() ^ (zigzag & 1).cast_signed().wrapping_neg())
    }

    /// A number of things of at least so many bytes each, at most `limit`: room for them may be made at once.
    pub(super) fn length(&mut self, limit: usize, least_bytes: usize) -> Result<usize, Unsound> {
        let length = usize::try_from(self.number()?).map_err(|_| SHORT)?;
        if length.saturating_mul(least_bytes) > self.0.len() {
            return Err(SHORT);
        }
        if length > limit { Err("it holds more than max_events allows") } else { Ok(length) }
    }
}

pub(super) fn put_fingerprint(out: &mut Vec<u8>, fingerprint: u64) {
    let [a, b, c, d, e, f, _, _] = fingerprint.to_le_bytes();
    out.extend([a, b, c, d, e, f]);
}

pub(super) fn put_id(out: &mut Vec<u8>, id: u64) {
    let [a, b, c, d, ..] = id.to_le_bytes();
    out.extend([a, b, c, d]);
}

pub(super) fn put_wide(out: &mut Vec<u8>, mut wide: u128) {
    while wide >= 0x80 {
        out.push(wide.to_le_bytes()[0] | 0x80);
        wide >>= 7;
    }
    out.push(wide.to_le_bytes()[0]);
}

pub(super) fn put_number(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number.to_le_bytes()[0] | 0x80);
        number >>= 7;
    }
    out.push(number.to_le_bytes()[0]);
}

pub(super) fn put_signed(out: &mut Vec<u8>, signed: i64) {
    put_number(out, (signed << 1 ^ signed >> 63).cast_unsigned());
}

pub(super) fn put_wide_signed(out: &mut Vec<u8>, signed: i128) {
    put_wide(out, (signed << 1 ^ signed >> 127).cast_unsigned());
}
