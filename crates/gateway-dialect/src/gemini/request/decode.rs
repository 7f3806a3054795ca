//! Requests in.

use gateway_schema::chat::{
    ChatRequest, Content, Effort, FunctionTool, Message, Part, Reasoning, ResponseFormat, Role,
    Tool, ToolChoice,
};
use gateway_schema::{CallError, Dialect, Extra};
use serde_json::{Map, Value};

use super::super::names::{bare_model, camel};
use super::super::part::{Calls, parts};
use super::super::schema::from_openapi;
use crate::node::{Fields, Node, Reader, request_fields};

/// Reads a request of `generateContent`.
pub(in super::super) fn decode_request(body: &[u8]) -> Result<ChatRequest, CallError> {
    let fields = request_fields(body)?;
    let mut reader = Reader::new();
    let request = request(&mut reader, fields);
    reader.finish(request)
}

/// Reads a request of `countTokens`: a request of `generateContent`, inside a field or by itself.
pub(in super::super) fn decode_count_request(body: &[u8]) -> Result<ChatRequest, CallError> {
    let mut fields = request_fields(body)?;
    let mut reader = Reader::new();
    let inner = fields.iter().position(|(key, node)| {
        camel(key.as_ref().into()) == "generateContentRequest" && !node.is_null()
    });
    let request = match inner.map(|place| fields.swap_remove(place).1) {
        Some(Node::Object(inner)) => {
            reader.at("generateContentRequest", |reader| request(reader, inner))
        }
        Some(other) => {
            reader.at("generateContentRequest", |reader| {
                reader.wrong(&other, "an object");
            });
            ChatRequest::default()
        }
        None => request(&mut reader, fields),
    };
    reader.finish(request)
}

/// The model that a body repeats.
pub(in super::super) fn known_model(reader: &mut Reader, node: Node<'_>) -> Option<String> {
    reader
        .text("model", node)
        .map(|name| bare_model(&name).to_owned())
}

/// What a request says, until it is whole.
#[derive(Default)]
struct Draft {
    chat: ChatRequest,
    system: Option<Message>,
    has_contents: bool,
    mime_type: Option<String>,
    schema: Option<Value>,
    extra: Map<String, Value>,
    /// What of `generationConfig` has no place of its own.
    config: Map<String, Value>,
}

fn request(reader: &mut Reader, fields: Fields<'_>) -> ChatRequest {
    let mut draft = Draft::default();
    let mut calls = Calls::of_request();
    for (key, node) in fields {
        if node.is_null() {
            continue;
        }
        let key = camel(key);
        match &*key {
            "contents" => {
                draft.has_contents = true;
                draft.chat.messages = contents(reader, node, &mut calls);
            }
            "systemInstruction" => {
                let message = reader.at("systemInstruction", |reader| {
                    content(reader, node, &mut calls)
                });
                draft.system = message.map(|mut message| {
                    message.role = Role::System;
                    message
                });
            }
            "generationConfig" => {
                let inner = reader.at("generationConfig", |reader| object(reader, node));
                reader.at("generationConfig", |reader| draft.config(reader, inner));
            }
            "tools" => draft.chat.tools = tools(reader, node),
            "toolConfig" => {
                let inner = reader.at("toolConfig", |reader| object(reader, node));
                draft.tool_config(inner);
            }
            "model" => draft.chat.model = known_model(reader, node),
            _ => {
                draft.extra.insert(key.into_owned(), node.into_value());
            }
        }
    }
    if !draft.has_contents {
        reader.missing("contents", "a list of contents");
    }
    draft.finish()
}

fn object<'a>(reader: &mut Reader, node: Node<'a>) -> Fields<'a> {
    match node {
        Node::Object(fields) => fields,
        other => {
            reader.wrong(&other, "an object");
            Vec::new()
        }
    }
}

fn contents(reader: &mut Reader, node: Node<'_>, calls: &mut Calls) -> Vec<Message> {
    match node {
        Node::List(_) => joined(
            reader
                .list("contents", node, |reader, item| {
                    content(reader, item, calls)
                })
                .unwrap_or_default(),
        ),
        // Clients' libraries allow one content, or bare text.
        Node::Object(_) | Node::Text(_) => reader
            .at("contents", |reader| content(reader, node, calls))
            .into_iter()
            .collect(),
        other => {
            reader.at("contents", |reader| reader.wrong(&other, "a list"));
            Vec::new()
        }
    }
}

/// Google's clients keep a streamed answer as it came: one content per piece, and a thought in many parts, of which the
/// last has the proof. Elsewhere that is one turn of the assistant and one thought.
pub(in super::super) fn joined(contents: Vec<Message>) -> Vec<Message> {
    let mut turns: Vec<Message> = Vec::with_capacity(contents.len());
    for content in contents {
        match turns.last_mut() {
            Some(turn)
                if turn.role == Role::Assistant
                    && content.role == Role::Assistant
                    && turn.extra == content.extra =>
            {
                turn.parts.extend(content.parts);
            }
            _ => turns.push(content),
        }
    }
    for turn in &mut turns {
        if turn.role == Role::Assistant {
            turn.parts = joined_thoughts(std::mem::take(&mut turn.parts));
        }
    }
    turns
}

