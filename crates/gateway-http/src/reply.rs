//! From a reply to a response.

use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use gateway_dialect::{ReplyInfo, ToolForm};
use gateway_provider::{Attempt, Reply, ReplyBody, ReplyStream, Whole};
use gateway_schema::chat::{ChatResponse, Fold};
use gateway_schema::completion::CompletionResponse;
use gateway_schema::stream::FrameData;
use gateway_schema::{
    CallError, EndpointName, ErrorKind, Losses, ModelId, Operation, ProviderName,
    Response as Canonical,
};
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, Response};
use uuid::Uuid;

use crate::body::EdgeBody;
use crate::cut::{self, cut};
use crate::headers::REQUEST_ID;
use crate::limits::push_number;
use crate::stream::{StreamBody, Writer, reported};
use crate::surface::Done;
use crate::task::{AskedCall, Task};

/// How many fields a translation dropped or approximated.
const LOSSES: HeaderName = HeaderName::from_static("x-gateway-losses");
/// The most bytes of [`ATTEMPTS`] before a last try: what the gateway adds to a response stays below 4 KiB.
const LONGEST_ATTEMPTS: usize = 2048;
/// Every try, in order: `provider/model:outcome`, with commas between. The outcome is the status that came; where none came,
/// or a good one with an answer that failed all the same, the kind of the failure.
const ATTEMPTS: HeaderName = HeaderName::from_static("x-gateway-attempts");
/// Which destination of a route was chosen.
const VARIANT: HeaderName = HeaderName::from_static("x-gateway-variant");
/// Why it was chosen.
const VARIANT_REASON: HeaderName = HeaderName::from_static("x-gateway-variant-reason");
/// The provider's own id of the request.
const PROVIDER_REQUEST_ID: HeaderName = HeaderName::from_static("x-gateway-provider-request-id");
/// Anthropic's name for the id of a request.
pub(crate) const ANTHROPIC_REQUEST_ID: HeaderName = HeaderName::from_static("request-id");
/// Tells nginx and its like to pass a stream on as it comes.
pub(crate) const ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

/// A reply on its way out.
pub(crate) enum Outgoing {
    /// It is ready.
    Response(Response<EdgeBody>),
    /// A stream that nobody asked for must be gathered first.
    Fold(Box<Folding>),
}

/// The parts of a response that a reply decides.
struct Sketch {
    asked: AskedCall,
    by: Answerer,
    headers: HeaderMap,
}

/// Who answered, and the facts for formats that demand them.
pub(crate) struct Answerer {
    pub(crate) provider: ProviderName,
    model: ModelId,
    id: Uuid,
    created: i64,
    include_usage: bool,
    tool_forms: Arc<[ToolForm]>,
    /// The provider speaks the caller's dialect, so that its raw bytes may pass.
    pub(crate) same: bool,
}

impl Answerer {
    /// What an encoder needs. Made only when there is something to encode.
    pub(crate) fn info(&self) -> ReplyInfo {
        ReplyInfo::new(
            self.model.as_str(),
            self.provider.as_str(),
            self.id.as_simple().to_string(),
            self.created,
        )
        .with_include_usage(self.include_usage)
        .with_tool_forms(Arc::clone(&self.tool_forms))
    }
}

impl Task {
    /// Renders what came of a call.
    pub(crate) fn outcome(mut self: Box<Self>, outcome: Result<Reply, CallError>) -> Outgoing {
        if self.is_passed() {
            return Outgoing::Response(self.passed(outcome));
        }
        let (mut reply, asked) = match (outcome, self.asked) {
            (Ok(reply), Some(asked)) => (reply, asked),
            (Err(error), _) => return Outgoing::Response(self.error(&error)),
            (Ok(_), None) => return Outgoing::Response(self.error(&lost())),
        };
        self.access.holds = std::mem::take(&mut reply.holds);
        let same = reply.dialect == asked.codec.client.dialect();
        let sketch = Sketch {
            asked,
            by: Answerer {
                provider: reply.provider,
                model: reply.model,
                id: self.reply_id,
                created: self.shared.clock.unix_seconds(),
                include_usage: asked.include_usage,
                tool_forms: std::mem::take(&mut self.tool_forms),
                same,
            },
            headers: shown(reply.headers),
        };
        match reply.body {
            ReplyBody::Stream(stream) if asked.stream => {
                Outgoing::Response(self.stream(stream, sketch))
            }
            ReplyBody::Stream(stream) => Outgoing::Fold(Box::new(Folding {
                task: Some(self),
                stream,
                fold: Fold::new(),
                sketch: Some(sketch),
                ended: false,
            })),
            ReplyBody::Whole(whole) => Outgoing::Response(self.whole(whole, sketch)),
        }
    }

