//! Gemini's URLs.

use bytes::Bytes;
use gateway_provider::{ReplyBody, StreamForm, Whole};
use gateway_schema::chat::{ChatResponse, Choice, Finish, FinishReason, Part};
use gateway_schema::embedding::{Embedding, EmbeddingResponse, Vector};
use gateway_schema::{CallError, Dialect, ErrorKind, Operation, Response, Usage};
use http::{Request, StatusCode};
use serde_json::{Value, json};

use crate::harness::{Script, get, last_raw, post, raw, reply, send, stream_of};

/// What either method for vectors takes.
const TO_EMBED: &str = r#"{"content":{"parts":[{"text":"Hi"}]},"requests":[]}"#;
const BODY: &str = r#"{"contents":[{"role":"user","parts":[{"text":"Hi"}]}]}"#;

fn answer() -> Response {
    let mut choice = Choice::default();
    choice.parts = vec![Part::text("Hello")];
    choice.finish = Some(Finish::new(FinishReason::Stop));
    let mut chat = ChatResponse::default();
    chat.choices = vec![choice];
    chat.usage = Some(Usage::new(3, 4));
    Response::Chat(Box::new(chat))
}

fn answering(response: Response) -> Script {
    let whole = ReplyBody::Whole(Whole::Canonical(response));
    Script::answering(Ok(reply(Dialect::OPENAI, whole)))
}

#[tokio::test]
async fn every_url_asks_the_endpoint_in_its_path() {
    for base in [
        "/v1beta",
        "/v1",
        "/gateway/gemini/v1beta",
        "/gateway/gemini/v1",
    ] {
        for (verb, operation, stream, form) in [
            (
                "chat:generateContent",
                Operation::Chat,
                false,
                StreamForm::Events,
            ),
            (
                "chat:streamGenerateContent?alt=sse",
                Operation::Chat,
                true,
                StreamForm::Events,
            ),
            (
                "chat:streamGenerateContent",
                Operation::Chat,
                true,
                StreamForm::JsonArray,
            ),
            (
                "split:countTokens",
                Operation::CountTokens,
                false,
                StreamForm::Events,
            ),
            (
                "embed:embedContent",
                Operation::Embedding,
                false,
                StreamForm::Events,
            ),
            (
                "embed:batchEmbedContents",
                Operation::Embedding,
                false,
                StreamForm::Events,
            ),
        ] {
            let script = Script::default();
            let body = if operation == Operation::Embedding {
                TO_EMBED
            } else {
                BODY
            };
            let got = send(&script, post(&format!("{base}/models/{verb}"), body)).await;
            assert_eq!(got.status, StatusCode::OK, "{base} {verb}: {}", got.text());
            let call = script.call();
            assert_eq!(call.operation, operation, "{verb}");
            assert_eq!(call.stream, stream, "{verb}");
            assert_eq!(call.context.stream_form, form, "{verb}");
            assert_eq!(call.context.surface, "gemini");
            assert_eq!(call.payload.dialect(), Some(Dialect::GEMINI));
        }
    }
}

#[tokio::test]
async fn a_key_is_taken_from_the_header_or_the_query() {
    let path = "/v1beta/models/chat:generateContent";
    let with_header = Request::post(path)
        .header("content-type", "application/json")
        .header("x-goog-api-key", "k%1")
        .body(Bytes::from_static(BODY.as_bytes()))
        .unwrap();
    for (request, header, value) in [
        (with_header, "x-goog-api-key", "k%1"),
        (
            post(&format!("{path}?alt=sse&key=k%2B2"), BODY),
            "key",
            "k+2",
        ),
    ] {
        let script = Script::default();
        send(&script, request).await;
        let call = script.call();
        let presented = call.context.presented.as_ref().unwrap();
        assert_eq!(presented.header, header);
        assert_eq!(presented.value.expose(), value);
        assert!(!call.context.headers.contains_key("x-goog-api-key"));
    }
}

#[tokio::test]
async fn an_answer_is_written_whole_as_events_and_as_an_array() {
    let whole = send(
        &answering(answer()),
        post("/v1beta/models/chat:generateContent", BODY),
    )
    .await;
    let text = |value: &Value| value["candidates"][0]["content"]["parts"][0]["text"].clone();
    assert_eq!(text(&whole.json()), "Hello");
    assert_eq!(whole.json()["usageMetadata"]["totalTokenCount"], 7);

    let path = "/v1beta/models/chat:streamGenerateContent";
    let events = send(&answering(answer()), post(&format!("{path}?alt=sse"), BODY)).await;
    assert_eq!(events.header("content-type"), "text/event-stream");
    assert!(events.text().starts_with("data: {"), "{}", events.text());
    assert!(events.text().contains("\"finishReason\":\"STOP\""));

    let array = send(&answering(answer()), post(path, BODY)).await;
    assert_eq!(
        array.header("content-type"),
        "application/json; charset=UTF-8"
    );
    let pieces = array.json();
    assert_eq!(text(&pieces[0]), "Hello");
    assert_eq!(
        pieces.as_array().unwrap().last().unwrap()["candidates"][0]["finishReason"],
        "STOP"
    );
}

