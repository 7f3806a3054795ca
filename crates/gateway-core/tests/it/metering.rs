//! What calls are charged: whatever the caller states, whenever it leaves, and whatever the provider reports.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests"
)]

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use gateway_core::provider::TransportFault;
use gateway_core::schema::TokenSource;
use gateway_core::{EngineBuilder, Gateway, GatewayBuilder, Registry};
use gateway_store::{CallRecord, MemoryRecords};
use gateway_testkit::{ManualClock, ScriptedReply, ScriptedTransport, deps};
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::support::loaded;

const CHAT: &str = "/v1/chat/completions";
const PASSED: &str = "/gateway/proxy/chat/v1/chat/completions";
/// Bytes of a text of 5,000 tokens.
const LONG: usize = 20_000;

struct World {
    gateway: Gateway,
    transport: ScriptedTransport,
    records: Arc<MemoryRecords>,
}

/// A gateway with one endpoint named `chat` with these limits.
fn world(transport: ScriptedTransport, limits: &str) -> World {
    world_of("openai", transport, limits)
}

fn world_of(provider: &str, transport: ScriptedTransport, limits: &str) -> World {
    let text = format!(
        "endpoints:\n  - name: chat\n    endpoint_type: llm/v1/chat\n    {limits}\n    \
         model: {{provider: {provider}, name: gpt-4o-mini, config: {{{provider}_api_key: sk-up}}}}\n"
    );
    let registry = Registry::new()
        .with(gateway_provider_openai::OPENAI)
        .with(gateway_provider_cohere::COHERE)
        .with(gateway_provider_anthropic::ANTHROPIC);
    let plan = loaded(&text, &registry);
    let records = Arc::new(MemoryRecords::new(100));
    let engine = EngineBuilder::new(registry, deps(&transport))
        .with_records(Arc::clone(&records) as _)
        .build(&plan)
        .unwrap();
    World {
        gateway: GatewayBuilder::new(engine, Arc::new(ManualClock::new())).build(),
        transport,
        records,
    }
}

fn post(path: &str, body: impl Into<Bytes>) -> Request<Full<Bytes>> {
    Request::post(path)
        .header("content-type", "application/json")
        .body(Full::new(body.into()))
        .unwrap()
}

fn chat(members: &Value) -> Bytes {
    let mut body = json!({"model": "chat", "messages": [{"role": "user", "content": "Hi"}]});
    body.as_object_mut()
        .unwrap()
        .extend(members.as_object().unwrap().clone());
    body.to_string().into()
}

