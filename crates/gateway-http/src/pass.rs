//! Requests that are passed on as they are, and answers that are passed back as they are.

use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use gateway_dialect::known::Known;
use gateway_json::Envelope;
use gateway_provider::{
    Call, Payload, RawHead, RawPath, RawRequest, Reply, ReplyBody, ReplyStream, Upload,
};
use gateway_schema::stream::FrameData;
use gateway_schema::{CallError, ErrorKind, Operation, Origin};
use http::{HeaderName, HeaderValue, Method, Response, StatusCode};
use http_body::Body;

use crate::access::Access;
use crate::body::{Broken, EdgeBody};
use crate::directory::EndpointInfo;
use crate::headers::{self, REQUEST_ID};
use crate::query::without;
use crate::read::{self, Encoding};
use crate::reply::{ACCEL_BUFFERING, ANTHROPIC_REQUEST_ID, lost, set_provider_id};
use crate::surface::{Action, Json, Passing, not_json, parameter};
use crate::task::{Next, Task, not_found};
use crate::upload::{Announced, Gathered};

/// Which endpoint is meant, where nothing else says it.
const ENDPOINT: HeaderName = HeaderName::from_static("x-gateway-endpoint");

impl Task {
    /// Whether the request is passed on.
    pub(crate) fn is_passed(&self) -> bool {
        let action = self.entry.map(|entry| &entry.route.action);
        matches!(action, Some(Action::Pass(_)))
    }

    /// Refuses a body that is announced too large.
    pub(crate) fn check_passed_size(&self) -> Result<(), CallError> {
        let held = self.bounds.max_bytes as u64;
        let is_large = read::announced(&self.headers).is_some_and(|length| length > held);
        let limit = if is_large && self.may_upload() {
            self.bounds.max_upload
        } else {
            held
        };
        read::check_announced(&self.headers, limit)
    }

    /// Whether the body need not be held: for any path of a provider's API but those that are known to ask a model, which
    /// are metered by what stands in their bodies. A signature is checked over the whole body.
    fn may_upload(&self) -> bool {
        let Some(entry) = self.entry else {
            return false;
        };
        let tail = self.tail.as_deref().unwrap_or_default();
        matches!(entry.route.action, Action::Pass(Passing::Api))
            && self.signed.is_none()
            && self.digest.is_none()
            && self.bounds.max_upload > self.bounds.max_bytes as u64
            && RawPath::check(tail).is_ok_and(|path| {
                let known = Known::of(entry.route.method.as_str(), &path.segments());
                known.is_none_or(|known| known.asks().is_none())
            })
    }

    /// Set for a body that is too large to be held, or may be.
    pub(crate) fn uploads(&self, body: &impl Body) -> Option<Announced> {
        let exact = body.size_hint().exact();
        let announced = read::announced(&self.headers).or(exact);
        let is_small = announced.is_some_and(|length| length <= self.bounds.max_bytes as u64);
        (!is_small && self.may_upload()).then_some(Announced(announced))
    }

    /// Looks at a body that need not be held.
    pub(crate) fn take_gathered(&mut self, body: Result<Gathered, CallError>) -> Next {
        let upload = match body {
            Ok(Gathered::Whole(body)) => return self.take_body(Ok(body)),
            Ok(Gathered::Large(upload)) => upload,
            Err(error) => return Next::Respond(self.error(&error)),
        };
        match self.upload(upload) {
            Ok(call) => Next::Call(call),
            Err(error) => Next::Respond(self.error(&error)),
        }
    }

    fn upload(&mut self, upload: Upload) -> Result<Call, CallError> {
        self.enter()?;
        let method = self.entry.map(|entry| &entry.route.method);
        self.pass_on(Passing::Api, method, Bytes::new(), Some(upload))
    }

