//! One request on its way through the gateway.

use std::fmt;
use std::net::IpAddr;
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use bytes::Bytes;
use gateway_schema::{CallError, Decoded, EndpointName, Mapping, Operation, RequestId, Secret};
use serde_json::{Map, Value};

use crate::BoxFuture;
use crate::admission::Access;
use crate::budget::ByteBudget;
use crate::journal::Journal;
use crate::payload::Payload;
use crate::reply::Reply;
use crate::trace::Trace;

/// No metadata and no headers, for whoever has none: made once.
static NO_METADATA: LazyLock<Arc<Map<String, Value>>> = LazyLock::new(Arc::default);
static NO_HEADERS: LazyLock<Arc<http::HeaderMap>> = LazyLock::new(Arc::default);

/// Who calls.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Principal {
    /// The name of the virtual key or the subject of the token; `None` for an anonymous caller.
    pub name: Option<Arc<str>>,
    /// The end user on whose behalf, if the caller says.
    pub user: Option<Arc<str>>,
    /// What the key or the token says besides (team, tags, ...).
    pub metadata: Arc<Map<String, Value>>,
    /// What it may ask.
    pub access: Access,
}

impl Default for Principal {
    fn default() -> Self {
        Self {
            name: None,
            user: None,
            metadata: Arc::clone(&NO_METADATA),
            access: Access::default(),
        }
    }
}

impl Principal {
    /// Somebody without a name who may ask everything: what every caller is where nobody asks for credentials, and what
    /// an embedder's own calls are.
    pub fn trusted() -> Self {
        Self {
            access: Access::All,
            ..Self::default()
        }
    }
}

/// The credential a caller presented, kept apart from its headers so that nothing forwards it by accident.
#[derive(Clone)]
#[non_exhaustive]
pub struct Presented {
    /// The header it came in, in lower case.
    pub header: &'static str,
    /// Its value, without a `Bearer ` before it.
    pub value: Secret,
    /// The whole request as it came, where the credential is a signature over it.
    pub signed: Option<Box<http::Request<Bytes>>>,
}

impl fmt::Debug for Presented {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Presented")
            .field("header", &self.header)
            .field("value", &self.value)
            .field("signed", &self.signed.is_some())
            .finish()
    }
}

impl Presented {
    /// A credential from `header`.
    pub fn new(header: &'static str, value: impl Into<String>) -> Self {
        Self {
            header,
            value: Secret::new(value.into()),
            signed: None,
        }
    }

    /// States the request that the credential is a signature over.
    pub fn over(mut self, request: http::Request<Bytes>) -> Self {
        self.signed = Some(Box::new(request));
        self
    }
}

/// How the pieces of a streamed answer are put together, where a dialect knows several ways.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum StreamForm {
    /// As the dialect's usual stream: server-sent events, or a binary event stream.
    #[default]
    Events,
    /// As the items of one JSON array.
    JsonArray,
}

/// Everything about a call that is not its payload. Typed fields only: what a layer needs must compile.
#[derive(Debug)]
#[non_exhaustive]
pub struct Context {
    /// The id of the request, in the log, in the record and in the reply.
    pub request_id: RequestId,
    /// The endpoint or route the caller named.
    pub endpoint: EndpointName,
    /// The way in: `openai`, `anthropic`, `mlflow`, ...
    pub surface: &'static str,
    /// Who calls.
    pub principal: Principal,
    /// What the caller presented to show who it is; not checked yet.
    pub presented: Option<Arc<Presented>>,
    /// From where.
    pub peer: Option<IpAddr>,
    /// When the request arrived.
    pub started: Instant,
    /// When the request was there to its last byte: what the caller takes to send it is not the gateway's time.
    pub received: Instant,
    /// Its place in a trace, if it is traced.
    pub trace: Option<Box<Trace>>,
    /// When the whole call must be over, all attempts included.
    pub deadline: Option<Instant>,
    /// The endpoint's bound on the whole call, if that is what set the deadline; else the caller did.
    pub total: Option<Duration>,
    /// When a stream must have begun, or a whole answer be there, all attempts included: the caller's wish.
    pub begin_by: Option<Instant>,
    /// Whose conversions apply.
    pub mapping: Mapping,
    /// Refuse rather than lose a field.
    pub strict: bool,
    /// Whoever sends the call may ask again, or elsewhere, when it fails: then a stream is held back until it says
    /// something. Else it begins with the provider's first event, whatever that is.
    pub may_ask_again: bool,
    /// How the caller wants a stream of its own dialect.
    pub stream_form: StreamForm,
    /// The caller's headers without credentials and cookies. Nothing of it goes upstream unless a [`Wire`](crate::Wire)
    /// picks it by name.
    pub headers: Arc<http::HeaderMap>,
    /// What happened so far. Shared: every layer and the edge see the same one.
    pub journal: Journal,
    /// Where bytes count that are held for this call. The default counts nothing.
    pub memory: ByteBudget,
    /// What answers `endpoint` in the plan that the request began with. Absent: whoever gets the call looks it up.
    pub entry: Option<Arc<dyn EntryService>>,
    /// Whether it has been decided already, by that plan, that the principal may ask `endpoint`.
    pub permitted: bool,
}

