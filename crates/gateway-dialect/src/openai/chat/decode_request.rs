//! Chat requests, from OpenAI's form.

use gateway_schema::chat::{
    ChatRequest, Effort, FunctionTool, Reasoning, ResponseFormat, Tool, ToolChoice,
};
use gateway_schema::{CallError, Dialect, Extra};
use serde_json::{Map, Value};

use super::decode_message;
use super::decode_part::cache_control;
use crate::node::{Fields, Node, Reader, into_map, request_fields};
use crate::openai::sampling;

/// Reads a chat request.
///
/// # Errors
/// Of origin client: where the JSON breaks, or every wrong field at once.
pub fn decode_chat_request(body: &[u8]) -> Result<ChatRequest, CallError> {
    let fields = request_fields(body)?;
    let mut reader = Reader::new();
    let mut request = ChatRequest::default();
    let mut extra = Map::new();
    let mut has_messages = false;
    for (key, node) in fields {
        if key == "messages" {
            has_messages = true;
            messages(&mut reader, &mut request, node);
        } else if let Some(node) = sampling::decode(&mut reader, &mut request.sampling, &key, node)
            && let Some(node) = field(&mut reader, &mut request, &key, node)
        {
            other(&mut request, &mut extra, &key, node);
        }
    }
    if !has_messages {
        reader.missing("messages", "a list of messages");
    }
    request.extra = Extra::of(Dialect::OPENAI, extra);
    reader.finish(request)
}

