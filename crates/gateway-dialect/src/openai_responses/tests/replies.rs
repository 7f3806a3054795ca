//! Whole replies, and the way back of what a client sends again.

use gateway_schema::chat::{
    ChatResponse, Choice, Citation, Content, Finish, FinishReason, Part, Role, Signature,
};
use gateway_schema::{Dialect, Losses, Usage};
use serde_json::{Value, json};

use super::super::encode_response;
use super::{decode, info};

fn answer(parts: Vec<Part>, reason: FinishReason) -> ChatResponse {
    let mut choice = Choice::default();
    choice.parts = parts;
    choice.finish = Some(Finish::new(reason));
    let mut response = ChatResponse::default();
    response.id = Some("msg_up".to_owned());
    response.model = Some("m".to_owned());
    response.choices = vec![choice];
    let mut usage = Usage::new(10, 5);
    usage.cache_read_tokens = Some(4);
    usage.reasoning_tokens = Some(2);
    response.usage = Some(usage);
    response
}

fn written(response: &ChatResponse) -> (Value, Losses) {
    let mut losses = Losses::new();
    let bytes = encode_response(response, &info(), &mut losses);
    (serde_json::from_slice(&bytes).unwrap(), losses)
}

fn signed(mut part: Part, dialect: Dialect, value: &str) -> Part {
    let value = value.to_owned();
    part.signature = Some(Signature { dialect, value });
    part
}

#[test]
fn a_reply_has_items_in_order_and_says_what_it_used() {
    let parts = vec![
        signed(Part::thinking("hm"), Dialect::ANTHROPIC, "S"),
        Part::text("Hello"),
        Part::tool_call("c1", "f", "{\"a\":1}"),
    ];
    let (reply, losses) = written(&answer(parts, FinishReason::ToolCalls));
    assert!(losses.is_empty());
    assert_eq!(reply["object"], "response");
    assert_eq!(reply["status"], "completed");
    assert_eq!(
        reply["usage"],
        json!({"input_tokens": 10, "input_tokens_details": {"cached_tokens": 4},
            "output_tokens": 5, "output_tokens_details": {"reasoning_tokens": 2}, "total_tokens": 15})
    );
    assert_eq!(
        reply["output"],
        json!([
            {"id": "rs_0123456789abcdef0123456789abcdef00", "type": "reasoning",
             "summary": [{"type": "summary_text", "text": "hm"}], "encrypted_content": "gateway:anthropic:S"},
            {"id": "msg_0123456789abcdef0123456789abcdef01", "type": "message", "status": "completed", "role": "assistant",
             "content": [{"type": "output_text", "text": "Hello", "annotations": [], "logprobs": []}]},
            {"id": "fc_0123456789abcdef0123456789abcdef02", "type": "function_call", "status": "completed",
             "call_id": "c1", "name": "f", "arguments": "{\"a\":1}"},
        ])
    );
}

#[test]
fn a_cut_reply_is_incomplete_and_says_why() {
    let (reply, _) = written(&answer(vec![Part::text("Hel")], FinishReason::Length));
    assert_eq!(reply["status"], "incomplete");
    assert_eq!(reply["incomplete_details"]["reason"], "max_output_tokens");
    assert_eq!(reply["output"][0]["status"], "incomplete");
}

#[test]
fn what_a_client_sends_back_is_what_the_provider_said() {
    let mut source = Citation::new();
    source.url = Some("https://e.com".to_owned());
    source.title = Some("E".to_owned());
    let parts = vec![
        signed(Part::thinking("deep"), Dialect::BEDROCK, "x:y"),
        Part::new(Content::RedactedThinking {
            data: "DATA".to_owned(),
            id: None,
        }),
        Part::new(Content::Text {
            text: "so".to_owned(),
            citations: vec![source],
        }),
        Part::new(Content::Refusal("no".to_owned())),
        signed(Part::tool_call("c1", "f", "{}"), Dialect::GEMINI, "G"),
        Part::tool_call("c2", "f", "{}"),
    ];
    let (reply, losses) = written(&answer(parts.clone(), FinishReason::ToolCalls));
    assert!(losses.is_empty());
    let mut request = decode(&json!({"input": reply["output"]})).unwrap().value;
    let message = request.messages.remove(0);
    assert_eq!(message.role, Role::Assistant);
    assert_eq!(message.parts.len(), parts.len());
    for (got, wanted) in message.parts.iter().zip(&parts) {
        assert_eq!(got.signature, wanted.signature);
        match (&got.content, &wanted.content) {
            (Content::Thinking { text, .. }, Content::Thinking { text: other, .. })
            | (Content::Text { text, .. }, Content::Text { text: other, .. })
            | (
                Content::RedactedThinking { data: text, .. },
                Content::RedactedThinking { data: other, .. },
            ) => assert_eq!(text, other),
            (got, wanted) => assert_eq!(got, wanted),
        }
    }
}

#[test]
fn what_has_no_form_is_reported() {
    let mut response = answer(
        vec![Part::new(Content::Opaque {
            dialect: Dialect::ANTHROPIC,
            value: json!({"type": "server_tool_use"}),
        })],
        FinishReason::Pause,
    );
    response.choices.push(Choice::default());
    let (reply, losses) = written(&response);
    assert_eq!(reply["output"], json!([]));
    assert_eq!(losses.len(), 3);
}
