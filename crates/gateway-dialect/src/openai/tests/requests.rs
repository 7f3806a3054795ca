//! Requests of other dialects, written for an OpenAI-like provider: what arrives, and what is reported.

use gateway_schema::chat::{
    CacheControl, ChatRequest, Content, ContentForm, Effort, Media, Message, Part, Reasoning, Role,
    Signature, Tool, ToolChoice, ToolResult,
};
use gateway_schema::{Dialect, Extra, LossKind, Mapping};
use serde_json::{Value, json};

use super::EVERYTHING;
use crate::RequestOptions;
use crate::openai::{
    Attachments, Quirks, ReasoningField, decode_chat_request, encode_chat_request,
};

/// The body, and the paths of what was dropped (`-`) or approximated (`~`).
fn write(request: &ChatRequest, model: &str, quirks: &Quirks) -> (Value, Vec<String>) {
    let written = encode_chat_request(request, &RequestOptions::new(model), quirks);
    let losses = written
        .losses
        .iter()
        .map(|loss| match loss.kind {
            LossKind::Dropped => format!("-{}", loss.path),
            LossKind::Approximated => format!("~{}", loss.path),
        })
        .collect();
    (serde_json::from_slice(&written.body).unwrap(), losses)
}

fn result(call_id: &str, parts: Vec<Part>, is_error: bool) -> Part {
    Content::ToolResult(ToolResult {
        call_id: call_id.to_owned(),
        name: None,
        parts,
        form: ContentForm::Parts,
        is_error,
    })
    .into()
}

fn picture() -> Part {
    Part::new(Content::Image {
        media: Media::Base64 {
            media_type: "image/png".to_owned(),
            data: "AAAA".to_owned(),
        },
        detail: None,
    })
}

