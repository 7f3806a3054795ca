//! Writes JSON without a tree.

use bytes::Bytes;
use gateway_schema::{CallError, ErrorKind};
use serde::Serialize;
use serde_json::{Map, Value};

/// Writes a body. Fails only on values that JSON cannot hold, of which there are none here.
///
/// # Errors
/// Of origin gateway.
pub(crate) fn to_bytes(value: &impl Serialize) -> Result<Bytes, CallError> {
    gateway_json::to_vec(value)
        .map(Bytes::from)
        .map_err(|error| {
            CallError::gateway(ErrorKind::Internal, "A body could not be written.")
                .with_detail(error.to_string())
        })
}

/// Writes one object.
pub(crate) fn object(out: &mut Vec<u8>, write: impl FnOnce(&mut Object<'_>)) {
    out.push(b'{');
    write(&mut Object { out, first: true });
    out.push(b'}');
}

/// An object being written.
#[derive(Debug)]
pub(crate) struct Object<'a> {
    out: &'a mut Vec<u8>,
    first: bool,
}

impl Object<'_> {
    pub(crate) fn field(&mut self, key: &str, value: &(impl Serialize + ?Sized)) {
        self.key(key);
        put(self.out, value);
    }

    /// A field that is left out when there is no value.
    pub(crate) fn option(&mut self, key: &str, value: Option<&(impl Serialize + ?Sized)>) {
        if let Some(value) = value {
            self.field(key, value);
        }
    }

    pub(crate) fn object(&mut self, key: &str, write: impl FnOnce(&mut Object<'_>)) {
        self.key(key);
        object(self.out, write);
    }

    pub(crate) fn list(&mut self, key: &str, write: impl FnOnce(&mut List<'_>)) {
        self.key(key);
        self.out.push(b'[');
        write(&mut List {
            out: self.out,
            first: true,
        });
        self.out.push(b']');
    }

    pub(crate) fn fields(&mut self, fields: &Map<String, Value>) {
        for (key, value) in fields {
            self.field(key, value);
        }
    }

    fn key(&mut self, key: &str) {
        if !std::mem::take(&mut self.first) {
            self.out.push(b',');
        }
        gateway_json::write_text(self.out, key);
        self.out.push(b':');
    }
}

/// A list being written.
#[derive(Debug)]
pub(crate) struct List<'a> {
    out: &'a mut Vec<u8>,
    first: bool,
}

impl List<'_> {
    pub(crate) fn item(&mut self, value: &(impl Serialize + ?Sized)) {
        self.comma();
        put(self.out, value);
    }

    pub(crate) fn object(&mut self, write: impl FnOnce(&mut Object<'_>)) {
        self.comma();
        object(self.out, write);
    }

    fn comma(&mut self) {
        if !std::mem::take(&mut self.first) {
            self.out.push(b',');
        }
    }
}

fn put(out: &mut Vec<u8>, value: &(impl Serialize + ?Sized)) {
    let start = out.len();
    // Text, numbers and JSON values always can be written; anything else becomes null rather than half a value.
    if gateway_json::write(out, value).is_err() {
        out.truncate(start);
        out.extend_from_slice(b"null");
    }
}
