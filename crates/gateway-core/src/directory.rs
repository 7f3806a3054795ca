//! The running plan, as the edge sees it.

use std::sync::Arc;

use arc_swap::ArcSwapOption;
use gateway_config::Server;
use gateway_http::{
    BodyBounds, BreakerHealth, BrowserPolicy, Directory, EndpointInfo, Entry, Health, LateText,
    Place, Snapshot,
};
use gateway_middleware::breaker::BreakerStatus;
use gateway_provider::{Authenticate, ByteBudget};
use gateway_schema::CallError;

use crate::engine::Engine;
use crate::running::Running;
use crate::state::TargetStatus;

/// An engine's names, and how the gateway is.
pub(crate) struct EngineDirectory {
    engine: Engine,
    refused_reload: ArcSwapOption<String>,
    ready: std::sync::atomic::AtomicBool,
}

impl EngineDirectory {
    pub(crate) fn new(engine: Engine) -> Self {
        Self {
            engine,
            refused_reload: ArcSwapOption::empty(),
            ready: std::sync::atomic::AtomicBool::new(true),
        }
    }

    pub(crate) fn set_refused_reload(&self, why: Option<String>) {
        self.refused_reload.store(why.map(Arc::new));
    }

    pub(crate) fn set_ready(&self, ready: bool) {
        self.ready
            .store(ready, std::sync::atomic::Ordering::Relaxed);
    }
}

impl Directory for EngineDirectory {
    fn snapshot(&self) -> Arc<dyn Snapshot> {
        self.engine.snapshot()
    }

    fn health(&self) -> Health {
        let refused = self.refused_reload.load();
        let away = self
            .engine
            .shared_store()
            .filter(|(_, status)| !status.connected)
            .map(|(name, status)| (name, status.why.unwrap_or_default()));
        let breakers = self.engine.breakers().into_iter();
        Health::new(self.ready.load(std::sync::atomic::Ordering::Relaxed))
            .with_refused_reload(refused.as_deref().cloned())
            .with_store_away(away)
            .with_breakers(breakers.map(breaker).collect())
    }

    fn check_load(&self) -> Result<(), CallError> {
        self.engine.capacity().check()
    }

    fn enter(&self) -> Result<Option<Place>, CallError> {
        let server = self.engine.server();
        if server.max_in_flight.is_none() {
            // Nothing is counted that nobody bounds.
            return Ok(None);
        }
        let place = self.engine.capacity().enter()?;
        Ok(Some(Box::new(place)))
    }

    fn memory(&self) -> ByteBudget {
        self.engine.capacity().memory().clone()
    }

    fn unverified_memory(&self) -> ByteBudget {
        self.engine.capacity().unverified_memory().clone()
    }

    fn metrics(&self) -> Option<LateText> {
        self.engine.late_metrics()
    }
}

impl Snapshot for Running {
    fn find(&self, name: &str) -> Option<Entry> {
        let (info, stack) = self.names.get(name)?;
        Some(Entry {
            info: Arc::clone(info),
            service: Some(Arc::clone(stack) as _),
        })
    }

    fn endpoints(&self) -> Vec<Arc<EndpointInfo>> {
        self.endpoints.clone()
    }

    fn routes(&self) -> Vec<Arc<EndpointInfo>> {
        self.routes.clone()
    }

    fn guard(&self) -> Option<Arc<dyn Authenticate>> {
        self.authenticate.clone()
    }

    fn body_bounds(&self) -> Option<BodyBounds> {
        let server: &Server = &self.server;
        let default = Server::default();
        let bounds = |it: &Server| (it.max_body, it.max_upload, it.body_timeout);
        let own = bounds(server) != bounds(&default);
        own.then(|| {
            let max_bytes = usize::try_from(server.max_body).unwrap_or(usize::MAX);
            BodyBounds {
                max_bytes,
                max_decompressed_bytes: max_bytes,
                max_upload: server.max_upload,
                timeout: server.body_timeout,
            }
        })
    }

    fn lets_everybody_in(&self) -> bool {
        self.lets_everybody_in
    }

    fn browsers(&self) -> Option<Arc<BrowserPolicy>> {
        Some(Arc::clone(&self.browsers))
    }

    fn traces(&self) -> bool {
        self.traces
    }
}

fn breaker(one: TargetStatus) -> BreakerHealth {
    BreakerHealth {
        endpoint: one.endpoint,
        account: one.account,
        state: one.status.as_str(),
        retry_after: match one.status {
            BreakerStatus::Open(left) => left,
            BreakerStatus::Closed | BreakerStatus::HalfOpen => std::time::Duration::ZERO,
        },
    }
}
