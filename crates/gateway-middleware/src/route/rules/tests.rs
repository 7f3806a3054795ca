use std::sync::Arc;

use gateway_provider::{Call, Context, Payload};
use gateway_schema::chat::{
    ChatRequest, Content, ContentForm, Media, Message, Part, Role, ToolResult,
};
use gateway_schema::{CallError, Decoded, Dialect, Operation, Request};
use http::HeaderMap;
use serde_json::{Value, json};

use super::*;
use crate::testing::{asked as chat, passed_on, wire};

fn holds(condition: &Condition, call: &Call) -> Result<bool, CallError> {
    Ok(first(std::iter::once(condition), call)?.is_some())
}

fn with(name: &str, value: Value) -> Condition {
    Condition::new().with_parameter(name, value)
}

/// A body that must not be decoded.
fn opaque(body: &Value) -> Call {
    wire(Dialect::OPENAI, body, &|_, _| {
        panic!("a body was decoded without need")
    })
}

#[test]
fn everything_that_is_stated_must_hold() {
    let mut call = opaque(&json!({"messages": [], "temperature": 0}));
    let mut headers = HeaderMap::new();
    headers.append("x-tier", "silver".parse().unwrap());
    headers.append("x-tier", "gold".parse().unwrap());
    call.context.headers = Arc::new(headers);
    let facts = json!({"team": 7, "groups": ["a", "b"], "paid": true, "plan": {"x": 1}});
    call.context.principal.metadata = Arc::new(facts.as_object().unwrap().clone());
    let tier = |value: &str| Condition::new().with_header(HeaderName::from_static("x-tier"), value);
    let key = |name: &str, value: &str| Condition::new().with_key(name, value);
    for (condition, expected) in [
        (Condition::new(), true),
        (tier("gold"), true),
        (tier("Gold"), false),
        (tier("gold").with_key("team", "7"), true),
        (tier("gold").with_key("team", "8"), false),
        (tier("bronze").with_key("team", "7"), false),
        (key("groups", "b"), true),
        (key("groups", "c"), false),
        (key("paid", "true"), true),
        (key("plan", "x"), false),
        (key("absent", ""), false),
        (tier("gold").with_parameter("temperature", json!(0.0)), true),
        (tier("gold").with_parameter("temperature", json!(1)), false),
    ] {
        assert_eq!(holds(&condition, &call), Ok(expected), "{condition:?}");
    }
}

#[test]
fn the_size_of_a_prompt_needs_no_decoding_and_both_bounds_are_exclusive() {
    let body = json!({"messages": [{"role": "user", "content": "four".repeat(1_000)}]});
    let call = opaque(&body);
    let tokens = (body.to_string().len() as u64).div_ceil(4);
    for (condition, expected) in [
        (Condition::new().with_tokens_over(tokens - 1), true),
        (Condition::new().with_tokens_over(tokens), false),
        (Condition::new().with_tokens_under(tokens + 1), true),
        (Condition::new().with_tokens_under(tokens), false),
        (
            Condition::new()
                .with_tokens_over(10)
                .with_tokens_under(tokens),
            false,
        ),
    ] {
        assert_eq!(holds(&condition, &call), Ok(expected), "{condition:?}");
    }
    let canonical = chat_request(ChatRequest::new(vec![Message::user("x".repeat(400))]));
    assert_eq!(
        holds(&Condition::new().with_tokens_over(99), &canonical),
        Ok(true)
    );
    assert_eq!(
        holds(&Condition::new().with_tokens_over(100), &canonical),
        Ok(false)
    );
}

#[test]
fn parameters_are_read_where_they_stand() {
    let call = opaque(&json!({
        "messages": [], "temperature": 0.5, "n": 2, "stop": ["a", "b"],
        "response_format": {"type": "json_schema", "json_schema": {"name": "x"}},
    }));
    for (name, value, expected) in [
        ("temperature", json!(0.5), true),
        ("n", json!(2.0), true),
        ("stop", json!(["a", "b"]), true),
        ("stop", json!(["a"]), false),
        ("response_format", json!({"type": "json_schema"}), true),
        ("response_format", json!({"type": "text"}), false),
        (
            "response_format",
            json!({"type": "json_schema", "strict": true}),
            false,
        ),
        ("seed", json!(1), false),
        ("seed", Value::Null, true),
        ("stream", json!(false), true),
        ("stream", json!(true), false),
    ] {
        assert_eq!(
            holds(&with(name, value.clone()), &call),
            Ok(expected),
            "{name}: {value}"
        );
    }
}

