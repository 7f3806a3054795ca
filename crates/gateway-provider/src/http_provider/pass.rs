//! Requests that are passed on as they are, and their answers, passed back as they are.
//!
//! The same policies hold as for every call: a status from 400 on is an error of the call, so that breakers, retries and
//! other keys see it; the answer itself waits in the journal for the case that the error is what the caller gets.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use futures_core::Stream;
use gateway_schema::stream::{Decode, Facts, Frame};
use gateway_schema::{CallError, Dialect, ErrorKind, Retry};
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH};
use http::response::Parts;
use http::{HeaderValue, Method};

use super::attempt::note_resend;
use super::whole_events::WholeEvents;
use super::{HttpProvider, KEPT_ERROR_BYTES, MAX_ERROR_BYTES};
use crate::call::Call;
use crate::inflate::inflate;
use crate::journal::{Attempt, Lane};
use crate::peek::Held;
use crate::raw::{RawHead, RawRequest};
use crate::redact::Redactor;
use crate::reply::{Reply, ReplyBody, Whole, next};
use crate::transport::BodyStream;
use crate::upload::Upload;
use crate::wire::Wire;

impl<W: Wire> HttpProvider<W> {
    /// Passes `raw` on and its answer back.
    pub(super) async fn pass(
        &self,
        call: &Call,
        raw: &RawRequest,
        attempt: &mut Attempt,
    ) -> Result<Reply, CallError> {
        attempt.lane = Some(Lane::Same);
        if let Some(model) = &raw.model {
            attempt.model = model.as_str().into();
        }
        call.context.journal.notes().refused = None;
        if let Some(dialect) = raw.dialect
            && !self.wire.has_paths_of(dialect)
        {
            return Err(self.lacks_paths_of(dialect, raw));
        }
        if raw.upload.is_some() && !self.wire.takes_uploads() {
            return Err(self.takes_whole_bodies());
        }
        let allowed = raw.with_forwarded(|header| {
            self.wire.forwards(header) || self.target.forward.iter().any(|name| name == header)
        });
        let mut request = self.wire.pass(&allowed, &self.target)?;
        self.add_headers(call, attempt.span, &mut request);
        let credential = self.credentials.get().await?;
        self.wire
            .authorize(&mut request, &credential, self.clock.now())?;
        let exchange = call.context.journal.exchange();
        let sending = match &raw.upload {
            None => self
                .transport
                .send_noting(request, self.limits, exchange.clone()),
            Some(upload) => self
                .transport
                .send_upload(request, upload.clone(), self.limits),
        };
        let sent = sending.await;
        note_resend(call, attempt, &sent);
        if sent.as_ref().is_err_and(|error| error.unsent) {
            exchange.refused();
        }
        let outcome = match sent {
            Ok(response) => {
                attempt.status = Some(response.status().as_u16());
                if response.status().as_u16() >= 400 {
                    exchange.refused();
                }
                let redactor = self.redactors.get(&credential, &self.target.headers);
                self.pass_back(call, raw, response, &redactor).await
            }
            Err(error) if raw.upload.as_ref().is_some_and(Upload::is_spent) => {
                // There is no second time; and what the caller did is the caller's.
                let failure = raw.upload.as_ref().and_then(Upload::failure);
                Err(failure.unwrap_or_else(|| CallError::from(error).with_retry(Retry::Never)))
            }
            // What has been sent may have been done.
            Err(error) if error.unsent || raw.is_repeatable() => Err(error.into()),
            Err(error) => Err(CallError::from(error).with_retry(Retry::Never)),
        };
        self.credentials
            .report(&credential, outcome.as_ref().map(|_| ()));
        outcome
    }

    fn lacks_paths_of(&self, dialect: Dialect, raw: &RawRequest) -> CallError {
        let info = self.wire.info();
        let who = info.display_name.unwrap_or_else(|| info.name.as_str());
        CallError::gateway(
            ErrorKind::Unsupported,
            format!(
                "{} is there only where the provider speaks {} itself; {who} does not.",
                raw.path.as_str(),
                dialect.as_str()
            ),
        )
        .with_status(400)
        .with_code("unsupported_by_provider")
    }

