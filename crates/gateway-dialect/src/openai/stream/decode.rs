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
/// the terminator. An event that is not JSON ends the stream with an error: what it would have said is lost.
#[derive(Debug, Default)]
pub struct StreamDecoder {
    scanner: SseScanner,
    reader: ChunkReader,
    plain: Plain,
    skips_malformed: bool,
}

impl StreamDecoder {
    /// A decoder at the start of a stream.
    pub fn new() -> Self {
        Self::default()
    }

    /// Skips events that are not JSON, as MLflow does, instead of ending the stream.
    pub const fn with_malformed_skipped(mut self, skip: bool) -> Self {
        self.skips_malformed = skip;
        self
    }

    /// Reads one event into `out`. After a failure nothing is read any more.
    fn event(
        reader: &mut ChunkReader,
        skip: bool,
        event: &SseEvent<'_>,
        out: &mut Vec<Frame>,
    ) -> Result<(), CallError> {
        match reader.event(event) {
            Ok(events) if events.is_empty() => Ok(()),
            Ok(events) => {
                out.push(Frame::events(events));
                Ok(())
            }
            Err(_) if skip => Ok(()),
            Err(error) => Err(error),
        }
    }
}

impl Decode for StreamDecoder {
    fn feed(&mut self, chunk: Bytes, out: &mut Vec<Frame>) -> Result<(), CallError> {
        self.plain.take(&chunk);
        let (reader, skip) = (&mut self.reader, self.skips_malformed);
        let mut read = Ok(());
        self.scanner.feed(&chunk, |event| {
            if read.is_ok() {
                read = Self::event(reader, skip, &event, out);
            }
        })?;
        read
    }

    fn end(&mut self, out: &mut Vec<Frame>) -> Result<(), CallError> {
        let reader = &mut self.reader;
        // An event that the end of the connection cut short is no event; whether the answer is complete shows below.
        self.scanner.finish(|event| {
            let _ = Self::event(reader, true, &event, out);
        });
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
