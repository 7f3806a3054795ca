//! Embed this: a plan and a registry of providers become two tower services.
//!
//! * [`Engine`]: `Service<Call>`, typed, without HTTP.
//! * [`Gateway`]: `Service<http::Request<B>>`, every surface of the gateway.
//!
//! Both answer from one running plan, which [`Engine::apply`] swaps whole: a plan that cannot be built is refused and
//! the one before it keeps serving; calls in flight keep the plan they began with.
//!
//! What is absent here: vendors by name, files, variables, sockets. They come in through [`Registry`] and [`Deps`].

mod build;
mod deps;
mod directory;
mod engine;
mod error;
mod gateway;
mod identity;
mod limits;
mod meters;
mod providers;
mod reach;
mod routes;
mod running;
mod stack;
mod state;
mod stores;
mod targets;
mod told;

pub use engine::{Engine, EngineBuilder, EngineFuture};
pub use error::BuildError;
pub use gateway::{Gateway, GatewayBuilder};
pub use providers::Checked;
pub use stack::{Stack, StackLayers};
pub use stores::OpenStores;

/// The HTTP edge.
pub use gateway_http as edge;

/// The configuration: text to plan.
pub use gateway_config as config;
/// Calls, replies, providers.
pub use gateway_provider as provider;
pub use gateway_provider::{Deps, Registry};
/// The canonical types.
pub use gateway_schema as schema;
