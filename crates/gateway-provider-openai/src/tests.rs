//! The provider on a scripted transport.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use gateway_dialect::ClientCodec;
use gateway_dialect::openai::OpenAi;
use gateway_dialect::openai_responses::OpenAiResponses;
use gateway_json::Envelope;
use gateway_provider::{Call, Context, Lane, Payload, Provider, ReplyBody, TargetSpec};
use gateway_schema::chat::{ChatRequest, Message};
use gateway_schema::stream::Facts;
use gateway_schema::{
    CallError, Decoded, Dialect, EndpointName, ErrorKind, Operation, Options, Request, RequestId,
};
use gateway_testkit::provider::{Sample, Suite};
use gateway_testkit::{ScriptedReply, ScriptedTransport, deps};
use serde_json::{Map, Value, json};

use crate::OPENAI;

const MODEL: &str = "gpt-4o-mini";

fn whole(text: &str) -> String {
    json!({
        "id": "chatcmpl-1", "object": "chat.completion", "created": 1_700_000_000, "model": MODEL,
        "choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 9, "completion_tokens": 3, "total_tokens": 12},
    })
    .to_string()
}

fn chunk(choices: &Value, usage: &Value) -> String {
    let chunk = json!({"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1_700_000_000,
        "model": MODEL, "choices": choices, "usage": usage});
    format!("data: {chunk}\n\n")
}

fn stream(text: &str) -> String {
    let choice = |delta: Value, reason: Value| json!([{"index": 0, "delta": delta, "finish_reason": reason}]);
    [
        chunk(
            &choice(json!({"role": "assistant", "content": ""}), Value::Null),
            &Value::Null,
        ),
        chunk(&choice(json!({"content": text}), Value::Null), &Value::Null),
        chunk(&choice(json!({}), json!("stop")), &Value::Null),
        chunk(
            &json!([]),
            &json!({"prompt_tokens": 9, "completion_tokens": 3, "total_tokens": 12}),
        ),
        "data: [DONE]\n\n".to_owned(),
    ]
    .concat()
}

fn completion(text: &str) -> String {
    json!({
        "id": "cmpl-1", "object": "text_completion", "created": 1_700_000_000, "model": MODEL,
        "choices": [{"index": 0, "text": text, "finish_reason": "stop", "logprobs": null}],
        "usage": {"prompt_tokens": 9, "completion_tokens": 3, "total_tokens": 12},
    })
    .to_string()
}

fn completion_stream(text: &str) -> String {
    let choice =
        |text: &str, reason: Value| json!([{"index": 0, "text": text, "finish_reason": reason}]);
    [
        chunk(&choice(text, Value::Null), &Value::Null),
        chunk(&choice("", json!("stop")), &Value::Null),
        chunk(
            &json!([]),
            &json!({"prompt_tokens": 9, "completion_tokens": 3, "total_tokens": 12}),
        ),
        "data: [DONE]\n\n".to_owned(),
    ]
    .concat()
}

fn vectors() -> String {
    json!({"object": "list", "data": [{"object": "embedding", "index": 0, "embedding": [0.5, -1, 0.1]}],
        "model": MODEL, "usage": {"prompt_tokens": 2, "total_tokens": 2}})
    .to_string()
}

fn decode(operation: Operation, body: &[u8]) -> Result<Decoded, CallError> {
    OpenAi.decode(operation, body)
}

fn native(text: &str) -> Payload {
    let bytes = Bytes::from(text.to_owned());
    let envelope = Envelope::scan(&bytes).unwrap();
    Payload::from_bytes(Dialect::OPENAI, bytes, envelope, &decode)
}

fn canonical() -> Payload {
    let request = ChatRequest::new(vec![Message::user("Hi")]);
    Payload::from_request(Request::Chat(Box::new(request)))
}

fn call(operation: Operation, stream: bool, payload: Payload) -> Call {
    let context = Context::new(
        RequestId::from("r"),
        EndpointName::from("e"),
        Instant::now(),
    );
    Call::new(context, operation, stream, payload)
}

fn options(pairs: &Value) -> Options {
    Options::new(pairs.as_object().unwrap().clone())
}

const fn azure() -> [(&'static str, &'static str); 5] {
    [
        ("openai_api_key", "az-key"),
        ("openai_api_type", "azure"),
        ("openai_api_base", "http://mock.invalid/"),
        ("openai_deployment_name", "dep 1"),
        ("openai_api_version", "2024-02-01"),
    ]
}

