//! Cohere's URLs, and those for ranks in the common form.

use gateway_provider::{ReplyBody, Whole};
use gateway_schema::chat::{Finish, FinishReason, StreamEvent};
use gateway_schema::embedding::{Embedding, EmbeddingResponse, Vector};
use gateway_schema::rerank::{RerankResponse, RerankResult};
use gateway_schema::stream::Frame;
use gateway_schema::{CallError, Dialect, ErrorKind, Operation, Response, UpstreamFailure, Usage};
use serde_json::{Value, json};

use crate::harness::{Script, get, last_raw, post, raw, raw_json, reply, send, stream_of};

const CHAT: &str = r#"{"model":"chat","messages":[{"role":"user","content":"Hi"}]}"#;
const STREAM: &str =
    r#"{"model":"chat","stream":true,"messages":[{"role":"user","content":"Hi"}]}"#;
const RANK: &str = r#"{"model":"rank","query":"q","documents":["a","b"],"top_n":1}"#;

fn canonical(response: Response) -> Script {
    let whole = ReplyBody::Whole(Whole::Canonical(response));
    Script::answering(Ok(reply(Dialect::OPENAI, whole)))
}

fn ranks() -> Response {
    let mut response = RerankResponse::default();
    response.results = vec![RerankResult {
        index: 1,
        score: 0.5,
        document: Some("b".into()),
    }];
    let mut usage = Usage::default();
    usage.input_tokens = Some(4);
    usage.search_units = Some(1);
    response.usage = Some(usage);
    Response::Rerank(Box::new(response))
}

#[tokio::test]
async fn every_url_asks_the_endpoint_that_the_body_names() {
    let reply = r#"{"id":"1","anything":"untouched"}"#;
    for base in ["", "/cohere", "/gateway/cohere"] {
        for (path, body, operation) in [
            ("/v2/chat", CHAT, Operation::Chat),
            (
                "/v2/embed",
                r#"{"model":"embed","texts":["a"]}"#,
                Operation::Embedding,
            ),
            ("/v2/rerank", RANK, Operation::Rerank),
        ] {
            let script = Script::answering(Ok(raw_json(Dialect::COHERE, reply)));
            let got = send(&script, post(&format!("{base}{path}"), body)).await;
            assert_eq!(
                (got.status.as_u16(), got.text()),
                (200, reply),
                "{base}{path}"
            );
            let call = script.call();
            assert_eq!((call.operation, call.stream), (operation, false));
            assert_eq!(call.context.surface, "cohere");
            assert!(call.payload.native(Dialect::COHERE).is_some());
        }
    }
}

