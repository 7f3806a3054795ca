//! What MLflow does not have: values, defaults, and what is refused.

use std::time::Duration;

use gateway_config::{Amount, FallbackOn, Jwks, LogFormat, OnStoreError, Subject};
use gateway_schema::Usd;

use crate::fake::{World, endpoint, only_error, plan, quiet, refused};

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn timeouts_are_durations_with_defaults() {
    let timeouts = quiet(&endpoint(
        "timeout: {connect: 200ms, idle: 90, total: 1.5h}",
    ))
    .endpoints[0]
        .timeouts;
    assert_eq!(timeouts.connect, Duration::from_millis(200));
    assert_eq!(timeouts.first_event, 300 * SECOND);
    assert_eq!(timeouts.idle, 90 * SECOND);
    assert_eq!(timeouts.total, 5400 * SECOND);
    for wrong in [
        "0",
        "0s",
        "-1s",
        "fast",
        "1 fortnight",
        "[1]",
        "1e3",
        "1..5s",
        "99999999d",
    ] {
        let (_, _, path, _) = only_error(&endpoint(&format!("timeout: {{idle: {wrong}}}")));
        assert_eq!(path, "endpoints[0].timeout.idle", "{wrong}");
    }
}

#[test]
fn the_variable_of_mlflow_for_the_timeout_counts_unless_the_endpoint_says_otherwise() {
    let first_event = |value: &str, lines: &str| {
        let world = World::new().with_env("MLFLOW_GATEWAY_ROUTE_TIMEOUT_SECONDS", value);
        world
            .load(&endpoint(lines))
            .map(|loaded| loaded.plan.endpoints[0].timeouts.first_event)
    };
    assert_eq!(first_event("3", ""), Ok(3 * SECOND));
    assert_eq!(
        first_event("3", "timeout: {first_event: 7s}"),
        Ok(7 * SECOND)
    );
    assert!(first_event("soon", "").is_err());
}

#[test]
fn headers_are_added_but_not_those_of_the_connection() {
    let plan = plan(&endpoint(
        "headers: {X-Team: $REC_ENV_KEY, Authorization: 'Bearer {{ secrets.OPENAI }}'}",
    ));
    let headers: Vec<_> = plan.endpoints[0]
        .headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.expose().as_str()))
        .collect();
    assert_eq!(
        headers,
        [
            ("x-team", "sk-from-env"),
            ("authorization", "Bearer sk-from-secrets")
        ]
    );
    for wrong in [
        "{Transfer-Encoding: chunked}",
        "{host: x}",
        "{'a b': x}",
        "{a: \"x\\ny\"}",
        "{a: x, A: y}",
        "{a: [x]}",
    ] {
        refused(&endpoint(&format!("headers: {wrong}")));
    }
}

#[test]
fn mlflow_limits_are_read_with_what_they_mean() {
    let plan = quiet(&endpoint(
        "limit: {calls: '1_000', renewal_period: 5 minutes, key: user}",
    ));
    let limit = plan.endpoints[0].limit.as_ref().unwrap();
    assert_eq!((limit.calls, limit.windows[0].seconds()), (1000, 300));
    assert_eq!(limit.key.as_deref(), Some("user"));
    let (_, _, path, _) = only_error(&endpoint("limit: {calls: -1, renewal_period: minute}"));
    assert_eq!(path, "endpoints[0].limit.calls");
    let (_, _, path, report) = only_error(&endpoint("limit: {calls: 5, renewal_period: minuet}"));
    assert_eq!(path, "endpoints[0].limit.renewal_period");
    assert!(report.contains("did you mean `minute`?"), "{report}");
}

