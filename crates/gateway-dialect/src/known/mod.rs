//! Which dialect the paths of providers' own APIs speak, for answers that are passed on as they are: usage is read beside
//! them, and nothing of them is changed.
//!
//! Paths are known by their last segments, wherever the API stands: `v1/chat/completions`, but also
//! `openai/deployments/x/chat/completions`. Only what computes an answer from one request is known; files, batches,
//! threads and the like are not.

mod whole;

#[cfg(test)]
mod tests;

use gateway_schema::stream::{Decode, Facts};
use gateway_schema::{CallError, Operation};

use crate::bedrock::invoke::{InvokeDecoder, Vendor};
use crate::{anthropic, bedrock, cohere, gemini, openai, openai_responses, rerank};
use whole::WholeObserver;

/// What a path asks, and what its answer looks like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    asks: Option<Operation>,
    model: Option<String>,
    format: Format,
}

/// The formats of answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    OpenAi,
    Responses,
    /// JSON with a `usage` as the Responses API has it, and nothing else that matters: images, audio.
    Usage,
    Anthropic,
    Gemini,
    GeminiEmbedding,
    Predict,
    Converse,
    Invoke,
    Cohere,
    CohereOne,
    CohereEmbedding,
    /// Ranks, in whatever form: tokens and searches.
    Rerank,
    /// An answer without usage.
    Nothing,
}

impl Known {
    /// What a request with this method and these path segments (percent-decoded) asks; `None` where that is not known.
    pub fn of<S: AsRef<str>>(method: &str, segments: &[S]) -> Option<Self> {
        if method != "POST" {
            return None;
        }
        let at = |back: usize| {
            let index = segments.len().checked_sub(back)?;
            segments.get(index).map(AsRef::as_ref)
        };
        let last = at(1)?;
        let before = at(2);
        if let Some((model, verb)) = last.rsplit_once(':')
            && let Some((asks, format)) = by_verb(verb)
        {
            return Some(Self::new(Some(asks), format).with_model(model));
        }
        if let (Some(model), Some("model")) = (before, at(3))
            && let Some((asks, format)) = of_bedrock(last)
        {
            return Some(Self::new(Some(asks), format).with_model(model));
        }
        let (asks, format) = by_words(before, last)?;
        Some(Self::new(asks, format))
    }

    const fn new(asks: Option<Operation>, format: Format) -> Self {
        Self {
            asks,
            model: None,
            format,
        }
    }

    fn with_model(mut self, model: &str) -> Self {
        self.model = Some(model.to_owned());
        self
    }

    /// What is asked, where asking twice does no harm.
    pub const fn asks(&self) -> Option<Operation> {
        self.asks
    }

    /// The model that the path names.
    pub fn model(&self) -> Option<&str> {
        self.model.as_deref()
    }

    /// Reads the facts of an answer with this `content-type`. Only the facts of its frames count.
    pub fn observer(&self, content_type: Option<&str>) -> Box<dyn Decode> {
        let kind = content_type.unwrap_or_default().to_ascii_lowercase();
        let is_events = kind.starts_with("text/event-stream");
        let is_binary = kind.starts_with("application/vnd.amazon.eventstream");
        match self.format {
            Format::OpenAi if is_events => {
                Box::new(openai::Observer::new(openai::UsageChunk::Forward))
            }
            Format::Responses if is_events => Box::new(openai_responses::StreamObserver::new()),
            Format::Anthropic if is_events => Box::new(anthropic::StreamObserver::new()),
            // Streams are JSON arrays unless events are asked for, and arrays look like any JSON.
            Format::Gemini => Box::new(gemini::StreamObserver::new()),
            Format::Converse if is_binary => Box::new(bedrock::StreamObserver::new()),
            Format::Invoke if is_binary => {
                let vendor = self.model().and_then(Vendor::of).unwrap_or(Vendor::Claude);
                Box::new(InvokeDecoder::new(vendor))
            }
            Format::Cohere if is_events => Box::new(cohere::StreamDecoder::new()),
            Format::CohereOne if kind.contains("stream") => {
                Box::new(cohere::v1::StreamDecoder::new())
            }
            format => Box::new(WholeObserver::new(reader(format))),
        }
    }
}

