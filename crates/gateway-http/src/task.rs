//! One request, from its head to its response.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use gateway_dialect::{ToolForm, members};
use gateway_provider::{
    Admission, Authenticate, BoxFuture, ByteBudget, Call, Context, EntryService, Journal, Payload,
    Presented, Principal, Trace,
};
use gateway_schema::{CallError, ErrorKind, Operation, RequestId};
use gateway_sigv4::BodyDigest;
use http::header::{ALLOW, CONTENT_TYPE, LOCATION};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, Uri};
use uuid::Uuid;

use crate::access::Access;
use crate::body::EdgeBody;
use crate::browser::{self, Loopback};
use crate::directory::{BodyBounds, EndpointInfo, Snapshot};
use crate::edge::{Connection, Peer, Shared};
use crate::error::{self, Audience};
use crate::headers::{self, REQUEST_ID};
use crate::patience;
use crate::read::{self, BEFORE_ENTRY, Encoding, Unpack};
use crate::router::{Entry, Found};
use crate::surface::{
    Action, Answer, AnswerBody, Asked, Codec, Done, Json, Named, Question, Surface, Verb, short,
};

/// A request that has been matched. It owns what is needed until the response is complete.
pub(crate) struct Task {
    pub(crate) shared: Arc<Shared>,
    pub(crate) surface: &'static dyn Surface,
    pub(crate) access: Access,
    /// What was asked, once it was.
    pub(crate) asked: Option<AskedCall>,
    /// The tools of the request that the client calls in a form of its own.
    pub(crate) tool_forms: Arc<[ToolForm]>,
    /// For answers that have no id of their own.
    pub(crate) reply_id: Uuid,
    /// What its body may be.
    pub(crate) bounds: BodyBounds,
    pub(crate) entry: Option<Entry>,
    pub(crate) encoding: Encoding,
    /// The body as it was sent, where it is passed on as it is and unpacked only to be read.
    pub(crate) packed: Option<Bytes>,
    pub(crate) headers: HeaderMap,
    pub(crate) presented: Option<Arc<Presented>>,
    /// Who asks callers for credentials.
    pub(crate) guard: Option<Arc<dyn Authenticate>>,
    pub(crate) principal: Principal,
    /// The plan that this request began with, until its call is made: no answer holds a plan that was replaced.
    pub(crate) plan: Option<Arc<dyn Snapshot>>,
    /// What answers the endpoint in that plan.
    pub(crate) target: Option<Arc<dyn EntryService>>,
    /// What of the directory the caller may see.
    pub(crate) sees: gateway_provider::Access,
    peer: Option<Peer>,
    pub(crate) query: Option<String>,
    /// The parameter of the path.
    pub(crate) name: Option<String>,
    /// The endpoint, if the path names it.
    pub(crate) endpoint: Option<Arc<EndpointInfo>>,
    /// What the path asks, if it does.
    verb: Option<Verb>,
    /// The rest of the path, as it was written.
    pub(crate) tail: Option<String>,
    /// The origin whose pages may read the answer, if it is not the gateway's own.
    pub(crate) shown_to: Option<HeaderValue>,
    /// The head of a request whose credential is a signature: who calls is known when its body is there.
    pub(crate) signed: Option<Box<Parts>>,
    /// What the requests of its connection share.
    pub(crate) connection: ByteBudget,
    /// It has taken its place among the requests in flight, where there are such.
    pub(crate) entered: bool,
    /// What the body must be, where the head says so.
    pub(crate) digest: Option<Box<BodyDigest>>,
}

/// What is remembered of a call that was handed on.
#[derive(Clone, Copy)]
pub(crate) struct AskedCall {
    pub(crate) codec: &'static Codec,
    pub(crate) operation: Operation,
    pub(crate) stream: bool,
    pub(crate) stream_type: &'static str,
    pub(crate) include_usage: bool,
}

/// What to do after the head.
pub(crate) enum Begun {
    /// Respond at once.
    Respond(Response<EdgeBody>),
    /// Wait until it is known who calls; then [`Task::admitted`].
    Wait(Box<Task>, Who),
    /// Read the body.
    Read(Box<Task>),
}

