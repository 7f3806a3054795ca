//! The older completions (`/complete`), for models before Claude 3. Newer models complete by chat.
//!
//! Spec: MLflow's `anthropic` completions; prompt format of <https://platform.claude.com/docs/en/api/completions>.

use bytes::Bytes;
use gateway_schema::chat::{FinishReason, StreamEvent};
use gateway_schema::completion::{CompletionChoice, CompletionRequest, CompletionResponse, Prompt};
use gateway_schema::stream::{Decode, Frame};
use gateway_schema::{CallError, Dialect, ErrorKind, Extra, Losses, Mapping, Retry};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::error::{self, ErrorIn};
use super::finish;
use super::model::Traits;
use super::request::{Host, both_samplers, encode_chat_for, halved, one_answer, refused};
use super::response::{decode_chat, unreadable};
use crate::node::to_bytes;
use crate::sse::SseScanner;
use crate::{EncodedRequest, RequestOptions};

const HUMAN: &str = "\n\nHuman: ";
const ASSISTANT: &str = "\n\nAssistant:";
const DEFAULT_MAX_TOKENS: u64 = 8192;
/// The most that Bedrock takes.
const BEDROCK_MAX_TOKENS: u64 = 8191;

/// True when `model` does not know the older API and must be asked by chat.
pub fn completes_by_chat(model: &str) -> bool {
    !Traits::of(model).is_legacy()
}

#[derive(Serialize)]
struct CompletionOut<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    anthropic_version: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<&'a str>,
    prompt: String,
    max_tokens_to_sample: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_p: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_k: Option<u64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    stop_sequences: Vec<&'a str>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    stream: bool,
    #[serde(flatten)]
    extra: Option<&'a Map<String, Value>>,
}

/// Writes a request for `/complete`.
///
/// # Errors
/// The caller's: several prompts or answers, and on MLflow's URLs what MLflow refuses.
pub fn encode_completion(
    request: &CompletionRequest,
    options: &RequestOptions<'_>,
) -> Result<EncodedRequest, CallError> {
    encode_completion_for(request, options, Host::DIRECT)
}

/// Writes a request for the older completions of a host other than Anthropic.
///
/// # Errors
/// As [`encode_completion`].
pub fn encode_completion_for(
    request: &CompletionRequest,
    options: &RequestOptions<'_>,
    host: Host,
) -> Result<EncodedRequest, CallError> {
    let sampling = &request.sampling;
    let mlflow = options.mapping == Mapping::Mlflow;
    if mlflow {
        one_answer(sampling)?;
        if sampling.top_p.is_some() {
            return Err(refused(format!(
                "{} Please use only the temperature parameter for your query.",
                both_samplers()
            )));
        }
    } else if sampling.n.is_some_and(|n| n > 1) {
        return Err(unsupported(
            "n: Anthropic models give one answer per request.",
        ));
    }
    let text = match &request.prompt {
        Prompt::Text(text) => text,
        Prompt::Texts(texts) => match texts.as_slice() {
            [text] => text,
            _ => {
                return Err(unsupported(
                    "prompt: Anthropic takes one prompt per request.",
                ));
            }
        },
        Prompt::Tokens(_) | Prompt::TokenLists(_) => {
            return Err(unsupported("prompt: Anthropic takes text, not token ids."));
        }
    };
    let mut losses = Losses::new();
    let native = request.extra.dialect() == Some(Dialect::ANTHROPIC);
    if !mlflow {
        report(request, native, &mut losses);
    }
    let mut limit = sampling.output_limit().unwrap_or(DEFAULT_MAX_TOKENS);
    let mut stop_sequences: Vec<&str> = sampling.stop.iter().map(String::as_str).collect();
    if host == Host::BEDROCK {
        limit = limit.min(BEDROCK_MAX_TOKENS);
        stop_sequences.push(HUMAN.trim_end());
    }
    let temperature = sampling.temperature.map(|temperature| {
        if mlflow {
            return halved(temperature);
        }
        if temperature > 1.0 {
            losses.approximated("temperature", "Anthropic's highest is 1");
        }
        temperature.min(1.0)
    });
    let body = to_bytes(&CompletionOut {
        anthropic_version: host.version,
        model: (!host.model_in_url).then_some(options.model),
        prompt: prompt(text),
        max_tokens_to_sample: limit,
        temperature,
        top_p: sampling.top_p,
        top_k: sampling.top_k,
        stop_sequences,
        stream: request.stream && !host.stream_in_url,
        extra: (native || mlflow).then(|| request.extra.fields()),
    })?;
    Ok(EncodedRequest { body, losses })
}

/// Writes a completion as a chat turn, for models that do not know the older API.
///
/// # Errors
/// The caller's: several prompts or answers, and on MLflow's URLs what MLflow refuses.
pub fn encode_completion_by_chat(
    request: &CompletionRequest,
    options: &RequestOptions<'_>,
    host: Host,
) -> Result<EncodedRequest, CallError> {
    let Some(chat) = request.to_chat() else {
        return Err(unsupported(
            "prompt: Anthropic takes one prompt of text per request.",
        ));
    };
    let mut encoded = encode_chat_for(&chat, options, host)?;
    for name in request.beyond_chat() {
        let why = "Anthropic has no such parameter";
        encoded.losses.dropped(name, why);
    }
    Ok(encoded)
}

