//! The provider on a scripted transport.

use std::sync::Arc;
use std::time::Instant;

use bytes::{Bytes, BytesMut};
use gateway_dialect::ClientCodec;
use gateway_dialect::bedrock::BedrockCodec;
use gateway_dialect::event_stream::write_event;
use gateway_json::Envelope;
use gateway_provider::{
    Call, Context, Lane, Payload, Provider, Reply, ReplyBody, TargetSpec, Whole,
};
use gateway_schema::chat::{ChatRequest, Message};
use gateway_schema::completion::{CompletionRequest, Prompt};
use gateway_schema::embedding::{EmbeddingInput, EmbeddingRequest};
use gateway_schema::rerank::RerankRequest;
use gateway_schema::{
    CallError, Decoded, Dialect, EndpointName, ErrorKind, Mapping, Operation, Options, Request,
    RequestId, Response, Retry,
};
use gateway_testkit::provider::{Sample, Suite};
use gateway_testkit::{ScriptedReply, ScriptedTransport, deps};
use serde_json::{Value, json};

use crate::BEDROCK;

const MODEL: &str = "anthropic.claude-3-haiku-20240307-v1:0";
const EVENTS: &str = "application/vnd.amazon.eventstream";

fn whole(text: &str) -> String {
    json!({
        "output": {"message": {"role": "assistant", "content": [{"text": text}]}},
        "stopReason": "end_turn",
        "usage": {"inputTokens": 10, "outputTokens": 4, "totalTokens": 14},
        "metrics": {"latencyMs": 1},
    })
    .to_string()
}

fn stream(text: &str) -> Bytes {
    let mut out = BytesMut::new();
    let events = [
        ("messageStart", json!({"p": "abc", "role": "assistant"})),
        (
            "contentBlockDelta",
            json!({"contentBlockIndex": 0, "delta": {"text": text}, "p": "a"}),
        ),
        ("contentBlockStop", json!({"contentBlockIndex": 0})),
        ("messageStop", json!({"stopReason": "end_turn"})),
        (
            "metadata",
            json!({"metrics": {"latencyMs": 1}, "usage": {"inputTokens": 10, "outputTokens": 4, "totalTokens": 14}}),
        ),
    ];
    for (name, value) in events {
        write_event(&mut out, name, value.to_string().as_bytes());
    }
    out.freeze()
}

fn decode(operation: Operation, body: &[u8]) -> Result<Decoded, CallError> {
    BedrockCodec.decode(operation, body)
}

fn config() -> Value {
    json!({"aws_region": "us-east-1", "aws_access_key_id": "AKIDEXAMPLE", "aws_secret_access_key": "secretexample"})
}

fn context() -> Context {
    Context::new(
        RequestId::from("r"),
        EndpointName::from("e"),
        Instant::now(),
    )
}

/// A provider with answers to give, and what it is asked with.
struct Scene {
    transport: ScriptedTransport,
    provider: Arc<dyn Provider>,
}

impl Scene {
    fn new(model: &str, config: &Value, defaults: &Value, replies: Vec<ScriptedReply>) -> Self {
        let mut transport = ScriptedTransport::new();
        for reply in replies {
            transport = transport.then(reply);
        }
        let mut spec = TargetSpec::new("bedrock", Some(model.into()), Operation::Chat);
        spec.defaults = Arc::new(defaults.as_object().unwrap().clone());
        let options = json!({"aws_config": config});
        let options = Options::new(options.as_object().unwrap().clone());
        let provider = (BEDROCK.build)(&spec, &options, &deps(&transport)).unwrap();
        Self {
            transport,
            provider,
        }
    }

    fn of(model: &str, reply: ScriptedReply) -> Self {
        Self::new(model, &config(), &json!({}), vec![reply])
    }

    async fn ask(&self, operation: Operation, request: Request) -> Result<Reply, CallError> {
        let call = Call::new(context(), operation, false, Payload::from_request(request));
        Arc::clone(&self.provider).call(call).await
    }

