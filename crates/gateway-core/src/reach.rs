//! How an endpoint's target is reached: at once, again, or elsewhere. One type, so that routes spread over endpoints of
//! every shape without another box on the plain way.

use std::pin::Pin;
use std::task::{Context, Poll};

use gateway_middleware::fallback::Fallback;
use gateway_middleware::retry::Retrying;
use gateway_provider::{BoxFuture, Call, Reply};
use gateway_schema::CallError;
use pin_project_lite::pin_project;
use tower_service::Service;

use crate::stack::Target;

/// The target of an endpoint with what is tried when it fails.
#[derive(Debug, Clone)]
pub(crate) enum Reach {
    /// Asked once.
    Plain(Target),
    /// Asked again.
    Retrying(Retrying<Target>),
    /// Others asked, too.
    Fallback(Fallback<Target>),
}

pin_project! {
    /// The answer of a [`Reach`].
    #[project = ReachProjection]
    pub(crate) enum ReachFuture {
        Plain { #[pin] future: <Target as Service<Call>>::Future },
        Boxed { future: BoxFuture<'static, Result<Reply, CallError>> },
    }
}

impl Service<Call> for Reach {
    type Response = Reply;
    type Error = CallError;
    type Future = ReachFuture;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), CallError>> {
        match self {
            Self::Plain(inner) => inner.poll_ready(cx),
            Self::Retrying(inner) => inner.poll_ready(cx),
            Self::Fallback(inner) => inner.poll_ready(cx),
        }
    }

    fn call(&mut self, call: Call) -> ReachFuture {
        match self {
            Self::Plain(inner) => ReachFuture::Plain {
                future: inner.call(call),
            },
            Self::Retrying(inner) => ReachFuture::Boxed {
                future: inner.call(call),
            },
            Self::Fallback(inner) => ReachFuture::Boxed {
                future: inner.call(call),
            },
        }
    }
}

impl Future for ReachFuture {
    type Output = Result<Reply, CallError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project() {
            ReachProjection::Plain { future } => future.poll(cx),
            ReachProjection::Boxed { future } => future.as_mut().poll(cx),
        }
    }
}