fn azure_but(key: &str, value: &str) -> Options {
    let mut map: Map<String, Value> = azure()
        .into_iter()
        .map(|(key, value)| (key.to_owned(), value.into()))
        .collect();
    map.insert(key.to_owned(), value.into());
    Options::new(map)
}

/// Asks once; what was sent, and what came back.
async fn ask(
    provider: &str,
    options: &Options,
    defaults: Value,
    call: Call,
) -> (http::Request<Bytes>, gateway_provider::Reply) {
    let transport = ScriptedTransport::new().then(ScriptedReply::new(
        200,
        "application/json",
        match call.operation {
            Operation::Embedding => vectors(),
            _ => whole("Hi"),
        },
    ));
    let mut spec = TargetSpec::new(provider, Some(MODEL.into()), call.operation);
    spec.defaults = Arc::new(defaults.as_object().unwrap().clone());
    let provider: Arc<dyn Provider> = (OPENAI.build)(&spec, options, &deps(&transport)).unwrap();
    let reply = provider.call(call).await.unwrap();
    (transport.requests().remove(0), reply)
}

fn body(request: &http::Request<Bytes>) -> Value {
    serde_json::from_slice(request.body()).unwrap()
}

#[tokio::test]
async fn openai_conforms() {
    let chat = json!({"model": "x", "messages": [{"role": "user", "content": "Say hello"}]});
    let mut chat_stream = chat.clone();
    chat_stream["stream"] = true.into();
    chat_stream["stream_options"] = json!({"include_usage": true});
    let prompt = json!({"model": "x", "prompt": "Say hello"});
    let mut prompt_stream = prompt.clone();
    prompt_stream["stream"] = true.into();
    prompt_stream["stream_options"] = json!({"include_usage": true});
    let input = json!({"model": "x", "input": "Hello"});
    Suite::new(OPENAI)
        .model(MODEL)
        .option("openai_api_key", "sk-conformance")
        .option("openai_organization", "org-1")
        .sample(
            Sample::chat("Say hello")
                .native_with(Dialect::OPENAI, &chat, &chat_stream, &decode)
                .whole("application/json", whole("Hello"))
                .stream("text/event-stream", stream("Hello"))
                .answers("Hello"),
        )
        .sample(
            Sample::completion("Say hello")
                .native_with(Dialect::OPENAI, &prompt, &prompt_stream, &decode)
                .whole("application/json", completion("Hello"))
                .stream("text/event-stream", completion_stream("Hello"))
                .answers("Hello"),
        )
        .sample(
            Sample::embedding("Hello")
                .native_with(Dialect::OPENAI, &input, &input, &decode)
                .whole("application/json", vectors()),
        )
        .run()
        .await;
}

#[tokio::test]
async fn azure_conforms_when_usage_is_hidden() {
    let chat = json!({"messages": [{"role": "user", "content": "Say hello"}]});
    let mut chat_stream = chat.clone();
    chat_stream["stream"] = true.into();
    let mut suite = Suite::new(OPENAI).spelled("azure").model(MODEL);
    for (name, value) in azure() {
        suite = suite.option(name, value);
    }
    suite
        .sample(
            Sample::chat("Say hello")
                .native_with(Dialect::OPENAI, &chat, &chat_stream, &decode)
                .whole("application/json", whole("Hello"))
                .stream("text/event-stream", stream("Hello"))
                .answers("Hello"),
        )
        .names_no_model()
        .rewrites_streams()
        .run()
        .await;
}

#[tokio::test]
async fn the_callers_bytes_are_kept_but_for_the_model_and_absent_defaults() {
    let text = r#"{ "new": 1.50, "messages":[], "model":"alias", "top_p":0.25}"#;
    let defaults = json!({"top_p": 0.9, "temperature": 0.5, "max_tokens": 7});
    let (request, reply) = ask(
        "openai",
        &options(&json!({"openai_api_key": "sk-1"})),
        defaults,
        call(Operation::Chat, false, native(text)),
    )
    .await;
    assert_eq!(reply.lane, Lane::Same);
    assert_eq!(request.uri(), "https://api.openai.com/v1/chat/completions");
    assert_eq!(request.headers()["authorization"], "Bearer sk-1");
    assert!(request.headers()["authorization"].is_sensitive());
    assert_eq!(
        request.body(),
        r#"{"temperature":0.5,"max_tokens":7, "new": 1.50, "messages":[], "model":"gpt-4o-mini", "top_p":0.25}"#
    );
}

