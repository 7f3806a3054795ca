//! Tools that other providers know under another name or in another form, there and back.

use bytes::BytesMut;
use gateway_schema::chat::{
    ChatResponse, Choice, Content, FunctionTool, Part, StreamEvent, Tool, ToolCall, ToolChoice,
};
use gateway_schema::stream::Encode;
use gateway_schema::{Dialect, Losses};
use serde_json::{Value, json};

use super::super::{StreamEncoder, encode_response, tool_forms};
use super::{decode, info, parsed};
use crate::testing::wrong_fields;
use crate::{ReplyInfo, ToolKind};

/// What Codex offers: tools of its own in a namespace, a patch in free text, the shell, a search among tools that were
/// not sent yet, and a search that only OpenAI can do.
fn tools() -> Value {
    json!([
        {"type": "namespace", "name": "crm", "description": "Customers.", "tools": [
            {"type": "function", "name": "find", "description": "Finds.", "strict": false,
             "parameters": {"type": "object", "properties": {"name": {"type": "string"}}}},
            {"type": "custom", "name": "note", "description": "Notes."}]},
        {"type": "function", "name": "find", "parameters": {"type": "object"}},
        {"type": "custom", "name": "apply_patch", "format": {"type": "grammar", "syntax": "lark", "definition": "start: /.+/"}},
        {"type": "local_shell"},
        {"type": "tool_search", "execution": "client", "description": "Searches tools.",
         "parameters": {"type": "object", "properties": {"query": {"type": "string"}}}},
        {"type": "web_search"},
    ])
}

fn facts(tools: &Value) -> ReplyInfo {
    let forms = tool_forms(Some(tools.to_string().as_bytes()), None);
    info().with_tool_forms(forms.into())
}

fn functions(tools: &[Tool]) -> Vec<&FunctionTool> {
    let all = tools.iter().filter_map(|tool| match tool {
        Tool::Function(tool) => Some(tool),
        _ => None,
    });
    all.collect()
}

#[test]
fn every_tool_that_a_client_can_run_is_offered_as_a_function_of_its_own_name() {
    let decoded = decode(&json!({"input": "x", "tools": tools()})).unwrap();
    let tools = decoded.value.tools.unwrap();
    let functions = functions(&tools);
    let names: Vec<_> = functions.iter().map(|tool| tool.name.as_str()).collect();
    assert_eq!(
        names,
        [
            "crm__find",
            "crm__note",
            "find",
            "apply_patch",
            "local_shell",
            "tool_search"
        ]
    );
    let said = functions[0].description.as_deref();
    assert_eq!(said, Some("Finds.\n\nOf all tools of `crm`: Customers."));
    assert_eq!(functions[0].strict, Some(false));
    assert_eq!(
        functions[4].parameters.as_ref().unwrap()["required"],
        json!(["command"])
    );
    assert!(
        functions[5].parameters.as_ref().unwrap()["properties"]
            .get("query")
            .is_some()
    );
    // What only OpenAI can do is left for the provider's encoder to report.
    assert!(matches!(tools.last(), Some(Tool::Opaque { .. })));
    let told: Vec<_> = decoded
        .losses
        .iter()
        .map(|loss| loss.path.as_str())
        .collect();
    assert_eq!(told, ["tools[3]", "tools[4]"]);
}

/// Calls as a provider makes them, and the items that the client must get.
fn calls() -> Vec<(&'static str, &'static str, Value)> {
    vec![
        (
            "crm__find",
            r#"{"name":"Ada"}"#,
            json!({"type": "function_call", "namespace": "crm", "name": "find", "arguments": "{\"name\":\"Ada\"}"}),
        ),
        (
            "crm__note",
            r#"{"input":"hi"}"#,
            json!({"type": "custom_tool_call", "namespace": "crm", "name": "note", "input": "hi"}),
        ),
        (
            "find",
            "{}",
            json!({"type": "function_call", "name": "find", "arguments": "{}"}),
        ),
        (
            "local_shell",
            r#"{"command":["ls","-l"],"timeout_ms":5}"#,
            json!({"type": "local_shell_call", "action": {"type": "exec", "command": ["ls", "-l"], "env": {}, "timeout_ms": 5}}),
        ),
        (
            "local_shell",
            r#"{"command":"ls | wc"}"#,
            json!({"type": "local_shell_call", "action": {"type": "exec", "command": ["bash", "-lc", "ls | wc"], "env": {}}}),
        ),
        (
            "local_shell",
            "ls",
            json!({"type": "local_shell_call", "action": {"type": "exec", "command": [], "env": {}}}),
        ),
        (
            "tool_search",
            r#"{"query":"mail"}"#,
            json!({"type": "tool_search_call", "execution": "client", "arguments": {"query": "mail"}}),
        ),
    ]
}

