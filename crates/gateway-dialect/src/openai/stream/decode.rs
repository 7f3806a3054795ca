//! Streams of a provider, translated.

use bytes::Bytes;
use gateway_schema::chat::StreamEvent;
use gateway_schema::stream::{Decode, Frame};
use gateway_schema::{CallError, ErrorKind};

use super::chunk::ChunkReader;
use crate::sse::{SseEvent, SseScanner};

/// Reads a stream of chat or completion chunks into canonical events, one group per chunk.
///
/// A stream that ends without `[DONE]` is complete when every answer in it has ended; several providers never send
/// the terminator.
#[derive(Debug, Default)]
pub struct StreamDecoder {
    scanner: SseScanner,
    reader: ChunkReader,
}

impl StreamDecoder {
    /// A decoder at the start of a stream.
    pub fn new() -> Self {
        Self::default()
    }
}

/// What a stream is that stopped before its end.
pub(super) fn cut_short() -> CallError {
    CallError::upstream(
        ErrorKind::Upstream,
        "The provider's stream stopped before its end.",
    )
}

impl Decode for StreamDecoder {
    fn feed(&mut self, chunk: Bytes, out: &mut Vec<Frame>) -> Result<(), CallError> {
        let mut failure = None;
        let reader = &mut self.reader;
        self.scanner.feed(&chunk, |event| {
            if failure.is_none() {
                failure = push(reader, &event, out).err();
            }
        })?;
        failure.map_or(Ok(()), Err)
    }

    fn end(&mut self, out: &mut Vec<Frame>) -> Result<(), CallError> {
        let mut failure = None;
        let reader = &mut self.reader;
        self.scanner.finish(|event| {
            failure = push(reader, &event, out).err();
        });
        if let Some(failure) = failure {
            return Err(failure);
        }
        if self.reader.ended || self.reader.failed {
            Ok(())
        } else if self.reader.is_complete() {
            self.reader.ended = true;
            out.push(Frame::events(vec![StreamEvent::End]));
            Ok(())
        } else {
            Err(cut_short())
        }
    }
}

fn push(
    reader: &mut ChunkReader,
    event: &SseEvent<'_>,
    out: &mut Vec<Frame>,
) -> Result<(), CallError> {
    let events = reader.event(event)?;
    if !events.is_empty() {
        out.push(Frame::events(events));
    }
    Ok(())
}
