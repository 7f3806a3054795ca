//! Requests out.

use std::collections::BTreeMap;

use gateway_schema::chat::{ChatRequest, Tool};
use gateway_schema::{CallError, Dialect, ErrorKind, Losses, Mapping};
use serde::Serialize;
use serde_json::Value;

use super::super::model::Traits;
use super::config::{self, ConfigOut};
use super::contents::{self, ContentOut};
use super::tools::{self, ToolOut};
use crate::node::to_bytes;
use crate::{EncodedRequest, RequestOptions};

/// Where Gemini is hosted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Host {
    /// Whether calls of functions and their results may have ids.
    pub ids: bool,
    /// Whether `countTokens` wants the whole request in a field of its own, with the model's name.
    pub wraps_count: bool,
}

impl Host {
    /// Google AI Studio.
    pub const STUDIO: Self = Self {
        ids: true,
        wraps_count: true,
    };
    /// Google Vertex AI.
    pub const VERTEX: Self = Self {
        ids: false,
        wraps_count: false,
    };
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Body<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<String>,
    contents: Vec<ContentOut<'a>>,
    /// MLflow's spelling; the API reads both.
    #[serde(rename = "system_instruction", skip_serializing_if = "Option::is_none")]
    snake_system: Option<ContentOut<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    system_instruction: Option<ContentOut<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tools: Option<Vec<ToolOut<'a>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_config: Option<tools::ConfigOut<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    generation_config: Option<ConfigOut<'a>>,
    #[serde(flatten)]
    extra: BTreeMap<&'a str, &'a Value>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Count<'a> {
    generate_content_request: Body<'a>,
}

/// What every step of the encoder sees.
pub(super) struct Encoding<'a> {
    pub(super) request: &'a ChatRequest,
    pub(super) traits: Traits,
    pub(super) mapping: Mapping,
    pub(super) host: Host,
    pub(super) losses: Losses,
}

impl Encoding<'_> {
    pub(super) fn is_mlflow(&self) -> bool {
        self.mapping == Mapping::Mlflow
    }
}

/// Writes a request of `generateContent`, or of `streamGenerateContent`: they are the same.
///
/// # Errors
/// The caller's: a history that cannot be written, and on MLflow's URLs what MLflow refuses.
pub fn encode_chat(
    request: &ChatRequest,
    options: &RequestOptions<'_>,
) -> Result<EncodedRequest, CallError> {
    encode_chat_for(request, options, Host::STUDIO)
}

/// Writes a request of `generateContent` for a host.
///
/// # Errors
/// As [`encode_chat`].
pub fn encode_chat_for(
    request: &ChatRequest,
    options: &RequestOptions<'_>,
    host: Host,
) -> Result<EncodedRequest, CallError> {
    let (body, losses) = body(request, options, host)?;
    Ok(EncodedRequest {
        body: to_bytes(&body)?,
        losses,
    })
}

/// Writes a request of `countTokens`.
///
/// # Errors
/// As [`encode_chat`].
pub fn encode_count(
    request: &ChatRequest,
    options: &RequestOptions<'_>,
) -> Result<EncodedRequest, CallError> {
    encode_count_for(request, options, Host::STUDIO)
}

/// Writes a request of `countTokens` for a host.
///
/// # Errors
/// As [`encode_chat`].
pub fn encode_count_for(
    request: &ChatRequest,
    options: &RequestOptions<'_>,
    host: Host,
) -> Result<EncodedRequest, CallError> {
    let (mut body, losses) = body(request, options, host)?;
    let body = if host.wraps_count {
        body.model = Some(format!("models/{}", options.model));
        to_bytes(&Count {
            generate_content_request: body,
        })?
    } else {
        to_bytes(&body)?
    };
    Ok(EncodedRequest { body, losses })
}

fn body<'a>(
    request: &'a ChatRequest,
    options: &RequestOptions<'_>,
    host: Host,
) -> Result<(Body<'a>, Losses), CallError> {
    let mut encoding = Encoding {
        request,
        traits: Traits::of(options.model),
        mapping: options.mapping,
        host,
        losses: Losses::new(),
    };
    if encoding.is_mlflow() {
        check(request)?;
    }
    let (system, contents) = contents::write(&mut encoding)?;
    let (tools, tool_config) = tools::write(&mut encoding);
    let generation_config = config::write(&mut encoding);
    let extra = encoding.extra();
    let is_mlflow = encoding.is_mlflow();
    let (snake_system, system_instruction) = if is_mlflow {
        (system, None)
    } else {
        (None, system)
    };
    let body = Body {
        model: None,
        contents,
        snake_system,
        system_instruction,
        tools,
        tool_config,
        generation_config,
        extra,
    };
    Ok((body, encoding.losses))
}

impl<'a> Encoding<'a> {
    /// Fields without a place of their own: Gemini's go back as they came, any other is lost.
    fn extra(&mut self) -> BTreeMap<&'a str, &'a Value> {
        let mut out = BTreeMap::new();
        let Some(dialect) = self.request.extra.dialect() else {
            return out;
        };
        for (key, value) in self.request.extra.fields() {
            if dialect == Dialect::GEMINI {
                if !matches!(key.as_str(), "generationConfig" | "toolConfig") {
                    out.insert(key.as_str(), value);
                }
            } else if !value.is_null() {
                self.losses
                    .dropped(key.as_str(), format!("only {dialect} knows this field"));
            }
        }
        out
    }
}

/// Refuses what MLflow refuses before any upstream call.
fn check(request: &ChatRequest) -> Result<(), CallError> {
    const NATIVE: [(&str, &str); 7] = [
        ("topP", "top_p"),
        ("maxOutputTokens", "max_tokens"),
        ("stopSequences", "stop"),
        ("candidateCount", "n"),
        ("topK", "top_k"),
        ("frequencyPenalty", "frequency_penalty"),
        ("presencePenalty", "presence_penalty"),
    ];
    let refused =
        |text: String| CallError::client(ErrorKind::InvalidRequest, text).with_status(422);
    for (native, own) in NATIVE {
        if request.extra.fields().contains_key(native) {
            return Err(refused(format!(
                "Invalid parameter {native}. Use {own} instead."
            )));
        }
    }
    for tool in request.tools.iter().flatten() {
        if let Tool::Opaque { value, .. } = tool {
            let kind = value
                .get("type")
                .and_then(Value::as_str)
                .unwrap_or("unknown");
            return Err(refused(format!(
                "Only function calling tool is supported, but received tool type {kind}"
            )));
        }
    }
    Ok(())
}
