//! The provider on a scripted transport.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use gateway_dialect::ClientCodec;
use gateway_dialect::cohere::CohereCodec;
use gateway_json::Envelope;
use gateway_provider::{Call, Context, Lane, Payload, Provider, ReplyBody, TargetSpec, Whole};
use gateway_schema::chat::{ChatRequest, Message, Part};
use gateway_schema::rerank::RerankRequest;
use gateway_schema::{
    CallError, Decoded, Dialect, EndpointName, Mapping, Operation, Options, Request, RequestId,
    Response,
};
use gateway_testkit::provider::{Sample, Suite};
use gateway_testkit::recordings::{Corpus, RecordedBody};
use gateway_testkit::{ScriptedReply, ScriptedTransport, deps};
use serde_json::{Value, json};

use crate::COHERE;

const MODEL: &str = "command-a-03-2025";

fn whole(text: &str) -> String {
    json!({
        "id": "1", "finish_reason": "COMPLETE",
        "message": {"role": "assistant", "content": [{"type": "text", "text": text}]},
        "usage": {"billed_units": {"input_tokens": 1, "output_tokens": 1},
            "tokens": {"input_tokens": 9, "output_tokens": 3}},
    })
    .to_string()
}

fn stream(text: &str) -> String {
    let usage = json!({"tokens": {"input_tokens": 9, "output_tokens": 3}});
    let events = [
        json!({"type": "message-start", "id": "1", "delta": {"message": {"role": "assistant"}}}),
        json!({"type": "content-start", "index": 0, "delta": {"message": {"content": {"type": "text", "text": ""}}}}),
        json!({"type": "content-delta", "index": 0, "delta": {"message": {"content": {"text": text}}}}),
        json!({"type": "content-end", "index": 0}),
        json!({"type": "message-end", "delta": {"finish_reason": "COMPLETE", "usage": usage}}),
    ];
    let mut out: Vec<String> = events
        .iter()
        .map(|event| {
            format!(
                "event: {}\ndata: {event}\n\n",
                event["type"].as_str().unwrap()
            )
        })
        .collect();
    out.push("data: [DONE]\n\n".to_owned());
    out.concat()
}

fn vectors() -> String {
    json!({"id": "e", "texts": ["Hello"], "embeddings": {"float": [[0.5, -1, 0.1]]},
        "meta": {"billed_units": {"input_tokens": 2}}})
    .to_string()
}

fn ranks() -> String {
    json!({"id": "r", "results": [{"index": 1, "relevance_score": 0.9}, {"index": 0, "relevance_score": 0.2}],
        "meta": {"billed_units": {"search_units": 1}}})
    .to_string()
}

fn ranking() -> Request {
    let mut request = RerankRequest::new("q", vec!["a".into(), "b".into()]);
    request.return_documents = Some(true);
    Request::Rerank(Box::new(request))
}

fn options(pairs: &Value) -> Options {
    Options::new(pairs.as_object().unwrap().clone())
}

fn spec(operation: Operation) -> TargetSpec {
    TargetSpec::new("cohere", Some(MODEL.into()), operation)
}

/// Asks once; what was sent, and what came back.
async fn ask(
    operation: Operation,
    request: Request,
    mapping: Mapping,
    reply: String,
) -> (http::Request<Bytes>, Response) {
    let transport =
        ScriptedTransport::new().then(ScriptedReply::new(200, "application/json", reply));
    let settings = options(&json!({"cohere_api_key": "c-key"}));
    let provider: Arc<dyn Provider> =
        (COHERE.build)(&spec(operation), &settings, &deps(&transport)).unwrap();
    let mut context = Context::new(
        RequestId::from("r"),
        EndpointName::from("e"),
        Instant::now(),
    );
    context.mapping = mapping;
    let call = Call::new(context, operation, false, Payload::from_request(request));
    let reply = provider.call(call).await.unwrap();
    let ReplyBody::Whole(Whole::Canonical(response)) = reply.body else {
        panic!("{reply:?}");
    };
    (transport.requests().remove(0), response)
}

fn chat(messages: Vec<Message>) -> Request {
    Request::Chat(Box::new(ChatRequest::new(messages)))
}