#[test]
fn tool_results_become_messages_and_their_pictures_move_behind_them() {
    let request = ChatRequest::new(vec![Message::new(
        Role::User,
        vec![
            result("a", vec![Part::text("one"), picture()], false),
            result("b", vec![picture()], true),
            Part::text("go on"),
        ],
    )]);
    let (body, losses) = write(&request, "gpt-4o", &Quirks::OPENAI);
    let url = json!({"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}});
    assert_eq!(
        body["messages"],
        json!([
            {"role": "tool", "tool_call_id": "a", "content": [{"type": "text", "text": "one"}]},
            {"role": "tool", "tool_call_id": "b", "content": "(see the next message)"},
            {"role": "user", "content": [url, url, {"type": "text", "text": "go on"}]},
        ])
    );
    assert_eq!(
        losses,
        [
            "~messages[0].content[0].content[1]",
            "~messages[0].content[1].is_error",
            "~messages[0].content[1].content[0]",
        ]
    );
}

#[test]
fn marks_and_parts_of_other_dialects_are_reported_one_by_one() {
    let mut thought = Part::thinking("hm");
    thought.signature = Some(Signature {
        dialect: Dialect::ANTHROPIC,
        value: "proof".to_owned(),
    });
    let mut cached = Part::text("x");
    cached.cache = Some(CacheControl::default());
    let opaque = Part::new(Content::Opaque {
        dialect: Dialect::ANTHROPIC,
        value: json!({"type": "server_tool_use"}),
    });
    let mut request = ChatRequest::new(vec![
        Message::new(Role::System, vec![cached]),
        Message::new(Role::Assistant, vec![thought, Part::text("y"), opaque]),
    ]);
    request.sampling.top_k = Some(4);
    request.tools = Some(vec![Tool::Opaque {
        dialect: Dialect::ANTHROPIC,
        value: json!({"type": "web_search_20250305"}),
    }]);
    request.tool_choice = Some(ToolChoice::Opaque {
        dialect: Dialect::GEMINI,
        value: json!({}),
    });
    let mut extra = Extra::new();
    extra.insert(Dialect::ANTHROPIC, "container", json!("c"));
    request.extra = extra;
    let (body, losses) = write(&request, "gpt-4o", &Quirks::OPENAI);
    assert_eq!(
        body,
        json!({
            "model": "gpt-4o",
            "messages": [
                {"role": "system", "content": [{"type": "text", "text": "x"}]},
                {"role": "assistant", "content": [{"type": "text", "text": "y"}]},
            ],
            "tools": [],
        })
    );
    assert_eq!(
        losses,
        [
            "-messages[0].content[0].cache_control",
            "-messages[1].content[0]",
            "-messages[1].content[2]",
            "-tools[0]",
            "-tool_choice",
            "-top_k",
            "-container",
        ]
    );
}

#[test]
fn reasoning_goes_back_in_the_field_that_a_vendor_reads() {
    let mut message = Message::assistant("y");
    message.parts.insert(0, Part::thinking("hm"));
    let request = ChatRequest::new(vec![message]);
    for (field, key) in [
        (ReasoningField::Content, "reasoning_content"),
        (ReasoningField::Plain, "reasoning"),
        (ReasoningField::Details, "reasoning"),
    ] {
        let quirks = Quirks::COMPATIBLE.with_reasoning(field);
        let (body, losses) = write(&request, "m", &quirks);
        assert_eq!(body["messages"][0][key], "hm");
        assert_eq!(body["messages"][0]["content"], "y");
        assert!(losses.is_empty(), "{losses:?}");
    }
}

#[test]
fn efforts_budgets_and_limits_follow_the_model() {
    let mut request = ChatRequest::new(vec![Message::user("x")]);
    request.sampling.max_tokens = Some(100);
    let mut reasoning = Reasoning::default();
    reasoning.enabled = Some(true);
    reasoning.budget_tokens = Some(5000);
    request.reasoning = Some(reasoning);
    let (body, losses) = write(&request, "gpt-4o", &Quirks::OPENAI);
    assert_eq!(
        (&body["max_tokens"], &body["reasoning_effort"]),
        (&json!(100), &Value::Null)
    );
    assert_eq!(losses, ["-reasoning"]);
    let (body, losses) = write(&request, "gpt-5-mini", &Quirks::OPENAI);
    assert_eq!(body["max_completion_tokens"], 100);
    assert_eq!(body["reasoning_effort"], "medium");
    assert_eq!(losses, ["~reasoning"]);
    let mut stated = Reasoning::default();
    stated.effort = Some(Effort::ExtraHigh);
    request.reasoning = Some(stated);
    let (body, losses) = write(&request, "gpt-5-mini", &Quirks::OPENAI);
    assert_eq!(body["reasoning_effort"], "xhigh");
    assert!(losses.is_empty());
}

#[test]
fn mlflow_keeps_spellings_and_passes_its_extras_on() {
    let mut request = ChatRequest::new(vec![Message::user("x")]);
    request.sampling.max_tokens = Some(5);
    request.sampling.n = Some(1);
    request.stream = true;
    request.extra.insert(Dialect::MLFLOW, "seedling", json!(1));
    let options = RequestOptions::new("o3").with_mapping(Mapping::Mlflow);
    let written = encode_chat_request(&request, &options, &Quirks::OPENAI);
    let body: Value = serde_json::from_slice(&written.body).unwrap();
    assert_eq!(
        body,
        json!({
            "model": "o3", "messages": [{"role": "user", "content": "x"}], "max_tokens": 5, "n": 1,
            "stream": true, "stream_options": {"include_usage": true}, "seedling": 1,
        })
    );
    assert!(written.losses.is_empty());
    request.include_usage = Some(false);
    let written = encode_chat_request(&request, &options, &Quirks::AZURE);
    let body: Value = serde_json::from_slice(&written.body).unwrap();
    assert_eq!(
        body["stream_options"],
        json!({"include_usage": true}),
        "what is consumed is metered"
    );
    assert_eq!(body.get("model"), None);
}

#[test]
fn what_only_openai_knows_survives() {
    let body = json!({
        "model": "m",
        "messages": [
            {"role": "developer", "content": "be brief", "name": "dev"},
            {"role": "user", "content": [
                {"type": "text", "text": "a", "cache_control": {"type": "ephemeral", "ttl": "1h"}},
                {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}},
                {"type": "file", "file": {"file_id": "f1"}},
                {"type": "file", "file": {"file_data": "data:application/pdf;base64,AAAA", "filename": "a.pdf"}},
                {"type": "image_url", "image_url": {"url": "https://x/y.png", "detail": "low", "format": "png"}},
                {"type": "something_new", "x": 1},
            ]},
            {"role": "assistant", "content": null, "audio": {"id": "a1"}, "tool_calls": [
                {"id": "1", "type": "function", "function": {"name": "f", "arguments": "{\"a\": 1}"},
                 "extra_content": {"google": {"thought_signature": "s"}}},
                {"id": "2", "type": "custom", "custom": {"name": "g", "input": "free"}},
            ]},
            {"role": "assistant", "content": null, "function_call": {"name": "old", "arguments": "{}"}},
            {"role": "function", "name": "old", "content": "7"},
            {"role": "assistant", "refusal": "no"},
            {"role": "tool", "tool_call_id": "1", "content": [{"type": "text", "text": "r"}]},
        ],
        "tools": [
            {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "$defs": {"z": {}, "a": {}}}}},
            {"type": "custom", "custom": {"name": "g"}},
        ],
        "tool_choice": {"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": [{"type": "function", "function": {"name": "f"}}]}},
        "functions": [{"name": "old"}], "function_call": "auto",
        "response_format": {"type": "grammar", "grammar": "g"},
        "prediction": {"type": "content", "content": "p"}, "modalities": ["text"], "store": true,
        "stream": true, "stream_options": {"include_usage": true, "include_obfuscation": false},
        "verbosity": "low", "web_search_options": {}, "logit_bias": {"5": -100},
    });
    let request = decode_chat_request(body.to_string().as_bytes()).unwrap();
    let (written, losses) = write(&request, "m", &EVERYTHING);
    assert!(losses.is_empty(), "{losses:?}");
    assert_eq!(written, body);
    assert_eq!(
        request.messages[2].parts[0]
            .signature
            .as_ref()
            .unwrap()
            .dialect,
        Dialect::GEMINI
    );
}

