//! What a plan is made of, as plain values: the configuration without YAML.
//!
//! [`Definitions`] are what a store keeps, an admin API takes and a program writes down. They have the keys of the
//! configuration file, are read and written by serde, and hold references to secrets instead of secrets
//! ([`SecretValue`]). [`Plan::check`](crate::Plan::check) makes a plan of them, or says everything that is wrong.
//!
//! They are read by the same code as a file: [`tree`] turns them into the tree that the sections of a plan are read
//! from. A file adds lines and columns to the same problems, nothing else.

mod auth;
mod check;
mod endpoint;
mod process;
mod read;
mod route;
mod secret;
mod settings;
pub(crate) mod tree;
mod words;

#[cfg(test)]
mod tests;

pub use auth::{AuthDefinition, IssuerDefinition, KeyDefinition, KeyPairDefinition};
pub use check::Checked;
pub use endpoint::{
    BreakerDefinition, CacheDefinition, CallLimitDefinition, EndpointDefinition, LimitDefinition,
    ModelDefinition, PriceDefinition, RetryDefinition, TimeoutDefinition,
};
pub use process::{
    CorsDefinition, LogContent, LogDefinition, OtlpDefinition, ServerDefinition, StoresDefinition,
    TelemetryDefinition,
};
pub use route::{
    ConditionDefinition, ContentDefinition, DestinationDefinition, RouteDefinition, RuleDefinition,
    StickyDefinition, TokenRangeDefinition,
};
pub use secret::SecretValue;
pub use settings::{Setting, Settings};

use tree::definition;

definition! {
    /// Everything that a plan is made of.
    #[derive(Default)]
    pub struct Definitions {
        /// What clients call by name.
        endpoints: Vec<EndpointDefinition>,
        ;
        /// Names in front of several endpoints.
        routes: Vec<RouteDefinition>,
        /// Who may call; absent: everybody.
        auth: Option<AuthDefinition>,
        /// Where state is kept that several processes share.
        stores: Option<StoresDefinition>,
        /// What leaves the process about its calls.
        telemetry: Option<TelemetryDefinition>,
        /// Bounds of the whole process.
        server: Option<ServerDefinition>,
    }
}
