//! The same with real sockets: what only a network can do, and that connections and descriptors come back.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use futures_util::future::join_all;
use gateway_core::{Deps, EngineBuilder, Gateway, GatewayBuilder, Registry};
use gateway_store::{MemoryRecords, Settlement};
use gateway_testkit::chaos::{Behaviour, Chaos, Reply, RetryAfter, refused_origin};
use gateway_testkit::{FixedEnvironment, ManualClock};
use gateway_transport::{HttpTransport, TransportConfig};

use super::client::{Lane, Told, ask};
use super::rows::Expect::{self, Broken, Complete, Refused};
use crate::support::loaded;

const CALLS: usize = 2_000;
const AT_ONCE: usize = 20;

const WHOLE: &str = "{\"id\":\"1\",\"object\":\"chat.completion\",\"model\":\"m\",\"choices\":[{\"index\":0,\
    \"message\":{\"role\":\"assistant\",\"content\":\"Hello you\"},\"finish_reason\":\"stop\"}],\
    \"usage\":{\"prompt_tokens\":3,\"completion_tokens\":2,\"total_tokens\":5}}";

const EVENTS: [&str; 4] = [
    "data: {\"id\":\"1\",\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hello\"}}]}\n\n",
    "data: {\"id\":\"1\",\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\" you\"}}]}\n\n",
    "data: {\"id\":\"1\",\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n",
    "data: [DONE]\n\n",
];

struct World {
    upstream: Chaos,
    transport: HttpTransport,
    records: Arc<MemoryRecords>,
    gateway: Gateway,
}

impl World {
    async fn new() -> Self {
        let upstream = Chaos::start().await.unwrap();
        let spare = Chaos::start().await.unwrap();
        drop(spare);
        let endpoint = |name: &str, origin: &str, more: &str| {
            format!(
                "  - name: {name}\n    endpoint_type: llm/v1/chat\n    model:\n      provider: openai\n      \
                 name: m\n      config: {{openai_api_key: k, openai_api_base: '{origin}/v1'}}\n    \
                 timeout: {{connect: 5s, first_event: 150ms, idle: 150ms, total: 10s}}\n{more}"
            )
        };
        let refused = refused_origin().await.unwrap();
        let text = format!(
            "endpoints:\n{}{}{}",
            endpoint("chat", &upstream.origin(), ""),
            endpoint("refused", &refused, "    fallback: [chat]\n"),
            endpoint("unknown", "http://name.invalid", "    fallback: [chat]\n"),
        );
        let registry = Registry::new().with(gateway_provider_openai::OPENAI);
        let plan = loaded(&text, &registry);
        let transport = HttpTransport::new(TransportConfig::default()).unwrap();
        let clock = Arc::new(ManualClock::new());
        let deps = Deps::new(
            Arc::new(transport.clone()),
            clock.clone(),
            Arc::new(FixedEnvironment::new()),
        );
        let records = Arc::new(MemoryRecords::new(CALLS * 2));
        let engine = EngineBuilder::new(registry, deps)
            .with_records(Arc::clone(&records) as _)
            .build(&plan)
            .unwrap();
        Self {
            upstream,
            transport,
            records,
            gateway: GatewayBuilder::new(engine, clock).build(),
        }
    }

    async fn ask(&self, name: &str, lane: Lane, stream: bool) -> Told {
        ask(&self.gateway, name, lane, stream).await
    }
}

fn good(stream: bool) -> Reply {
    if stream {
        Reply::sse(EVENTS.map(|event| event.as_bytes().to_vec()))
    } else {
        Reply::json(WHOLE)
    }
}

