//! Requests in.
//!
//! A body that is as it should be is read in one typed pass. Only a body that is not is read again, as a tree, to name
//! everything that is wrong with it ([`super::check`]).

use gateway_schema::chat::{
    ChatRequest, Effort, FunctionTool, Message, Reasoning, ResponseFormat, Role, Tool, ToolChoice,
};
use gateway_schema::{CallError, Dialect, ErrorKind, Extra, FieldError};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::super::block::{Blocks, cache_control};
use super::check;

/// What a body is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Purpose {
    /// A turn of the conversation.
    Turn,
    /// The number of its tokens.
    Count,
}

#[derive(Deserialize)]
struct RequestIn {
    model: Option<String>,
    messages: Option<Vec<MessageIn>>,
    system: Option<Blocks>,
    max_tokens: Option<u64>,
    temperature: Option<f64>,
    top_p: Option<f64>,
    top_k: Option<u64>,
    stop_sequences: Option<Vec<String>>,
    stream: Option<bool>,
    tools: Option<Vec<Map<String, Value>>>,
    tool_choice: Option<Map<String, Value>>,
    thinking: Option<Map<String, Value>>,
    output_config: Option<Map<String, Value>>,
    output_format: Option<Map<String, Value>>,
    metadata: Option<Map<String, Value>>,
    service_tier: Option<String>,
    #[serde(flatten)]
    extra: Map<String, Value>,
}

#[derive(Deserialize)]
struct MessageIn {
    role: String,
    content: Blocks,
    #[serde(flatten)]
    extra: Map<String, Value>,
}

/// Reads a body of the Messages API.
pub(in super::super) fn decode(body: &[u8], purpose: Purpose) -> Result<ChatRequest, CallError> {
    let request: RequestIn = match serde_json::from_slice(body) {
        Ok(request) => request,
        Err(error) if error.is_data() => return Err(describe(body, purpose, Some(&error))),
        Err(error) => return Err(bad_json(&error)),
    };
    convert(request, purpose).ok_or_else(|| describe(body, purpose, None))
}

/// `None` when something is missing or not as it should be.
fn convert(request: RequestIn, purpose: Purpose) -> Option<ChatRequest> {
    let mut extra = request.extra;
    extra.retain(|_, value| !value.is_null());
    let messages = request.messages.filter(|messages| !messages.is_empty())?;
    let mut chat = ChatRequest::default();
    chat.model = request.model;
    chat.messages.reserve(messages.len() + 1);
    if let Some(system) = request.system {
        chat.messages.push(message(Role::System, system));
    }
    for item in messages {
        chat.messages.push(item.into_message()?);
    }
    if purpose == Purpose::Turn {
        request.max_tokens?;
    }
    let sampling = &mut chat.sampling;
    sampling.max_tokens = request.max_tokens;
    sampling.temperature = request.temperature;
    sampling.top_p = request.top_p;
    sampling.top_k = request.top_k;
    sampling.stop = request.stop_sequences.unwrap_or_default();
    chat.stream = request.stream.unwrap_or(false);
    chat.service_tier = request.service_tier;
    if let Some(tools) = request.tools {
        chat.tools = Some(tools.into_iter().map(tool).collect::<Option<_>>()?);
    }
    if let Some(choice) = request.tool_choice {
        let (choice, parallel) = tool_choice(choice)?;
        chat.tool_choice = Some(choice);
        chat.parallel_tool_calls = parallel;
    }
    if let Some(mut metadata) = request.metadata {
        match metadata.remove("user_id") {
            Some(Value::String(user)) => chat.user = Some(user),
            None | Some(Value::Null) => {}
            Some(_) => return None,
        }
        keep(&mut extra, "metadata", metadata);
    }
    let mut output = request.output_config.unwrap_or_default();
    let format = match output.remove("format") {
        None | Some(Value::Null) => request.output_format,
        Some(Value::Object(format)) => Some(format),
        Some(_) => return None,
    };
    if let Some(format) = format {
        chat.response_format = Some(response_format(format)?);
    }
    let effort = output.remove("effort").filter(|effort| !effort.is_null());
    if request.thinking.is_some() || effort.is_some() {
        chat.reasoning = Some(reasoning(request.thinking, effort)?);
    }
    keep(&mut extra, "output_config", output);
    chat.extra = Extra::of(Dialect::ANTHROPIC, extra);
    Some(chat)
}

fn keep(extra: &mut Map<String, Value>, name: &str, rest: Map<String, Value>) {
    if !rest.is_empty() {
        extra.insert(name.to_owned(), Value::Object(rest));
    }
}

fn message(role: Role, content: Blocks) -> Message {
    let mut message = Message::new(role, content.parts);
    message.form = content.form;
    message
}

