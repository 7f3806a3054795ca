//! Anthropic: quirks 32 to 37, and its overloads.

use gateway_schema::{ErrorKind, Retry};
use gateway_testkit::ScriptedReply;
use serde_json::{Value, json};

use super::{failed, got, open_sse, streamed, weather, whole};

fn start(usage: &Value) -> Value {
    json!({"type": "message_start", "message": {"id": "msg_1", "type": "message", "role": "assistant",
        "model": "m", "content": [], "stop_reason": null, "stop_sequence": null, "usage": usage}})
}

fn block(index: u64, block: &Value) -> Value {
    json!({"type": "content_block_start", "index": index, "content_block": block})
}

fn piece(index: u64, delta: &Value) -> Value {
    json!({"type": "content_block_delta", "index": index, "delta": delta})
}

fn stop(index: u64) -> Value {
    json!({"type": "content_block_stop", "index": index})
}

fn end(word: &str, usage: &Value) -> [Value; 2] {
    [
        json!({"type": "message_delta", "delta": {"stop_reason": word, "stop_sequence": null}, "usage": usage}),
        json!({"type": "message_stop"}),
    ]
}

fn stream(blocks: &[Value], word: &str) -> Vec<Value> {
    let mut events = vec![start(&json!({"input_tokens": 9, "output_tokens": 1}))];
    events.extend_from_slice(blocks);
    events.extend(end(word, &json!({"output_tokens": 5})));
    events
}

fn reply(content: &Value) -> Value {
    json!({"id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": content,
        "stop_reason": "end_turn", "stop_sequence": null, "usage": {"input_tokens": 9, "output_tokens": 5}})
}

#[test]
fn q32_pings_padding_and_empty_pieces_are_nothing() {
    let tool = json!({"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {}});
    let json_piece = |text: &str| {
        piece(
            0,
            &json!({"type": "input_json_delta", "partial_json": text}),
        )
    };
    let body = open_sse(&stream(
        &[
            block(0, &tool),
            json!({"type": "ping"}),
            json_piece(""),
            json_piece(r#"{"city":"#),
            json_piece(r#""Rome"}"#),
            stop(0),
        ],
        "tool_use",
    ))
    .replace("}\n\n", "         }\n\n");
    let got = streamed("anthropic", body);
    assert_eq!(got.says.calls, [weather("Rome")]);
    assert_eq!(got.says.finish.as_deref(), Some("tools"));
}

#[test]
fn q33_usage_that_is_repeated_at_the_end_is_not_added() {
    let first = json!({"input_tokens": 9, "cache_read_input_tokens": 3, "cache_creation_input_tokens": 2, "output_tokens": 1});
    let last = json!({"input_tokens": 9, "cache_read_input_tokens": 3, "cache_creation_input_tokens": 2,
        "output_tokens": 5, "server_tool_use": {"web_search_requests": 1}});
    let mut events = vec![
        start(&first),
        block(0, &json!({"type": "text", "text": ""})),
        piece(0, &json!({"type": "text_delta", "text": "Hello"})),
        stop(0),
    ];
    events.extend(end("end_turn", &last));
    let got = streamed("anthropic", open_sse(&events));
    assert_eq!(got.says.text, "Hello");
    assert_eq!((got.says.input, got.says.output), (Some(14), Some(5)));
    assert_eq!(got.says.cached, Some(3));
}

#[test]
fn q34_citations_come_after_an_empty_list_and_keep_their_address() {
    let cited = json!({"type": "web_search_result_location", "url": "https://example.com/a", "title": "t",
        "encrypted_index": "e", "cited_text": "c"});
    let body = open_sse(&stream(
        &[
            block(0, &json!({"type": "text", "text": "", "citations": []})),
            piece(0, &json!({"type": "text_delta", "text": "Hello"})),
            piece(0, &json!({"type": "citations_delta", "citation": cited})),
            stop(0),
        ],
        "end_turn",
    ));
    let got = streamed("anthropic", body);
    assert_eq!(got.says.text, "Hello");
    assert!(got.text.contains("https://example.com/a"), "{}", got.text);
}

#[test]
fn q35_redacted_thinking_is_carried() {
    let redacted = json!({"type": "redacted_thinking", "data": "UkVEQUNURUQ="});
    let text = json!({"type": "text", "text": "Hello"});
    let body = reply(&json!([redacted, text]));
    let events = open_sse(&stream(
        &[block(0, &redacted), stop(0), block(1, &text), stop(1)],
        "end_turn",
    ));
    for surface in ["openai", "openai-responses", "bedrock"] {
        let one = got(surface, "anthropic", false, ScriptedReply::json(200, &body));
        let other = got(
            surface,
            "anthropic",
            true,
            ScriptedReply::sse(events.clone()),
        );
        for got in [one, other] {
            assert_eq!(got.says.text, "Hello", "{surface}");
            assert_eq!(got.says.proofs.len(), 1, "{surface}: {}", got.text);
        }
    }
}

#[test]
fn q36_tools_that_the_provider_ran_are_not_the_clients_calls() {
    let content = json!([
        {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "q"}},
        {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": []},
        {"type": "mcp_tool_use", "id": "mcptoolu_1", "name": "ask", "server_name": "s", "input": {}},
        {"type": "mcp_tool_result", "tool_use_id": "mcptoolu_1", "is_error": false, "content": []},
        {"type": "tool_search_tool_result", "tool_use_id": "srvtoolu_2", "content": {}},
        {"type": "text", "text": "Hello"}]);
    let got = whole("anthropic", &reply(&content));
    assert_eq!((got.says.text.as_str(), got.says.calls.len()), ("Hello", 0));
    assert!(got.losses().contains("Dropped"), "{}", got.losses());
    let blocks: Vec<Value> = content
        .as_array()
        .unwrap()
        .iter()
        .zip(0..)
        .flat_map(|(one, index)| [block(index, one), stop(index)])
        .collect();
    let got = streamed("anthropic", open_sse(&stream(&blocks, "end_turn")));
    assert_eq!((got.says.text.as_str(), got.says.calls.len()), ("Hello", 0));
}

#[test]
fn q37_an_error_without_a_request_id_is_read() {
    let body = json!({"type": "error", "error": {"type": "authentication_error", "message": "invalid x-api-key"},
        "request_id": null});
    let error = failed("anthropic", false, ScriptedReply::json(401, &body));
    assert_eq!(error.kind(), ErrorKind::Unauthenticated);
    assert!(error.message().contains("invalid x-api-key"), "{error}");
}

#[test]
fn an_overloaded_provider_may_be_asked_again_whether_it_says_so_by_status_or_in_the_stream() {
    let said =
        json!({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}});
    let replies = [
        ScriptedReply::json(529, &said),
        ScriptedReply::sse(open_sse(std::slice::from_ref(&said))),
        ScriptedReply::new(503, "text/html", "<html>busy</html>"),
    ];
    for reply in replies {
        let error = failed("anthropic", true, reply);
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
        assert_ne!(error.retry(), Retry::Never);
    }
}
