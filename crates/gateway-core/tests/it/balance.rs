//! Routes through the public faces: from a configuration, over every surface, streamed and not.

#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use gateway_core::config::Plan;
use gateway_core::provider::{Principal, ReplyBody};
use gateway_core::schema::{ErrorKind, Retry};
use gateway_core::{Engine, EngineBuilder, GatewayBuilder, Registry};
use gateway_provider_simulator::SIMULATOR;
use gateway_schema::CallError;
use gateway_store::{CallRecord, MemoryRecords};
use gateway_testkit::{Answer, ManualClock, ScriptedProvider, ScriptedTransport, deps};
use http::Request;
use http_body_util::{BodyExt, Full};
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::support::{call, loaded};

/// Three endpoints of one registered provider, which the tests answer for themselves, and this route over them.
fn plan(endpoints: &str, route: &str) -> Plan {
    let mut text = "endpoints:\n".to_owned();
    for name in ["a", "b", "c"] {
        let own = endpoints
            .lines()
            .filter_map(|line| line.strip_prefix(&format!("{name}: ")))
            .map(|line| format!("    {line}\n"));
        let common = format!(
            "  - name: {name}\n    endpoint_type: llm/v1/chat\n    \
             model: {{provider: simulator, name: {name}}}\n"
        );
        text.push_str(&common);
        text.extend(own);
    }
    text.push_str("routes:\n  - name: route\n    task_type: llm/v1/chat\n");
    for line in route.lines() {
        text.extend(["    ", line.trim(), "\n"]);
    }
    let registry = Registry::new().with(SIMULATOR);
    let mut plan = loaded(&text, &registry);
    for endpoint in &mut plan.endpoints {
        // Each endpoint has a provider of its own, which the test scripts.
        endpoint.model.provider = endpoint.name.as_str().into();
    }
    plan
}

struct Bench {
    providers: [ScriptedProvider; 3],
    records: Arc<MemoryRecords>,
    engine: Engine,
}

fn bench(plan: &Plan, providers: [ScriptedProvider; 3]) -> Bench {
    let records = Arc::new(MemoryRecords::new(100_000));
    let transport = ScriptedTransport::new();
    let mut builder = EngineBuilder::new(Registry::new(), deps(&transport));
    for (name, provider) in ["a", "b", "c"].into_iter().zip(&providers) {
        builder = builder.with_provider(name, Arc::new(provider.clone()));
    }
    let state = AtomicU64::new(42);
    let dice = move || {
        // A fixed sequence of numbers that look random.
        let mut bits = state.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed);
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    };
    let engine = builder
        .with_records(Arc::clone(&records) as _)
        .with_dice(Arc::new(dice))
        .build(plan)
        .unwrap_or_else(|errors| panic!("{errors:?}"));
    Bench {
        providers,
        records,
        engine,
    }
}

fn answering() -> [ScriptedProvider; 3] {
    ["a", "b", "c"].map(|name| ScriptedProvider::new(name, name).always(Answer::text(name)))
}

fn slow(name: &str, milliseconds: u64) -> ScriptedProvider {
    ScriptedProvider::new(name, name)
        .with_delay(Duration::from_millis(milliseconds))
        .always(Answer::text(name))
}

impl Bench {
    async fn ask(&self) -> Result<String, CallError> {
        let reply = self.engine.clone().oneshot(call("route", false)).await?;
        Ok(reply.model.to_string())
    }

    async fn ask_as(&self, user: &str) -> String {
        let mut call = call("route", false);
        call.context.principal = Principal::trusted();
        call.context.principal.user = Some(user.into());
        let reply = self.engine.clone().oneshot(call).await.unwrap();
        reply.model.to_string()
    }

    fn counts(&self) -> [usize; 3] {
        self.providers.each_ref().map(ScriptedProvider::call_count)
    }

    fn last(&self) -> CallRecord {
        self.records.take().pop().unwrap()
    }
}

const THREE: &str = "destinations: [{name: a}, {name: b}, {name: c}]";

