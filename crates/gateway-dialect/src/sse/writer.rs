//! Writes events.

use bytes::{BufMut, BytesMut};
use serde::Serialize;

/// Appends an event. Data with line ends becomes several `data` lines.
pub fn write_event(out: &mut BytesMut, name: Option<&str>, data: &[u8]) {
    out.reserve(data.len() + 32);
    write_name(out, name);
    for line in data.split(|byte| *byte == b'\n') {
        out.put_slice(b"data: ");
        out.put_slice(line);
        out.put_u8(b'\n');
    }
    out.put_u8(b'\n');
}

/// Appends an event whose data is `value` as JSON on one line. A value that cannot be written (a map with keys that
/// are not text) appends nothing.
pub fn write_json(out: &mut BytesMut, name: Option<&str>, value: &impl Serialize) {
    let start = out.len();
    write_name(out, name);
    out.put_slice(b"data: ");
    if crate::node::write(out, value).is_err() {
        out.truncate(start);
        return;
    }
    out.put_slice(b"\n\n");
}

/// Appends a comment, which clients ignore: a sign of life.
pub fn write_comment(out: &mut BytesMut, text: &str) {
    out.put_slice(b": ");
    for byte in text.bytes() {
        out.put_u8(if matches!(byte, b'\n' | b'\r') {
            b' '
        } else {
            byte
        });
    }
    out.put_slice(b"\n\n");
}

fn write_name(out: &mut BytesMut, name: Option<&str>) {
    if let Some(name) = name {
        out.put_slice(b"event: ");
        out.put_slice(name.as_bytes());
        out.put_u8(b'\n');
    }
}
