//! Requests in.

use gateway_schema::chat::{
    ChatRequest, Content, FunctionTool, Message, Part, ResponseFormat, Role, Tool, ToolChoice,
};
use gateway_schema::{CallError, Dialect, Extra};
use serde_json::{Map, Value};

use super::super::block;
use super::additional;
use crate::node::{Fields, Node, Reader, request_fields};

/// Reads a body of Converse.
pub(in super::super) fn decode(body: &[u8]) -> Result<ChatRequest, CallError> {
    let mut reader = Reader::new();
    let chat = request(&mut reader, request_fields(body)?);
    reader.finish(chat)
}

/// Reads a body of CountTokens: a Converse request inside `input.converse`.
pub(in super::super) fn decode_count(body: &[u8]) -> Result<ChatRequest, CallError> {
    let mut reader = Reader::new();
    let mut fields = Node::Object(request_fields(body)?);
    for (key, path) in [("input", "input"), ("converse", "input.converse")] {
        let found = fields
            .into_fields()
            .into_iter()
            .rfind(|(known, _)| known == key);
        let Some((_, inner)) = found else {
            reader.missing(path, "an object");
            return reader.finish(ChatRequest::default());
        };
        fields = inner;
    }
    let chat = match fields {
        Node::Object(fields) => request(&mut reader, fields),
        _ => ChatRequest::default(),
    };
    reader.finish(chat)
}

fn request(reader: &mut Reader, fields: Fields<'_>) -> ChatRequest {
    let mut chat = ChatRequest::default();
    let mut extra = Map::new();
    let mut system = None;
    for (key, node) in fields {
        match key.as_ref() {
            "messages" => {
                chat.messages = reader.list("messages", node, message).unwrap_or_default();
            }
            "system" => system = instructions(reader, node),
            "inferenceConfig" => inference(reader, node, &mut chat),
            "toolConfig" => tools(reader, node, &mut chat),
            "additionalModelRequestFields" => {
                if let Some(fields) = reader.map("additionalModelRequestFields", node) {
                    let rest = additional::read(fields, &mut chat);
                    if !rest.is_empty() {
                        extra.insert("additionalModelRequestFields".to_owned(), rest.into());
                    }
                }
            }
            "outputConfig" => output(reader, node, &mut chat, &mut extra),
            "requestMetadata" => {
                chat.metadata = reader
                    .map("requestMetadata", node)
                    .filter(|notes| !notes.is_empty());
            }
            "serviceTier" => {
                let tier = reader.map("serviceTier", node);
                if let Some(Value::String(kind)) = tier.and_then(|mut it| it.remove("type")) {
                    chat.service_tier = Some(kind);
                }
            }
            // AWS's clients send it in the path; some send it here too.
            "modelId" => {}
            _ if node.is_void() => {}
            _ => {
                extra.insert(key.into_owned(), node.into_value());
            }
        }
    }
    if let Some(system) = system {
        chat.messages.insert(0, system);
    }
    chat.extra = Extra::of(Dialect::BEDROCK, extra);
    chat
}

fn instructions(reader: &mut Reader, node: Node<'_>) -> Option<Message> {
    let parts = block::parts(reader.list("system", node, one_block)?);
    (!parts.is_empty()).then(|| Message::new(Role::System, parts))
}

fn message(reader: &mut Reader, node: Node<'_>) -> Option<Message> {
    let Node::Object(fields) = node else {
        reader.wrong(&node, "an object");
        return None;
    };
    let mut role = None;
    let mut content = None;
    let mut extra = Map::new();
    for (key, node) in fields {
        match key.as_ref() {
            "role" => role = reader.text("role", node),
            "content" => content = reader.list("content", node, one_block),
            _ if node.is_void() => {}
            _ => {
                extra.insert(key.into_owned(), node.into_value());
            }
        }
    }
    let role = match role.as_deref() {
        Some("user") => Role::User,
        Some("assistant") => Role::Assistant,
        Some("system") => Role::System,
        Some(other) => {
            let text = format!("must be 'user' or 'assistant', found '{other}'");
            reader.at("role", |reader| reader.fault("literal_error", text));
            return None;
        }
        None => {
            reader.missing("role", "'user' or 'assistant'");
            return None;
        }
    };
    let Some(content) = content else {
        reader.missing("content", "a list of content blocks");
        return None;
    };
    let mut message = Message::new(role, block::parts(content));
    message.extra = Extra::of(Dialect::BEDROCK, extra);
    Some(message)
}

/// A content block: an object with one member. What the canonical form must know is checked.
fn one_block(reader: &mut Reader, node: Node<'_>) -> Option<Value> {
    let Node::Object(fields) = &node else {
        reader.wrong(&node, "an object");
        return None;
    };
    for (key, inner) in fields {
        match key.as_ref() {
            "text" if inner.as_text().is_none() => {
                reader.at("text", |reader| reader.wrong(inner, "a string"));
            }
            "toolUse" => required(reader, "toolUse", inner, &["toolUseId", "name"]),
            "toolResult" => required(reader, "toolResult", inner, &["toolUseId"]),
            "image" | "document" | "video" | "audio" if inner.get("source").is_none() => {
                reader.missing("source", "an object with 'bytes' or 's3Location'");
            }
            _ => {}
        }
    }
    Some(node.into_value())
}