#[tokio::test]
async fn percentages_hold_and_a_reload_changes_them() {
    let split = |a: u8, b: u8, c: u8| {
        let shares = format!(
            "destinations: [{{name: a, traffic_percentage: {a}}}, {{name: b, traffic_percentage: {b}}}, \
             {{name: c, traffic_percentage: {c}}}]"
        );
        plan("", &shares)
    };
    let bench = bench(&split(70, 30, 0), answering());
    for _ in 0..10_000 {
        bench.ask().await.unwrap();
    }
    let [a, b, c] = bench.counts();
    // Four standard deviations of a binomial distribution are 183 calls.
    assert!((6_817..=7_183).contains(&a), "{a}");
    assert_eq!((a + b, c), (10_000, 0));
    bench.engine.apply(&split(0, 30, 70)).unwrap();
    for _ in 0..10_000 {
        bench.ask().await.unwrap();
    }
    assert_eq!(bench.counts()[0], a, "drained by the reload");
    assert!((6_817..=7_183).contains(&bench.counts()[2]));
    let record = bench.last();
    assert_eq!(record.variant_reason.as_deref(), Some("traffic_split"));
}

#[tokio::test]
async fn users_stay_over_a_restart_and_few_move_when_weights_change() {
    let sticky = |a: u8, b: u8| {
        plan(
            "",
            &format!(
                "destinations: [{{name: a, traffic_percentage: {a}}}, {{name: b, traffic_percentage: {b}}}]\n\
                 sticky: {{by: user}}"
            ),
        )
    };
    let users: Vec<String> = (0..1_000).map(|number| format!("user-{number}")).collect();
    let assigned = |bench: Bench| {
        let users = users.clone();
        async move {
            let mut all = Vec::new();
            for user in &users {
                all.push(bench.ask_as(user).await);
            }
            all
        }
    };
    let before = assigned(bench(&sticky(80, 20), answering())).await;
    assert_eq!(before, assigned(bench(&sticky(80, 20), answering())).await);
    let on_b = before.iter().filter(|own| *own == "b").count();
    assert!((160..=240).contains(&on_b), "{on_b}");

    let reloaded = bench(&sticky(80, 20), answering());
    reloaded.engine.apply(&sticky(70, 30)).unwrap();
    let after = assigned(reloaded).await;
    let moved: Vec<_> = before
        .iter()
        .zip(&after)
        .filter(|(one, other)| one != other)
        .collect();
    assert!((60..=140).contains(&moved.len()), "{} of 1000", moved.len());
    assert!(
        moved.iter().all(|(one, _)| *one == "a"),
        "only to where the share grew"
    );
}

#[tokio::test(start_paused = true)]
async fn the_faster_one_gets_the_calls_and_the_figure_survives_a_reload() {
    let plan = plan("", &format!("{THREE}\nrouting_strategy: LEAST_LATENCY"));
    let bench = bench(&plan, [slow("a", 900), slow("b", 100), slow("c", 500)]);
    for _ in 0..20 {
        bench.ask().await.unwrap();
    }
    bench.engine.apply(&plan).unwrap();
    let [a, b, c] = bench.counts();
    for _ in 0..40 {
        bench.ask().await.unwrap();
    }
    let [later_a, later_b, later_c] = bench.counts();
    assert_eq!(later_a - a, 0, "it loses to both others");
    assert!(later_b - b > later_c - c, "{:?}", bench.counts());
    assert_eq!(
        bench.last().variant_reason.as_deref(),
        Some("least_latency")
    );
}