/// An observer of the answer to a request with this method and these path segments; `None` where its format is not known.
pub fn observer<S: AsRef<str>>(
    method: &str,
    segments: &[S],
    content_type: Option<&str>,
) -> Option<Box<dyn Decode>> {
    Known::of(method, segments).map(|known| known.observer(content_type))
}

/// Google's `model:verb`.
fn by_verb(verb: &str) -> Option<(Operation, Format)> {
    Some(match verb {
        "generateContent" | "streamGenerateContent" => (Operation::Chat, Format::Gemini),
        "countTokens" => (Operation::CountTokens, Format::Nothing),
        "embedContent" | "batchEmbedContents" => (Operation::Embedding, Format::GeminiEmbedding),
        "predict" => (Operation::Embedding, Format::Predict),
        "rawPredict" | "streamRawPredict" => (Operation::Chat, Format::Anthropic),
        _ => return None,
    })
}

/// Bedrock's `model/{model}/action`.
fn of_bedrock(action: &str) -> Option<(Operation, Format)> {
    Some(match action {
        "converse" | "converse-stream" => (Operation::Chat, Format::Converse),
        "invoke" | "invoke-with-response-stream" => (Operation::Chat, Format::Invoke),
        "count-tokens" => (Operation::CountTokens, Format::Nothing),
        _ => return None,
    })
}

/// Everybody else's last two segments.
fn by_words(before: Option<&str>, last: &str) -> Option<(Option<Operation>, Format)> {
    let versioned = before.is_none_or(is_version);
    Some(match (before, last) {
        (Some("chat"), "completions") => (Some(Operation::Chat), Format::OpenAi),
        (_, "completions") => (Some(Operation::Completion), Format::OpenAi),
        (_, "embeddings") => (Some(Operation::Embedding), Format::OpenAi),
        (Some("responses"), "compact") => (Some(Operation::Chat), Format::Responses),
        (Some("messages"), "count_tokens") => (Some(Operation::CountTokens), Format::Nothing),
        (Some("images"), "generations" | "edits" | "variations")
        | (Some("audio"), "transcriptions" | "translations") => (None, Format::Usage),
        (Some("v1"), "chat") => (Some(Operation::Chat), Format::CohereOne),
        (Some("v2"), "chat") => (Some(Operation::Chat), Format::Cohere),
        (_, "responses") if versioned || before == Some("openai") => {
            (Some(Operation::Chat), Format::Responses)
        }
        // Below a thread, messages are something else.
        (_, "messages") if versioned => (Some(Operation::Chat), Format::Anthropic),
        (_, "embed") if versioned => (Some(Operation::Embedding), Format::CohereEmbedding),
        (_, "rerank" | "reranking") => (Some(Operation::Rerank), Format::Rerank),
        (_, "moderations") => (Some(Operation::Rerank), Format::Nothing),
        _ => return None,
    })
}

/// `v1`, `v1beta`.
fn is_version(segment: &str) -> bool {
    let mut bytes = segment.bytes();
    bytes.next() == Some(b'v') && bytes.next().is_some_and(|byte| byte.is_ascii_digit())
}

type Reader = fn(&[u8]) -> Result<Facts, CallError>;

/// How a whole answer is read.
fn reader(format: Format) -> Option<Reader> {
    Some(match format {
        Format::OpenAi => openai::observe,
        Format::Responses | Format::Usage => openai_responses::observe,
        // At Bedrock every vendor answers otherwise; Anthropic's form is the only one with usage in the body.
        Format::Anthropic | Format::Invoke => anthropic::observe_chat,
        Format::Converse => bedrock::observe_chat,
        Format::GeminiEmbedding => |body| Ok(used(gemini::decode_embedding(body)?.usage)),
        Format::Predict => |body| Ok(used(gemini::decode_predict(body)?.usage)),
        Format::Cohere => |body| Ok(used(cohere::decode_chat(body)?.usage)),
        Format::CohereOne => |body| Ok(used(cohere::v1::decode_chat(body)?.usage)),
        Format::CohereEmbedding => |body| Ok(used(cohere::decode_embedding(body)?.usage)),
        Format::Rerank => rerank::observe,
        Format::Gemini | Format::Nothing => return None,
    })
}

fn used(usage: Option<gateway_schema::Usage>) -> Facts {
    let mut facts = Facts::default();
    facts.usage = usage.map(Box::new);
    facts.ended = true;
    facts
}
