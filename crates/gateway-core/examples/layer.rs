//! Put a layer of your own around every endpoint: `cargo run -p gateway-core --example layer`.
//!
//! This one refuses calls outside office hours. It sees typed calls, not HTTP, so it works the same for every surface
//! and every provider, streamed and not.

use std::future::{Ready, ready};
use std::task::{Context as Polled, Poll};
use std::time::Instant;

use gateway_core::Stack;
use gateway_core::provider::{Call, Context, Payload, Reply};
use gateway_core::schema::chat::{ChatRequest, Message};
use gateway_core::schema::{CallError, ErrorKind, Operation, Request};
use tower::{Layer, Service, ServiceExt};

mod demo;

#[derive(Clone, Copy)]
struct OfficeHours {
    hour: u8,
}

impl<S> Layer<S> for OfficeHours {
    type Service = Guarded<S>;

    fn layer(&self, inner: S) -> Guarded<S> {
        Guarded {
            inner,
            hour: self.hour,
        }
    }
}

#[derive(Clone)]
struct Guarded<S> {
    inner: S,
    hour: u8,
}

type Refused = Ready<Result<Reply, CallError>>;

impl Service<Call> for Guarded<Stack> {
    type Response = Reply;
    type Error = CallError;
    type Future = futures_util::future::Either<Refused, <Stack as Service<Call>>::Future>;

    fn poll_ready(&mut self, cx: &mut Polled<'_>) -> Poll<Result<(), CallError>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, call: Call) -> Self::Future {
        if (8..18).contains(&self.hour) {
            return futures_util::future::Either::Right(self.inner.call(call));
        }
        let error = CallError::gateway(ErrorKind::Forbidden, "Open from 8 to 18.");
        futures_util::future::Either::Left(ready(Err(error)))
    }
}

fn call() -> Call {
    let question = ChatRequest::new(vec![Message::user("Still there?")]);
    let context = Context::new("example-1".into(), "chat".into(), Instant::now());
    let payload = Payload::from_request(Request::Chat(Box::new(question)));
    Call::new(context, Operation::Chat, false, payload)
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    for (hour, open) in [(12, true), (23, false)] {
        let (builder, plan) = demo::engine()?;
        let engine = builder.with_layer(OfficeHours { hour }).build(&plan);
        let engine = engine.map_err(|errors| format!("{errors:?}"))?;
        assert_eq!(engine.oneshot(call()).await.is_ok(), open);
    }
    Ok(())
}