fn check(items: &Value) {
    for (index, (item, (.., want))) in items.as_array().unwrap().iter().zip(calls()).enumerate() {
        let mut item = item.clone();
        let fields = item.as_object_mut().unwrap();
        assert_eq!(fields.remove("call_id"), Some(json!(format!("c{index}"))));
        assert_eq!(fields.remove("status"), Some(json!("completed")));
        assert!(fields.remove("id").is_some());
        assert_eq!(item, want);
    }
    assert_eq!(items.as_array().unwrap().len(), calls().len());
}

#[test]
fn calls_come_back_in_the_clients_own_form_in_whole_replies() {
    let call = |(index, (name, arguments, _)): (usize, (&str, &str, Value))| {
        Part::new(Content::ToolCall(ToolCall {
            id: Some(format!("c{index}")),
            name: name.to_owned(),
            arguments: arguments.to_owned(),
        }))
    };
    let parts = calls().into_iter().enumerate().map(call).collect();
    let mut response = ChatResponse::default();
    let mut choice = Choice::default();
    choice.parts = parts;
    response.choices.push(choice);
    let mut losses = Losses::new();
    let body = encode_response(&response, &facts(&tools()), &mut losses);
    let reply: Value = serde_json::from_slice(&body).unwrap();
    check(&reply["output"]);
    assert!(losses.is_empty());
}

#[test]
fn calls_come_back_in_the_clients_own_form_in_streams() {
    let mut encoder = StreamEncoder::new(&facts(&tools()));
    let mut out = BytesMut::new();
    for (call, (index, (name, arguments, _))) in (0_u32..).zip(calls().iter().enumerate()) {
        let (one, two) = arguments.split_at(arguments.len() / 2);
        encoder.encode(
            &[
                StreamEvent::ToolCall {
                    choice: 0,
                    call,
                    id: Some(format!("c{index}")),
                    name: (*name).to_owned(),
                    arguments: one.to_owned(),
                },
                StreamEvent::ToolArguments {
                    choice: 0,
                    call,
                    fragment: two.to_owned(),
                },
                StreamEvent::PartEnd { choice: 0 },
            ],
            &mut out,
        );
    }
    encoder.end(&mut out);
    let events = parsed(std::str::from_utf8(&out).unwrap());
    let (_, last) = events.last().unwrap();
    check(&last["response"]["output"]);
    let done: Vec<_> = events
        .iter()
        .filter(|(kind, _)| kind == "response.output_item.done")
        .map(|(_, event)| event["item"].clone())
        .collect();
    check(&Value::Array(done));
    // A client that shows a call as it begins knows whose it is.
    let (_, added) = &events[2];
    assert_eq!(
        (&added["item"]["namespace"], &added["item"]["name"]),
        (&json!("crm"), &json!("find"))
    );
    // Pieces of JSON are none of a built-in tool's own.
    let of_shell = |(kind, event): &&(String, Value)| {
        kind.contains("delta") && event["output_index"].as_u64() >= Some(3)
    };
    assert_eq!(events.iter().filter(of_shell).count(), 0);
}

