//! Every row against the suite that every provider runs, and against itself.

use std::collections::HashSet;

use gateway_provider::{Lane, Registry};
use gateway_schema::chat::{ChatRequest, Content, Media, Message, Part, Role};
use gateway_schema::rerank::RerankRequest;
use gateway_schema::{Dialect, ErrorKind, Operation, OptionKind, Request};
use gateway_testkit::ScriptedReply;
use gateway_testkit::provider::{Sample, Suite};
use serde_json::{Value, json};

use super::{
    KEY, MODEL, ask_with, call, canonical, chat, completion, completion_stream, decode, settings,
    stream, vectors, whole,
};
use crate::factories;
use crate::preset::Auth;
use crate::presets::{Row, all};

fn streamed(row: &Row, body: &Value) -> Value {
    let mut body = body.clone();
    body["stream"] = true.into();
    if row.preset.quirks.stream_options {
        body["stream_options"] = json!({"include_usage": true});
    }
    body
}

fn sample(row: &Row, operation: Operation) -> Sample {
    let preset = row.preset;
    match operation {
        Operation::Chat => {
            let body =
                json!({"model": "x", "messages": [{"role": "user", "content": "Say hello"}]});
            Sample::chat("Say hello")
                .native_with(Dialect::OPENAI, &body, &streamed(row, &body), &decode)
                .whole("application/json", whole("Hello"))
                .stream("text/event-stream", stream("Hello"))
                .answers("Hello")
        }
        Operation::Completion if preset.completes_by_chat => Sample::completion("Say hello")
            .whole("application/json", whole("Hello"))
            .stream("text/event-stream", stream("Hello"))
            .answers("Hello"),
        Operation::Completion => {
            let body = json!({"model": "x", "prompt": "Say hello"});
            Sample::completion("Say hello")
                .native_with(Dialect::OPENAI, &body, &streamed(row, &body), &decode)
                .whole("application/json", completion("Hello"))
                .stream("text/event-stream", completion_stream("Hello"))
                .answers("Hello")
        }
        Operation::Embedding => {
            let body = json!({"model": "x", "input": "Hello"});
            Sample::embedding("Hello")
                .native_with(Dialect::OPENAI, &body, &body, &decode)
                .whole("application/json", vectors())
        }
        _ => {
            let request = RerankRequest::new("capital", vec!["Paris".into(), "Bread".into()]);
            let answer = json!({"results": [{"index": 0, "relevance_score": 0.9}], "usage": {"total_tokens": 4}});
            Sample::new("rerank", operation, Request::Rerank(Box::new(request)))
                .whole("application/json", answer.to_string())
        }
    }
}

async fn conforms(row: &Row) {
    let mut suite = Suite::new(row.factory()).model(MODEL);
    for (name, value) in settings(row) {
        suite = suite.option(&name, value);
    }
    for operation in row.preset.operations {
        suite = suite.sample(sample(row, *operation));
    }
    suite.run().await;
}

/// Rows in five parts, so that the parts run beside each other.
async fn part(number: usize) {
    for (_, row) in all().enumerate().filter(|(at, _)| at % 5 == number) {
        conforms(row).await;
    }
}

#[tokio::test]
async fn rows_conform_first_part() {
    part(0).await;
}

#[tokio::test]
async fn rows_conform_second_part() {
    part(1).await;
}

#[tokio::test]
async fn rows_conform_third_part() {
    part(2).await;
}

#[tokio::test]
async fn rows_conform_fourth_part() {
    part(3).await;
}

#[tokio::test]
async fn rows_conform_fifth_part() {
    part(4).await;
}

#[test]
fn no_two_rows_share_a_name() {
    let mut names = HashSet::new();
    for row in all() {
        let preset = row.preset;
        for name in [preset.name].iter().chain(preset.aliases) {
            let folded = name.to_ascii_lowercase().replace('_', "-");
            assert_eq!(folded, **name, "names are lower case, joined by dashes");
            assert!(names.insert(folded), "{name} stands twice");
        }
    }
    let registry = Registry::new().with_all(factories());
    assert!(names.iter().all(|name| registry.find(name).is_some()));
    assert!(names.len() > 60, "{}", names.len());
}