fn required(reader: &mut Reader, key: &'static str, node: &Node<'_>, fields: &[&'static str]) {
    reader.at(key, |reader| {
        for field in fields {
            match node.get(field) {
                None | Some(Node::Null) => reader.missing(field, "a string"),
                Some(Node::Text(_)) => {}
                Some(other) => reader.at(field, |reader| reader.wrong(other, "a string")),
            }
        }
    });
}

fn inference(reader: &mut Reader, node: Node<'_>, chat: &mut ChatRequest) {
    let Node::Object(fields) = node else {
        if !node.is_null() {
            reader.at("inferenceConfig", |reader| reader.wrong(&node, "an object"));
        }
        return;
    };
    let sampling = &mut chat.sampling;
    reader.at("inferenceConfig", |reader| {
        for (key, node) in fields {
            match key.as_ref() {
                "maxTokens" => sampling.max_tokens = reader.u64("maxTokens", &node),
                "temperature" => sampling.temperature = reader.f64("temperature", &node),
                "topP" => sampling.top_p = reader.f64("topP", &node),
                "stopSequences" => {
                    let stop = reader.list("stopSequences", node, |reader, item| {
                        if item.as_text().is_none() {
                            reader.wrong(&item, "a string");
                        }
                        item.into_text()
                    });
                    sampling.stop = stop.unwrap_or_default();
                }
                _ => {}
            }
        }
    });
}

fn tools(reader: &mut Reader, node: Node<'_>, chat: &mut ChatRequest) {
    let Node::Object(fields) = node else {
        if !node.is_null() {
            reader.at("toolConfig", |reader| reader.wrong(&node, "an object"));
        }
        return;
    };
    reader.at("toolConfig", |reader| {
        for (key, node) in fields {
            match key.as_ref() {
                "tools" => {
                    let values = reader.list("tools", node, |reader, item| {
                        if let Node::Object(_) = &item {
                            if let Some(spec) = item.get("toolSpec") {
                                required(reader, "toolSpec", spec, &["name"]);
                            }
                            return Some(item.into_value());
                        }
                        reader.wrong(&item, "an object");
                        None
                    });
                    chat.tools = values.map(read_tools);
                }
                "toolChoice" => {
                    chat.tool_choice = reader.map("toolChoice", node).map(choice);
                }
                _ => {}
            }
        }
    });
}

fn read_tools(values: Vec<Value>) -> Vec<Tool> {
    let mut tools: Vec<Tool> = Vec::with_capacity(values.len());
    for value in values {
        if let Some(cache) = block::cache_point(&value)
            && let Some(Tool::Function(last)) = tools.last_mut()
            && last.cache.is_none()
        {
            last.cache = Some(cache);
            continue;
        }
        tools.push(function(&value).map_or_else(
            || Tool::Opaque {
                dialect: Dialect::BEDROCK,
                value: value.clone(),
            },
            Tool::Function,
        ));
    }
    tools
}

fn function(value: &Value) -> Option<FunctionTool> {
    let fields = value.as_object().filter(|fields| fields.len() == 1)?;
    let spec = fields.get("toolSpec")?.as_object()?;
    let mut tool = FunctionTool::new(spec.get("name")?.as_str()?);
    let mut extra = Map::new();
    for (key, value) in spec {
        match (key.as_str(), value) {
            ("name", _) | (_, Value::Null) => {}
            ("description", Value::String(text)) => tool.description = Some(text.clone()),
            ("inputSchema", schema) => tool.parameters = schema.get("json").cloned(),
            ("strict", Value::Bool(strict)) => tool.strict = Some(*strict),
            _ => {
                extra.insert(key.clone(), value.clone());
            }
        }
    }
    tool.extra = Extra::of(Dialect::BEDROCK, extra);
    Some(tool)
}

fn choice(fields: Map<String, Value>) -> ToolChoice {
    if fields.contains_key("auto") {
        return ToolChoice::Auto;
    }
    if fields.contains_key("any") {
        return ToolChoice::Required;
    }
    let name = fields
        .get("tool")
        .and_then(|tool| tool.get("name"))
        .and_then(Value::as_str);
    match name {
        Some(name) => ToolChoice::Function(name.to_owned()),
        None => ToolChoice::Opaque {
            dialect: Dialect::BEDROCK,
            value: Value::Object(fields),
        },
    }
}

/// `outputConfig.textFormat`; what is not understood is kept.
fn output(
    reader: &mut Reader,
    node: Node<'_>,
    chat: &mut ChatRequest,
    extra: &mut Map<String, Value>,
) {
    let Some(fields) = reader.map("outputConfig", node) else {
        return;
    };
    let value = Value::Object(fields);
    match format(&value) {
        Some(format) => chat.response_format = Some(format),
        None if value.as_object().is_some_and(Map::is_empty) => {}
        None => {
            extra.insert("outputConfig".to_owned(), value);
        }
    }
}

fn format(value: &Value) -> Option<ResponseFormat> {
    let alone = |value: &Value| value.as_object().is_some_and(|fields| fields.len() == 1);
    let format = value.get("textFormat").filter(|_| alone(value))?;
    let structure = format.get("structure").filter(|inner| alone(inner))?;
    let schema = structure.get("jsonSchema")?;
    let text = |key: &str| schema.get(key).and_then(Value::as_str).map(str::to_owned);
    Some(ResponseFormat::JsonSchema {
        name: text("name"),
        description: text("description"),
        schema: serde_json::from_str(schema.get("schema")?.as_str()?).ok()?,
        strict: None,
    })
}

/// True for a part that calls a tool or answers a call.
pub(super) fn is_about_tools(part: &Part) -> bool {
    matches!(part.content, Content::ToolCall(_) | Content::ToolResult(_))
}
