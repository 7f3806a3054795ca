//! The limits of an endpoint, as rules of the rate limit layer.

use std::time::Duration;

use gateway_config::{Amount, Endpoint, OnStoreError as Policy, Subject as Per};
use gateway_middleware::rate_limit::{OnStoreError, Rule, Subject};
use gateway_provider::LimitKind;
use gateway_store::rate::RateRule;

/// Our `limits`. They hold on every way to the endpoint. `away` is what happens while the store is away, where a limit
/// does not say.
pub(crate) fn rules(endpoint: &Endpoint, away: Policy) -> Vec<Rule> {
    endpoint
        .limits
        .iter()
        .enumerate()
        .map(|(index, limit)| {
            let bucket = |limit, every| RateRule::Bucket { limit, every };
            let (counts, rule) = match limit.amount {
                Amount::Requests(most, every) => (LimitKind::Requests, bucket(most, every)),
                Amount::Tokens(most, every) => (LimitKind::Tokens, bucket(most, every)),
                Amount::InputTokens(most, every) => (LimitKind::InputTokens, bucket(most, every)),
                Amount::OutputTokens(most, every) => (LimitKind::OutputTokens, bucket(most, every)),
                Amount::Concurrent(most) => (LimitKind::Concurrent, RateRule::Held { limit: most }),
            };
            let name = format!("{}/limits[{index}]", endpoint.name);
            let rule = Rule::new(name, subject(&limit.per), counts, rule);
            rule.with_on_store_error(policy(limit.on_store_error.unwrap_or(away)))
        })
        .collect()
}

/// MLflow's `limit`: a window per client address, one counter for all URLs of the endpoint. It does not hold for calls
/// that come over a route, as MLflow has it.
pub(crate) fn call_limit(endpoint: &Endpoint, away: Policy) -> Vec<Rule> {
    let Some(limit) = &endpoint.limit else {
        return Vec::new();
    };
    limit
        .windows
        .iter()
        .enumerate()
        .map(|(index, window)| {
            let rule = RateRule::Window {
                limit: window.calls,
                every: Duration::from_secs(window.seconds()),
            };
            let name = format!("{}/limit[{index}]", endpoint.name);
            let unit = window.unit.as_str();
            Rule::new(name, Subject::Ip, LimitKind::Requests, rule)
                .with_message(format!(
                    "Rate limit exceeded: {} per {} {unit}",
                    window.calls, window.multiples
                ))
                .with_on_store_error(policy(away))
        })
        .collect()
}

const fn policy(policy: Policy) -> OnStoreError {
    match policy {
        Policy::Allow => OnStoreError::Allow,
        Policy::Reject => OnStoreError::Reject,
    }
}

/// Whom a setting is about.
pub(crate) fn subject(per: &Per) -> Subject {
    match per {
        Per::User => Subject::User,
        Per::Endpoint => Subject::Endpoint,
        Per::Ip => Subject::Ip,
        Per::Header(name) => Subject::Header(name.clone()),
        Per::Key => Subject::Key,
    }
}
