//! The provider on a scripted transport.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use gateway_dialect::ClientCodec;
use gateway_dialect::anthropic::AnthropicCodec;
use gateway_json::Envelope;
use gateway_provider::{Call, Context, Lane, Payload, Provider, Reply, TargetSpec};
use gateway_schema::chat::{ChatRequest, Message};
use gateway_schema::completion::{CompletionRequest, Prompt};
use gateway_schema::embedding::{EmbeddingInput, EmbeddingRequest};
use gateway_schema::{
    CallError, Decoded, Dialect, EndpointName, ErrorKind, Mapping, Operation, Options, Request,
    RequestId,
};
use gateway_testkit::provider::{Sample, Suite};
use gateway_testkit::recordings::Corpus;
use gateway_testkit::{ScriptedReply, ScriptedTransport, deps};
use http::{HeaderMap, HeaderValue};
use serde_json::{Map, Value, json};

use crate::ANTHROPIC;

const MODEL: &str = "claude-sonnet-4-5";

fn whole(text: &str) -> String {
    json!({
        "id": "msg_1", "type": "message", "role": "assistant", "model": MODEL,
        "content": [{"type": "text", "text": text}], "stop_reason": "end_turn", "stop_sequence": null,
        "usage": {"input_tokens": 10, "output_tokens": 4},
    })
    .to_string()
}

fn stream(text: &str) -> String {
    let events = [
        json!({"type": "message_start", "message": {"id": "msg_1", "type": "message", "role": "assistant",
            "model": MODEL, "content": [], "stop_reason": null, "usage": {"input_tokens": 10, "output_tokens": 1}}}),
        json!({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}),
        json!({"type": "ping"}),
        json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}}),
        json!({"type": "content_block_stop", "index": 0}),
        json!({"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 4}}),
        json!({"type": "message_stop"}),
    ];
    let mut out = String::new();
    for event in events {
        let kind = event["type"].as_str().unwrap();
        writeln!(out, "event: {kind}\ndata: {event}\n").unwrap();
    }
    out
}

fn decode(operation: Operation, body: &[u8]) -> Result<Decoded, CallError> {
    AnthropicCodec.decode(operation, body)
}

fn native(body: &Value) -> Payload {
    let bytes = Bytes::from(body.to_string());
    let envelope = Envelope::scan(&bytes).unwrap();
    Payload::from_bytes(Dialect::ANTHROPIC, bytes, envelope, &decode)
}

fn context() -> Context {
    Context::new(
        RequestId::from("r"),
        EndpointName::from("e"),
        Instant::now(),
    )
}

fn with_headers(headers: &[(&'static str, &'static str)]) -> Context {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.append(*name, HeaderValue::from_static(value));
    }
    let mut context = context();
    context.headers = Arc::new(map);
    context
}

/// A provider with one answer to give, and what it is asked with.
struct Scene {
    transport: ScriptedTransport,
    provider: Arc<dyn Provider>,
}

impl Scene {
    fn new(model: &str, key: &str, defaults: &Value, reply: ScriptedReply) -> Self {
        let transport = ScriptedTransport::new().then(reply);
        let mut options = Map::new();
        options.insert("anthropic_api_key".to_owned(), key.into());
        let mut spec = TargetSpec::new("anthropic", Some(model.into()), Operation::Chat);
        spec.defaults = Arc::new(defaults.as_object().unwrap().clone());
        let provider = (ANTHROPIC.build)(&spec, &Options::new(options), &deps(&transport)).unwrap();
        Self {
            transport,
            provider,
        }
    }

    fn plain(reply: ScriptedReply) -> Self {
        Self::new(MODEL, "sk-ant-key", &json!({}), reply)
    }

    async fn ask(&self, call: Call) -> Result<Reply, CallError> {
        Arc::clone(&self.provider).call(call).await
    }