/// Finds out who calls.
pub(crate) type Who = BoxFuture<'static, Result<Principal, CallError>>;

/// What to do after the body.
pub(crate) enum Next {
    /// Respond.
    Respond(Response<EdgeBody>),
    /// Hand the call on.
    Call(Call),
    /// Decompress the body first; then [`Task::take_unpacked`].
    Unpack(Box<Unpack>),
}

impl Task {
    /// Looks at the head of a request.
    pub(crate) fn begin(shared: Arc<Shared>, head: Parts) -> Begun {
        let Parts {
            method,
            uri,
            headers,
            extensions,
            ..
        } = head;
        let id = shared.ids.next();
        let mut buffer = Uuid::encode_buffer();
        let request_id = headers::request_id(&headers)
            .unwrap_or_else(|| id.as_hyphenated().encode_lower(&mut buffer));
        let found = shared.router.find(&method, uri.path(), &headers);
        let mut tail = None;
        let (entry, name, instead) = match found {
            Found::Route(entry, name, rest) => {
                tail = rest.map(str::to_owned);
                (Ok(entry), name, Instead::Nothing)
            }
            Found::WrongMethod(surface, allow) => (Err(surface), None, Instead::Methods(allow)),
            Found::Slash(surface) => (Err(surface), None, Instead::Shorter),
            Found::Nothing(surface) => (Err(surface), None, Instead::Nothing),
        };
        let mut access = Access::new(
            RequestId::new(request_id),
            Instant::now(),
            method.clone(),
            uri.path_and_query().cloned(),
        );
        let surface = entry.map_or_else(|surface| surface, |entry| entry.surface);
        access.set_surface(surface.name());
        access.log_calls = shared.config.log_calls;
        let plan = shared.directory.snapshot();
        let mut task = Box::new(Self {
            surface,
            access,
            asked: None,
            tool_forms: Arc::default(),
            reply_id: id,
            bounds: plan.body_bounds().unwrap_or(shared.config.body_bounds()),
            entry: entry.ok(),
            encoding: Encoding::Identity,
            packed: None,
            presented: None,
            guard: plan.guard(),
            plan: Some(plan),
            target: None,
            principal: Principal::default(),
            sees: gateway_provider::Access::All,
            peer: extensions.get::<Peer>().copied(),
            query: uri.query().map(str::to_owned),
            name: name.map(Cow::into_owned),
            endpoint: None,
            verb: None,
            tail,
            shown_to: None,
            signed: None,
            connection: extensions
                .get::<Connection>()
                .map(|connection| connection.0.clone())
                .unwrap_or_default(),
            entered: false,
            digest: None,
            headers,
            shared,
        });
        let is_loopback = extensions.get::<Loopback>().is_some();
        if let Some(response) = task.visit(&method, &uri, is_loopback) {
            return Begun::Respond(response);
        }
        task.admit(method, &uri, instead)
    }

    /// Refuses what cannot be answered, and finds out who asks.
    fn admit(mut self: Box<Self>, method: Method, uri: &Uri, instead: Instead) -> Begun {
        if self.entry.is_none() {
            return Begun::Respond(self.unrouted(&method, uri, instead));
        }
        if self.asks()
            && let Err(error) = self.shared.directory.check_load()
        {
            self.access.quiet = true;
            return Begun::Respond(self.error(&error));
        }
        if self.guard.is_some() && headers::is_signed(&self.headers) {
            return self.admit_signed(method, uri);
        }
        self.take_credential();
        match self.identify() {
            Admission::Ready(outcome) => self.admitted(outcome),
            Admission::Waiting(who) => Begun::Wait(self, who),
        }
    }

    /// Whether it is for an endpoint. How the gateway is can always be asked.
    pub(crate) fn asks(&self) -> bool {
        self.entry
            .is_some_and(|entry| matches!(entry.route.action, Action::Ask(..) | Action::Pass(_)))
    }

    /// Who calls, before anything of the directory is told.
    fn identify(&self) -> Admission {
        let Some(guard) = &self.guard else {
            return Admission::Ready(Ok(Principal::default()));
        };
        let is_open = self.entry.is_some_and(|entry| entry.route.open);
        match (is_open, &self.presented) {
            (true, None) => Admission::Ready(Ok(Principal::default())),
            (_, presented) => guard.authenticate(presented.as_ref()),
        }
    }