impl MessageIn {
    fn into_message(self) -> Option<Message> {
        let role = match self.role.as_str() {
            "user" => Role::User,
            "assistant" => Role::Assistant,
            "system" => Role::System,
            _ => return None,
        };
        let mut message = message(role, self.content);
        message.extra = Extra::of(Dialect::ANTHROPIC, self.extra);
        Some(message)
    }
}

fn tool(mut fields: Map<String, Value>) -> Option<Tool> {
    let custom = match fields.get("type") {
        None | Some(Value::Null) => true,
        Some(Value::String(kind)) => kind == "custom",
        Some(_) => return None,
    };
    if !custom {
        return Some(Tool::Opaque {
            dialect: Dialect::ANTHROPIC,
            value: Value::Object(fields),
        });
    }
    let Some(Value::String(name)) = fields.remove("name") else {
        return None;
    };
    let mut tool = FunctionTool::new(name);
    tool.description = match fields.remove("description") {
        None | Some(Value::Null) => None,
        Some(Value::String(text)) => Some(text),
        Some(_) => return None,
    };
    tool.parameters = Some(fields.remove("input_schema")?);
    tool.strict = match fields.remove("strict") {
        None | Some(Value::Null) => None,
        Some(Value::Bool(strict)) => Some(strict),
        Some(_) => return None,
    };
    tool.cache = cache_control(
        fields
            .remove("cache_control")
            .filter(|value| !value.is_null()),
        &mut fields,
    );
    tool.extra = Extra::of(Dialect::ANTHROPIC, fields);
    Some(Tool::Function(tool))
}

fn tool_choice(fields: Map<String, Value>) -> Option<(ToolChoice, Option<bool>)> {
    let parallel = match fields.get("disable_parallel_tool_use") {
        None | Some(Value::Null) => None,
        Some(Value::Bool(disabled)) => Some(!disabled),
        Some(_) => return None,
    };
    let choice = match fields.get("type")?.as_str()? {
        "auto" => ToolChoice::Auto,
        "any" => ToolChoice::Required,
        "none" => ToolChoice::None,
        "tool" => ToolChoice::Function(fields.get("name")?.as_str()?.to_owned()),
        _ => ToolChoice::Opaque {
            dialect: Dialect::ANTHROPIC,
            value: Value::Object(fields),
        },
    };
    Some((choice, parallel))
}

fn response_format(mut format: Map<String, Value>) -> Option<ResponseFormat> {
    if format.get("type")?.as_str()? != "json_schema" {
        return None;
    }
    Some(ResponseFormat::JsonSchema {
        name: None,
        description: None,
        schema: format.remove("schema")?,
        strict: None,
    })
}

fn reasoning(thinking: Option<Map<String, Value>>, effort: Option<Value>) -> Option<Reasoning> {
    let mut reasoning = Reasoning::default();
    let mut extra = Map::new();
    if let Some(effort) = effort {
        reasoning.effort = Some(effort_of(effort.as_str()?));
        extra.insert("effort".to_owned(), effort);
    }
    if let Some(thinking) = thinking {
        reasoning.enabled = match thinking.get("type")?.as_str()? {
            "disabled" => Some(false),
            "enabled" | "adaptive" => Some(true),
            _ => None,
        };
        reasoning.budget_tokens = match thinking.get("budget_tokens") {
            None | Some(Value::Null) => None,
            Some(budget) => Some(budget.as_u64()?),
        };
        reasoning.summary = thinking
            .get("display")
            .and_then(Value::as_str)
            .map(str::to_owned);
        extra.insert("thinking".to_owned(), Value::Object(thinking));
    }
    reasoning.extra = Extra::of(Dialect::ANTHROPIC, extra);
    Some(reasoning)
}

fn effort_of(word: &str) -> Effort {
    match word {
        "low" => Effort::Low,
        "medium" => Effort::Medium,
        "high" => Effort::High,
        "xhigh" => Effort::ExtraHigh,
        other => Effort::Other(other.to_owned()),
    }
}

pub(in super::super) fn bad_json(error: &serde_json::Error) -> CallError {
    CallError::client(
        ErrorKind::InvalidRequest,
        format!("The body is not valid JSON: {error}."),
    )
    .with_code("invalid_json")
}

/// Everything that is wrong with a body that is JSON but not a request.
fn describe(body: &[u8], purpose: Purpose, error: Option<&serde_json::Error>) -> CallError {
    let tree: Value = match serde_json::from_slice(body) {
        Ok(tree) => tree,
        Err(error) => return bad_json(&error),
    };
    let mut problems = check::request(&tree, purpose);
    if problems.is_empty() {
        let found = error.map_or_else(
            || "The body is not a request of the Messages API.".to_owned(),
            ToString::to_string,
        );
        problems.push(FieldError::new(Vec::new(), "invalid", found));
    }
    CallError::fields(problems)
}
