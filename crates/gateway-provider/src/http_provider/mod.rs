//! A [`Wire`] with everything around it: credentials, sending, the commit point, stream plumbing.

mod attempt;
mod pass;
mod whole_events;

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use async_trait::async_trait;
use bytes::Bytes;
use futures_core::Stream;
use gateway_schema::stream::{Decode, Facts, Frame};
use gateway_schema::{
    CallError, Dialect, ErrorKind, FieldError, LossKind, Origin, Retry, UpstreamFailure,
};
use http::HeaderMap;
use http::header::CONTENT_TYPE;
use http::response::Parts;

use attempt::{OnDrop, note_resend};

use crate::call::Call;
use crate::credential::{Clock, Credentials};
use crate::inflate::inflate;
use crate::journal::{Attempt, Exchange, Lane};
use crate::peek::begins_with_event;
use crate::provider::{Provider, ProviderInfo};
use crate::redact::{Redactor, Redactors};
use crate::registry::{Deps, TargetSpec};
use crate::reply::{Reply, ReplyBody, collect_counted, next};
use crate::retry_after::retry_after;
use crate::transport::{BodyStream, SendLimits, Transport, TransportError};
use crate::wire::{Target, Wire};

/// The largest whole answer that is read.
const MAX_ANSWER_BYTES: usize = 256 * 1024 * 1024;
/// The largest error body that is read.
const MAX_ERROR_BYTES: usize = 1024 * 1024;
/// What of an error body is kept.
const KEPT_ERROR_BYTES: usize = 64 * 1024;

/// What of a provider's words about the gateway's credential is logged, in letters.
const KEPT_WORDS: usize = 300;

/// Headers of a provider's answer that a caller may see.
const SHOWN_HEADERS: [&str; 4] = [
    "x-request-id",
    "request-id",
    "openai-processing-ms",
    "openai-version",
];
const SHOWN_PREFIXES: [&str; 2] = ["x-ratelimit-", "anthropic-ratelimit-"];

/// Makes a [`Provider`] of a [`Wire`].
pub struct HttpProvider<W> {
    wire: W,
    target: Target,
    limits: SendLimits,
    credentials: Arc<dyn Credentials>,
    transport: Arc<dyn Transport>,
    clock: Arc<dyn Clock>,
    redactors: Redactors,
}

impl<W> std::fmt::Debug for HttpProvider<W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HttpProvider")
            .field("target", &self.target)
            .finish_non_exhaustive()
    }
}