    /// The endpoint, if the head names it.
    pub(crate) fn passed_by_head(
        &mut self,
        passing: Passing,
    ) -> Result<Option<Arc<EndpointInfo>>, CallError> {
        let name = match passing {
            Passing::Api => self.name.take().unwrap_or_default(),
            Passing::Body(_) => return Ok(None),
            Passing::Kept(..) => self.keeper()?,
        };
        self.find(&name, Some(Operation::Proxy)).map(Some)
    }

    /// The endpoint that keeps what a path names.
    fn keeper(&mut self) -> Result<String, CallError> {
        let named = self.query.as_deref().and_then(|query| {
            let name = parameter(query, "model")?;
            Some(name.into_owned())
        });
        if let Some(name) = named {
            self.query = self.query.take().map(|query| without(&query, "model"));
            return Ok(name);
        }
        if let Some(name) = self.headers.get(ENDPOINT) {
            return Ok(String::from_utf8_lossy(name.as_bytes()).into_owned());
        }
        let directory = self.view();
        let chat = |info: &Arc<EndpointInfo>| info.operation == Operation::Chat;
        let mut all = directory.endpoints().into_iter().filter(chat);
        match (all.next(), all.next()) {
            (Some(only), None) => Ok(only.name.to_string()),
            _ => Err(CallError::client(
                ErrorKind::InvalidRequest,
                "Say which endpoint keeps the response: add ?model=<endpoint> to the URL, or the header \
                 x-gateway-endpoint.",
            )
            .with_code("endpoint_missing")),
        }
    }

    /// Makes the call.
    pub(crate) fn pass_on(
        &mut self,
        passing: Passing,
        method: Option<&Method>,
        body: Bytes,
        upload: Option<Upload>,
    ) -> Result<Call, CallError> {
        let method = method.cloned().unwrap_or(Method::POST);
        let path = match passing {
            Passing::Api => RawPath::check(&self.tail.take().unwrap_or_default())?,
            Passing::Body(path) => RawPath::check(path)?,
            Passing::Kept(before, after) => {
                let id = self.name.take().unwrap_or_default();
                RawPath::check(&format!("{before}{}{after}", plain_id(&id)?))?
            }
        };
        let (endpoint, body) = match (self.endpoint.take(), passing) {
            (Some(endpoint), _) => (endpoint, body),
            (None, Passing::Body(path)) => self.passed_by_body(path, body)?,
            (None, _) => return Err(not_found("")),
        };
        self.access.endpoint = Some(endpoint.name.clone());
        let known = Known::of(method.as_str(), &path.segments());
        let mut raw = RawRequest::new(method, path);
        let known_here = known.is_some();
        if let Some(known) = known {
            raw.asks = known.asks();
            let model = known.model().filter(|model| model.len() <= LONGEST_MODEL);
            raw.model = model.map(str::to_owned);
        }
        match self.packed.take() {
            Some(packed) => (raw.body, raw.unpacked) = (packed, Some(body)),
            None => raw.body = body,
        }
        match passing {
            Passing::Api => {
                if raw.asks.is_some() {
                    self.check_unicode(&raw.text())?;
                }
                if raw.model.is_none() && known_here {
                    raw.model = model_of(raw.text());
                }
            }
            Passing::Body(_) | Passing::Kept(..) => {
                raw.dialect = Some(self.surface.dialect());
            }
        }
        raw.query = self.query.take();
        raw.headers = headers::passed_on(&self.headers);
        raw.upload = upload;
        let context = self.context(&endpoint)?;
        Ok(Call::new(
            context,
            Operation::Proxy,
            false,
            Payload::from_raw(raw),
        ))
    }

    /// How the body is compressed, where it is unpacked to be read: for its model, its size and for rules. The body of a
    /// request that is passed on is sent as it came; on a path that asks a model it must be one that can be unpacked.
    pub(crate) fn packing(&self) -> Result<Encoding, CallError> {
        match self.entry.map(|entry| &entry.route.action) {
            Some(Action::Pass(Passing::Api)) => {}
            _ => return Ok(self.encoding),
        }
        match read::inspect(&self.headers, self.bounds.max_bytes) {
            Err(error) if self.asks_by_path() => Err(error),
            found => Ok(found.unwrap_or(Encoding::Identity)),
        }
    }