fn answer(usage: &Value) -> ScriptedReply {
    let mut body = json!({"id": "c", "object": "chat.completion", "model": "gpt-4o-mini", "created": 1,
        "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "Hello"}}]});
    body["usage"] = usage.clone();
    ScriptedReply::json(200, &body)
}

fn event(text: &str) -> String {
    let chunk = json!({"id": "c", "object": "chat.completion.chunk", "model": "gpt-4o-mini", "created": 1,
        "choices": [{"index": 0, "delta": {"content": text}, "finish_reason": null}]});
    format!("data: {chunk}\n\n")
}

impl World {
    async fn send(&self, request: Request<Full<Bytes>>) -> (u16, http::HeaderMap, String) {
        let response = self.gateway.clone().oneshot(request).await.unwrap();
        let (head, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        let text = String::from_utf8_lossy(&body).into_owned();
        (head.status.as_u16(), head.headers, text)
    }

    /// Sends, and leaves a while later, unless there is a response by then.
    async fn begin(
        &self,
        request: Request<Full<Bytes>>,
    ) -> Option<Response<gateway_core::edge::EdgeBody>> {
        let answered = self.gateway.clone().oneshot(request);
        let soon = tokio::time::timeout(Duration::from_millis(300), answered).await;
        soon.ok().map(Result::unwrap)
    }

    fn record(&self) -> CallRecord {
        let mut all = self.records.take();
        assert_eq!(all.len(), 1, "one record");
        all.remove(0)
    }
}

fn tokens(record: &CallRecord) -> (Option<u64>, Option<u64>, TokenSource) {
    let usage = &record.usage;
    (usage.input_tokens, usage.output_tokens, usage.source)
}

#[tokio::test(start_paused = true)]
async fn callers_cannot_switch_their_metering_off() {
    let last = json!({"id": "c", "object": "chat.completion.chunk", "choices": [],
        "usage": {"prompt_tokens": 20, "completion_tokens": 20_000}});
    let finish =
        json!({"id": "c", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]});
    let events = format!(
        "{}data: {finish}\n\ndata: {last}\n\ndata: [DONE]\n\n",
        event("x")
    );
    let world = world(
        ScriptedTransport::new().always(ScriptedReply::sse(events)),
        "",
    );
    for (options, shows) in [
        (json!({"include_usage": false}), false),
        (json!({}), false),
        (json!({"include_obfuscation": false}), false),
        (Value::Null, false),
        (json!({"include_usage": true}), true),
    ] {
        let body = chat(&json!({"stream": true, "stream_options": options}));
        let (status, _, text) = world.send(post(CHAT, body)).await;
        assert_eq!(status, 200, "{text}");
        assert_eq!(text.contains("20000"), shows, "{options}: {text}");
        let sent = world.transport.last_request().unwrap();
        let sent: Value = serde_json::from_slice(sent.body()).unwrap();
        assert_eq!(sent["stream_options"]["include_usage"], true, "{options}");
        let kept = sent["stream_options"].get("include_obfuscation");
        assert_eq!(kept, options.get("include_obfuscation"));
        let reported = (Some(20), Some(20_000), TokenSource::Reported);
        assert_eq!(tokens(&world.record()), reported, "{options}");
    }
}

#[tokio::test(start_paused = true)]
async fn whoever_leaves_early_is_charged_for_what_was_sent_and_received() {
    let limits = "limits: [{per: endpoint, tokens: 1000000, every: 24h}]";
    let long = "some ".repeat(20_000);
    let body = |members: Value| {
        let mut all = json!({"messages": [{"role": "user", "content": long}]});
        all.as_object_mut()
            .unwrap()
            .extend(members.as_object().unwrap().clone());
        chat(&all)
    };
    let almost = answer(&json!({"prompt_tokens": 1, "completion_tokens": 1}))
        .chunks([Bytes::from("x".repeat(4_000))])
        .stall();
    for (name, reply, output) in [
        ("nothing came", ScriptedReply::never(), 0..=0),
        ("the answer had begun", almost, 900..=1_000),
        ("a head came", ScriptedReply::sse("").stall(), 0..=0),
    ] {
        let world = world(ScriptedTransport::new().always(reply), limits);
        let sent = body(json!({"stream": name == "a head came"}));
        assert!(world.begin(post(CHAT, sent)).await.is_none(), "{name}");
        let record = world.record();
        let (input, got, source) = tokens(&record);
        assert!(
            (25_000..25_100).contains(&input.unwrap()),
            "{name}: {input:?}"
        );
        assert!(output.contains(&got.unwrap()), "{name}: {got:?}");
        assert_eq!(source, TokenSource::Estimated, "{name}");
        assert!(record.cost.unwrap().nanos() > 3_000_000, "{name}");
        world
            .transport
            .push(answer(&json!({"prompt_tokens": 1, "completion_tokens": 1})));
        let (_, headers, _) = world
            .send(post(CHAT, chat(&json!({"max_tokens": 1}))))
            .await;
        let left = headers.get("x-ratelimit-remaining-tokens").unwrap();
        let left: u64 = left.to_str().unwrap().parse().unwrap();
        assert!(left < 975_100, "{name}: the limit is charged, too: {left}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_deadline_and_an_answer_that_cannot_be_used_are_charged_and_refusals_are_not() {
    let junk = ScriptedReply::new(200, "application/json", "<html>no</html>");
    let closed = ScriptedReply::fault(TransportFault::Closed);
    let refused = ScriptedReply::fault(TransportFault::Connect);
    let error =
        |status| ScriptedReply::json(status, &json!({"error": {"message": "no", "type": "x"}}));
    let long = chat(&json!({"messages": [{"role": "user", "content": "a ".repeat(400)}]}));
    for (name, reply, is_charged) in [
        ("deadline", ScriptedReply::never(), true),
        ("junk", junk, true),
        ("closed", closed, true),
        ("refused", refused, false),
        ("400", error(400), false),
        ("429", error(429), false),
        ("503", error(503), false),
    ] {
        let world = world(ScriptedTransport::new().always(reply), "");
        let mut request = post(CHAT, long.clone());
        let wait = http::HeaderValue::from_static("500ms");
        request.headers_mut().insert("x-request-timeout", wait);
        let (status, _, text) = world.send(request).await;
        assert!(status >= 400, "{name}: {text}");
        let record = world.record();
        let input = record.usage.input_tokens.unwrap_or(0);
        assert_eq!(input > 200, is_charged, "{name}: {:?}", record.usage);
    }
}

#[tokio::test(start_paused = true)]
async fn a_picture_is_charged_as_a_picture_when_the_caller_leaves() {
    let reply = ScriptedReply::sse(event("one").repeat(5)).stall();
    let world = world(ScriptedTransport::new().always(reply), "");
    let url = format!("data:image/png;base64,{}", "QUJD".repeat(1_000_000));
    let picture = json!({"type": "image_url", "image_url": {"url": url}});
    let body = chat(&json!({"stream": true, "messages": [{"role": "user", "content": [picture]}]}));
    let response = world.begin(post(CHAT, body)).await.unwrap();
    let mut body = response.into_body();
    body.frame().await.unwrap().unwrap();
    drop(body);
    let (input, output, source) = tokens(&world.record());
    assert!((1_000..1_200).contains(&input.unwrap()), "{input:?}");
    assert_eq!((output, source), (Some(5), TokenSource::Estimated));
}

#[tokio::test(start_paused = true)]
async fn absurd_usage_is_cut_and_locks_nobody_out() {
    let absurd = json!({"prompt_tokens": 1_u64 << 63, "completion_tokens": 1_u64 << 63});
    let limits = "limits: [{per: endpoint, tokens: 1000, every: 1m}]";
    let world = world(ScriptedTransport::new().always(answer(&absurd)), limits);
    let body = chat(&json!({"max_tokens": 100}));
    let (status, _, text) = world.send(post(CHAT, body.clone())).await;
    assert_eq!(status, 200, "{text}");
    let record = world.record();
    assert_eq!(record.usage.source, TokenSource::Clamped);
    assert!(record.usage.input_tokens.unwrap() < 100_000);
    assert!(record.usage.output_tokens.unwrap() < 1_000);
    assert!(record.cost.unwrap().nanos() < 1_000_000_000, "a dollar");
    let (status, headers, _) = world.send(post(CHAT, body.clone())).await;
    assert_eq!(status, 429);
    let wait = headers.get("retry-after").unwrap().to_str().unwrap();
    let wait: u64 = wait.parse().unwrap();
    assert!(wait <= 120, "{wait}");
    tokio::time::advance(Duration::from_secs(wait)).await;
    let (status, ..) = world.send(post(CHAT, body)).await;
    assert_eq!(status, 200);
}

#[tokio::test(start_paused = true)]
async fn cached_tokens_are_no_more_than_the_prompt() {
    let usage = json!({"prompt_tokens": 10.0, "completion_tokens": 7.0,
        "prompt_tokens_details": {"cached_tokens": 1_000_000}});
    let world = world(ScriptedTransport::new().always(answer(&usage)), "");
    let (status, ..) = world.send(post(CHAT, chat(&json!({})))).await;
    assert_eq!(status, 200);
    let record = world.record();
    assert_eq!(tokens(&record), (Some(10), Some(7), TokenSource::Reported));
    assert_eq!(record.usage.cache_read_tokens, Some(10));
}

#[tokio::test(start_paused = true)]
async fn whole_answers_without_usage_are_charged_by_their_text() {
    let text = "four".repeat(LONG / 4);
    let openai = json!({"id": "c", "object": "chat.completion", "model": "gpt-4o-mini", "created": 1,
        "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}]});
    let claude = json!({"id": "m", "type": "message", "role": "assistant", "model": "claude", "stop_reason": "end_turn",
        "content": [{"type": "text", "text": text}]});
    let anthropic = json!({"max_tokens": 9_999});
    for (name, provider, path, members, reply) in [
        ("same", "openai", CHAT, json!({}), &openai),
        (
            "cross",
            "openai",
            "/v1/messages",
            anthropic.clone(),
            &openai,
        ),
        ("anthropic", "anthropic", "/v1/messages", anthropic, &claude),
        ("to anthropic", "anthropic", CHAT, json!({}), &claude),
        ("passed", "openai", PASSED, json!({}), &openai),
    ] {
        let transport = ScriptedTransport::new().always(ScriptedReply::json(200, reply));
        let world = world_of(provider, transport, "");
        let (status, _, text) = world.send(post(path, chat(&members))).await;
        assert_eq!(status, 200, "{name}: {text:.300}");
        let (_, output, source) = tokens(&world.record());
        assert!(
            (5_000..5_050).contains(&output.unwrap()),
            "{name}: {output:?}"
        );
        assert_eq!(source, TokenSource::Estimated, "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_may_be_generated_is_reserved_whatever_it_is_called() {
    let limits = "limits: [{per: endpoint, tokens: 10000, every: 24h}]";
    for (path, members) in [
        (CHAT, json!({"n": 20, "max_tokens": 100})),
        (
            CHAT,
            json!({"max_completion_tokens": 1, "max_tokens": 2_000}),
        ),
        (CHAT, json!({"max_tokens": 2e3})),
        (
            "/v1/responses",
            json!({"max_output_tokens": 2_000, "input": "Hi"}),
        ),
        (PASSED, json!({"max_tokens": 2_000})),
        (
            PASSED,
            json!({"generationConfig": {"maxOutputTokens": 1_000, "candidateCount": 2}}),
        ),
        (PASSED, json!({"inferenceConfig": {"maxTokens": 2_000}})),
    ] {
        let world = world(
            ScriptedTransport::new().always(ScriptedReply::never()),
            limits,
        );
        let all = (0..20).map(|_| world.begin(post(path, chat(&members))));
        let all = futures_util::future::join_all(all).await;
        let refused = all.iter().flatten().filter(|it| it.status() == 429).count();
        assert_eq!(
            refused, 16,
            "four of 2,000 and a prompt fit: {path} {members}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_passed_on_is_priced_by_the_model_that_answered() {
    let reply = json!({"id": "c", "model": "gpt-4o-2024-08-06", "choices": [],
        "usage": {"prompt_tokens": 1_000, "completion_tokens": 1_000}});
    let transport = ScriptedTransport::new().always(ScriptedReply::json(200, &reply));
    let world = world(transport, "");
    let readable = r#"{"model": "gpt-4o", "messages": []}"#;
    let mut costs = Vec::new();
    let unreadable = readable.replace("]}", "[");
    for body in [readable.to_owned(), unreadable] {
        let (status, _, text) = world.send(post(PASSED, body)).await;
        assert_eq!(status, 200, "{text}");
        costs.push(world.record().cost.unwrap());
    }
    let [readable, unreadable] = costs.try_into().unwrap();
    assert_eq!(readable, unreadable, "that of gpt-4o, not of gpt-4o-mini");
    assert!(readable.nanos() > 5_000_000, "{readable}");
}

#[tokio::test(start_paused = true)]
async fn an_error_of_cohere_s_with_a_good_status_is_reported_as_one() {
    let reply = ScriptedReply::json(200, &json!({"message": "the model is asleep"}));
    let world = world_of("cohere", ScriptedTransport::new().always(reply), "");
    let (status, _, text) = world.send(post(CHAT, chat(&json!({})))).await;
    assert_eq!(status, 502, "{text}");
    assert!(text.contains("the model is asleep"), "{text}");
    assert!(!text.contains("answered 500"), "{text}");
}