/// What the upstream does, and what the client is to see.
fn behaviours(stream: bool) -> Vec<(&'static str, Behaviour, Expect)> {
    let answer = || Behaviour::answer(good(stream));
    // Of a stream one event has left by then.
    let late = EVENTS[0].len() + 20;
    let begun = |status| if stream { Broken } else { Refused(status) };
    let mut all = vec![
        ("good", answer(), Complete),
        ("cut", answer().cut_after(late), begun(502)),
        ("cut at once", answer().cut_after(0), Refused(502)),
        ("reset", answer().reset_after(late), begun(502)),
        ("reset without a word", Behaviour::reset(), Refused(502)),
        ("hang up", Behaviour::hang_up(), Refused(502)),
        (
            "not HTTP",
            Behaviour::garbage("SSH-2.0-x\r\n\r\n"),
            Refused(502),
        ),
        ("stall", Behaviour::stall(), Refused(504)),
        (
            "stall in the middle",
            answer().stall_after(late),
            begun(504),
        ),
        ("drip", answer().drip(16, Duration::ZERO), Complete),
        (
            "500",
            Behaviour::answer(Reply::json("{}").with_status(500)),
            Refused(500),
        ),
        (
            "503, not JSON",
            Behaviour::answer(Reply::json("<html>").with_status(503)),
            Refused(503),
        ),
    ];
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
    for wait in RetryAfter::every(now) {
        all.push(("429", Behaviour::rate_limited(wait), Refused(429)));
    }
    if !stream {
        all.push(("short", answer().wrong_length(10), Refused(502)));
    }
    all
}

fn check(expected: Expect, told: &Told, what: &str) {
    let seen = (told.status, told.ends, told.errors, &*told.text);
    match expected {
        Complete => assert_eq!(seen, (200, 1, 0, "Hello you"), "{what}"),
        Refused(status) => assert_eq!(seen, (status, 0, 1, ""), "{what}"),
        Broken => assert_eq!(seen, (200, 0, 1, "Hello"), "{what}"),
    }
}

#[tokio::test]
async fn every_fault_of_a_network_ends_in_a_complete_answer_or_in_one_clear_error() {
    let world = World::new().await;
    for stream in [false, true] {
        for lane in [Lane::Same, Lane::Cross] {
            for (name, behaviour, expected) in behaviours(stream) {
                world.upstream.always(behaviour);
                let what = format!("{name}, {lane:?} lane, stream: {stream}");
                let before = world.upstream.received().len();
                let told = world.ask("chat", lane, stream).await;
                check(expected, &told, &what);
                // A connection that died while it lay idle is tried once more.
                let sent = world.upstream.received().len() - before;
                assert!((1..=2).contains(&sent), "{what}: {sent} requests");
                let record = world.records.take();
                assert_eq!(record.len(), 1, "{what}");
                let completed = record[0].settlement == Settlement::Completed;
                assert_eq!(completed, expected == Complete, "{what}");
            }
            world.upstream.always(Behaviour::answer(good(stream)));
            for name in ["refused", "unknown"] {
                let told = world.ask(name, lane, stream).await;
                check(Complete, &told, &format!("{name}, then a fallback"));
                world.records.take();
            }
        }
    }
}

/// The descriptors of this process, where the system tells.
fn descriptors() -> Option<usize> {
    Some(std::fs::read_dir("/proc/self/fd").ok()?.count())
}

#[tokio::test]
async fn connections_and_descriptors_come_back_after_thousands_of_faults() {
    let world = World::new().await;
    // Without those that only wait, to be quick.
    let quick = |stream| {
        let all = behaviours(stream).into_iter();
        all.filter(|(name, ..)| !name.contains("stall"))
            .map(|(_, behaviour, _)| behaviour)
            .collect::<Vec<_>>()
    };
    let storm = async |count: usize| {
        for number in 0..count / AT_ONCE {
            let stream = number % 2 == 0;
            let behaviours = quick(stream);
            world
                .upstream
                .always(behaviours[number / 2 % behaviours.len()].clone());
            let lane = if number % 4 < 2 {
                Lane::Same
            } else {
                Lane::Cross
            };
            join_all((0..AT_ONCE).map(|_| world.ask("chat", lane, stream))).await;
        }
    };
    storm(200).await;
    let (open, files) = (world.transport.stats().open, descriptors());
    storm(CALLS).await;
    world.upstream.always(Behaviour::answer(good(false)));
    world.ask("chat", Lane::Same, false).await;
    assert_eq!(world.records.take().len(), CALLS + 201);
    let now = world.transport.stats().open;
    assert!(now <= open.max(AT_ONCE), "{open} connections became {now}");
    if let (Some(before), Some(after)) = (files, descriptors()) {
        assert!(
            after <= before + 2 * AT_ONCE,
            "{before} descriptors became {after}"
        );
    }
}