    /// Whether the path of a provider's API is known to ask a model.
    pub(crate) fn asks_by_path(&self) -> bool {
        let tail = self.tail.as_deref().unwrap_or_default();
        let method = self.entry.map_or("", |entry| entry.route.method.as_str());
        RawPath::check(tail).is_ok_and(|path| {
            let known = Known::of(method, &path.segments());
            known.is_some_and(|known| known.asks().is_some())
        })
    }

    /// Refuses JSON in another encoding than UTF-8: some providers guess it, and nothing of it could be read here.
    fn check_unicode(&self, text: &[u8]) -> Result<(), CallError> {
        let is_text = !text.contains(&0) && std::str::from_utf8(text).is_ok();
        if is_text || headers::not_json(&self.headers).is_some() {
            return Ok(());
        }
        let message = "The request body is not UTF-8, which JSON must be.";
        Err(CallError::client(ErrorKind::InvalidRequest, message).with_code("invalid_json"))
    }

    /// The endpoint that a body names, and the body with plain and unique keys.
    fn passed_by_body(
        &mut self,
        path: &str,
        body: Bytes,
    ) -> Result<(Arc<EndpointInfo>, Bytes), CallError> {
        let (body, envelope) = Envelope::read(body).map_err(|fault| not_json(&fault))?;
        let json = Json {
            text: &body,
            envelope: &envelope,
        };
        json.check_spelling()?;
        if json.flag("stream")? {
            let name = path.rsplit('/').next().unwrap_or_default();
            // MLflow's words.
            let message =
                format!("stream=true is not supported on /{path}; {name}ion is a unary request.");
            return Err(CallError::client(ErrorKind::InvalidRequest, message));
        }
        let endpoint = self.find(&json.string("model")?, Some(Operation::Proxy))?;
        Ok((endpoint, body))
    }

    /// What came of a call, passed back as it is.
    pub(crate) fn passed(
        mut self: Box<Self>,
        outcome: Result<Reply, CallError>,
    ) -> Response<EdgeBody> {
        match outcome {
            Ok(mut reply) => match reply.raw.take() {
                Some(head) => self.pass_back(reply.body, *head),
                None => self.error(&lost()),
            },
            Err(error) => match self.refused(&error) {
                Some(refused) => self.refuse(&error, &refused),
                None => self.error(&without_words(error)),
            },
        }
    }

    fn pass_back(mut self: Box<Self>, body: ReplyBody, head: RawHead) -> Response<EdgeBody> {
        let is_stream = head.is_stream();
        let mut response = begin_back(head);
        match body {
            ReplyBody::Whole(_) => {
                self.seal(&mut response);
                self.access.end();
                response
            }
            ReplyBody::Stream(stream) => {
                self.access.streamed = is_stream;
                if is_stream {
                    let headers = response.headers_mut();
                    headers.insert(ACCEL_BUFFERING, HeaderValue::from_static("no"));
                }
                self.seal(&mut response);
                let access = self.access;
                let deadline = access.deadline();
                response.map(|_| {
                    EdgeBody::passed(PassedBody::new(stream, access)).with_deadline(deadline)
                })
            }
        }
    }

    /// The provider's own answer, if that is what `error` is about.
    fn refused(&self, error: &CallError) -> Option<Arc<Response<Bytes>>> {
        let journal = self.access.journal.as_ref()?;
        let refused = journal.notes().refused.take()?;
        // What a provider says of the gateway's credential is not for the caller.
        if matches!(
            refused.status(),
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN
        ) {
            return None;
        }
        let status = error.upstream_failure().and_then(|failure| failure.status);
        (error.origin() == Origin::Upstream && status == Some(refused.status().as_u16()))
            .then_some(refused)
    }

