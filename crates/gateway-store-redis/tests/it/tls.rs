//! A server that speaks TLS with a certificate of a private authority.

use std::time::{Duration, Instant};

use gateway_schema::Secret;
use gateway_store::cache::{KeyHasher, RemoteCache};
use gateway_store::rate::RateRule;
use gateway_store_redis::{ConfigError, RedisConfig, RedisStores};
use gateway_testkit::store::RedisServer;

use crate::server::Node;
use crate::suite::{key, take};

const LONG: Duration = Duration::from_secs(5);
const RULE: RateRule = RateRule::Bucket {
    limit: 10,
    every: Duration::from_hours(1),
};

fn config(url: String) -> RedisConfig {
    RedisConfig::new(Secret::new(url))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rates_and_answers_are_shared_over_tls_with_a_private_authority() {
    let Some((authority, server)) = RedisServer::start_tls("localhost") else {
        return;
    };
    let url = server.tls_url().unwrap();
    let node = || Node::with(config(url.clone()).with_roots_pem(authority.clone()));
    let (one, other) = (node(), node());
    for node in [&one, &other] {
        let status = node.stores.link.tried(LONG).await;
        assert!(status.connected, "{status:?}");
    }
    let (key, begun) = (key("a"), Instant::now());
    for _ in 0..5 {
        assert_eq!(take(&one, begun, &key, RULE, 1).await, Some(true));
        assert_eq!(take(&other, begun, &key, RULE, 1).await, Some(true));
    }
    for node in [&one, &other] {
        assert_eq!(take(node, begun, &key, RULE, 1).await, Some(false));
    }

    let question = KeyHasher::new("question").finish();
    let answer = b"an answer".repeat(50_000);
    let cache = &one.stores.cache;
    cache.put(question, answer.clone(), Duration::from_mins(1));
    let mut found = None;
    let asked = Instant::now();
    while found.is_none() && asked.elapsed() < LONG {
        tokio::time::sleep(Duration::from_millis(20)).await;
        found = other.stores.cache.get(&[question]).await;
    }
    assert!(found.is_some_and(|found| found.bytes == answer));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_that_is_not_trusted_is_refused_and_the_address_is_named() {
    let (Some((_, right)), Some((elsewhere, wrong_name))) = (
        RedisServer::start_tls("localhost"),
        RedisServer::start_tls("elsewhere"),
    ) else {
        return;
    };
    for (server, roots, reason) in [
        // Of the system's roots.
        (&right, None, "UnknownIssuer"),
        (&right, Some(&elsewhere), "invalid peer certificate"),
        (
            &wrong_name,
            Some(&elsewhere),
            "not valid for name \"localhost\"",
        ),
    ] {
        let url = server.tls_url().unwrap();
        let address = url.strip_prefix("rediss://").unwrap();
        let mut config = config(format!("rediss://user:hunter2@{address}"));
        config.roots_pem = roots.map(|pem| pem.clone().into_bytes());
        let node = Node::with(config);
        let status = node.stores.link.tried(LONG).await;
        assert!(!status.connected, "{address}");
        let why = status.why.unwrap();
        assert!(why.starts_with(&format!("{address}: ")), "{why}");
        assert!(why.contains(reason), "{why}");
        assert!(!why.contains("hunter2"), "{why}");
        let key = key("a");
        let taken = take(&node, Instant::now(), &key, RULE, 1);
        assert_eq!(tokio::time::timeout(LONG, taken).await, Ok(None));
    }
}

#[tokio::test]
async fn a_server_without_tls_is_away_for_a_url_with_it() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    let node = Node::at(&server.url().replace("redis://", "rediss://:hunter2@"));
    let status = node.stores.link.tried(LONG).await;
    let why = status.why.unwrap();
    assert!(!status.connected && !why.contains("hunter2"), "{why}");
    assert!(why.contains("127.0.0.1:"), "{why}");
}

#[test]
fn roots_without_a_certificate_are_refused() {
    for pem in [
        "",
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    ] {
        let config = config("rediss://:hunter2@localhost".to_owned()).with_roots_pem(pem);
        let error = RedisStores::open(config).unwrap_err();
        assert!(matches!(error, ConfigError::Roots(_)), "{error}");
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }
}
