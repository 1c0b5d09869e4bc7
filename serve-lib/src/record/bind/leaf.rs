//! From serde's thirty-odd kinds of value to ours: one value, fields, keys, or nothing we take.

use std::fmt::{Display, Write};

use serde::Serialize;
use serde::ser::{Error, Impossible, SerializeMap, SerializeStruct, Serializer};

use crate::record::Value;
use crate::record::instant::TIMESTAMP;
use crate::schema::MAX_NAME_BYTES;

/// Why serialising ended early: the words of the value's own `Serialize`, or empty where whoever
/// received the value has kept the reason.
#[derive(Debug)]
pub(super) struct Stop(pub(super) Box<str>);

impl Stop {
    /// The reason is kept elsewhere. Allocates nothing.
    pub(super) fn kept() -> Self {
        Self(Box::default())
    }
}

impl Error for Stop {
    fn custom<T: Display>(message: T) -> Self {
        Self(message.to_string().into())
    }
}

impl std::error::Error for Stop {}

impl Display for Stop {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// Who wants to know what a value is.
pub(super) trait Receiver: Sized {
    /// Takes the fields of a struct.
    type Fields: SerializeStruct<Ok = (), Error = Stop>;
    /// Takes the entries of a map.
    type Entries: SerializeMap<Ok = (), Error = Stop>;

    /// It is one value.
    fn value(self, value: Value<'_>) -> Result<(), Stop>;
    /// It is a text that begins so, of more than 512 bytes.
    fn cut_text(self, beginning: &str) -> Result<(), Stop> {
        self.value(Value::Text(beginning))
    }
    /// It is a struct.
    fn fields(self) -> Result<Self::Fields, Stop>;
    /// It is a map.
    fn entries(self) -> Result<Self::Entries, Stop>;
    /// It is something else.
    fn other(self, shape: &'static str) -> Result<(), Stop>;
}

/// The shape of a map as messages name it.
pub(super) const A_MAP: &str = "a map";
const A_SEQUENCE: &str = "a sequence";
const A_TUPLE: &str = "a tuple";
const AN_ENUM: &str = "an enum variant with data";

/// Asks a value what it is, on behalf of a receiver.
pub(super) struct Leaf<R> {
    receiver: R,
    /// The integer to come is a timestamp's.
    is_time: bool,
}

impl<R> Leaf<R> {
    #[inline]
    pub(super) fn new(receiver: R) -> Self {
        Self { receiver, is_time: false }
    }
}

impl<R: Receiver> Leaf<R> {
    /// Says what it is, and ends serialising: there is no such thing to go into.
    fn refuse<T>(self, shape: &'static str) -> Result<T, Stop> {
        self.receiver.other(shape)?;
        Err(Stop::kept())
    }
}

/// Whole numbers that an i64 holds.
macro_rules! integers {
    ($($method:ident: $integer:ty),*) => {$(
        #[inline]
        fn $method(self, value: $integer) -> Result<(), Stop> {
            self.serialize_i64(value.into())
        }
    )*};
}

impl<R: Receiver> Serializer for Leaf<R> {
    type Ok = ();
    type Error = Stop;
    type SerializeSeq = Impossible<(), Stop>;
    type SerializeTuple = Impossible<(), Stop>;
    type SerializeTupleStruct = Impossible<(), Stop>;
    type SerializeTupleVariant = Impossible<(), Stop>;
    type SerializeMap = R::Entries;
    type SerializeStruct = R::Fields;
    type SerializeStructVariant = Impossible<(), Stop>;

    integers!(serialize_i8: i8, serialize_i16: i16, serialize_i32: i32);
    integers!(serialize_u8: u8, serialize_u16: u16, serialize_u32: u32);

    #[inline]
    fn serialize_i64(self, value: i64) -> Result<(), Stop> {
        let value = if self.is_time { Value::Time(value) } else { Value::Integer(value) };
        self.receiver.value(value)
    }

    #[inline]
    fn serialize_u64(self, value: u64) -> Result<(), Stop> {
        match i64::try_from(value) {
            Ok(value) => self.serialize_i64(value),
            // A number becomes an f64 in any case, and is rounded here as it would be there.
            Err(_) => self.receiver.value(Value::Number(value as f64)),
        }
    }

    fn serialize_i128(self, value: i128) -> Result<(), Stop> {
        match (i64::try_from(value), u64::try_from(value)) {
            (Ok(value), _) => self.serialize_i64(value),
            (_, Ok(value)) => self.serialize_u64(value),
            _ => self.receiver.other("an integer of more than 64 bits"),
        }
    }

    fn serialize_u128(self, value: u128) -> Result<(), Stop> {
        match u64::try_from(value) {
            Ok(value) => self.serialize_u64(value),
            Err(_) => self.receiver.other("an integer of more than 64 bits"),
        }
    }

    #[inline]
    fn serialize_bool(self, value: bool) -> Result<(), Stop> {
        self.receiver.value(Value::Bool(value))
    }

    #[inline]
    fn serialize_f32(self, value: f32) -> Result<(), Stop> {
        self.receiver.value(Value::Number(value.into()))
    }

    #[inline]
    fn serialize_f64(self, value: f64) -> Result<(), Stop> {
        self.receiver.value(Value::Number(value))
    }

    fn serialize_char(self, value: char) -> Result<(), Stop> {
        self.receiver.value(Value::Text(value.encode_utf8(&mut [0; 4])))
    }

    #[inline]
    fn serialize_str(self, value: &str) -> Result<(), Stop> {
        self.receiver.value(Value::Text(value))
    }

    /// What date and address crates write themselves with; serde's own way allocates.
    fn collect_str<T: Display + ?Sized>(self, value: &T) -> Result<(), Stop> {
        let mut text = ShortText { bytes: [0; MAX_TEXT_BYTES], length: 0, is_full: false };
        match write!(text, "{value}") {
            _ if text.is_full => self.receiver.cut_text(text.as_str()),
            Err(_) => Err(Error::custom("its Display reports an error")),
            Ok(()) => self.receiver.value(Value::Text(text.as_str())),
        }
    }

    #[inline]
    fn serialize_none(self) -> Result<(), Stop> {
        self.receiver.value(Value::Null)
    }

    #[inline]
    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Stop> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), Stop> {
        self.receiver.value(Value::Null)
    }

    fn serialize_unit_struct(self, _name: &'static str) -> Result<(), Stop> {
        self.receiver.other("a struct without fields")
    }

    #[inline]
    fn serialize_unit_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
    ) -> Result<(), Stop> {
        self.receiver.value(Value::Text(variant))
    }