fn messages(reader: &mut Reader, request: &mut ChatRequest, node: Node<'_>) {
    match node {
        Node::Null => reader.at("messages", |reader| {
            reader.wrong(&Node::Null, "a list of messages");
        }),
        Node::List(items) if items.is_empty() => reader.at("messages", |reader| {
            reader.fault(
                "empty_array",
                "expected at least one message, got an empty list",
            );
        }),
        node => {
            if let Some(messages) = reader.list("messages", node, decode_message::message) {
                request.messages = messages;
            }
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
        "tools" => request.tools = reader.list("tools", node, tool),
        "tool_choice" if !node.is_null() => request.tool_choice = tool_choice(reader, node),
        "parallel_tool_calls" => {
            request.parallel_tool_calls = reader.bool("parallel_tool_calls", &node);
        }
        "logprobs" => request.logprobs = reader.bool("logprobs", &node),
        "top_logprobs" => request.top_logprobs = reader.u32("top_logprobs", &node),
        "stream" => request.stream = reader.bool("stream", &node).unwrap_or(false),
        "user" => request.user = reader.text("user", node),
        "metadata" => request.metadata = reader.map("metadata", node),
        "service_tier" => request.service_tier = reader.text("service_tier", node),
        "reasoning_effort" => {
            if let Some(word) = reader.text("reasoning_effort", node) {
                reasoning(request).effort = Some(effort(word));
            }
        }
        _ => return Some(node),
    }
    None
}

/// Reads fields that some vendors add, and keeps the rest as it is.
fn other(request: &mut ChatRequest, extra: &mut Map<String, Value>, key: &str, node: Node<'_>) {
    match (key, node) {
        ("stream_options", node) => {
            sampling::stream_options(node, &mut request.include_usage, extra);
        }
        ("response_format", node @ Node::Object(_)) => match response_format(node) {
            Ok(format) => request.response_format = Some(format),
            Err(value) => {
                extra.insert(key.to_owned(), value);
            }
        },
        ("reasoning", Node::Object(fields)) => {
            openrouter_reasoning(reasoning(request), into_map(fields));
        }
        ("thinking", Node::Object(fields)) => {
            thinking(reasoning(request), into_map(fields));
        }
        ("tool_choice" | "response_format", Node::Null) => {}
        (_, node) => {
            extra.insert(key.to_owned(), node.into_value());
        }
    }
}

fn reasoning(request: &mut ChatRequest) -> &mut Reasoning {
    request.reasoning.get_or_insert_with(Reasoning::default)
}

fn effort(word: String) -> Effort {
    match word.as_str() {
        "none" => Effort::None,
        "minimal" => Effort::Minimal,
        "low" => Effort::Low,
        "medium" => Effort::Medium,
        "high" => Effort::High,
        "xhigh" => Effort::ExtraHigh,
        _ => Effort::Other(word),
    }
}

/// `reasoning: {effort, max_tokens, enabled, ...}`, as OpenRouter has it.
fn openrouter_reasoning(reasoning: &mut Reasoning, object: Map<String, Value>) {
    if let Some(word) = object.get("effort").and_then(Value::as_str) {
        reasoning.effort = Some(effort(word.to_owned()));
    }
    if let Some(enabled) = object.get("enabled").and_then(Value::as_bool) {
        reasoning.enabled = Some(enabled);
    }
    if let Some(budget) = object.get("max_tokens").and_then(Value::as_u64) {
        reasoning.budget_tokens = Some(budget);
    }
    if let Some(summary) = object.get("summary").and_then(Value::as_str) {
        reasoning.summary = Some(summary.to_owned());
    }
    reasoning
        .extra
        .insert(Dialect::OPENAI, "reasoning", Value::Object(object));
}

/// `thinking: {type, budget_tokens}`, as DeepSeek, Z.ai and others take it over from Anthropic.
fn thinking(reasoning: &mut Reasoning, object: Map<String, Value>) {
    match object.get("type").and_then(Value::as_str) {
        Some("disabled") => reasoning.enabled = Some(false),
        Some(_) => reasoning.enabled = Some(true),
        None => {}
    }
    if let Some(budget) = object.get("budget_tokens").and_then(Value::as_u64) {
        reasoning.budget_tokens = Some(budget);
    }
    reasoning
        .extra
        .insert(Dialect::OPENAI, "thinking", Value::Object(object));
}

/// Reads a response format; what is not of the three known kinds is given back.
fn response_format(node: Node<'_>) -> Result<ResponseFormat, Value> {
    let kind = node.get("type").and_then(Node::as_text);
    match kind {
        Some("text") => Ok(ResponseFormat::Text),
        Some("json_object") if node.get("schema").is_none() => Ok(ResponseFormat::JsonObject),
        Some("json_schema") => {
            let known = ["name", "description", "schema", "strict"];
            let is_known = match node.get("json_schema") {
                Some(Node::Object(fields)) => {
                    fields.iter().all(|(key, _)| known.contains(&key.as_ref()))
                        && fields
                            .iter()
                            .any(|(key, node)| key == "schema" && !node.is_null())
                }
                _ => false,
            };
            if !is_known {
                return Err(node.into_value());
            }
            let (mut name, mut description, mut schema, mut strict) =
                (None, None, Value::Null, None);
            let inner = node
                .into_fields()
                .into_iter()
                .rev()
                .find(|(key, _)| key == "json_schema")
                .map_or_else(Vec::new, |(_, node)| node.into_fields());
            for (key, node) in inner {
                match &*key {
                    "name" => name = node.as_text().map(str::to_owned),
                    "description" => description = node.as_text().map(str::to_owned),
                    "schema" => schema = node.into_value(),
                    "strict" => strict = as_bool(&node),
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

fn as_bool(node: &Node<'_>) -> Option<bool> {
    match node {
        Node::Bool(value) => Some(*value),
        _ => None,
    }
}

/// Reads one tool.
fn tool(reader: &mut Reader, node: Node<'_>) -> Option<Tool> {
    if !matches!(node, Node::Object(_)) {
        reader.wrong(&node, "an object with `type` and `function`");
        return None;
    }
    let kind = node.get("type").and_then(Node::as_text);
    if kind.is_some_and(|kind| kind != "function") {
        return Some(Tool::Opaque {
            dialect: Dialect::OPENAI,
            value: node.into_value(),
        });
    }
    let mut function = None;
    let mut cache = None;
    let mut outer = Map::new();
    for (key, node) in node.into_fields() {
        match &*key {
            "type" => {}
            "function" => function = Some(node),
            "cache_control" => cache = cache_control(&node),
            _ => {
                outer.insert(key.into_owned(), node.into_value());
            }
        }
    }
    let fields = match function {
        Some(Node::Object(fields)) => fields,
        Some(other) => {
            reader.at("function", |reader| reader.wrong(&other, "an object"));
            return None;
        }
        None => {
            reader.missing("function", "an object with a `name`");
            return None;
        }
    };
    let mut tool = reader.at("function", |reader| function_tool(reader, fields))?;
    tool.cache = cache;
    if !outer.is_empty() {
        tool.extra
            .insert(Dialect::OPENAI, OUTER, Value::Object(outer));
    }
    Some(Tool::Function(tool))
}

/// Where fields beside `function` are kept among those inside it.
pub(crate) const OUTER: &str = "$tool";

fn function_tool(reader: &mut Reader, fields: Fields<'_>) -> Option<FunctionTool> {
    let mut tool = FunctionTool::default();
    let mut named = false;
    let mut extra = Map::new();
    for (key, node) in fields {
        match &*key {
            "name" => {
                named = true;
                tool.name = reader.text("name", node).unwrap_or_default();
            }
            "description" => tool.description = reader.text("description", node),
            "parameters" if node.is_null() => {}
            "parameters" => tool.parameters = Some(node.into_value()),
            "strict" => tool.strict = reader.bool("strict", &node),
            _ => {
                extra.insert(key.into_owned(), node.into_value());
            }
        }
    }
    if !named {
        reader.missing("name", "the name of the function");
        return None;
    }
    tool.extra = Extra::of(Dialect::OPENAI, extra);
    Some(tool)
}

fn tool_choice(reader: &mut Reader, node: Node<'_>) -> Option<ToolChoice> {
    let name = |node: &Node<'_>| Some(node.get("function")?.get("name")?.as_text()?.to_owned());
    match &node {
        Node::Text(word) => match &**word {
            "auto" => return Some(ToolChoice::Auto),
            "none" => return Some(ToolChoice::None),
            "required" | "any" => return Some(ToolChoice::Required),
            _ => {}
        },
        Node::Object(_) => match node.get("type").and_then(Node::as_text) {
            Some("function") => {
                if let Some(name) = name(&node) {
                    return Some(ToolChoice::Function(name));
                }
                reader.at("tool_choice", |reader| {
                    reader.missing("function", "an object with the `name` of a function");
                });
                return None;
            }
            Some("allowed_tools") => {
                if let Some(choice) = allowed(&node, name) {
                    return Some(choice);
                }
            }
            _ => {}
        },
        other => {
            reader.at("tool_choice", |reader| {
                reader.wrong(other, "`auto`, `none`, `required` or an object");
            });
            return None;
        }
    }
    Some(ToolChoice::Opaque {
        dialect: Dialect::OPENAI,
        value: node.into_value(),
    })
}

/// `allowed_tools` of functions only.
fn allowed(node: &Node<'_>, name: impl Fn(&Node<'_>) -> Option<String>) -> Option<ToolChoice> {
    let inner = node.get("allowed_tools")?;
    let Some(Node::List(tools)) = inner.get("tools") else {
        return None;
    };
    Some(ToolChoice::Allowed {
        names: tools.iter().map(name).collect::<Option<_>>()?,
        required: inner.get("mode").and_then(Node::as_text) == Some("required"),
    })
}