    fn sent(&self) -> (http::Request<Bytes>, Value) {
        let request = self.transport.requests().remove(0);
        let body = serde_json::from_slice(request.body()).unwrap();
        (request, body)
    }
}

fn chat() -> Request {
    Request::Chat(Box::new(ChatRequest::new(vec![Message::user("Hi")])))
}

fn completion() -> Request {
    let mut request = CompletionRequest::new(Prompt::Text("p".to_owned()));
    request.sampling.max_tokens = Some(9000);
    request.sampling.temperature = Some(1.0);
    Request::Completion(Box::new(request))
}

fn canonical(reply: Reply) -> Response {
    match reply.body {
        ReplyBody::Whole(Whole::Canonical(response)) => response,
        other => panic!("not canonical: {other:?}"),
    }
}

#[tokio::test]
async fn the_provider_conforms() {
    let body = json!({"messages": [{"role": "user", "content": [{"text": "Say hello"}]}], "inferenceConfig": {"maxTokens": 64}});
    Suite::new(BEDROCK)
        .model(MODEL)
        .option("aws_config", config())
        .sample(
            Sample::chat("Say hello")
                .native_with(Dialect::BEDROCK, &body, &body, &decode)
                .whole("application/json", whole("Hello"))
                .stream(EVENTS, stream("Hello"))
                .answers("Hello"),
        )
        .sample(
            Sample::completion("Say hello")
                .named("completion by chat")
                .whole("application/json", whole("Hello"))
                .stream(EVENTS, stream("Hello"))
                .answers("Hello"),
        )
        .sample(Sample::embedding("Say hello").whole(
            "application/json",
            r#"{"embedding":[0.5,-0.25],"inputTextTokenCount":3}"#,
        ))
        .run()
        .await;
}

#[tokio::test]
async fn requests_are_signed_and_the_models_colon_is_encoded() {
    let scene = Scene::of(
        MODEL,
        ScriptedReply::new(200, "application/json", whole("Hi")),
    );
    let reply = scene.ask(Operation::Chat, chat()).await.unwrap();
    assert_eq!(reply.lane, Lane::Cross);
    let (request, body) = scene.sent();
    assert_eq!(
        request.uri(),
        "https://bedrock-runtime.us-east-1.amazonaws.com/model/anthropic.claude-3-haiku-20240307-v1%3A0/converse"
    );
    let value = request.headers()["authorization"].to_str().unwrap();
    assert!(
        value.contains(
            "/us-east-1/bedrock/aws4_request, SignedHeaders=content-type;host;x-amz-date, "
        ),
        "{value}"
    );
    assert_eq!(
        body,
        json!({"messages": [{"role": "user", "content": [{"text": "Hi"}]}]})
    );
}

#[tokio::test]
async fn the_callers_converse_body_is_kept_and_absent_defaults_are_added() {
    let text = r#"{ "new": 1.50, "messages":[{"role":"user","content":[{"text":"Hi"}]}],"inferenceConfig":{"topP":0.25}}"#;
    let call = || {
        let bytes = Bytes::from_static(text.as_bytes());
        let envelope = Envelope::scan(&bytes).unwrap();
        let payload = Payload::from_bytes(Dialect::BEDROCK, bytes, envelope, &decode);
        Call::new(context(), Operation::Chat, false, payload)
    };
    let good = || vec![ScriptedReply::new(200, "application/json", whole("Hi"))];
    let plain = Scene::new(MODEL, &config(), &json!({}), good());
    Arc::clone(&plain.provider).call(call()).await.unwrap();
    assert_eq!(plain.sent().0.body(), text.as_bytes());
    let defaults = json!({"temperature": 0.5, "max_tokens": 9, "top_p": 0.9});
    let filled = Scene::new(MODEL, &config(), &defaults, good());
    Arc::clone(&filled.provider).call(call()).await.unwrap();
    let (_, body) = filled.sent();
    assert_eq!(
        body["inferenceConfig"],
        json!({"topP": 0.25, "maxTokens": 9, "temperature": 0.5})
    );
    assert_eq!(body["new"], 1.5);
}

