//! Events, with their running number.

use bytes::BytesMut;
use memchr::memmem;
use serde::Serialize;
use serde_json::Value;

use crate::sse::write_json;

/// Numbers events and writes them.
#[derive(Debug, Default)]
pub(super) struct Events {
    next: u64,
}

/// Where in the output something happens.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub(super) struct Place<'a> {
    pub(super) item_id: &'a str,
    pub(super) output_index: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) content_index: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) summary_index: Option<usize>,
}

impl<'a> Place<'a> {
    pub(super) fn item(id: &'a str, index: usize) -> Self {
        Self {
            item_id: id,
            output_index: index,
            ..Self::default()
        }
    }

    pub(super) const fn content(mut self, index: usize) -> Self {
        self.content_index = Some(index);
        self
    }

    pub(super) const fn summary(mut self) -> Self {
        self.summary_index = Some(0);
        self
    }
}

#[derive(Serialize)]
struct Placed<'a, T> {
    #[serde(rename = "type")]
    kind: &'a str,
    sequence_number: u64,
    #[serde(flatten)]
    place: Place<'a>,
    #[serde(flatten)]
    more: T,
}

#[derive(Serialize)]
struct OfItem<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    sequence_number: u64,
    output_index: usize,
    item: &'a Value,
}

#[derive(Serialize)]
struct OfReply<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    sequence_number: u64,
    response: &'a Value,
}

/// A piece of something.
#[derive(Serialize)]
pub(super) struct Delta<'a> {
    pub(super) delta: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) logprobs: Option<&'a [Value]>,
}

impl Events {
    /// Goes on after the last number in `written`.
    pub(super) fn resume(&mut self, written: &[u8]) {
        const KEY: &[u8] = b"\"sequence_number\":";
        let after = memmem::rfind(written, KEY)
            .and_then(|at| written.get(at + KEY.len()..))
            .map(<[u8]>::trim_ascii_start);
        let digits = after.map(|text| {
            let end = text.iter().position(|byte| !byte.is_ascii_digit());
            text.get(..end.unwrap_or(text.len())).unwrap_or_default()
        });
        let last = digits
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| digits.parse::<u64>().ok());
        if let Some(last) = last {
            self.next = last.saturating_add(1);
        }
    }

    fn number(&mut self) -> u64 {
        let number = self.next;
        self.next += 1;
        number
    }

    /// An event about a place in the output.
    pub(super) fn at(
        &mut self,
        kind: &str,
        place: Place<'_>,
        more: impl Serialize,
        out: &mut BytesMut,
    ) {
        let event = Placed {
            kind,
            sequence_number: self.number(),
            place,
            more,
        };
        write_json(out, Some(kind), &event);
    }

    /// An item began or ended.
    pub(super) fn item(&mut self, kind: &str, index: usize, item: &Value, out: &mut BytesMut) {
        let event = OfItem {
            kind,
            sequence_number: self.number(),
            output_index: index,
            item,
        };
        write_json(out, Some(kind), &event);
    }

    /// The reply began or ended.
    pub(super) fn reply(&mut self, kind: &str, response: &Value, out: &mut BytesMut) {
        let event = OfReply {
            kind,
            sequence_number: self.number(),
            response,
        };
        write_json(out, Some(kind), &event);
    }

    /// An error: flat as the reference has it, and below `error` as the service sends it and its clients look for it.
    pub(super) fn error(&mut self, error: &Value, out: &mut BytesMut) {
        let field = |key: &str| error.get(key).cloned().unwrap_or(Value::Null);
        let event = serde_json::json!({
            "type": "error",
            "sequence_number": self.number(),
            "code": field("code"),
            "message": field("message"),
            "param": field("param"),
            "error": error,
        });
        write_json(out, Some("error"), &event);
    }
}
