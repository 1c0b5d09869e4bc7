//! Bytes read as choices: structured values out of whatever the fuzzer gives. After the end all are 0.

/// What is left of the bytes.
pub(crate) struct Choices<'a>(pub(crate) &'a [u8]);

impl Choices<'_> {
    pub(crate) fn byte(&mut self) -> u8 {
        let Some((byte, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *byte
    }

    pub(crate) fn is_over(&self) -> bool {
        self.0.is_empty()
    }

    /// A number below `n`, which is 1 to 65,536.
    pub(crate) fn below(&mut self, n: usize) -> usize {
        let low = usize::from(self.byte());
        let word = if n > 256 { low << 8 | usize::from(self.byte()) } else { low };
        word % n
    }

    pub(crate) fn flag(&mut self) -> bool {
        self.byte() & 1 == 1
    }

    pub(crate) fn bits(&mut self) -> u64 {
        u64::from_le_bytes(std::array::from_fn(|_| self.byte()))
    }

    /// An odd value, a small whole number, a number of the table that splits are made from, or any bits.
    pub(crate) fn value(&mut self) -> f32 {
        const ODD: [f32; 12] = [
            f32::NAN,
            f32::INFINITY,
            f32::NEG_INFINITY,
            f32::MAX,
            f32::MIN,
            f32::MIN_POSITIVE,
            1e-42,
            -0.0,
            0.0,
            -1.0,
            1.5,
            4_294_967_296.0,
        ];
        match self.byte() {
            code @ 0..12 => ODD[usize::from(code)],
            code @ 12..128 => f32::from(code - 12),
            _ => f32::from_bits(u32::from_le_bytes(std::array::from_fn(|_| self.byte()))),
        }
    }

    /// A finite number within ±`most`.
    pub(crate) fn number(&mut self, most: f64) -> f64 {
        let value = match self.byte() {
            code @ 0..128 => (f64::from(code) - 64.0) / 8.0,
            _ => f64::from_bits(self.bits()),
        };
        if value.is_nan() { 0.0 } else { value.clamp(-most, most) }
    }

    /// A share, 0 to 1.
    pub(crate) fn share(&mut self) -> f64 {
        f64::from(self.byte()) / 255.0
    }
}
