//! AI Studio.

use gateway_provider::{Call, Lane, Payload, ReplyBody, StreamForm, Whole};
use gateway_schema::completion::{CompletionRequest, Prompt};
use gateway_schema::embedding::{EmbeddingInput, EmbeddingRequest};
use gateway_schema::{Dialect, Mapping, Operation, Request, Response};
use gateway_testkit::ScriptedReply;
use gateway_testkit::provider::{Sample, Suite};
use serde_json::{Value, json};

use super::{Scene, context, decode, native, stream, whole};
use crate::GEMINI;

#[tokio::test]
async fn the_provider_conforms() {
    let body = json!({"contents": [{"role": "user", "parts": [{"text": "Say hello"}]}]});
    let count = Sample::new(
        "count",
        Operation::CountTokens,
        Request::Chat(Box::new(gateway_schema::chat::ChatRequest::new(vec![
            gateway_schema::chat::Message::user("Hi"),
        ]))),
    )
    .whole("application/json", r#"{"totalTokens":20}"#);
    let embedding = EmbeddingRequest::new(EmbeddingInput::Texts(vec!["a".into(), "b".into()]));
    let embed = Sample::new(
        "embed",
        Operation::Embedding,
        Request::Embedding(Box::new(embedding)),
    )
    .whole(
        "application/json",
        r#"{"embeddings":[{"values":[0.5]},{"values":[0.25]}]}"#,
    );
    Suite::new(GEMINI)
        .model("gemini-2.5-flash")
        .option("gemini_api_key", "AIza-conformance")
        .sample(
            Sample::chat("Say hello")
                .native_with(Dialect::GEMINI, &body, &body, &decode)
                .whole("application/json", whole("Hello").to_string())
                .stream("text/event-stream", stream("Hello"))
                .answers("Hello"),
        )
        .sample(
            Sample::completion("Say hello")
                .whole("application/json", whole("Hello").to_string())
                .stream("text/event-stream", stream("Hello"))
                .answers("Hello"),
        )
        .sample(count)
        .sample(embed)
        .run()
        .await;
}

#[tokio::test]
async fn the_callers_bytes_are_kept_but_for_the_model_and_absent_defaults() {
    let defaults = json!({"temperature": 0.5, "max_tokens": 9, "stop": ["END"]});
    let scene = Scene::studio("gemini-2.5-flash", &defaults);
    let text = r#"{ "new": 1.50, "model":"models/alias","generationConfig":{"temperature":0.25, "odd":[ ]},"contents":[{"parts":[{"text":"Hi"}]}]}"#;
    let call = Call::new(context(), Operation::Chat, false, native(text));
    let reply = scene
        .ask(call, ScriptedReply::json(200, &whole("Hi")))
        .await
        .unwrap();
    assert_eq!(reply.lane, Lane::Same);
    let (request, body) = scene.sent();
    let sent = std::str::from_utf8(request.body()).unwrap();
    assert_eq!(
        request.uri(),
        "https://generativelanguage.googleapis.com/v1beta/models/gemini-2.5-flash:generateContent"
    );
    assert_eq!(request.headers()["x-goog-api-key"], "AIza-key");
    assert!(
        sent.contains(r#""new": 1.50, "model":"models/gemini-2.5-flash""#),
        "{sent}"
    );
    assert_eq!(
        body["generationConfig"],
        json!({"maxOutputTokens": 9, "stopSequences": ["END"], "temperature": 0.25, "odd": []})
    );
}

#[tokio::test]
async fn defaults_make_a_configuration_where_there_is_none() {
    let scene = Scene::studio("gemini-2.5-flash", &json!({"temperature": 0.5}));
    let call = Call::new(
        context(),
        Operation::Chat,
        false,
        native(r#"{"contents":[]}"#),
    );
    scene
        .ask(call, ScriptedReply::json(200, &whole("Hi")))
        .await
        .unwrap();
    assert_eq!(
        scene.sent().1,
        json!({"generationConfig": {"temperature": 0.5}, "contents": []})
    );
}

#[tokio::test]
async fn a_stream_is_asked_for_in_the_callers_form() {
    let scene = Scene::studio("gemini-2.5-flash", &json!({}));
    for (form, query) in [
        (StreamForm::Events, Some("alt=sse")),
        (StreamForm::JsonArray, None),
    ] {
        let mut context = context();
        context.stream_form = form;
        let call = Call::new(context, Operation::Chat, true, native(r#"{"contents":[]}"#));
        let array = json!([whole("Hi")]).to_string();
        let reply = match form {
            StreamForm::Events => ScriptedReply::sse(stream("Hi")),
            _ => ScriptedReply::new(200, "application/json; charset=UTF-8", array),
        };
        let reply = scene.ask(call, reply).await.unwrap();
        assert!(matches!(reply.body, ReplyBody::Stream(_)));
        let (request, _) = scene.sent();
        assert_eq!(request.uri().query(), query);
        assert!(request.uri().path().ends_with(":streamGenerateContent"));
    }
}

#[tokio::test]
async fn the_model_is_named_wherever_a_body_repeats_it() {
    let scene = Scene::studio("gemini-embedding-001", &json!({}));
    for (operation, text, pointer, method) in [
        (
            Operation::CountTokens,
            r#"{"generateContentRequest":{"model":"models/alias","contents":[]}}"#,
            "/generateContentRequest/model",
            "countTokens",
        ),
        (
            Operation::Embedding,
            r#"{"requests":[{"model":"models/alias","content":{"parts":[{"text":"a"}]}}]}"#,
            "/requests/0/model",
            "batchEmbedContents",
        ),
        (
            Operation::Embedding,
            r#"{"model":"models/alias","content":{"parts":[{"text":"a"}]}}"#,
            "/model",
            "embedContent",
        ),
    ] {
        let call = Call::new(context(), operation, false, native(text));
        let answer = json!({"totalTokens": 3, "embeddings": [{"values": [1.0]}]});
        scene
            .ask(call, ScriptedReply::json(200, &answer))
            .await
            .unwrap();
        let (request, body) = scene.sent();
        assert_eq!(
            body.pointer(pointer).and_then(Value::as_str),
            Some("models/gemini-embedding-001")
        );
        assert!(request.uri().path().ends_with(method), "{}", request.uri());
    }
}

#[tokio::test]
async fn a_completion_is_a_chat_with_the_instructions_beside_it() {
    let scene = Scene::studio("gemini-2.0-flash", &json!({}));
    let mut request = CompletionRequest::new(Prompt::Text("p".to_owned()));
    request
        .extra
        .insert(Dialect::MLFLOW, "system_prompt", json!("sp"));
    let mut context = context();
    context.mapping = Mapping::Mlflow;
    let payload = Payload::from_request(Request::Completion(Box::new(request)));
    let call = Call::new(context, Operation::Completion, false, payload);
    let reply = scene
        .ask(call, ScriptedReply::json(200, &whole("Hi")))
        .await
        .unwrap();
    assert_eq!(
        scene.sent().1["system_instruction"],
        json!({"parts": [{"text": "sp"}]})
    );
    let ReplyBody::Whole(Whole::Canonical(Response::Completion(completion))) = reply.body else {
        panic!("not a completion");
    };
    assert_eq!(completion.choices[0].text, "Hi");
}

#[tokio::test]
async fn what_a_completion_leaves_out_is_told() {
    let scene = Scene::studio("gemini-2.0-flash", &json!({}));
    let mut request = CompletionRequest::new(Prompt::Text("p".to_owned()));
    request.echo = Some(true);
    let mut context = context();
    context.strict = true;
    let payload = Payload::from_request(Request::Completion(Box::new(request)));
    let call = Call::new(context, Operation::Completion, false, payload);
    let asked = scene.ask(call, ScriptedReply::json(200, &whole("Hi")));
    let error = asked.await.unwrap_err();
    let lost: Vec<String> = error
        .field_errors()
        .iter()
        .map(gateway_schema::FieldError::dotted)
        .collect();
    assert_eq!(lost, ["echo"]);
}