    fn refuse(&mut self, error: &CallError, refused: &Response<Bytes>) -> Response<EdgeBody> {
        let head = RawHead {
            status: refused.status(),
            headers: refused.headers().clone(),
        };
        let mut response =
            begin_back(head).map(|_| EdgeBody::full(self.counted(refused.body().clone())));
        self.seal(&mut response);
        self.access.fail(error);
        response
    }
}

/// What a provider says of the gateway's credential, in an answer that is passed on unread, stays in the log.
fn without_words(error: CallError) -> CallError {
    let status = error.upstream_failure().and_then(|failure| failure.status);
    let (kind, message) = match status {
        Some(401) => (
            ErrorKind::Unauthenticated,
            "The provider refused the gateway's credential.",
        ),
        Some(403) => (
            ErrorKind::Forbidden,
            "The provider does not allow this with the gateway's credential.",
        ),
        _ => return error,
    };
    if error.origin() != Origin::Upstream {
        return error;
    }
    let shown = CallError::upstream(kind, message).with_detail(error.message().to_owned());
    match status {
        Some(status) => shown.with_status(status),
        None => shown,
    }
}

/// The head of an answer that is passed back.
fn begin_back(head: RawHead) -> Response<EdgeBody> {
    let mut response = Response::new(EdgeBody::full(Bytes::new()));
    *response.status_mut() = head.status;
    let mut headers = headers::passed_back(head.headers);
    // Ours takes its place.
    let id = headers.remove(REQUEST_ID);
    if let Some(id) = id.or_else(|| headers.get(&ANTHROPIC_REQUEST_ID).cloned()) {
        set_provider_id(&mut headers, id);
    }
    *response.headers_mut() = headers;
    response
}

/// A longer text names no model. It would go into records, labels and headers.
const LONGEST_MODEL: usize = 256;

/// The model that a body of JSON names.
fn model_of(text: Bytes) -> Option<String> {
    let (body, envelope) = Envelope::read(text).ok()?;
    let model = envelope.string(&body, "model")?;
    (model.len() <= LONGEST_MODEL).then(|| model.into_owned())
}

/// The id of something that a provider keeps: one segment that means nothing else.
fn plain_id(id: &str) -> Result<&str, CallError> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    if !id.is_empty() && id.bytes().all(is_plain) {
        return Ok(id);
    }
    let message = "The id may have letters, digits, '-' and '_' only.";
    Err(CallError::client(ErrorKind::InvalidRequest, message).with_code("invalid_id"))
}

/// An answer on its way back, as it comes. When it breaks, so does the response: a length that is not reached, or a last
/// chunk that never comes, is how HTTP says it.
pub(crate) struct PassedBody {
    /// `None` once it is over: the upstream is let go at once.
    stream: Option<ReplyStream>,
    access: Access,
}

impl PassedBody {
    fn new(stream: ReplyStream, access: Access) -> Self {
        Self {
            stream: Some(stream),
            access,
        }
    }

    pub(crate) const fn is_over(&self) -> bool {
        self.stream.is_none()
    }

    /// The next bytes; never empty.
    pub(crate) fn poll_next(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Broken>>> {
        loop {
            let Some(stream) = self.stream.as_mut() else {
                return Poll::Ready(None);
            };
            match ready!(stream.as_mut().poll_next(cx)) {
                Some(Ok(frame)) => {
                    if frame.facts.ended {
                        self.access.complete();
                    }
                    match frame.data {
                        FrameData::Raw(bytes) if bytes.is_empty() => {}
                        FrameData::Raw(bytes) => return Poll::Ready(Some(Ok(bytes))),
                        FrameData::Events(_) => return self.broken(&lost()),
                    }
                }
                Some(Err(error)) => return self.broken(&error),
                None => {
                    self.stream = None;
                    self.access.end();
                }
            }
        }
    }

    fn broken(&mut self, error: &CallError) -> Poll<Option<Result<Bytes, Broken>>> {
        self.stream = None;
        self.access.fail(error);
        Poll::Ready(Some(Err(Broken)))
    }
}
