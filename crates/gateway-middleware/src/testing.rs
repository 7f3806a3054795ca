//! What the tests of the layers share: an inner service that follows a script.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use gateway_provider::{
    BoxFuture, Call, Context as CallContext, Lane, Payload, Reply, ReplyBody, Whole,
};
use gateway_schema::chat::{ChatRequest, ChatResponse};
use gateway_schema::{CallError, Dialect, ErrorKind, Operation, Request, Response, Retry};
use tower_service::Service;

/// A chat call of the endpoint `chat`.
pub(crate) fn call() -> Call {
    let started = tokio::time::Instant::now().into_std();
    let context = CallContext::new("r".into(), "chat".into(), started);
    let payload = Payload::from_request(Request::Chat(Box::new(ChatRequest::new(vec![]))));
    Call::new(context, Operation::Chat, false, payload)
}

/// A whole answer of `provider`.
pub(crate) fn reply(provider: &str) -> Reply {
    let whole = Whole::Canonical(Response::Chat(Box::<ChatResponse>::default()));
    Reply::new(
        provider.into(),
        "m".into(),
        Dialect::OPENAI,
        Lane::Cross,
        ReplyBody::Whole(whole),
    )
}

/// A fault of a provider.
pub(crate) fn fault(kind: ErrorKind, retry: Retry) -> CallError {
    CallError::upstream(kind, "no").with_retry(retry)
}

/// Answers by a script, then well for ever; takes `delay` each time; counts.
#[derive(Debug, Clone)]
pub(crate) struct Scripted {
    pub(crate) name: &'static str,
    delay: Duration,
    script: Arc<Mutex<VecDeque<CallError>>>,
    calls: Arc<Mutex<Vec<Call>>>,
}

impl Scripted {
    pub(crate) fn new(name: &'static str, errors: impl IntoIterator<Item = CallError>) -> Self {
        Self {
            name,
            delay: Duration::ZERO,
            script: Arc::new(Mutex::new(errors.into_iter().collect())),
            calls: Arc::default(),
        }
    }

    /// Takes so long for each answer.
    #[cfg(feature = "overload")]
    pub(crate) const fn slow(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    pub(crate) fn count(&self) -> usize {
        self.calls.lock().unwrap().len()
    }
}

impl Service<Call> for Scripted {
    type Response = Reply;
    type Error = CallError;
    type Future = BoxFuture<'static, Result<Reply, CallError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), CallError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, call: Call) -> Self::Future {
        let this = self.clone();
        Box::pin(async move {
            if !this.delay.is_zero() {
                tokio::time::sleep(this.delay).await;
            }
            this.calls.lock().unwrap().push(call);
            match this.script.lock().unwrap().pop_front() {
                Some(error) => Err(error),
                None => Ok(reply(this.name)),
            }
        })
    }
}

/// A scripted provider as a service.
#[cfg(any(feature = "load", feature = "cache"))]
pub(crate) fn provider(
    scripted: &gateway_testkit::ScriptedProvider,
) -> impl Service<
    Call,
    Response = Reply,
    Error = CallError,
    Future = BoxFuture<'static, Result<Reply, CallError>>,
> + Clone
+ Send
+ Sync
+ use<> {
    let provider: Arc<dyn gateway_provider::Provider> = Arc::new(scripted.clone());
    tower::service_fn(move |call: Call| Arc::clone(&provider).call(call))
}

/// A call of the endpoint `route` with this body.
#[cfg(feature = "route")]
pub(crate) fn wire(
    dialect: Dialect,
    body: &serde_json::Value,
    decode: gateway_provider::DecodePayload,
) -> Call {
    let bytes = bytes::Bytes::from(body.to_string());
    let envelope = gateway_json::Envelope::scan(&bytes).unwrap();
    let started = tokio::time::Instant::now().into_std();
    let context = CallContext::new("r".into(), "route".into(), started);
    let payload = Payload::from_bytes(dialect, bytes, envelope, decode);
    Call::new(context, Operation::Chat, false, payload)
}

/// An OpenAI client's question.
#[cfg(feature = "route")]
pub(crate) fn asked(text: &str) -> Call {
    use gateway_schema::Decoded;
    use gateway_schema::chat::Message;
    use serde_json::{Value, json};

    let body = json!({"messages": [{"role": "user", "content": text}]});
    wire(Dialect::OPENAI, &body, &|_, bytes| {
        let body: Value = serde_json::from_slice(bytes).unwrap();
        let text = body["messages"][0]["content"].as_str().unwrap();
        let chat = ChatRequest::new(vec![Message::user(text)]);
        Ok(Decoded::whole(Request::Chat(Box::new(chat))))
    })
}

/// A request with this body that is passed on as it is, and asks no model.
#[cfg(feature = "route")]
pub(crate) fn passed_on(body: &'static str) -> Call {
    let path = gateway_provider::RawPath::check("v1/files").unwrap();
    let mut raw = gateway_provider::RawRequest::new(http::Method::POST, path);
    raw.body = bytes::Bytes::from_static(body.as_bytes());
    let mut call = call();
    call.operation = Operation::Proxy;
    call.payload = Payload::from_raw(raw);
    call
}