impl<W: Wire> HttpProvider<W> {
    /// Asks `target` by `wire`, with credentials from `credentials`.
    pub fn new(
        wire: W,
        target: Target,
        credentials: Arc<dyn Credentials>,
        transport: Arc<dyn Transport>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            wire,
            target,
            limits: SendLimits::default(),
            credentials,
            transport,
            clock,
            redactors: Redactors::default(),
        }
    }

    /// The provider that asks the wire's model, as `spec` describes the target: what a factory builds.
    pub fn for_target(
        wire: W,
        spec: &TargetSpec,
        credentials: Arc<dyn Credentials>,
        deps: &Deps,
    ) -> Arc<dyn Provider> {
        let mut target = Target::new(wire.info().model.clone());
        target.defaults = Arc::clone(&spec.defaults);
        target.headers = spec.headers.clone();
        target.forward.clone_from(&spec.forward);
        let (transport, clock) = (Arc::clone(&deps.transport), Arc::clone(&deps.clock));
        let provider = Self::new(wire, target, credentials, transport, clock);
        Arc::new(provider.with_limits(spec.limits))
    }

    /// Limits the time to connect.
    pub const fn with_limits(mut self, limits: SendLimits) -> Self {
        self.limits = limits;
        self
    }

    async fn attempt(&self, call: &Call, attempt: &mut Attempt) -> Result<Reply, CallError> {
        if let Some(raw) = call.payload.raw() {
            return Box::pin(self.pass(call, raw, attempt)).await;
        }
        let encoded = self.wire.encode(call, &self.target)?;
        attempt.lane = Some(encoded.lane);
        if call.context.strict && !encoded.losses.is_empty() {
            return Err(refuse_losses(&encoded.losses, self.wire.info()));
        }
        call.context.journal.notes().losses = encoded.losses;
        let mut request = counted(encoded.request, call)?;
        self.add_headers(call, attempt.span, &mut request);
        let credential = self.credentials.get().await?;
        self.wire
            .authorize(&mut request, &credential, self.clock.now())?;
        let exchange = call.context.journal.exchange();
        let sent = self
            .transport
            .send_noting(request, self.limits, exchange.clone())
            .await;
        note_resend(call, attempt, &sent);
        let outcome = match sent {
            Ok(response) => {
                attempt.status = Some(response.status().as_u16());
                if response.status().as_u16() >= 400 {
                    exchange.refused();
                }
                let redactor = self.redactors.get(&credential, &self.target.headers);
                self.answer(call, encoded.lane, response, (&redactor, &exchange))
                    .await
            }
            Err(error) => {
                if error.unsent {
                    exchange.refused();
                }
                Err(error.into())
            }
        };
        if outcome
            .as_ref()
            .is_err_and(|error| is_refusal(error.kind()))
        {
            exchange.refused();
        }
        self.credentials
            .report(&credential, outcome.as_ref().map(|_| ()));
        outcome
    }

    /// Adds what every request carries: the endpoint's own headers, and its place in a trace.
    fn add_headers(&self, call: &Call, span: u64, request: &mut http::Request<Bytes>) {
        for (name, value) in &self.target.headers {
            request.headers_mut().insert(name.clone(), value.clone());
        }
        if let Some(trace) = &call.context.trace {
            trace.write(span, request.headers_mut());
        }
    }

    async fn answer(
        &self,
        call: &Call,
        lane: Lane,
        response: http::Response<BodyStream>,
        (redactor, exchange): (&Arc<Redactor>, &Exchange),
    ) -> Result<Reply, CallError> {
        let (mut head, body) = response.into_parts();
        let body = redactor.body(inflate(&mut head, body)?);
        redactor.headers(&mut head.headers, !head.status.is_success());
        if !head.status.is_success() {
            let mut error = self.bad_status(head, body, redactor).await;
            if let Some(failure) = error.upstream_failure_mut()
                && failure.dialect == Some(self.wire.info().dialect)
            {
                failure.dialect = Some(self.spoken(call, lane));
            }
            return Err(error);
        }
        let info = self.wire.info();
        let headers = shown_headers(&head.headers);
        let (is_stream, body) = match (call.stream, self.wire.is_stream(&head)) {
            (false, _) => (false, body),
            (true, true) => (true, body),
            // Some servers send events as `application/json`.
            (true, false) => begins_with_event(body).await?,
        };
        let body = if is_stream {
            let decoder = self.wire.decoder(call, lane, &head);
            let stream = Committed::open(body, decoder, call.context.may_ask_again)
                .await
                .map_err(|error| self.complete(error, &head))?;
            ReplyBody::Stream(Box::pin(stream))
        } else {
            // It counts until it is decoded; whoever writes the answer counts that.
            let memory = &call.context.memory;
            let note = |length| exchange.received(length);
            let (bytes, _held) = collect_counted(body, MAX_ANSWER_BYTES, memory, note).await?;
            let status = head.status;
            let content_type = head.headers.get(CONTENT_TYPE).cloned();
            let response = http::Response::from_parts(head, bytes);
            let whole = self
                .wire
                .decode(call, lane, response)
                .map_err(|mut error| {
                    if error.upstream_failure().is_none() && error.origin() == Origin::Upstream {
                        error = error.with_upstream(UpstreamFailure::default());
                    }
                    if let Some(failure) = error.upstream_failure_mut() {
                        failure.status.get_or_insert(status.as_u16());
                        failure.provider.get_or_insert_with(|| info.name.clone());
                        if failure.content_type.is_none() {
                            let text = content_type.as_ref().and_then(|it| it.to_str().ok());
                            failure.content_type = text.map(str::to_owned);
                        }
                    }
                    error
                })?;
            ReplyBody::Whole(whole)
        };
        let mut reply = Reply::new(
            info.name.clone(),
            self.target.model.clone(),
            self.spoken(call, lane),
            lane,
            body,
        );
        reply.headers = headers;
        Ok(reply)
    }

    /// The dialect of the answer's bytes. A provider that knows several answers in the one that it is asked in.
    fn spoken(&self, call: &Call, lane: Lane) -> Dialect {
        call.payload
            .dialect()
            .filter(|_| lane == Lane::Same)
            .unwrap_or(self.wire.info().dialect)
    }

    /// Reads an answer with a bad status. The body may break off: what arrived is used.
    async fn bad_status(
        &self,
        head: Parts,
        mut body: BodyStream,
        redactor: &Redactor,
    ) -> CallError {
        let mut bytes = Vec::new();
        while let Some(Ok(chunk)) = next(&mut body).await {
            bytes.extend_from_slice(&chunk);
            if bytes.len() >= MAX_ERROR_BYTES {
                break;
            }
        }
        let bytes = redactor.error(Bytes::from(bytes));
        let response = http::Response::from_parts(head, bytes);
        let mut error = self.wire.decode_error(&response);
        let (head, bytes) = response.into_parts();
        if error.upstream_failure().is_none() {
            error = error.with_upstream(UpstreamFailure::default());
        }
        if let Some(failure) = error.upstream_failure_mut()
            && failure.body.is_empty()
        {
            let kept = bytes.get(..KEPT_ERROR_BYTES).unwrap_or(&bytes);
            failure.body = kept.to_vec();
        }
        self.complete(error, &head)
    }

    /// Adds what every failure of this provider has in common.
    fn complete(&self, mut error: CallError, head: &Parts) -> CallError {
        let text = |name: &str| {
            head.headers
                .get(name)
                .and_then(|value| value.to_str().ok())
                .map(str::to_owned)
        };
        if let Some(failure) = error.upstream_failure_mut() {
            failure
                .provider
                .get_or_insert_with(|| self.wire.info().name.clone());
            failure.dialect.get_or_insert(self.wire.info().dialect);
            if !head.status.is_success() {
                failure.status.get_or_insert(head.status.as_u16());
            }
            if failure.content_type.is_none() {
                failure.content_type = text("content-type");
            }
            if failure.request_id.is_none() {
                failure.request_id = text("x-request-id")
                    .or_else(|| text("request-id"))
                    .or_else(|| text("x-amzn-requestid"));
            }
        }
        // Callers are not shown what a provider says of the gateway's credential; operators need it.
        if matches!(head.status.as_u16(), 401 | 403) && error.detail().is_none() {
            let words: String = error.message().chars().take(KEPT_WORDS).collect();
            error = error.with_detail(words);
        }
        match retry_after(&head.headers, self.clock.now()) {
            Some(wait) if matches!(error.retry(), Retry::Never) => error.with_retry_after(wait),
            Some(wait) => error.with_retry(Retry::After(wait)),
            None => error,
        }
    }
}

