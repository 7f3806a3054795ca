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
    name: &'static str,
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