#[test]
fn parameters_that_a_dialect_spells_in_its_own_way_are_found_all_the_same() {
    let body = json!({"contents": [], "generationConfig": {"temperature": 0}});
    let call = wire(Dialect::GEMINI, &body, &|_, _| {
        let mut chat = ChatRequest::default();
        chat.sampling.temperature = Some(0.0);
        chat.sampling.max_tokens = Some(9);
        Ok(Decoded::whole(Request::Chat(Box::new(chat))))
    });
    for (name, value, expected) in [
        ("temperature", json!(0), true),
        ("max_completion_tokens", json!(9), true),
        ("top_p", json!(1), false),
        ("generationConfig", json!({"temperature": 0}), true),
        ("unheard_of", json!(1), false),
    ] {
        assert_eq!(
            holds(&with(name, value.clone()), &call),
            Ok(expected),
            "{name}: {value}"
        );
    }
}

fn chat_request(chat: ChatRequest) -> Call {
    let started = tokio::time::Instant::now().into_std();
    let context = Context::new("r".into(), "route".into(), started);
    let payload = Payload::from_request(Request::Chat(Box::new(chat)));
    Call::new(context, Operation::Chat, false, payload)
}

#[test]
fn content_is_found_wherever_a_model_would_read_it() {
    let secret = Condition::new()
        .with_content(r"(?i)\b(ssn|iban)\b")
        .unwrap();
    let in_part = |content: Content| {
        let message = Message::new(Role::User, vec![Part::text("well"), Part::new(content)]);
        chat_request(ChatRequest::new(vec![message]))
    };
    let text = |text: &str| Media::Text(text.to_owned());
    let document = |media, title: Option<&str>| Content::Document {
        media,
        title: title.map(str::to_owned),
        context: None,
        citations: None,
    };
    let result = ToolResult {
        call_id: "1".to_owned(),
        name: None,
        parts: vec![Part::text("her IBAN is ...")],
        form: ContentForm::default(),
        is_error: false,
    };
    let opaque = Content::Opaque {
        dialect: Dialect::OPENAI,
        value: json!({"deep": [{"text": "my ssn"}]}),
    };
    for (call, expected) in [
        (chat("my SSN is 1"), true),
        (chat("my ssns are 1"), false),
        (
            chat_request(ChatRequest::new(vec![Message::system("iban")])),
            true,
        ),
        (in_part(document(text("ssn"), None)), true),
        (in_part(document(text("-"), Some("ssn"))), true),
        (in_part(Content::ToolResult(result)), true),
        (in_part(opaque), true),
    ] {
        assert_eq!(holds(&secret, &call), Ok(expected));
    }
    assert!(Condition::new().with_content("(").is_err());
}

/// An OpenAI client's request, as the edge reads it.
fn written(body: &str) -> Call {
    let text = bytes::Bytes::copy_from_slice(body.as_bytes());
    let (text, envelope) = gateway_json::Envelope::read(text).unwrap();
    let payload = Payload::from_bytes(Dialect::OPENAI, text, envelope, &|_, _| {
        panic!("a body was decoded without need")
    });
    let started = tokio::time::Instant::now().into_std();
    let context = Context::new("r".into(), "route".into(), started);
    Call::new(context, Operation::Chat, false, payload)
}