    #[inline]
    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        value: &T,
    ) -> Result<(), Stop> {
        let is_time = self.is_time || std::ptr::eq(name, TIMESTAMP) || name == TIMESTAMP;
        value.serialize(Self { is_time, ..self })
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _name: &'static str,
        _index: u32,
        _variant: &'static str,
        _value: &T,
    ) -> Result<(), Stop> {
        self.receiver.other(AN_ENUM)
    }

    fn serialize_bytes(self, _value: &[u8]) -> Result<(), Stop> {
        self.receiver.other("bytes")
    }

    fn serialize_seq(self, _length: Option<usize>) -> Result<Self::SerializeSeq, Stop> {
        self.refuse(A_SEQUENCE)
    }

    fn serialize_tuple(self, _length: usize) -> Result<Self::SerializeTuple, Stop> {
        self.refuse(A_TUPLE)
    }

    fn serialize_tuple_struct(
        self,
        _name: &'static str,
        _length: usize,
    ) -> Result<Self::SerializeTupleStruct, Stop> {
        self.refuse(A_TUPLE)
    }

    fn serialize_tuple_variant(
        self,
        _name: &'static str,
        _index: u32,
        _variant: &'static str,
        _length: usize,
    ) -> Result<Self::SerializeTupleVariant, Stop> {
        self.refuse(AN_ENUM)
    }

    fn serialize_map(self, _length: Option<usize>) -> Result<R::Entries, Stop> {
        self.receiver.entries()
    }

    #[inline]
    fn serialize_struct(self, _name: &'static str, _length: usize) -> Result<R::Fields, Stop> {
        self.receiver.fields()
    }

    fn serialize_struct_variant(
        self,
        _name: &'static str,
        _index: u32,
        _variant: &'static str,
        _length: usize,
    ) -> Result<Self::SerializeStructVariant, Stop> {
        self.refuse(AN_ENUM)
    }
}

/// More than any category or instant has: what lies beyond decides nothing.
const MAX_TEXT_BYTES: usize = 2 * MAX_NAME_BYTES;

/// Text on the stack.
struct ShortText {
    bytes: [u8; MAX_TEXT_BYTES],
    length: usize,
    is_full: bool,
}

impl ShortText {
    fn as_str(&self) -> &str {
        // Whole characters only were put in.
        let text = self.bytes.get(..self.length).unwrap_or_default();
        std::str::from_utf8(text).unwrap_or_default()
    }
}

impl Write for ShortText {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        let room = self.bytes.get_mut(self.length..).unwrap_or_default();
        let (fits, beyond) = text.split_at(text.floor_char_boundary(room.len()));
        for (to, byte) in room.iter_mut().zip(fits.bytes()) {
            *to = byte;
        }
        self.length = self.length.saturating_add(fits.len());
        self.is_full |= !beyond.is_empty();
        if self.is_full { Err(std::fmt::Error) } else { Ok(()) }
    }
}
