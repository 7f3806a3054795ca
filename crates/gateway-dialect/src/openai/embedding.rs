//! Embedding vectors, both directions.

use bytes::Bytes;
use gateway_schema::embedding::{
    Embedding, EmbeddingEncoding, EmbeddingInput, EmbeddingRequest, EmbeddingResponse, Vector,
};
use gateway_schema::{CallError, Dialect, ErrorKind, Extra, Losses};
use serde::Deserialize;
use serde_json::Map;
use serde_json::value::RawValue;

use super::body::{Body, Shape};
use super::chat::{own_words, write_extra};
use super::completion::Texts;
use super::quirks::Quirks;
use super::usage;
use crate::failure;
use crate::node::{Node, RawFields, Reader, object, request_fields};
use crate::{EncodedRequest, ReplyInfo, RequestOptions};

/// Reads a request for embedding vectors.
///
/// # Errors
/// Of origin client: where the JSON breaks, or every wrong field at once.
pub fn decode_embedding_request(body: &[u8]) -> Result<EmbeddingRequest, CallError> {
    let fields = request_fields(body)?;
    let mut reader = Reader::new();
    let mut request = EmbeddingRequest::new(EmbeddingInput::Text(String::new()));
    let mut extra = Map::new();
    let mut has_input = false;
    for (key, node) in fields {
        match &*key {
            "input" => {
                has_input = true;
                if let Some(input) = input(&mut reader, node) {
                    request.input = input;
                }
            }
            "model" => request.model = reader.text("model", node),
            "dimensions" => request.dimensions = reader.u32("dimensions", &node),
            "user" => request.user = reader.text("user", node),
            "encoding_format" => match node.as_text() {
                Some("float") => request.encoding = Some(EmbeddingEncoding::Float),
                Some("base64") => request.encoding = Some(EmbeddingEncoding::Base64),
                _ if node.is_null() => {}
                _ => reader.at("encoding_format", |reader| {
                    reader.wrong(&node, "`float` or `base64`");
                }),
            },
            _ => {
                extra.insert(key.into_owned(), node.into_value());
            }
        }
    }
    if !has_input {
        reader.missing("input", "a string, a list of strings or token ids");
    }
    request.extra = Extra::of(Dialect::OPENAI, extra);
    reader.finish(request)
}

fn input(reader: &mut Reader, node: Node<'_>) -> Option<EmbeddingInput> {
    match Texts::read(node) {
        Ok(Texts::One(text)) => Some(EmbeddingInput::Text(text)),
        Ok(Texts::Many(texts)) => Some(EmbeddingInput::Texts(texts)),
        Ok(Texts::Tokens(tokens)) => Some(EmbeddingInput::Tokens(tokens)),
        Ok(Texts::TokenLists(lists)) => Some(EmbeddingInput::TokenLists(lists)),
        Err(node) => {
            reader.at("input", |reader| {
                reader.wrong(&node, "a string, a list of strings or token ids");
            });
            None
        }
    }
}

/// Writes a request for embedding vectors.
pub fn encode_embedding_request(
    request: &EmbeddingRequest,
    options: &RequestOptions<'_>,
    quirks: &Quirks,
) -> EncodedRequest {
    let mut losses = Losses::new();
    let mut out = Vec::with_capacity(256);
    object(&mut out, |out| {
        if quirks.names_model {
            out.field("model", options.model);
        }
        match &request.input {
            EmbeddingInput::Text(text) => out.field("input", text),
            EmbeddingInput::Texts(texts) => out.field("input", texts),
            EmbeddingInput::Tokens(tokens) => out.field("input", tokens),
            EmbeddingInput::TokenLists(lists) => out.field("input", lists),
            _ => out.field("input", ""),
        }
        let mut body = Body {
            out,
            shape: Shape { options, quirks },
            losses: &mut losses,
        };
        body.put("encoding_format", request.encoding.as_ref());
        body.put("dimensions", request.dimensions.as_ref());
        body.put("user", request.user.as_ref());
        if request.task.is_some() {
            body.losses
                .dropped("task", "this provider is not told what vectors are for");
        }
        body.extra(&request.extra);
    });
    EncodedRequest {
        body: out.into(),
        losses,
    }
}