/// What answers the calls of one name in one plan.
///
/// A request that looks the name up once, and carries what it found, is answered by the plan it began with, whatever
/// plan runs meanwhile.
pub trait EntryService: fmt::Debug + Send + Sync + 'static {
    /// Answers a call. Dropping the future abandons it.
    fn answer(&self, call: Call) -> BoxFuture<'static, Result<Reply, CallError>>;
}

impl Context {
    /// The context of a request for `endpoint` that arrived at `started`.
    pub fn new(request_id: RequestId, endpoint: EndpointName, started: Instant) -> Self {
        Self {
            request_id,
            endpoint,
            surface: "engine",
            principal: Principal::default(),
            presented: None,
            peer: None,
            started,
            received: started,
            trace: None,
            deadline: None,
            total: None,
            begin_by: None,
            mapping: Mapping::Faithful,
            strict: false,
            may_ask_again: true,
            stream_form: StreamForm::default(),
            headers: Arc::clone(&NO_HEADERS),
            journal: Journal::new(),
            memory: ByteBudget::default(),
            entry: None,
            permitted: false,
        }
    }
}

/// One request on its way. Cheap to move: two words and the payload's handles.
#[derive(Debug)]
pub struct Call {
    /// Everything that is not the payload.
    pub context: Box<Context>,
    /// What is asked.
    pub operation: Operation,
    /// Whether the answer shall be a stream.
    pub stream: bool,
    /// The question.
    pub payload: Payload,
}

impl Call {
    /// A call.
    pub fn new(context: Context, operation: Operation, stream: bool, payload: Payload) -> Self {
        Self {
            context: Box::new(context),
            operation,
            stream,
            payload,
        }
    }

    /// The canonical form of the request, decoded on first demand and kept.
    ///
    /// # Errors
    /// The caller's mistake, with the fields it is about.
    pub fn canonical(&self) -> Result<&Decoded, CallError> {
        self.payload.canonical(self.operation)
    }

    /// When the answer, or a stream's beginning, must be there at the latest; `None` when nobody said.
    pub fn answer_by(&self) -> Option<Instant> {
        let context = &self.context;
        match (context.deadline, context.begin_by) {
            (Some(deadline), Some(begin_by)) => Some(deadline.min(begin_by)),
            (deadline, begin_by) => deadline.or(begin_by),
        }
    }

    /// A second call with the same question, for another attempt. Bytes, canonical form and journal are shared.
    pub fn again(&self) -> Self {
        let context = &self.context;
        Self {
            context: Box::new(Context {
                request_id: context.request_id.clone(),
                endpoint: context.endpoint.clone(),
                surface: context.surface,
                principal: context.principal.clone(),
                presented: context.presented.clone(),
                peer: context.peer,
                started: context.started,
                received: context.received,
                trace: context.trace.clone(),
                deadline: context.deadline,
                total: context.total,
                begin_by: context.begin_by,
                mapping: context.mapping,
                strict: context.strict,
                may_ask_again: true,
                stream_form: context.stream_form,
                headers: Arc::clone(&context.headers),
                journal: context.journal.clone(),
                memory: context.memory.clone(),
                // Both were about the call itself; whoever asks again is behind them.
                entry: None,
                permitted: false,
            }),
            operation: self.operation,
            stream: self.stream,
            payload: self.payload.clone(),
        }
    }
}
