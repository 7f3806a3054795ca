//! The control plane: an administrator changes secrets, models and endpoints, and the next request sees it.
//!
//! [`Admin`] holds the use cases. A write loads the stored definitions, applies the change, checks the candidate plan,
//! commits entity, audit row and revision in one transaction, and gives the plan to the [`PlanSink`]. A write that was
//! decided on an old revision is decided again.
//!
//! [`mlflow`] is the API of MLflow's tracking server, request for request and text for text. It is served by
//! [`AdminService`], which takes any HTTP body.
//!
//! What an endpoint cannot be built from (a secret that was deleted, a provider that is not known) leaves that endpoint
//! out of the plan, with the reason; the other endpoints keep serving.

pub mod mlflow;

mod admin;
mod assemble;
mod destination;
mod error;
mod id;
mod policy;
mod service;
mod settings;
mod snapshot;
mod spec;
mod vault;

pub use admin::{Admin, AdminConfig, Keys, PlanSink};
pub use error::AdminError;
pub use policy::{Policy, Resolve};
pub use service::{AdminService, Peer};
