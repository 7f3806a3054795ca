//! Requests for vectors, rankings and completions, in every shape that callers can give them.

use gateway_schema::chat::Sampling;
use gateway_schema::completion::{CompletionRequest, Prompt};
use gateway_schema::embedding::{
    EmbeddingEncoding, EmbeddingInput, EmbeddingRequest, EmbeddingTask,
};
use gateway_schema::rerank::RerankRequest;
use gateway_schema::{Operation, Request};
use serde_json::json;

/// Families with models for vectors and for rankings; an empty name where there is none.
pub(crate) const MODELS: &[(&str, &str, &str)] = &[
    ("openai", "text-embedding-3-large", ""),
    ("azure", "text-embedding-3-large", ""),
    ("cohere", "embed-v4.0", "rerank-v3.5"),
    ("mistral", "mistral-embed", ""),
    ("gemini", "gemini-embedding-001", ""),
];

type Change = fn(&mut Sampling);

/// Completions, each with what it asks for.
const COMPLETIONS: [(&str, Change); 4] = [
    ("text", |_| {}),
    ("sampling", |it| {
        it.max_tokens = Some(9);
        it.temperature = Some(0.5);
        it.top_p = Some(0.9);
        it.seed = Some(7);
    }),
    ("stop", |it| it.stop = vec!["x".to_owned()]),
    ("n", |it| it.n = Some(2)),
];

/// Each with a name.
pub(crate) fn requests() -> Vec<(String, Operation, Request)> {
    let text = || EmbeddingInput::Text("Hi".to_owned());
    let texts = || EmbeddingInput::Texts(vec!["Hi".to_owned(), "Ho".to_owned()]);
    let mut all = Vec::new();
    let mut vectors = |name: &str, input, change: &dyn Fn(&mut EmbeddingRequest)| {
        let mut request = EmbeddingRequest::new(input);
        change(&mut request);
        all.push((
            format!("vectors/{name}"),
            Operation::Embedding,
            Request::Embedding(Box::new(request)),
        ));
    };
    vectors("text", text(), &|_| {});
    vectors("texts", texts(), &|_| {});
    vectors("dimensions", texts(), &|it| it.dimensions = Some(256));
    vectors("user", text(), &|it| it.user = Some("ann".to_owned()));
    vectors("float", text(), &|it| {
        it.encoding = Some(EmbeddingEncoding::Float);
    });
    vectors("base64", text(), &|it| {
        it.encoding = Some(EmbeddingEncoding::Base64);
    });
    for (name, task) in [
        ("query", EmbeddingTask::Query),
        ("document", EmbeddingTask::Document),
        ("classification", EmbeddingTask::Classification),
        ("clustering", EmbeddingTask::Clustering),
        ("similarity", EmbeddingTask::Similarity),
    ] {
        vectors(name, texts(), &|it| it.task = Some(task.clone()));
    }
    for (name, change) in COMPLETIONS {
        let mut request = CompletionRequest::new(Prompt::Text("Once".to_owned()));
        change(&mut request.sampling);
        all.push((
            format!("completions/{name}"),
            Operation::Completion,
            Request::Completion(Box::new(request)),
        ));
    }
    let mut ranking = |name: &str, documents, change: &dyn Fn(&mut RerankRequest)| {
        let mut request = RerankRequest::new("Which?", documents);
        change(&mut request);
        all.push((
            format!("rankings/{name}"),
            Operation::Rerank,
            Request::Rerank(Box::new(request)),
        ));
    };
    let plain = || vec![json!("one"), json!("two")];
    ranking("texts", plain(), &|_| {});
    ranking("objects", vec![json!({"text": "one"})], &|_| {});
    ranking("top_n", plain(), &|it| it.top_n = Some(1));
    ranking("return_documents", plain(), &|it| {
        it.return_documents = Some(true);
    });
    all
}
