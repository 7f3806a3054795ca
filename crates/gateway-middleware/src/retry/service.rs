use std::fmt;
use std::task::{Context, Poll};

use gateway_provider::{BoxFuture, Call, Reply};
use gateway_schema::CallError;
use tower_service::Service;

use super::policy::{Decision, RetryBudget, RetryConfig, decide};
use crate::{Dice, remaining};

/// Tries the same target again. See the [module](super).
#[derive(Clone)]
pub struct Retrying<S> {
    inner: S,
    config: RetryConfig,
    budget: RetryBudget,
    dice: Dice,
}

impl<S> Retrying<S> {
    /// Wraps `inner`.
    pub const fn new(inner: S, config: RetryConfig, budget: RetryBudget, dice: Dice) -> Self {
        Self {
            inner,
            config,
            budget,
            dice,
        }
    }
}

impl<S: fmt::Debug> fmt::Debug for Retrying<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Retrying")
            .field("inner", &self.inner)
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}

impl<S> Service<Call> for Retrying<S>
where
    S: Service<Call, Response = Reply, Error = CallError> + Clone + Send + Sync + 'static,
    S::Future: Send,
{
    type Response = Reply;
    type Error = CallError;
    type Future = BoxFuture<'static, Result<Reply, CallError>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), CallError>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, call: Call) -> Self::Future {
        let spare = self.clone();
        // Keep the instance that was polled ready for the first attempt.
        let mut this = std::mem::replace(self, spare);
        this.budget.deposit();
        Box::pin(async move {
            let deadline = call.answer_by();
            let mut done = 1;
            let mut attempt = this.inner.call(call.again());
            loop {
                let error = match attempt.await {
                    Ok(reply) => return Ok(reply),
                    Err(error) => error,
                };
                let decision = decide(
                    &this.config,
                    done,
                    &error,
                    (this.dice)(),
                    remaining(deadline),
                );
                let Decision::Wait(wait) = decision else {
                    return Err(error);
                };
                if !this.budget.withdraw() {
                    return Err(error);
                }
                if !wait.is_zero() {
                    tokio::time::sleep(wait).await;
                }
                std::future::poll_fn(|cx| this.inner.poll_ready(cx)).await?;
                attempt = this.inner.call(call.again());
                done += 1;
            }
        })
    }
}
