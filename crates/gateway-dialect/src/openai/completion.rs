//! Text completions, both directions of requests and whole replies.

use bytes::Bytes;
use gateway_schema::completion::{CompletionChoice, CompletionRequest, CompletionResponse, Prompt};
use gateway_schema::{CallError, Dialect, Extra, Losses};
use serde_json::Map;

use super::body::{Body, Shape};
use super::chat::{Within, finish, logprobs, reply_fields, write_extra};
use super::quirks::Quirks;
use super::{sampling, usage};
use crate::node::{Node, Reader, answer, object, request_fields};
use crate::{EncodedRequest, ReplyInfo, RequestOptions};

/// Reads a request for a text completion.
///
/// # Errors
/// Of origin client: where the JSON breaks, or every wrong field at once.
pub fn decode_completion_request(body: &[u8]) -> Result<CompletionRequest, CallError> {
    let fields = request_fields(body)?;
    let mut reader = Reader::new();
    let mut request = CompletionRequest::new(Prompt::Text(String::new()));
    let mut extra = Map::new();
    let mut has_prompt = false;
    for (key, node) in fields {
        let Some(node) = sampling::decode(&mut reader, &mut request.sampling, &key, node) else {
            continue;
        };
        match &*key {
            "prompt" => {
                has_prompt = true;
                if let Some(prompt) = prompt(&mut reader, node) {
                    request.prompt = prompt;
                }
            }
            "model" => request.model = reader.text("model", node),
            "suffix" => request.suffix = reader.text("suffix", node),
            "echo" => request.echo = reader.bool("echo", &node),
            "best_of" => request.best_of = reader.u32("best_of", &node),
            "logprobs" => request.logprobs = reader.u32("logprobs", &node),
            "stream" => request.stream = reader.bool("stream", &node).unwrap_or(false),
            "user" => request.user = reader.text("user", node),
            "stream_options" => {
                sampling::stream_options(node, &mut request.include_usage, &mut extra);
            }
            _ => {
                extra.insert(key.into_owned(), node.into_value());
            }
        }
    }
    if !has_prompt {
        reader.missing("prompt", "a string, a list of strings or token ids");
    }
    request.extra = Extra::of(Dialect::OPENAI, extra);
    reader.finish(request)
}

fn prompt(reader: &mut Reader, node: Node<'_>) -> Option<Prompt> {
    match Texts::read(node) {
        Ok(Texts::One(text)) => Some(Prompt::Text(text)),
        Ok(Texts::Many(texts)) => Some(Prompt::Texts(texts)),
        Ok(Texts::Tokens(tokens)) => Some(Prompt::Tokens(tokens)),
        Ok(Texts::TokenLists(lists)) => Some(Prompt::TokenLists(lists)),
        Err(node) => {
            reader.at("prompt", |reader| {
                reader.wrong(&node, "a string, a list of strings or token ids");
            });
            None
        }
    }
}

/// What a prompt and the input of an embedding have in common.
pub(super) enum Texts {
    One(String),
    Many(Vec<String>),
    Tokens(Vec<u32>),
    TokenLists(Vec<Vec<u32>>),
}

