//! Requests of chat in.

use gateway_schema::chat::{
    ChatRequest, ContentForm, FunctionTool, Message, Part, Reasoning, ResponseFormat, Role, Tool,
    ToolChoice,
};
use gateway_schema::{CallError, Dialect, Extra};
use serde_json::{Map, Value};

use super::message::{self, document};
use crate::node::{Fields, Node, Reader, request_fields};

/// Reads a request of chat.
pub(super) fn decode(body: &[u8]) -> Result<ChatRequest, CallError> {
    let fields = request_fields(body)?;
    let mut reader = Reader::new();
    let chat = request(&mut reader, fields);
    reader.finish(chat)
}

fn request(reader: &mut Reader, fields: Fields<'_>) -> ChatRequest {
    let mut chat = ChatRequest::default();
    let mut extra = Map::new();
    let mut documents = None;
    let mut strict = None;
    let mut has_messages = false;
    for (key, node) in fields {
        match key.as_ref() {
            "model" => chat.model = reader.text("model", node),
            "stream" => chat.stream = reader.bool("stream", &node).unwrap_or_default(),
            "messages" => {
                let messages = reader.list("messages", node, message::read);
                has_messages = messages.is_some();
                chat.messages = messages.unwrap_or_default();
            }
            "documents" => documents = reader.list("documents", node, one_document),
            "tools" => chat.tools = reader.list("tools", node, tool),
            "strict_tools" => strict = reader.bool("strict_tools", &node),
            "tool_choice" => chat.tool_choice = choice(reader, &node),
            "response_format" => chat.response_format = format(reader, node),
            "thinking" => chat.reasoning = thinking(reader, node),
            "logprobs" => chat.logprobs = reader.bool("logprobs", &node),
            _ => {
                if let Some((key, node)) = sampling(reader, &mut chat, key, node)
                    && !node.is_void()
                {
                    extra.insert(key.into_owned(), node.into_value());
                }
            }
        }
    }
    if !has_messages {
        reader.missing("messages", "a list of messages");
    }
    if let Some(strict) = strict {
        be_strict(&mut chat, strict, &mut extra);
    }
    if let Some(documents) = documents {
        lay_out(documents, &mut chat.messages);
    }
    chat.extra = Extra::of(Dialect::COHERE, extra);
    chat
}

/// Takes limits and sampling; gives back what is neither.
fn sampling<'a>(
    reader: &mut Reader,
    chat: &mut ChatRequest,
    key: std::borrow::Cow<'a, str>,
    node: Node<'a>,
) -> Option<(std::borrow::Cow<'a, str>, Node<'a>)> {
    let sampling = &mut chat.sampling;
    match key.as_ref() {
        "max_tokens" => sampling.max_tokens = reader.u64("max_tokens", &node),
        "temperature" => sampling.temperature = reader.f64("temperature", &node),
        "p" => sampling.top_p = reader.f64("p", &node),
        "k" => sampling.top_k = reader.u64("k", &node),
        "seed" => sampling.seed = reader.i64("seed", &node),
        "frequency_penalty" => {
            sampling.frequency_penalty = reader.f64("frequency_penalty", &node);
        }
        "presence_penalty" => sampling.presence_penalty = reader.f64("presence_penalty", &node),
        "stop_sequences" => {
            let stop = reader.list("stop_sequences", node, |reader, item| {
                if item.as_text().is_none() {
                    reader.wrong(&item, "a string");
                }
                item.into_text()
            });
            sampling.stop = stop.unwrap_or_default();
        }
        _ => return Some((key, node)),
    }
    None
}

fn one_document(reader: &mut Reader, node: Node<'_>) -> Option<Part> {
    match node {
        Node::Text(_) => {}
        Node::Object(_) if node.get("data").is_some_and(is_data) => {}
        Node::Object(_) => {
            reader.missing("data", "an object");
            return None;
        }
        other => {
            reader.wrong(&other, "a string or an object with 'data'");
            return None;
        }
    }
    Some(document(&node.into_value()))
}

fn is_data(node: &Node<'_>) -> bool {
    matches!(node, Node::Object(_) | Node::Text(_))
}

