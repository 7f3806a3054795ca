//! Requests of chat out.

use gateway_schema::chat::{
    ChatRequest, Effort, FunctionTool, Reasoning, ResponseFormat, Sampling, Tool, ToolChoice,
};
use gateway_schema::completion::CompletionRequest;
use gateway_schema::{CallError, Dialect, ErrorKind, Losses, Retry};
use serde_json::{Map, Value, json};

use super::message::MessageWriter;
use super::{model, put};
use crate::node::to_bytes;
use crate::{EncodedRequest, RequestOptions};

/// Cohere's own parameters: a caller of another dialect that names one means it.
const OWN: [&str; 8] = [
    "citation_options",
    "documents",
    "k",
    "priority",
    "raw_prompting",
    "safety_mode",
    "strict_tools",
    "thinking",
];
/// How many stop sequences there may be.
const MOST_STOPS: usize = 5;
/// The ends of `p`.
const P: (f64, f64) = (0.01, 0.99);
/// The ends of the penalties.
const PENALTY: (f64, f64) = (0.0, 1.0);

/// Writes a request of chat.
///
/// # Errors
/// The caller's: several answers, which Cohere does not give.
pub fn encode_chat(
    request: &ChatRequest,
    options: &RequestOptions<'_>,
) -> Result<EncodedRequest, CallError> {
    let mut losses = Losses::new();
    let thinks = model::thinks(options.model);
    let mut body = Map::new();
    put(&mut body, "model", Some(options.model));
    put(&mut body, "stream", request.stream.then_some(true));
    let mut writer = MessageWriter {
        losses: &mut losses,
        thinks,
        documents: Vec::new(),
    };
    let mut messages = Vec::with_capacity(request.messages.len());
    for (index, message) in request.messages.iter().enumerate() {
        writer.write(index, message, &mut messages);
    }
    let documents = writer.documents;
    body.insert("messages".to_owned(), Value::Array(messages));
    put(
        &mut body,
        "documents",
        (!documents.is_empty()).then_some(documents),
    );
    tools(request, &mut body, &mut losses);
    put(&mut body, "response_format", format(request, &mut losses));
    sampling(&request.sampling, &mut body, &mut losses)?;
    if let Some(reasoning) = &request.reasoning {
        put(
            &mut body,
            "thinking",
            thinking(reasoning, thinks, &mut losses),
        );
    }
    put(
        &mut body,
        "logprobs",
        request.logprobs.filter(|wanted| *wanted),
    );
    report(request, &mut losses);
    extra(request, &mut body, &mut losses);
    Ok(EncodedRequest {
        body: to_bytes(&body)?,
        losses,
    })
}

/// Writes a text completion as a turn of chat.
///
/// # Errors
/// The caller's: a prompt that is not exactly one text, or several answers.
pub fn encode_completion_by_chat(
    request: &CompletionRequest,
    options: &RequestOptions<'_>,
) -> Result<EncodedRequest, CallError> {
    let chat = request.to_chat().ok_or_else(|| {
        CallError::client(
            ErrorKind::Unsupported,
            "prompt: Cohere takes one text, neither several prompts nor token ids.",
        )
        .with_retry(Retry::Elsewhere)
    })?;
    let mut encoded = encode_chat(&chat, options)?;
    for name in request.beyond_chat() {
        let why = "a turn of chat has no such parameter";
        encoded.losses.dropped(name, why);
    }
    Ok(encoded)
}

/// Tools and which of them may be called. A choice among them is made by leaving the others out.
fn tools(request: &ChatRequest, body: &mut Map<String, Value>, losses: &mut Losses) {
    let only: Option<Vec<&str>> = match &request.tool_choice {
        Some(ToolChoice::Function(name)) => Some(vec![name]),
        Some(ToolChoice::Allowed { names, .. }) => Some(names.iter().map(String::as_str).collect()),
        _ => None,
    };
    let mut written = Vec::new();
    let mut strict = Vec::new();
    for (index, tool) in request.tools.iter().flatten().enumerate() {
        match tool {
            Tool::Function(function) => {
                let is_chosen = only
                    .as_ref()
                    .is_none_or(|only| only.contains(&&*function.name));
                if is_chosen {
                    written.push(self::function(index, function, losses));
                    strict.push(function.strict == Some(true));
                }
            }
            Tool::Opaque { dialect, value } if *dialect == Dialect::COHERE => {
                written.push(value.clone());
            }
            _ => losses.dropped(format!("tools[{index}]"), "Cohere takes functions only"),
        }
    }
    if written.is_empty() {
        return;
    }
    body.insert("tools".to_owned(), Value::Array(written));
    if strict.iter().any(|strict| *strict) {
        body.insert("strict_tools".to_owned(), true.into());
        if strict.iter().any(|strict| !strict) {
            losses.approximated("tools", "Cohere has all tools strict, or none");
        }
    }
    let choice = match &request.tool_choice {
        None | Some(ToolChoice::Auto) => None,
        Some(ToolChoice::None) => Some("NONE"),
        Some(ToolChoice::Required) => Some("REQUIRED"),
        Some(ToolChoice::Function(_)) => {
            losses.approximated("tool_choice", "the model is shown this tool alone");
            Some("REQUIRED")
        }
        Some(ToolChoice::Allowed { required, .. }) => {
            losses.approximated("tool_choice", "the model is shown these tools alone");
            required.then_some("REQUIRED")
        }
        Some(_) => {
            losses.dropped("tool_choice", "Cohere knows REQUIRED and NONE only");
            None
        }
    };
    put(body, "tool_choice", choice);
}

