//! Streams of `InvokeModelWithResponseStream`: events named `chunk` that wrap a vendor's own in base64.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use gateway_schema::CallError;
use gateway_schema::chat::StreamEvent;
use gateway_schema::stream::{Decode, Frame};
use serde::Deserialize;
use serde_json::Value;

use super::super::stream::{StreamDecoder, cut_short, failure};
use super::super::unreadable;
use super::{Counts, Vendor, reply};
use crate::event_stream::{EventStreamScanner, Message};

/// The bytes that a `chunk` event wraps.
///
/// # Errors
/// Of origin upstream, when it is not such an event.
pub fn unwrap_chunk(payload: &[u8]) -> Result<Vec<u8>, CallError> {
    #[derive(Deserialize)]
    struct Chunk {
        bytes: String,
    }
    let chunk: Chunk =
        serde_json::from_slice(payload).map_err(|error| unreadable("stream", error))?;
    STANDARD
        .decode(chunk.bytes)
        .map_err(|error| unreadable("stream", error))
}

/// Reads a streamed completion of one vendor. One per stream.
#[derive(Debug)]
pub struct InvokeDecoder {
    vendor: Vendor,
    scanner: EventStreamScanner,
    /// Nova wraps the events of Converse.
    nova: StreamDecoder,
    started: bool,
    finished: bool,
    ended: bool,
    failed: bool,
}

impl InvokeDecoder {
    /// A decoder at the start of a stream.
    pub fn new(vendor: Vendor) -> Self {
        Self {
            vendor,
            scanner: EventStreamScanner::new(),
            nova: StreamDecoder::new(),
            started: false,
            finished: false,
            ended: false,
            failed: false,
        }
    }

    fn message(&mut self, message: &Message<'_>) -> Result<Vec<StreamEvent>, CallError> {
        if let Some(error) = failure(message) {
            self.failed = true;
            return Ok(vec![StreamEvent::Error(error)]);
        }
        if message.header(":event-type") != Some("chunk") {
            return Ok(Vec::new());
        }
        let bytes = unwrap_chunk(message.payload)?;
        let piece: Value =
            serde_json::from_slice(&bytes).map_err(|error| unreadable("stream", error))?;
        if self.vendor == Vendor::Nova {
            return self.converse(&piece);
        }
        Ok(self.piece(&piece))
    }

    fn converse(&mut self, piece: &Value) -> Result<Vec<StreamEvent>, CallError> {
        let mut events = Vec::new();
        for (name, payload) in piece.as_object().into_iter().flatten() {
            events.extend(self.nova.event(name, payload.to_string().as_bytes())?);
        }
        self.ended |= events.contains(&StreamEvent::End);
        Ok(events)
    }

    fn piece(&mut self, piece: &Value) -> Vec<StreamEvent> {
        let choice = 0;
        let mut events = Vec::new();
        if !std::mem::replace(&mut self.started, true) {
            events.push(StreamEvent::start());
        }
        let answer = match self.vendor {
            Vendor::Mistral => piece.pointer("/outputs/0").unwrap_or(piece),
            _ => piece,
        };
        if let Some(text) = reply::text(self.vendor, answer) {
            let text = text.to_owned();
            events.push(StreamEvent::Text { choice, text });
        }
        if let Some(finish) = reply::finish(self.vendor, answer) {
            self.finished = true;
            events.push(StreamEvent::Finish { choice, finish });
        }
        if piece.get("amazon-bedrock-invocationMetrics").is_some() {
            // Bedrock's own figures stand in the last chunk.
            events.extend(reply::usage(piece, Counts::default()).map(StreamEvent::Usage));
            self.ended = true;
            events.push(StreamEvent::End);
        }
        events
    }
}

impl Decode for InvokeDecoder {
    fn feed(&mut self, chunk: Bytes, out: &mut Vec<Frame>) -> Result<(), CallError> {
        let mut scanner = std::mem::take(&mut self.scanner);
        let mut result = Ok(());
        let scanned = scanner.feed(&chunk, |message| {
            if result.is_ok() {
                result = self.message(&message).map(|events| {
                    Frame::push_events(events, out);
                });
            }
        });
        self.scanner = scanner;
        result?;
        scanned?;
        Ok(())
    }

    fn end(&mut self, out: &mut Vec<Frame>) -> Result<(), CallError> {
        if self.ended || self.failed {
            return Ok(());
        }
        if self.finished && self.scanner.is_between_messages() {
            // The reason of the end was said; only the figures are missing.
            self.ended = true;
            out.push(Frame::events(vec![StreamEvent::End]));
            return Ok(());
        }
        Err(cut_short())
    }
}
