//! The top level of a request.

use gateway_schema::chat::{
    ChatRequest, Content, ContentForm, Effort, Message, Part, Reasoning, ResponseFormat, Role, Tool,
};
use gateway_schema::{CallError, Decoded, Dialect, Extra, Losses, Retry};
use serde_json::{Map, Value};

use super::items;
use super::parts;
use super::tools;
use crate::node::{Node, Reader, request_fields};
use crate::openai_responses::names::Names;

const OURS: Dialect = Dialect::OPENAI_RESPONSES;

/// What a request is read with.
#[derive(Debug, Default)]
pub(super) struct Reading {
    pub(super) reader: Reader,
    pub(super) losses: Losses,
    pub(super) names: Names,
    /// The tools that items of the input declare.
    pub(super) declared: Vec<Tool>,
    /// How many faults are none for a provider of this dialect.
    refused: usize,
}

impl Reading {
    /// Refuses what only OpenAI's own store can answer.
    pub(super) fn refuse(&mut self, key: &'static str, why: &str) {
        self.refused += 1;
        self.reader.at(key, |reader| {
            reader.fault(
                "unsupported_parameter",
                format!("{why}; the model of this endpoint does not speak the Responses API"),
            );
        });
    }
}

/// Reads a request.
///
/// # Errors
/// Of origin client: where the JSON breaks, or every wrong field at once; also what only a provider of this dialect can
/// answer, then to be tried elsewhere.
pub fn decode_request(body: &[u8]) -> Result<Decoded<ChatRequest>, CallError> {
    let fields = request_fields(body)?;
    let last = |name: &str| fields.iter().rev().find(|(key, _)| key == name);
    let mut reading = Reading {
        names: Names::of(
            last("tools").map(|(_, node)| node),
            last("input").map(|(_, node)| node),
        ),
        ..Reading::default()
    };
    let mut request = ChatRequest::default();
    let mut extra = Map::new();
    let mut instructions = None;
    let mut turns = None;
    for (key, node) in fields {
        match &*key {
            "input" => turns = Some(input(&mut reading, node)),
            "instructions" => instructions = self::instructions(&mut reading, node),
            "tools" => request.tools = tools::read(&mut reading, node),
            "tool_choice" if !node.is_null() => {
                request.tool_choice = tools::choice(&mut reading.reader, &reading.names, node);
            }
            _ => {
                if let Some(node) = field(&mut reading.reader, &mut request, &key, node)
                    && let Some(node) = stored(&mut reading, &key, node)
                {
                    other(&mut request, &mut extra, &key, node);
                }
            }
        }
    }
    match turns {
        Some(turns) => request.messages = instructions.into_iter().chain(turns).collect(),
        None if reading.refused == 0 => {
            reading
                .reader
                .missing("input", "a string or a list of items");
        }
        None => {}
    }
    request.extra = Extra::of(OURS, extra);
    let Reading {
        reader,
        losses,
        refused,
        declared,
        ..
    } = reading;
    tools::add(&mut request.tools, declared);
    match reader.finish(request) {
        Ok(value) => Ok(Decoded { value, losses }),
        Err(error) if refused > 0 && error.field_errors().len() == refused => {
            Err(error.with_retry(Retry::Elsewhere))
        }
        Err(error) => Err(error),
    }
}

fn input(reading: &mut Reading, node: Node<'_>) -> Vec<Message> {
    match node {
        Node::Text(text) => return vec![Message::user(text)],
        Node::List(list) if list.is_empty() => reading.reader.at("input", |reader| {
            reader.fault(
                "empty_array",
                "expected at least one item, got an empty list",
            );
        }),
        Node::List(list) => return items::read(reading, list),
        other => reading.reader.at("input", |reader| {
            reader.wrong(&other, "a string or a list of items");
        }),
    }
    Vec::new()
}

/// Instructions are text; the API itself writes them back as items in some replies.
fn instructions(reading: &mut Reading, node: Node<'_>) -> Option<Message> {
    match node {
        Node::Null => None,
        Node::Text(text) if text.is_empty() => None,
        Node::Text(text) => Some(Message::system(text)),
        Node::List(list) => {
            let mut parts: Vec<Part> = Vec::new();
            let turns = items::read_below(reading, "instructions", list);
            for message in turns {
                parts.extend(message.parts);
            }
            parts.retain(|part| matches!(part.content, Content::Text { .. }));
            (!parts.is_empty()).then(|| Message::new(Role::System, parts))
        }
        other => {
            reading
                .reader
                .at("instructions", |reader| reader.wrong(&other, "a string"));
            None
        }
    }
}

/// Reads a named field; gives back what is none.
fn field<'a>(
    reader: &mut Reader,
    request: &mut ChatRequest,
    key: &str,
    node: Node<'a>,
) -> Option<Node<'a>> {
    match key {
        "model" => request.model = reader.text("model", node),
        "parallel_tool_calls" => {
            request.parallel_tool_calls = reader.bool("parallel_tool_calls", &node);
        }
        "max_output_tokens" => {
            request.sampling.max_completion_tokens = reader.u64("max_output_tokens", &node);
        }
        "temperature" => request.sampling.temperature = reader.f64("temperature", &node),
        "top_p" => request.sampling.top_p = reader.f64("top_p", &node),
        "top_logprobs" => request.top_logprobs = reader.u32("top_logprobs", &node),
        "stream" => request.stream = reader.bool("stream", &node).unwrap_or(false),
        "user" => request.user = reader.text("user", node).or(request.user.take()),
        "safety_identifier" => {
            let name = reader.text("safety_identifier", node);
            request.user = request.user.take().or(name);
        }
        "metadata" => request.metadata = reader.map("metadata", node),
        "service_tier" => request.service_tier = reader.text("service_tier", node),
        _ => return Some(node),
    }
    None
}