#[test]
fn a_history_calls_tools_as_they_are_offered() {
    let body = json!({"tools": tools(), "input": [
        {"type": "function_call", "namespace": "crm", "name": "find", "arguments": "{}", "call_id": "a"},
        {"type": "function_call_output", "call_id": "a", "output": "1"},
        {"type": "custom_tool_call", "namespace": "crm", "name": "note", "input": "hi", "call_id": "b"},
        {"type": "custom_tool_call_output", "call_id": "b", "output": "2"},
        {"type": "local_shell_call", "id": "lsh_1", "call_id": "c", "status": "completed",
         "action": {"type": "exec", "command": ["ls"], "env": {}, "user": null}},
        {"type": "local_shell_call_output", "id": "c", "output": "3"},
        {"type": "tool_search_call", "call_id": "d", "execution": "client", "arguments": {"query": "mail"}},
        {"type": "tool_search_output", "call_id": "d", "execution": "client", "status": "completed", "tools": [
            {"type": "namespace", "name": "mail", "description": "", "tools": [
                {"type": "function", "name": "send", "parameters": {"type": "object"}, "defer_loading": true}]}]},
        {"type": "function_call", "namespace": "mail", "name": "send", "arguments": "{}", "call_id": "e"},
        {"type": "function_call_output", "call_id": "e", "output": "5"},
        {"type": "additional_tools", "role": "developer", "tools": [{"type": "function", "name": "late"}, {"type": "function", "name": "find"}]},
        {"type": "web_search_call", "id": "ws_1", "status": "completed"},
    ]});
    let decoded = decode(&body).unwrap();
    let mut said = Vec::new();
    for part in decoded.value.messages.iter().flat_map(|it| &it.parts) {
        match &part.content {
            Content::ToolCall(call) => said.push(format!("{} {}", call.name, call.arguments)),
            Content::ToolResult(result) => said.push(format!("-> {}", result.call_id)),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(
        said,
        [
            "crm__find {}",
            "-> a",
            "crm__note {\"input\":\"hi\"}",
            "-> b",
            "local_shell {\"command\":[\"ls\"]}",
            "-> c",
            "tool_search {\"query\":\"mail\"}",
            "-> d",
            "mail__send {}",
            "-> e"
        ]
    );
    let tools = decoded.value.tools.unwrap();
    let names: Vec<_> = functions(&tools).iter().map(|it| it.name.clone()).collect();
    assert_eq!(names[6..], ["mail__send", "late"]);
    let lost = decoded.losses.iter().map(|loss| loss.path.as_str());
    assert!(lost.clone().any(|path| path == "input[11]"));
    assert!(lost.clone().any(|path| path == "input[4]"));
    let text = |key: &str| body[key].to_string();
    let forms = tool_forms(
        Some(text("tools").as_bytes()),
        Some(text("input").as_bytes()),
    );
    let mail = forms.iter().find(|form| form.name == "mail__send").unwrap();
    assert_eq!(
        (mail.namespace.as_deref(), mail.own.as_str(), mail.kind),
        (Some("mail"), "send", ToolKind::Function)
    );
}

#[test]
fn a_choice_means_the_tools_as_they_are_offered() {
    let choice = |choice: Value| {
        let body = json!({"input": "x", "tools": tools(), "tool_choice": choice});
        decode(&body).unwrap().value.tool_choice.unwrap()
    };
    let one = |name: &str| ToolChoice::Function(name.to_owned());
    assert_eq!(
        choice(json!({"type": "function", "name": "find"})),
        one("find")
    );
    assert_eq!(
        choice(json!({"type": "custom", "name": "note"})),
        one("crm__note")
    );
    let allowed = choice(json!({"type": "allowed_tools", "mode": "auto", "tools": [
        {"type": "namespace", "name": "crm"}, {"type": "local_shell"}]}));
    assert_eq!(
        allowed,
        ToolChoice::Allowed {
            names: ["crm__find", "crm__note", "local_shell"]
                .map(str::to_owned)
                .into(),
            required: false
        }
    );
    assert!(matches!(
        choice(json!({"type": "web_search"})),
        ToolChoice::Opaque { dialect, .. } if dialect == Dialect::OPENAI_RESPONSES
    ));
}

#[test]
fn a_broken_namespace_is_told_with_its_place() {
    let body = json!({"input": "x", "tools": [
        {"type": "namespace", "name": "n", "tools": [{"type": "function"}, {"type": "web_search"}]},
        {"type": "namespace", "tools": []}, {"type": "namespace", "name": "m"}]});
    let error = decode(&body).unwrap_err();
    let paths = wrong_fields(&error);
    assert_eq!(
        paths,
        [
            "tools[0].tools[0].name",
            "tools[0].tools[1]",
            "tools[1].name",
            "tools[2].tools"
        ]
    );
}
