//! Ranking, and the recorded answers of those who do it.

use gateway_dialect::rerank::Form;
use gateway_provider::{Payload, ReplyBody, Whole};
use gateway_schema::rerank::{RerankRequest, RerankResponse};
use gateway_schema::{ErrorKind, Operation, Origin, Request, Response};
use gateway_testkit::ScriptedReply;
use gateway_testkit::recordings::{Corpus, RecordedBody};
use serde_json::{Value, json};

use super::{Asked, ask_with, call, row, settings};

pub(super) fn payload() -> Payload {
    let request = RerankRequest::new("capital", vec!["Paris".into(), "Bread".into()]);
    Payload::from_request(Request::Rerank(Box::new(request)))
}

async fn rank(name: &str, request: RerankRequest, status: u16, answer: &Value) -> Asked {
    let row = row(name);
    let payload = Payload::from_request(Request::Rerank(Box::new(request)));
    let call = call(Operation::Rerank, false, payload);
    ask_with(
        row,
        settings(row),
        &json!({}),
        call,
        ScriptedReply::json(status, answer),
    )
    .await
}

fn response(asked: Asked) -> RerankResponse {
    match asked.outcome.unwrap().body {
        ReplyBody::Whole(Whole::Canonical(Response::Rerank(response))) => *response,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_request_is_written_in_the_vendors_words() {
    let mut request =
        RerankRequest::new("q", vec![json!("a"), json!({"text": "b"}), json!({"t": 1})]);
    request.top_n = Some(2);
    request.return_documents = Some(true);
    let empty = json!({"results": []});
    let asked = rank("jina", request.clone(), 200, &empty).await;
    assert_eq!(
        asked.body(),
        json!({"model": "vendor-model-1", "query": "q", "documents": ["a", "b", "{\"t\":1}"], "top_n": 2,
            "return_documents": true})
    );
    let asked = rank("voyage", request, 200, &empty).await;
    assert_eq!(asked.body()["top_k"], 2);
    assert!(asked.body().get("top_n").is_none());
}

#[tokio::test]
async fn answers_are_read_best_first_under_either_name() {
    for list in ["results", "data"] {
        let answer = json!({"id": "r", "model": "m", list: [
            {"index": 1, "relevance_score": 0.25}, {"index": 0, "relevance_score": 0.75, "document": {"text": "a"}}],
            "usage": {"total_tokens": 7}});
        let request = RerankRequest::new("q", vec![json!("a"), json!("b")]);
        let read = response(rank("openai-compatible", request, 200, &answer).await);
        let order: Vec<u32> = read.results.iter().map(|result| result.index).collect();
        assert_eq!(order, [0, 1]);
        assert_eq!(read.results[0].document, Some(json!({"text": "a"})));
        assert_eq!(read.usage.unwrap().input_tokens, Some(7));
        assert_eq!(read.id.as_deref(), Some("r"));
    }
}

#[tokio::test]
async fn what_cannot_be_read_is_the_providers_fault() {
    for answer in [
        json!({}),
        json!([1]),
        json!({"results": [{"index": 0}]}),
        json!({"results": [{"relevance_score": 1.0}]}),
        json!({"results": [7]}),
        json!({"error": {"message": "no reranker here"}}),
    ] {
        let request = RerankRequest::new("q", vec![json!("a")]);
        let error = rank("vllm", request, 200, &answer)
            .await
            .outcome
            .unwrap_err();
        assert_eq!(error.origin(), Origin::Upstream, "{answer}");
        assert_ne!(error.kind(), ErrorKind::Internal);
    }
    let request = RerankRequest::new("q", vec![json!("a")]);
    let told =
        json!({"error": {"code": 501, "message": "This server does not support reranking."}});
    let error = rank("llamacpp", request, 501, &told)
        .await
        .outcome
        .unwrap_err();
    assert!(error.message().contains("does not support reranking"));
}

#[tokio::test]
async fn recorded_answers_are_read() {
    let Some(corpus) = Corpus::open_or_say_skipped() else {
        return;
    };
    let mut read = 0;
    for (folder, name) in [
        ("voyage", "voyage"),
        ("openrouter", "openrouter"),
        ("llamacpp", "llamacpp"),
    ] {
        for exchange in corpus.exchanges(folder, "rerank") {
            let (RecordedBody::Json(asked), RecordedBody::Json(answer)) =
                (&exchange.request.body, &exchange.response.body)
            else {
                continue;
            };
            let mut request = RerankRequest::new(
                asked["query"].as_str().unwrap(),
                asked["documents"].as_array().unwrap().clone(),
            );
            let top = match row(name).preset.ranking {
                Form::TopK => "top_k",
                _ => "top_n",
            };
            request.top_n = asked[top]
                .as_u64()
                .map(|number| u32::try_from(number).unwrap());
            let outcome = rank(name, request, exchange.response.status, answer).await;
            let sent = outcome.body();
            assert_eq!(
                outcome.request().uri().path(),
                http_path(&exchange.request.url)
            );
            for member in ["query", "documents", top] {
                assert_eq!(sent.get(member), asked.get(member), "{}", exchange.name);
            }
            if exchange.response.status == 200 {
                let list = answer
                    .get("results")
                    .or_else(|| answer.get("data"))
                    .unwrap();
                let list = list.as_array().unwrap();
                let response = response(outcome);
                assert_eq!(response.results.len(), list.len());
                for (result, recorded) in response.results.iter().zip(list) {
                    assert_eq!(json!(result.index), recorded["index"]);
                    assert_eq!(json!(result.score), recorded["relevance_score"]);
                }
                assert!(response.usage.unwrap().input_tokens.is_some());
            } else {
                let error = outcome.outcome.unwrap_err();
                let words = answer["error"]["message"].as_str().unwrap();
                assert!(error.message().contains(words), "{}", error.message());
            }
            read += 1;
        }
    }
    assert!(read >= 4, "{read}");
}

fn http_path(url: &str) -> String {
    url.parse::<http::Uri>().unwrap().path().to_owned()
}