    fn sent(&self) -> (http::Request<Bytes>, Value) {
        let request = self.transport.requests().remove(0);
        let body = serde_json::from_slice(request.body()).unwrap();
        (request, body)
    }
}

fn good() -> ScriptedReply {
    ScriptedReply::new(200, "application/json", whole("Hi"))
}

#[tokio::test]
async fn the_provider_conforms() {
    let body = json!({"model": "x", "max_tokens": 64, "messages": [{"role": "user", "content": "Say hello"}]});
    let mut stream_body = body.clone();
    stream_body["stream"] = json!(true);
    let count = Sample::new(
        "count",
        Operation::CountTokens,
        Request::Chat(Box::new(ChatRequest::new(vec![Message::user("Hi")]))),
    )
    .whole("application/json", r#"{"input_tokens":20}"#);
    Suite::new(ANTHROPIC)
        .model(MODEL)
        .option("anthropic_api_key", "sk-ant-conformance")
        .sample(
            Sample::chat("Say hello")
                .native_with(Dialect::ANTHROPIC, &body, &stream_body, &decode)
                .whole("application/json", whole("Hello"))
                .stream("text/event-stream", stream("Hello"))
                .answers("Hello"),
        )
        .sample(
            Sample::completion("Say hello")
                .named("completion by chat")
                .whole("application/json", whole("Hello"))
                .stream("text/event-stream", stream("Hello"))
                .answers("Hello"),
        )
        .sample(count)
        .run()
        .await;
}

#[tokio::test]
async fn the_older_completions_conform() {
    let event = |text: &str, reason: Value| {
        let data = json!({"type": "completion", "id": "c", "completion": text, "stop_reason": reason, "model": "claude-2.1"});
        format!("event: completion\r\ndata: {data}\r\n\r\n")
    };
    let streamed =
        event("Hel", Value::Null) + &event("lo", Value::Null) + &event("", json!("stop_sequence"));
    Suite::new(ANTHROPIC)
        .model("claude-2.1")
        .option("anthropic_api_key", "sk-ant-conformance")
        .sample(
            Sample::completion("Say hello")
                .whole(
                    "application/json",
                    r#"{"type":"completion","id":"c","completion":"Hello","stop_reason":"stop_sequence","model":"claude-2.1"}"#,
                )
                .stream("text/event-stream", streamed)
                .answers("Hello"),
        )
        .run()
        .await;
}

#[tokio::test]
async fn the_callers_bytes_are_kept_but_for_the_model_and_absent_defaults() {
    let defaults =
        json!({"temperature": 0.5, "stop": "END", "max_tokens": 9, "top_p": 0.9, "user": "d"});
    let scene = Scene::new("claude-sonnet-4-0", "sk-ant-key", &defaults, good());
    let text = r#"{ "new": 1.50, "model":"alias", "top_p":0.25,"messages":[{"role":"user","content":"Hi"}]}"#;
    let bytes = Bytes::from(text);
    let envelope = Envelope::scan(&bytes).unwrap();
    let payload = Payload::from_bytes(Dialect::ANTHROPIC, bytes, envelope, &decode);
    let context = with_headers(&[
        ("anthropic-version", "2024-01-01"),
        ("anthropic-beta", "a,b"),
        ("anthropic-beta", "c"),
    ]);
    let reply = scene
        .ask(Call::new(context, Operation::Chat, false, payload))
        .await
        .unwrap();
    assert_eq!(reply.lane, Lane::Same);
    let (request, body) = scene.sent();
    let sent = std::str::from_utf8(request.body()).unwrap();
    assert!(sent.contains("\"new\": 1.50"), "{sent}");
    assert_eq!(
        body,
        json!({"new": 1.5, "model": "claude-sonnet-4-0", "top_p": 0.25, "max_tokens": 9, "stop_sequences": ["END"],
               "metadata": {"user_id": "d"}, "messages": [{"role": "user", "content": "Hi"}]})
    );
    let headers = request.headers();
    assert_eq!(headers["anthropic-version"], "2024-01-01");
    let betas: Vec<&HeaderValue> = headers.get_all("anthropic-beta").iter().collect();
    assert_eq!(betas, ["a,b", "c"]);
    assert_eq!(headers["x-api-key"], "sk-ant-key");
    assert!(headers["x-api-key"].is_sensitive());
    assert_eq!(request.uri(), "https://api.anthropic.com/v1/messages");
}

#[tokio::test]
async fn an_empty_object_is_still_json_after_splicing() {
    let scene = Scene::new(MODEL, "sk-ant-key", &json!({"temperature": 0.5}), good());
    let call = Call::new(context(), Operation::Chat, true, native(&json!({})));
    let _ = scene.ask(call).await;
    let (_, body) = scene.sent();
    assert_eq!(
        body,
        json!({"model": MODEL, "stream": true, "temperature": 0.5})
    );
}

#[tokio::test]
async fn translated_requests_take_defaults_and_the_configured_version() {
    let defaults = json!({"temperature": 1.0, "reasoning_effort": "low"});
    let scene = Scene::new("claude-opus-4-6", "sk-ant-key", &defaults, good());
    let request = ChatRequest::new(vec![Message::user("Hi")]);
    let payload = Payload::from_request(Request::Chat(Box::new(request)));
    let context = with_headers(&[("anthropic-version", "2024-01-01")]);
    scene
        .ask(Call::new(context, Operation::Chat, false, payload))
        .await
        .unwrap();
    let (request, body) = scene.sent();
    assert_eq!(body["thinking"], json!({"type": "adaptive"}));
    assert_eq!(body["output_config"], json!({"effort": "low"}));
    assert_eq!(request.headers()["anthropic-version"], "2023-06-01");
}

#[tokio::test]
async fn mlflow_urls_halve_the_temperature() {
    let scene = Scene::plain(good());
    let mut request = ChatRequest::new(vec![Message::user("Hi")]);
    request.sampling.temperature = Some(1.0);
    let mut context = context();
    context.mapping = Mapping::Mlflow;
    let payload = Payload::from_request(Request::Chat(Box::new(request)));
    scene
        .ask(Call::new(context, Operation::Chat, false, payload))
        .await
        .unwrap();
    let (_, body) = scene.sent();
    assert_eq!(
        (&body["temperature"], &body["max_tokens"]),
        (&json!(0.5), &json!(8192))
    );
}

#[tokio::test]
async fn oauth_tokens_travel_as_bearer_tokens() {
    let scene = Scene::new(MODEL, "sk-ant-oat01-x", &json!({}), good());
    let body =
        json!({"model": "m", "max_tokens": 1, "messages": [{"role": "user", "content": "Hi"}]});
    scene
        .ask(Call::new(context(), Operation::Chat, false, native(&body)))
        .await
        .unwrap();
    let (request, _) = scene.sent();
    assert_eq!(request.headers()["authorization"], "Bearer sk-ant-oat01-x");
    assert_eq!(request.headers()["anthropic-beta"], "oauth-2025-04-20");
    assert!(!request.headers().contains_key("x-api-key"));
}

#[tokio::test]
async fn counts_are_asked_at_their_own_path_without_defaults() {
    let reply = ScriptedReply::json(200, &json!({"input_tokens": 20}));
    let scene = Scene::new(MODEL, "sk-ant-key", &json!({"temperature": 0.5}), reply);
    let body = json!({"model": "m", "messages": [{"role": "user", "content": "Hi"}]});
    scene
        .ask(Call::new(
            context(),
            Operation::CountTokens,
            false,
            native(&body),
        ))
        .await
        .unwrap();
    let (request, body) = scene.sent();
    assert_eq!(request.uri().path(), "/v1/messages/count_tokens");
    assert_eq!(body["temperature"], Value::Null);
}

#[tokio::test]
async fn completions_of_new_models_are_chat_turns() {
    let scene = Scene::plain(good());
    let request = CompletionRequest::new(Prompt::Text("Hi".to_owned()));
    let payload = Payload::from_request(Request::Completion(Box::new(request)));
    scene
        .ask(Call::new(context(), Operation::Completion, false, payload))
        .await
        .unwrap();
    let (request, body) = scene.sent();
    assert_eq!(request.uri().path(), "/v1/messages");
    assert_eq!(body["messages"], json!([{"role": "user", "content": "Hi"}]));
}

#[tokio::test]
async fn embeddings_are_refused_before_any_call() {
    let scene = Scene::plain(good());
    let request = EmbeddingRequest::new(EmbeddingInput::Text("x".to_owned()));
    let payload = Payload::from_request(Request::Embedding(Box::new(request)));
    let error = scene
        .ask(Call::new(context(), Operation::Embedding, false, payload))
        .await
        .unwrap_err();
    assert_eq!(
        (error.kind(), error.status()),
        (ErrorKind::Unsupported, Some(501))
    );
    assert_eq!(
        error.message(),
        "The embeddings route is not implemented for Anthropic models."
    );
    assert!(scene.transport.requests().is_empty());
}

#[test]
fn everything_wrong_with_settings_is_said_at_once() {
    let spec = TargetSpec::new("anthropic", None, Operation::Chat);
    let options = json!({"anthropic_api_base": "ftp://x", "anthropic_version": 5});
    let options = Options::new(options.as_object().unwrap().clone());
    let problems = (ANTHROPIC.check)(&spec, &options);
    let paths: Vec<&str> = problems
        .iter()
        .map(|problem| problem.path.as_str())
        .collect();
    assert_eq!(
        paths,
        [
            "",
            "anthropic_api_key",
            "anthropic_version",
            "anthropic_api_base"
        ]
    );
}

#[test]
fn defaults_that_cannot_work_are_refused_with_the_settings() {
    let mut spec = TargetSpec::new("anthropic", Some(MODEL.into()), Operation::Chat);
    let options = Options::new(
        json!({"anthropic_api_key": "k"})
            .as_object()
            .unwrap()
            .clone(),
    );
    for (defaults, path) in [
        (json!({"temperature": "warm"}), "temperature"),
        (json!({"n": 3}), ""),
    ] {
        spec.defaults = Arc::new(defaults.as_object().unwrap().clone());
        let problems = (ANTHROPIC.check)(&spec, &options);
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert_eq!(problems[0].path, path);
    }
    spec.operation = Operation::Completion;
    spec.defaults = Arc::new(
        json!({"logprobs": 3, "max_tokens": 5})
            .as_object()
            .unwrap()
            .clone(),
    );
    assert!((ANTHROPIC.check)(&spec, &options).is_empty());
}

#[tokio::test]
async fn recorded_exchanges_are_forwarded_unchanged() {
    let Some(corpus) = Corpus::open_or_say_skipped() else {
        return;
    };
    for exchange in corpus.exchanges("anthropic", "messages") {
        let recorded = exchange.request.body.json().cloned();
        let Some(body) = recorded.filter(Value::is_object) else {
            continue;
        };
        let upstream = exchange.response.body.bytes();
        let content_type = if exchange.stream {
            "text/event-stream"
        } else {
            "application/json"
        };
        let reply = ScriptedReply::new(exchange.response.status, content_type, upstream);
        let scene = Scene::plain(reply);
        let stream = body["stream"] == true;
        let call = Call::new(context(), Operation::Chat, stream, native(&body));
        let outcome = scene.ask(call).await;
        assert_eq!(outcome.is_ok(), exchange.response.status < 400);
        let (_, sent) = scene.sent();
        let mut want = body;
        want["model"] = MODEL.into();
        assert_eq!(sent, want);
    }
}
