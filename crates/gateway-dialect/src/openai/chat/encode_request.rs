//! Chat requests, in OpenAI's form.

use gateway_schema::Dialect;
use gateway_schema::Losses;
use gateway_schema::chat::{
    ChatRequest, Effort, FunctionTool, Reasoning, ResponseFormat, Tool, ToolChoice,
};
use serde_json::Value;

use super::decode_request::OUTER;
use super::encode_message::Messages;
use super::encode_part::write_cache;
use crate::node::{List, Object, object};
use crate::openai::body::{Body, Shape, foreign};
use crate::openai::quirks::{EffortRule, Quirks};
use crate::{EncodedRequest, RequestOptions};

/// Writes a chat request for an OpenAI-like provider.
pub fn encode_chat_request(
    request: &ChatRequest,
    options: &RequestOptions<'_>,
    quirks: &Quirks,
) -> EncodedRequest {
    let mut losses = Losses::new();
    let mut out = Vec::with_capacity(1024);
    let shape = Shape { options, quirks };
    object(&mut out, |out| {
        if quirks.names_model {
            out.field("model", options.model);
        }
        out.list("messages", |out| {
            let mut messages = Messages {
                shape,
                losses: &mut losses,
            };
            for (index, message) in request.messages.iter().enumerate() {
                messages.write(index, message, out);
            }
        });
        let mut body = Body {
            out,
            shape,
            losses: &mut losses,
        };
        tools(&mut body, request);
        format(&mut body, request.response_format.as_ref());
        body.sampling(&request.sampling);
        if let Some(reasoning) = &request.reasoning {
            write_reasoning(&mut body, reasoning);
        }
        body.put("logprobs", request.logprobs.as_ref());
        body.put("top_logprobs", request.top_logprobs.as_ref());
        body.put("user", request.user.as_ref());
        body.put("metadata", request.metadata.as_ref());
        body.put(
            "service_tier",
            request.service_tier.as_deref().map(tier_word),
        );
        body.stream(request.stream, request.include_usage, &request.extra);
        body.extra(&request.extra);
    });
    EncodedRequest {
        body: out.into(),
        losses,
    }
}

/// A service class in OpenAI's word; vendors have others of their own.
fn tier_word(tier: &str) -> &str {
    if tier == "standard_only" {
        "default"
    } else {
        tier
    }
}

fn tools(body: &mut Body<'_, '_>, request: &ChatRequest) {
    if let Some(tools) = &request.tools
        && let Some(name) = body.name("tools")
    {
        let Body { out, shape, losses } = body;
        let shown = match &request.tool_choice {
            Some(ToolChoice::Allowed { names, .. }) if !shape.quirks.allowed_tools => Some(names),
            _ => None,
        };
        let is_shown = |tool: &Tool| match (tool, shown) {
            (Tool::Function(function), Some(names)) => names.contains(&function.name),
            _ => true,
        };
        out.list(name, |out| {
            for (index, tool) in tools.iter().enumerate().filter(|(_, tool)| is_shown(tool)) {
                write_tool(*shape, losses, index, tool, out);
            }
        });
    }
    if let Some(choice) = &request.tool_choice
        && let Some(name) = body.name("tool_choice")
    {
        write_choice(body, name, choice);
    }
    body.put("parallel_tool_calls", request.parallel_tool_calls.as_ref());
}

fn write_tool(
    shape: Shape<'_>,
    losses: &mut Losses,
    index: usize,
    tool: &Tool,
    out: &mut List<'_>,
) {
    let at = format!("tools[{index}]");
    match tool {
        Tool::Function(function) => {
            if function.cache.is_some() && !shape.quirks.cache_control {
                losses.dropped(
                    format!("{at}.cache_control"),
                    "this provider caches prompts without marks, if at all",
                );
            }
            if let Some(dialect) = function.extra.dialect()
                && !shape.is_ours(dialect)
            {
                for key in function.extra.fields().keys() {
                    losses.dropped(
                        format!("{at}.{key}"),
                        foreign(dialect, "an OpenAI-like API"),
                    );
                }
            }
            out.object(|out| write_function(shape, function, out));
        }
        Tool::Opaque { dialect, value } if shape.is_ours(*dialect) => out.item(value),
        Tool::Opaque { dialect, .. } => losses.dropped(at, foreign(*dialect, "an OpenAI-like API")),
        _ => losses.dropped(at, "this kind of tool has no form here"),
    }
}

fn write_function(shape: Shape<'_>, function: &FunctionTool, out: &mut Object<'_>) {
    let fields = function
        .extra
        .dialect()
        .filter(|dialect| shape.is_ours(*dialect))
        .map(|_| function.extra.fields());
    out.field("type", "function");
    out.object("function", |out| {
        out.field("name", &function.name);
        out.option("description", function.description.as_ref());
        out.option("parameters", function.parameters.as_ref());
        out.option("strict", function.strict.as_ref());
        for (key, value) in fields.into_iter().flatten() {
            if key != OUTER {
                out.field(key, value);
            }
        }
    });
    if let Some(cache) = function
        .cache
        .as_ref()
        .filter(|_| shape.quirks.cache_control)
    {
        write_cache(out, cache);
    }
    if let Some(Value::Object(outer)) = fields.and_then(|fields| fields.get(OUTER)) {
        out.fields(outer);
    }
}