    /// Goes on when it is known who calls.
    pub(crate) fn admitted(mut self: Box<Self>, who: Result<Principal, CallError>) -> Begun {
        let is_open = self.entry.is_some_and(|entry| entry.route.open);
        let principal = match who {
            Ok(principal) => principal,
            // A stranger: what is open to all is open to it, too.
            Err(_) if is_open => Principal::default(),
            Err(error) => return Begun::Respond(self.error(&error)),
        };
        if self.guard.is_some() {
            self.let_in(principal);
        }
        if self.sees == gateway_provider::Access::Unchecked {
            self.bounds.max_bytes = self.bounds.max_bytes.min(BEFORE_ENTRY);
        }
        match self.look_at_head() {
            Ok(None) => Begun::Read(self),
            Ok(Some(answer)) => Begun::Respond(self.answer(answer)),
            Err(error) => Begun::Respond(self.error(&error)),
        }
    }

    /// It is known who calls.
    pub(crate) fn let_in(&mut self, principal: Principal) {
        self.sees = principal.access.clone();
        self.access.principal.clone_from(&principal.name);
        self.principal = principal;
        // It has done its work.
        self.presented = None;
    }

    /// Everything else that can be said before the body is read.
    pub(crate) fn look_at_head(&mut self) -> Result<Option<Answer>, CallError> {
        let Some(Entry { route, .. }) = self.entry else {
            return Ok(None);
        };
        if let Action::Tell(answer) = &route.action
            && route.method != Method::POST
        {
            return self.tell(*answer, &Bytes::new()).map(Some);
        }
        if let Action::Pass(passing) = route.action {
            self.check_passed_size()?;
            self.endpoint = self.passed_by_head(passing)?;
            return Ok(None);
        }
        self.encoding = read::inspect(&self.headers, self.bounds.max_bytes)?;
        if let Action::Ask(Named::Path, asked) = route.action {
            let mut name = self.name.take().unwrap_or_default();
            let operation = match asked {
                Asked::For(operation) => Some(operation),
                Asked::ByVerb(read) => {
                    let mut verb = read(&name, self.query.as_deref())?;
                    name = std::mem::take(&mut verb.name);
                    Some(self.verb.insert(verb).operation)
                }
                _ => None,
            };
            self.endpoint = Some(self.find(&name, operation)?);
        }
        Ok(None)
    }

    /// Makes the call.
    pub(crate) fn call(
        &mut self,
        named: Named,
        asked: Asked,
        body: &Bytes,
    ) -> Result<Call, CallError> {
        let surface = self.surface;
        let verb = self.verb.clone();
        let codec = verb.as_ref().map(|verb| verb.codec);
        let codec = codec
            .or_else(|| surface.codec())
            .ok_or_else(|| not_found(""))?;
        // For the words of an error; a wrong guess does no harm.
        let likely = match asked {
            Asked::For(operation) => operation,
            Asked::ByVerb(_) => verb.as_ref().map_or(Operation::Chat, |verb| verb.operation),
            _ => self
                .endpoint
                .as_ref()
                .map_or(Operation::Chat, |endpoint| endpoint.operation),
        };
        if let Some(media) = headers::not_json(&self.headers) {
            let media = String::from_utf8_lossy(media.as_bytes());
            return Err(surface.wrong_media(likely, body, &media));
        }
        let (body, envelope) = self.read_json(likely, body)?;
        let json = Json {
            text: &body,
            envelope: &envelope,
        };
        json.check_spelling()?;
        let operation = match asked {
            Asked::For(operation) => Some(operation),
            Asked::Own => None,
            Asked::ByBody(look) => Some(look(json)?),
            Asked::ByVerb(_) => verb.as_ref().map(|verb| verb.operation),
        };
        let endpoint = match self.endpoint.take() {
            Some(endpoint) if operation.is_none_or(|wanted| endpoint.answers(wanted)) => endpoint,
            Some(endpoint) => return Err(wrong_type(&endpoint, operation)),
            None if named == Named::Path => return Err(not_found("")),
            None => self.find(&json.string("model")?, operation)?,
        };
        self.access.endpoint = Some(endpoint.name.clone());
        let operation = operation.unwrap_or(endpoint.operation);
        surface.check(json, &endpoint)?;
        let streamable = matches!(operation, Operation::Chat | Operation::Completion);
        let stream = streamable
            && match &verb {
                Some(verb) => verb.stream,
                None => surface.wants_stream(json)?,
            };
        members::check(codec.client.shape(operation), &body, &envelope)?;
        self.tool_forms = surface.tool_forms(json).into();
        self.asked = Some(AskedCall {
            codec,
            operation,
            stream,
            stream_type: verb
                .as_ref()
                .map_or(surface.stream_type(), |verb| verb.stream_type),
            include_usage: stream && surface.wants_usage(json),
        });
        let mut context = self.context(&endpoint)?;
        context.stream_form = verb.map(|verb| verb.form).unwrap_or_default();
        let payload = Payload::from_bytes(codec.client.dialect(), body, envelope, codec.decode)
            .with_memory(context.memory.clone());
        if surface.reads_first() {
            payload.canonical(operation)?;
        }
        Ok(Call::new(context, operation, stream, payload))
    }

