//! Why a plan cannot run.

use gateway_schema::{EndpointName, OptionProblem};

/// Why a plan cannot run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// The registry has no such provider.
    #[error("endpoint '{endpoint}': there is no provider named '{provider}'")]
    UnknownProvider {
        /// The endpoint.
        endpoint: EndpointName,
        /// What it names.
        provider: String,
    },
    /// The provider refuses its settings.
    #[error("endpoint '{endpoint}': {}", messages(problems))]
    Provider {
        /// The endpoint.
        endpoint: EndpointName,
        /// What is wrong.
        problems: Vec<OptionProblem>,
    },
    /// A route or a fallback leads to something that is not an endpoint.
    #[error("'{name}': there is no endpoint named '{destination}'")]
    UnknownDestination {
        /// The route, or the endpoint with the fallback.
        name: EndpointName,
        /// What it names.
        destination: EndpointName,
    },
    /// A route cannot be built.
    #[error("route '{route}': {problem}")]
    Route {
        /// The route.
        route: EndpointName,
        /// What is wrong.
        problem: String,
    },
    /// The stores that several gateways share cannot be opened.
    #[error("stores: redis: {0}")]
    Stores(String),
    /// The machine gives no random numbers, which keys of callers are hashed with.
    #[error("auth: the machine gives no random numbers")]
    NoRandomness,
}

fn messages(problems: &[OptionProblem]) -> String {
    let messages: Vec<&str> = problems
        .iter()
        .map(|problem| problem.message.as_str())
        .collect();
    messages.join("; ")
}
