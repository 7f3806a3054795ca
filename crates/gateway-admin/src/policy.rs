//! Which providers and addresses administrators may choose.

use std::net::IpAddr;
use std::sync::Arc;

use async_trait::async_trait;

/// Resolves names, so that addresses can be judged when they are written.
#[async_trait]
pub trait Resolve: Send + Sync + 'static {
    /// The addresses of `host`; empty when it has none or cannot be resolved.
    async fn resolve(&self, host: &str) -> Vec<IpAddr>;
}

/// Which providers and addresses administrators may choose.
#[derive(Clone)]
pub struct Policy {
    /// The providers that may be used; `None`: all.
    pub providers: Option<Vec<String>>,
    /// The URL schemes of `api_base`.
    pub schemes: Vec<String>,
    /// Whether `api_base` may lead to addresses that are not public.
    pub private_addresses: bool,
    /// Resolves the host of an `api_base`.
    pub resolver: Arc<dyn Resolve>,
}

impl std::fmt::Debug for Policy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Policy")
            .field("providers", &self.providers)
            .field("schemes", &self.schemes)
            .field("private_addresses", &self.private_addresses)
            .finish_non_exhaustive()
    }
}

impl Policy {
    /// Whether `provider` may be used.
    pub(crate) fn allows(&self, provider: &str) -> bool {
        let Some(allowed) = &self.providers else {
            return true;
        };
        let folded = |name: &str| name.to_ascii_lowercase().replace('_', "-");
        allowed.iter().any(|name| folded(name) == folded(provider))
    }
}
