//! Four processes of the operating system share one limit.

use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use gateway_store::rate::{RateKey, RateRule, RateStore};
use redis::aio::MultiplexedConnection;

use crate::server::{Node, given, variable};
use crate::suite::take;

/// What a process is told: URL, kind of rule, name of the rule.
const ORDERS: &str = "GATEWAY_STORE_REDIS_ORDERS";
const LIMIT: u64 = 3_000;
const PLACES: u64 = 24;
/// So long that nothing worth mentioning flows in meanwhile.
const MONTH: Duration = Duration::from_hours(720);

fn rule(kind: &str) -> RateRule {
    match kind {
        "bucket" => RateRule::Bucket {
            limit: LIMIT,
            every: MONTH,
        },
        "window" => RateRule::Window {
            limit: LIMIT,
            every: MONTH,
        },
        "flowing" => RateRule::Bucket {
            limit: 400,
            every: Duration::from_secs(1),
        },
        _ => RateRule::Held { limit: PLACES },
    }
}

async fn connection(url: &str) -> MultiplexedConnection {
    let client = redis::Client::open(url).unwrap();
    client.get_multiplexed_async_connection().await.unwrap()
}

/// Not a test of its own: what each of the four processes does. Without orders it does nothing.
#[test]
fn one_of_the_processes() {
    let Some(orders) = variable(ORDERS) else {
        return;
    };
    let [url, kind, name] = orders.split(' ').collect::<Vec<_>>()[..] else {
        panic!("{orders}")
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let admitted = runtime.block_on(work(url, kind, name));
    println!("admitted={admitted}");
}

/// Takes as fast as it can until nothing was there for two seconds, or for four seconds where it never ends.
async fn work(url: &str, kind: &str, name: &str) -> u64 {
    let node = Arc::new(Node::at(url));
    let rule = rule(kind);
    let key = RateKey {
        rule: name.into(),
        subject: "all".into(),
    };
    let mut control = connection(url).await;
    let ready: u64 = redis::cmd("INCR")
        .arg(format!("{name}:ready"))
        .query_async(&mut control)
        .await
        .unwrap();
    assert!(ready <= 4);
    loop {
        let go: bool = redis::cmd("EXISTS")
            .arg(format!("{name}:go"))
            .query_async(&mut control)
            .await
            .unwrap();
        if go {
            break;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let begun = Instant::now();
    let admitted = Arc::new(AtomicU64::new(0));
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let (node, key, admitted) = (Arc::clone(&node), key.clone(), Arc::clone(&admitted));
        let (mut control, name) = (control.clone(), name.to_owned());
        let endless = !matches!(kind, "bucket" | "window");
        tasks.spawn(async move {
            let mut last = Instant::now();
            loop {
                let passed = take(&node, begun, &key, rule, 1).await.unwrap();
                if passed {
                    admitted.fetch_add(1, Ordering::Relaxed);
                    last = Instant::now();
                }
                if passed && matches!(rule, RateRule::Held { .. }) {
                    hold(&mut control, &name).await;
                    node.stores.rates.give(&key, rule, 1, begun.elapsed());
                } else {
                    tokio::time::sleep(Duration::from_micros(300)).await;
                }
                let over = if endless { begun } else { last };
                let time = if endless { 4 } else { 2 };
                if over.elapsed() > Duration::from_secs(time) {
                    break;
                }
            }
        });
    }
    while let Some(task) = tasks.join_next().await {
        task.unwrap();
    }
    admitted.load(Ordering::Relaxed)
}

/// Holds a place for a moment, where all processes can see how many are held.
async fn hold(control: &mut MultiplexedConnection, name: &str) {
    let script = redis::Script::new(
        "local n = redis.call('INCR', KEYS[1]) \
         if n > tonumber(redis.call('GET', KEYS[2]) or '0') then redis.call('SET', KEYS[2], n) end",
    );
    let (held, most) = (format!("{name}:held"), format!("{name}:most"));
    script
        .key(&held)
        .key(most)
        .invoke_async::<()>(control)
        .await
        .unwrap();
    tokio::time::sleep(Duration::from_millis(5)).await;
    redis::cmd("DECR")
        .arg(held)
        .query_async::<()>(control)
        .await
        .unwrap();
}

/// Lets four processes work. Returns what each admitted, and how long it took.
async fn four(url: &str, kind: &str, name: &str) -> (Vec<u64>, Duration) {
    let children: Vec<_> = (0..4)
        .map(|_| {
            Command::new(std::env::current_exe().unwrap())
                .args(["processes::one_of_the_processes", "--exact", "--nocapture"])
                .env(ORDERS, format!("{url} {kind} {name}"))
                .stdout(Stdio::piped())
                .spawn()
                .unwrap()
        })
        .collect();
    let mut control = connection(url).await;
    loop {
        let ready: Option<u64> = redis::cmd("GET")
            .arg(format!("{name}:ready"))
            .query_async(&mut control)
            .await
            .unwrap();
        if ready == Some(4) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let begun = Instant::now();
    redis::cmd("SET")
        .arg(format!("{name}:go"))
        .arg(1)
        .query_async::<()>(&mut control)
        .await
        .unwrap();
    let outputs = tokio::task::spawn_blocking(move || {
        children
            .into_iter()
            .map(|child| child.wait_with_output().unwrap())
            .collect::<Vec<_>>()
    });
    let admitted = outputs.await.unwrap().into_iter().map(|output| {
        assert!(output.status.success(), "{output:?}");
        let text = String::from_utf8(output.stdout).unwrap();
        let (_, number) = text.split_once("admitted=").unwrap();
        number.lines().next().unwrap().trim().parse().unwrap()
    });
    (admitted.collect(), begun.elapsed())
}

fn name() -> String {
    format!("four/{:016x}", fastrand::u64(..))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn four_processes_never_admit_more_than_the_limit_and_leave_little_of_it() {
    let Some((url, _server)) = given() else {
        return;
    };
    for kind in ["bucket", "window"] {
        let (admitted, _) = four(&url, kind, &name()).await;
        let total: u64 = admitted.iter().sum();
        println!("{kind}: {admitted:?} = {total} of {LIMIT}");
        assert!(total <= LIMIT, "{kind}: {admitted:?}");
        assert!(total >= LIMIT * 99 / 100, "{kind}: {admitted:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn four_processes_never_get_more_of_a_flow_than_one_would() {
    let Some((url, _server)) = given() else {
        return;
    };
    let (admitted, time) = four(&url, "flowing", &name()).await;
    let total: u64 = admitted.iter().sum();
    println!("{admitted:?} = {total} in {time:?}");
    assert!(
        total as f64 <= 400.0 + 400.0 * time.as_secs_f64(),
        "{admitted:?}"
    );
    assert!(
        total >= 800,
        "half of what flows in the four seconds: {admitted:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn four_processes_never_hold_more_places_than_there_are() {
    let Some((url, _server)) = given() else {
        return;
    };
    let name = name();
    let (admitted, _) = four(&url, "held", &name).await;
    let mut control = connection(&url).await;
    let most: u64 = redis::cmd("GET")
        .arg(format!("{name}:most"))
        .query_async(&mut control)
        .await
        .unwrap();
    println!("at most {most} of {PLACES} places at once; {admitted:?}");
    assert!(most <= PLACES);
    assert!(most >= PLACES * 3 / 4, "32 callers use most of the places");
}
