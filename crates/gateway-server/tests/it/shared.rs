//! Several gateways over one Redis: what they share, and what becomes of it when Redis is away.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use gateway_testkit::store::RedisServer;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::harness::{PATIENCE, Server, chat, folder, get, plain_client, post};

/// The configuration of endpoints with these settings.
fn config(url: &str, policy: &str, endpoints: &[(&str, &str)]) -> (TempDir, std::path::PathBuf) {
    let mut text = format!("stores: {{redis: '{url}', on_store_error: {policy}}}\nendpoints:\n");
    for (name, settings) in endpoints {
        let _ = write!(
            text,
            "  - name: {name}\n    endpoint_type: llm/v1/chat\n    \
             model: {{provider: simulator, name: sim, config: {{reply_tokens: 20}}}}\n    {settings}\n"
        );
    }
    folder(&text)
}

/// The status, the header and the body of an answer.
async fn asked(server: &Server, body: &Value, header: &str) -> (u16, String, String) {
    let request = plain_client().post(server.url("/v1/chat/completions"));
    let reply = request.json(body).send().await.unwrap();
    let told = reply.headers().get(header);
    let told = told.map_or("", |value| value.to_str().unwrap()).to_owned();
    let status = reply.status().as_u16();
    (status, told, reply.text().await.unwrap())
}