#[tokio::test]
async fn translated_requests_get_the_same_defaults_and_azure_no_model() {
    let defaults = json!({"temperature": 0.5});
    let settings = azure_but("openai_api_type", "AzureAD");
    let (request, reply) = ask(
        "openai",
        &settings,
        defaults,
        call(Operation::Chat, false, canonical()),
    )
    .await;
    assert_eq!(reply.lane, Lane::Cross);
    assert_eq!(
        request.uri(),
        "http://mock.invalid/openai/deployments/dep%201/chat/completions?api-version=2024-02-01"
    );
    assert_eq!(request.headers()["authorization"], "Bearer az-key");
    assert_eq!(
        body(&request),
        json!({"messages": [{"role": "user", "content": "Hi"}], "temperature": 0.5})
    );
}

#[tokio::test]
async fn versions_organizations_and_keys_go_where_each_service_wants_them() {
    let (request, _) = ask(
        "azure",
        &azure_but("openai_api_type", "azure"),
        json!({"temperature": 1}),
        call(
            Operation::Embedding,
            false,
            native(r#"{"model":"x","input":"a"}"#),
        ),
    )
    .await;
    assert_eq!(request.headers()["api-key"], "az-key");
    assert!(!request.headers().contains_key("authorization"));
    assert_eq!(body(&request), json!({"model": MODEL, "input": "a"}));
    let settings = json!({"openai_api_key": "k", "openai_api_base": "http://h/v1/", "openai_api_version": "v 1",
        "openai_organization": "org"});
    let (request, _) = ask(
        "openai",
        &options(&settings),
        json!({}),
        call(Operation::Chat, false, canonical()),
    )
    .await;
    assert_eq!(
        request.uri(),
        "http://h/v1/chat/completions?api-version=v%201"
    );
    assert_eq!(request.headers()["openai-organization"], "org");
}

#[test]
fn settings_are_checked_with_mlflows_texts() {
    let check = |provider: &str, settings: &Options| -> Vec<String> {
        let spec = TargetSpec::new(provider, Some(MODEL.into()), Operation::Chat);
        (OPENAI.check)(&spec, settings)
            .into_iter()
            .map(|problem| format!("{}: {}", problem.path, problem.message))
            .collect()
    };
    let one = |key: &str, value: &str| options(&json!({"openai_api_key": "k", key: value}));
    assert_eq!(
        check("openai", &one("openai_api_type", "foo")),
        ["openai_api_type: Invalid OpenAI API type 'foo'"]
    );
    assert_eq!(
        check("openai", &one("openai_deployment_name", "d")),
        [
            "openai_deployment_name: OpenAI route configuration can only specify a value for 'openai_deployment_name' if \
          'openai_api_type' is 'OpenAIAPIType.AZURE' or 'OpenAIAPIType.AZUREAD'. Found type: 'openai'"
        ]
    );
    assert_eq!(
        check("openai", &one("openai_api_type", "AZURE")),
        [
            "openai_api_type: OpenAI route configuration must specify 'openai_api_base', 'openai_deployment_name', and \
          'openai_api_version' if 'openai_api_type' is 'OpenAIAPIType.AZURE' or 'OpenAIAPIType.AZUREAD'."
        ]
    );
    assert_eq!(
        check("openai", &azure_but("openai_organization", "o")).len(),
        1
    );
    assert_eq!(check("openai", &one("openai_api_base", "ftp://x")).len(), 1);
    assert!(check("openai", &azure_but("openai_api_type", "azure")).is_empty());
    assert!(
        check("azure", &options(&json!({})))
            .iter()
            .any(|text| text.contains("openai_api_key is missing"))
    );
    // A provider that is called azure needs no type.
    let mut untyped: Map<String, Value> = azure()
        .into_iter()
        .map(|(key, value)| (key.to_owned(), value.into()))
        .collect();
    untyped.remove("openai_api_type");
    assert!(check("azure", &Options::new(untyped)).is_empty());
}

#[tokio::test]
async fn what_openai_cannot_do_is_said_before_anything_is_sent() {
    let transport = ScriptedTransport::new();
    let spec = TargetSpec::new("openai", Some(MODEL.into()), Operation::Chat);
    let settings = options(&json!({"openai_api_key": "k"}));
    let provider = (OPENAI.build)(&spec, &settings, &deps(&transport)).unwrap();
    let error = provider
        .call(call(Operation::CountTokens, false, canonical()))
        .await
        .unwrap_err();
    assert_eq!(
        (error.kind(), error.status()),
        (ErrorKind::Unsupported, Some(501))
    );
    assert_eq!(transport.requests().len(), 0);
}

fn responses(text: &str) -> Payload {
    let bytes = Bytes::from(text.to_owned());
    let envelope = Envelope::scan(&bytes).unwrap();
    Payload::from_bytes(
        Dialect::OPENAI_RESPONSES,
        bytes,
        envelope,
        &|operation, body| OpenAiResponses.decode(operation, body),
    )
}

#[tokio::test]
async fn a_responses_caller_gets_the_responses_api_with_defaults_under_its_names() {
    let text = r#"{"model":"alias","input":"Hi", "new": 1.50}"#;
    let defaults = json!({"max_tokens": 7, "stop": "x", "temperature": 0.5});
    let (request, reply) = ask(
        "openai",
        &options(&json!({"openai_api_key": "sk-1"})),
        defaults,
        call(Operation::Chat, false, responses(text)),
    )
    .await;
    assert_eq!(request.uri(), "https://api.openai.com/v1/responses");
    assert_eq!(
        request.body(),
        r#"{"temperature":0.5,"max_output_tokens":7,"model":"gpt-4o-mini","input":"Hi", "new": 1.50}"#
    );
    assert_eq!(
        (reply.lane, reply.dialect),
        (Lane::Same, Dialect::OPENAI_RESPONSES)
    );
}

#[tokio::test]
async fn a_history_of_another_providers_reaches_the_responses_api_without_its_proofs() {
    let text = r#"{"model":"alias","input":[{"role":"user","content":"Hi"},
        {"type":"reasoning","summary":[],"encrypted_content":"gateway:anthropic:SIG"},
        {"type":"function_call","call_id":"c","name":"f","arguments":"{}"}, {"type":"function_call_output","call_id":"c","output":"1"}]}"#;
    let call = call(Operation::Chat, false, responses(text));
    let journal = call.context.journal.clone();
    let settings = options(&json!({"openai_api_key": "sk-1"}));
    let (request, reply) = ask("openai", &settings, json!({"temperature": 0.5}), call).await;
    assert_eq!(reply.lane, Lane::Same);
    assert_eq!(
        request.body(),
        r#"{"temperature":0.5,"model":"gpt-4o-mini","input":[{"role":"user","content":"Hi"},{"type":"function_call","call_id":"c","name":"f","arguments":"{}"},{"type":"function_call_output","call_id":"c","output":"1"}]}"#
    );
    let losses = journal.notes().losses.clone();
    let lost: Vec<_> = losses.iter().map(|loss| loss.path.as_str()).collect();
    assert_eq!(lost, ["input[1]"]);
}

