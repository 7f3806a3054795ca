//! The corpus, as questions and answers that can be asked again.

use bytes::Bytes;
use gateway_testkit::ScriptedReply;
use gateway_testkit::recordings::{Corpus, Exchange, RecordedBody};
use serde_json::Value;

use crate::family::Family;
use crate::judge::{self, Reading};

/// A recorded answer with a good status, and what it says.
#[derive(Debug)]
pub struct Recorded {
    /// Folder and file.
    pub name: String,
    /// Who reads it in the gateway.
    pub family: Family,
    /// The recorded model, for families whose reading follows the model.
    pub model: Option<String>,
    /// Whether it is a stream.
    pub stream: bool,
    /// The bytes.
    pub body: Bytes,
    /// Their kind.
    pub content_type: String,
    /// What it says, read without the gateway's types.
    pub says: Reading,
}

impl Recorded {
    /// The answer, as a transport would deliver it.
    pub fn reply(&self) -> ScriptedReply {
        ScriptedReply::new(200, &self.content_type, self.body.clone())
    }
}

fn exchanges() -> Vec<Exchange> {
    let Some(corpus) = Corpus::open_or_say_skipped() else {
        return Vec::new();
    };
    let providers = corpus.providers();
    providers
        .iter()
        .flat_map(|name| corpus.all_of(name))
        .collect()
}

/// Whether an exchange is in the form that the rows of its operation have: vendors' other forms of chat are not.
fn has_its_form(exchange: &Exchange) -> bool {
    let path = exchange.request.url.split('?').next().unwrap_or_default();
    match (exchange.operation.as_str(), exchange.provider.as_str()) {
        ("chat", "cohere") => path.ends_with("/v2/chat"),
        ("chat", _) => path.ends_with("/chat/completions"),
        _ => true,
    }
}

fn reader(exchange: &Exchange, stream: bool) -> Option<fn(&Exchange) -> Reading> {
    fn json(exchange: &Exchange) -> Value {
        exchange
            .response
            .body
            .json()
            .cloned()
            .unwrap_or(Value::Null)
    }
    Some(match (exchange.operation.as_str(), stream) {
        ("chat", true) if exchange.provider == "cohere" => {
            |it| judge::cohere_stream(&it.response.body.bytes())
        }
        ("chat", false) if exchange.provider == "cohere" => |it| judge::cohere(&json(it)),
        ("chat", true) => |it| judge::openai_stream(&it.response.body.bytes()),
        ("chat", false) => |it| judge::openai(&json(it)),
        ("messages", true) => |it| judge::anthropic_stream(&it.response.body.bytes()),
        ("messages", false) => |it| judge::anthropic(&json(it)),
        ("generate_content", true) => |it| judge::gemini_stream(&it.response.body.bytes()),
        ("generate_content", false) => |it| judge::gemini(&json(it)),
        ("converse_stream", _) => |it| judge::bedrock_stream(&it.response.body.bytes()),
        ("converse", _) => |it| judge::bedrock(&json(it)),
        _ => return None,
    })
}

fn answer(exchange: &Exchange) -> Option<Recorded> {
    if exchange.response.status != 200 || !has_its_form(exchange) {
        return None;
    }
    let family = Family::of_recorded(&exchange.provider, &exchange.operation)?;
    let stream = !matches!(exchange.response.body, RecordedBody::Json(_));
    let says = reader(exchange, stream)?(exchange);
    let fallback = if stream {
        "text/event-stream"
    } else {
        "application/json"
    };
    let content_type = exchange.response.headers.get("content-type");
    Some(Recorded {
        name: format!("{}/{}", exchange.provider, exchange.name),
        family,
        model: exchange.model.clone(),
        stream,
        body: exchange.response.body.bytes(),
        content_type: content_type.map_or(fallback, String::as_str).to_owned(),
        says,
    })
}

/// Every recorded answer to a chat turn; empty, with a message, where the corpus is absent.
pub fn recorded_replies() -> Vec<Recorded> {
    exchanges().iter().filter_map(answer).collect()
}

/// Every recorded chat turn that a provider took: file, surface, whether a stream was asked for, and body.
pub fn recorded_requests() -> Vec<(String, &'static str, bool, Value)> {
    let surface = |exchange: &Exchange| {
        let name = match (exchange.operation.as_str(), exchange.provider.as_str()) {
            ("chat", "cohere") | ("messages", "vertex") => return None,
            ("chat", _) => "openai",
            ("messages", _) => "anthropic",
            ("generate_content", _) => "gemini",
            ("converse" | "converse_stream", _) => "bedrock",
            ("responses", _) => "openai-responses",
            _ => return None,
        };
        Some(name)
    };
    exchanges()
        .iter()
        .filter(|exchange| exchange.response.status == 200 && has_its_form(exchange))
        .filter_map(|exchange| {
            let body = exchange.request.body.json().filter(|it| it.is_object())?;
            let name = format!("{}/{}", exchange.provider, exchange.name);
            Some((name, surface(exchange)?, exchange.stream, body.clone()))
        })
        .collect()
}