    fn stream(mut self: Box<Self>, stream: ReplyStream, sketch: Sketch) -> Response<EdgeBody> {
        let mut head = Response::new(());
        *head.headers_mut() = sketch.headers;
        self.access.streamed = true;
        stream_headers(head.headers_mut(), sketch.asked.stream_type);
        let mut response = head.map(|()| EdgeBody::full(Bytes::new()));
        self.seal(&mut response);
        let writer = Writer::new(sketch.asked, sketch.by);
        let access = self.access;
        let deadline = access.deadline();
        response.map(|_| {
            EdgeBody::stream(StreamBody::new(stream, writer, access)).with_deadline(deadline)
        })
    }

    fn whole(mut self: Box<Self>, whole: Whole, sketch: Sketch) -> Response<EdgeBody> {
        let Sketch {
            asked,
            by,
            mut headers,
        } = sketch;
        let body = match whole {
            Whole::Raw {
                body, content_type, ..
            } if by.same => {
                headers.insert(CONTENT_TYPE, content_type);
                body
            }
            Whole::Canonical(response) if asked.stream => {
                self.access.streamed = true;
                stream_headers(&mut headers, asked.stream_type);
                let mut writer = Writer::new(asked, by);
                for group in groups(response) {
                    writer.events(&group);
                }
                writer.end();
                if let Some(journal) = &self.access.journal {
                    journal.notes().losses.extend(writer.losses());
                }
                writer.take()
            }
            Whole::Canonical(response) => {
                let mut losses = Losses::new();
                let encoded = asked
                    .codec
                    .client
                    .encode(&response, &by.info(), &mut losses);
                if let Some(journal) = &self.access.journal {
                    journal.notes().losses.extend(losses);
                }
                headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
                match encoded {
                    Ok(body) => body,
                    Err(error) => return self.error(&error),
                }
            }
            _ => return self.error(&lost()),
        };
        let holds = self.access.take_holds();
        let body = EdgeBody::full(self.counted(body)).holding(holds);
        let mut response = Response::new(body.with_deadline(self.access.deadline()));
        *response.headers_mut() = headers;
        self.seal(&mut response);
        self.access.end();
        response
    }
}

/// A stream being gathered into a whole answer.
pub(crate) struct Folding {
    task: Option<Box<Task>>,
    stream: ReplyStream,
    fold: Fold,
    sketch: Option<Sketch>,
    ended: bool,
}

impl Folding {
    /// The response, once the stream is over. Not to be asked again after that.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Response<EdgeBody>>> {
        let gathered = ready!(self.gather(cx));
        let (Some(mut task), Some(sketch)) = (self.task.take(), self.sketch.take()) else {
            return Poll::Ready(None);
        };
        let canonical = gathered.and_then(|()| {
            std::mem::take(&mut self.fold)
                .finish()
                .map_err(|error| reported(&error, &sketch.by.provider))
        });
        Poll::Ready(Some(match canonical {
            Ok(chat) => {
                let response = as_operation(chat, sketch.asked.operation);
                task.whole(Whole::Canonical(response), sketch)
            }
            Err(error) => task.error(&error),
        }))
    }

    fn gather(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), CallError>> {
        loop {
            match ready!(self.stream.as_mut().poll_next(cx)) {
                Some(Ok(frame)) => {
                    self.ended |= frame.facts.ended;
                    match frame.data {
                        FrameData::Events(events) => {
                            for event in events {
                                self.fold.push(event);
                            }
                        }
                        // Nobody streams raw bytes to a caller that did not ask for a stream.
                        FrameData::Raw(bytes) if bytes.is_empty() => {}
                        FrameData::Raw(_) => return Poll::Ready(Err(lost())),
                    }
                }
                Some(Err(error)) => return Poll::Ready(Err(error)),
                None if self.ended => return Poll::Ready(Ok(())),
                None => {
                    return Poll::Ready(Err(CallError::upstream(
                        ErrorKind::Upstream,
                        "The provider's stream ended before its answer was complete.",
                    )));
                }
            }
        }
    }
}

