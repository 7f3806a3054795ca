//! What the examples share: an engine over the built-in simulator, from a few lines of YAML.

use std::sync::Arc;
use std::time::SystemTime;

use gateway_core::config::{NoLookup, Source, Strictness, load};
use gateway_core::provider::{Clock, Environment};
use gateway_core::{Checked, Deps, EngineBuilder, Registry};
use gateway_provider_simulator::SIMULATOR;
use gateway_transport::{HttpTransport, TransportConfig};

const CONFIG: &str = "
endpoints:
  - name: chat
    endpoint_type: llm/v1/chat
    model: {provider: simulator, name: simulator-1, config: {reply_tokens: 12}}
";

/// The wall clock. Libraries take it as an argument; a program may read it.
#[derive(Debug)]
pub(crate) struct WallClock;

impl Clock for WallClock {
    #[expect(clippy::disallowed_methods, reason = "a program reads the clock")]
    fn now(&self) -> SystemTime {
        SystemTime::now()
    }
}

/// No variables, no files: this demo needs none.
struct Nothing;

impl Environment for Nothing {
    fn var(&self, _name: &str) -> Option<String> {
        None
    }

    fn read(&self, _path: &str) -> Option<String> {
        None
    }
}

/// A builder with its plan.
pub(crate) fn engine()
-> Result<(EngineBuilder, gateway_core::config::Plan), Box<dyn std::error::Error>> {
    let registry = Registry::new().with(SIMULATOR);
    let source = Source::new("demo.yaml", CONFIG);
    let plan = load(source, &NoLookup, &Checked(&registry), Strictness::Strict)?.plan;
    let transport = HttpTransport::new(TransportConfig::default())?;
    let deps = Deps::new(Arc::new(transport), Arc::new(WallClock), Arc::new(Nothing));
    Ok((EngineBuilder::new(registry, deps), plan))
}
