//! MLflow's own conversions, on MLflow's own URLs only.

use gateway_dialect::ClientCodec;
use gateway_dialect::mlflow::MlflowCodec;
use gateway_json::Envelope;
use gateway_provider::{Call, Payload, ReplyBody, Whole};
use gateway_schema::chat::StreamEvent;
use gateway_schema::stream::FrameData;
use gateway_schema::{CallError, Decoded, Dialect, Mapping, Operation, Response};
use gateway_testkit::ScriptedReply;
use serde_json::json;

use super::{Asked, ask_with, call, completion_stream, native, row, settings, stream, whole};

fn read(operation: Operation, body: &[u8]) -> Result<Decoded, CallError> {
    MlflowCodec::invocations().decode(operation, body)
}

fn mlflow(operation: Operation, stream: bool, text: &str) -> Call {
    let bytes = bytes::Bytes::from(text.to_owned());
    let envelope = Envelope::scan(&bytes).unwrap();
    let payload = Payload::from_bytes(Dialect::MLFLOW, bytes, envelope, &read);
    let mut call = call(operation, stream, payload);
    call.context.mapping = Mapping::Mlflow;
    call
}

async fn send(name: &str, call: Call, reply: ScriptedReply) -> Asked {
    let row = row(name);
    ask_with(row, settings(row), &json!({}), call, reply).await
}

fn answer() -> ScriptedReply {
    ScriptedReply::new(200, "application/json", whole("Hi"))
}

#[tokio::test]
async fn mistrals_completions_are_chat_turns_with_half_the_temperature() {
    let text = r#"{"prompt":"p","temperature":1.0,"stop":["x"],"n":3,"max_tokens":5}"#;
    let asked = send(
        "mistral",
        mlflow(Operation::Completion, false, text),
        answer(),
    )
    .await;
    assert_eq!(
        asked.body(),
        json!({"model": "vendor-model-1", "messages": [{"role": "user", "content": "p"}], "temperature": 0.5,
            "max_tokens": 5})
    );
    let ReplyBody::Whole(Whole::Canonical(Response::Completion(reply))) =
        asked.outcome.unwrap().body
    else {
        panic!("not a completion");
    };
    assert_eq!((reply.id, reply.model, reply.created), (None, None, None));
    assert_eq!(reply.choices[0].text, "Hi");
}

#[tokio::test]
async fn elsewhere_mistrals_completions_keep_what_was_said() {
    let text = r#"{"model":"e","prompt":"p","temperature":1.0,"stop":["x"],"n":3,"echo":true}"#;
    let call = call(Operation::Completion, false, native(text));
    let journal = call.context.journal.clone();
    let asked = send("mistral", call, answer()).await;
    let body = asked.body();
    assert_eq!((&body["temperature"], &body["n"]), (&json!(1.0), &json!(3)));
    assert_eq!(body["stop"], json!(["x"]));
    assert_eq!(journal.notes().losses.iter().next().unwrap().path, "echo");
    let ReplyBody::Whole(Whole::Canonical(Response::Completion(reply))) =
        asked.outcome.unwrap().body
    else {
        panic!("not a completion");
    };
    assert_eq!(reply.id.as_deref(), Some("chatcmpl-1"));
}

#[tokio::test]
async fn several_prompts_cannot_become_one_chat_turn() {
    let call = call(
        Operation::Completion,
        false,
        native(r#"{"model":"e","prompt":["a","b"]}"#),
    );
    let asked = send("mistral", call, answer()).await;
    assert!(asked.request.is_none());
    let error = asked.outcome.unwrap_err();
    assert!(error.message().contains("one text at a time"));
}

#[tokio::test]
async fn together_refuses_what_mlflow_refuses() {
    let cases = [
        (
            Operation::Chat,
            r#"{"messages":[{"role":"user","content":"Hi"}],"top_logprobs":1.5}"#,
            "Wrong type for top_logprobs. It should a 32bit integer.",
        ),
        (
            Operation::Chat,
            r#"{"messages":[{"role":"user","content":"Hi"}],"logprobs":"many"}"#,
            "Wrong type for logprobs. It should be an 32bit integer.",
        ),
        (
            Operation::Completion,
            r#"{"prompt":"p"}"#,
            "max_tokens is not present in payload.It is a required parameter for TogetherAI completions.",
        ),
    ];
    for (operation, text, words) in cases {
        let asked = send("togetherai", mlflow(operation, false, text), answer()).await;
        assert!(asked.request.is_none());
        let error = asked.outcome.unwrap_err();
        assert_eq!((error.message(), error.status()), (words, Some(422)));
    }
    // Elsewhere the limit may be left open.
    let open = call(Operation::Completion, false, native(r#"{"prompt":"p"}"#));
    assert!(send("togetherai", open, answer()).await.request.is_some());
}

#[tokio::test]
async fn togethers_numbers_of_log_probabilities_pass_as_mlflow_passes_them() {
    for (text, want) in [
        (r#""logprobs":true"#, json!(true)),
        (r#""logprobs":2"#, json!(2)),
        (r#""top_logprobs":3"#, json!(3)),
    ] {
        let text = format!(r#"{{"messages":[{{"role":"user","content":"Hi"}}],{text}}}"#);
        let asked = send(
            "togetherai",
            mlflow(Operation::Chat, false, &text),
            answer(),
        )
        .await;
        assert_eq!(asked.body()["logprobs"], want, "{text}");
        assert!(asked.body().get("top_logprobs").is_none());
    }
}

#[tokio::test]
async fn togethers_streams_go_by_the_configured_model_on_mlflows_urls() {
    let reply = || ScriptedReply::sse(completion_stream("Hi"));
    let text = r#"{"prompt":"p","max_tokens":5,"stream":true}"#;
    for (call, named) in [
        (mlflow(Operation::Completion, true, text), false),
        (
            call(Operation::Chat, true, super::canonical(super::chat("Hi"))),
            true,
        ),
    ] {
        let chat = call.operation == Operation::Chat;
        let reply = if chat {
            ScriptedReply::sse(stream("Hi"))
        } else {
            reply()
        };
        let asked = send("togetherai", call, reply).await;
        assert!(asked.body().get("stream_options").is_none());
        let ReplyBody::Stream(mut stream) = asked.outcome.unwrap().body else {
            panic!("not a stream");
        };
        let mut models = Vec::new();
        while let Some(item) = std::future::poll_fn(|cx| stream.as_mut().poll_next(cx)).await {
            if let FrameData::Events(events) = item.unwrap().data {
                for event in events {
                    if let StreamEvent::Start { model, .. } = event {
                        models.push(model);
                    }
                }
            }
        }
        assert!(
            models.iter().all(|model| model.is_some() == named),
            "{models:?}"
        );
        assert!(!models.is_empty());
    }
}