/// One vector as it stands in a reply: numbers are read once, straight into their list.
#[derive(Deserialize)]
struct WireVector<'a> {
    #[serde(borrow)]
    embedding: &'a RawValue,
    index: Option<u32>,
}

impl WireVector<'_> {
    fn read(self, position: u32) -> Result<Embedding, serde_json::Error> {
        let text = self.embedding.get();
        let vector = if text.starts_with('"') {
            Vector::Base64(serde_json::from_str(text)?)
        } else {
            Vector::Floats(serde_json::from_str(text)?)
        };
        Ok(Embedding {
            index: self.index.unwrap_or(position),
            vector,
        })
    }
}

/// Reads vectors.
///
/// # Errors
/// Of origin upstream: not JSON, no vectors, or an error with a good status.
pub fn decode_embedding_response(body: &[u8]) -> Result<EmbeddingResponse, CallError> {
    let unreadable = |error: &serde_json::Error| {
        CallError::upstream(
            ErrorKind::Upstream,
            "The provider's answer holds no vectors that can be read.",
        )
        .with_detail(error.to_string())
    };
    let fields: RawFields<'_> = serde_json::from_slice(body).map_err(|error| unreadable(&error))?;
    let mut response = EmbeddingResponse::default();
    let mut extra = Map::new();
    let mut has_data = false;
    let mut rest = Vec::new();
    for (key, raw) in fields.0 {
        if key == "data" && raw.get().starts_with('[') {
            has_data = true;
            let vectors: Vec<WireVector<'_>> =
                serde_json::from_str(raw.get()).map_err(|error| unreadable(&error))?;
            response.embeddings = vectors
                .into_iter()
                .zip(0..)
                .map(|(vector, position)| vector.read(position))
                .collect::<Result<_, _>>()
                .map_err(|error| unreadable(&error))?;
        } else {
            rest.push((key, raw));
        }
    }
    for (key, raw) in rest {
        let node: Node<'_> = serde_json::from_str(raw.get()).map_err(|error| unreadable(&error))?;
        match &*key {
            "object" if has_data => {}
            "id" => response.id = node.into_text(),
            "model" => response.model = node.into_text(),
            "usage" => response.usage = usage::decode(node),
            _ if node.is_void() => {}
            _ => {
                extra.insert(key, node.into_value());
            }
        }
    }
    if !has_data {
        if extra.contains_key("error") || extra.contains_key("detail") {
            let error = own_words(&serde_json::Value::Object(extra));
            return Err(failure::error_within(Dialect::OPENAI, &error));
        }
        return Err(CallError::upstream(
            ErrorKind::Upstream,
            "The provider's answer has no list of data.",
        ));
    }
    response.extra = Extra::of(Dialect::OPENAI, extra);
    Ok(response)
}

/// Writes vectors for an OpenAI client.
pub fn encode_embedding_response(
    response: &EmbeddingResponse,
    info: &ReplyInfo,
    losses: &mut Losses,
) -> Bytes {
    let mut out = Vec::with_capacity(1024);
    object(&mut out, |out| {
        out.field("object", "list");
        out.list("data", |out| {
            for embedding in &response.embeddings {
                out.object(|out| {
                    out.field("object", "embedding");
                    out.field("index", &embedding.index);
                    match &embedding.vector {
                        Vector::Floats(numbers) => out.field("embedding", numbers),
                        Vector::Base64(text) => out.field("embedding", text),
                    }
                });
            }
        });
        out.field("model", response.model.as_deref().unwrap_or(&info.model));
        out.object("usage", |out| {
            let usage = response.usage.clone().unwrap_or_default();
            usage::encode_input(&usage, out);
        });
        out.option("id", response.id.as_ref());
        write_extra(&response.extra, "", losses, out);
    });
    out.into()
}
