//! Lists and objects.

use serde::ser::{
    Error as _, Serialize, SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant,
    SerializeTuple, SerializeTupleStruct, SerializeTupleVariant,
};
use serde_json::{Error, Value};

use super::{Sink, write, write_key, write_text};

/// A list or an object that is being written, or text that is JSON already.
pub(super) struct Compound<'a, S> {
    out: &'a mut S,
    close: &'static [u8],
    is_raw: bool,
    first: bool,
}

impl<'a, S: Sink> Compound<'a, S> {
    /// What `close` ends.
    pub(super) fn new(out: &'a mut S, close: &'static [u8]) -> Self {
        Self {
            out,
            close,
            is_raw: false,
            first: true,
        }
    }

    /// A text that is written as it is.
    pub(super) fn raw(out: &'a mut S) -> Self {
        Self {
            is_raw: true,
            ..Self::new(out, b"")
        }
    }

    fn comma(&mut self) {
        if !std::mem::take(&mut self.first) {
            self.out.put_u8(b',');
        }
    }

    fn item(&mut self, value: &(impl Serialize + ?Sized)) -> Result<(), Error> {
        self.comma();
        write(self.out, value)
    }

    fn field(&mut self, key: &str, value: &(impl Serialize + ?Sized)) -> Result<(), Error> {
        if self.is_raw {
            let Value::String(text) = serde_json::to_value(value)? else {
                return Err(Error::custom("raw JSON must be text"));
            };
            self.out.put_slice(text.as_bytes());
            return Ok(());
        }
        self.comma();
        write_text(self.out, key);
        self.out.put_u8(b':');
        write(self.out, value)
    }

    fn close(self) {
        self.out.put_slice(self.close);
    }
}

/// The traits of what holds items.
macro_rules! of_items {
    ($($of:ident: $method:ident,)*) => {$(
        impl<S: Sink> $of for Compound<'_, S> {
            type Ok = ();
            type Error = Error;

            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
                self.item(value)
            }

            fn end(self) -> Result<(), Error> {
                self.close();
                Ok(())
            }
        }
    )*};
}

of_items! {
    SerializeSeq: serialize_element,
    SerializeTuple: serialize_element,
    SerializeTupleStruct: serialize_field,
    SerializeTupleVariant: serialize_field,
}

/// The traits of what holds fields.
macro_rules! of_fields {
    ($($of:ident,)*) => {$(
        impl<S: Sink> $of for Compound<'_, S> {
            type Ok = ();
            type Error = Error;

            fn serialize_field<T: Serialize + ?Sized>(
                &mut self,
                key: &'static str,
                value: &T,
            ) -> Result<(), Error> {
                self.field(key, value)
            }

            fn end(self) -> Result<(), Error> {
                self.close();
                Ok(())
            }
        }
    )*};
}

of_fields! {
    SerializeStruct,
    SerializeStructVariant,
}

impl<S: Sink> SerializeMap for Compound<'_, S> {
    type Ok = ();
    type Error = Error;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Error> {
        self.comma();
        write_key(self.out, key)?;
        self.out.put_u8(b':');
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        write(self.out, value)
    }

    fn end(self) -> Result<(), Error> {
        self.close();
        Ok(())
    }
}
