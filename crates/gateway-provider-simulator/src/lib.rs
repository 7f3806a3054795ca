//! A provider that answers by itself, for demos, tests and game days: no key, no network, the same answer for the same
//! request, and faults to order.
//!
//! Inside the process stands a [`SimulatedServer`]: it takes OpenAI's requests as bytes and answers with OpenAI's bytes,
//! at the configured pace. In front of it stands an ordinary provider, made of the same parts as every provider over
//! HTTP (`HttpProvider`, the OpenAI dialect). So an answer of the simulator, and every fault, takes the way that a real
//! answer takes: a malformed event meets the real decoder, a wrong length meets the real handling of broken bodies.
//! Only sockets are missing; for those there is the chaos upstream of the test kit.
//!
//! ```yaml
//! endpoints:
//!   - name: chat
//!     endpoint_type: llm/v1/chat
//!     model:
//!       provider: simulator
//!       name: any-name
//!       config:
//!         seed: 7
//!         time_to_first_token: 50ms
//!         tokens_per_second: 100
//!         reply_tokens: 40
//!         faults:
//!           - {kind: rate_limit, every: 7, retry_after: ms:250}
//!           - {kind: cut, rate: 0.1, after_events: 5}
//!           - {kind: server_error, at: [3, 5], status: 503}
//! ```
//!
//! *Answers*: words (or the last message again), tool calls with arguments that follow the schema, JSON that follows
//! `response_format`, embeddings that are near each other when texts share words. Tokens are counted as 4 bytes each.
//! *Faults*: see [`FaultKind`]; the first of the list that strikes counts; requests are counted per endpoint, from 1.

mod answer;
mod fault;
mod options;
mod server;
mod wire;

use std::sync::Arc;

use gateway_provider::{
    Built, Deps, Factory, HttpProvider, Provider, StaticCredential, TargetSpec,
};
use gateway_schema::{ModelId, Operation, Options};

pub use fault::{Fault, FaultKind, Schedule, Wait};
pub use options::{OPTIONS, Settings, Speech};
pub use server::SimulatedServer;
pub use wire::SimulatorWire;

/// What a simulator can be asked.
pub const OPERATIONS: &[Operation] = &[
    Operation::Chat,
    Operation::Completion,
    Operation::Embedding,
    Operation::CountTokens,
];

/// Makes simulators.
pub const SIMULATOR: Factory = Factory {
    name: "simulator",
    aliases: &[],
    display_name: "Simulator",
    options: OPTIONS,
    operations: OPERATIONS,
    check: |_, options| Settings::read(options).err().unwrap_or_default(),
    build,
};

fn build(spec: &TargetSpec, options: &Options, deps: &Deps) -> Built {
    let settings = Settings::read(options)?;
    let server = SimulatedServer::new(settings, Arc::clone(&deps.clock));
    let mut deps = deps.clone();
    deps.transport = Arc::new(server);
    Ok(provider(spec, &deps))
}

/// The provider in front of whatever stands behind `deps.transport`.
fn provider(spec: &TargetSpec, deps: &Deps) -> Arc<dyn Provider> {
    let model = spec.model.clone();
    let model = model.unwrap_or_else(|| ModelId::from("simulator"));
    let credentials = Arc::new(StaticCredential::optional(None));
    HttpProvider::for_target(SimulatorWire::new(model), spec, credentials, deps)
}

#[cfg(test)]
mod tests;