/// Counts the body until it is sent, unless it is the caller's own, which counts already.
fn counted(request: http::Request<Bytes>, call: &Call) -> Result<http::Request<Bytes>, CallError> {
    let (head, body) = request.into_parts();
    let own = call
        .payload
        .bytes()
        .is_some_and(|bytes| bytes.as_ptr() == body.as_ptr());
    let body = if own || body.is_empty() {
        body
    } else {
        call.context.memory.hold(body.len() as u64)?.attach(body)
    };
    Ok(http::Request::from_parts(head, body))
}

#[async_trait]
impl<W: Wire> Provider for HttpProvider<W> {
    fn info(&self) -> &ProviderInfo {
        self.wire.info()
    }

    async fn call(self: Arc<Self>, call: Call) -> Result<Reply, CallError> {
        let begun = Instant::now();
        let info = self.wire.info();
        let mut attempt = Attempt::new(
            call.context.endpoint.clone(),
            info.name.clone(),
            self.target.model.clone(),
            info.dialect,
        );
        attempt.since = begun.saturating_duration_since(call.context.started);
        if let Some(trace) = &call.context.trace {
            let before = call.context.journal.notes().attempts.len();
            attempt.span = trace.child(before);
        }
        let mut log = OnDrop {
            call: &call,
            attempt: &mut attempt,
            begun,
            has_outcome: false,
        };
        let outcome = self.attempt(&call, log.attempt).await;
        log.has_outcome = true;
        log.attempt.error = outcome
            .as_ref()
            .err()
            .map(|error| (error.kind(), error.origin()));
        drop(log);
        outcome
    }
}

/// Whether a failure says that the provider did not work on the request, whatever its status.
const fn is_refusal(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::InvalidRequest
            | ErrorKind::Unauthenticated
            | ErrorKind::Forbidden
            | ErrorKind::NotFound
            | ErrorKind::RateLimited
            | ErrorKind::ContextLength
            | ErrorKind::PayloadTooLarge
    )
}

fn refuse_losses(losses: &gateway_schema::Losses, info: &ProviderInfo) -> CallError {
    let fields = losses
        .iter()
        .map(|loss| {
            let verb = match loss.kind {
                LossKind::Dropped => "would be dropped",
                LossKind::Approximated => "would be approximated",
            };
            FieldError::new(
                vec![loss.path.as_str().into()],
                "loss",
                format!(
                    "{verb} for provider {} ({}), and strict mode is on",
                    info.name, loss.why
                ),
            )
        })
        .collect();
    CallError::fields(fields).with_code("lossy_request")
}

