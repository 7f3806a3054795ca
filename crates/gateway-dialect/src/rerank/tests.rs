//! Requests and replies in every form.

use gateway_schema::rerank::{RerankRequest, RerankResponse};
use gateway_schema::{Dialect, Losses, Operation, Origin, Request, Response};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{Form, RerankCodec, decode, encode};
use crate::{ClientCodec, ReplyInfo, RequestOptions};

fn request() -> RerankRequest {
    let mut request =
        RerankRequest::new("q", vec![json!("a"), json!({"text": "b"}), json!({"t": 1})]);
    request.top_n = Some(2);
    request
}

fn body(form: Form) -> (Value, usize) {
    let encoded = encode(&request(), &RequestOptions::new("m"), form);
    let body = serde_json::from_slice(&encoded.body).unwrap();
    (body, encoded.losses.len())
}

fn read(text: &str) -> RerankRequest {
    match RerankCodec
        .decode(Operation::Rerank, text.as_bytes())
        .unwrap()
        .value
    {
        Request::Rerank(request) => *request,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_request_is_written_in_every_form() {
    let documents = json!(["a", "b", "{\"t\":1}"]);
    for (form, expected) in [
        (
            Form::Common,
            json!({"model": "m", "query": "q", "documents": documents, "top_n": 2}),
        ),
        (
            Form::TopK,
            json!({"model": "m", "query": "q", "documents": documents, "top_k": 2}),
        ),
        (
            Form::Texts,
            json!({"model": "m", "query": "q", "texts": documents}),
        ),
        (
            Form::Passages,
            json!({"model": "m", "query": {"text": "q"}, "passages": [{"text": "a"}, {"text": "b"}, {"text": "{\"t\":1}"}]}),
        ),
    ] {
        assert_eq!(body(form), (expected, 1), "{form:?}");
    }
}

#[test]
fn an_answer_is_read_in_every_form_best_first_and_no_more_than_asked_for() {
    let mut request = request();
    request.return_documents = Some(true);
    for answer in [
        json!({"results": [{"index": 2, "relevance_score": 0.1}, {"index": 1, "relevance_score": 0.5}, {"index": 0, "relevance_score": 0.3}]}),
        json!({"object": "list", "data": [{"index": 2, "relevance_score": 0.1}, {"index": 1, "relevance_score": 0.5}, {"index": 0, "relevance_score": 0.3}]}),
        json!([{"index": 2, "score": 0.1}, {"index": 1, "score": 0.5, "text": "b"}, {"index": 0, "score": 0.3}]),
        json!({"rankings": [{"index": 2, "logit": -10.5}, {"index": 1, "logit": 3}, {"index": 0, "logit": 0.25}]}),
    ] {
        let read = decode(answer.to_string().as_bytes(), &request).unwrap();
        let order: Vec<u32> = read.results.iter().map(|result| result.index).collect();
        assert_eq!(order, [1, 0], "{answer}");
        assert!(read.results.iter().all(|result| result.document.is_some()));
        assert!(read.extra.is_empty());
    }
}

#[test]
fn what_is_no_answer_is_the_providers_fault() {
    for answer in [
        "",
        "7",
        "{}",
        r#"{"results":[{"index":0}]}"#,
        r#"{"results":[{"relevance_score":1}]}"#,
        "[7]",
        r#"{"error":{"message":"no ranker here"}}"#,
        r#"{"detail":"no ranker here"}"#,
    ] {
        let error = decode(answer.as_bytes(), &request()).unwrap_err();
        assert_eq!(error.origin(), Origin::Upstream, "{answer}");
        if answer.contains("ranker") {
            assert_eq!(error.message(), "no ranker here");
        }
    }
}

#[test]
fn a_client_may_say_either_number_and_gets_what_it_and_cohere_expect() {
    for text in [
        r#"{"model":"e","query":"q","documents":["a"],"top_n":3,"rank_fields":["x"]}"#,
        r#"{"model":"e","query":"q","documents":["a"],"top_k":3,"rank_fields":["x"]}"#,
    ] {
        let request = read(text);
        assert_eq!(request.top_n, Some(3));
        assert_eq!(request.extra.dialect(), Some(Dialect::RERANK));
        let sent = encode(&request, &RequestOptions::new("m"), Form::Common);
        assert!(sent.losses.is_empty());
        let sent: Value = serde_json::from_slice(&sent.body).unwrap();
        assert_eq!(sent["rank_fields"], json!(["x"]));
    }
    let faults = RerankCodec
        .decode(Operation::Rerank, br#"{"query":1,"documents":[[]]}"#)
        .unwrap_err();
    assert_eq!(faults.field_errors().len(), 3);
    let answer = json!({"id": "r", "model": "m", "results": [{"index": 0, "relevance_score": 0.5, "document": "a"}],
        "usage": {"prompt_tokens": 4, "total_tokens": 4}, "meta": {"billed_units": {"search_units": 1}}});
    let reply = decode(answer.to_string().as_bytes(), &request()).unwrap();
    let mut losses = Losses::new();
    let info = ReplyInfo::new("m", "p", "0", 1);
    let out = RerankCodec
        .encode(&Response::Rerank(Box::new(reply)), &info, &mut losses)
        .unwrap();
    let out: Value = serde_json::from_slice(&out).unwrap();
    assert_eq!(
        out,
        json!({"id": "r", "object": "list", "model": "m",
            "results": [{"index": 0, "relevance_score": 0.5, "document": {"text": "a"}}],
            "usage": {"prompt_tokens": 4, "total_tokens": 4}, "meta": {"billed_units": {"search_units": 1}}})
    );
    assert!(losses.is_empty());
    let other = Response::Rerank(Box::<RerankResponse>::default());
    assert!(RerankCodec.encode(&other, &info, &mut losses).is_ok());
    assert!(RerankCodec.decode(Operation::Chat, b"{}").is_err());
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..60), text in r#"[\[\]{}:,"a-z0-9]{0,40}"#) {
        for input in [bytes.as_slice(), text.as_bytes()] {
            let _ = decode(input, &request());
            let _ = RerankCodec.decode(Operation::Rerank, input);
        }
    }
}
