//! A reply of the API, or one piece of a streamed one: they are the same.

use gateway_schema::chat::{Citation, Content, Part, RemoteError};
use gateway_schema::{Dialect, Usage};
use serde_json::{Map, Value};

use super::super::names::camel;
use super::super::part::{Calls, parts};
use super::super::{error, finish, usage};
use crate::node::{Fields, Node, Reader};

/// What a reply says.
#[derive(Debug, Default)]
pub(in super::super) struct ReplyIn {
    pub(in super::super) id: Option<String>,
    pub(in super::super) model: Option<String>,
    pub(in super::super) candidates: Vec<Candidate>,
    pub(in super::super) usage: Option<Usage>,
    /// Why the prompt was refused.
    pub(in super::super) blocked: Option<String>,
    pub(in super::super) error: Option<RemoteError>,
    pub(in super::super) extra: Map<String, Value>,
    /// Whether anything in it is of a reply.
    pub(in super::super) is_reply: bool,
}

/// One answer.
#[derive(Debug, Default)]
pub(in super::super) struct Candidate {
    pub(in super::super) index: u32,
    pub(in super::super) has_content: bool,
    pub(in super::super) parts: Vec<Part>,
    pub(in super::super) finish: Option<String>,
    pub(in super::super) logprobs: Option<Value>,
    pub(in super::super) citations: Vec<Citation>,
    pub(in super::super) extra: Map<String, Value>,
}

impl Candidate {
    pub(in super::super) fn has_calls(&self) -> bool {
        self.parts
            .iter()
            .any(|part| matches!(part.content, Content::ToolCall(_)))
    }
}

/// Reads a reply. What is not as it should be is left out.
pub(in super::super) fn read(node: Node<'_>) -> ReplyIn {
    let mut reply = ReplyIn::default();
    // An error may come in a list.
    let node = match node {
        Node::List(items) => items.into_iter().next().unwrap_or(Node::Null),
        other => other,
    };
    for (key, node) in node.into_fields() {
        let key = camel(key);
        match &*key {
            "candidates" => {
                reply.is_reply = true;
                reply.candidates = node
                    .into_list()
                    .into_iter()
                    .enumerate()
                    .map(|(place, node)| candidate(place, node.into_fields()))
                    .collect();
            }
            "usageMetadata" => {
                reply.is_reply = true;
                reply.usage = usage::read(node);
            }
            "modelVersion" => reply.model = node.into_text(),
            "responseId" => reply.id = node.into_text(),
            "promptFeedback" => {
                reply.is_reply = true;
                reply.blocked = node
                    .get("blockReason")
                    .or_else(|| node.get("block_reason"))
                    .and_then(Node::as_text)
                    .filter(|reason| *reason != "BLOCK_REASON_UNSPECIFIED")
                    .map(str::to_owned);
                reply.extra.insert(key.into_owned(), node.into_value());
            }
            "error" if !node.is_void() => reply.error = Some(error::remote(&node.into_value())),
            _ if node.is_null() => {}
            _ => {
                reply.extra.insert(key.into_owned(), node.into_value());
            }
        }
    }
    reply
}

fn candidate(place: usize, fields: Fields<'_>) -> Candidate {
    let mut candidate = Candidate {
        index: u32::try_from(place).unwrap_or(u32::MAX),
        ..Candidate::default()
    };
    let mut reader = Reader::new();
    for (key, node) in fields {
        let key = camel(key);
        match &*key {
            "index" => candidate.index = node.as_u32().unwrap_or(candidate.index),
            "finishReason" => candidate.finish = finish::word(&node),
            "content" => {
                candidate.has_content = true;
                for (key, node) in node.into_fields() {
                    if &*key == "parts" {
                        candidate.parts = parts(&mut reader, node, &mut Calls::of_reply());
                    }
                }
            }
            "logprobsResult" => candidate.logprobs = logprobs(&node.into_value()),
            _ if node.is_null() => {}
            _ => {
                let value = node.into_value();
                match &*key {
                    "groundingMetadata" => candidate.citations = grounding(&value),
                    "citationMetadata" => candidate.citations = cited(&value),
                    _ => {}
                }
                candidate.extra.insert(key.into_owned(), value);
            }
        }
    }
    candidate
}

fn list<'v>(value: &'v Value, key: &str) -> impl Iterator<Item = &'v Value> {
    value
        .get(key)
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
}

/// The pages that an answer was grounded in.
fn grounding(metadata: &Value) -> Vec<Citation> {
    let sources: Vec<Citation> = list(metadata, "groundingChunks")
        .map(|chunk| {
            let source = ["web", "retrievedContext", "maps"]
                .iter()
                .find_map(|kind| chunk.get(kind));
            let text = |key: &str| source?.get(key)?.as_str().map(str::to_owned);
            let mut citation = Citation::new();
            citation.url = text("uri").or_else(|| text("documentName"));
            citation.title = text("title");
            citation
        })
        .collect();
    let mut out = Vec::new();
    for support in list(metadata, "groundingSupports") {
        let segment = support.get("segment");
        let number = |key: &str| segment?.get(key)?.as_u64();
        let quote = segment.and_then(|segment| segment.get("text")?.as_str());
        for place in list(support, "groundingChunkIndices") {
            let place = place.as_u64().and_then(|place| usize::try_from(place).ok());
            let Some(source) = place.and_then(|place| sources.get(place)) else {
                continue;
            };
            let mut citation = source.clone();
            citation.quote = quote.map(str::to_owned);
            citation.span = number("endIndex").map(|end| (number("startIndex").unwrap_or(0), end));
            out.push(citation);
        }
    }
    if out.is_empty() { sources } else { out }
}

/// The works that an answer quotes.
fn cited(metadata: &Value) -> Vec<Citation> {
    list(metadata, "citationSources")
        .chain(list(metadata, "citations"))
        .map(|source| {
            let mut citation = Citation::new();
            let text = |key: &str| source.get(key)?.as_str().map(str::to_owned);
            citation.url = text("uri");
            citation.title = text("title");
            let number = |key: &str| source.get(key)?.as_u64();
            citation.span = number("endIndex").map(|end| (number("startIndex").unwrap_or(0), end));
            citation
        })
        .collect()
}

/// Token probabilities in `OpenAI`'s form.
fn logprobs(result: &Value) -> Option<Value> {
    let chosen = result.get("chosenCandidates")?.as_array()?;
    let tops: Vec<&Value> = list(result, "topCandidates").collect();
    let entry = |candidate: &Value| {
        let token = candidate
            .get("token")
            .and_then(Value::as_str)
            .unwrap_or_default();
        serde_json::json!({
            "token": token,
            "logprob": candidate.get("logProbability").cloned().unwrap_or_default(),
            "bytes": token.as_bytes(),
        })
    };
    let content: Vec<Value> = chosen
        .iter()
        .enumerate()
        .map(|(place, candidate)| {
            let mut out = entry(candidate);
            let top: Vec<Value> = tops
                .get(place)
                .map(|top| list(top, "candidates").map(entry).collect())
                .unwrap_or_default();
            if let Value::Object(fields) = &mut out {
                fields.insert("top_logprobs".to_owned(), top.into());
            }
            out
        })
        .collect();
    Some(serde_json::json!({ "content": content }))
}

/// The name of this dialect, for fields that only it knows.
pub(super) const OWN: Dialect = Dialect::GEMINI;
