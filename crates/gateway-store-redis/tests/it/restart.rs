//! A server that is killed, comes back empty, or does not answer, under load.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use gateway_schema::Secret;
use gateway_store::cache::{KeyHasher, RemoteCache};
use gateway_store::rate::{RateKey, RateRule};
use gateway_store::shared::StoreLink;
use gateway_store_redis::{RedisConfig, RedisStores};
use gateway_testkit::store::RedisServer;

use crate::server::Node;
use crate::suite::{key, take};

const HOUR: Duration = Duration::from_hours(1);
/// No call may take longer than the wait for a lease, and what a busy machine adds to it.
const NEVER: Duration = Duration::from_secs(5);

/// What a crowd of callers met.
#[derive(Default)]
struct Seen {
    passed: AtomicU64,
    refused: AtomicU64,
    away: AtomicU64,
    over: AtomicBool,
}

fn crowd(
    nodes: &[Arc<Node>],
    key: &RateKey,
    rule: RateRule,
    seen: &Arc<Seen>,
) -> tokio::task::JoinSet<()> {
    let begun = Instant::now();
    let mut tasks = tokio::task::JoinSet::new();
    for node in nodes.iter().cycle().take(nodes.len() * 6) {
        let (node, key, seen) = (Arc::clone(node), key.clone(), Arc::clone(seen));
        tasks.spawn(async move {
            while !seen.over.load(Ordering::Relaxed) {
                let taken = tokio::time::timeout(NEVER, take(&node, begun, &key, rule, 1));
                let count = match taken.await.expect("a call hangs") {
                    Some(true) => &seen.passed,
                    Some(false) => &seen.refused,
                    None => &seen.away,
                };
                count.fetch_add(1, Ordering::Relaxed);
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        });
    }
    tasks
}

/// Waits for what must come.
async fn until(what: &str, mut there: impl FnMut() -> bool) {
    for _ in 0..3_000 {
        if there() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{what} never comes");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_killed_under_load_hangs_no_call_and_counts_right_when_it_is_back_empty() {
    let Some(mut server) = RedisServer::start() else {
        return;
    };
    let nodes = [
        Arc::new(Node::at(&server.url())),
        Arc::new(Node::at(&server.url())),
    ];
    let rule = RateRule::Bucket {
        limit: 4_000,
        every: HOUR,
    };
    let (key, seen, begun) = (key("a"), Arc::new(Seen::default()), Instant::now());
    let mut tasks = crowd(&nodes, &key, rule, &seen);
    until("the first half", || {
        seen.passed.load(Ordering::Relaxed) > 1_500
    })
    .await;
    server.kill();
    until("the end of the leases", || {
        seen.away.load(Ordering::Relaxed) > 50
    })
    .await;
    let status = nodes[0].stores.link.status();
    assert!(!status.connected && status.why.is_some(), "{status:?}");
    assert!(
        status.failures.iter().any(|(_, count)| *count > 0),
        "{status:?}"
    );
    server.restart();
    let before = seen.passed.load(Ordering::Relaxed);
    until("the second half", || {
        seen.passed.load(Ordering::Relaxed) > before + 500
    })
    .await;
    seen.refused.store(0, Ordering::Relaxed);
    until("the end of the limit", || {
        seen.refused.load(Ordering::Relaxed) > 1_000
    })
    .await;
    seen.over.store(true, Ordering::Relaxed);
    while let Some(task) = tasks.join_next().await {
        task.unwrap();
    }
    let passed = seen.passed.load(Ordering::Relaxed);
    let flowed = 4_000 * begun.elapsed().as_secs() / 3_600 + 1;
    println!("{passed} of 4000 passed");
    assert!(
        passed <= 4_000 + flowed,
        "the server forgot, the nodes did not: {passed}"
    );
    assert!(passed >= 3_500, "and little is lost: {passed}");
    assert!(nodes[0].stores.link.status().connected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_does_not_answer_is_away() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    let nodes = [Arc::new(Node::at(&server.url()))];
    let rule = RateRule::Bucket {
        limit: 100_000,
        every: Duration::from_secs(100),
    };
    let (key, seen) = (key("a"), Arc::new(Seen::default()));
    let mut tasks = crowd(&nodes, &key, rule, &seen);
    until("the first calls", || {
        seen.passed.load(Ordering::Relaxed) > 100
    })
    .await;
    server.freeze(true);
    until("the end of the lease", || {
        seen.away.load(Ordering::Relaxed) > 20
    })
    .await;
    let cache = Arc::clone(&nodes[0].stores.cache);
    let question = KeyHasher::new("question").finish();
    let found = tokio::time::timeout(NEVER, cache.get(&[question])).await;
    assert_eq!(found.expect("a look-up hangs"), None);
    server.freeze(false);
    let before = seen.passed.load(Ordering::Relaxed);
    until("calls after it", || {
        seen.passed.load(Ordering::Relaxed) > before + 100
    })
    .await;
    seen.over.store(true, Ordering::Relaxed);
    while let Some(task) = tasks.join_next().await {
        task.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_was_never_there_is_told_at_once() {
    let node = Node::at("redis://127.0.0.1:1");
    let status = node.stores.link.tried(Duration::from_secs(3)).await;
    assert!(!status.connected);
    let why = status.why.unwrap();
    assert!(why.contains("refused"), "{why}");
    let rule = RateRule::Held { limit: 1 };
    let key = key("a");
    let taken = tokio::time::timeout(NEVER, take(&node, Instant::now(), &key, rule, 1));
    assert_eq!(taken.await.expect("a call hangs"), None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_that_ends_leaves_no_connection_though_somebody_has_the_cache() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    let config = RedisConfig::new(Secret::new(server.url()));
    let (RedisStores { rates, cache, link }, worker) = RedisStores::open(config).unwrap();
    let worker = tokio::spawn(worker.run(std::future::pending()));
    let connections = || server.ask("CLIENT LIST").matches("id=").count() - 1;
    until("both connections", || connections() == 2).await;
    drop(rates);
    let ended = tokio::time::timeout(NEVER, worker).await;
    ended.expect("the worker goes on").unwrap();
    until("the end of the connections", || connections() == 0).await;
    let question = KeyHasher::new("question").finish();
    assert_eq!(cache.get(&[question]).await, None);
    assert!(!link.status().connected);
}

/// A server whose every reply is this one, again and again.
async fn answering(reply: &'static [u8]) -> u16 {
    let socket = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = socket.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut client, _)) = socket.accept().await {
            tokio::spawn(async move {
                use tokio::io::AsyncWriteExt as _;
                let block = reply.repeat(64 * 1024 / reply.len().max(1) + 1);
                client.write_all(reply).await?;
                for _ in 0..4_000 {
                    client.write_all(&block).await?;
                }
                std::io::Result::Ok(())
            });
        }
    });
    port
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reply_that_is_too_large_ends_the_connection_before_it_is_held() {
    for reply in [
        &b"$104857600\r\n"[..],
        b"+endless",
        b"*1000000000\r\n:1\r\n",
    ] {
        let node = Node::at(&format!("redis://127.0.0.1:{}", answering(reply).await));
        let begun = Instant::now();
        let status = node.stores.link.tried(Duration::from_secs(3)).await;
        assert!(!status.connected);
        let why = status.why.unwrap();
        assert!(why.contains("larger than 2097152 bytes"), "{why}");
        assert!(begun.elapsed() < Duration::from_secs(2));
    }
}