/// Documents stand beside the messages here, and in front of the last question everywhere else.
fn lay_out(documents: Vec<Part>, messages: &mut Vec<Message>) {
    if documents.is_empty() {
        return;
    }
    let asked = messages
        .iter_mut()
        .rfind(|message| message.role == Role::User);
    if let Some(message) = asked {
        message.form = ContentForm::Parts;
        message.parts.splice(0..0, documents);
    } else {
        messages.push(Message::new(Role::User, documents));
    }
}

fn tool(reader: &mut Reader, node: Node<'_>) -> Option<Tool> {
    let Node::Object(_) = &node else {
        reader.wrong(&node, "an object");
        return None;
    };
    if node
        .get("type")
        .and_then(Node::as_text)
        .unwrap_or("function")
        != "function"
    {
        return Some(Tool::Opaque {
            dialect: Dialect::COHERE,
            value: node.into_value(),
        });
    }
    let function = node
        .into_fields()
        .into_iter()
        .rfind(|(key, _)| key == "function");
    let Some((_, Node::Object(fields))) = function else {
        reader.missing("function", "an object");
        return None;
    };
    reader.at("function", |reader| read_function(reader, fields))
}

fn read_function(reader: &mut Reader, fields: Fields<'_>) -> Option<Tool> {
    let mut tool = FunctionTool::default();
    let mut name = None;
    let mut extra = Map::new();
    for (key, node) in fields {
        match key.as_ref() {
            "name" => name = reader.text("name", node),
            "description" => tool.description = reader.text("description", node),
            "parameters" => {
                tool.parameters = reader.map("parameters", node).map(Value::Object);
            }
            _ if node.is_void() => {}
            _ => {
                extra.insert(key.into_owned(), node.into_value());
            }
        }
    }
    let Some(name) = name else {
        reader.missing("name", "a string");
        return None;
    };
    tool.name = name;
    tool.extra = Extra::of(Dialect::COHERE, extra);
    Some(Tool::Function(tool))
}

/// All tools are strict here, or none.
fn be_strict(chat: &mut ChatRequest, strict: bool, extra: &mut Map<String, Value>) {
    let mut told = false;
    for tool in chat.tools.iter_mut().flatten() {
        if let Tool::Function(function) = tool {
            function.strict = strict.then_some(true);
            told = true;
        }
    }
    if strict && !told {
        extra.insert("strict_tools".to_owned(), true.into());
    }
}

fn choice(reader: &mut Reader, node: &Node<'_>) -> Option<ToolChoice> {
    match node.as_text() {
        Some("REQUIRED") => Some(ToolChoice::Required),
        Some("NONE") => Some(ToolChoice::None),
        _ if node.is_null() => None,
        _ => {
            reader.at("tool_choice", |reader| {
                reader.wrong(node, "'REQUIRED' or 'NONE'");
            });
            None
        }
    }
}

fn format(reader: &mut Reader, node: Node<'_>) -> Option<ResponseFormat> {
    let fields = reader.map("response_format", node)?;
    match fields.get("type").and_then(Value::as_str) {
        Some("text") => Some(ResponseFormat::Text),
        Some("json_object") => Some(match fields.get("json_schema") {
            Some(schema @ Value::Object(_)) => ResponseFormat::JsonSchema {
                name: None,
                description: None,
                schema: schema.clone(),
                strict: None,
            },
            _ => ResponseFormat::JsonObject,
        }),
        _ => {
            reader.at("response_format", |reader| {
                reader.at("type", |reader| {
                    reader.fault("literal_error", "must be 'text' or 'json_object'");
                });
            });
            None
        }
    }
}

fn thinking(reader: &mut Reader, node: Node<'_>) -> Option<Reasoning> {
    let fields = reader.map("thinking", node)?;
    let mut reasoning = Reasoning::default();
    reasoning.enabled = match fields.get("type").and_then(Value::as_str) {
        Some("enabled") => Some(true),
        Some("disabled") => Some(false),
        _ => None,
    };
    reasoning.budget_tokens = fields.get("token_budget").and_then(Value::as_u64);
    reasoning.extra = Extra::of(Dialect::COHERE, fields);
    Some(reasoning)
}