/// Asks until the answer is as it must become.
async fn until<T>(what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(there) = ask().await {
            return there;
        }
        assert!(begun.elapsed() < PATIENCE, "{what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn two_gateways_share_limits_and_answers() {
    let Some(redis) = RedisServer::start() else {
        return;
    };
    let endpoints = [
        (
            "limited",
            "limits: [{per: endpoint, requests: 10, every: 30d}]",
        ),
        ("kept", "cache: {ttl: 3600}"),
    ];
    let (_folder, path) = config(&redis.url(), "reject", &endpoints);
    let (one, other) = (Server::with(&path, &[]), Server::with(&path, &[]));
    let mut passed = 0;
    until("all ten pass", async || {
        for server in [&one, &other] {
            match post(server, "/v1/chat/completions", &chat("limited", false))
                .await
                .0
            {
                200 => passed += 1,
                status => assert_eq!(status, 429),
            }
        }
        (passed >= 10).then_some(())
    })
    .await;
    for server in [&one, &other, &one, &other] {
        let (status, remaining, _) = asked(
            server,
            &chat("limited", false),
            "x-ratelimit-remaining-requests",
        )
        .await;
        assert_eq!((status, remaining.as_str()), (429, "0"));
    }
    assert_eq!(passed, 10);

    for stream in [false, true] {
        let mut body = chat("kept", stream);
        body["seed"] = json!(i32::from(stream));
        let (status, how, first) = asked(&one, &body, "x-gateway-cache").await;
        assert_eq!((status, how.as_str()), (200, "miss"));
        // It is written soon after it was answered.
        until("the answer is there", async || {
            redis
                .ask("KEYS gateway:1:cache:*")
                .contains("gateway:1:cache:")
                .then_some(())
        })
        .await;
        tokio::time::sleep(Duration::from_millis(200)).await;
        let (status, how, second) = asked(&other, &body, "x-gateway-cache").await;
        assert_eq!((status, how.as_str()), (200, "hit"));
        assert_eq!(first, second);
    }
}

#[tokio::test]
async fn a_streams_usage_settles_over_redis() {
    let Some(redis) = RedisServer::start() else {
        return;
    };
    let endpoints = [(
        "counted",
        "limits: [{per: endpoint, tokens: 100000, every: 30d}]",
    )];
    let (_folder, path) = config(&redis.url(), "reject", &endpoints);
    let (one, other) = (Server::with(&path, &[]), Server::with(&path, &[]));
    let mut body = chat("counted", true);
    body["max_tokens"] = json!(5_000);
    body["stream_options"] = json!({"include_usage": true});
    let (status, _, text) = asked(&one, &body, "x").await;
    assert_eq!(status, 200);
    let (_, usage) = text.rsplit_once("\"total_tokens\":").unwrap();
    let digits: String = usage.chars().take_while(char::is_ascii_digit).collect();
    let used: u64 = digits.parse().unwrap();
    assert!(used < 1_000, "far less than was reserved");
    let keys = redis.ask("KEYS gateway:1:rate:counted/*");
    let key = keys
        .lines()
        .find(|line| line.starts_with("gateway:1:"))
        .unwrap()
        .to_owned();
    // What the gateway leased and did not use comes back when nobody asked for a while.
    until("the bucket holds all but what was used", async || {
        let level = redis.ask(&format!("HGET {key} level"));
        let level: f64 = level.lines().nth(1)?.parse().ok()?;
        ((level - (100_000 - used) as f64).abs() < 1.0).then_some(())
    })
    .await;
    let (status, remaining, _) = asked(&other, &body, "x-ratelimit-remaining-tokens").await;
    assert_eq!(status, 200);
    let remaining: u64 = remaining.parse().unwrap();
    let reserved = 100_000 - used - remaining;
    assert!((5_000..5_200).contains(&reserved), "{remaining}");
}

#[tokio::test]
async fn a_redis_that_is_away_is_a_stated_policy_and_comes_back() {
    let Some(mut redis) = RedisServer::start() else {
        return;
    };
    let endpoints = [
        (
            "strict",
            "limits: [{per: endpoint, requests: 1000, every: 30d}]",
        ),
        (
            "lenient",
            "limits: [{per: endpoint, requests: 1000, every: 30d, on_store_error: allow}]",
        ),
        ("kept", "cache: {ttl: 3600}"),
    ];
    let (_folder, path) = config(&redis.url(), "reject", &endpoints);
    let server = Server::with(&path, &[]);
    for name in ["strict", "lenient", "kept"] {
        assert_eq!(
            post(&server, "/v1/chat/completions", &chat(name, false))
                .await
                .0,
            200
        );
    }
    assert_eq!(get(&server, "/health").await.1, json!({"status": "OK"}));
    redis.kill();
    server.wait_for_log("Redis is away");
    let refused = until("what is leased is used up", async || {
        let (status, body) = post(&server, "/v1/chat/completions", &chat("strict", false)).await;
        (status != 200).then_some((status, body))
    })
    .await;
    assert_eq!(refused.0, 503);
    assert_eq!(refused.1["error"]["code"], "rate_limit_store_unavailable");
    for _ in 0..20 {
        for name in ["lenient", "kept"] {
            assert_eq!(
                post(&server, "/v1/chat/completions", &chat(name, false))
                    .await
                    .0,
                200
            );
        }
    }
    let health = get(&server, "/health").await.1;
    assert_eq!(health["status"], "OK");
    assert_eq!(health["stores"]["redis"]["status"], "away");
    let (_, metrics) = get(&server, "/metrics").await;
    let metrics = metrics.as_str().unwrap();
    assert!(metrics.contains("gateway_store_connected{store=\"redis\"} 0"));
    for policy in ["allow", "reject"] {
        let line = format!("gateway_limit_store_errors_total{{policy=\"{policy}\"}} ");
        let (_, count) = metrics.split_once(&line).unwrap();
        assert!(!count.starts_with('0'), "{policy}");
    }
    redis.restart();
    until("it is counted again", async || {
        let (status, _) = post(&server, "/v1/chat/completions", &chat("strict", false)).await;
        (status == 200).then_some(())
    })
    .await;
    assert_eq!(get(&server, "/health").await.1, json!({"status": "OK"}));
}

#[tokio::test]
async fn a_redis_that_was_never_there_does_not_keep_the_gateway_from_starting() {
    let endpoints = [
        (
            "strict",
            "limits: [{per: endpoint, requests: 10, every: 1h}]",
        ),
        ("free", ""),
    ];
    let begun = Instant::now();
    let (_folder, path) = config("redis://:hunter2@127.0.0.1:1", "reject", &endpoints);
    let server = Server::with(&path, &[]);
    assert!(begun.elapsed() < PATIENCE / 2);
    let line = server.wait_for_log("Redis is away");
    assert!(!line.contains("hunter2"), "{line}");
    assert_eq!(
        post(&server, "/v1/chat/completions", &chat("strict", false))
            .await
            .0,
        503
    );
    assert_eq!(
        post(&server, "/v1/chat/completions", &chat("free", false))
            .await
            .0,
        200
    );
}
