use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use gateway_provider::{BoxFuture, Call, Reply};
use gateway_schema::{CallError, EndpointName, ErrorKind, Retry};
use tower_service::Service;

use super::policy::{FallbackConfig, Standing, clearer, leads_on, order};
use super::rest::Rest;
use crate::retry::{Decision, RetryBudget, decide};
use crate::{Dice, remaining};

/// One target that may answer.
#[derive(Debug, Clone)]
pub struct Candidate<S> {
    /// The endpoint it belongs to.
    pub name: EndpointName,
    /// Candidates of one group are keys of one endpoint.
    pub group: usize,
    /// Its stack.
    pub service: S,
    /// Until when it rests.
    pub rest: Rest,
}

/// Tries candidates in order. See the [module](super).
#[derive(Clone)]
pub struct Fallback<S>(Arc<Shared<S>>);

struct Shared<S> {
    candidates: Vec<Candidate<S>>,
    config: FallbackConfig,
    budget: RetryBudget,
    dice: Dice,
    turn: AtomicUsize,
}

impl<S> Fallback<S> {
    /// Tries `candidates`, the first group first.
    pub fn new(
        candidates: Vec<Candidate<S>>,
        config: FallbackConfig,
        budget: RetryBudget,
        dice: Dice,
    ) -> Self {
        Self(Arc::new(Shared {
            candidates,
            config,
            budget,
            dice,
            turn: AtomicUsize::new(0),
        }))
    }
}

impl<S> fmt::Debug for Fallback<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self
            .0
            .candidates
            .iter()
            .map(|candidate| &candidate.name)
            .collect();
        f.debug_struct("Fallback")
            .field("candidates", &names)
            .finish_non_exhaustive()
    }
}

impl<S> Service<Call> for Fallback<S>
where
    S: Service<Call, Response = Reply, Error = CallError> + Clone + Send + Sync + 'static,
    S::Future: Send,
{
    type Response = Reply;
    type Error = CallError;
    type Future = BoxFuture<'static, Result<Reply, CallError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), CallError>> {
        // Which candidate must be ready is known only in the call.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, call: Call) -> Self::Future {
        let shared = Arc::clone(&self.0);
        Box::pin(async move { shared.run(call).await })
    }
}

impl<S> Shared<S>
where
    S: Service<Call, Response = Reply, Error = CallError> + Clone + Send + Sync + 'static,
    S::Future: Send,
{
    async fn run(&self, call: Call) -> Result<Reply, CallError> {
        self.budget.deposit();
        let deadline = call.answer_by();
        let mut done = 0;
        // Why each candidate failed last; what will not answer is left out of further rounds.
        let mut failed: Vec<Option<Retry>> = vec![None; self.candidates.len()];
        loop {
            let mut told = None;
            // The failure of this round that leaves the most hope for another one.
            let mut again: Option<CallError> = None;
            for index in self.order(&call) {
                let Some(candidate) = self.candidates.get(index) else {
                    continue;
                };
                if let Some(Some(Retry::Never | Retry::Elsewhere)) = failed.get(index) {
                    continue;
                }
                // Another endpoint has other paths, and other files behind them.
                if call.payload.raw().is_some() && candidate.group > 0 {
                    continue;
                }
                let outcome = attempt(candidate, &call).await;
                candidate.rest.learn(outcome.as_ref().err());
                let error = match outcome {
                    Ok(reply) => return Ok(reply),
                    Err(error) => error,
                };
                if !leads_on(&self.config, &error)
                    || remaining(deadline).is_some_and(|left| left.is_zero())
                {
                    return Err(error);
                }
                if let Some(failure) = failed.get_mut(index) {
                    *failure = Some(error.retry());
                }
                if hope(&error) < again.as_ref().map_or(Duration::MAX, hope) {
                    again = Some(error.clone());
                }
                told = Some(clearer(told, error));
            }
            done += 1;
            let told = told.unwrap_or_else(nothing);
            if !self
                .another_round(done, again.as_ref().unwrap_or(&told), deadline)
                .await
            {
                return Err(told);
            }
        }
    }

    fn order(&self, call: &Call) -> Vec<usize> {
        let standings: Vec<Standing> = self
            .candidates
            .iter()
            .map(|candidate| Standing {
                group: candidate.group,
                resting: candidate.rest.remaining(),
            })
            .collect();
        // What one account keeps, another does not find: such calls begin with the same one each time.
        let keeps = call.payload.raw().is_some_and(|raw| raw.asks.is_none());
        let turn = if keeps {
            0
        } else {
            self.turn.fetch_add(1, Ordering::Relaxed)
        };
        order(&standings, turn)
    }

    /// Waits until another round may begin; false when none may.
    async fn another_round(&self, done: u32, error: &CallError, deadline: Option<Instant>) -> bool {
        let Some(config) = &self.config.rounds else {
            return false;
        };
        match decide(config, done, error, (self.dice)(), remaining(deadline)) {
            Decision::Wait(wait) if self.budget.withdraw() => {
                tokio::time::sleep(wait).await;
                true
            }
            _ => false,
        }
    }
}

/// How long until the same target may answer after `error`.
fn hope(error: &CallError) -> Duration {
    match error.retry() {
        Retry::Same => Duration::ZERO,
        Retry::After(wait) => wait,
        Retry::Elsewhere | Retry::Never => Duration::MAX,
    }
}

async fn attempt<S>(candidate: &Candidate<S>, call: &Call) -> Result<Reply, CallError>
where
    S: Service<Call, Response = Reply, Error = CallError> + Clone,
{
    let mut service = candidate.service.clone();
    let mut call = call.again();
    call.context.endpoint = candidate.name.clone();
    std::future::poll_fn(|cx| service.poll_ready(cx)).await?;
    service.call(call).await
}

fn nothing() -> CallError {
    CallError::gateway(ErrorKind::Unavailable, "No target is left to answer.")
}
