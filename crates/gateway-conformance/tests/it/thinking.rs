//! Signed thinking over two turns: a provider's reply with thought, proof and a tool call reaches a client in its own
//! dialect, the client answers with its history, and the provider gets the proof back byte for byte.

use gateway_conformance::{Asked, Family, SURFACES, Surface, ask};
use gateway_testkit::ScriptedReply;
use serde_json::{Value, json};

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

fn turns(surface: Surface, family: Family) -> (Asked, Asked) {
    let first = ScriptedReply::json(200, &reply(family.name));
    let one = question(surface.name);
    let first = ask(surface, family, &one, false, first);
    let got = first
        .json()
        .unwrap_or_else(|| panic!("{} {}: {:?}", surface.name, family.name, first.error()));
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

#[test]
fn a_provider_gets_its_proof_of_thinking_back_from_every_client_that_can_carry_it() {
    let written = serde_json::to_string(PROOF).unwrap();
    let mut lost = Vec::new();
    for surface in SURFACES {
        for family in SIGNING {
            let (first, second) = turns(*surface, Family::named(family).unwrap());
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
            } else if kept != 1 {
                lost.push(format!("{} {family}: {kept} times in {text}", surface.name));
            }
        }
    }
    assert!(lost.is_empty(), "{}", lost.join("\n"));
}

#[test]
fn a_provider_never_gets_the_proof_of_another_in_its_own_dialect() {
    for (surface, family) in [("anthropic", "anthropic"), ("bedrock", "bedrock-claude")] {
        let surface = Surface::named(surface).unwrap();
        let gemini = Family::named("gemini").unwrap();
        let one = question(surface.name);
        let first = ScriptedReply::json(200, &reply("gemini"));
        let got = ask(surface, gemini, &one, false, first).json().unwrap();
        let two = answered(surface.name, one, &got);
        assert!(two.to_string().contains(PROOF));
        let family = Family::named(family).unwrap();
        let again = ScriptedReply::json(200, &reply(family.name));
        let second = ask(surface, family, &two, false, again);
        let sent = std::str::from_utf8(second.sent_body().unwrap()).unwrap();
        assert!(sent.contains("sunny") && !sent.contains(PROOF), "{sent}");
        assert!(!second.request_losses.is_empty());
    }
}
