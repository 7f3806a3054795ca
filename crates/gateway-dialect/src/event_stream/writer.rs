//! Messages out.

use bytes::{BufMut, BytesMut};

use super::{PRELUDE, TRAILER};

/// The type of a text header.
const STRING: u8 = 7;
const JSON: &str = "application/json";

/// Appends an event with a JSON payload.
pub fn write_event(out: &mut BytesMut, event_type: &str, payload: &[u8]) {
    write_message(
        out,
        &[
            (":event-type", event_type),
            (":content-type", JSON),
            (":message-type", "event"),
        ],
        payload,
    );
}

/// Appends an exception that the service's model names, with a JSON payload.
pub fn write_exception(out: &mut BytesMut, exception_type: &str, payload: &[u8]) {
    write_message(
        out,
        &[
            (":exception-type", exception_type),
            (":content-type", JSON),
            (":message-type", "exception"),
        ],
        payload,
    );
}

/// Appends a message with text headers. Names longer than 255 bytes and values longer than 65535 are left out, for
/// the format cannot hold them; so is a message of more than 4 GiB.
pub fn write_message(out: &mut BytesMut, headers: &[(&str, &str)], payload: &[u8]) {
    let start = out.len();
    out.put_slice(&[0; PRELUDE]);
    for (name, value) in headers {
        if let (Ok(name_length), Ok(value_length)) =
            (u8::try_from(name.len()), u16::try_from(value.len()))
        {
            out.put_u8(name_length);
            out.put_slice(name.as_bytes());
            out.put_u8(STRING);
            out.put_u16(value_length);
            out.put_slice(value.as_bytes());
        }
    }
    let headers_length = out.len() - start - PRELUDE;
    out.put_slice(payload);
    let total = out.len() - start + TRAILER;
    let (Ok(total), Ok(headers_length)) = (u32::try_from(total), u32::try_from(headers_length))
    else {
        out.truncate(start);
        return;
    };
    let mut prelude = [0; PRELUDE];
    let mut fields = prelude.as_mut_slice();
    fields.put_u32(total);
    fields.put_u32(headers_length);
    let lengths = prelude.get(..8).map_or(0, crc32fast::hash);
    if let Some(slot) = prelude.get_mut(8..) {
        slot.copy_from_slice(&lengths.to_be_bytes());
    }
    if let Some(slot) = out.get_mut(start..start + PRELUDE) {
        slot.copy_from_slice(&prelude);
    }
    let checksum = out.get(start..).map_or(0, crc32fast::hash);
    out.put_u32(checksum);
}