#[test]
fn every_text_of_a_request_is_looked_at_however_it_is_written() {
    let secret = Condition::new().with_content(r"(?i)\bssn\b").unwrap();
    for (body, expected) in [
        (
            r#"{"messages":[{"role":"user","content":"my ssn"}],"messages":[{"role":"user","content":"my ssn"}]}"#,
            true,
        ),
        // Of two members the last one counts, and the first does not go up.
        (
            r#"{"messages":[{"role":"user","content":"my ssn"}],"m\u0065ssages":[{"role":"user","content":"hi"}]}"#,
            false,
        ),
        (
            r#"{"messages":[{"role":"user","content":"hi","c\u006fntent":"my ssn"}]}"#,
            true,
        ),
        (
            r#"{"messages":[{"role":"user","content":"hi","Content":"my ssn"}]}"#,
            true,
        ),
        (
            r#"{"messages":[{"role":"user","name":"ssn","content":"hi"}]}"#,
            true,
        ),
        (
            r#"{"messages":[{"role":"user","content":[{"type":"file","file":{"filename":"ssn","file_data":"QQ=="}}]}]}"#,
            true,
        ),
        (
            r#"{"tools":[{"type":"function","function":{"name":"f","description":"my \u0073sn"}}]}"#,
            true,
        ),
        (
            r#"{"tools":[{"type":"function","function":{"name":"f","parameters":{"properties":{"ssn":{}}}}}]}"#,
            true,
        ),
        (r#"{"metadata":{"note":"my ssn"}}"#, true),
        (r#"{"metadata":{"ssn":"1"}}"#, true),
        (
            r#"{"messages":[{"role":"assistant","tool_calls":[{"function":{"arguments":"{\"a\":\"my \\u0073sn\"}"}}]}]}"#,
            true,
        ),
        (r#"{"new":[{"field":"my ssn"}]}"#, true),
        (r#"{"messages":[{"role":"user","content":"hi"}]}"#, false),
    ] {
        assert_eq!(holds(&secret, &written(body)), Ok(expected), "{body}");
    }
    let role = Condition::new()
        .with_content(r"\b(user|function)\b")
        .unwrap();
    let body = r#"{"messages":[{"role":"user","content":"hi"}],"tools":[{"type":"function"}]}"#;
    assert_eq!(
        holds(&role, &written(body)),
        Ok(false),
        "no text of the caller's"
    );
}

#[test]
fn a_parameter_evades_no_rule_by_its_spelling() {
    let hot = with("temperature", json!(1));
    for (body, expected) in [
        (r#"{"t\u0065mperature":1}"#, true),
        (r#"{"temperature":1,"temperatur\u0065":0}"#, false),
        (r#"{"temperature":0,"temperatur\u0065":1.0}"#, true),
    ] {
        assert_eq!(holds(&hot, &written(body)), Ok(expected), "{body}");
    }
    assert!(holds(&hot, &written(r#"{"Temperature":1}"#)).is_err());
}

#[test]
fn what_cannot_be_read_passes_no_rule_unseen() {
    let secret = Condition::new().with_content("ssn").unwrap();
    let mistake = written(r#"{"messages":"\ud800"}"#);
    assert!(holds(&secret, &mistake).is_err());
    for (body, expected) in [
        (r#"{"x": "my ssn"}"#, true),
        (r#"{"x": "my \u0073sn"}"#, true),
        (r#"{"x": "hi", "x": "my ssn"}"#, true),
        (r#"{"x": "my ssn", "x": "hi"}"#, true),
        ("ssn=1", true),
        (r#"{"x": "nothing"}"#, false),
    ] {
        assert_eq!(holds(&secret, &passed_on(body)), Ok(expected), "{body}");
    }
    assert!(holds(&secret, &passed_on(r#"{"x":"\udfff"}"#)).is_err());
    let mut compressed = passed_on("\u{1f}\u{8b}");
    let path = gateway_provider::RawPath::check("v1/files").unwrap();
    let mut raw = gateway_provider::RawRequest::new(http::Method::POST, path);
    raw.body = bytes::Bytes::from_static(b"\x1f\x8b");
    raw.unpacked = Some(bytes::Bytes::from_static(
        "\u{FEFF}{\"x\":\"my \\u0073sn\"}".as_bytes(),
    ));
    compressed.payload = Payload::from_raw(raw);
    assert_eq!(holds(&secret, &compressed), Ok(true));
}