#[test]
fn documents_and_recordings_are_plain_texts_where_the_vendor_has_them_so() {
    let document = |media| {
        Part::new(Content::Document {
            media,
            title: Some("t.pdf".to_owned()),
            context: None,
            citations: None,
        })
    };
    let data = |media_type: &str| Media::Base64 {
        media_type: media_type.to_owned(),
        data: "AAAA".to_owned(),
    };
    let url = |url: &str| Media::Url {
        media_type: None,
        url: url.to_owned(),
    };
    let file = Media::File {
        media_type: None,
        id: "f-1".to_owned(),
    };
    let request = ChatRequest::new(vec![Message::new(
        Role::User,
        vec![
            document(data("application/pdf")),
            document(url("https://a.invalid/d.pdf")),
            document(file),
            Content::Audio(data("audio/wav")).into(),
            Content::Audio(url("https://a.invalid/s.mp3")).into(),
        ],
    )]);
    let quirks = Quirks::COMPATIBLE.with_attachments(Attachments::Plain);
    let (body, losses) = write(&request, "m", &quirks);
    assert_eq!(
        body["messages"][0]["content"],
        json!([
            {"type": "document_url", "document_url": "data:application/pdf;base64,AAAA", "document_name": "t.pdf"},
            {"type": "document_url", "document_url": "https://a.invalid/d.pdf", "document_name": "t.pdf"},
            {"type": "file", "file_id": "f-1"},
            {"type": "input_audio", "input_audio": "AAAA"},
            {"type": "input_audio", "input_audio": "https://a.invalid/s.mp3"},
        ])
    );
    assert!(losses.is_empty(), "{losses:?}");
}

#[test]
fn a_choice_of_some_tools_shows_these_alone_where_it_cannot_be_said() {
    let tool = |name: &str| json!({"type": "function", "function": {"name": name}});
    let body = json!({"messages": [{"role": "user", "content": "Hi"}], "tools": [tool("f"), tool("g")], "tool_choice":
        {"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": [tool("g")]}}});
    let request = decode_chat_request(body.to_string().as_bytes()).unwrap();
    let quirks = Quirks::COMPATIBLE.with_allowed_tools(false);
    let (body, losses) = write(&request, "m", &quirks);
    assert_eq!(body["tools"], json!([tool("g")]));
    assert_eq!(body["tool_choice"], "required");
    assert_eq!(losses, ["~tool_choice"]);
}

#[test]
fn service_classes_of_anthropic_are_told_in_openais_words() {
    for (given, sent) in [
        ("standard_only", "default"),
        ("auto", "auto"),
        ("flex", "flex"),
    ] {
        let mut request = ChatRequest::new(vec![Message::user("Hi")]);
        request.service_tier = Some(given.to_owned());
        let (body, _) = write(&request, "m", &Quirks::OPENAI);
        assert_eq!(body["service_tier"], sent);
    }
}