fn function(index: usize, function: &FunctionTool, losses: &mut Losses) -> Value {
    let lost = [
        ("cache_control", function.cache.is_some()),
        ("extra", !function.extra.is_empty()),
    ];
    for (field, is_lost) in lost {
        if is_lost {
            losses.dropped(format!("tools[{index}].{field}"), "Cohere does not know it");
        }
    }
    let nothing = || json!({"type": "object", "properties": {}});
    json!({
        "type": "function",
        "function": {
            "name": function.name,
            "description": function.description.as_deref().unwrap_or_default(),
            "parameters": function.parameters.clone().unwrap_or_else(nothing),
        },
    })
}

fn format(request: &ChatRequest, losses: &mut Losses) -> Option<Value> {
    match request.response_format.as_ref()? {
        ResponseFormat::Text => None,
        ResponseFormat::JsonObject => Some(json!({"type": "json_object"})),
        ResponseFormat::JsonSchema {
            schema,
            description,
            ..
        } => {
            if description.is_some() {
                losses.dropped(
                    "response_format.json_schema.description",
                    "Cohere takes the schema alone",
                );
            }
            Some(json!({"type": "json_object", "json_schema": schema}))
        }
        _ => {
            losses.dropped("response_format", "Cohere knows text and JSON only");
            None
        }
    }
}

fn sampling(
    sampling: &Sampling,
    body: &mut Map<String, Value>,
    losses: &mut Losses,
) -> Result<(), CallError> {
    if let Some(n) = sampling.n.filter(|n| *n > 1) {
        return Err(CallError::client(
            ErrorKind::Unsupported,
            format!("n: Cohere gives one answer per request, {n} were asked for."),
        )
        .with_retry(Retry::Elsewhere));
    }
    put(body, "max_tokens", sampling.output_limit());
    put(body, "temperature", sampling.temperature);
    let mut within = |key: &'static str, value: Option<f64>, (least, most): (f64, f64)| {
        let value = value?;
        if !(least..=most).contains(&value) {
            losses.approximated(key, format!("Cohere takes {least} to {most}"));
        }
        Some(value.clamp(least, most))
    };
    put(body, "p", within("top_p", sampling.top_p, P));
    let frequency = within("frequency_penalty", sampling.frequency_penalty, PENALTY);
    let presence = within("presence_penalty", sampling.presence_penalty, PENALTY);
    put(body, "frequency_penalty", frequency);
    put(body, "presence_penalty", presence);
    put(body, "k", sampling.top_k);
    put(body, "seed", sampling.seed);
    let stops = sampling.stop.get(..MOST_STOPS).unwrap_or(&sampling.stop);
    put(
        body,
        "stop_sequences",
        (!stops.is_empty()).then(|| stops.to_vec()),
    );
    if sampling.stop.len() > MOST_STOPS {
        losses.dropped(
            format!("stop[{MOST_STOPS}]"),
            "Cohere takes five stop sequences",
        );
    }
    Ok(())
}

/// Whether to think, and how long. Cohere knows no effort.
fn thinking(reasoning: &Reasoning, thinks: bool, losses: &mut Losses) -> Option<Value> {
    if let Some(own) = reasoning.extra.for_dialect(Dialect::COHERE) {
        return Some(Value::Object(own.clone()));
    }
    let is_off = reasoning.enabled == Some(false) || reasoning.effort == Some(Effort::None);
    if !thinks {
        if !is_off {
            losses.dropped("reasoning", "this model does not reason");
        }
        return None;
    }
    if is_off {
        return Some(json!({"type": "disabled"}));
    }
    if reasoning.budget_tokens.is_none() && reasoning.effort.is_some() {
        losses.approximated("reasoning_effort", "Cohere thinks or does not");
    }
    let mut out = json!({"type": "enabled"});
    if let (Some(budget), Value::Object(fields)) = (reasoning.budget_tokens, &mut out) {
        fields.insert("token_budget".to_owned(), budget.into());
    }
    Some(out)
}

/// What Cohere has no place for.
fn report(request: &ChatRequest, losses: &mut Losses) {
    let lost = [
        (
            "parallel_tool_calls",
            request.parallel_tool_calls == Some(false),
        ),
        ("logit_bias", request.sampling.logit_bias.is_some()),
        (
            "top_logprobs",
            request.top_logprobs.is_some_and(|top| top > 0),
        ),
        ("user", request.user.is_some()),
        ("metadata", request.metadata.is_some()),
        ("service_tier", request.service_tier.is_some()),
    ];
    for (field, is_lost) in lost {
        if is_lost {
            losses.dropped(field, "Cohere has no such parameter");
        }
    }
}

fn extra(request: &ChatRequest, body: &mut Map<String, Value>, losses: &mut Losses) {
    let all = request.extra.dialect() == Some(Dialect::COHERE);
    for (key, value) in request.extra.fields() {
        if key == "documents"
            && let (Some(Value::Array(known)), Value::Array(more)) = (body.get_mut(key), value)
        {
            known.extend(more.iter().cloned());
        } else if all || OWN.contains(&key.as_str()) {
            body.entry(key.clone()).or_insert_with(|| value.clone());
        } else if !value.is_null() {
            losses.dropped(key.as_str(), "Cohere has no such parameter");
        }
    }
}
