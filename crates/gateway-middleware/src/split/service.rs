use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};

use gateway_provider::{BoxFuture, Call, Reply};
use gateway_schema::{CallError, EndpointName, ErrorKind};
use tower_service::Service;

use super::policy::Weights;
use crate::Dice;

/// One destination of a route.
#[derive(Debug, Clone)]
pub struct Destination<S> {
    /// The endpoint.
    pub name: EndpointName,
    /// Its stack.
    pub service: S,
}

/// Spreads calls over destinations. See the [module](super).
///
/// Boxes one future per call: the destinations are of one type, but which one answers is known only in the call.
#[derive(Clone)]
pub struct Split<S> {
    destinations: Arc<[Destination<S>]>,
    weights: Arc<Weights>,
    dice: Dice,
}

impl<S> Split<S> {
    /// Spreads calls over `destinations` by `weights`, which are in the same order.
    pub fn new(destinations: Vec<Destination<S>>, weights: Weights, dice: Dice) -> Self {
        Self {
            destinations: destinations.into(),
            weights: Arc::new(weights),
            dice,
        }
    }
}

impl<S> fmt::Debug for Split<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.destinations.iter().map(|to| &to.name).collect();
        f.debug_struct("Split")
            .field("destinations", &names)
            .finish_non_exhaustive()
    }
}

impl<S> Service<Call> for Split<S>
where
    S: Service<Call, Response = Reply, Error = CallError> + Clone + Send + Sync + 'static,
    S::Future: Send,
{
    type Response = Reply;
    type Error = CallError;
    type Future = BoxFuture<'static, Result<Reply, CallError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), CallError>> {
        // Which destination must be ready is known only in the call.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut call: Call) -> Self::Future {
        let chosen = self
            .weights
            .choose((self.dice)())
            .and_then(|index| self.destinations.get(index))
            .cloned();
        Box::pin(async move {
            let Some(Destination { name, mut service }) = chosen else {
                let message = "The route has no destination with traffic.";
                return Err(CallError::gateway(ErrorKind::Unavailable, message));
            };
            call.context.journal.notes().variant = Some(name.clone());
            call.context.endpoint = name;
            std::future::poll_fn(|cx| service.poll_ready(cx)).await?;
            service.call(call).await
        })
    }
}
