//! Requests.

use gateway_schema::chat::{
    Content, ContentForm, Effort, Media, ResponseFormat, Role, Tool, ToolChoice,
};
use gateway_schema::{Dialect, Retry};
use serde_json::json;

use super::decode;
use crate::testing::wrong_fields;

#[test]
fn a_codex_turn_becomes_one_conversation() {
    let body = json!({
        "model": "e", "instructions": "Be brief.", "stream": true, "store": false,
        "input": [
            {"type": "message", "role": "developer", "content": [{"type": "input_text", "text": "rules"}]},
            {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "list files"}]},
            {"type": "reasoning", "summary": [{"type": "summary_text", "text": "hm"}], "content": null,
             "encrypted_content": "gateway:anthropic:SIG"},
            {"type": "function_call", "name": "shell", "arguments": "{\"command\":[\"ls\"]}", "call_id": "c1"},
            {"type": "function_call", "name": "shell", "arguments": "{}", "call_id": "c2"},
            {"type": "reasoning", "summary": [], "encrypted_content": "gateway:gemini+before:G:1"},
            {"type": "function_call_output", "call_id": "c1", "output": "a.txt"},
            {"type": "function_call_output", "call_id": "c2", "output": [{"type": "input_text", "text": "b"}]},
        ],
        "tools": [
            {"type": "function", "name": "shell", "description": "d", "strict": false, "parameters": {"type": "object"}},
            {"type": "custom", "name": "apply_patch", "description": "d", "format": {"syntax": "lark", "definition": "start: /.+/"}},
            {"type": "web_search"},
        ],
        "tool_choice": "auto", "parallel_tool_calls": false,
        "reasoning": {"effort": "medium", "summary": "auto"},
        "include": ["reasoning.encrypted_content"],
    });
    let decoded = decode(&body).unwrap();
    assert!(decoded.losses.is_empty());
    let request = decoded.value;
    let roles: Vec<_> = request.messages.iter().map(|it| &it.role).collect();
    assert_eq!(
        roles,
        [
            &Role::System,
            &Role::Developer,
            &Role::User,
            &Role::Assistant,
            &Role::Tool,
            &Role::Tool
        ]
    );
    let said = &request.messages[3];
    assert_eq!(said.form, ContentForm::Null);
    assert_eq!(said.parts.len(), 3);
    let proof = |at: usize| {
        let proof = said.parts[at].signature.as_ref().unwrap();
        (proof.dialect, proof.value.as_str())
    };
    assert_eq!(proof(0), (Dialect::ANTHROPIC, "SIG"));
    assert_eq!(proof(2), (Dialect::GEMINI, "G:1"));
    assert!(said.parts[1].signature.is_none());
    assert!(matches!(&said.parts[0].content, Content::Thinking { text, .. } if text == "hm"));
    assert_eq!(request.messages[2].form, ContentForm::Text);
    let tools = request.tools.unwrap();
    assert!(matches!(&tools[0], Tool::Function(tool) if tool.strict == Some(false)));
    // A tool that takes free text is offered as a function with one text.
    let Tool::Function(patch) = &tools[1] else {
        panic!("{:?}", tools[1]);
    };
    assert_eq!(patch.name, "apply_patch");
    assert_eq!(
        patch.parameters.as_ref().unwrap()["required"],
        json!(["input"])
    );
    let said = patch.description.as_deref().unwrap();
    assert!(said.starts_with('d') && said.contains("lark grammar:\nstart: /.+/"));
    assert_eq!(patch.extra.dialect(), Some(Dialect::OPENAI_RESPONSES));
    assert!(
        matches!(&tools[2], Tool::Opaque { dialect, .. } if *dialect == Dialect::OPENAI_RESPONSES)
    );
    assert_eq!(request.tool_choice, Some(ToolChoice::Auto));
    assert_eq!(request.reasoning.unwrap().effort, Some(Effort::Medium));
    assert!(request.extra.is_empty());
}

