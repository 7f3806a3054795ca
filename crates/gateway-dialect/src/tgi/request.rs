//! Requests out.

use bytes::Bytes;
use gateway_schema::chat::{ChatRequest, Content, ResponseFormat, Sampling};
use gateway_schema::completion::{CompletionRequest, Prompt};
use gateway_schema::{CallError, ErrorKind, Extra, Losses, Request, Retry};
use serde_json::{Map, Value, json};

use super::Template;
use crate::EncodedRequest;

const NOT_HERE: &str = "Text Generation Inference has no such parameter";

/// Writes a chat turn as one text.
///
/// # Errors
/// What the server cannot do, to be tried elsewhere: tools, several answers.
pub fn encode_chat(request: &ChatRequest, template: Template) -> Result<EncodedRequest, CallError> {
    let has_tools = request.tools.as_ref().is_some_and(|it| !it.is_empty());
    if has_tools {
        return Err(lacks(
            "tools: this endpoint speaks Text Generation Inference's own format, which has no tools.",
        ));
    }
    one_answer(&request.sampling)?;
    let mut losses = Losses::new();
    losses.approximated("messages", "the turns became one text");
    for (at, message) in request.messages.iter().enumerate() {
        for (part, what) in message.parts.iter().enumerate() {
            if !matches!(what.content, Content::Text { .. }) {
                losses.dropped(
                    format!("messages[{at}].content[{part}]"),
                    "Text Generation Inference takes text alone",
                );
            }
        }
    }
    let stops = chat_stops(request, template);
    let mut parameters = parameters(&request.sampling, &stops, &mut losses);
    match &request.response_format {
        None | Some(ResponseFormat::Text) => {}
        Some(ResponseFormat::JsonSchema { schema, .. }) => {
            let grammar = json!({"type": "json", "value": schema});
            parameters.insert("grammar".to_owned(), grammar);
        }
        Some(ResponseFormat::JsonObject) => {
            let grammar = json!({"type": "json", "value": {"type": "object"}});
            parameters.insert("grammar".to_owned(), grammar);
        }
        Some(_) => losses.dropped("response_format", NOT_HERE),
    }
    report(
        &[
            ("tool_choice", request.tool_choice.is_some()),
            ("reasoning", request.reasoning.is_some()),
            ("logprobs", request.logprobs == Some(true)),
            ("top_logprobs", request.top_logprobs.is_some()),
            ("user", request.user.is_some()),
            ("metadata", request.metadata.is_some()),
            ("service_tier", request.service_tier.is_some()),
        ],
        &request.extra,
        &mut losses,
    );
    let inputs = template.write(&request.messages);
    let body = body(&inputs, parameters, request.stream);
    Ok(EncodedRequest { body, losses })
}

/// Writes a completion.
///
/// # Errors
/// What the server cannot do, to be tried elsewhere: several prompts, token ids, several answers.
pub fn encode_completion(request: &CompletionRequest) -> Result<EncodedRequest, CallError> {
    let prompt = match &request.prompt {
        Prompt::Text(text) => text,
        Prompt::Texts(texts) if texts.len() == 1 => texts.first().map_or("", String::as_str),
        _ => return Err(lacks("prompt: Text Generation Inference takes one text.")),
    };
    one_answer(&request.sampling)?;
    let mut losses = Losses::new();
    let mut parameters = parameters(&request.sampling, &request.sampling.stop, &mut losses);
    if request.echo == Some(true) {
        parameters.insert("return_full_text".to_owned(), true.into());
    }
    if let Some(best_of) = request.best_of.filter(|best_of| *best_of > 1) {
        parameters.insert("best_of".to_owned(), best_of.into());
    }
    report(
        &[
            ("suffix", request.suffix.is_some()),
            ("logprobs", request.logprobs.is_some()),
            ("user", request.user.is_some()),
        ],
        &request.extra,
        &mut losses,
    );
    let body = body(prompt, parameters, request.stream);
    Ok(EncodedRequest { body, losses })
}

/// The stop sequences of a request, with which its reply is read.
pub fn stops(request: &Request, template: Template) -> Vec<String> {
    match request {
        Request::Chat(chat) => chat_stops(chat, template),
        Request::Completion(text) => text.sampling.stop.clone(),
        _ => Vec::new(),
    }
}

fn chat_stops(request: &ChatRequest, template: Template) -> Vec<String> {
    let is_plain_question = template == Template::Plain && request.messages.len() == 1;
    let own = template.stop().filter(|_| !is_plain_question);
    let asked = request.sampling.stop.iter().cloned();
    asked.chain(own.map(str::to_owned)).collect()
}

fn body(inputs: &str, mut parameters: Map<String, Value>, stream: bool) -> Bytes {
    // Tells why the text ended, and how long it is.
    parameters.insert("details".to_owned(), true.into());
    let mut body = json!({"inputs": inputs, "parameters": parameters});
    if stream && let Some(fields) = body.as_object_mut() {
        fields.insert("stream".to_owned(), true.into());
    }
    Bytes::from(body.to_string())
}

fn parameters(sampling: &Sampling, stops: &[String], losses: &mut Losses) -> Map<String, Value> {
    let mut out = Map::new();
    let mut put = |key: &str, value: Option<Value>| {
        if let Some(value) = value {
            out.insert(key.to_owned(), value);
        }
    };
    put("max_new_tokens", sampling.output_limit().map(Value::from));
    // The server refuses 0, and without sampling picks the likeliest token, which is what 0 asks for.
    let temperature = sampling.temperature.filter(|value| *value > 0.0);
    put("temperature", temperature.map(Value::from));
    let random = sampling.temperature.map(|value| value > 0.0);
    put("do_sample", random.map(Value::from));
    // It also refuses what asks for nothing.
    let top_p = sampling.top_p.filter(|value| *value < 1.0);
    put("top_p", top_p.map(Value::from));
    put(
        "top_k",
        sampling.top_k.filter(|value| *value > 0).map(Value::from),
    );
    put(
        "frequency_penalty",
        sampling.frequency_penalty.map(Value::from),
    );
    put("seed", sampling.seed.map(Value::from));
    put("stop", (!stops.is_empty()).then(|| stops.into()));
    if sampling.presence_penalty.is_some_and(|value| value != 0.0) {
        losses.dropped("presence_penalty", NOT_HERE);
    }
    if sampling.logit_bias.is_some() {
        losses.dropped("logit_bias", NOT_HERE);
    }
    out
}

fn report(asked: &[(&'static str, bool)], extra: &Extra, losses: &mut Losses) {
    for (key, _) in asked.iter().filter(|(_, is_asked)| *is_asked) {
        losses.dropped(*key, NOT_HERE);
    }
    for (key, value) in extra.fields() {
        if !value.is_null() {
            losses.dropped(key.as_str(), NOT_HERE);
        }
    }
}

fn one_answer(sampling: &Sampling) -> Result<(), CallError> {
    match sampling.n {
        None | Some(0 | 1) => Ok(()),
        Some(_) => Err(lacks("n: Text Generation Inference gives one answer.")),
    }
}

fn lacks(message: &'static str) -> CallError {
    CallError::client(ErrorKind::Unsupported, message).with_retry(Retry::Elsewhere)
}
