//! OpenAI's Responses: the URLs, both lanes, and errors in the words of the API.

use gateway_schema::chat::{ChatResponse, Choice, Finish, FinishReason, Part, StreamEvent};
use gateway_schema::stream::Frame;
use gateway_schema::{Dialect, Response};
use http::StatusCode;
use serde_json::Value;

use gateway_provider::{ReplyBody, Whole};

use crate::harness::{Script, last_raw, post, raw, raw_json, reply, send, stream_of};

const BODY: &str = r#"{"model":"chat","input":"Hi","store":false}"#;
const STREAMING: &str = r#"{"model":"chat","input":"Hi","stream":true}"#;

#[tokio::test]
async fn every_base_takes_a_request_and_a_reply_of_the_dialect_passes_untouched() {
    for base in ["/v1", "/openai/v1", "/gateway/openai/v1"] {
        let answer = raw_json(Dialect::OPENAI_RESPONSES, r#"{"id":"resp_1" }"#);
        let script = Script::answering(Ok(answer));
        let got = send(&script, post(&format!("{base}/responses"), BODY)).await;
        assert_eq!(
            (got.status, got.text()),
            (StatusCode::OK, r#"{"id":"resp_1" }"#)
        );
        let call = script.call();
        assert_eq!(call.payload.dialect(), Some(Dialect::OPENAI_RESPONSES));
        assert!(!call.stream && call.canonical().is_ok());
    }
}

#[tokio::test]
async fn a_reply_of_another_dialect_becomes_a_responses_object() {
    let mut choice = Choice::default();
    choice.parts = vec![Part::text("Hello"), Part::tool_call("c", "f", "{}")];
    choice.finish = Some(Finish::new(FinishReason::ToolCalls));
    let mut chat = ChatResponse::default();
    chat.choices = vec![choice];
    let whole = Whole::Canonical(Response::Chat(Box::new(chat)));
    let answer = reply(Dialect::ANTHROPIC, ReplyBody::Whole(whole));
    let script = Script::answering(Ok(answer));
    let body = send(&script, post("/v1/responses", BODY)).await.json();
    assert_eq!(body["object"], "response");
    assert_eq!(body["model"], "gpt-4o");
    assert!(body["id"].as_str().unwrap().starts_with("resp_"));
    assert_eq!(body["output"][0]["content"][0]["text"], "Hello");
    assert_eq!(body["output"][1]["call_id"], "c");
}

#[tokio::test]
async fn calls_of_codexs_tools_come_back_in_its_own_form() {
    const TOOLS: &str = r#"{"model":"chat","input":"Hi","tools":[{"type":"namespace","name":"crm","description":"",
        "tools":[{"type":"function","name":"find","parameters":{}}]},{"type":"custom","name":"apply_patch"}]}"#;
    let mut choice = Choice::default();
    choice.parts = vec![
        Part::tool_call("c", "crm__find", "{}"),
        Part::tool_call("d", "apply_patch", r#"{"input":"x"}"#),
    ];
    choice.finish = Some(Finish::new(FinishReason::ToolCalls));
    let mut chat = ChatResponse::default();
    chat.choices = vec![choice];
    let whole = Whole::Canonical(Response::Chat(Box::new(chat)));
    let script = Script::answering(Ok(reply(Dialect::ANTHROPIC, ReplyBody::Whole(whole))));
    let body = send(&script, post("/v1/responses", TOOLS)).await.json();
    let (find, patch) = (&body["output"][0], &body["output"][1]);
    assert_eq!(
        (&find["type"], &find["namespace"], &find["name"]),
        (&"function_call".into(), &"crm".into(), &"find".into())
    );
    assert_eq!(
        (&patch["type"], &patch["input"]),
        (&Value::from("custom_tool_call"), &Value::from("x"))
    );
}

