//! The provider on a scripted transport.

use std::sync::Arc;
use std::time::Instant;

use gateway_provider::{Call, Context, Factory, Payload, Reply, ReplyBody, TargetSpec, Whole};
use gateway_schema::chat::{ChatRequest, Message};
use gateway_schema::completion::{CompletionRequest, Prompt};
use gateway_schema::embedding::{EmbeddingInput, EmbeddingRequest};
use gateway_schema::{
    CallError, EndpointName, ErrorKind, Operation, Options, Origin, Request, RequestId, Response,
};
use gateway_testkit::provider::{Sample, Suite};
use gateway_testkit::{ScriptedReply, ScriptedTransport, deps};
use serde_json::{Value, json};

use crate::{MODEL_SERVING, SAP_AI_CORE, TYPESAFE};

/// What was sent, and what came back.
async fn ask(
    factory: Factory,
    request: Request,
    stream: bool,
    answer: &Value,
) -> (Option<Value>, Result<Reply, CallError>) {
    let reply = ScriptedReply::new(200, "application/json", answer.to_string());
    let transport = ScriptedTransport::new().then(reply);
    let operation = match &request {
        Request::Completion(_) => Operation::Completion,
        Request::Embedding(_) => Operation::Embedding,
        _ => Operation::Chat,
    };
    let options = json!({"model_server_url": "http://mock.invalid/serving/"});
    let options = Options::new(options.as_object().unwrap().clone());
    let spec = TargetSpec::new(factory.name, None, operation);
    let provider = (factory.build)(&spec, &options, &deps(&transport)).unwrap();
    let context = Context::new(
        RequestId::from("r"),
        EndpointName::from("e"),
        Instant::now(),
    );
    let call = Call::new(context, operation, stream, Payload::from_request(request));
    let result = Arc::clone(&provider).call(call).await;
    let sent = transport.requests().pop();
    let body = sent.map(|request| {
        assert_eq!(request.uri(), "http://mock.invalid/serving/invocations");
        serde_json::from_slice(request.body()).unwrap()
    });
    (body, result)
}

fn prompt() -> Request {
    let mut request = CompletionRequest::new(Prompt::Text("p".to_owned()));
    request.sampling.max_tokens = Some(4);
    Request::Completion(Box::new(request))
}

fn chat(messages: Vec<Message>) -> Request {
    Request::Chat(Box::new(ChatRequest::new(messages)))
}

fn texts() -> Request {
    let input = EmbeddingInput::Texts(vec!["a".to_owned(), "b".to_owned()]);
    Request::Embedding(Box::new(EmbeddingRequest::new(input)))
}

fn response(result: Result<Reply, CallError>) -> Response {
    match result.unwrap().body {
        ReplyBody::Whole(Whole::Canonical(response)) => response,
        _ => panic!("a whole answer is expected"),
    }
}

#[tokio::test]
async fn model_serving_conforms() {
    let text = json!({"predictions": ["Hello"]}).to_string();
    let vectors = json!({"predictions": [[0.5, 1]]}).to_string();
    Suite::new(MODEL_SERVING)
        .option("model_server_url", "http://mock.invalid/serving")
        .option("model_server_token", "token-conformance")
        .names_no_model()
        .sample(
            Sample::chat("Say hello")
                .whole("application/json", text.clone())
                .answers("Hello"),
        )
        .sample(
            Sample::completion("Say hello")
                .whole("application/json", text)
                .answers("Hello"),
        )
        .sample(Sample::embedding("Hello").whole("application/json", vectors))
        .run()
        .await;
}

#[tokio::test]
async fn predictions_are_read_in_every_shape_that_mlflow_reads() {
    for predictions in [
        json!(["A", "B"]),
        json!({"any": ["A", "B"]}),
        json!({"choices": ["A", "B"], "other": 1}),
    ] {
        let (sent, result) = ask(
            MODEL_SERVING,
            prompt(),
            false,
            &json!({"predictions": predictions}),
        )
        .await;
        assert_eq!(
            sent.unwrap(),
            json!({"inputs": ["p"], "params": {"max_tokens": 4}})
        );
        let Response::Completion(reply) = response(result) else {
            panic!("a completion is expected");
        };
        let texts: Vec<&str> = reply
            .choices
            .iter()
            .map(|choice| choice.text.as_str())
            .collect();
        assert_eq!(texts, ["A", "B"]);
    }
    for (predictions, count) in [(json!([0.1, 2]), 1), (json!([[0.1], [0.2]]), 2)] {
        let (sent, result) = ask(
            MODEL_SERVING,
            texts(),
            false,
            &json!({"predictions": predictions}),
        )
        .await;
        assert_eq!(sent.unwrap(), json!({"inputs": ["a", "b"]}));
        let Response::Embedding(reply) = response(result) else {
            panic!("vectors are expected");
        };
        assert_eq!(reply.embeddings.len(), count);
    }
}

#[tokio::test]
async fn an_answer_that_is_not_as_it_should_be_says_what_is_wrong() {
    let cases = [
        (prompt(), json!({"foo": []}), "has no predictions"),
        (prompt(), json!({"predictions": []}), "empty list"),
        (prompt(), json!({"predictions": [1]}), "not text"),
        (
            prompt(),
            json!({"predictions": {"a": ["A"], "b": 1}}),
            "'choices'",
        ),
        (texts(), json!({"predictions": [[]]}), "empty vector"),
        (
            texts(),
            json!({"predictions": ["x"]}),
            "not lists of numbers",
        ),
    ];
    for (request, answer, part) in cases {
        let (_, result) = ask(MODEL_SERVING, request, false, &answer).await;
        let error = result.unwrap_err();
        assert_eq!(
            (error.kind(), error.origin()),
            (ErrorKind::Upstream, Origin::Upstream)
        );
        assert!(error.message().contains(part), "{}", error.message());
    }
}

#[tokio::test]
async fn what_a_model_server_cannot_do_is_refused_before_anything_is_sent() {
    let two = chat(vec![Message::user("a"), Message::user("b")]);
    let (sent, result) = ask(MODEL_SERVING, two, false, &json!({})).await;
    let error = result.unwrap_err();
    assert!(sent.is_none());
    assert_eq!(error.status(), Some(422));
    assert!(error.message().ends_with("consists of 2 queries."));
    let one = chat(vec![Message::user("a")]);
    let (sent, result) = ask(MODEL_SERVING, one, true, &json!({})).await;
    assert!(sent.is_none());
    assert_eq!(
        result.unwrap_err().message(),
        "The chat streaming route is not implemented for MLflow Model Serving models."
    );
}

#[tokio::test]
async fn names_that_only_mlflow_knows_are_accepted_and_refuse_calls() {
    for factory in [SAP_AI_CORE, TYPESAFE] {
        let (sent, result) = ask(factory, chat(vec![Message::user("a")]), false, &json!({})).await;
        let error = result.unwrap_err();
        assert!(sent.is_none());
        assert_eq!(
            (error.kind(), error.status()),
            (ErrorKind::Unsupported, Some(501))
        );
        let message = error.message();
        assert!(message.contains(factory.name) || message.contains(factory.display_name));
    }
}