#[tokio::test]
async fn streams_pass_as_they_are_or_are_written_in_coheres_events() {
    let script = Script::answering(Ok(stream_of(
        Dialect::COHERE,
        vec![
            raw("event: message-end\ndata: {}\n\n"),
            last_raw("data: [DONE]\n\n"),
        ],
    )));
    let got = send(&script, post("/v2/chat", STREAM)).await;
    assert!(script.call().stream);
    assert_eq!(
        got.text(),
        "event: message-end\ndata: {}\n\ndata: [DONE]\n\n"
    );
    let text = StreamEvent::Text {
        choice: 0,
        text: "Hello".to_owned(),
    };
    let finish = Finish::new(FinishReason::Length);
    let end = vec![StreamEvent::Finish { choice: 0, finish }, StreamEvent::End];
    let items = vec![Ok(Frame::events(vec![text])), Ok(Frame::events(end))];
    let script = Script::answering(Ok(stream_of(Dialect::OPENAI, items)));
    let got = send(&script, post("/v2/chat", STREAM)).await;
    assert!(got.header("content-type").starts_with("text/event-stream"));
    let kinds: Vec<&str> = got
        .text()
        .lines()
        .filter_map(|line| line.strip_prefix("event: "))
        .collect();
    assert_eq!(
        kinds,
        [
            "message-start",
            "content-start",
            "content-delta",
            "content-end",
            "message-end"
        ]
    );
    assert!(got.text().ends_with("data: [DONE]\n\n"));
    assert!(got.text().contains(r#""finish_reason":"MAX_TOKENS""#));
}

#[tokio::test]
async fn a_stream_that_breaks_ends_in_coheres_error() {
    for (dialect, first) in [
        (Dialect::COHERE, raw("event: content-delta\ndata: {\"half")),
        (Dialect::OPENAI, Ok(Frame::events(vec![StreamEvent::Ping]))),
    ] {
        let error = CallError::upstream(ErrorKind::Upstream, "It broke.");
        let script = Script::answering(Ok(stream_of(dialect, vec![first, Err(error)])));
        let got = send(&script, post("/v2/chat", STREAM)).await;
        let last = got
            .text()
            .split("\n\n")
            .find(|event| event.starts_with("event: message-end"))
            .unwrap();
        let data: Value = serde_json::from_str(last.split_once("data: ").unwrap().1).unwrap();
        assert_eq!(data["delta"]["finish_reason"], "ERROR");
        assert_eq!(data["delta"]["error"], "Provider openai: It broke.");
    }
}

#[tokio::test]
async fn ranks_and_vectors_are_written_in_the_form_of_their_url() {
    let got = send(&canonical(ranks()), post("/v2/rerank", RANK)).await;
    let result = json!({"index": 1, "relevance_score": 0.5, "document": {"text": "b"}});
    assert_eq!(got.json()["results"], json!([result]));
    assert_eq!(
        got.json()["meta"],
        json!({"api_version": {"version": "2"}, "billed_units": {"input_tokens": 4, "search_units": 1}})
    );
    for path in [
        "/rerank",
        "/v1/rerank",
        "/openai/v1/rerank",
        "/gateway/openai/v1/rerank",
        "/cohere/v1/rerank",
        "/gateway/cohere/v1/rerank",
    ] {
        let script = canonical(ranks());
        let got = send(&script, post(path, RANK)).await;
        assert_eq!(got.status.as_u16(), 200, "{path}");
        let body = got.json();
        assert_eq!(body["results"], json!([result]));
        assert_eq!(
            body["usage"],
            json!({"prompt_tokens": 4, "total_tokens": 4})
        );
        assert_eq!(body["meta"]["billed_units"]["search_units"], 1);
        let call = script.call();
        assert_eq!(
            (call.operation, call.context.surface),
            (Operation::Rerank, "rerank")
        );
    }
    let mut vectors = EmbeddingResponse::default();
    vectors.embeddings = vec![Embedding {
        index: 0,
        vector: Vector::Floats(vec![0.5]),
    }];
    let script = canonical(Response::Embedding(Box::new(vectors)));
    let body = r#"{"model":"embed","texts":["a"],"input_type":"search_document"}"#;
    let got = send(&script, post("/v2/embed", body)).await;
    assert_eq!(got.json()["embeddings"], json!({"float": [[0.5]]}));
}

#[tokio::test]
async fn errors_are_worded_as_the_url_has_it() {
    // The endpoint does something else.
    let body = RANK.replace("rank", "chat");
    let got = send(&Script::default(), post("/v2/rerank", body.clone())).await;
    assert_eq!(got.status.as_u16(), 400);
    let message = "Endpoint 'chat' is not a rerank endpoint; it is a chat endpoint.";
    assert_eq!(got.json()["message"], message);
    let got = send(&Script::default(), post("/v1/rerank", body)).await;
    assert_eq!(got.status.as_u16(), 400);
    assert_eq!(got.json()["error"]["message"], message);
    let got = send(
        &Script::default(),
        post("/v2/chat", r#"{"model":"nobody","messages":[]}"#),
    )
    .await;
    assert_eq!(got.status.as_u16(), 404);
    assert!(got.json()["message"].as_str().unwrap().contains("nobody"));
    // What nobody knows below Cohere's URLs.
    let got = send(&Script::default(), post("/v2/classify", "{}")).await;
    assert_eq!(got.status.as_u16(), 404);
    assert!(got.json()["message"].is_string());
    let got = send(&Script::default(), post("/nowhere", "{}")).await;
    assert!(got.json()["detail"].is_string(), "{}", got.text());
    // The provider's own words.
    let mut failure = UpstreamFailure::default();
    failure.status = Some(429);
    failure.dialect = Some(Dialect::COHERE);
    failure.body = br#"{"id":"x","message":"Slow down."}"#.to_vec();
    let error = CallError::upstream(ErrorKind::RateLimited, "Slow down.").with_upstream(failure);
    let got = send(&Script::answering(Err(error)), post("/v2/chat", CHAT)).await;
    assert_eq!(
        (got.status.as_u16(), got.text()),
        (429, r#"{"id":"x","message":"Slow down."}"#)
    );
}

#[tokio::test]
async fn models_are_listed_as_coheres_client_reads_them() {
    for base in ["/cohere", "/gateway/cohere"] {
        let got = send(&Script::default(), get(&format!("{base}/v1/models"))).await;
        let body = got.json();
        let names: Vec<&str> = body["models"]
            .as_array()
            .unwrap()
            .iter()
            .map(|model| model["name"].as_str().unwrap())
            .collect();
        assert_eq!(names, ["careful", "chat", "complete", "embed", "split"]);
        let path = format!("{base}/v1/models?endpoint=embed");
        let got = send(&Script::default(), get(&path)).await;
        assert_eq!(
            got.json()["models"],
            json!([{"name": "embed", "is_deprecated": false, "endpoints": ["embed"], "finetuned": false}])
        );
        let got = send(&Script::default(), get(&format!("{base}/v1/models/chat"))).await;
        assert_eq!(got.json()["name"], "chat");
    }
}