#[tokio::test(start_paused = true)]
async fn latency_is_that_of_the_first_token_and_is_learnt_on_every_way_to_an_endpoint() {
    let plan = plan(
        "",
        "destinations: [{name: a}, {name: b}]\nrouting_strategy: LEAST_LATENCY",
    );
    let streaming = |name: &str, milliseconds| {
        ScriptedProvider::new(name, name)
            .with_delay(Duration::from_millis(milliseconds))
            .always(Answer::pieces(&["x", "y"]))
    };
    let bench = bench(
        &plan,
        [streaming("a", 800), streaming("b", 50), slow("c", 0)],
    );
    for name in ["a", "b"] {
        let reply = bench
            .engine
            .clone()
            .oneshot(call(name, true))
            .await
            .unwrap();
        // A stream that is read slowly is not a slow provider.
        tokio::time::sleep(Duration::from_secs(5)).await;
        drop(reply);
    }
    for _ in 0..5 {
        drop(
            bench
                .engine
                .clone()
                .oneshot(call("route", true))
                .await
                .unwrap(),
        );
    }
    assert_eq!(
        bench.counts(),
        [1, 6, 0],
        "both were asked by their own names first"
    );
}

#[tokio::test(start_paused = true)]
async fn the_least_busy_one_gets_the_next_call_streams_included() {
    let plan = plan("", &format!("{THREE}\nrouting_strategy: LEAST_BUSY"));
    let streaming = ["a", "b", "c"]
        .map(|name| ScriptedProvider::new(name, name).always(Answer::pieces(&["x", "y"])));
    let bench = bench(&plan, streaming);
    let mut open = Vec::new();
    for _ in 0..30 {
        open.push(
            bench
                .engine
                .clone()
                .oneshot(call("route", true))
                .await
                .unwrap(),
        );
    }
    assert_eq!(bench.counts(), [10, 10, 10]);
    let gone = open
        .iter()
        .position(|reply| reply.model.as_str() == "b")
        .unwrap();
    open.remove(gone);
    bench.engine.apply(&plan).unwrap();
    let reply = bench
        .engine
        .clone()
        .oneshot(call("route", true))
        .await
        .unwrap();
    assert_eq!(reply.model.as_str(), "b", "counts outlive the plan");
    drop(open);
    // Calls by an endpoint's own name count, too.
    let direct = bench.engine.clone().oneshot(call("a", true)).await.unwrap();
    for _ in 0..4 {
        let reply = bench
            .engine
            .clone()
            .oneshot(call("route", true))
            .await
            .unwrap();
        assert_eq!(reply.model.as_str(), "c", "b and a have one each");
    }
    drop((direct, reply));
}

#[tokio::test]
async fn the_cheapest_answers_by_the_catalog_and_by_an_endpoints_own_price() {
    let mut catalog = plan(
        "c: price: {input: 0.01, output: 0.01}",
        &format!("{THREE}\nrouting_strategy: LOWEST_COST"),
    );
    let models = [("a", "gpt-4o"), ("b", "gpt-4o-mini"), ("c", "gpt-4o")];
    for (endpoint, (_, model)) in catalog.endpoints.iter_mut().zip(models) {
        endpoint.model.name = Some(model.into());
        endpoint.model.provider_alias = "openai".into();
    }
    let bench = bench(&catalog, answering());
    assert_eq!(bench.ask().await.unwrap(), "c", "its own price wins");
    catalog.endpoints[2].price = None;
    bench.engine.apply(&catalog).unwrap();
    assert_eq!(bench.ask().await.unwrap(), "b", "the catalog knows");
    assert_eq!(bench.last().variant_reason.as_deref(), Some("lowest_cost"));
}

#[tokio::test]
async fn each_in_turn_and_zero_takes_out() {
    let plan = plan(
        "",
        "destinations: [{name: a}, {name: b, traffic_percentage: 0}, {name: c}]\n\
         routing_strategy: ROUND_ROBIN",
    );
    let bench = bench(&plan, answering());
    let mut order = String::new();
    for _ in 0..6 {
        order += &bench.ask().await.unwrap();
    }
    assert_eq!(order, "acacac");
}