#[test]
fn limits_count_one_thing_each() {
    let text = endpoint(
        "limits:
- {per: key, requests: 60, every: 1m}
- {per: 'header:X-Tenant', tokens: 200000, every: 1h, on_store_error: allow}
- {per: endpoint, concurrent: 50}",
    );
    let plan = quiet(&text);
    let limits = &plan.endpoints[0].limits;
    assert_eq!(limits[0].amount, Amount::Requests(60, 60 * SECOND));
    assert_eq!(limits[1].per, Subject::Header("x-tenant".to_owned()));
    assert_eq!(limits[1].on_store_error, Some(OnStoreError::Allow));
    assert_eq!(limits[2].amount, Amount::Concurrent(50));
    for (wrong, words) in [
        (
            "{per: key, requests: 1, tokens: 1, every: 1m}",
            "exactly one thing",
        ),
        ("{per: key, every: 1m}", "exactly one thing"),
        ("{per: key, requests: 60}", "`every` is missing"),
        ("{per: key, concurrent: 5, every: 1m}", "no meaning beside"),
        ("{per: keys, requests: 5, every: 1m}", "did you mean `key`?"),
        ("{per: 'header:', requests: 5, every: 1m}", "header:<name>"),
        ("{per: key, requests: 0, every: 1m}", "out of range"),
    ] {
        let (_, _, _, report) = only_error(&endpoint(&format!("limits: [{wrong}]")));
        assert!(report.contains(words), "{wrong}: {report}");
    }
}

#[test]
fn a_cache_may_be_a_map_or_a_word() {
    let cache = |text: &str| quiet(&endpoint(&format!("cache: {text}"))).endpoints[0].cache;
    let read = cache("{ttl: 3600, max_entries: 10, max_bytes: 1MiB}").unwrap();
    assert_eq!(
        (read.ttl, read.max_entries, read.max_bytes),
        (3600 * SECOND, 10, 1 << 20)
    );
    assert!(cache("true").is_some());
    assert!(cache("off").is_none());
    assert!(cache("null").is_none());
    refused(&endpoint("cache: {ttl: 0}"));
    refused(&endpoint("cache: maybe"));
}

#[test]
fn retry_breaker_and_concurrency_have_defaults_and_bounds() {
    let plan = quiet(&endpoint(
        "retry: {max_attempts: 2, budget: 0}\nbreaker: {}\nmax_concurrency: 64\nfallback_on: [content_filter, context_length]\nstrict: true",
    ));
    let endpoint_plan = &plan.endpoints[0];
    let retry = endpoint_plan.retry.unwrap();
    assert_eq!((retry.max_attempts, retry.budget), (2, 0.0));
    assert_eq!(retry.initial_backoff, Duration::from_millis(200));
    assert_eq!(endpoint_plan.breaker.unwrap().failures, 5);
    assert_eq!(endpoint_plan.max_concurrency, Some(64));
    assert_eq!(
        endpoint_plan.fallback_on,
        [FallbackOn::ContentFilter, FallbackOn::ContextLength]
    );
    assert!(endpoint_plan.strict);
    for wrong in [
        "retry: {max_attempts: 0}",
        "retry: {initial_backoff: 9s, max_backoff: 1s}",
        "retry: {budget: -1}",
        "breaker: {failures: 0}",
        "breaker: {within: 0}",
        "max_concurrency: 0",
        "fallback_on: [anything]",
        "strict: maybe",
    ] {
        assert_eq!(refused(&endpoint(wrong)).errors().count(), 1, "{wrong}");
    }
}

#[test]
fn prices_are_exact() {
    let plan = quiet(&endpoint(
        "price: {input: 0.0375, output: 10, cached_input: 0.01875}",
    ));
    let price = plan.endpoints[0].price.unwrap();
    assert_eq!(price.input, Usd::from_nanos(37_500_000));
    assert_eq!(price.cached_input, Usd::from_nanos(18_750_000));
    assert_eq!(price.cache_write, price.input);
    refused(&endpoint("price: {input: 1}"));
}

#[test]
fn keys_and_issuers_are_read() {
    let text = endpoint("") + "
auth:
  keys:
    - {name: team-a, key: $REC_ENV_KEY, endpoints: [a], expires: 2027-01-01, metadata: {team: a, size: 7}}
    - {name: team-b, key: /run/secrets/key, disabled: true, expires: '2026-12-31T23:59:59+01:00'}
  jwt: [{issuer: 'https://i', jwks: 'https://i/keys', audience: gateway, claims: {team: $.org.team}}]
";
    let auth = quiet(&text).auth.unwrap();
    assert_eq!(auth.keys[0].key.expose(), "sk-from-env");
    assert_eq!(auth.keys[0].endpoints.as_ref().unwrap()[0].as_str(), "a");
    assert_eq!(
        auth.keys[0].expires.as_ref().unwrap().unix_seconds,
        1_798_761_600
    );
    assert_eq!(auth.keys[0].metadata["size"], "7");
    assert_eq!(auth.keys[1].key.expose(), "sk-from-file");
    assert_eq!(
        auth.keys[1].expires.as_ref().unwrap().unix_seconds,
        1_798_757_999
    );
    assert!(auth.keys[1].disabled);
    assert!(!auth.anonymous);
    assert_eq!(auth.jwt[0].jwks, Jwks::Url("https://i/keys".to_owned()));
    assert_eq!(auth.jwt[0].claims["team"], ["org", "team"]);
}

