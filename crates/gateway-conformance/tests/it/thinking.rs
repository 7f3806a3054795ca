//! Signed thinking over two turns: a provider's reply with thought, proof and a tool call reaches a client in its own
//! dialect, the client answers with its history, and the provider gets the proof back byte for byte.

use bytes::BytesMut;
use gateway_conformance::{Asked, Family, SURFACES, Surface, ask};
use gateway_dialect::event_stream;
use gateway_testkit::ScriptedReply;
use serde_json::{Value, json};

use crate::gather::gather;

/// With the letters of base64 that writers like to change.
const PROOF: &str = "U0lH+/FUVVJFTUFSSw==";

/// The families whose replies carry proofs.
const SIGNING: [&str; 4] = ["anthropic", "bedrock-claude", "gemini", "openrouter"];

/// Client and family where the client's dialect has no place for the proof; the loss is reported with a turn.
const WITHOUT_PLACE: [(&str, &str); 7] = [
    // Cohere signs nothing.
    ("cohere", "anthropic"),
    ("cohere", "bedrock-claude"),
    ("cohere", "gemini"),
    ("cohere", "openrouter"),
    // MLflow's messages have thoughts without proofs; a call may carry Google's.
    ("mlflow", "anthropic"),
    ("mlflow", "bedrock-claude"),
    ("mlflow", "openrouter"),
];

/// The first reply of a family.
fn reply(family: &str) -> Value {
    match family {
        "anthropic" => {
            json!({"id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": [
            {"type": "thinking", "thinking": "Hm.", "signature": PROOF},
            {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {"city": "Rome"}}],
            "stop_reason": "tool_use", "stop_sequence": null, "usage": {"input_tokens": 1, "output_tokens": 1}})
        }
        "bedrock-claude" => json!({"output": {"message": {"role": "assistant", "content": [
            {"reasoningContent": {"reasoningText": {"text": "Hm.", "signature": PROOF}}},
            {"toolUse": {"toolUseId": "tooluse_1", "name": "weather", "input": {"city": "Rome"}}}]}},
            "stopReason": "tool_use", "usage": {"inputTokens": 1, "outputTokens": 1, "totalTokens": 2}, "metrics": {"latencyMs": 1}}),
        "gemini" => json!({"candidates": [{"content": {"role": "model", "parts": [
            {"text": "Hm.", "thought": true},
            {"functionCall": {"name": "weather", "args": {"city": "Rome"}}, "thoughtSignature": PROOF}]},
            "finishReason": "STOP", "index": 0}], "usageMetadata": {"promptTokenCount": 1, "candidatesTokenCount": 1,
            "totalTokenCount": 2}, "modelVersion": "m", "responseId": "r"}),
        _ => {
            json!({"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "m", "choices": [{"index": 0,
            "message": {"role": "assistant", "content": null, "reasoning": "Hm.", "reasoning_details": [
                {"type": "reasoning.text", "text": "Hm.", "signature": PROOF, "format": "anthropic-claude-v1", "index": 0}],
            "tool_calls": [{"id": "call_1", "type": "function", "index": 0, "function":
                {"name": "weather", "arguments": "{\"city\":\"Rome\"}"}}]}, "finish_reason": "tool_calls"}],
            "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}})
        }
    }
}