#[tokio::test(start_paused = true)]
async fn priority_asks_the_first_that_works_and_comes_back_to_it() {
    let plan = plan(
        "a: breaker: {failures: 2, within: 30s, open_for: 15s}",
        &format!("{THREE}\nrouting_strategy: PRIORITY"),
    );
    let [_, b, c] = answering();
    let down = || Answer::fail(ErrorKind::Unavailable);
    let a = ScriptedProvider::new("a", "a")
        .then(down())
        .then(down())
        .always(Answer::text("a"));
    let bench = bench(&plan, [a, b, c]);
    for _ in 0..5 {
        assert_eq!(bench.ask().await.unwrap(), "b");
    }
    assert_eq!(
        bench.counts(),
        [2, 5, 0],
        "the breaker is open: nobody asks in vain"
    );
    let reasons: Vec<_> = bench
        .records
        .take()
        .into_iter()
        .map(|record| {
            (
                record.attempts.len(),
                record.variant_reason.unwrap().to_string(),
            )
        })
        .collect();
    assert_eq!(reasons[0], (2, "failover".to_owned()));
    assert_eq!(reasons[4], (1, "priority".to_owned()));
    tokio::time::sleep(Duration::from_secs(16)).await;
    assert_eq!(
        bench.ask().await.unwrap(),
        "a",
        "one call probes, and it works"
    );
    assert_eq!(bench.ask().await.unwrap(), "a");
}

#[tokio::test(start_paused = true)]
async fn a_limited_destination_of_a_split_rests_and_is_asked_when_there_is_no_other() {
    let plan = plan(
        "",
        "destinations: [{name: a, traffic_percentage: 50}, {name: b, traffic_percentage: 50}]",
    );
    let limited = |seconds| {
        let error = CallError::upstream(ErrorKind::RateLimited, "slow down");
        Answer::Fail(error.with_retry(Retry::After(Duration::from_secs(seconds))))
    };
    let a = ScriptedProvider::new("a", "a")
        .then(limited(20))
        .always(Answer::text("a"));
    let b = ScriptedProvider::new("b", "b").always(Answer::text("b"));
    let bench = bench(&plan, [a, b, slow("c", 0)]);
    while bench.counts()[0] == 0 {
        let answer = bench.ask().await;
        assert_eq!(answer.is_err(), bench.counts()[0] == 1, "{answer:?}");
    }
    for _ in 0..50 {
        assert_eq!(bench.ask().await.unwrap(), "b");
    }
    assert_eq!(bench.counts()[0], 1, "it rests");
    bench.providers[1].push(limited(60));
    assert!(bench.ask().await.is_err());
    assert_eq!(
        bench.ask().await.unwrap(),
        "a",
        "both rest: the sooner fit is asked"
    );
}

const RULES: &str = "destinations: [{name: a, traffic_percentage: 100}]\n\
    rules:\n\
    - {when: {header: {x-tier: gold}}, to: b}\n\
    - {when: {prompt_tokens: {over: 1000}}, to: b}\n\
    - {when: {content: {matches: '(?i)\\b(ssn|iban)\\b'}}, to: c}\n\
    - {when: {parameters: {temperature: 0, stream: false}}, to: c}";