fn joined_thoughts(parts: Vec<Part>) -> Vec<Part> {
    let mut out: Vec<Part> = Vec::with_capacity(parts.len());
    for part in parts {
        if let Content::Thinking { text, id: None } = &part.content
            && let Some(open) = out.last_mut()
            && open.signature.is_none()
            && open.extra == part.extra
            && let Content::Thinking { text: all, .. } = &mut open.content
        {
            all.push_str(text);
            open.signature = part.signature;
            continue;
        }
        // The piece that only tells of the end.
        let is_void = matches!(&part.content, Content::Text { text, citations } if text.is_empty() && citations.is_empty());
        if !is_void || part.signature.is_some() || !part.extra.is_empty() {
            out.push(part);
        }
    }
    out
}

/// One content: who speaks, and what.
fn content(reader: &mut Reader, node: Node<'_>, calls: &mut Calls) -> Option<Message> {
    let fields = match node {
        Node::Object(fields) => fields,
        Node::Text(text) => return Some(Message::new(Role::User, vec![Part::text(text)])),
        other => {
            reader.wrong(&other, "an object");
            return None;
        }
    };
    let mut message = Message::new(Role::User, Vec::new());
    let mut extra = Map::new();
    for (key, node) in fields {
        let key = camel(key);
        match &*key {
            "role" => match node.as_text() {
                None if node.is_null() => {}
                Some("" | "user" | "function") => {}
                Some("model") => message.role = Role::Assistant,
                // Some clients give the instructions a role.
                Some("system") => message.role = Role::System,
                _ => reader.at("role", |reader| reader.wrong(&node, "`user` or `model`")),
            },
            "parts" => message.parts = parts(reader, node, calls),
            _ if node.is_null() => {}
            _ => {
                extra.insert(key.into_owned(), node.into_value());
            }
        }
    }
    message.extra = Extra::of(Dialect::GEMINI, extra);
    Some(message)
}

impl Draft {
    fn config(&mut self, reader: &mut Reader, fields: Fields<'_>) {
        for (key, node) in fields {
            if node.is_null() {
                continue;
            }
            let key = camel(key);
            let sampling = &mut self.chat.sampling;
            match &*key {
                "temperature" => sampling.temperature = reader.f64("temperature", &node),
                "topP" => sampling.top_p = reader.f64("topP", &node),
                "topK" => sampling.top_k = reader.u64("topK", &node),
                "maxOutputTokens" => sampling.max_tokens = reader.u64("maxOutputTokens", &node),
                "candidateCount" => sampling.n = reader.u32("candidateCount", &node),
                "seed" => sampling.seed = reader.i64("seed", &node),
                "presencePenalty" => {
                    sampling.presence_penalty = reader.f64("presencePenalty", &node);
                }
                "frequencyPenalty" => {
                    sampling.frequency_penalty = reader.f64("frequencyPenalty", &node);
                }
                "stopSequences" => {
                    let read = |reader: &mut Reader, node: Node<'_>| match node {
                        Node::Text(text) => Some(text.into_owned()),
                        other => {
                            reader.wrong(&other, "a string");
                            None
                        }
                    };
                    sampling.stop = reader.list("stopSequences", node, read).unwrap_or_default();
                }
                "responseLogprobs" => {
                    self.chat.logprobs = reader.bool("responseLogprobs", &node);
                }
                "logprobs" => self.chat.top_logprobs = reader.u32("logprobs", &node),
                "responseMimeType" => self.mime_type = reader.text("responseMimeType", node),
                "responseSchema" => self.schema = Some(from_openapi(node.into_value())),
                "responseJsonSchema" => self.schema = Some(node.into_value()),
                "thinkingConfig" => self.thinking(reader, node),
                _ => {
                    self.config.insert(key.into_owned(), node.into_value());
                }
            }
        }
    }

    fn thinking(&mut self, reader: &mut Reader, node: Node<'_>) {
        let fields = reader.at("thinkingConfig", |reader| object(reader, node));
        let mut reasoning = Reasoning::default();
        let mut kept = Map::new();
        for (key, node) in fields {
            let key = camel(key);
            match &*key {
                "thinkingBudget" => match node.as_i64() {
                    Some(0) => reasoning.enabled = Some(false),
                    // The model decides.
                    Some(-1) => reasoning.enabled = Some(true),
                    Some(budget) if budget > 0 => {
                        reasoning.budget_tokens = u64::try_from(budget).ok();
                    }
                    _ => reader.at("thinkingConfig", |reader| {
                        reader.at("thinkingBudget", |reader| {
                            reader.wrong(&node, "a whole number, -1 or more");
                        });
                    }),
                },
                "thinkingLevel" => reasoning.effort = node.as_text().and_then(effort),
                "includeThoughts" if matches!(node, Node::Bool(true)) => {
                    reasoning.summary = Some("auto".to_owned());
                }
                _ => {}
            }
            kept.insert(key.into_owned(), node.into_value());
        }
        reasoning.extra = Extra::of(Dialect::GEMINI, kept);
        self.chat.reasoning = Some(reasoning);
    }

    fn tool_config(&mut self, fields: Fields<'_>) {
        let mut kept = Map::new();
        for (key, node) in fields {
            let key = camel(key);
            if &*key == "functionCallingConfig"
                && let Some(choice) = choice(&node)
            {
                self.chat.tool_choice = Some(choice);
                continue;
            }
            if !node.is_null() {
                kept.insert(key.into_owned(), node.into_value());
            }
        }
        keep(&mut self.extra, "toolConfig", kept);
    }

    fn finish(mut self) -> ChatRequest {
        self.chat.response_format = match (self.mime_type.as_deref(), self.schema.take()) {
            (None | Some("application/json" | ""), Some(schema)) => {
                Some(ResponseFormat::JsonSchema {
                    name: None,
                    description: None,
                    schema,
                    strict: None,
                })
            }
            (Some("application/json"), None) => Some(ResponseFormat::JsonObject),
            (Some("text/plain"), None) => Some(ResponseFormat::Text),
            (Some(other), schema) => {
                self.config
                    .insert("responseMimeType".to_owned(), other.into());
                if let Some(schema) = schema {
                    self.config.insert("responseJsonSchema".to_owned(), schema);
                }
                None
            }
            (None, None) => None,
        };
        keep(&mut self.extra, "generationConfig", self.config);
        let mut chat = self.chat;
        if let Some(system) = self.system.filter(|system| !system.parts.is_empty()) {
            chat.messages.insert(0, system);
        }
        chat.extra = Extra::of(Dialect::GEMINI, self.extra);
        chat
    }
}

