//! Every fault that a provider can have: alone and behind a fallback, streamed and whole, on both lanes. The client
//! gets a complete answer or one clear error, few requests go upstream, one right record is left, and nothing leaks.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests"
)]

mod client;
mod leaks;
mod rows;
mod sockets;

use std::fmt::Write as _;
use std::sync::Arc;

use gateway_core::schema::{ErrorKind, Origin, TokenSource};
use gateway_core::{EngineBuilder, Gateway, GatewayBuilder, Registry};
use gateway_provider_simulator::SIMULATOR;
use gateway_store::{CallRecord, MemoryRecords, Settlement};
use gateway_testkit::{ManualClock, ScriptedTransport, deps};

use client::{Lane, Told, ask};
use rows::{Expect, ROWS, Row};

use crate::support::loaded;

/// The most requests that may go upstream for one call: `max_attempts` of an endpoint alone, one per target behind a
/// fallback.
const MOST_ATTEMPTS: usize = 2;

/// Every way to ask.
const WAYS: [(Lane, bool); 4] = [
    (Lane::Same, false),
    (Lane::Same, true),
    (Lane::Cross, false),
    (Lane::Cross, true),
];

/// One endpoint per row, named as the row, and one more per row with a fallback to `good`.
fn plan_text() -> String {
    let mut text = String::from("endpoints:\n");
    let mut endpoint = |name: &str, config: &str, more: &str| {
        // Writing to a string cannot fail.
        let _ = write!(
            text,
            "  - name: {name}\n    endpoint_type: llm/v1/chat\n    \
             model: {{provider: simulator, name: sim, config: {{seed: 7, reply_tokens: 8{config}}}}}\n    \
             timeout: {{first_event: 5s, idle: 2s, total: 1m}}\n    max_concurrency: 8\n{more}"
        );
    };
    endpoint("good", "", "");
    for row in ROWS {
        let faults = format!(", faults: [{{{}}}]", row.fault);
        let retry = "    retry: {max_attempts: 2, initial_backoff: 1ms, max_backoff: 2ms}\n";
        endpoint(row.name, &faults, retry);
        endpoint(&row.behind(), &faults, "    fallback: [good]\n");
    }
    text
}

struct World {
    gateway: Gateway,
    records: Arc<MemoryRecords>,
}

impl World {
    fn new() -> Self {
        let records = Arc::new(MemoryRecords::new(100_000));
        let registry = Registry::new().with(SIMULATOR);
        let plan = loaded(&plan_text(), &registry);
        let engine = EngineBuilder::new(registry, deps(&ScriptedTransport::new()))
            .with_records(Arc::clone(&records) as _)
            .build(&plan)
            .unwrap();
        let gateway = GatewayBuilder::new(engine, Arc::new(ManualClock::new())).build();
        Self { gateway, records }
    }

    async fn ask(&self, name: &str, lane: Lane, stream: bool) -> Told {
        ask(&self.gateway, name, lane, stream).await
    }

    /// The one record of the last call.
    fn record(&self) -> CallRecord {
        let mut records = self.records.take();
        assert_eq!(records.len(), 1, "one call, one record: {records:?}");
        records.pop().unwrap()
    }
}

/// What must hold when `row` was asked, and `good` is what it says without a fault.
fn check(row: &Row, expected: Expect, told: &Told, good: &Told, what: &str) {
    match expected {
        Expect::Complete => {
            assert_eq!(told.status, 200, "{what}: {told:?}");
            assert_eq!((told.ends, told.errors), (good.ends, 0), "{what}: {told:?}");
            assert_eq!(told.text, good.text, "{what}");
        }
        Expect::Refused(status) => {
            assert_eq!(told.status, status, "{what}: {told:?}");
            assert_eq!((told.ends, told.errors), (0, 1), "{what}: {told:?}");
            assert!(told.text.is_empty(), "{what}: {told:?}");
            assert_eq!(told.retry_after.is_some(), row.waits, "{what}: {told:?}");
        }
        Expect::Broken => {
            assert_eq!(told.status, 200, "{what}: {told:?}");
            assert_eq!((told.ends, told.errors), (0, 1), "{what}: {told:?}");
            assert!(!told.text.is_empty(), "{what}: {told:?}");
            assert!(good.text.starts_with(&told.text), "{what}: {told:?}");
        }
    }
}

/// What the record must say.
fn check_record(expected: Expect, record: &CallRecord, good: &CallRecord, what: &str) {
    let attempts = record.attempts.len();
    assert!(
        (1..=MOST_ATTEMPTS).contains(&attempts),
        "{what}: {record:?}"
    );
    match expected {
        Expect::Complete => {
            assert_eq!(record.settlement, Settlement::Completed, "{what}");
            assert_eq!(
                record.usage, good.usage,
                "{what}: counted once, as reported"
            );
        }
        Expect::Refused(_) | Expect::Broken => {
            let Settlement::Failed(kind, Origin::Upstream) = record.settlement else {
                panic!("{what}: {record:?}")
            };
            assert_ne!(kind, ErrorKind::Internal, "{what}");
            assert!(record.failure.is_some(), "{what}");
        }
    }
    if expected == Expect::Broken && record.usage.source == TokenSource::Estimated {
        // The provider never said what it charged for, the caller got something all the same.
        let (output, all) = (record.usage.output_tokens, good.usage.output_tokens);
        assert!(Some(0) < output && output <= all, "{what}: {record:?}");
    } else if expected == Expect::Broken {
        assert_eq!(record.usage, good.usage, "{what}: as reported");
    }
}

#[tokio::test(start_paused = true)]
async fn every_fault_ends_in_a_complete_answer_or_in_one_clear_error() {
    let world = World::new();
    for (lane, stream) in WAYS {
        let good = world.ask("good", lane, stream).await;
        assert_eq!(good.status, 200, "{good:?}");
        let good_record = world.record();
        for row in ROWS {
            for behind in [false, true] {
                let name = if behind {
                    row.behind()
                } else {
                    row.name.into()
                };
                let what = format!("{name}, {lane:?} lane, stream: {stream}");
                let told = world.ask(&name, lane, stream).await;
                let alone = if stream { row.stream } else { row.whole };
                let expected = match alone {
                    // Until the answer has begun, another target can give it.
                    Expect::Refused(_) if behind => Expect::Complete,
                    other => other,
                };
                check(row, expected, &told, &good, &what);
                check_record(expected, &world.record(), &good_record, &what);
            }
        }
    }
    for (name, count) in world.gateway.engine().in_flight() {
        assert_eq!(count, 0, "{name}");
    }
}
