//! Vectors, both ways.

use gateway_schema::embedding::{
    Embedding, EmbeddingInput, EmbeddingRequest, EmbeddingResponse, EmbeddingTask, Vector,
};
use gateway_schema::{Losses, Operation, Request, Response};
use serde_json::json;

use super::super::{GeminiCodec, decode_embedding, encode_embedding, encode_predict};
use super::{corpus, info, json};
use crate::{ClientCodec, RequestOptions};

fn decode(body: &serde_json::Value) -> EmbeddingRequest {
    let decoded = GeminiCodec::BATCH
        .decode(Operation::Embedding, body.to_string().as_bytes())
        .unwrap();
    match decoded.value {
        Request::Embedding(request) => *request,
        other => panic!("not for vectors: {other:?}"),
    }
}

#[test]
fn both_methods_are_read_and_written_again() {
    for body in [
        json!({"content": {"parts": [{"text": "a"}]}, "taskType": "RETRIEVAL_QUERY", "outputDimensionality": 8}),
        json!({"requests": [
            {"model": "models/m", "content": {"parts": [{"text": "a"}]}, "taskType": "CODE_RETRIEVAL_QUERY"},
            {"model": "models/m", "content": {"parts": [{"text": "b"}]}, "taskType": "CODE_RETRIEVAL_QUERY"}]}),
    ] {
        let request = decode(&body);
        let written = encode_embedding(&request, &RequestOptions::new("m")).unwrap();
        assert!(written.encoded.losses.is_empty());
        assert_eq!(written.batch, body.get("requests").is_some());
        assert_eq!(json(&written.encoded.body), body);
    }
}

#[test]
fn vertex_is_asked_by_predict() {
    let mut request = EmbeddingRequest::new(EmbeddingInput::Text("a".to_owned()));
    request.task = Some(EmbeddingTask::Document);
    request.dimensions = Some(8);
    let written = encode_predict(&request).unwrap();
    assert_eq!(
        json(&written.body),
        json!({"instances": [{"content": "a", "task_type": "RETRIEVAL_DOCUMENT"}],
            "parameters": {"outputDimensionality": 8}})
    );
    let tokens = EmbeddingRequest::new(EmbeddingInput::Tokens(vec![1]));
    assert!(encode_predict(&tokens).is_err());
}

#[test]
fn vectors_of_any_encoding_reach_clients_of_either_method() {
    let mut response = EmbeddingResponse::default();
    for (index, vector) in [
        Vector::Floats(vec![0.5]),
        Vector::Base64("AACAPg==".to_owned()),
    ]
    .into_iter()
    .enumerate()
    {
        let index = u32::try_from(index).unwrap();
        response.embeddings.push(Embedding { index, vector });
    }
    let response = Response::Embedding(Box::new(response));
    let mut losses = Losses::new();
    let batch = GeminiCodec::BATCH
        .encode(&response, &info(), &mut losses)
        .unwrap();
    assert_eq!(
        json(&batch),
        json!({"embeddings": [{"values": [0.5]}, {"values": [0.25]}]})
    );
    let one = GeminiCodec::EVENTS
        .encode(&response, &info(), &mut losses)
        .unwrap();
    assert_eq!(json(&one), json!({"embedding": {"values": [0.5]}}));
    assert!(losses.is_empty());
}

#[test]
fn usage_of_vectors_is_read_as_recorded() {
    for x in corpus() {
        if x.is("embeddings") && x.reply().get("usageMetadata").is_some() {
            let usage = decode_embedding(&x.bytes()).unwrap().usage.unwrap();
            assert!(
                usage.input_tokens.is_some_and(|count| count > 0),
                "{}",
                x.name
            );
        }
    }
}