fn shown_headers(all: &HeaderMap) -> HeaderMap {
    let mut shown = HeaderMap::new();
    for (name, value) in all {
        let text = name.as_str();
        if SHOWN_HEADERS.contains(&text)
            || SHOWN_PREFIXES.iter().any(|prefix| text.starts_with(prefix))
        {
            shown.append(name.clone(), value.clone());
        }
    }
    shown
}

/// A stream that has passed its commit point.
struct Committed {
    body: BodyStream,
    decoder: Box<dyn Decode>,
    ready: VecDeque<Frame>,
    /// The frames of the last step, which come after those.
    scratch: Vec<Frame>,
    /// The terminator was seen: whatever happens to the connection afterwards does not matter.
    ended: bool,
    /// The provider reported an error in the stream: it does not end well, but it was told.
    failed: bool,
    /// The body is over.
    over: bool,
    /// An error that comes after the frames in `ready`.
    error: Option<CallError>,
}

impl Committed {
    /// Reads until the first meaningful frame; where nothing is gained by holding back, until the first that states an id
    /// or a model, as the first event of an answer does. Everything that fails before it is an error of the call.
    async fn open(
        body: BodyStream,
        decoder: Box<dyn Decode>,
        holds_back: bool,
    ) -> Result<Self, CallError> {
        let begins = |facts: &Facts| {
            facts.meaningful || !holds_back && (facts.id.is_some() || facts.model.is_some())
        };
        let mut stream = Self {
            body,
            decoder,
            ready: VecDeque::new(),
            scratch: Vec::new(),
            ended: false,
            failed: false,
            over: false,
            error: None,
        };
        let mut seen = 0;
        loop {
            if let Some(error) = stream
                .ready
                .iter()
                .find_map(|frame| frame.facts.error.as_deref())
            {
                return Err(error.to_call_error(None));
            }
            if stream
                .ready
                .iter()
                .skip(seen)
                .any(|frame| begins(&frame.facts))
            {
                return Ok(stream);
            }
            seen = stream.ready.len();
            if let Some(error) = stream.error.take() {
                return Err(error);
            }
            if stream.over {
                return if stream.ended { Ok(stream) } else { Err(cut()) };
            }
            let chunk = next(&mut stream.body).await;
            stream.take(chunk);
            stream.ready.extend(stream.scratch.drain(..));
        }
    }

    /// The next frame that is there. Most steps make one, which needs no queue.
    fn pop(&mut self) -> Option<Frame> {
        if self.ready.is_empty() && self.scratch.len() <= 1 {
            return self.scratch.pop();
        }
        self.ready.extend(self.scratch.drain(..));
        self.ready.pop_front()
    }

    /// Feeds one step of the body to the decoder.
    fn take(&mut self, chunk: Option<Result<Bytes, TransportError>>) {
        let outcome = match chunk {
            Some(Ok(chunk)) => self.decoder.feed(chunk, &mut self.scratch),
            Some(Err(error)) => {
                self.over = true;
                if self.ended {
                    Ok(())
                } else {
                    Err(error.into())
                }
            }
            None => {
                self.over = true;
                let end = self.decoder.end(&mut self.scratch);
                if self.ended || self.failed {
                    Ok(())
                } else {
                    end
                }
            }
        };
        for frame in &self.scratch {
            self.ended |= frame.facts.ended;
            self.failed |= frame.facts.error.is_some();
        }
        if let Err(error) = outcome {
            self.over = true;
            self.error = Some(error);
        } else if self.over && !self.ended && !self.failed {
            self.error = Some(cut());
        }
    }
}

fn cut() -> CallError {
    CallError::upstream(
        ErrorKind::Upstream,
        "The provider's stream ended before its answer was complete.",
    )
    .with_retry(Retry::Same)
}

impl Stream for Committed {
    type Item = Result<Frame, CallError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            if let Some(frame) = self.pop() {
                return Poll::Ready(Some(Ok(frame)));
            }
            if let Some(error) = self.error.take() {
                debug_assert_eq!(error.origin(), Origin::Upstream);
                return Poll::Ready(Some(Err(error)));
            }
            if self.over {
                return Poll::Ready(None);
            }
            let chunk = ready!(self.body.as_mut().poll_next(cx));
            self.take(chunk);
        }
    }
}