#[tokio::test]
async fn a_bearer_token_goes_unsigned_and_needs_a_region() {
    let good = || vec![ScriptedReply::new(200, "application/json", whole("Hi"))];
    let bearer = json!({"aws_bearer_token": "bt", "aws_region": "eu-west-1"});
    let scene = Scene::new(MODEL, &bearer, &json!({}), good());
    scene.ask(Operation::Chat, chat()).await.unwrap();
    let (request, _) = scene.sent();
    assert_eq!(request.headers()["authorization"], "Bearer bt");
    assert!(!request.headers().contains_key("x-amz-date"));
    let nowhere = Scene::new(
        MODEL,
        &json!({"aws_bearer_token": "bt"}),
        &json!({}),
        good(),
    );
    let error = nowhere.ask(Operation::Chat, chat()).await.unwrap_err();
    assert_eq!(error.status(), Some(400));
    assert!(error.message().starts_with("aws_region_name is required"));
    assert!(nowhere.transport.requests().is_empty());
}

#[tokio::test]
async fn an_arn_names_its_region_and_stays_one_segment() {
    let arn = "arn:aws:bedrock:us-west-2:1:inference-profile/us.amazon.nova-lite-v1:0";
    let config = json!({"aws_access_key_id": "A", "aws_secret_access_key": "s"});
    let good = vec![ScriptedReply::new(200, "application/json", whole("Hi"))];
    let scene = Scene::new(arn, &config, &json!({}), good);
    scene.ask(Operation::Chat, chat()).await.unwrap();
    assert_eq!(
        scene.sent().0.uri(),
        "https://bedrock-runtime.us-west-2.amazonaws.com/model/arn%3Aaws%3Abedrock%3Aus-west-2%3A1%3Ainference-profile%2Fus.amazon.nova-lite-v1%3A0/converse"
    );
}

#[tokio::test]
async fn every_vendors_completion_is_invoked_in_its_own_words() {
    for (model, reply, fields) in [
        (
            "anthropic.claude-v2",
            json!({"completion": "x", "stop_reason": "max_tokens"}),
            json!({"prompt": "\n\nHuman: p\n\nAssistant:", "max_tokens_to_sample": 8191}),
        ),
        (
            "amazon.titan-text-lite-v1",
            json!({"inputTextTokenCount": 5, "results": [{"tokenCount": 10, "outputText": "x", "completionReason": "LENGTH"}]}),
            json!({"inputText": "p"}),
        ),
        (
            "us.amazon.nova-lite-v1:0",
            json!({"output": {"message": {"content": [{"text": "x"}]}}, "stopReason": "max_tokens", "usage": {"inputTokens": 3}}),
            json!({"schemaVersion": "messages-v1"}),
        ),
        (
            "ai21.j2-mid-v1",
            json!({"id": 1, "completions": [{"data": {"text": "x"}, "finishReason": {"reason": "length"}}]}),
            json!({"prompt": "p", "maxTokens": 9000}),
        ),
        (
            "cohere.command-text-v14",
            json!({"generations": [{"text": "x", "finish_reason": "MAX_TOKENS"}]}),
            json!({"prompt": "p", "max_tokens": 9000}),
        ),
        (
            "meta.llama3-70b-instruct-v1:0",
            json!({"generation": "x", "prompt_token_count": 8, "generation_token_count": 35, "stop_reason": "length"}),
            json!({"prompt": "p", "max_gen_len": 9000}),
        ),
        (
            "mistral.mistral-7b-instruct-v0:2",
            json!({"outputs": [{"text": "x", "stop_reason": "length"}]}),
            json!({"prompt": "p", "max_tokens": 9000}),
        ),
    ] {
        let scene = Scene::of(
            model,
            ScriptedReply::json(200, &reply).header("x-amzn-bedrock-input-token-count", "7"),
        );
        let reply = scene
            .ask(Operation::Completion, completion())
            .await
            .unwrap();
        let Response::Completion(reply) = canonical(reply) else {
            panic!()
        };
        assert_eq!(reply.choices[0].text, "x", "{model}");
        assert_eq!(
            reply.choices[0].finish.as_ref().unwrap().reason,
            gateway_schema::chat::FinishReason::Length,
            "{model}"
        );
        let (request, body) = scene.sent();
        assert!(request.uri().path().ends_with("/invoke"), "{model}");
        for (key, value) in fields.as_object().unwrap() {
            assert_eq!(&body[key], value, "{model}");
        }
    }
}