#[tokio::test]
async fn streams_pass_or_are_written_and_broken_ones_end_with_an_error() {
    let items = vec![
        raw("event: a\ndata: {}\n\n"),
        last_raw("event: b\ndata: {}\n\n"),
    ];
    let script = Script::answering(Ok(stream_of(Dialect::OPENAI_RESPONSES, items)));
    let got = send(&script, post("/v1/responses", STREAMING)).await;
    assert_eq!(got.text(), "event: a\ndata: {}\n\nevent: b\ndata: {}\n\n");
    assert!(script.call().stream);

    let text = |text: &str| {
        let text = text.to_owned();
        Ok(Frame::events(vec![StreamEvent::Text { choice: 0, text }]))
    };
    let end = Ok(Frame::events(vec![StreamEvent::End]));
    let items = vec![text("Hel"), text("lo"), end];
    let script = Script::answering(Ok(stream_of(Dialect::OPENAI, items)));
    let got = send(&script, post("/v1/responses", STREAMING)).await;
    assert!(got.text().starts_with("event: response.created\n"));
    let (_, last) = got.text().rsplit_once("data: ").unwrap();
    let last: Value = serde_json::from_str(last).unwrap();
    assert_eq!(last["type"], "response.completed");
    assert_eq!(last["response"]["output"][0]["content"][0]["text"], "Hello");

    let script = Script::answering(Ok(stream_of(Dialect::OPENAI, vec![text("Hel")])));
    let got = send(&script, post("/v1/responses", STREAMING)).await;
    assert!(got.text().contains("event: error\n"));
    assert!(!got.text().contains("response.completed"));
    let (_, last) = got.text().rsplit_once("data: ").unwrap();
    let last: Value = serde_json::from_str(last).unwrap();
    assert_eq!(last["type"], "response.failed");
}

#[tokio::test]
async fn the_error_that_closes_a_stream_of_the_providers_goes_on_counting() {
    let items = vec![
        raw("event: a\ndata: {\"type\":\"a\",\"sequence_number\":6}\n\n"),
        raw("event: b\ndata: {\"type\":\"b\",\"sequence_number\": 7 }\n\n"),
    ];
    let script = Script::answering(Ok(stream_of(Dialect::OPENAI_RESPONSES, items)));
    let got = send(&script, post("/v1/responses", STREAMING)).await;
    let (_, error) = got.text().split_once("event: error\ndata: ").unwrap();
    let (error, _) = error.split_once('\n').unwrap();
    let error: Value = serde_json::from_str(error).unwrap();
    assert_eq!(error["sequence_number"], 8);
}

#[tokio::test]
async fn what_only_openai_keeps_is_refused_when_it_is_read() {
    let body = r#"{"model":"chat","input":"Hi","previous_response_id":"resp_1"}"#;
    let script = Script::answering(Ok(raw_json(Dialect::OPENAI_RESPONSES, "{}")));
    let got = send(&script, post("/v1/responses", body)).await;
    // The same-dialect lane never reads it.
    assert_eq!(got.status, StatusCode::OK);
    let error = script.call().canonical().unwrap_err();
    assert_eq!(error.field_errors()[0].dotted(), "previous_response_id");
    let script = Script::answering(Err(error));
    let got = send(&script, post("/v1/responses", body)).await;
    assert_eq!(got.status, StatusCode::BAD_REQUEST);
    assert_eq!(got.json()["error"]["param"], "previous_response_id");
}

#[tokio::test]
async fn a_stored_response_needs_an_endpoint_and_an_unknown_model_is_said() {
    let script = Script::default();
    let request = crate::harness::get("/v1/responses/resp_1");
    let got = send(&script, request).await;
    assert_eq!(got.status, StatusCode::BAD_REQUEST);
    assert_eq!(got.json()["error"]["code"], "endpoint_missing");
    let request = crate::harness::get("/v1/responses/resp_1?model=chit");
    assert_eq!(send(&script, request).await.status, StatusCode::NOT_FOUND);
    let body = r#"{"model":"chit","input":"Hi"}"#;
    let got = send(&script, post("/v1/responses", body)).await;
    assert_eq!(got.status, StatusCode::NOT_FOUND);
    assert_eq!(got.json()["error"]["code"], "model_not_found");
    assert_eq!(script.count(), 0);
}