impl Texts {
    /// Reads one of the four forms; gives back what is none.
    pub(super) fn read(node: Node<'_>) -> Result<Self, Node<'_>> {
        let tokens =
            |items: &[Node<'_>]| items.iter().map(Node::as_u32).collect::<Option<Vec<_>>>();
        match node {
            Node::Text(text) => Ok(Self::One(text.into_owned())),
            Node::List(items) if items.iter().all(|item| item.as_text().is_some()) => {
                Ok(Self::Many(
                    items
                        .iter()
                        .filter_map(|item| item.as_text().map(str::to_owned))
                        .collect(),
                ))
            }
            Node::List(items) => {
                if let Some(tokens) = tokens(&items) {
                    return Ok(Self::Tokens(tokens));
                }
                let lists = items
                    .iter()
                    .map(|item| match item {
                        Node::List(items) => tokens(items),
                        _ => None,
                    })
                    .collect::<Option<_>>();
                lists.map(Self::TokenLists).ok_or(Node::List(items))
            }
            other => Err(other),
        }
    }
}

/// Writes a request for a text completion.
pub fn encode_completion_request(
    request: &CompletionRequest,
    options: &RequestOptions<'_>,
    quirks: &Quirks,
) -> EncodedRequest {
    let mut losses = Losses::new();
    let mut out = Vec::with_capacity(512);
    object(&mut out, |out| {
        if quirks.names_model {
            out.field("model", options.model);
        }
        match &request.prompt {
            Prompt::Text(text) => out.field("prompt", text),
            Prompt::Texts(texts) => out.field("prompt", texts),
            Prompt::Tokens(tokens) => out.field("prompt", tokens),
            Prompt::TokenLists(lists) => out.field("prompt", lists),
        }
        let mut body = Body {
            out,
            shape: Shape { options, quirks },
            losses: &mut losses,
        };
        body.put("suffix", request.suffix.as_ref());
        body.put("echo", request.echo.as_ref());
        body.put("best_of", request.best_of.as_ref());
        body.put("logprobs", request.logprobs.as_ref());
        body.sampling(&request.sampling);
        body.put("user", request.user.as_ref());
        body.stream(request.stream, request.include_usage, &request.extra);
        body.extra(&request.extra);
    });
    EncodedRequest {
        body: out.into(),
        losses,
    }
}

/// Reads a whole text completion; chat-shaped choices count by their content.
///
/// # Errors
/// Of origin upstream: not JSON, no choices, or an error with a good status.
pub fn decode_completion_response(body: &[u8]) -> Result<CompletionResponse, CallError> {
    let fields = reply_fields(answer(body)?, "choices")?;
    let mut response = CompletionResponse::default();
    let mut extra = Map::new();
    for (key, node) in fields {
        match &*key {
            "id" => response.id = node.into_text(),
            "object" => {}
            "created" => response.created = node.as_i64(),
            "model" => response.model = node.into_text(),
            "choices" => {
                response.choices = node
                    .into_list()
                    .into_iter()
                    .zip(0..)
                    .map(|(node, position)| choice(position, node))
                    .collect();
            }
            "usage" => response.usage = usage::decode(node),
            _ if node.is_void() => {}
            _ => {
                extra.insert(key.into_owned(), node.into_value());
            }
        }
    }
    response.extra = Extra::of(Dialect::OPENAI, extra);
    Ok(response)
}

fn choice(position: u32, node: Node<'_>) -> CompletionChoice {
    let mut choice = CompletionChoice::default();
    choice.index = position;
    let mut extra = Map::new();
    for (key, node) in node.into_fields() {
        match &*key {
            "index" => choice.index = node.as_u32().unwrap_or(position),
            "text" => choice.text = node.into_text().unwrap_or_default(),
            "message" if choice.text.is_empty() => {
                let text = node.get("content").and_then(Node::as_text);
                text.unwrap_or_default().clone_into(&mut choice.text);
            }
            "finish_reason" => {
                choice.finish = node.as_text().map(|word| finish::decode(word, false));
            }
            "logprobs" => choice.logprobs = logprobs(node),
            _ if node.is_void() => {}
            _ => {
                extra.insert(key.into_owned(), node.into_value());
            }
        }
    }
    choice.extra = Extra::of(Dialect::OPENAI, extra);
    choice
}

/// Writes a whole text completion for an OpenAI client.
pub fn encode_completion_response(
    response: &CompletionResponse,
    info: &ReplyInfo,
    losses: &mut Losses,
) -> Bytes {
    let mut out = Vec::with_capacity(512);
    object(&mut out, |out| {
        match &response.id {
            Some(id) => out.field("id", id),
            None => out.field("id", &format!("cmpl-{}", info.id)),
        }
        out.field("object", "text_completion");
        out.field("created", &response.created.unwrap_or(info.created));
        out.field("model", response.model.as_deref().unwrap_or(&info.model));
        out.list("choices", |out| {
            for choice in &response.choices {
                out.object(|out| {
                    out.field("text", &choice.text);
                    out.field("index", &choice.index);
                    out.field("logprobs", &choice.logprobs);
                    let at = Within(choice.index);
                    let word = choice.finish.as_ref().map(|reason| {
                        let (word, exact) = finish::encode(reason);
                        if !exact {
                            losses.approximated(
                                format!("{at}finish_reason"),
                                "this reason has no word here",
                            );
                        }
                        word
                    });
                    out.field("finish_reason", &word);
                    write_extra(&choice.extra, at, losses, out);
                });
            }
        });
        if let Some(usage) = &response.usage {
            out.object("usage", |out| usage::encode(usage, out));
        }
        write_extra(&response.extra, "", losses, out);
    });
    out.into()
}