#[test]
fn rows_do_not_contradict_themselves() {
    for row in all() {
        let preset = row.preset;
        let name = preset.name;
        for (ours, theirs) in preset.quirks.renamed {
            assert!(!preset.quirks.refused.contains(ours), "{name}: {ours}");
            assert!(!preset.quirks.refused.contains(theirs), "{name}: {theirs}");
        }
        for (operation, _) in preset.paths {
            assert!(preset.operations.contains(operation), "{name}: {operation}");
        }
        for (option, _) in preset.headers {
            assert!(
                preset.options.iter().any(|known| known.name == *option),
                "{name}: {option}"
            );
        }
        let overridable = preset
            .options
            .iter()
            .any(|option| option.name == "api_base" && option.kind == OptionKind::Text);
        assert!(overridable, "{name} takes no api_base");
        let demands = preset
            .options
            .iter()
            .any(|option| option.kind == OptionKind::Secret && option.required);
        let keyed = matches!(preset.auth, Auth::Key | Auth::Apart { .. });
        assert_eq!(demands, keyed, "{name}: whether a key is required");
    }
}

#[tokio::test]
async fn every_row_takes_another_address_and_a_key() {
    for row in all() {
        let mut given = settings(row);
        given.remove("host");
        given.insert("api_base".to_owned(), "http://other.invalid:8080/x/".into());
        let operation = row.preset.operations[0];
        let payload = match operation {
            Operation::Chat => canonical(chat("Hi")),
            _ => super::native(r#"{"input":"Hi"}"#),
        };
        let answer = match operation {
            Operation::Chat => whole("Hi"),
            _ => vectors(),
        };
        let reply = ScriptedReply::new(200, "application/json", answer);
        let asked = ask_with(
            row,
            given,
            &json!({}),
            call(operation, false, payload),
            reply,
        )
        .await;
        let request = asked.request();
        let uri = request.uri().to_string();
        assert!(uri.starts_with("http://other.invalid:8080/x/"), "{uri}");
        assert_eq!(asked.body()["model"], MODEL);
        let (header, value) = match row.preset.auth {
            Auth::Apart { header, .. } => (header, KEY.to_owned()),
            _ => ("authorization", format!("Bearer {KEY}")),
        };
        assert_eq!(request.headers()[header], value, "{}", row.preset.name);
        assert!(request.headers()[header].is_sensitive());
        assert_eq!(request.headers()["content-type"], "application/json");
        assert!(asked.outcome.is_ok(), "{}", row.preset.name);
    }
}

#[tokio::test]
async fn what_a_row_lacks_is_said_before_anything_is_sent() {
    let operations = [
        Operation::Chat,
        Operation::Completion,
        Operation::Embedding,
        Operation::Rerank,
        Operation::CountTokens,
        Operation::Proxy,
    ];
    for row in all() {
        for operation in operations {
            if row.preset.operations.contains(&operation) {
                continue;
            }
            let reply = ScriptedReply::new(200, "application/json", whole("Hi"));
            let call = call(operation, false, canonical(chat("Hi")));
            let asked = ask_with(row, settings(row), &json!({}), call, reply).await;
            let error = asked.outcome.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Unsupported);
            assert!(error.message().contains(row.preset.display_name));
            assert!(asked.request.is_none(), "{}", row.preset.name);
        }
    }
}

#[tokio::test]
async fn refused_fields_are_dropped_and_reported_and_renamed_ones_renamed() {
    for row in all().filter(|row| row.preset.operations.contains(&Operation::Chat)) {
        let mut request = chat("Hi");
        request.sampling.top_k = Some(40);
        request.sampling.seed = Some(7);
        request.sampling.max_tokens = Some(5);
        request.sampling.max_completion_tokens = Some(6);
        request.user = Some("somebody".to_owned());
        let reply = ScriptedReply::new(200, "application/json", whole("Hi"));
        let call = call(Operation::Chat, false, canonical(request));
        let journal = call.context.journal.clone();
        let asked = ask_with(row, settings(row), &json!({}), call, reply).await;
        assert_eq!(asked.outcome.as_ref().unwrap().lane, Lane::Cross);
        let body = asked.body();
        let quirks = row.preset.quirks;
        let lost: Vec<String> = journal
            .notes()
            .losses
            .iter()
            .map(|loss| loss.path.clone())
            .collect();
        for name in ["top_k", "seed", "user"] {
            let refused = quirks.refused.contains(&name);
            let theirs = quirks
                .renamed
                .iter()
                .find(|(ours, _)| *ours == name)
                .map_or(name, |(_, theirs)| theirs);
            assert_eq!(
                body.get(theirs).is_none(),
                refused,
                "{} {name}",
                row.preset.name
            );
            assert_eq!(lost.contains(&name.to_owned()), refused, "{name}");
        }
        // Never the same member twice: the text reads back as it was written.
        let text = asked.text();
        assert_eq!(text.matches("\"max_tokens\"").count().max(1), 1, "{text}");
        assert_eq!(text.matches("\"max_completion_tokens\"").count().max(1), 1);
    }
}