    fn takes_whole_bodies(&self) -> CallError {
        let info = self.wire.info();
        let who = info.display_name.unwrap_or_else(|| info.name.as_str());
        CallError::gateway(
            ErrorKind::PayloadTooLarge,
            format!("{who} is sent whole bodies only, and this one is too large to be held."),
        )
        .with_status(413)
    }

    async fn pass_back(
        &self,
        call: &Call,
        raw: &RawRequest,
        response: http::Response<BodyStream>,
        redactor: &Arc<Redactor>,
    ) -> Result<Reply, CallError> {
        let (mut head, mut body) = response.into_parts();
        redactor.headers(&mut head.headers, head.status.as_u16() >= 400);
        if head.status.as_u16() >= 400 {
            if is_readable(&head) {
                body = inflate(&mut head, body)?;
            }
            match read_error(redactor.body(body)).await {
                Read::Whole(bytes) => {
                    return Err(self.refusal(call, raw, head, redactor.error(bytes)));
                }
                Read::Part(rest) => body = rest,
            }
        }
        let mut observer = None;
        if head.status.is_success() {
            observer = self.wire.observer(raw, &head);
        }
        if observer.is_some() {
            // Compressed answers are not asked for; what comes so all the same is read, or it would not be counted.
            if is_readable(&head) {
                body = inflate(&mut head, body)?;
            } else {
                observer = None;
            }
        }
        let body = redactor.body(body);
        let info = self.wire.info();
        let length = declared(&head);
        let body = if raw.method == Method::HEAD
            || matches!(head.status.as_u16(), 204 | 304)
            || length == Some(0)
        {
            ReplyBody::Whole(Whole::Raw {
                body: Bytes::new(),
                content_type: HeaderValue::from_static(""),
                facts: Box::default(),
            })
        } else {
            ReplyBody::Stream(Box::pin(Passed {
                body: Some(body),
                left: length,
                events: WholeEvents::of(&head.headers),
                observer,
                scratch: Vec::new(),
            }))
        };
        let mut reply = Reply::new(
            info.name.clone(),
            raw.model
                .as_deref()
                .map_or_else(|| self.target.model.clone(), Into::into),
            info.dialect,
            Lane::Same,
            body,
        );
        reply.raw = Some(Box::new(RawHead {
            status: head.status,
            headers: head.headers,
        }));
        Ok(reply)
    }

    /// The error that a bad status is; the answer itself goes into the journal.
    fn refusal(&self, call: &Call, raw: &RawRequest, head: Parts, body: Bytes) -> CallError {
        let response = http::Response::from_parts(head, body);
        let mut error = self.wire.decode_error(&response);
        if error.upstream_failure().is_none() {
            error = error.with_upstream(gateway_schema::UpstreamFailure::default());
        }
        if let Some(failure) = error.upstream_failure_mut()
            && failure.body.is_empty()
        {
            let bytes = response.body();
            failure.body = bytes.get(..KEPT_ERROR_BYTES).unwrap_or(bytes).to_vec();
        }
        let (head, body) = response.into_parts();
        let mut error = self.complete(error, &head);
        // A request that was refused was not done. Of other failures nobody knows.
        let was_done = !matches!(head.status.as_u16(), 401 | 403 | 429);
        if raw.upload.is_some() || (was_done && !raw.is_repeatable()) {
            error = error.with_retry(Retry::Never);
        }
        call.context.journal.notes().refused =
            Some(Arc::new(http::Response::from_parts(head, body)));
        error
    }
}

/// How long the body is, if the head says.
fn declared(head: &Parts) -> Option<u64> {
    let length = head.headers.get(CONTENT_LENGTH)?;
    length.to_str().ok()?.trim().parse().ok()
}

/// Whether the body is not compressed, or by something that [`inflate`] undoes.
fn is_readable(head: &Parts) -> bool {
    head.headers.get(CONTENT_ENCODING).is_none_or(|value| {
        let word = value.as_bytes().trim_ascii().to_ascii_lowercase();
        matches!(
            word.as_slice(),
            b"" | b"identity" | b"gzip" | b"x-gzip" | b"deflate"
        )
    })
}

