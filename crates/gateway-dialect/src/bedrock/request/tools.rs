//! Tools, and which of them must be called.

use super::super::set;
use gateway_schema::Dialect;
use gateway_schema::chat::{Content, FunctionTool, Tool, ToolChoice};
use serde_json::{Value, json};

use super::super::block::cache_block;
use super::decode::is_about_tools;
use super::encode::Encoding;

/// Writes `toolConfig`, and says whether a tool is forced.
pub(super) fn write(encoding: &mut Encoding<'_>) -> (Option<Value>, bool) {
    let request = encoding.request;
    let mut tools = Vec::new();
    for (index, tool) in request.tools.iter().flatten().enumerate() {
        add(encoding, index, tool, &mut tools);
    }
    if request.parallel_tool_calls == Some(false) && !tools.is_empty() {
        encoding
            .losses
            .dropped("parallel_tool_calls", "Converse has no such parameter");
    }
    let history = request
        .messages
        .iter()
        .any(|message| message.parts.iter().any(is_about_tools));
    if tools.is_empty() && history && !encoding.is_mlflow() {
        encoding.losses.approximated(
            "tools",
            "Bedrock wants the tools that the conversation speaks of; their names are sent",
        );
        tools = of_history(encoding);
    }
    if tools.is_empty() {
        return (None, false);
    }
    let mut forced = false;
    let choice = match &request.tool_choice {
        None => None,
        Some(ToolChoice::Auto) => Some(json!({"auto": {}})),
        Some(ToolChoice::Required) => {
            forced = true;
            Some(json!({"any": {}}))
        }
        Some(ToolChoice::Function(name)) => {
            forced = true;
            Some(json!({"tool": {"name": name}}))
        }
        Some(ToolChoice::None) if history => {
            encoding.losses.approximated(
                "tool_choice",
                "Bedrock cannot forbid the tools that the conversation speaks of",
            );
            None
        }
        Some(ToolChoice::None) => return (None, false),
        Some(ToolChoice::Allowed { names, required }) => {
            tools.retain(|tool| {
                tool.pointer("/toolSpec/name")
                    .and_then(Value::as_str)
                    .is_none_or(|name| names.iter().any(|allowed| allowed == name))
            });
            forced = *required;
            Some(if *required {
                json!({"any": {}})
            } else {
                json!({"auto": {}})
            })
        }
        Some(ToolChoice::Opaque { dialect, value }) if *dialect == Dialect::BEDROCK => {
            Some(value.clone())
        }
        Some(_) => {
            encoding
                .losses
                .dropped("tool_choice", "Bedrock has no such choice");
            None
        }
    };
    if tools.is_empty() {
        return (None, false);
    }
    let mut config = json!({"tools": tools});
    if let Some(choice) = choice {
        set(&mut config, "toolChoice", choice);
    }
    (Some(config), forced)
}

fn add(encoding: &mut Encoding<'_>, index: usize, tool: &Tool, out: &mut Vec<Value>) {
    match tool {
        Tool::Function(function) => {
            out.push(spec(encoding, index, function));
            if let Some(cache) = &function.cache {
                if encoding.traits.takes_cache_points() {
                    out.push(cache_block(cache));
                } else {
                    encoding.losses.dropped(
                        format!("tools[{index}].cache_control"),
                        "this model has no prompt cache",
                    );
                }
            }
        }
        Tool::Opaque { dialect, value } if *dialect == Dialect::BEDROCK => out.push(value.clone()),
        Tool::Opaque { dialect, .. } => encoding.losses.dropped(
            format!("tools[{index}]"),
            format!("only {dialect} knows this tool"),
        ),
        _ => encoding
            .losses
            .dropped(format!("tools[{index}]"), "Bedrock has no such tool"),
    }
}

fn spec(encoding: &mut Encoding<'_>, index: usize, function: &FunctionTool) -> Value {
    let mut spec = json!({"name": function.name});
    // Empty descriptions are refused.
    if let Some(description) = function
        .description
        .as_deref()
        .filter(|text| !text.is_empty())
    {
        set(&mut spec, "description", description.into());
    }
    let empty = || json!({"type": "object", "properties": {}});
    let schema = function.parameters.clone().unwrap_or_else(empty);
    set(&mut spec, "inputSchema", json!({"json": schema}));
    match function.strict {
        Some(true) if encoding.traits.takes_strict_tools() || encoding.is_native() => {
            set(&mut spec, "strict", true.into());
        }
        Some(true) => encoding.losses.dropped(
            format!("tools[{index}].function.strict"),
            "this model does not promise to follow a schema",
        ),
        Some(false) if encoding.is_native() => set(&mut spec, "strict", false.into()),
        _ => {}
    }
    if let Some(extra) = function.extra.for_dialect(Dialect::BEDROCK) {
        for (key, value) in extra {
            set(&mut spec, key.as_str(), value.clone());
        }
    } else if let Some(dialect) = function.extra.dialect() {
        for key in function.extra.fields().keys() {
            encoding.losses.dropped(
                format!("tools[{index}].{key}"),
                format!("only {dialect} knows this field"),
            );
        }
    }
    json!({"toolSpec": spec})
}

/// The tools that were called, by their names.
fn of_history(encoding: &Encoding<'_>) -> Vec<Value> {
    let mut names: Vec<&str> = Vec::new();
    for part in encoding.request.messages.iter().flat_map(|it| &it.parts) {
        if let Content::ToolCall(call) = &part.content
            && !names.contains(&call.name.as_str())
        {
            names.push(&call.name);
        }
    }
    names
        .into_iter()
        .map(
            |name| json!({"toolSpec": {"name": name, "inputSchema": {"json": {"type": "object"}}}}),
        )
        .collect()
}
