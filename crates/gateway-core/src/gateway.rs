//! The whole gateway as one HTTP service.

use std::convert::Infallible;
use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};

use gateway_config::Plan;
use gateway_http::{Edge, EdgeBody, EdgeConfig, EdgeFuture, Ids, TimeOrderedIds};
use gateway_provider::Clock;
use http::{Request, Response};
use http_body::Body;
use tower_service::Service;

use crate::directory::EngineDirectory;
use crate::engine::Engine;
use crate::error::BuildError;

/// Collects what a [`Gateway`] needs besides its engine.
pub struct GatewayBuilder {
    engine: Engine,
    clock: Arc<dyn Clock>,
    ids: Option<Arc<dyn Ids>>,
    config: EdgeConfig,
}

impl fmt::Debug for GatewayBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GatewayBuilder")
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}

impl GatewayBuilder {
    /// A gateway before `engine`.
    pub fn new(engine: Engine, clock: Arc<dyn Clock>) -> Self {
        Self {
            engine,
            clock,
            ids: None,
            config: EdgeConfig::new(),
        }
    }

    /// Limits bodies and chooses surfaces.
    pub fn with_config(mut self, config: EdgeConfig) -> Self {
        self.config = config;
        self
    }

    /// Takes ids from `ids` instead of making ones that sort by time.
    pub fn with_ids(mut self, ids: Arc<dyn Ids>) -> Self {
        self.ids = Some(ids);
        self
    }

    /// The gateway.
    pub fn build(self) -> Gateway {
        let directory = Arc::new(EngineDirectory::new(self.engine.clone()));
        let ids = self
            .ids
            .unwrap_or_else(|| Arc::new(TimeOrderedIds::new(Arc::clone(&self.clock))));
        let edge = Edge::new(
            self.engine.clone(),
            self.config,
            Arc::clone(&directory) as _,
            self.clock,
            ids,
        );
        Gateway {
            edge,
            engine: self.engine,
            directory,
        }
    }
}

/// Every surface of the gateway as one `Service<http::Request<B>>`. It never fails: everything becomes a response.
/// Clones share everything.
///
/// Put the caller's address into the request's extensions as [`gateway_http::Peer`] if limits shall count by it.
#[derive(Clone)]
pub struct Gateway {
    edge: Edge<Engine>,
    engine: Engine,
    directory: Arc<EngineDirectory>,
}

impl fmt::Debug for Gateway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gateway")
            .field("engine", &self.engine)
            .finish_non_exhaustive()
    }
}

impl Gateway {
    /// The engine behind the surfaces.
    pub const fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Runs another plan from now on, and forgets that one was refused before.
    ///
    /// # Errors
    /// Everything that keeps the plan from running; the one before it keeps serving, and `/health` says so.
    pub fn apply(&self, plan: &Plan) -> Result<(), Vec<BuildError>> {
        let outcome = self.engine.apply(plan);
        self.directory
            .set_refused_reload(outcome.as_ref().err().map(|errors| {
                let lines: Vec<String> = errors.iter().map(ToString::to_string).collect();
                lines.join("\n")
            }));
        outcome
    }

    /// States that a new configuration was refused before it became a plan; `/health` says why.
    pub fn refuse(&self, why: impl Into<String>) {
        self.directory.set_refused_reload(Some(why.into()));
    }

    /// States whether new requests are welcome; `/readyz` says so.
    pub fn set_ready(&self, ready: bool) {
        self.directory.set_ready(ready);
    }
}

impl<B> Service<Request<B>> for Gateway
where
    B: Body + Send + Unpin + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    type Response = Response<EdgeBody>;
    type Error = Infallible;
    type Future = EdgeFuture<Engine, B>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Service::<Request<B>>::poll_ready(&mut self.edge, cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        self.edge.call(request)
    }
}