/// The body of a bad status.
enum Read {
    /// To its end, or to where it broke.
    Whole(Bytes),
    /// It is too long to be held: nothing of it is missing.
    Part(BodyStream),
}

async fn read_error(mut body: BodyStream) -> Read {
    let mut held = VecDeque::new();
    let mut length = 0_usize;
    while let Some(Ok(chunk)) = next(&mut body).await {
        length = length.saturating_add(chunk.len());
        held.push_back(chunk);
        if length > MAX_ERROR_BYTES {
            return Read::Part(Box::pin(Held { held, rest: body }));
        }
    }
    let mut bytes = BytesMut::with_capacity(length);
    for chunk in held {
        bytes.extend_from_slice(&chunk);
    }
    Read::Whole(bytes.freeze())
}

/// The body of an answer, chunk by chunk as it came, with the facts that an observer reads beside it.
struct Passed {
    /// `None` once it is over.
    body: Option<BodyStream>,
    /// What is left of the length that the head declares.
    left: Option<u64>,
    /// Set for streams of events.
    events: Option<WholeEvents>,
    observer: Option<Box<dyn Decode>>,
    scratch: Vec<Frame>,
}

impl Passed {
    /// What a chunk says. Whoever reads an answer of a declared length need not read on to see that it is over.
    fn chunk(&mut self, chunk: &Bytes) -> Facts {
        let is_readable = match &mut self.observer {
            Some(observer) => observer.feed(chunk.clone(), &mut self.scratch).is_ok(),
            None => true,
        };
        let mut facts = self.facts(is_readable);
        facts.meaningful = true;
        if let Some(left) = &mut self.left {
            *left = left.saturating_sub(chunk.len() as u64);
            if *left == 0 {
                facts.absorb(self.end());
                facts.ended = true;
            }
        }
        facts
    }

    /// What of a chunk may leave. Of an answer of a declared length the end is known, and nothing is held behind it.
    fn whole(&mut self, chunk: Bytes) -> Bytes {
        let is_last = self.left == Some(0);
        let Some(events) = &mut self.events else {
            return chunk;
        };
        let whole = events.pass(chunk);
        if !is_last {
            return whole;
        }
        let rest = events.take();
        if rest.is_empty() {
            return whole;
        }
        let mut all = BytesMut::from(&*whole);
        all.extend_from_slice(&rest);
        all.freeze()
    }

    fn end(&mut self) -> Facts {
        let is_readable = match &mut self.observer {
            Some(observer) => observer.end(&mut self.scratch).is_ok(),
            None => true,
        };
        let facts = self.facts(is_readable);
        self.observer = None;
        facts
    }

    fn facts(&mut self, is_readable: bool) -> Facts {
        if !is_readable {
            // Whatever it is, it is not what it was taken for.
            self.observer = None;
        }
        let mut facts = Facts::default();
        for frame in self.scratch.drain(..) {
            facts.absorb(frame.facts);
        }
        facts
    }
}

impl Stream for Passed {
    type Item = Result<Frame, CallError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        let Some(body) = &mut this.body else {
            return Poll::Ready(None);
        };
        match ready!(body.as_mut().poll_next(cx)) {
            Some(Ok(chunk)) => {
                let facts = this.chunk(&chunk);
                if this.left == Some(0)
                    && let Some(body) = &mut this.body
                    && let Poll::Ready(None) = body.as_mut().poll_next(cx)
                {
                    // The connection is free as soon as its body was read to its end.
                    this.body = None;
                }
                let chunk = this.whole(chunk);
                Poll::Ready(Some(Ok(Frame::raw(chunk, facts))))
            }
            Some(Err(error)) => {
                this.body = None;
                Poll::Ready(Some(Err(error.into())))
            }
            None => {
                this.body = None;
                let rest = this.events.as_mut().map(WholeEvents::take);
                let rest = rest.unwrap_or_default();
                if this.observer.is_none() && rest.is_empty() {
                    return Poll::Ready(None);
                }
                let facts = this.end();
                Poll::Ready(Some(Ok(Frame::raw(rest, facts))))
            }
        }
    }
}