#[tokio::test]
async fn what_a_completion_by_chat_leaves_out_is_told() {
    let scene = Scene::new("deepseek.r1-v1:0", &config(), &json!({}), Vec::new());
    let mut request = CompletionRequest::new(Prompt::Text("p".to_owned()));
    request.suffix = Some("s".to_owned());
    let mut context = context();
    context.strict = true;
    let payload = Payload::from_request(Request::Completion(Box::new(request)));
    let call = Call::new(context, Operation::Completion, false, payload);
    let error = Arc::clone(&scene.provider).call(call).await.unwrap_err();
    let lost: Vec<String> = error
        .field_errors()
        .iter()
        .map(gateway_schema::FieldError::dotted)
        .collect();
    assert_eq!(lost, ["suffix"]);
}

#[tokio::test]
async fn mlflows_temperatures_are_those_of_its_recordings() {
    for (model, at, expected) in [
        (
            "amazon.titan-text-lite-v1",
            "/textGenerationConfig/temperature",
            0.5,
        ),
        ("cohere.command-text-v14", "/temperature", 2.5),
        ("anthropic.claude-v2", "/temperature", 0.5),
    ] {
        let scene = Scene::of(model, ScriptedReply::json(500, &json!({"message": "x"})));
        let mut context = context();
        context.mapping = Mapping::Mlflow;
        let call = Call::new(
            context,
            Operation::Completion,
            false,
            Payload::from_request(completion()),
        );
        Arc::clone(&scene.provider).call(call).await.unwrap_err();
        assert_eq!(
            scene.sent().1.pointer(at),
            Some(&json!(expected)),
            "{model}"
        );
    }
}

#[tokio::test]
async fn several_texts_are_embedded_one_by_one_in_their_order() {
    let texts: Vec<String> = (0..20).map(|n| format!("text {n}")).collect();
    let replies = (0..20)
        .map(|n| ScriptedReply::json(200, &json!({"embedding": [n], "inputTextTokenCount": 2})))
        .collect();
    let scene = Scene::new(
        "amazon.titan-embed-text-v2:0",
        &config(),
        &json!({}),
        replies,
    );
    let mut request = EmbeddingRequest::new(EmbeddingInput::Texts(texts));
    request.dimensions = Some(256);
    let context = context();
    let journal = context.journal.clone();
    let call = Call::new(
        context,
        Operation::Embedding,
        false,
        Payload::from_request(Request::Embedding(Box::new(request))),
    );
    let reply = Arc::clone(&scene.provider).call(call).await.unwrap();
    let Response::Embedding(reply) = canonical(reply) else {
        panic!()
    };
    assert_eq!(reply.embeddings.len(), 20);
    for (index, embedding) in (0..).zip(&reply.embeddings) {
        assert_eq!(embedding.index, index);
    }
    assert_eq!(reply.usage.unwrap().input_tokens, Some(40));
    assert_eq!(journal.notes().attempts.len(), 1);
    let sent = scene.transport.requests();
    let first: Value = serde_json::from_slice(sent[0].body()).unwrap();
    assert_eq!(first, json!({"inputText": "text 0", "dimensions": 256}));
}