/// The same reply as a stream, in the pieces that the family sends.
fn stream(family: &str) -> ScriptedReply {
    let lines = |events: &[Value]| {
        let lines = events.iter().map(|event| match event["type"].as_str() {
            Some(name) => format!("event: {name}\ndata: {event}\n\n"),
            None => format!("data: {event}\n\n"),
        });
        lines.collect::<String>()
    };
    match family {
        "anthropic" => ScriptedReply::sse(lines(&anthropic_events())),
        "bedrock-claude" => {
            let mut out = BytesMut::new();
            for (name, event) in bedrock_events() {
                event_stream::write_event(&mut out, name, event.to_string().as_bytes());
            }
            ScriptedReply::new(200, "application/vnd.amazon.eventstream", out.freeze())
        }
        "gemini" => {
            let piece = |part: Value, end: Value| {
                json!({"candidates": [{"content": {"role": "model", "parts": [part]}, "finishReason": end, "index": 0}],
                    "usageMetadata": {"promptTokenCount": 1, "candidatesTokenCount": 1, "totalTokenCount": 2},
                    "modelVersion": "m", "responseId": "r"})
            };
            let call = json!({"functionCall": {"name": "weather", "args": {"city": "Rome"}}, "thoughtSignature": PROOF});
            ScriptedReply::sse(lines(&[
                piece(json!({"text": "H", "thought": true}), Value::Null),
                piece(json!({"text": "m.", "thought": true}), Value::Null),
                piece(call, json!("STOP")),
            ]))
        }
        _ => {
            let piece = |delta: Value, end: Value| {
                json!({"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "m",
                    "choices": [{"index": 0, "delta": delta, "finish_reason": end}]})
            };
            let detail = |key: &str, text: &str| json!({"reasoning_details": [{"type": "reasoning.text", key: text, "format": "anthropic-claude-v1", "index": 0}]});
            let call = |function: Value| json!({"tool_calls": [{"index": 0, "id": "call_1", "type": "function", "function": function}]});
            let more =
                json!({"tool_calls": [{"index": 0, "function": {"arguments": "\"Rome\"}"}}]});
            let mut said = lines(&[
                piece(json!({"role": "assistant", "content": ""}), Value::Null),
                piece(detail("text", "H"), Value::Null),
                piece(detail("text", "m."), Value::Null),
                piece(detail("signature", PROOF), Value::Null),
                piece(
                    call(json!({"name": "weather", "arguments": "{\"city\":"})),
                    Value::Null,
                ),
                piece(more, Value::Null),
                piece(json!({}), json!("tool_calls")),
            ]);
            said.push_str("data: [DONE]\n\n");
            ScriptedReply::sse(said)
        }
    }
}

