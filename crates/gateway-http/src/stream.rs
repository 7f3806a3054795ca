//! A streamed reply on its way to the caller.

use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use gateway_provider::ReplyStream;
use gateway_schema::chat::{RemoteError, StreamEvent};
use gateway_schema::stream::{Encode, Frame, FrameData};
use gateway_schema::{CallError, Dialect, ErrorKind, Losses, Operation, ProviderName};

use crate::access::Access;
use crate::error::{self, Audience};
use crate::reply::{Answerer, lost};
use crate::surface::Codec;
use crate::task::AskedCall;

/// Frames in, bytes of the caller's dialect out. Raw frames pass as they are; canonical events are written by the
/// dialect's encoder. A reply that breaks, or ends without its terminator, ends with the dialect's error event.
pub(crate) struct StreamBody {
    /// `None` once it is over: the upstream is let go at once.
    stream: Option<ReplyStream>,
    writer: Writer,
    access: Access,
    /// The terminator was seen.
    ended: bool,
    /// The caller has been told of an error.
    told: bool,
    raw: RawTail,
}

/// Writes events, by an encoder that is made when it is needed first.
pub(crate) struct Writer {
    codec: &'static Codec,
    operation: Operation,
    by: Answerer,
    encoder: Option<Box<dyn Encode>>,
    out: BytesMut,
}

impl Writer {
    pub(crate) fn new(asked: AskedCall, by: Answerer) -> Self {
        Self {
            codec: asked.codec,
            operation: asked.operation,
            by,
            encoder: None,
            out: BytesMut::new(),
        }
    }

    fn encoder(&mut self) -> (&mut dyn Encode, &mut BytesMut) {
        let encoder = self
            .encoder
            .get_or_insert_with(|| self.codec.client.encoder(self.operation, &self.by.info()));
        (&mut **encoder, &mut self.out)
    }

    /// Writes a group of events.
    pub(crate) fn events(&mut self, events: &[StreamEvent]) {
        let (encoder, out) = self.encoder();
        encoder.encode(events, out);
    }

    /// Writes the good end.
    pub(crate) fn end(&mut self) {
        let (encoder, out) = self.encoder();
        encoder.end(out);
    }

    /// Writes the error event. `sent` is what left last of the provider's own bytes.
    fn error(&mut self, error: &CallError, request_id: &str, sent: &[u8]) {
        let body = error::event(
            error,
            Audience {
                dialect: self.codec.client.dialect(),
                request_id,
                provider: Some(self.by.provider.as_str()),
            },
        );
        let (encoder, out) = self.encoder();
        if !sent.is_empty() {
            encoder.resume(sent);
        }
        encoder.error(&body, out);
    }

    /// What was written since the last time.
    pub(crate) fn take(&mut self) -> Bytes {
        self.out.split().freeze()
    }

    /// What was lost so far.
    pub(crate) fn losses(&self) -> Losses {
        self.encoder
            .as_ref()
            .map(|encoder| encoder.losses().clone())
            .unwrap_or_default()
    }
}

impl StreamBody {
    pub(crate) fn new(stream: ReplyStream, writer: Writer, access: Access) -> Self {
        Self {
            stream: Some(stream),
            writer,
            access,
            ended: false,
            told: false,
            raw: RawTail::default(),
        }
    }

    pub(crate) const fn is_over(&self) -> bool {
        self.stream.is_none()
    }

