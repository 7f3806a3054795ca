//! JSON written by what serde knows of a value: the same text as `serde_json`, with strings copied in blocks instead of byte
//! by byte.

mod compound;
#[cfg(test)]
mod tests;

use std::io;

use bytes::{BufMut, BytesMut};
use serde::ser::{Error as _, Serialize, Serializer};
use serde_json::Error;

use crate::plain::{is_plain, plain};
use compound::Compound;

/// The name under which `serde_json` hands over text that is JSON already.
const RAW: &str = "$serde_json::private::RawValue";

/// What JSON is written to.
pub trait Sink: BufMut + AsRef<[u8]> {
    /// Takes off what comes after the first `length` bytes.
    fn take_off(&mut self, length: usize) -> Vec<u8>;
}

impl Sink for Vec<u8> {
    fn take_off(&mut self, length: usize) -> Vec<u8> {
        self.split_off(length)
    }
}

impl Sink for BytesMut {
    fn take_off(&mut self, length: usize) -> Vec<u8> {
        self.split_off(length).into()
    }
}

/// Appends `value` to `out`.
///
/// # Errors
/// The value is none that JSON has: a key that is no text or number, or what its own `Serialize` says. What was written so
/// far stays.
pub fn write(out: &mut impl Sink, value: &(impl Serialize + ?Sized)) -> Result<(), Error> {
    value.serialize(Writer { out })
}

/// `value` as a text of its own.
///
/// # Errors
/// Those of [`write()`].
pub fn to_vec(value: &(impl Serialize + ?Sized)) -> Result<Vec<u8>, Error> {
    let mut out = Vec::with_capacity(1024);
    write(&mut out, value)?;
    Ok(out)
}

/// Appends a string, in quotes and escaped as `serde_json` does it.
#[inline]
pub fn write_text(out: &mut impl Sink, text: &str) {
    if !is_plain(text.as_bytes()) {
        return write_escaped(out, text);
    }
    out.put_u8(b'"');
    out.put_slice(text.as_bytes());
    out.put_u8(b'"');
}

fn write_escaped(out: &mut impl Sink, text: &str) {
    out.put_u8(b'"');
    let mut rest = text.as_bytes();
    loop {
        let (run, behind) = rest.split_at(plain(rest).length);
        out.put_slice(run);
        let Some((byte, behind)) = behind.split_first() else {
            break;
        };
        escape(out, *byte);
        rest = behind;
    }
    out.put_u8(b'"');
}

fn escape(out: &mut impl Sink, byte: u8) {
    let short = match byte {
        b'"' => b"\\\"",
        b'\\' => b"\\\\",
        b'\n' => b"\\n",
        b'\r' => b"\\r",
        b'\t' => b"\\t",
        0x08 => b"\\b",
        0x0C => b"\\f",
        _ => {
            let digit =
                |value: u8| char::from_digit(u32::from(value), 16).map_or(b'0', |it| it as u8);
            return out.put_slice(&[b'\\', b'u', b'0', b'0', digit(byte >> 4), digit(byte & 15)]);
        }
    };
    out.put_slice(short);
}

/// Writes one value.
struct Writer<'a, S> {
    out: &'a mut S,
}

impl<'a, S: Sink> Writer<'a, S> {
    /// Numbers are `serde_json`'s own.
    fn number(self, value: &impl Serialize) -> Result<(), Error> {
        serde_json::to_writer(Io(self.out), value)
    }

    fn open(self, bracket: u8, close: &'static [u8]) -> Compound<'a, S> {
        self.out.put_u8(bracket);
        Compound::new(self.out, close)
    }

    /// `{"variant":`, for what is written behind it.
    fn variant(self, variant: &str) -> Self {
        self.out.put_u8(b'{');
        write_text(self.out, variant);
        self.out.put_u8(b':');
        self
    }
}

/// What `serde_json` writes to.
struct Io<'a, S>(&'a mut S);

impl<S: Sink> io::Write for Io<'_, S> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.put_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Methods for numbers, which differ in their type alone.
macro_rules! numbers {
    ($($method:ident: $number:ty,)*) => {$(
        fn $method(self, value: $number) -> Result<(), Error> {
            self.number(&value)
        }
    )*};
}

impl<'a, S: Sink> Serializer for Writer<'a, S> {
    type Ok = ();
    type Error = Error;
    type SerializeSeq = Compound<'a, S>;
    type SerializeTuple = Compound<'a, S>;
    type SerializeTupleStruct = Compound<'a, S>;
    type SerializeTupleVariant = Compound<'a, S>;
    type SerializeMap = Compound<'a, S>;
    type SerializeStruct = Compound<'a, S>;
    type SerializeStructVariant = Compound<'a, S>;

    numbers! {
        serialize_i8: i8,
        serialize_i16: i16,
        serialize_i32: i32,
        serialize_i64: i64,
        serialize_i128: i128,
        serialize_u8: u8,
        serialize_u16: u16,
        serialize_u32: u32,
        serialize_u64: u64,
        serialize_u128: u128,
        serialize_f32: f32,
        serialize_f64: f64,
    }

    fn serialize_bool(self, value: bool) -> Result<(), Error> {
        self.out.put_slice(if value { b"true" } else { b"false" });
        Ok(())
    }

    fn serialize_char(self, value: char) -> Result<(), Error> {
        self.serialize_str(value.encode_utf8(&mut [0; 4]))
    }

    fn serialize_str(self, value: &str) -> Result<(), Error> {
        write_text(self.out, value);
        Ok(())
    }

    fn serialize_bytes(self, value: &[u8]) -> Result<(), Error> {
        self.collect_seq(value)
    }

    fn serialize_none(self) -> Result<(), Error> {
        self.serialize_unit()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Error> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), Error> {
        self.out.put_slice(b"null");
        Ok(())
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<(), Error> {
        self.serialize_unit()
    }

    fn serialize_unit_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
    ) -> Result<(), Error> {
        self.serialize_str(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<(), Error> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), Error> {
        let out = self.variant(variant).out;
        write(out, value)?;
        out.put_u8(b'}');
        Ok(())
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Compound<'a, S>, Error> {
        Ok(self.open(b'[', b"]"))
    }

    fn serialize_tuple(self, _: usize) -> Result<Compound<'a, S>, Error> {
        Ok(self.open(b'[', b"]"))
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Compound<'a, S>, Error> {
        Ok(self.open(b'[', b"]"))
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Compound<'a, S>, Error> {
        Ok(self.variant(variant).open(b'[', b"]}"))
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Compound<'a, S>, Error> {
        Ok(self.open(b'{', b"}"))
    }

    fn serialize_struct(self, name: &'static str, _: usize) -> Result<Compound<'a, S>, Error> {
        if name == RAW {
            return Ok(Compound::raw(self.out));
        }
        Ok(self.open(b'{', b"}"))
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Compound<'a, S>, Error> {
        Ok(self.variant(variant).open(b'{', b"}}"))
    }
}

/// Appends a key: a text, or a number, `true` or `false` in quotes.
fn write_key(out: &mut impl Sink, key: &(impl Serialize + ?Sized)) -> Result<(), Error> {
    let start = out.as_ref().len();
    write(out, key)?;
    match out.as_ref().get(start) {
        Some(b'"') => {}
        Some(b'-' | b'0'..=b'9' | b't' | b'f') => {
            let word = out.take_off(start);
            out.put_u8(b'"');
            out.put_slice(&word);
            out.put_u8(b'"');
        }
        _ => return Err(Error::custom("key must be a string")),
    }
    Ok(())
}