/// A question in each way in: the path, and the body for a text and a temperature.
type Way = (&'static str, fn(&str, f64, bool) -> Value);

const WAYS: [Way; 5] = [
    ("/v1/chat/completions", |text, temperature, stream| {
        json!({"model": "route", "temperature": temperature, "stream": stream,
               "messages": [{"role": "user", "content": text}]})
    }),
    ("/v1/messages", |text, temperature, stream| {
        json!({"model": "route", "temperature": temperature, "stream": stream, "max_tokens": 9,
               "messages": [{"role": "user", "content": [{"type": "text", "text": text}]}]})
    }),
    (
        "/v1/responses",
        |text, temperature, stream| json!({"model": "route", "temperature": temperature, "stream": stream, "input": text}),
    ),
    (
        "/v1beta/models/route:generateContent",
        |text, temperature, _| {
            json!({"contents": [{"role": "user", "parts": [{"text": text}]}],
               "generationConfig": {"temperature": temperature}})
        },
    ),
    ("/gateway/route/invocations", |text, temperature, stream| {
        json!({"temperature": temperature, "stream": stream,
               "messages": [{"role": "user", "content": text}]})
    }),
];

#[tokio::test]
async fn rules_hold_for_every_way_in_and_the_reply_says_the_variant_and_why() {
    let plan = plan("", RULES);
    for (path, body) in WAYS {
        for stream in [false, true] {
            let streamed = path.replace(":generateContent", ":streamGenerateContent");
            let path = if stream { streamed.as_str() } else { path };
            for (header, body, variant, reason) in [
                ("gold", body("hello", 1.0, stream), "b", "rules[0]"),
                (
                    "x",
                    body(&"word ".repeat(1_000), 1.0, stream),
                    "b",
                    "rules[1]",
                ),
                ("x", body("my \u{49}BAN is", 1.0, stream), "c", "rules[2]"),
                ("x", body("hello", 1.0, stream), "a", "traffic_split"),
                (
                    "x",
                    body("hello", 0.0, stream),
                    if stream { "a" } else { "c" },
                    if stream { "traffic_split" } else { "rules[3]" },
                ),
            ] {
                let answer = if stream {
                    Answer::pieces(&["x"])
                } else {
                    Answer::text("x")
                };
                let providers = ["a", "b", "c"]
                    .map(|name| ScriptedProvider::new(name, name).always(answer.clone()));
                let bench = bench(&plan, providers);
                let clock = Arc::new(ManualClock::new());
                let gateway = GatewayBuilder::new(bench.engine.clone(), clock).build();
                let request = Request::post(path)
                    .header("x-tier", header)
                    .header("anthropic-version", "2023-06-01")
                    .body(Full::new(Bytes::from(body.to_string())))
                    .unwrap();
                let reply = gateway.oneshot(request).await.unwrap();
                assert_eq!(reply.status(), 200, "{path}");
                let told = (
                    reply.headers()["x-gateway-variant"]
                        .to_str()
                        .unwrap()
                        .to_owned(),
                    reply.headers()["x-gateway-variant-reason"]
                        .to_str()
                        .unwrap()
                        .to_owned(),
                );
                reply.into_body().collect().await.unwrap();
                assert_eq!(told, (variant.to_owned(), reason.to_owned()), "{path}");
                let record = bench.last();
                assert_eq!(record.variant.as_ref().unwrap().as_str(), variant);
                assert_eq!(record.variant_reason.as_deref(), Some(reason));
            }
        }
    }
}

#[tokio::test]
async fn a_stream_that_does_not_begin_is_begun_elsewhere_and_one_that_breaks_is_not() {
    let plan = plan("", &format!("{THREE}\nrouting_strategy: PRIORITY"));
    let broken = CallError::upstream(ErrorKind::Upstream, "cut");
    let a = ScriptedProvider::new("a", "a")
        .then(Answer::fail(ErrorKind::Unavailable))
        .then(Answer::broken(&["x"], broken));
    let [_, b, c] = ["a", "b", "c"]
        .map(|name| ScriptedProvider::new(name, name).always(Answer::pieces(&["x", "y"])));
    let bench = bench(&plan, [a, b, c]);
    let mut seen = Vec::new();
    for _ in 0..2 {
        let reply = bench
            .engine
            .clone()
            .oneshot(call("route", true))
            .await
            .unwrap();
        let ReplyBody::Stream(stream) = reply.body else {
            panic!("a stream")
        };
        let frames: Vec<_> = stream.collect().await;
        seen.push((reply.model.to_string(), frames.last().unwrap().is_ok()));
    }
    assert_eq!(seen, [("b".to_owned(), true), ("a".to_owned(), false)]);
    assert_eq!(bench.counts(), [2, 1, 0]);
}

#[tokio::test]
async fn a_limit_of_the_first_destination_spills_over_to_the_next() {
    let plan = plan(
        "a: limits: [{per: endpoint, requests: 2, every: 1h}]",
        &format!("{THREE}\nrouting_strategy: PRIORITY"),
    );
    let bench = bench(&plan, answering());
    let mut order = String::new();
    for _ in 0..4 {
        order += &bench.ask().await.unwrap();
    }
    assert_eq!(order, "aabb");
}