    /// The next bytes for the caller; never empty.
    pub(crate) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        loop {
            let Some(stream) = self.stream.as_mut() else {
                return Poll::Ready(None);
            };
            let chunk = match ready!(stream.as_mut().poll_next(cx)) {
                Some(Ok(frame)) => self.frame(frame),
                // After the terminator nothing can go wrong any more.
                Some(Err(_)) | None if self.ended => self.finish(),
                Some(Err(error)) => self.break_off(&error),
                None => self.finish(),
            };
            if !chunk.is_empty() {
                return Poll::Ready(Some(chunk));
            }
        }
    }

    /// The terminator goes out at once, before the upstream ends its body.
    fn frame(&mut self, frame: Frame) -> Bytes {
        let ended = self.ended;
        self.ended |= frame.facts.ended;
        let chunk = match frame.data {
            FrameData::Raw(bytes) if !self.writer.by.same && !bytes.is_empty() => {
                return self.break_off(&lost());
            }
            FrameData::Raw(bytes) => {
                self.told |= frame.facts.error.is_some();
                self.raw.note(&bytes);
                bytes
            }
            // What a provider says after its end has no place in the caller's dialect.
            FrameData::Events(_) if ended => Bytes::new(),
            FrameData::Events(events) => self.events(&events),
        };
        if self.ended && !self.told {
            self.access.complete();
        }
        chunk
    }

    /// Writes canonical events. An error among them ends the reply.
    fn events(&mut self, events: &[StreamEvent]) -> Bytes {
        let failed = events
            .iter()
            .enumerate()
            .find_map(|(at, event)| match event {
                StreamEvent::Error(error) => Some((at, error)),
                _ => None,
            });
        match failed {
            None => {
                self.writer.events(events);
                if self.ended {
                    self.writer.end();
                }
                self.writer.take()
            }
            Some((at, error)) => {
                let before = events.get(..at).unwrap_or_default();
                if !before.is_empty() {
                    self.writer.events(before);
                }
                let error = reported(error, &self.writer.by.provider);
                self.break_off(&error)
            }
        }
    }

    /// Ends the reply with an error, unless the caller has heard of one already.
    fn break_off(&mut self, error: &CallError) -> Bytes {
        self.stream = None;
        if !self.told {
            self.told = true;
            // Messages of an event stream say themselves how long they are.
            if self.writer.codec.client.dialect() != Dialect::BEDROCK {
                self.writer.out.extend_from_slice(self.raw.separator());
            }
            let id = self.access.request_id.clone();
            self.writer.error(error, id.as_str(), &self.raw.sent);
        }
        self.close(Some(error))
    }

    /// The reply is over without an error.
    fn finish(&mut self) -> Bytes {
        if self.told {
            let error = reported(&RemoteError::default(), &self.writer.by.provider);
            return self.break_off(&error);
        }
        if !self.ended {
            let error = CallError::upstream(
                ErrorKind::Upstream,
                "The provider's stream ended before its answer was complete.",
            );
            return self.break_off(&error);
        }
        self.stream = None;
        self.close(None)
    }

    fn close(&mut self, error: Option<&CallError>) -> Bytes {
        let losses = self.writer.losses().len();
        if losses > 0 {
            tracing::debug!(
                target: "gateway::losses",
                request_id = self.access.request_id.as_str(),
                losses,
                "lost while writing the stream"
            );
        }
        match error {
            Some(error) => self.access.fail(error),
            None => self.access.end(),
        }
        self.writer.take()
    }
}

/// Also where the caller leaves: what was lost until then stands in the record.
impl Drop for StreamBody {
    fn drop(&mut self) {
        self.stream = None;
        if let Some(journal) = &self.access.journal {
            journal.notes().losses.extend(self.writer.losses());
        }
    }
}

/// An error that the provider reported inside its stream.
pub(crate) fn reported(error: &RemoteError, provider: &ProviderName) -> CallError {
    let mut error = error.to_call_error(None);
    if let Some(failure) = error.upstream_failure_mut() {
        failure.provider = Some(provider.clone());
    }
    error
}

/// How the raw bytes ended, so that an error event after them is an event of its own.
#[derive(Default)]
struct RawTail {
    /// What left last.
    sent: Bytes,
    /// The end of what left before it, where that is too short to say.
    earlier: Vec<u8>,
}

impl RawTail {
    /// How many bytes say how an event ended.
    const ENOUGH: usize = 4;

    fn note(&mut self, bytes: &Bytes) {
        if bytes.is_empty() {
            return;
        }
        if bytes.len() < Self::ENOUGH {
            self.earlier = self.last();
        }
        self.sent = bytes.clone();
    }

    /// The last bytes that left.
    fn last(&self) -> Vec<u8> {
        let missing = Self::ENOUGH.saturating_sub(self.sent.len());
        let earlier = self.earlier.len().saturating_sub(missing);
        let sent = self.sent.len().saturating_sub(Self::ENOUGH);
        let mut last = self.earlier.get(earlier..).unwrap_or_default().to_vec();
        last.extend_from_slice(self.sent.get(sent..).unwrap_or_default());
        last
    }

    /// What must stand between the bytes so far and another event.
    fn separator(&self) -> &'static [u8] {
        match &*self.last() {
            [] | [.., b'\n', b'\n'] | [.., b'\r', b'\r'] | [_, b'\n', b'\r', b'\n'] => b"",
            [.., b'\n' | b'\r'] => b"\n",
            _ => b"\n\n",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_event_stands_alone_however_the_bytes_before_it_came() {
        for (text, separator) in [
            ("", ""),
            ("data: a\n\n", ""),
            ("data: a\r\n\r\n", ""),
            ("data: a\r\r", ""),
            ("data: a\n", "\n"),
            ("data: a\r\n", "\n"),
            ("data: a", "\n\n"),
        ] {
            for size in 1..=text.len().max(1) {
                let mut tail = RawTail::default();
                for piece in text.as_bytes().chunks(size) {
                    tail.note(&Bytes::copy_from_slice(piece));
                }
                assert_eq!(tail.separator(), separator.as_bytes(), "{text:?} by {size}");
            }
        }
    }
}