/// Refuses what only OpenAI's store can answer, and takes away what asks for nothing; gives back what is neither.
fn stored<'a>(reading: &mut Reading, key: &str, node: Node<'a>) -> Option<Node<'a>> {
    if node.is_null() {
        return None;
    }
    match (key, &node) {
        ("previous_response_id", _) => reading.refuse(
            "previous_response_id",
            "earlier replies are kept by OpenAI alone: send the whole conversation in `input`",
        ),
        ("conversation", _) => reading.refuse(
            "conversation",
            "conversations are kept by OpenAI alone: send the whole conversation in `input`",
        ),
        ("prompt", _) => reading.refuse("prompt", "stored prompts are known to OpenAI alone"),
        ("background", Node::Bool(true)) => {
            reading.refuse("background", "only OpenAI answers in the background");
        }
        ("background" | "store", Node::Bool(false)) => {}
        ("truncation", Node::Text(word)) if word == "disabled" => {}
        _ => return Some(node),
    }
    None
}

/// Reads what has a form of its own, and keeps the rest as it is.
fn other(request: &mut ChatRequest, extra: &mut Map<String, Value>, key: &str, node: Node<'_>) {
    match (key, node) {
        ("reasoning", Node::Object(fields)) => {
            let mut reasoning = Reasoning::default();
            let mut rest = Map::new();
            for (key, node) in fields {
                match (&*key, node) {
                    (_, Node::Null) => {}
                    ("effort", Node::Text(word)) => reasoning.effort = Some(effort(&word)),
                    ("summary" | "generate_summary", Node::Text(word)) => {
                        reasoning.summary = Some(word.into_owned());
                    }
                    (_, node) => {
                        rest.insert(key.into_owned(), node.into_value());
                    }
                }
            }
            reasoning.extra = Extra::of(OURS, rest);
            request.reasoning = Some(reasoning);
        }
        ("text", Node::Object(fields)) => {
            let mut rest = Map::new();
            for (key, node) in fields {
                match (&*key, node) {
                    (_, Node::Null) => {}
                    ("format", node) => match format(node) {
                        Ok(format) => request.response_format = Some(format),
                        Err(value) => {
                            rest.insert(key.into_owned(), value);
                        }
                    },
                    // The default.
                    ("verbosity", Node::Text(word)) if word == "medium" => {}
                    (_, node) => {
                        rest.insert(key.into_owned(), node.into_value());
                    }
                }
            }
            if !rest.is_empty() {
                extra.insert("text".to_owned(), Value::Object(rest));
            }
        }
        ("include", Node::List(words)) => {
            let mut rest = Vec::new();
            for word in words {
                match word.as_text() {
                    // Every reply has it.
                    Some("reasoning.encrypted_content") => {}
                    Some("message.output_text.logprobs") => request.logprobs = Some(true),
                    _ => rest.push(word.into_value()),
                }
            }
            if !rest.is_empty() {
                extra.insert("include".to_owned(), Value::Array(rest));
            }
        }
        (_, node) => {
            extra.insert(key.to_owned(), node.into_value());
        }
    }
}

fn effort(word: &str) -> Effort {
    match word {
        "none" => Effort::None,
        "minimal" => Effort::Minimal,
        "low" => Effort::Low,
        "medium" => Effort::Medium,
        "high" => Effort::High,
        "xhigh" => Effort::ExtraHigh,
        _ => Effort::Other(word.to_owned()),
    }
}

/// Reads `text.format`; what is not of the three known kinds is given back.
fn format(node: Node<'_>) -> Result<ResponseFormat, Value> {
    match node.get("type").and_then(Node::as_text) {
        Some("text") => Ok(ResponseFormat::Text),
        Some("json_object") => Ok(ResponseFormat::JsonObject),
        Some("json_schema") if matches!(node.get("schema"), Some(Node::Object(_))) => {
            let (mut name, mut description, mut schema, mut strict) =
                (None, None, Value::Null, None);
            for (key, node) in node.into_fields() {
                match (&*key, node) {
                    ("name", node) => name = node.into_text(),
                    ("description", node) => description = node.into_text(),
                    ("schema", node) => schema = node.into_value(),
                    ("strict", Node::Bool(value)) => strict = Some(value),
                    _ => {}
                }
            }
            Ok(ResponseFormat::JsonSchema {
                name,
                description,
                schema,
                strict,
            })
        }
        _ => Err(node.into_value()),
    }
}

/// How the content of a message is spelled best: as a bare string where it is one text.
pub(super) fn form_of(parts: &[Part]) -> ContentForm {
    let mut said = parts.iter().filter(|part| {
        !matches!(
            part.content,
            Content::ToolCall(_) | Content::Thinking { .. } | Content::RedactedThinking { .. }
        )
    });
    match (said.next(), said.next()) {
        (None, _) => ContentForm::Null,
        (Some(part), None) if parts::is_plain(part) => ContentForm::Text,
        _ => ContentForm::Parts,
    }
}
