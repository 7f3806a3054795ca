//! Recorded traffic of the vendors, through their own rows: sent where it went, passed as it came.

use gateway_provider::{Lane, ReplyBody, Whole};
use gateway_schema::Operation;
use gateway_schema::stream::FrameData;
use gateway_testkit::ScriptedReply;
use gateway_testkit::recordings::{Corpus, Exchange, RecordedBody};
use serde_json::{Value, json};

use super::{MODEL, ask_with, call, native, row, settings};

/// Folders of the corpus, and rows.
const VENDORS: &[(&str, &str)] = &[
    ("mistral", "mistral"),
    ("together", "togetherai"),
    ("groq", "groq"),
    ("deepseek", "deepseek"),
    ("xai", "xai"),
    ("openrouter", "openrouter"),
    ("ollama", "ollama"),
    ("databricks", "databricks"),
    ("cerebras", "cerebras"),
    ("cloudflare", "cloudflare"),
    ("huggingface", "huggingface"),
    ("llamacpp", "llamacpp"),
    ("perplexity", "perplexity"),
    ("snowflake", "snowflake"),
    ("venice", "venice"),
    ("vercel_ai_gateway", "vercel"),
    ("voyage", "voyage"),
    ("writer", "writer"),
    ("zai", "zai"),
];

/// What of an address says which API it is: without accounts, and without the two halves of DeepSeek's name for it.
fn place(url: &str) -> String {
    let uri: http::Uri = url.parse().unwrap();
    let path = uri.path().replace("/ACCOUNT/", "/acc-1/");
    let path = path.trim_start_matches("/v1");
    let path = path.replace("/api/coding/paas/", "/api/paas/");
    let host = uri.host().unwrap();
    let shared = [
        "databricks",
        "snowflake",
        "llamacpp",
        "localhost",
        "workspace",
        "ollama",
        "together",
    ];
    if shared.iter().any(|word| host.contains(word)) || host.starts_with("acc-1") {
        return path;
    }
    format!("{host}{path}")
}

/// The exchanges of OpenAI's forms.
fn operation(exchange: &Exchange) -> Option<Operation> {
    let path = exchange.request.url.as_str();
    match exchange.operation.as_str() {
        "chat" if path.ends_with("/api/chat") => None,
        "chat" if path.contains("huggingface") && !path.contains(".co/v1/") => None,
        "chat" => Some(Operation::Chat),
        "completions" if path.contains("writer") => None,
        "completions" => Some(Operation::Completion),
        "embeddings" if path.ends_with("/api/embed") => None,
        "embeddings" => Some(Operation::Embedding),
        _ => None,
    }
}

fn scripted(exchange: &Exchange) -> (ScriptedReply, Vec<u8>) {
    let kind = exchange
        .response
        .headers
        .get("content-type")
        .map_or("application/json", String::as_str);
    let body = match &exchange.response.body {
        RecordedBody::Json(value) => value.to_string().into_bytes(),
        RecordedBody::Text(text) => text.clone().into_bytes(),
        RecordedBody::Binary(bytes) => bytes.to_vec(),
        RecordedBody::None => Vec::new(),
    };
    let reply = ScriptedReply::new(exchange.response.status, kind, body.clone());
    (reply, body)
}

async fn passes(name: &str, exchange: &Exchange, asked: &Value, operation: Operation) {
    let row = row(name);
    let (reply, sent_back) = scripted(exchange);
    let call = call(operation, exchange.stream, native(&asked.to_string()));
    let outcome = ask_with(row, settings(row), &json!({}), call, reply).await;
    let request = outcome.request();
    assert_eq!(
        place(&request.uri().to_string()),
        place(&exchange.request.url),
        "{}",
        exchange.name
    );
    let mut want = asked.clone();
    want["model"] = MODEL.into();
    let mut body = outcome.body();
    let asks_itself = want.get("stream_options").is_none();
    if asks_itself && let Some(body) = body.as_object_mut() {
        body.remove("stream_options");
    }
    assert_eq!(body, want, "{}", exchange.name);
    if exchange.response.status >= 400 {
        let error = outcome.outcome.unwrap_err();
        let failure = error.upstream_failure().unwrap();
        assert_eq!(failure.status, Some(exchange.response.status));
        return;
    }
    let Ok(reply) = outcome.outcome else {
        // An error inside a good status: told as one.
        assert!(
            String::from_utf8_lossy(&sent_back).contains("error"),
            "{}",
            exchange.name
        );
        return;
    };
    assert_eq!(reply.lane, Lane::Same);
    match reply.body {
        ReplyBody::Whole(Whole::Raw { body, .. }) => assert_eq!(body, sent_back),
        ReplyBody::Stream(mut stream) => {
            let mut joined = Vec::new();
            while let Some(item) = std::future::poll_fn(|cx| stream.as_mut().poll_next(cx)).await {
                let Ok(frame) = item else { break };
                if let FrameData::Raw(bytes) = frame.data {
                    joined.extend_from_slice(&bytes);
                }
            }
            // Usage that the gateway alone asked for is taken out; an end that never came is put in.
            if !asks_itself {
                let joined = String::from_utf8_lossy(&joined).into_owned();
                let sent_back = String::from_utf8_lossy(&sent_back).into_owned();
                let added = joined.strip_prefix(&sent_back);
                let faithful = matches!(added, Some("" | "data: [DONE]\n\n"));
                assert!(faithful, "{}: {added:?}", exchange.name);
            }
        }
        ReplyBody::Whole(other) => panic!("{}: {other:?}", exchange.name),
    }
}

#[tokio::test]
async fn recorded_traffic_goes_where_it_went_and_comes_back_as_it_came() {
    let Some(corpus) = Corpus::open_or_say_skipped() else {
        return;
    };
    let mut passed = 0;
    for (folder, name) in VENDORS {
        for exchange in corpus.all_of(folder) {
            let Some(operation) = operation(&exchange) else {
                continue;
            };
            let RecordedBody::Json(asked) = &exchange.request.body else {
                continue;
            };
            if exchange.response.status == 0 || !asked.is_object() {
                continue;
            }
            passes(name, &exchange, asked, operation).await;
            passed += 1;
        }
    }
    assert!(passed > 80, "{passed}");
}
