//! Streams of a provider, translated.

use bytes::Bytes;
use gateway_schema::CallError;
use gateway_schema::chat::StreamEvent;
use gateway_schema::stream::{Decode, Frame};

use super::chunk::ChunkReader;
use super::plain::Plain;
use crate::sse::{SseEvent, SseScanner};

/// Reads a stream of chat or completion chunks into canonical events, one group per chunk.
///
/// A stream that ends without `[DONE]` is complete when every answer in it has ended; several providers never send
/// the terminator.
#[derive(Debug, Default)]
pub struct StreamDecoder {
    scanner: SseScanner,
    reader: ChunkReader,
    plain: Plain,
}

impl StreamDecoder {
    /// A decoder at the start of a stream.
    pub fn new() -> Self {
        Self::default()
    }
}

impl Decode for StreamDecoder {
    fn feed(&mut self, chunk: Bytes, out: &mut Vec<Frame>) -> Result<(), CallError> {
        self.plain.take(&chunk);
        let reader = &mut self.reader;
        self.scanner
            .feed(&chunk, |event| push(reader, &event, out))?;
        Ok(())
    }

    fn end(&mut self, out: &mut Vec<Frame>) -> Result<(), CallError> {
        let reader = &mut self.reader;
        self.scanner.finish(|event| push(reader, &event, out));
        if self.reader.ended || self.reader.failed {
            Ok(())
        } else if self.reader.is_complete() {
            self.reader.ended = true;
            out.push(Frame::events(vec![StreamEvent::End]));
            Ok(())
        } else {
            Err(self.plain.cut_short())
        }
    }
}

fn push(reader: &mut ChunkReader, event: &SseEvent<'_>, out: &mut Vec<Frame>) {
    let events = reader.event(event);
    if !events.is_empty() {
        out.push(Frame::events(events));
    }
}
