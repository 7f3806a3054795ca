//! What recorded calls cost: cached tokens are priced once, as cached, whichever way an answer takes.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests"
)]

use std::sync::Arc;

use bytes::Bytes;
use gateway_core::{EngineBuilder, GatewayBuilder, Registry};
use gateway_store::{CallRecord, MemoryRecords};
use gateway_testkit::recordings::{Corpus, Exchange};
use gateway_testkit::{ManualClock, ScriptedReply, ScriptedTransport, deps};
use http::Request;
use http_body_util::{BodyExt, Full};
use serde_json::{Map, Value, json};
use tower::ServiceExt;

use crate::support::loaded;

/// Dollars per million: 10 fresh, 1 read from a cache, 12.5 written to one, 20 generated.
const PRICE: &str = "price: {input: 10, cached_input: 1, cache_write: 12.5, output: 20}";

fn registry() -> Registry {
    Registry::new()
        .with(gateway_provider_openai::OPENAI)
        .with(gateway_provider_anthropic::ANTHROPIC)
        .with(gateway_provider_cohere::COHERE)
}

/// Plays a recorded answer to a caller at `path` and returns the record.
async fn record(provider: &str, exchange: &Exchange, path: &str, body: Value) -> CallRecord {
    let text = format!(
        "endpoints:\n  - name: chat\n    endpoint_type: llm/v1/chat\n    {PRICE}\n    \
         model: {{provider: {provider}, name: m, config: {{{provider}_api_key: sk-test}}}}\n"
    );
    let registry = registry();
    let plan = loaded(&text, &registry);
    let response = &exchange.response;
    let transport = ScriptedTransport::new().always(ScriptedReply::new(
        response.status,
        response
            .headers
            .get("content-type")
            .map_or("", String::as_str),
        response.body.bytes(),
    ));
    let records = Arc::new(MemoryRecords::new(10));
    let engine = EngineBuilder::new(registry, deps(&transport))
        .with_records(Arc::clone(&records) as _)
        .build(&plan)
        .unwrap();
    let gateway = GatewayBuilder::new(engine, Arc::new(ManualClock::new())).build();
    let request = Request::post(path)
        .body(Full::new(Bytes::from(body.to_string())))
        .unwrap();
    let answer = gateway.oneshot(request).await.unwrap();
    let status = answer.status();
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(status, 200, "{}: {body:?}", exchange.name);
    let mut all = records.take();
    assert_eq!(all.len(), 1, "{}", exchange.name);
    all.remove(0)
}

/// The usage that a recording states, its later parts over its earlier ones.
fn stated(exchange: &Exchange) -> Map<String, Value> {
    let bytes = exchange.response.body.bytes();
    let text = String::from_utf8_lossy(&bytes);
    let documents: Vec<Value> = match serde_json::from_str(&text) {
        Ok(whole) => vec![whole],
        Err(_) => text
            .lines()
            .filter_map(|line| serde_json::from_str(line.strip_prefix("data:")?.trim()).ok())
            .collect(),
    };
    let mut usage = Map::new();
    for document in &documents {
        for place in ["/usage", "/message/usage"] {
            if let Some(Value::Object(fields)) = document.pointer(place) {
                usage.extend(fields.clone());
            }
        }
    }
    usage
}

fn count(usage: &Map<String, Value>, pointer: &str) -> i64 {
    let usage = Value::Object(usage.clone());
    usage.pointer(pointer).and_then(Value::as_i64).unwrap_or(0)
}

/// In nano-dollars, by the price above.
fn nanos(fresh: i64, read: i64, write: i64, output: i64) -> i64 {
    fresh * 10_000 + read * 1_000 + write * 12_500 + output * 20_000
}

fn request(model: &str, exchange: &Exchange) -> Value {
    let mut body = exchange.request.body.json().unwrap().clone();
    body["model"] = model.into();
    body
}

/// The same question in the other dialect, no matter what was asked: the answer is recorded.
fn plain(stream: bool) -> Value {
    json!({
        "model": "chat", "max_tokens": 100, "stream": stream,
        "messages": [{"role": "user", "content": "Hello"}],
    })
}

#[tokio::test]
async fn tokens_that_openai_and_its_like_cached_are_charged_once_as_cached() {
    let Some(corpus) = Corpus::open_or_say_skipped() else {
        return;
    };
    let mut seen = 0;
    for provider in corpus.providers() {
        for exchange in corpus.exchanges(&provider, "chat") {
            let usage = stated(&exchange);
            let read = count(&usage, "/prompt_tokens_details/cached_tokens");
            let write = count(&usage, "/prompt_tokens_details/cache_write_tokens");
            if read == 0
                || exchange.response.status != 200
                || exchange.request.body.json().is_none()
            {
                continue;
            }
            let (input, output) = (
                count(&usage, "/prompt_tokens"),
                count(&usage, "/completion_tokens"),
            );
            // One recording states more cached tokens than the prompt has: no more than the prompt is charged.
            let read = read.min(input);
            let fresh = (input - read - write).max(0);
            let expected = nanos(fresh, read, write, output);
            let body = request("chat", &exchange);
            let same = record("openai", &exchange, "/v1/chat/completions", body).await;
            let cross = record("openai", &exchange, "/v1/messages", plain(exchange.stream)).await;
            for record in [same, cross] {
                let lane = record.lane;
                assert_eq!(
                    record.cost.unwrap().nanos(),
                    expected,
                    "{} {lane:?}",
                    exchange.name
                );
                assert_eq!(record.price_version, Some("configured"));
            }
            seen += 1;
        }
    }
    assert!(seen > 0, "no recording with cached tokens");
}