#[tokio::test]
async fn cohere_conforms() {
    let body = json!({"model": "x", "messages": [{"role": "user", "content": "Say hello"}]});
    let mut streamed = body.clone();
    streamed["stream"] = true.into();
    let texts = json!({"model": "x", "texts": ["Hello"], "input_type": "search_query"});
    let ranked = json!({"model": "x", "query": "q", "documents": ["a", "b"]});
    Suite::new(COHERE)
        .model(MODEL)
        .option("cohere_api_key", "co-conformance")
        .sample(
            Sample::chat("Say hello")
                .native_with(Dialect::COHERE, &body, &streamed, &decode)
                .whole("application/json", whole("Hello"))
                .stream("text/event-stream", stream("Hello"))
                .answers("Hello"),
        )
        .sample(
            Sample::completion("Say hello")
                .whole("application/json", whole("Hello"))
                .stream("text/event-stream", stream("Hello"))
                .answers("Hello"),
        )
        .sample(
            Sample::embedding("Hello")
                .native_with(Dialect::COHERE, &texts, &texts, &decode)
                .whole("application/json", vectors()),
        )
        .sample(
            Sample::new("rerank", Operation::Rerank, ranking())
                .native_with(Dialect::COHERE, &ranked, &ranked, &decode)
                .whole("application/json", ranks()),
        )
        .run()
        .await;
}

#[tokio::test]
async fn calls_go_to_the_second_version_and_mlflows_to_the_first() {
    let hello = || chat(vec![Message::user("Hi")]);
    let (request, _) = ask(Operation::Chat, hello(), Mapping::Faithful, whole("Hi")).await;
    assert_eq!(request.uri(), "https://api.cohere.com/v2/chat");
    assert_eq!(request.headers()["authorization"], "Bearer c-key");
    assert!(request.headers()["authorization"].is_sensitive());
    let reply = json!({"response_id": "r1", "text": "Hi", "token_count": {"prompt_tokens": 3, "response_tokens": 2}});
    let (request, response) =
        ask(Operation::Chat, hello(), Mapping::Mlflow, reply.to_string()).await;
    assert_eq!(request.uri(), "https://api.cohere.ai/v1/chat");
    let body: Value = serde_json::from_slice(request.body()).unwrap();
    assert_eq!(body, json!({"model": MODEL, "message": "Hi"}));
    assert_eq!(response.usage().unwrap().total(), 5);
    // The first version cannot say this as MLflow would.
    let call = Message::new(
        gateway_schema::chat::Role::Assistant,
        vec![Part::tool_call("c", "n", "{}")],
    );
    let turns = chat(vec![Message::user("Hi"), call, Message::user("Go on")]);
    let (request, _) = ask(Operation::Chat, turns, Mapping::Mlflow, whole("Hi")).await;
    assert_eq!(request.uri(), "https://api.cohere.com/v2/chat");
}

#[tokio::test]
async fn ranked_documents_come_back_where_they_were_asked_for() {
    let (request, response) = ask(Operation::Rerank, ranking(), Mapping::Faithful, ranks()).await;
    assert_eq!(request.uri(), "https://api.cohere.com/v2/rerank");
    let Response::Rerank(ranked) = response else {
        panic!("{response:?}");
    };
    let best = &ranked.results[0];
    assert_eq!(
        (best.index, best.document.clone()),
        (1, Some(json!({"text": "b"})))
    );
}

fn decode(operation: Operation, body: &[u8]) -> Result<Decoded, CallError> {
    CohereCodec.decode(operation, body)
}

/// What is sent upstream of a caller's own body, with these defaults of the endpoint.
async fn forwarded(operation: Operation, stream: bool, body: &str, defaults: &Value) -> String {
    let reply = match operation {
        Operation::Chat if stream => {
            ScriptedReply::new(200, "text/event-stream", self::stream("Hi"))
        }
        Operation::Chat => ScriptedReply::new(200, "application/json", whole("Hi")),
        _ => ScriptedReply::new(200, "application/json", vectors()),
    };
    let transport = ScriptedTransport::new().then(reply);
    let mut spec = spec(operation);
    spec.defaults = Arc::new(defaults.as_object().unwrap().clone());
    let settings = options(&json!({"cohere_api_key": "c-key"}));
    let provider: Arc<dyn Provider> = (COHERE.build)(&spec, &settings, &deps(&transport)).unwrap();
    let context = Context::new(
        RequestId::from("r"),
        EndpointName::from("e"),
        Instant::now(),
    );
    let bytes = Bytes::copy_from_slice(body.as_bytes());
    let envelope = Envelope::scan(&bytes).unwrap();
    let payload = Payload::from_bytes(Dialect::COHERE, bytes, envelope, &decode);
    let reply = provider
        .call(Call::new(context, operation, stream, payload))
        .await
        .unwrap();
    assert_eq!(reply.lane, Lane::Same);
    let request = transport.requests().remove(0);
    String::from_utf8(request.body().to_vec()).unwrap()
}