fn write_choice(body: &mut Body<'_, '_>, name: &str, choice: &ToolChoice) {
    let function = |out: &mut Object<'_>, name: &str| {
        out.field("type", "function");
        out.object("function", |out| out.field("name", name));
    };
    match choice {
        ToolChoice::Auto => body.out.field(name, "auto"),
        ToolChoice::None => body.out.field(name, "none"),
        ToolChoice::Required => body.out.field(name, "required"),
        ToolChoice::Function(tool) => body.out.object(name, |out| function(out, tool)),
        ToolChoice::Allowed { required, .. } if !body.shape.quirks.allowed_tools => {
            body.losses
                .approximated(name, "the model is shown these tools alone");
            let word = if *required { "required" } else { "auto" };
            body.out.field(name, word);
        }
        ToolChoice::Allowed { names, required } => body.out.object(name, |out| {
            out.field("type", "allowed_tools");
            out.object("allowed_tools", |out| {
                out.field("mode", if *required { "required" } else { "auto" });
                out.list("tools", |out| {
                    for name in names {
                        out.object(|out| function(out, name));
                    }
                });
            });
        }),
        ToolChoice::Opaque { dialect, value } if body.shape.is_ours(*dialect) => {
            body.out.field(name, value);
        }
        ToolChoice::Opaque { dialect, .. } => body
            .losses
            .dropped("tool_choice", foreign(*dialect, "an OpenAI-like API")),
        _ => body
            .losses
            .dropped("tool_choice", "this choice has no form here"),
    }
}

fn format(body: &mut Body<'_, '_>, format: Option<&ResponseFormat>) {
    let Some(format) = format else { return };
    let Some(key) = body.name("response_format") else {
        return;
    };
    body.out.object(key, |out| match format {
        ResponseFormat::JsonObject => out.field("type", "json_object"),
        ResponseFormat::JsonSchema {
            name,
            description,
            schema,
            strict,
        } => {
            out.field("type", "json_schema");
            out.object("json_schema", |out| {
                // The API asks for a name.
                out.field("name", name.as_deref().unwrap_or("response"));
                out.option("description", description.as_ref());
                out.field("schema", schema);
                out.option("strict", strict.as_ref());
            });
        }
        _ => out.field("type", "text"),
    });
}

fn write_reasoning(body: &mut Body<'_, '_>, reasoning: &Reasoning) {
    if let Some(fields) = reasoning.extra.for_dialect(Dialect::OPENAI) {
        let stated = |effort: &Effort| {
            fields
                .get("reasoning")
                .and_then(|object| object.get("effort"))
                .and_then(Value::as_str)
                == Some(effort_word(effort))
        };
        if let Some(effort) = reasoning.effort.as_ref().filter(|effort| !stated(effort)) {
            body.put("reasoning_effort", Some(effort_word(effort)));
        }
        body.out.fields(fields);
        return;
    }
    if let Some(dialect) = reasoning.extra.dialect() {
        for key in reasoning.extra.fields().keys() {
            body.losses.dropped(
                format!("reasoning.{key}"),
                foreign(dialect, "an OpenAI-like API"),
            );
        }
    }
    if let Some(summary) = &reasoning.summary {
        body.losses.dropped(
            "reasoning.summary",
            format!("`{summary}` cannot be asked for here"),
        );
    }
    match &reasoning.effort {
        Some(effort) => {
            body.put("reasoning_effort", Some(effort_word(effort)));
            if reasoning.budget_tokens.is_some() {
                body.losses
                    .dropped("reasoning.budget_tokens", "the effort stands for it");
            }
        }
        None => derive_effort(body, reasoning),
    }
}

/// Asks for reasoning that the caller described in other words than an effort.
fn derive_effort(body: &mut Body<'_, '_>, reasoning: &Reasoning) {
    let wanted = reasoning
        .enabled
        .unwrap_or(reasoning.budget_tokens.is_some());
    let possible = match body.shape.quirks.effort {
        EffortRule::Always => true,
        EffortRule::Never => false,
        EffortRule::ReasoningModels => body.shape.is_reasoning_model(),
    };
    match (wanted, possible) {
        (false, false) => {}
        (false, true) => {
            if reasoning.enabled == Some(false) && body.shape.is_reasoning_model() {
                body.losses
                    .dropped("reasoning", "this model cannot be told not to reason");
            }
        }
        (true, false) => body
            .losses
            .dropped("reasoning", "this model is not known to reason"),
        (true, true) => {
            let effort = match reasoning.budget_tokens {
                Some(0..=2048) => "low",
                Some(2049..=8192) | None => "medium",
                Some(_) => "high",
            };
            body.losses.approximated(
                "reasoning",
                format!("a budget or a switch becomes the effort `{effort}`"),
            );
            body.put("reasoning_effort", Some(effort));
        }
    }
}

fn effort_word(effort: &Effort) -> &str {
    match effort {
        Effort::None => "none",
        Effort::Minimal => "minimal",
        Effort::Low => "low",
        Effort::High => "high",
        Effort::ExtraHigh => "xhigh",
        Effort::Other(word) => word,
        _ => "medium",
    }
}