    pub(crate) fn context(&mut self, endpoint: &EndpointInfo) -> Result<Context, CallError> {
        let mut context = Context::new(
            self.access.request_id.clone(),
            endpoint.name.clone(),
            self.access.started,
        );
        context.surface = self.surface.name();
        context.may_ask_again = false;
        context.received = Instant::now();
        let patience = patience::read(&self.headers)?;
        context.deadline = patience.whole.map(|whole| context.received + whole);
        context.begin_by = patience.begin.map(|begin| context.received + begin);
        context.trace = self.trace().map(Box::new);
        context.principal = std::mem::take(&mut self.principal);
        context.presented = self.presented.take();
        context.peer = self.peer.map(|peer| peer.0);
        context.memory = self.shared.directory.memory();
        // Found and permitted by this request's plan, which answers it.
        context.entry = self.target.take();
        context.permitted =
            self.guard.is_some() && context.principal.access != gateway_provider::Access::Unchecked;
        self.plan = None;
        context.mapping = self.surface.mapping();
        context.strict = endpoint.strict || headers::strict(&self.headers)?;
        context.headers = Arc::new(std::mem::take(&mut self.headers));
        self.access.settlement = Some(context.journal.hold());
        self.access.journal = Some(context.journal.clone());
        Ok(context)
    }

    /// The caller's trace, or one that begins here if calls are traced.
    fn trace(&self) -> Option<Trace> {
        let id = self.reply_id.as_u128();
        #[expect(clippy::cast_possible_truncation, reason = "the random half of the id")]
        let span = id as u64;
        Trace::continued(&self.headers, span).or_else(|| {
            self.plan
                .as_ref()
                .is_some_and(|plan| plan.traces())
                .then(|| Trace::new(id, span))
        })
    }

    pub(crate) fn tell(
        &self,
        answer: fn(&Question<'_>) -> Result<Answer, CallError>,
        body: &Bytes,
    ) -> Result<Answer, CallError> {
        answer(&Question {
            directory: self.view(),
            config: &self.shared.config,
            name: self.name.as_deref(),
            query: self.query.as_deref(),
            body,
        })
    }

    /// What the gateway says itself, as a response.
    pub(crate) fn answer(&mut self, answer: Answer) -> Response<EdgeBody> {
        let mut response = Response::new(match answer.body {
            AnswerBody::Now(body) => EdgeBody::full(self.counted(body)),
            AnswerBody::Later(text) => EdgeBody::later(self.counted_later(text)),
        });
        *response.status_mut() = answer.status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(answer.content_type));
        headers.extend(answer.headers);
        self.seal(&mut response);
        self.access.end();
        response
    }

    /// An error, as a response.
    pub(crate) fn error(&mut self, error: &CallError) -> Response<EdgeBody> {
        let provider = self.access.journal.as_ref().and_then(last_provider);
        let rendered = error::response(
            error,
            Audience {
                dialect: self.surface.dialect(),
                request_id: self.access.request_id.as_str(),
                provider: provider.as_deref(),
            },
        );
        let mut response = Response::new(EdgeBody::full(rendered.body));
        *response.status_mut() = rendered.status;
        *response.headers_mut() = rendered.headers;
        self.seal(&mut response);
        self.access.fail(error);
        response
    }