#[test]
fn authentication_that_cannot_work_is_refused() {
    for (wrong, words) in [
        (
            "keys: [{name: x, key: k, endpoints: [zz]}]",
            "no endpoint or route 'zz'",
        ),
        (
            "keys: [{name: x, key: k}, {name: x, key: l}]",
            "a key called 'x' already",
        ),
        (
            "keys: [{name: x, key: k}, {name: y, key: k}]",
            "the same key as that of 'x'",
        ),
        ("keys: [{name: x, key: k, expires: 2027-02-30}]", "a date"),
        ("keys: [{name: x, key: k, expires: tomorrow}]", "a date"),
        ("keys: [{name: x}]", "`key` is missing"),
        ("keys: [{name: x, key: ''}]", "the key is empty"),
        (
            "jwt: [{issuer: i, jwks: j, audience: []}]",
            "at least one audience",
        ),
        (
            "jwt: [{issuer: i, jwks: j, audience: a, claims: {t: '$..x'}}]",
            "not the path of a claim",
        ),
    ] {
        let (_, _, _, report) = only_error(&(endpoint("") + "auth: {" + wrong + "}\n"));
        assert!(report.contains(words), "{wrong}: {report}");
    }
    let loaded = World::new().load(&(endpoint("") + "auth: {}\n")).unwrap();
    assert!(loaded.warnings.to_string().contains("nobody can call"));
}

#[test]
fn stores_telemetry_and_server_are_read() {
    let text = endpoint("") + "
stores: {redis: 'rediss://:pw@host:6379/1', on_store_error: allow}
telemetry: {otlp: {endpoint: 'http://otel:4318', headers: {Api-Key: $REC_ENV_KEY}}, prometheus: off, log: {format: json, content: off}}
server: {max_body: 10MiB, max_in_flight: 500, drain: 5s}
";
    let plan = quiet(&text);
    assert_eq!(
        plan.stores.redis.as_ref().unwrap().expose(),
        "rediss://:pw@host:6379/1"
    );
    assert_eq!(plan.stores.on_store_error, OnStoreError::Allow);
    let otlp = plan.telemetry.otlp.as_ref().unwrap();
    assert_eq!(otlp.headers[0].0, "api-key");
    assert!(!plan.telemetry.prometheus);
    assert_eq!(plan.telemetry.log.format, LogFormat::Json);
    assert!(!plan.telemetry.log.content);
    assert_eq!(plan.server.max_body, 10 << 20);
    assert_eq!(plan.server.max_in_flight, Some(500));
    assert_eq!(plan.server.drain, 5 * SECOND);
    assert_eq!(quiet("endpoints: []").server.max_body, 100 << 20);
    assert!(!format!("{plan:?}").contains("pw@"));
    for wrong in [
        "stores: {redis: 'http://x'}",
        "telemetry: {otlp: {endpoint: 'otel:4317'}}",
        "telemetry: {log: {format: xml}}",
        "server: {max_body: 0}",
        "server: {max_body: lots}",
    ] {
        assert_eq!(
            refused(&(endpoint("") + wrong + "\n")).errors().count(),
            1,
            "{wrong}"
        );
    }
}

#[test]
fn the_storage_variable_of_mlflow_names_the_store() {
    let redis = |value: &str| {
        let world = World::new().with_env("MLFLOW_GATEWAY_RATE_LIMITS_STORAGE_URI", value);
        world.load("endpoints: []").unwrap()
    };
    assert_eq!(
        redis("redis://h").plan.stores.redis.unwrap().expose(),
        "redis://h"
    );
    assert!(redis("memory://").warnings.is_empty());
    assert!(
        redis("memcached://h")
            .warnings
            .to_string()
            .contains("not supported")
    );
}
