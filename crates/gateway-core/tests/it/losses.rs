//! What an answer cannot carry to its caller stands in the record of the call, whole and streamed.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::sync::Arc;

use bytes::Bytes;
use gateway_core::{EngineBuilder, GatewayBuilder, Registry};
use gateway_store::{CallRecord, MemoryRecords};
use gateway_testkit::{ManualClock, ScriptedReply, ScriptedTransport, deps};
use http::Request;
use http_body_util::{BodyExt, Full};
use serde_json::json;
use tower::ServiceExt;

use crate::support::loaded;

/// An Anthropic client is one answer; OpenAI says two. The record, and the header of the answer.
async fn record(stream: bool, reply: ScriptedReply) -> (CallRecord, Option<String>) {
    let text = "endpoints:\n  - name: chat\n    endpoint_type: llm/v1/chat\n    \
                model: {provider: openai, name: m, config: {openai_api_key: sk-test}}\n";
    let registry = Registry::new().with(gateway_provider_openai::OPENAI);
    let plan = loaded(text, &registry);
    let transport = ScriptedTransport::new().always(reply);
    let records = Arc::new(MemoryRecords::new(10));
    let engine = EngineBuilder::new(registry, deps(&transport))
        .with_records(Arc::clone(&records) as _)
        .build(&plan)
        .unwrap();
    let gateway = GatewayBuilder::new(engine, Arc::new(ManualClock::new())).build();
    let body = json!({"model": "chat", "max_tokens": 9, "stream": stream, "messages": [{"role": "user", "content": "Hi"}]});
    let request = Request::post("/v1/messages")
        .header("content-type", "application/json")
        .body(Full::new(Bytes::from(body.to_string())))
        .unwrap();
    let answer = gateway.oneshot(request).await.unwrap();
    let header = answer.headers().get("x-gateway-losses").cloned();
    answer.into_body().collect().await.unwrap();
    let mut records = records.take();
    assert_eq!(records.len(), 1, "one call, one record");
    (
        records.remove(0),
        header.map(|value| value.to_str().unwrap().to_owned()),
    )
}

#[tokio::test]
async fn a_whole_answer_and_a_stream_record_what_they_lose() {
    let choice = |index| json!({"index": index, "message": {"role": "assistant", "content": "a"}, "finish_reason": "stop"});
    let whole = json!({"id": "c", "object": "chat.completion", "created": 1, "model": "m",
        "choices": [choice(0), choice(1)], "usage": {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}});
    let (recorded, header) = record(false, ScriptedReply::json(200, &whole)).await;
    assert_eq!((recorded.losses.len(), header.as_deref()), (1, Some("1")));

    let chunk = |index, delta, finish| {
        let chunk = json!({"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m",
            "choices": [{"index": index, "delta": delta, "finish_reason": finish}]});
        format!("data: {chunk}\n\n")
    };
    let mut text = String::new();
    for index in [0, 1, 0, 1, 1, 1] {
        text += &chunk(index, json!({"content": "a"}), json!(null));
    }
    text += &chunk(0, json!({}), json!("stop"));
    text += &chunk(1, json!({}), json!("stop"));
    text += "data: [DONE]\n\n";
    let (recorded, _) = record(true, ScriptedReply::sse(text)).await;
    let paths: Vec<&str> = recorded
        .losses
        .iter()
        .map(|loss| loss.path.as_str())
        .collect();
    assert_eq!(paths, ["choices[1]"], "once, however many events say it");
}