#[tokio::test]
async fn tokens_that_anthropic_cached_or_wrote_to_its_cache_are_charged_once() {
    let Some(corpus) = Corpus::open_or_say_skipped() else {
        return;
    };
    let mut seen = 0;
    for exchange in corpus.exchanges("anthropic", "messages") {
        let usage = stated(&exchange);
        let read = count(&usage, "/cache_read_input_tokens");
        let write = count(&usage, "/cache_creation_input_tokens");
        if read + write == 0
            || exchange.response.status != 200
            || exchange.request.body.json().is_none()
        {
            continue;
        }
        // What is neither read nor written stands apart.
        let (fresh, output) = (
            count(&usage, "/input_tokens"),
            count(&usage, "/output_tokens"),
        );
        let expected = nanos(fresh, read, write, output);
        let body = request("chat", &exchange);
        let same = record("anthropic", &exchange, "/v1/messages", body).await;
        let cross = record(
            "anthropic",
            &exchange,
            "/v1/chat/completions",
            plain(exchange.stream),
        )
        .await;
        for record in [same, cross] {
            let lane = record.lane;
            assert_eq!(
                record.cost.unwrap().nanos(),
                expected,
                "{} {lane:?}",
                exchange.name
            );
        }
        seen += 1;
    }
    assert!(seen > 0, "no recording with cached tokens");
}

/// What one question to a ranker of Cohere's costs, by this price of the endpoint or else by the catalog.
async fn ranked(path: &str, price: &str, units: u64) -> CallRecord {
    let text = format!(
        "endpoints:\n  - name: rank\n    endpoint_type: llm/v1/rerank\n    {price}\n    \
         model: {{provider: cohere, name: rerank-v3.5, config: {{cohere_api_key: sk-test}}}}\n"
    );
    let registry = registry();
    let plan = loaded(&text, &registry);
    let body = json!({"id": "1", "results": [{"index": 0, "relevance_score": 0.5}],
                      "meta": {"billed_units": {"search_units": units}}});
    let transport = ScriptedTransport::new().always(ScriptedReply::json(200, &body));
    let records = Arc::new(MemoryRecords::new(10));
    let engine = EngineBuilder::new(registry, deps(&transport))
        .with_records(Arc::clone(&records) as _)
        .build(&plan)
        .unwrap();
    let gateway = GatewayBuilder::new(engine, Arc::new(ManualClock::new())).build();
    let asked = json!({"model": "rank", "query": "q", "documents": ["a"]});
    let request = Request::post(path)
        .body(Full::new(Bytes::from(asked.to_string())))
        .unwrap();
    let answer = gateway.oneshot(request).await.unwrap();
    assert_eq!(answer.status(), 200);
    answer.into_body().collect().await.unwrap();
    records.take().remove(0)
}

#[tokio::test]
async fn ranking_is_charged_by_the_searches_that_the_provider_counts_on_both_lanes() {
    for path in ["/v2/rerank", "/v1/rerank"] {
        for (units, cost) in [(1, "0.002000000"), (3, "0.006000000")] {
            let record = ranked(path, "strict: false", units).await;
            assert_eq!(record.cost.unwrap().to_string(), cost, "{path}");
        }
        let own = "price: {input: 0, output: 0, searches: 0.5}";
        let record = ranked(path, own, 3).await;
        assert_eq!(record.cost.unwrap().to_string(), "0.001500000", "{path}");
    }
}

#[tokio::test]
async fn a_price_of_the_catalog_carries_its_version() {
    let text = "endpoints:\n  - name: chat\n    endpoint_type: llm/v1/chat\n    \
                model: {provider: openai, name: gpt-4o, config: {openai_api_key: sk-test}}\n";
    let registry = registry();
    let plan = loaded(text, &registry);
    let body = json!({"id": "1", "object": "chat.completion", "choices": [],
                      "usage": {"prompt_tokens": 1000, "completion_tokens": 100, "total_tokens": 1100}});
    let transport = ScriptedTransport::new().always(ScriptedReply::json(200, &body));
    let records = Arc::new(MemoryRecords::new(10));
    let engine = EngineBuilder::new(registry, deps(&transport))
        .with_records(Arc::clone(&records) as _)
        .build(&plan)
        .unwrap();
    let gateway = GatewayBuilder::new(engine, Arc::new(ManualClock::new())).build();
    let request = Request::post("/v1/chat/completions")
        .body(Full::new(Bytes::from(plain(false).to_string())))
        .unwrap();
    gateway.oneshot(request).await.unwrap();
    let record = records.take().remove(0);
    assert_eq!(record.cost.unwrap().to_string(), "0.003500000");
    assert_eq!(
        record.price_version,
        Some(gateway_catalog::Catalog::bundled().version())
    );
}