#[tokio::test]
async fn bytes_of_the_same_dialect_pass_untouched() {
    let frames = vec![raw("[{\"a\": 1}\n,\r\n"), last_raw("{\"b\":[ ]}]\n")];
    let script = Script::answering(Ok(stream_of(Dialect::GEMINI, frames)));
    let got = send(
        &script,
        post("/v1beta/models/chat:streamGenerateContent", BODY),
    )
    .await;
    assert_eq!(got.text(), "[{\"a\": 1}\n,\r\n{\"b\":[ ]}]\n");
}

#[tokio::test]
async fn vectors_have_the_shape_of_the_method() {
    let vectors = || {
        let mut response = EmbeddingResponse::default();
        let vector = Vector::Floats(vec![0.5]);
        response.embeddings = vec![Embedding { index: 0, vector }];
        Response::Embedding(Box::new(response))
    };
    for (verb, want) in [
        ("embedContent", json!({"embedding": {"values": [0.5]}})),
        (
            "batchEmbedContents",
            json!({"embeddings": [{"values": [0.5]}]}),
        ),
    ] {
        let path = format!("/v1beta/models/embed:{verb}");
        let got = send(&answering(vectors()), post(&path, TO_EMBED)).await;
        assert_eq!(got.json(), want);
    }
}

#[tokio::test]
async fn errors_have_googles_shape() {
    let limited = CallError::upstream(ErrorKind::RateLimited, "slow down");
    let cases = [
        (
            "/v1beta/models/nobody:generateContent",
            None,
            404,
            "NOT_FOUND",
        ),
        ("/v1beta/models/chat:explode", None, 404, "NOT_FOUND"),
        ("/v1beta/models/chat", None, 404, "NOT_FOUND"),
        (
            "/v1beta/models/embed:generateContent",
            None,
            400,
            "INVALID_ARGUMENT",
        ),
        (
            "/v1beta/models/chat:streamGenerateContent?alt=xml",
            None,
            400,
            "INVALID_ARGUMENT",
        ),
        (
            "/v1beta/models/chat:generateContent",
            Some(limited),
            429,
            "RESOURCE_EXHAUSTED",
        ),
    ];
    for (path, error, status, word) in cases {
        let script = match error {
            Some(error) => Script::answering(Err(error)),
            None => Script::default(),
        };
        let got = send(&script, post(path, BODY)).await;
        assert_eq!(got.status.as_u16(), status, "{path}: {}", got.text());
        let body = got.json();
        assert_eq!(body["error"]["code"], status);
        assert_eq!(body["error"]["status"], word, "{path}");
        assert!(body["error"]["message"].is_string());
    }
}

#[tokio::test]
async fn a_stream_that_breaks_ends_with_an_error_in_its_own_framing() {
    let broken = || {
        let events = vec![gateway_schema::chat::StreamEvent::Text {
            choice: 0,
            text: "Hel".to_owned(),
        }];
        let error = CallError::upstream(ErrorKind::Upstream, "broke");
        let frames = vec![
            Ok(gateway_schema::stream::Frame::events(events)),
            Err(error),
        ];
        Script::answering(Ok(stream_of(Dialect::OPENAI, frames)))
    };
    let path = "/v1beta/models/chat:streamGenerateContent";
    let array = send(&broken(), post(path, BODY)).await.json();
    assert!(array[1]["error"]["message"].is_string(), "{array}");
    let events = send(&broken(), post(&format!("{path}?alt=sse"), BODY)).await;
    assert!(
        events.text().contains("data: {\"error\":"),
        "{}",
        events.text()
    );
}

#[tokio::test]
async fn models_are_listed_page_by_page() {
    let all = send(&Script::default(), get("/v1beta/models")).await.json();
    let names: Vec<&str> = all["models"]
        .as_array()
        .unwrap()
        .iter()
        .map(|model| model["name"].as_str().unwrap())
        .collect();
    assert_eq!(names.first(), Some(&"models/careful"));
    assert_eq!(all.get("nextPageToken"), None);
    let first = send(&Script::default(), get("/v1beta/models?pageSize=2"))
        .await
        .json();
    assert_eq!(first["models"].as_array().unwrap().len(), 2);
    let next = first["nextPageToken"].as_str().unwrap();
    let path = format!("/v1beta/models?pageSize=2&pageToken={next}");
    let second = send(&Script::default(), get(&path)).await.json();
    assert_eq!(second["models"][0]["name"], names[2]);
    let one = send(&Script::default(), get("/v1beta/models/embed"))
        .await
        .json();
    assert_eq!(
        one["supportedGenerationMethods"],
        json!(["embedContent", "batchEmbedContents"])
    );
    // Below /v1 the header tells Google's clients from OpenAI's.
    let request = Request::get("/v1/models")
        .header("x-goog-api-key", "k")
        .body(Bytes::new())
        .unwrap();
    assert!(send(&Script::default(), request).await.json()["models"].is_array());
    assert!(send(&Script::default(), get("/v1/models")).await.json()["data"].is_array());
}