fn anthropic_events() -> Vec<Value> {
    let delta = |index: u32, delta: Value| json!({"type": "content_block_delta", "index": index, "delta": delta});
    let stop = |index: u32| json!({"type": "content_block_stop", "index": index});
    let start = |index: u32, block: Value| json!({"type": "content_block_start", "index": index, "content_block": block});
    vec![
        json!({"type": "message_start", "message": {"id": "msg_1", "type": "message", "role": "assistant", "model": "m",
            "content": [], "stop_reason": null, "stop_sequence": null, "usage": {"input_tokens": 1, "output_tokens": 1}}}),
        start(
            0,
            json!({"type": "thinking", "thinking": "", "signature": ""}),
        ),
        delta(0, json!({"type": "thinking_delta", "thinking": "H"})),
        delta(0, json!({"type": "thinking_delta", "thinking": "m."})),
        delta(0, json!({"type": "signature_delta", "signature": PROOF})),
        stop(0),
        start(
            1,
            json!({"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {}}),
        ),
        delta(
            1,
            json!({"type": "input_json_delta", "partial_json": "{\"city\":"}),
        ),
        delta(
            1,
            json!({"type": "input_json_delta", "partial_json": "\"Rome\"}"}),
        ),
        stop(1),
        json!({"type": "message_delta", "delta": {"stop_reason": "tool_use", "stop_sequence": null}, "usage": {"output_tokens": 1}}),
        json!({"type": "message_stop"}),
    ]
}

fn bedrock_events() -> Vec<(&'static str, Value)> {
    let delta = |index: u32, delta: Value| {
        (
            "contentBlockDelta",
            json!({"contentBlockIndex": index, "delta": delta}),
        )
    };
    let stop = |index: u32| ("contentBlockStop", json!({"contentBlockIndex": index}));
    vec![
        ("messageStart", json!({"role": "assistant"})),
        delta(0, json!({"reasoningContent": {"text": "H"}})),
        delta(0, json!({"reasoningContent": {"text": "m."}})),
        delta(0, json!({"reasoningContent": {"signature": PROOF}})),
        stop(0),
        (
            "contentBlockStart",
            json!({"contentBlockIndex": 1, "start": {"toolUse": {"toolUseId": "tooluse_1", "name": "weather"}}}),
        ),
        delta(1, json!({"toolUse": {"input": "{\"city\":"}})),
        delta(1, json!({"toolUse": {"input": "\"Rome\"}"}})),
        stop(1),
        ("messageStop", json!({"stopReason": "tool_use"})),
        (
            "metadata",
            json!({"usage": {"inputTokens": 1, "outputTokens": 1, "totalTokens": 2}, "metrics": {"latencyMs": 1}}),
        ),
    ]
}

/// The first question of a client: with a tool and thinking, in its own words.
fn question(surface: &str) -> Value {
    let schema =
        json!({"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]});
    let function = json!({"name": "weather", "description": "d", "parameters": schema});
    match surface {
        "anthropic" => {
            json!({"model": "m", "max_tokens": 4096, "thinking": {"type": "enabled", "budget_tokens": 1024},
            "tools": [{"name": "weather", "description": "d", "input_schema": schema}],
            "messages": [{"role": "user", "content": "Hi"}]})
        }
        "bedrock" => json!({"inferenceConfig": {"maxTokens": 4096},
            "additionalModelRequestFields": {"thinking": {"type": "enabled", "budget_tokens": 1024}},
            "toolConfig": {"tools": [{"toolSpec": {"name": "weather", "description": "d", "inputSchema": {"json": schema}}}]},
            "messages": [{"role": "user", "content": [{"text": "Hi"}]}]}),
        "gemini" => json!({"tools": [{"functionDeclarations": [function]}],
            "generationConfig": {"thinkingConfig": {"thinkingBudget": 1024}, "maxOutputTokens": 4096},
            "contents": [{"role": "user", "parts": [{"text": "Hi"}]}]}),
        "openai-responses" => json!({"model": "m", "max_output_tokens": 4096, "store": false,
            "include": ["reasoning.encrypted_content"], "reasoning": {"effort": "low", "summary": "auto"},
            "tools": [{"type": "function", "name": "weather", "description": "d", "parameters": schema, "strict": false}],
            "input": [{"role": "user", "content": "Hi"}]}),
        "cohere" => {
            json!({"model": "m", "max_tokens": 4096, "thinking": {"type": "enabled", "token_budget": 1024},
            "tools": [{"type": "function", "function": function}],
            "messages": [{"role": "user", "content": "Hi"}]})
        }
        "mlflow" => {
            json!({"max_tokens": 4096, "tools": [{"type": "function", "function": function}],
            "messages": [{"role": "user", "content": "Hi"}]})
        }
        _ => json!({"model": "m", "max_tokens": 4096, "reasoning_effort": "low",
            "tools": [{"type": "function", "function": function}],
            "messages": [{"role": "user", "content": "Hi"}]}),
    }
}

/// The second question: the first, the reply as the client got it, and the result of the tool.
fn answered(surface: &str, mut question: Value, reply: &Value) -> Value {
    let (list, said, results) = match surface {
        "anthropic" => {
            let call = of_kind(&reply["content"], "tool_use");
            let result =
                json!({"type": "tool_result", "tool_use_id": call["id"], "content": "sunny"});
            let said = json!({"role": "assistant", "content": reply["content"]});
            (
                "messages",
                vec![said],
                json!({"role": "user", "content": [result]}),
            )
        }
        "bedrock" => {
            let said = reply["output"]["message"].clone();
            let id = find(&said["content"], "toolUse")["toolUse"]["toolUseId"].clone();
            let result = json!({"toolResult": {"toolUseId": id, "content": [{"text": "sunny"}]}});
            (
                "messages",
                vec![said],
                json!({"role": "user", "content": [result]}),
            )
        }
        "gemini" => {
            let said = reply["candidates"][0]["content"].clone();
            let call = find(&said["parts"], "functionCall")["functionCall"].clone();
            let mut result = json!({"name": "weather", "response": {"output": "sunny"}});
            if !call["id"].is_null() {
                result["id"] = call["id"].clone();
            }
            (
                "contents",
                vec![said],
                json!({"role": "user", "parts": [{"functionResponse": result}]}),
            )
        }
        "openai-responses" => {
            let call = of_kind(&reply["output"], "function_call");
            let result = json!({"type": "function_call_output", "call_id": call["call_id"], "output": "sunny"});
            ("input", reply["output"].as_array().unwrap().clone(), result)
        }
        _ => {
            let said = match surface {
                "cohere" => reply["message"].clone(),
                _ => reply["choices"][0]["message"].clone(),
            };
            let id = said["tool_calls"][0]["id"].clone();
            (
                "messages",
                vec![said],
                json!({"role": "tool", "tool_call_id": id, "content": "sunny"}),
            )
        }
    };
    let history = question[list].as_array_mut().unwrap();
    history.extend(said);
    history.push(results);
    question
}

fn find(list: &Value, member: &str) -> Value {
    let has = |item: &&Value| item.get(member).is_some();
    list.as_array().unwrap().iter().find(has).unwrap().clone()
}

fn of_kind(list: &Value, kind: &str) -> Value {
    let is = |item: &&Value| item["type"] == kind;
    list.as_array().unwrap().iter().find(is).unwrap().clone()
}

/// Two turns: the first streamed or whole, the second whole.
fn turns(surface: Surface, family: Family, streamed: bool) -> (Asked, Asked) {
    let mut one = question(surface.name);
    if streamed && !matches!(surface.name, "gemini" | "bedrock") {
        one["stream"] = json!(true);
    }
    let said = if streamed {
        stream(family.name)
    } else {
        ScriptedReply::json(200, &reply(family.name))
    };
    let first = ask(surface, family, &one, streamed, said);
    let told = || panic!("{} {}: {:?}", surface.name, family.name, first.error());
    let got = match &first.answer {
        Ok(bytes) if streamed => gather(surface, bytes),
        _ => first.json().unwrap_or_else(told),
    };
    if let Some(fields) = one.as_object_mut() {
        fields.remove("stream");
    }
    let two = answered(surface.name, one, &got);
    let second = ask(
        surface,
        family,
        &two,
        false,
        ScriptedReply::json(200, &reply(family.name)),
    );
    (first, second)
}

/// The thought is there; Gemini's own clients send its pieces back as they came.
fn thought(text: &str) -> bool {
    text.contains("Hm.") || text.contains(r#""text":"m.""#)
}

fn prove(streamed: bool) {
    let written = serde_json::to_string(PROOF).unwrap();
    let mut lost = Vec::new();
    for surface in SURFACES {
        for family in SIGNING {
            let (first, second) = turns(*surface, Family::named(family).unwrap(), streamed);
            let sent = second
                .sent_body()
                .unwrap_or_else(|| panic!("{} {family}: {:?}", surface.name, second.error()));
            let text = std::str::from_utf8(sent).unwrap();
            assert!(text.contains("Rome") && text.contains("sunny"), "{text}");
            let kept = text.matches(&written).count();
            if WITHOUT_PLACE.contains(&(surface.name, family)) {
                assert_eq!(kept, 0, "{} {family} carries it: unlist it", surface.name);
                if first.reply_losses.is_empty() && second.request_losses.is_empty() {
                    lost.push(format!("{} {family}: not reported", surface.name));
                }
            } else if kept != 1 || !(surface.name == "mlflow" || thought(text)) {
                lost.push(format!("{} {family}: {kept} times in {text}", surface.name));
            }
        }
    }
    assert!(lost.is_empty(), "{}", lost.join("\n"));
}

#[test]
fn a_provider_gets_its_proof_of_thinking_back_from_every_client_that_can_carry_it() {
    prove(false);
}

#[test]
fn a_provider_gets_its_proof_of_streamed_thinking_back_from_every_client_that_can_carry_it() {
    prove(true);
}

#[test]
fn a_provider_never_gets_the_proof_of_another_in_its_own_dialect() {
    for (surface, family) in [
        ("anthropic", "anthropic"),
        ("bedrock", "bedrock-claude"),
        ("openai-responses", "openai-reasoning"),
    ] {
        let surface = Surface::named(surface).unwrap();
        let gemini = Family::named("gemini").unwrap();
        let one = question(surface.name);
        let first = ScriptedReply::json(200, &reply("gemini"));
        let got = ask(surface, gemini, &one, false, first).json().unwrap();
        let two = answered(surface.name, one, &got);
        assert!(two.to_string().contains(PROOF));
        let family = Family::named(family).unwrap();
        let said = match surface.name {
            "openai-responses" => {
                json!({"id": "resp_1", "object": "response", "status": "completed", "model": "m",
                "output": []})
            }
            _ => reply(family.name),
        };
        let again = ScriptedReply::json(200, &said);
        let second = ask(surface, family, &two, false, again);
        let sent = std::str::from_utf8(second.sent_body().unwrap()).unwrap();
        assert!(sent.contains("sunny") && !sent.contains(PROOF), "{sent}");
        assert!(!second.request_losses.is_empty());
    }
}