#[tokio::test]
async fn azure_has_the_responses_api_beside_its_deployments() {
    let (request, _) = ask(
        "azure",
        &azure_but("openai_api_type", "azure"),
        json!({}),
        call(
            Operation::Chat,
            false,
            responses(r#"{"model":"alias","input":"Hi"}"#),
        ),
    )
    .await;
    assert_eq!(request.uri(), "http://mock.invalid/openai/v1/responses");
    assert_eq!(request.headers()["api-key"], "az-key");
    assert_eq!(body(&request), json!({"model": "dep 1", "input": "Hi"}));
}

/// Asks for a stream that is answered with `events`; the facts of its frames, or the error.
async fn stream_of_responses(events: &str) -> Result<Vec<Facts>, CallError> {
    let reply = ScriptedReply::new(200, "text/event-stream", events.to_owned());
    let transport = ScriptedTransport::new().then(reply);
    let spec = TargetSpec::new("openai", Some(MODEL.into()), Operation::Chat);
    let settings = options(&json!({"openai_api_key": "k"}));
    let provider = (OPENAI.build)(&spec, &settings, &deps(&transport)).unwrap();
    let asked = responses(r#"{"model":"alias","input":"Hi","stream":true}"#);
    let reply = provider.call(call(Operation::Chat, true, asked)).await?;
    let ReplyBody::Stream(mut stream) = reply.body else {
        panic!("a stream");
    };
    let mut all = Vec::new();
    while let Some(frame) = std::future::poll_fn(|cx| stream.as_mut().poll_next(cx)).await {
        all.push(frame?.facts);
    }
    Ok(all)
}

#[tokio::test]
async fn streams_of_responses_are_watched_and_failures_before_content_are_errors() {
    let usage = r#"{"input_tokens":9,"output_tokens":3,"total_tokens":12}"#;
    let good = format!(
        "event: response.created\ndata: {{\"response\":{{\"id\":\"r\",\"model\":\"m\"}}}}\n\n\
         event: response.output_text.delta\ndata: {{\"delta\":\"Hi\"}}\n\n\
         event: response.completed\ndata: {{\"response\":{{\"status\":\"completed\",\"usage\":{usage}}}}}\n\n"
    );
    let facts = stream_of_responses(&good).await.unwrap();
    assert!(facts.iter().any(|facts| facts.ended));
    let usage = facts.iter().find_map(|facts| facts.usage.as_ref()).unwrap();
    assert_eq!(usage.total(), 12);

    let failed = "event: response.created\ndata: {\"response\":{\"id\":\"r\"}}\n\n\
        event: response.failed\ndata: {\"response\":{\"status\":\"failed\",\"error\":{\"code\":\"rate_limit_exceeded\",\"message\":\"slow\"}}}\n\n";
    let error = stream_of_responses(failed).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::RateLimited);

    let cut = "event: response.output_text.delta\ndata: {\"delta\":\"Hi\"}\n\n";
    assert!(stream_of_responses(cut).await.is_err());
}

/// The first event of an answer names its role and says nothing.
#[tokio::test]
async fn a_stream_begins_with_its_first_event_only_where_nobody_else_would_be_asked() {
    let events = [
        "data: {\"id\":\"a\",\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"}}]}\n\n",
        "data: {\"error\":{\"message\":\"overloaded\",\"type\":\"server_error\"}}\n\n",
    ];
    let ask = async |may_ask_again: bool| {
        let pieces = events.map(|event| Bytes::from_static(event.as_bytes()));
        let reply = ScriptedReply::sse("").chunks(pieces);
        let transport = ScriptedTransport::new().then(reply);
        let spec = TargetSpec::new("openai", Some(MODEL.into()), Operation::Chat);
        let settings = options(&json!({"openai_api_key": "k"}));
        let provider = (OPENAI.build)(&spec, &settings, &deps(&transport)).unwrap();
        let body = r#"{"model":"alias","messages":[{"role":"user","content":"Hi"}],"stream":true}"#;
        let mut call = call(Operation::Chat, true, native(body));
        call.context.may_ask_again = may_ask_again;
        provider.call(call).await
    };
    assert!(ask(true).await.is_err(), "held back, and failed in time");
    let ReplyBody::Stream(mut stream) = ask(false).await.unwrap().body else {
        panic!("a stream");
    };
    let mut facts = Vec::new();
    while let Some(frame) = std::future::poll_fn(|cx| stream.as_mut().poll_next(cx)).await {
        facts.push(frame.unwrap().facts);
    }
    assert!(facts.first().unwrap().error.is_none() && facts.last().unwrap().error.is_some());
}

#[tokio::test]
async fn a_bad_status_of_the_responses_api_is_in_the_callers_dialect() {
    let words =
        r#"{"error":{"message":"no","type":"invalid_request_error","param":"input","code":null}}"#;
    let transport =
        ScriptedTransport::new().then(ScriptedReply::new(400, "application/json", words));
    let spec = TargetSpec::new("openai", Some(MODEL.into()), Operation::Chat);
    let settings = options(&json!({"openai_api_key": "k"}));
    let provider = (OPENAI.build)(&spec, &settings, &deps(&transport)).unwrap();
    let asked = call(
        Operation::Chat,
        false,
        responses(r#"{"model":"a","input":"Hi"}"#),
    );
    let error = provider.call(asked).await.unwrap_err();
    let failure = error.upstream_failure().unwrap();
    assert_eq!(failure.dialect, Some(Dialect::OPENAI_RESPONSES));
}
