//! The running plan, as the edge sees it.

use std::sync::Arc;

use arc_swap::ArcSwapOption;
use gateway_http::{Directory, EndpointInfo, Health};
use gateway_provider::Authenticate;

use crate::engine::Engine;

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
    fn find(&self, name: &str) -> Option<Arc<EndpointInfo>> {
        let running = self.engine.running();
        running.names.get(name).map(|(info, _)| Arc::clone(info))
    }

    fn endpoints(&self) -> Vec<Arc<EndpointInfo>> {
        self.engine.running().endpoints.clone()
    }

    fn routes(&self) -> Vec<Arc<EndpointInfo>> {
        self.engine.running().routes.clone()
    }

    fn health(&self) -> Health {
        let refused = self.refused_reload.load();
        let away = self
            .engine
            .shared_store()
            .filter(|(_, status)| !status.connected)
            .map(|(name, status)| (name, status.why.unwrap_or_default()));
        Health::new(self.ready.load(std::sync::atomic::Ordering::Relaxed))
            .with_refused_reload(refused.as_deref().cloned())
            .with_store_away(away)
    }

    fn guard(&self) -> Option<Arc<dyn Authenticate>> {
        self.engine.running().authenticate.clone()
    }

    fn metrics(&self) -> Option<String> {
        self.engine.metrics()
    }

    fn traces(&self) -> bool {
        self.engine.running().traces
    }
}
