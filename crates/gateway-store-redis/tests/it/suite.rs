//! The suite that every store passes, and what only several nodes can show.

use std::sync::Arc;
use std::time::{Duration, Instant};

use gateway_schema::Secret;
use gateway_store::cache::{KeyHasher, RemoteCache};
use gateway_store::rate::{RateKey, RateRule, RateStore, Taken};
use gateway_store_redis::{RedisConfig, RedisRates};
use gateway_testkit::store::{self, RateBench};

use crate::server::{Node, given};

struct Bench {
    rates: Arc<RedisRates>,
    begun: Instant,
}

impl RateBench for Bench {
    fn store(&self) -> Arc<dyn RateStore> {
        Arc::clone(&self.rates) as _
    }

    fn now(&self) -> Duration {
        self.begun.elapsed()
    }

    async fn pass(&self, time: Duration) {
        tokio::time::sleep(time).await;
    }
}

pub(crate) fn key(subject: &str) -> RateKey {
    RateKey {
        rule: format!("test/{:016x}", fastrand::u64(..)).into(),
        subject: subject.into(),
    }
}

/// Takes, borrowing if need be; `None` when the store is away.
pub(crate) async fn take(
    node: &Node,
    begun: Instant,
    key: &RateKey,
    rule: RateRule,
    amount: u64,
) -> Option<bool> {
    let rates = &node.stores.rates;
    let taken = match rates.take(key, rule, amount, begun.elapsed()) {
        Taken::Short => rates
            .borrow(key, rule, amount, begun.elapsed())
            .await
            .ok()?,
        known => known,
    };
    Some(matches!(taken, Taken::Yes(_)))
}

const HOUR: Duration = Duration::from_hours(1);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rates_in_redis_keep_every_rule() {
    let Some((url, _server)) = given() else {
        return;
    };
    let node = Node::at(&url);
    let bench = Bench {
        rates: Arc::clone(&node.stores.rates),
        begun: Instant::now(),
    };
    store::rates(&bench).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_in_redis_are_found_by_other_nodes() {
    let Some((url, _server)) = given() else {
        return;
    };
    let (one, other) = (Node::at(&url), Node::at(&url));
    one.stores.link.tried(Duration::from_secs(5)).await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    store::remote_cache(&*one.stores.cache, &*other.stores.cache).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_node_does_not_use_is_returned() {
    let Some((url, _server)) = given() else {
        return;
    };
    let begun = Instant::now();
    let (one, other) = (Node::at(&url), Node::at(&url));
    for rule in [
        RateRule::Bucket {
            limit: 40,
            every: HOUR,
        },
        RateRule::Window {
            limit: 40,
            every: HOUR,
        },
        RateRule::Held { limit: 40 },
    ] {
        let key = key("a");
        // One node takes a little and holds some more; then nobody calls there any more.
        for _ in 0..5 {
            assert_eq!(take(&one, begun, &key, rule, 1).await, Some(true));
        }
        let mut passed = 0;
        for _ in 0..40 {
            for _ in 0..40 {
                passed += u32::from(take(&other, begun, &key, rule, 1).await == Some(true));
            }
            if passed >= 35 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        assert_eq!(passed, 35, "{rule:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_stops_returns_its_share_and_one_that_dies_loses_it_for_a_while() {
    let Some((url, _server)) = given() else {
        return;
    };
    let begun = Instant::now();
    let rule = RateRule::Held { limit: 4 };
    let key = key("a");
    let lease = Duration::from_secs(2);
    let config = RedisConfig::new(Secret::new(url.clone())).with_leases(lease, lease);
    let (one, other) = (Node::with(config.clone()), Node::with(config));
    for _ in 0..4 {
        assert_eq!(take(&one, begun, &key, rule, 1).await, Some(true));
    }
    assert_eq!(take(&other, begun, &key, rule, 1).await, Some(false));
    one.die();
    assert_eq!(
        take(&other, begun, &key, rule, 4).await,
        Some(false),
        "not yet"
    );
    let mut waited = 0;
    while take(&other, begun, &key, rule, 4).await != Some(true) {
        tokio::time::sleep(Duration::from_millis(100)).await;
        waited += 1;
        assert!(waited < 100, "the places of the dead node never come back");
    }
    other.stores.rates.give(&key, rule, 4, begun.elapsed());
    other.stop().await;
    let third = Node::at(&url);
    assert_eq!(
        take(&third, begun, &key, rule, 4).await,
        Some(true),
        "at once, for the other has said so"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_that_callers_send_stands_in_redis_as_it_is() {
    let Some((url, _server)) = given() else {
        return;
    };
    let begun = Instant::now();
    let node = Node::at(&url);
    let secret = "sk-very-secret";
    let mut key = key(secret);
    key.rule = "chat/limits[0]".into();
    let rule = RateRule::Bucket {
        limit: 7,
        every: HOUR,
    };
    take(&node, begun, &key, rule, 1).await;
    let question = KeyHasher::new("question").with(secret.as_bytes()).finish();
    let mut names = Vec::new();
    for _ in 0..100 {
        node.stores.cache.put(question, b"answer".to_vec(), HOUR);
        let mut connection = redis::Client::open(url.as_str())
            .unwrap()
            .get_multiplexed_async_connection()
            .await
            .unwrap();
        names = redis::cmd("KEYS")
            .arg("*")
            .query_async::<Vec<String>>(&mut connection)
            .await
            .unwrap();
        if names
            .iter()
            .any(|name| name.starts_with("gateway:1:cache:"))
        {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(
        names
            .iter()
            .any(|name| name.starts_with("gateway:1:rate:chat/limits[0]:bucket:3600000:"))
    );
    assert!(
        names
            .iter()
            .any(|name| name.starts_with("gateway:1:cache:"))
    );
    // The server is shared with the tests of several processes, which meet under names of their own.
    names.retain(|name| !name.starts_with("four/"));
    assert!(
        names.iter().all(|name| name.starts_with("gateway:1:")),
        "{names:?}"
    );
    assert!(names.iter().all(|name| !name.contains(secret)), "{names:?}");
}
