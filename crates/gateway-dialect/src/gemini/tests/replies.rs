//! Whole replies, of Gemini for others and of others for Gemini's clients.

use gateway_schema::chat::{ChatResponse, Choice, Content, Finish, FinishReason, Part, Signature};
use gateway_schema::{Dialect, Losses, Response, Usage};
use serde_json::json;

use super::super::{GeminiCodec, decode_chat, observe_chat};
use super::{info, json};
use crate::ClientCodec;

#[test]
fn calls_that_end_with_stop_want_tools_called() {
    let body = br#"{"candidates":[{"content":{"parts":[{"text":"Let me"},
        {"functionCall":{"name":"f","args":{"a":1}},"thoughtSignature":"sig"}],"role":"model"},"finishReason":"STOP"}]}"#;
    let reply = decode_chat(body).unwrap();
    let choice = &reply.choices[0];
    assert_eq!(
        choice.finish.as_ref().unwrap().reason,
        FinishReason::ToolCalls
    );
    assert_eq!(choice.parts[1].signature.as_ref().unwrap().value, "sig");
    assert!(
        matches!(&choice.parts[1].content, Content::ToolCall(call) if call.id.is_none() && call.arguments == r#"{"a":1}"#)
    );
    assert_eq!(
        observe_chat(body).unwrap().finish,
        Some(FinishReason::ToolCalls)
    );
}

#[test]
fn a_blocked_prompt_is_an_answer_that_a_filter_cut() {
    let body = br#"{"promptFeedback":{"blockReason":"PROHIBITED_CONTENT"},"usageMetadata":{"promptTokenCount":3}}"#;
    let reply = decode_chat(body).unwrap();
    let finish = reply.choices[0].finish.as_ref().unwrap();
    assert_eq!(finish.reason, FinishReason::ContentFilter);
    assert_eq!(finish.raw.as_deref(), Some("PROHIBITED_CONTENT"));
    let mut losses = Losses::new();
    let again = GeminiCodec::EVENTS
        .encode(&Response::Chat(Box::new(reply)), &info(), &mut losses)
        .unwrap();
    let again = json(&again);
    assert_eq!(again.get("candidates"), None);
    assert_eq!(again["promptFeedback"]["blockReason"], "PROHIBITED_CONTENT");
}

#[test]
fn a_foreign_answer_is_written_with_its_proof() {
    let mut thinking = Part::thinking("hm");
    thinking.signature = Some(Signature {
        dialect: Dialect::ANTHROPIC,
        value: "EqQ=".to_owned(),
    });
    let mut choice = Choice::default();
    choice.parts = vec![thinking, Part::text("Hi"), Part::tool_call("c", "f", "{}")];
    choice.finish = Some(Finish::with_raw(FinishReason::ToolCalls, "tool_use"));
    let mut reply = ChatResponse::default();
    reply.choices = vec![choice];
    let mut usage = Usage::new(9, 4);
    usage.reasoning_tokens = Some(1);
    reply.usage = Some(usage);
    let mut losses = Losses::new();
    let written = GeminiCodec::EVENTS
        .encode(&Response::Chat(Box::new(reply)), &info(), &mut losses)
        .unwrap();
    assert!(losses.is_empty(), "{losses:?}");
    let written = json(&written);
    assert_eq!(
        written["usageMetadata"],
        json!({"promptTokenCount": 9, "candidatesTokenCount": 3, "thoughtsTokenCount": 1, "totalTokenCount": 13})
    );
    let candidate = &written["candidates"][0];
    assert_eq!(candidate["finishReason"], "STOP");
    let parts = candidate["content"]["parts"].as_array().unwrap();
    assert_eq!(
        parts[2],
        json!({"functionCall": {"id": "c", "name": "f", "args": {}}})
    );
    let turn = json!({"contents": [candidate["content"]]});
    let back = super::decode(&turn).unwrap();
    let signature = back.messages[0].parts[0].signature.clone().unwrap();
    assert_eq!(
        (signature.dialect, signature.value.as_str()),
        (Dialect::ANTHROPIC, "EqQ=")
    );
}