#[tokio::test]
async fn minimaxs_errors_with_a_good_status_are_errors_on_both_lanes() {
    let text = r#"{"model":"a","messages":[{"role":"user","content":"Hi"}]}"#;
    let row = super::row("minimax");
    for (code, kind) in [
        (1002, ErrorKind::RateLimited),
        (1004, ErrorKind::Unauthenticated),
        (2013, ErrorKind::InvalidRequest),
        (1000, ErrorKind::Unavailable),
    ] {
        for payload in [canonical(chat("Hi")), super::native(text)] {
            let answer = json!({"id": "1", "choices": null, "base_resp": {"status_code": code, "status_msg": "no way"}});
            let call = call(Operation::Chat, false, payload);
            let reply = ScriptedReply::json(200, &answer);
            let asked = ask_with(row, settings(row), &json!({}), call, reply).await;
            let error = asked.outcome.unwrap_err();
            assert_eq!((error.kind(), error.message()), (kind, "no way"), "{code}");
        }
    }
    let mut fine: Value = serde_json::from_str(&whole("Hi")).unwrap();
    fine["base_resp"] = json!({"status_code": 0, "status_msg": ""});
    let call = call(Operation::Chat, false, super::native(text));
    let reply = ScriptedReply::json(200, &fine);
    assert!(
        ask_with(row, settings(row), &json!({}), call, reply)
            .await
            .outcome
            .is_ok()
    );
}

#[tokio::test]
async fn names_of_speakers_stay_where_they_are_refused() {
    for (name, taken) in [("mistral", false), ("groq", false), ("deepseek", true)] {
        let mut request = chat("Hi");
        request.messages[0].name = Some("ann".to_owned());
        let call = call(Operation::Chat, false, canonical(request));
        let journal = call.context.journal.clone();
        let asked = super::ask(name, call).await;
        assert_eq!(
            asked.body()["messages"][0].get("name").is_some(),
            taken,
            "{name}"
        );
        assert_eq!(journal.notes().losses.is_empty(), taken);
    }
}

#[tokio::test]
async fn mistral_gets_documents_in_its_own_form() {
    let part = Part::new(Content::Document {
        media: Media::Url {
            media_type: None,
            url: "https://a.invalid/d.pdf".to_owned(),
        },
        title: None,
        context: None,
        citations: None,
    });
    let request = ChatRequest::new(vec![Message::new(Role::User, vec![part])]);
    let call = call(Operation::Chat, false, canonical(request));
    assert_eq!(
        super::ask("mistral", call).await.body()["messages"][0]["content"],
        json!([{"type": "document_url", "document_url": "https://a.invalid/d.pdf"}])
    );
}

#[tokio::test]
async fn errors_of_every_envelope_keep_their_words() {
    let bodies = [
        (
            422,
            json!({"object": "error", "message": {"detail": [{"type": "extra_forbidden", "msg": "Extra inputs are not permitted"}]}}),
            "Extra inputs are not permitted",
        ),
        (
            400,
            json!({"code": "1500", "message": "Invalid model: x", "object": "error", "type": "invalid_model"}),
            "Invalid model: x",
        ),
        (
            404,
            json!({"error": "Specified model not found"}),
            "Specified model not found",
        ),
        (
            401,
            json!({"code": 401, "reason": "FAILED_TO_AUTH", "message": "failed to authenticate API key"}),
            "failed to authenticate API key",
        ),
        (
            403,
            json!({"success": false, "errors": [{"code": 10000, "message": "Authentication error"}], "result": null}),
            "Authentication error",
        ),
        (
            400,
            json!({"detail": "Request contained invalid argument"}),
            "Request contained invalid argument",
        ),
        (
            400,
            json!({"error_code": "BAD_REQUEST", "message": "Model m is not a chat model"}),
            "Model m is not a chat model",
        ),
    ];
    for row in all().filter(|row| row.preset.operations.contains(&Operation::Chat)) {
        for (status, body, words) in &bodies {
            let call = call(Operation::Chat, false, canonical(chat("Hi")));
            let reply = ScriptedReply::json(*status, body);
            let asked = ask_with(row, settings(row), &json!({}), call, reply).await;
            let error = asked.outcome.unwrap_err();
            assert!(error.message().contains(words), "{}", error.message());
            let failure = error.upstream_failure().unwrap();
            assert_eq!(failure.status, Some(*status));
        }
    }
}
