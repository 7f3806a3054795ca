//! Requests: MLflow's schemas into the canonical form.

use gateway_schema::chat::{ChatRequest, Effort, Reasoning, ResponseFormat};
use gateway_schema::completion::{CompletionRequest, Prompt};
use gateway_schema::embedding::{EmbeddingEncoding, EmbeddingInput, EmbeddingRequest};
use serde_json::{Map, Value, json};

use super::check::{Check, Step};
use super::shared::{self, Rest, SHARED};
use super::{message, tool};

/// A chat request.
pub(super) fn chat(check: &mut Check, body: &Value) -> Option<ChatRequest> {
    let fields = check.object(body)?;
    let shared = shared::read(check, body, fields);
    let messages = check.required(body, "messages", |check, value| {
        check.filled_list(value, message::message)
    });
    let tools = check.optional(fields, "tools", |check, value| {
        check.list(value, tool::tool)
    });
    let tool_choice = check.optional(fields, "tool_choice", tool::choice);
    let mut rest = Rest::of(fields, &[&SHARED, &["messages", "tools", "tool_choice"]]);

    let mut out = ChatRequest::new(messages?);
    out.model = shared.model;
    out.tools = tools;
    out.tool_choice = tool_choice;
    out.response_format = shared.response_format;
    out.sampling = shared.sampling;
    out.sampling.seed = rest.take("seed", Value::as_i64);
    out.sampling.logit_bias = rest.map("logit_bias");
    out.parallel_tool_calls = rest.take("parallel_tool_calls", Value::as_bool);
    out.logprobs = rest.take("logprobs", Value::as_bool);
    out.top_logprobs = rest.small("top_logprobs");
    out.user = rest.text("user");
    out.metadata = rest.map("metadata");
    out.service_tier = rest.text("service_tier");
    let effort = |value: &Value| serde_json::from_value::<Effort>(value.clone()).ok();
    if let Some(effort) = rest.take("reasoning_effort", effort) {
        let mut reasoning = Reasoning::default();
        reasoning.effort = Some(effort);
        out.reasoning = Some(reasoning);
    }
    out.stream = shared.stream;
    out.include_usage = shared.include_usage;
    keep_stream_options(&mut rest, shared.stream_extra);
    out.extra = rest.into_extra();
    Some(out)
}

/// A completions request.
pub(super) fn completion(check: &mut Check, body: &Value) -> Option<CompletionRequest> {
    let fields = check.object(body)?;
    let shared = shared::read(check, body, fields);
    let prompt = check.required(body, "prompt", Check::text);
    let mut rest = Rest::of(fields, &[&SHARED, &["prompt"]]);

    let mut out = CompletionRequest::new(Prompt::Text(prompt?));
    out.model = shared.model;
    out.suffix = rest.text("suffix");
    out.echo = rest.take("echo", Value::as_bool);
    out.best_of = rest.small("best_of");
    out.logprobs = rest.small("logprobs");
    out.sampling = shared.sampling;
    out.sampling.seed = rest.take("seed", Value::as_i64);
    out.sampling.logit_bias = rest.map("logit_bias");
    out.user = rest.text("user");
    out.stream = shared.stream;
    out.include_usage = shared.include_usage;
    keep_stream_options(&mut rest, shared.stream_extra);
    if let Some(format) = shared.response_format {
        rest.put("response_format", format_as_written(format));
    }
    out.extra = rest.into_extra();
    Some(out)
}

/// An embeddings request.
pub(super) fn embedding(check: &mut Check, body: &Value) -> Option<EmbeddingRequest> {
    let fields = check.object(body)?;
    let input = check.required(body, "input", input);
    let mut rest = Rest::of(fields, &[&["input"]]);

    let mut out = EmbeddingRequest::new(input?);
    out.model = rest.text("model");
    out.encoding = rest.take("encoding_format", |value| match value.as_str()? {
        "float" => Some(EmbeddingEncoding::Float),
        "base64" => Some(EmbeddingEncoding::Base64),
        _ => None,
    });
    out.dimensions = rest.small("dimensions");
    out.user = rest.text("user");
    out.extra = rest.into_extra();
    Some(out)
}

/// Keys of `stream_options` that the canonical form does not name.
fn keep_stream_options(rest: &mut Rest, options: Map<String, Value>) {
    if !options.is_empty() {
        rest.put("stream_options", Value::Object(options));
    }
}

fn format_as_written(format: ResponseFormat) -> Value {
    match format {
        ResponseFormat::JsonObject => json!({ "type": "json_object" }),
        ResponseFormat::JsonSchema {
            name,
            schema,
            strict,
            ..
        } => json!({
            "type": "json_schema",
            "json_schema": { "name": name, "schema": schema, "strict": strict },
        }),
        _ => json!({ "type": "text" }),
    }
}

fn input(check: &mut Check, value: &Value) -> Option<EmbeddingInput> {
    if let Value::String(text) = value {
        return Some(EmbeddingInput::Text(text.clone()));
    }
    let mark = check.mark();
    let tokens = |check: &mut Check, value: &Value| {
        check.list(value, |check, item| check.small_integer(item, 0))
    };
    let found = check
        .at(Step::Key("list[str]"), |check| {
            check.list(value, Check::text).map(EmbeddingInput::Texts)
        })
        .or_else(|| {
            check.at(Step::Key("list[int]"), |check| {
                tokens(check, value).map(EmbeddingInput::Tokens)
            })
        })
        .or_else(|| {
            check.at(Step::Key("list[list[int]]"), |check| {
                check.list(value, tokens).map(EmbeddingInput::TokenLists)
            })
        });
    match found {
        Some(_) => check.forget(mark),
        None => check.not_text_either(mark, value),
    }
    found
}