    /// No such path, or no such method.
    fn unrouted(&mut self, method: &Method, uri: &Uri, instead: Instead) -> Response<EdgeBody> {
        let path = uri.path();
        let allow = match instead {
            Instead::Methods(allow) => allow,
            Instead::Shorter => return self.answer(shorter(uri)),
            Instead::Nothing => return self.error(&not_found(path)),
        };
        let error = CallError::client(
            ErrorKind::MethodNotAllowed,
            format!(
                "The method {method} is not allowed for {path}; allowed: {}.",
                allow.to_str().unwrap_or_default()
            ),
        );
        let mut response = self.error(&error);
        response.headers_mut().insert(ALLOW, allow);
        response
    }

    /// What every response carries.
    pub(crate) fn seal(&mut self, response: &mut Response<EdgeBody>) {
        self.access.set_status(response.status());
        // What is added below, so that the map grows once.
        response.headers_mut().reserve(12);
        let id = HeaderValue::from_str(self.access.request_id.as_str())
            .unwrap_or_else(|_| HeaderValue::from_static("unknown"));
        let done = Done {
            request_id: &id,
            elapsed: self.access.started.elapsed(),
            journal: self.access.journal.as_ref(),
            stream: self.access.streamed,
        };
        crate::reply::describe(&done, response.headers_mut());
        if let Some(journal) = done.journal {
            let notes = std::mem::take(&mut journal.notes().limits);
            if !notes.is_empty() {
                let dialect = self.surface.dialect();
                crate::limits::write(
                    &notes,
                    dialect,
                    self.shared.clock.now(),
                    response.headers_mut(),
                );
            }
        }
        self.surface.finish(&done, response.headers_mut());
        if let Some(origin) = &self.shown_to {
            browser::show_to(origin, response.headers_mut());
        }
        response.headers_mut().insert(REQUEST_ID, id);
    }
}

/// The provider that was asked last.
fn last_provider(journal: &Journal) -> Option<String> {
    let notes = journal.notes();
    let attempt = notes.attempts.last()?;
    Some(attempt.provider.as_str().to_owned())
}

/// What there is instead of a route.
enum Instead {
    /// Other methods.
    Methods(HeaderValue),
    /// The path without its last slash.
    Shorter,
    Nothing,
}

/// To the path without its last slash.
fn shorter(uri: &Uri) -> Answer {
    let mut target = uri.path().trim_end_matches('/').to_owned();
    if let Some(query) = uri.query() {
        target.push('?');
        target.push_str(query);
    }
    let location = HeaderValue::try_from(target).ok();
    Answer {
        status: StatusCode::TEMPORARY_REDIRECT,
        headers: location.map(|to| (LOCATION, to)).into_iter().collect(),
        content_type: "text/plain; charset=utf-8",
        body: AnswerBody::Now(Bytes::new()),
    }
}

pub(crate) fn not_found(path: &str) -> CallError {
    let message = format!("There is nothing at {}.", short(path));
    CallError::client(ErrorKind::NotFound, message).with_code("unknown_url")
}

pub(crate) fn wrong_type(endpoint: &EndpointInfo, wanted: Option<Operation>) -> CallError {
    let wanted = wanted.unwrap_or(endpoint.operation);
    CallError::client(
        ErrorKind::InvalidRequest,
        format!(
            "Endpoint '{}' is not {} endpoint; it is {} endpoint.",
            endpoint.name,
            with_article(wanted),
            with_article(endpoint.operation)
        ),
    )
    .with_code("wrong_endpoint_type")
}

/// The name of an endpoint's type in a sentence.
fn with_article(operation: Operation) -> &'static str {
    match operation {
        Operation::Chat | Operation::CountTokens => "a chat",
        Operation::Completion => "a completions",
        Operation::Embedding => "an embeddings",
        Operation::Rerank => "a rerank",
        _ => "such an",
    }
}