fn as_operation(chat: ChatResponse, operation: Operation) -> Canonical {
    match operation {
        Operation::Completion => Canonical::Completion(Box::new(CompletionResponse::from(chat))),
        _ => Canonical::Chat(Box::new(chat)),
    }
}

/// A whole answer as the events of a stream. Answers that are never streamed have none.
fn groups(response: Canonical) -> Vec<Vec<gateway_schema::chat::StreamEvent>> {
    match response {
        Canonical::Chat(chat) => chat.into_events(),
        Canonical::Completion(completion) => completion.into_chat().into_events(),
        _ => Vec::new(),
    }
}

/// Raw bytes of a foreign dialect, or bytes where a document is due: a fault of whoever made the reply.
pub(crate) fn lost() -> CallError {
    CallError::gateway(
        ErrorKind::Internal,
        "The gateway cannot give this answer in the form it was asked for.",
    )
}

fn stream_headers(headers: &mut HeaderMap, content_type: &'static str) {
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(ACCEL_BUFFERING, HeaderValue::from_static("no"));
}

/// The provider's headers, its ids of the request under one name so that ours keeps its own.
fn shown(mut headers: HeaderMap) -> HeaderMap {
    let long = headers.remove(REQUEST_ID);
    let short = headers.remove(ANTHROPIC_REQUEST_ID);
    if let Some(id) = long.or(short) {
        set_provider_id(&mut headers, id);
    }
    headers
}

/// Adds the provider's id of the request, unless it is too long to be one.
pub(crate) fn set_provider_id(headers: &mut HeaderMap, id: HeaderValue) {
    if id.len() <= cut::NAME {
        headers.insert(PROVIDER_REQUEST_ID, id);
    }
}

/// Says what happened on the way: the destination of a route, attempts and losses.
pub(crate) fn describe(done: &Done<'_>, headers: &mut HeaderMap) {
    let Some(journal) = done.journal else {
        return;
    };
    let notes = journal.notes();
    headers.insert(
        LOSSES,
        match notes.losses.len() {
            0 => HeaderValue::from_static("0"),
            losses => HeaderValue::from(losses),
        },
    );
    let variant = notes.variant.as_ref().map(EndpointName::as_str);
    for (name, text) in [
        (VARIANT, variant),
        (VARIANT_REASON, notes.variant_reason.as_deref()),
    ] {
        if let Some(value) = text.and_then(|text| HeaderValue::from_str(&cut(text, cut::NAME)).ok())
        {
            headers.insert(name, value);
        }
    }
    if notes.attempts.is_empty() {
        return;
    }
    let mut text = String::with_capacity(48);
    for attempt in &notes.attempts {
        if !text.is_empty() {
            text.push(',');
        }
        if text.len() > LONGEST_ATTEMPTS {
            text.push_str("...");
            break;
        }
        describe_attempt(attempt, &mut text);
    }
    drop(notes);
    if let Ok(value) = HeaderValue::try_from(text) {
        headers.insert(ATTEMPTS, value);
    }
}

fn describe_attempt(attempt: &Attempt, text: &mut String) {
    text.push_str(&cut(attempt.provider.as_str(), cut::NAME));
    text.push('/');
    text.push_str(&cut(attempt.model.as_str(), cut::NAME));
    text.push(':');
    match (attempt.status, attempt.error) {
        (Some(status), None) => push_number(u64::from(status), text),
        (Some(status), Some(_)) if status >= 400 => push_number(u64::from(status), text),
        (_, Some((kind, _))) => text.push_str(kind.as_str()),
        (None, None) => text.push_str("ok"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_of_the_provider_that_is_too_long_is_left_out() {
        for (length, is_there) in [(256, true), (257, false)] {
            let mut headers = HeaderMap::new();
            let id = HeaderValue::try_from("x".repeat(length)).unwrap();
            headers.insert(ANTHROPIC_REQUEST_ID, id);
            assert_eq!(shown(headers).contains_key(PROVIDER_REQUEST_ID), is_there);
        }
    }
}
