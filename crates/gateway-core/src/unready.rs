//! What a configuration may say and this version does not do. A plan with any of it is refused: a setting that is
//! accepted and ignored would be a lie.

use gateway_config::{Plan, Strategy};

use crate::running::BuildError;

/// Everything in `plan` that would be ignored.
pub(crate) fn find(plan: &Plan) -> Vec<BuildError> {
    let mut found = Vec::new();
    let mut refuse = |setting: String, instead: &'static str| {
        found.push(BuildError::NotInThisVersion { setting, instead });
    };
    for route in &plan.routes {
        let at = |key: &str| format!("routes: '{}': {key}", route.name);
        if route.strategy != Strategy::TrafficSplit {
            let instead = "TRAFFIC_SPLIT, or `fallback` of an endpoint";
            refuse(at("routing_strategy"), instead);
        }
        if route.sticky.is_some() {
            refuse(at("sticky"), "independent draws");
        }
        if !route.rules.is_empty() {
            refuse(at("rules"), "endpoints that clients name themselves");
        }
    }
    if plan.stores.redis.is_some() {
        refuse("stores: redis".to_owned(), "the memory of each process");
    }
    if plan.server.max_in_flight.is_some() {
        refuse(
            "server: max_in_flight".to_owned(),
            "`max_concurrency` of endpoints",
        );
    }
    if plan.server.max_memory.is_some() {
        refuse(
            "server: max_memory".to_owned(),
            "`max_concurrency` of endpoints",
        );
    }
    found
}