/// Reads the reply to [`encode_completion_by_chat`]: the text of the answer.
///
/// # Errors
/// As [`decode_chat`].
pub fn decode_completion_by_chat(body: &[u8]) -> Result<CompletionResponse, CallError> {
    decode_chat(body).map(CompletionResponse::from)
}

/// The prompt in the form that the models were trained on.
fn prompt(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + HUMAN.len() + ASSISTANT.len());
    if text.starts_with(HUMAN.trim_start()) {
        out.push_str("\n\n");
    } else if !text.starts_with(HUMAN) {
        out.push_str(HUMAN);
    }
    out.push_str(text);
    if !out.ends_with(ASSISTANT) {
        out.push_str(ASSISTANT);
    }
    out
}

fn report(request: &CompletionRequest, native: bool, losses: &mut Losses) {
    let sampling = &request.sampling;
    let not_zero = |value: Option<f64>| value.is_some_and(|value| value != 0.0);
    let lost = [
        ("suffix", request.suffix.is_some()),
        ("echo", request.echo == Some(true)),
        ("best_of", request.best_of.is_some_and(|best| best > 1)),
        ("logprobs", request.logprobs.is_some()),
        ("user", request.user.is_some()),
        ("seed", sampling.seed.is_some()),
        ("frequency_penalty", not_zero(sampling.frequency_penalty)),
        ("presence_penalty", not_zero(sampling.presence_penalty)),
        ("logit_bias", sampling.logit_bias.is_some()),
    ];
    for (field, is_lost) in lost {
        if is_lost {
            losses.dropped(field, "Anthropic completions have no such parameter");
        }
    }
    if !native {
        for key in request.extra.fields().keys() {
            losses.dropped(key.as_str(), "Anthropic completions have no such parameter");
        }
    }
}

fn unsupported(text: &'static str) -> CallError {
    CallError::client(ErrorKind::Unsupported, text).with_retry(Retry::Elsewhere)
}

#[derive(Deserialize)]
struct CompletionIn {
    #[serde(rename = "type")]
    kind: Option<String>,
    id: Option<String>,
    completion: Option<String>,
    stop_reason: Option<String>,
    stop: Option<String>,
    model: Option<String>,
    error: Option<ErrorIn>,
}

/// Reads a reply of `/complete`.
///
/// # Errors
/// Of origin upstream: an error in place of a completion, or something that is not a completion.
pub fn decode_completion(body: &[u8]) -> Result<CompletionResponse, CallError> {
    let reply: CompletionIn = serde_json::from_slice(body).map_err(|error| unreadable(&error))?;
    if let Some(error) = reply.error {
        return Err(error::inside_good_status(error));
    }
    let Some(text) = reply.completion else {
        return Err(CallError::upstream(
            ErrorKind::Upstream,
            "The provider's reply has no completion.",
        ));
    };
    let mut choice = CompletionChoice::default();
    choice.text = text;
    let mut ended = finish::read(reply.stop_reason, reply.stop);
    if ended.reason == FinishReason::Stop {
        // This API always says why; a reply without a reason was cut.
        ended.reason = FinishReason::Length;
    }
    choice.finish = Some(ended);
    let mut response = CompletionResponse::default();
    response.id = reply.id;
    response.model = reply.model;
    response.choices = vec![choice];
    Ok(response)
}

/// Reads a stream of `/complete`. One per stream.
#[derive(Debug, Default)]
pub struct CompletionDecoder {
    scanner: SseScanner,
    started: bool,
    ended: bool,
}

impl CompletionDecoder {
    /// A decoder at the start of a stream.
    pub fn new() -> Self {
        Self::default()
    }

    fn event(&mut self, data: &[u8], out: &mut Vec<Frame>) -> Result<(), CallError> {
        let event: CompletionIn =
            serde_json::from_slice(data).map_err(|error| unreadable(&error))?;
        let mut events = Vec::new();
        if let Some(error) = event.error {
            self.ended = true;
            events.push(StreamEvent::Error(error.into_remote()));
        } else if event.kind.as_deref() == Some("ping") {
            events.push(StreamEvent::Ping);
        } else if let Some(text) = event.completion {
            if !std::mem::replace(&mut self.started, true) {
                events.push(StreamEvent::Start {
                    id: event.id,
                    model: event.model,
                    created: None,
                    extra: Extra::new(),
                });
            }
            events.push(StreamEvent::Text { choice: 0, text });
            if event.stop_reason.is_some() {
                self.ended = true;
                events.push(StreamEvent::Finish {
                    choice: 0,
                    finish: finish::read(event.stop_reason, event.stop),
                });
                events.push(StreamEvent::End);
            }
        }
        Frame::push_events(events, out);
        Ok(())
    }
}

impl Decode for CompletionDecoder {
    fn feed(&mut self, chunk: Bytes, out: &mut Vec<Frame>) -> Result<(), CallError> {
        let mut scanner = std::mem::take(&mut self.scanner);
        let fed = scanner.try_feed(&chunk, |event| self.event(event.data, out));
        self.scanner = scanner;
        fed
    }

    fn end(&mut self, out: &mut Vec<Frame>) -> Result<(), CallError> {
        let mut scanner = std::mem::take(&mut self.scanner);
        let mut result = Ok(());
        scanner.finish(|event| result = self.event(event.data, out));
        result?;
        if self.ended {
            Ok(())
        } else {
            Err(super::stream::cut_short())
        }
    }
}
