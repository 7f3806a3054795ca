//! Replies of other providers on their way to an Anthropic client.

use gateway_schema::chat::{
    ChatResponse, Choice, Citation, Content, Finish, FinishReason, Part, Signature,
};
use gateway_schema::{Dialect, Losses, Response, Usage};
use serde_json::{Value, json};

use super::super::AnthropicCodec;
use super::{info, json};
use crate::ClientCodec;

fn write(parts: Vec<Part>, finish: Option<Finish>) -> (Value, Losses) {
    let mut choice = Choice::default();
    choice.parts = parts;
    choice.finish = finish;
    let mut response = ChatResponse::default();
    response.choices = vec![choice];
    response.usage = Some(Usage::new(7, 3));
    let mut losses = Losses::new();
    let bytes = AnthropicCodec
        .encode(&Response::Chat(Box::new(response)), &info(), &mut losses)
        .unwrap();
    (json(&bytes), losses)
}

#[test]
fn what_a_provider_leaves_out_is_filled_in() {
    let (body, losses) = write(
        vec![Part::text("Hi")],
        Some(Finish::new(FinishReason::Stop)),
    );
    assert_eq!(
        body,
        json!({
            "id": "msg_0123456789abcdef0123456789abcdef", "type": "message", "role": "assistant",
            "model": "configured", "content": [{"type": "text", "text": "Hi"}],
            "stop_reason": "end_turn", "stop_sequence": null,
            "usage": {"input_tokens": 7, "output_tokens": 3},
        })
    );
    assert!(losses.is_empty());
}

#[test]
fn calls_thinking_and_foreign_proofs_are_written() {
    let mut thinking = Part::thinking("hm");
    thinking.signature = Some(Signature {
        dialect: Dialect::GEMINI,
        value: "xyz".to_owned(),
    });
    let parts = vec![
        thinking,
        Part::text(""),
        Part::tool_call("call_1", "f", "{\"a\":1}"),
        Part::tool_call("", "g", ""),
        Part::tool_call("", "g", "{}"),
    ];
    let (body, _) = write(parts, Some(Finish::with_raw(FinishReason::Stop, "STOP")));
    assert_eq!(
        body["content"],
        json!([
            {"type": "thinking", "thinking": "hm", "signature": "gateway:gemini:xyz"},
            {"type": "tool_use", "id": "call_1", "name": "f", "input": {"a": 1}},
            {"type": "tool_use", "id": "toolu_0123456789abcdef0123456789abcdef_1", "name": "g", "input": {}},
            {"type": "tool_use", "id": "toolu_0123456789abcdef0123456789abcdef_2", "name": "g", "input": {}},
        ])
    );
    assert_eq!(body["stop_reason"], "tool_use");
}

#[test]
fn cut_arguments_are_reported() {
    let (body, losses) = write(
        vec![Part::tool_call("c", "f", "{\"a")],
        Some(Finish::new(FinishReason::Length)),
    );
    assert_eq!(body["stop_reason"], "max_tokens");
    assert_eq!(losses.len(), 1);
}

#[test]
fn addresses_become_citations_and_other_sources_are_reported() {
    let mut known = Citation::new();
    known.url = Some("https://example.com".to_owned());
    let part = Part::new(Content::Text {
        text: "Hi".to_owned(),
        citations: vec![known, Citation::new()],
    });
    let (body, losses) = write(vec![part], None);
    let citations = body["content"][0]["citations"].as_array().unwrap();
    assert_eq!(citations.len(), 1);
    assert_eq!(citations[0]["type"], "web_search_result_location");
    assert_eq!(losses.len(), 1);
}