#[tokio::test]
async fn a_callers_own_bytes_pass_with_the_model_and_absent_defaults_in_coheres_words() {
    let none = json!({});
    let sent = forwarded(
        Operation::Chat,
        false,
        r#"{"model":"e", "messages":[ ],"p":0.50,"x":{}}"#,
        &none,
    )
    .await;
    assert_eq!(
        sent,
        format!(r#"{{"model":"{MODEL}", "messages":[ ],"p":0.50,"x":{{}}}}"#)
    );
    let defaults = json!({"top_p": 0.75, "stop": ["x"], "max_tokens": 9, "temperature": 0.5, "safety_mode": "OFF",
        "tool_choice": "required"});
    let sent = forwarded(
        Operation::Chat,
        true,
        r#"{"messages":[],"temperature":1}"#,
        &defaults,
    )
    .await;
    let sent: Value = serde_json::from_str(&sent).unwrap();
    assert_eq!(
        sent,
        json!({"model": MODEL, "stream": true, "p": 0.75, "stop_sequences": ["x"], "max_tokens": 9, "safety_mode": "OFF",
            "messages": [], "temperature": 1})
    );
    let sent = forwarded(Operation::Chat, false, r#"{"tools":[]}"#, &defaults).await;
    assert!(sent.contains(r#""tool_choice":"REQUIRED""#), "{sent}");
    let sent = forwarded(
        Operation::Embedding,
        false,
        r#"{"texts":["a"],"images":["b"]}"#,
        &json!({"dimensions": 256}),
    )
    .await;
    let sent: Value = serde_json::from_str(&sent).unwrap();
    assert_eq!(
        sent,
        json!({"model": MODEL, "output_dimension": 256, "texts": ["a"], "images": ["b"]})
    );
}

#[tokio::test]
async fn recorded_requests_go_out_again_as_they_were() {
    let Some(corpus) = Corpus::open_or_say_skipped() else {
        return;
    };
    let mut seen = 0;
    for exchange in corpus.exchanges("cohere", "chat") {
        let RecordedBody::Json(body) = &exchange.request.body else {
            continue;
        };
        if !exchange.request.url.ends_with("/v2/chat") {
            continue;
        }
        let mut expected = body.clone();
        expected["model"] = MODEL.into();
        let stream = body["stream"] == true;
        let sent = forwarded(Operation::Chat, stream, &body.to_string(), &json!({})).await;
        assert_eq!(
            serde_json::from_str::<Value>(&sent).unwrap(),
            expected,
            "{}",
            exchange.name
        );
        seen += 1;
    }
    assert!(seen > 5, "{seen}");
}

#[test]
fn settings_are_checked_and_a_version_in_the_address_is_no_harm() {
    let check = |settings: &Value| -> Vec<String> {
        (COHERE.check)(&spec(Operation::Chat), &options(settings))
            .into_iter()
            .map(|problem| problem.path)
            .collect()
    };
    assert_eq!(check(&json!({})), ["cohere_api_key"]);
    assert_eq!(
        check(&json!({"cohere_api_key": "k", "cohere_api_base": "ftp://x"})),
        ["cohere_api_base"]
    );
    for base in ["https://x", "https://x/", "https://x/v1", "https://x/v2/"] {
        let settings = options(&json!({"cohere_api_key": "k", "cohere_api_base": base}));
        let read = crate::options::Settings::read(&spec(Operation::Chat), &settings).unwrap();
        assert_eq!(
            (read.base.as_str(), read.mlflow_base.as_str()),
            ("https://x", "https://x")
        );
    }
}