fn keep(extra: &mut Map<String, Value>, name: &str, rest: Map<String, Value>) {
    if !rest.is_empty() {
        extra.insert(name.to_owned(), Value::Object(rest));
    }
}

fn effort(word: &str) -> Option<Effort> {
    Some(match word.to_ascii_lowercase().as_str() {
        "minimal" => Effort::Minimal,
        "low" => Effort::Low,
        "medium" => Effort::Medium,
        "high" => Effort::High,
        "" | "thinking_level_unspecified" => return None,
        other => Effort::Other(other.to_owned()),
    })
}

/// A choice that has a canonical form.
fn choice(node: &Node<'_>) -> Option<ToolChoice> {
    let field = |camel: &str, snake: &str| node.get(camel).or_else(|| node.get(snake)).cloned();
    let names: Vec<String> = field("allowedFunctionNames", "allowed_function_names")
        .map(Node::into_list)
        .unwrap_or_default()
        .into_iter()
        .filter_map(Node::into_text)
        .collect();
    let mode = node.get("mode").and_then(Node::as_text).unwrap_or("AUTO");
    match (mode.to_ascii_uppercase().as_str(), names.as_slice()) {
        ("AUTO", []) => Some(ToolChoice::Auto),
        ("NONE", _) => Some(ToolChoice::None),
        ("ANY", []) => Some(ToolChoice::Required),
        ("ANY", [name]) => Some(ToolChoice::Function(name.clone())),
        (mode @ ("ANY" | "VALIDATED"), [_, ..]) => Some(ToolChoice::Allowed {
            required: mode == "ANY",
            names,
        }),
        _ => None,
    }
}

/// Every function becomes a tool of its own, and so does every tool of Google's.
fn tools(reader: &mut Reader, node: Node<'_>) -> Option<Vec<Tool>> {
    let mut out = Vec::new();
    let node = match node {
        one @ Node::Object(_) => Node::List(vec![one]),
        other => other,
    };
    reader.list("tools", node, |reader, item| {
        for (key, node) in object(reader, item) {
            let key = camel(key);
            if &*key == "functionDeclarations" {
                let found = reader.list("functionDeclarations", node, function);
                out.extend(found.unwrap_or_default());
            } else if !node.is_null() {
                let mut fields = Map::new();
                fields.insert(key.into_owned(), node.into_value());
                out.push(Tool::Opaque {
                    dialect: Dialect::GEMINI,
                    value: Value::Object(fields),
                });
            }
        }
        None::<()>
    })?;
    Some(out)
}

fn function(reader: &mut Reader, node: Node<'_>) -> Option<Tool> {
    let mut tool = FunctionTool::default();
    let mut extra = Map::new();
    for (key, node) in object(reader, node) {
        if node.is_null() {
            continue;
        }
        let key = camel(key);
        match &*key {
            "name" => tool.name = reader.text("name", node).unwrap_or_default(),
            "description" => tool.description = reader.text("description", node),
            "parameters" => tool.parameters = Some(from_openapi(node.into_value())),
            "parametersJsonSchema" => tool.parameters = Some(node.into_value()),
            _ => {
                extra.insert(key.into_owned(), node.into_value());
            }
        }
    }
    if tool.name.is_empty() {
        reader.missing("name", "the name of a function");
        return None;
    }
    tool.extra = Extra::of(Dialect::GEMINI, extra);
    Some(Tool::Function(tool))
}
