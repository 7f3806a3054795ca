//! The container's bytes inside AWS's event stream.

use bytes::{Bytes, BytesMut};
use gateway_dialect::event_stream::{EventStreamScanner, Message};
use gateway_schema::stream::{Decode, Frame};
use gateway_schema::{CallError, ErrorKind};

/// Takes the pieces out of their messages and hands them to a decoder of what the container speaks.
pub(super) struct Unwrapped {
    scanner: EventStreamScanner,
    inner: Box<dyn Decode>,
}

impl Unwrapped {
    /// Unwraps for `inner`.
    pub(super) fn new(inner: Box<dyn Decode>) -> Self {
        Self {
            scanner: EventStreamScanner::new(),
            inner,
        }
    }
}

/// What an exception among the messages says.
fn exception(message: &Message<'_>) -> Option<CallError> {
    let name = message
        .header(":exception-type")
        .or_else(|| message.header(":error-code"))?;
    let said: Option<serde_json::Value> = serde_json::from_slice(message.payload).ok();
    let said = said.and_then(|said| {
        let text = said.get("Message").or_else(|| said.get("message"))?;
        Some(text.as_str()?.to_owned())
    });
    let text = said.unwrap_or_else(|| "The model's stream failed.".to_owned());
    Some(CallError::upstream(ErrorKind::Upstream, text).with_detail(name.to_owned()))
}

impl Decode for Unwrapped {
    fn feed(&mut self, chunk: Bytes, out: &mut Vec<Frame>) -> Result<(), CallError> {
        let mut pieces = BytesMut::new();
        let mut failed = None;
        let scanned = self.scanner.feed(&chunk, |message| {
            if failed.is_none() {
                failed = exception(&message);
            }
            if failed.is_none() {
                pieces.extend_from_slice(message.payload);
            }
        });
        if !pieces.is_empty() {
            self.inner.feed(pieces.freeze(), out)?;
        }
        scanned?;
        failed.map_or(Ok(()), Err)
    }

    fn end(&mut self, out: &mut Vec<Frame>) -> Result<(), CallError> {
        self.inner.end(out)
    }
}
