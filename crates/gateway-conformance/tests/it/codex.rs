//! A Codex-shaped session with every kind of tool that Codex offers, with every provider that does not speak Responses
//! itself: what is called comes back in Codex's own form, and the next turn calls it as it is offered.

use bytes::BytesMut;
use gateway_conformance::{Asked, FAMILIES, Family, Surface, ask};
use gateway_dialect::{ClientCodec, ReplyInfo, anthropic, bedrock, cohere, gemini, openai};
use gateway_provider::Lane;
use gateway_schema::chat::{ChatResponse, Choice, Content, Finish, FinishReason, Part, ToolCall};
use gateway_schema::{Losses, Operation, Response};
use gateway_testkit::ScriptedReply;
use serde_json::{Value, json};

use crate::gather::gather;

/// The names under which providers know the tools, what they are called with, and the item Codex must get.
fn calls() -> [(&'static str, Value, Value); 4] {
    [
        (
            "mcp__crm__find",
            json!({"name": "Ada"}),
            json!({"type": "function_call", "namespace": "mcp__crm", "name": "find"}),
        ),
        (
            "apply_patch",
            json!({"input": "*** Begin"}),
            json!({"type": "custom_tool_call", "name": "apply_patch", "input": "*** Begin"}),
        ),
        (
            "local_shell",
            json!({"command": ["ls"]}),
            json!({"type": "local_shell_call", "action": {"type": "exec", "command": ["ls"], "env": {}}}),
        ),
        (
            "tool_search",
            json!({"query": "mail"}),
            json!({"type": "tool_search_call", "execution": "client", "arguments": {"query": "mail"}}),
        ),
    ]
}

fn question(stream: bool) -> Value {
    json!({"model": "m", "instructions": "Be brief.", "stream": stream, "store": false,
    "include": ["reasoning.encrypted_content"], "parallel_tool_calls": true, "tool_choice": "auto",
    "input": [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Find Ada"}]}],
    "tools": [
        {"type": "namespace", "name": "mcp__crm", "description": "Customers.", "tools": [
            {"type": "function", "name": "find", "description": "Finds.", "strict": false, "parameters":
                {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}}]},
        {"type": "custom", "name": "apply_patch", "description": "Patches.",
            "format": {"type": "grammar", "syntax": "lark", "definition": "start: /.+/"}},
        {"type": "local_shell"},
        {"type": "tool_search", "execution": "client", "description": "Searches tools.", "parameters":
            {"type": "object", "properties": {"query": {"type": "string"}}, "required": ["query"]}},
        {"type": "web_search", "external_web_access": true}]})
}

/// What a provider says when it makes these calls, in its own words.
fn said(family: Family, stream: bool) -> ScriptedReply {
    let codec: &dyn ClientCodec = match family.name {
        "anthropic" => &anthropic::AnthropicCodec,
        "gemini" => &gemini::GeminiCodec::EVENTS,
        "cohere" => &cohere::CohereCodec,
        name if name.starts_with("bedrock") => &bedrock::BedrockCodec,
        _ => &openai::OpenAi,
    };
    let mut choice = Choice::default();
    for (number, (name, arguments, _)) in calls().into_iter().enumerate() {
        choice.parts.push(Part::new(Content::ToolCall(ToolCall {
            id: Some(format!("call00000{number}")),
            name: name.to_owned(),
            arguments: arguments.to_string(),
        })));
    }
    choice.finish = Some(Finish::new(FinishReason::ToolCalls));
    let mut reply = ChatResponse::default();
    reply.choices.push(choice);
    let info = ReplyInfo::new("m", "p", "0123456789abcdef0123456789abcdef", 1);
    if !stream {
        let reply = Response::Chat(Box::new(reply));
        let body = codec.encode(&reply, &info, &mut Losses::new()).unwrap();
        return ScriptedReply::new(200, "application/json", body);
    }
    let mut encoder = codec.encoder(Operation::Chat, &info);
    let mut out = BytesMut::new();
    for group in reply.into_events() {
        encoder.encode(&group, &mut out);
    }
    encoder.end(&mut out);
    if family.name.starts_with("bedrock") {
        return ScriptedReply::new(200, "application/vnd.amazon.eventstream", out.freeze());
    }
    ScriptedReply::sse(out.freeze())
}

/// Every family that Responses are translated for.
fn translated() -> impl Iterator<Item = Family> {
    let native = ["openai", "openai-reasoning", "azure"];
    let all = FAMILIES.iter().copied();
    all.filter(move |family| !native.contains(&family.name))
}

fn check(family: Family, asked: &Asked, got: &Value) {
    let name = family.name;
    assert_eq!(asked.lane, Some(Lane::Cross), "{name}");
    let sent = String::from_utf8_lossy(asked.sent_body().unwrap());
    for (tool, ..) in calls() {
        assert!(sent.contains(&format!("\"{tool}\"")), "{name}: {sent}");
    }
    // What cannot be kept is told, with the place it had.
    let losses = || asked.request_losses.iter();
    assert!(
        losses().any(|loss| loss.why.contains("Responses")),
        "{name}: {:?}",
        asked.request_losses
    );
    let items = got["output"].as_array().unwrap();
    assert_eq!(items.len(), calls().len(), "{name}: {got}");
    for (item, (.., want)) in items.iter().zip(calls()) {
        for (key, value) in want.as_object().unwrap() {
            assert_eq!(&item[key], value, "{name}");
        }
        assert!(item["call_id"].is_string(), "{name}");
    }
    let arguments = items[0]["arguments"].as_str().unwrap();
    let arguments: Value = serde_json::from_str(arguments).unwrap();
    assert_eq!(arguments, json!({"name": "Ada"}), "{name}");
}

/// The second turn: the items as Codex got them, and its results.
fn answered(got: &Value) -> Value {
    let mut body = question(false);
    let history = body["input"].as_array_mut().unwrap();
    history.extend(got["output"].as_array().unwrap().iter().cloned());
    for item in got["output"].as_array().unwrap() {
        let id = &item["call_id"];
        history.push(match item["type"].as_str().unwrap() {
            "custom_tool_call" => {
                json!({"type": "custom_tool_call_output", "call_id": id, "output": "patched"})
            }
            "tool_search_call" => {
                json!({"type": "tool_search_output", "call_id": id, "execution": "client", "status": "completed",
                "tools": [{"type": "namespace", "name": "mcp__mail", "description": "Mail.", "tools": [
                    {"type": "function", "name": "send", "parameters": {"type": "object", "properties": {}}}]}]})
            }
            _ => json!({"type": "function_call_output", "call_id": id, "output": "done"}),
        });
    }
    body
}

fn session(stream: bool) {
    let codex = Surface::named("openai-responses").unwrap();
    for family in translated() {
        let asked = ask(
            codex,
            family,
            &question(stream),
            stream,
            said(family, stream),
        );
        let got = match &asked.answer {
            Ok(bytes) if stream => gather(codex, bytes),
            Ok(_) => asked.json().unwrap(),
            Err((_, error)) => panic!("{}: {error:?}", family.name),
        };
        check(family, &asked, &got);
        let again = ask(codex, family, &answered(&got), false, said(family, false));
        let sent = again
            .sent_body()
            .unwrap_or_else(|| panic!("{}: {:?}", family.name, again.error()));
        let sent = String::from_utf8_lossy(sent);
        for (tool, ..) in calls() {
            let count = sent.matches(&format!("\"{tool}\"")).count();
            assert!(
                count >= 2,
                "{}: {tool} is not called in {sent}",
                family.name
            );
        }
        // What the search found is offered from now on.
        assert!(sent.contains("\"mcp__mail__send\""), "{}", family.name);
        assert!(again.answer.is_ok(), "{}: {:?}", family.name, again.error());
    }
}

#[test]
fn codex_gets_every_call_in_its_own_form_from_every_provider() {
    session(false);
}

#[test]
fn codex_gets_every_call_in_its_own_form_from_every_provider_in_streams() {
    session(true);
}