#[tokio::test]
async fn cohere_embeds_many_at_once_and_ranks() {
    let scene = Scene::of(
        "cohere.embed-english-v3",
        ScriptedReply::json(200, &json!({"embeddings": {"float": [[1.0], [2.0]]}}))
            .header("x-amzn-bedrock-input-token-count", "4"),
    );
    let input = EmbeddingInput::Texts(vec!["a".to_owned(), "b".to_owned()]);
    let request = Request::Embedding(Box::new(EmbeddingRequest::new(input)));
    let reply = scene.ask(Operation::Embedding, request).await.unwrap();
    let Response::Embedding(reply) = canonical(reply) else {
        panic!()
    };
    assert_eq!(
        (reply.embeddings.len(), reply.usage.unwrap().input_tokens),
        (2, Some(4))
    );
    let ranks = Scene::of(
        "cohere.rerank-v3-5:0",
        ScriptedReply::json(
            200,
            &json!({"results": [{"index": 1, "relevance_score": 0.9}]}),
        ),
    );
    let request = RerankRequest::new("q", vec![json!("a"), json!({"text": "b"})]);
    let reply = ranks
        .ask(Operation::Rerank, Request::Rerank(Box::new(request)))
        .await
        .unwrap();
    let Response::Rerank(reply) = canonical(reply) else {
        panic!()
    };
    assert_eq!(
        (reply.results[0].index, reply.results[0].document.clone()),
        (1, None)
    );
    assert_eq!(ranks.sent().1["documents"], json!(["a", "b"]));
}

/// Status, exception, message; what it is, and whether it may be tried again.
const FAILURES: &[(u16, &str, &str, ErrorKind, Retry)] = &[
    (
        429,
        "ThrottlingException",
        "slow",
        ErrorKind::RateLimited,
        Retry::Same,
    ),
    (
        429,
        "ModelNotReadyException",
        "soon",
        ErrorKind::Unavailable,
        Retry::Same,
    ),
    (
        503,
        "ServiceUnavailableException",
        "busy",
        ErrorKind::Unavailable,
        Retry::Same,
    ),
    (
        400,
        "ValidationException:http://internal.amazon.com/coral/com.amazon.bedrock/",
        "bad",
        ErrorKind::InvalidRequest,
        Retry::Never,
    ),
    (
        400,
        "ValidationException",
        "Input is too long for requested model.",
        ErrorKind::ContextLength,
        Retry::Elsewhere,
    ),
    (
        403,
        "AccessDeniedException",
        "no",
        ErrorKind::Forbidden,
        Retry::Elsewhere,
    ),
    (
        403,
        "ExpiredTokenException",
        "old",
        ErrorKind::Unauthenticated,
        Retry::Elsewhere,
    ),
    (
        404,
        "ResourceNotFoundException",
        "gone",
        ErrorKind::NotFound,
        Retry::Elsewhere,
    ),
    (
        408,
        "ModelTimeoutException",
        "long",
        ErrorKind::Timeout,
        Retry::Same,
    ),
    (
        424,
        "ModelErrorException",
        "oops",
        ErrorKind::Upstream,
        Retry::Same,
    ),
];

#[tokio::test]
async fn failures_are_sorted_by_the_header_that_names_them() {
    for (status, name, message, kind, retry) in FAILURES {
        let reply = ScriptedReply::json(*status, &json!({"message": message}))
            .header("x-amzn-errortype", name);
        let error = Scene::of(MODEL, reply)
            .ask(Operation::Chat, chat())
            .await
            .unwrap_err();
        assert_eq!((error.kind(), error.retry()), (*kind, *retry), "{name}");
        assert_eq!(error.message(), *message);
        let failure = error.upstream_failure().unwrap();
        assert_eq!(failure.error_type.as_deref(), name.split(':').next());
    }
}