#[test]
fn parts_of_every_kind_are_read() {
    let body = json!({"input": [{"role": "user", "content": [
        {"type": "input_text", "text": "t"},
        {"type": "input_image", "image_url": "data:image/png;base64,AAAA", "detail": "low"},
        {"type": "input_image", "file_id": "file-1"},
        {"type": "input_file", "filename": "a.pdf", "file_data": "data:application/pdf;base64,BBBB"},
        {"type": "input_file", "file_url": "https://e.com/a.pdf"},
        {"type": "input_audio", "input_audio": {"data": "CCCC", "format": "wav"}},
        {"type": "newest", "x": 1},
    ]}]});
    let parts = decode(&body).unwrap().value.messages.remove(0).parts;
    assert!(
        matches!(&parts[1].content, Content::Image { media: Media::Base64 { media_type, .. }, .. } if media_type == "image/png")
    );
    assert!(
        matches!(&parts[2].content, Content::Image { media: Media::File { id, .. }, .. } if id == "file-1")
    );
    assert!(
        matches!(&parts[3].content, Content::Document { media: Media::Base64 { .. }, title: Some(title), .. } if title == "a.pdf")
    );
    assert!(matches!(
        &parts[4].content,
        Content::Document {
            media: Media::Url { .. },
            ..
        }
    ));
    assert!(
        matches!(&parts[5].content, Content::Audio(Media::Base64 { media_type, .. }) if media_type == "audio/wav")
    );
    assert!(matches!(&parts[6].content, Content::Opaque { .. }));
}

#[test]
fn formats_limits_and_choices_are_read() {
    let body = json!({"input": "hi", "max_output_tokens": 9, "temperature": 0.5, "safety_identifier": "u",
        "text": {"format": {"type": "json_schema", "name": "n", "schema": {"type": "object"}, "strict": true}, "verbosity": "low"},
        "tool_choice": {"type": "allowed_tools", "mode": "required", "tools": [{"type": "function", "name": "f"}]},
        "include": ["message.output_text.logprobs", "file_search_call.results"], "top_logprobs": 2});
    let request = decode(&body).unwrap().value;
    assert_eq!(request.sampling.output_limit(), Some(9));
    assert_eq!(request.user.as_deref(), Some("u"));
    assert_eq!(
        (request.logprobs, request.top_logprobs),
        (Some(true), Some(2))
    );
    assert!(matches!(
        request.response_format,
        Some(ResponseFormat::JsonSchema {
            strict: Some(true),
            ..
        })
    ));
    let names = vec!["f".to_owned()];
    let required = true;
    assert_eq!(
        request.tool_choice,
        Some(ToolChoice::Allowed { names, required })
    );
    let extra = request
        .extra
        .for_dialect(Dialect::OPENAI_RESPONSES)
        .unwrap();
    assert_eq!(extra["text"], json!({"verbosity": "low"}));
    assert_eq!(extra["include"], json!(["file_search_call.results"]));
}

#[test]
fn what_only_openai_keeps_is_refused_and_may_be_tried_elsewhere() {
    for (field, value) in [
        ("previous_response_id", json!("resp_1")),
        ("conversation", json!({"id": "conv_1"})),
        ("background", json!(true)),
        ("prompt", json!({"id": "pmpt_1"})),
    ] {
        let mut body = json!({"input": "hi"});
        body[field] = value;
        let error = decode(&body).unwrap_err();
        assert_eq!(error.field_errors()[0].dotted(), field);
        assert_eq!(error.retry(), Retry::Elsewhere);
    }
    let body = json!({"input": [{"type": "item_reference", "id": "msg_1"}]});
    assert_eq!(decode(&body).unwrap_err().retry(), Retry::Elsewhere);
}

#[test]
fn every_wrong_field_is_named_at_once() {
    let body = json!({"input": [{"role": "boss", "content": "x"}, {"type": "function_call", "name": "f"}, 5],
        "temperature": "hot", "previous_response_id": "r"});
    let error = decode(&body).unwrap_err();
    let paths = wrong_fields(&error);
    assert_eq!(
        paths,
        [
            "input[0].role",
            "input[1].call_id",
            "input[2]",
            "temperature",
            "previous_response_id"
        ]
    );
    assert_eq!(error.retry(), Retry::Never);
    let error = decode(&json!({"model": "m"})).unwrap_err();
    assert_eq!(error.field_errors()[0].dotted(), "input");
}

#[test]
fn items_nobody_else_knows_are_lost_loudly_and_free_text_calls_become_json() {
    let body = json!({"input": [
        {"role": "user", "content": "x"},
        {"type": "web_search_call", "id": "ws_1", "status": "completed"},
        {"type": "custom_tool_call", "call_id": "c", "name": "patch", "input": "*** Begin"},
        {"type": "custom_tool_call_output", "call_id": "c", "output": "ok"},
    ]});
    let decoded = decode(&body).unwrap();
    let lost: Vec<_> = decoded
        .losses
        .iter()
        .map(|loss| loss.path.as_str())
        .collect();
    assert_eq!(lost, ["input[1]", "input[2]"]);
    let Content::ToolCall(call) = &decoded.value.messages[1].parts[0].content else {
        panic!("a call");
    };
    assert_eq!(call.arguments, r#"{"input":"*** Begin"}"#);
}
