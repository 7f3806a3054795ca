//! Requests out.

use std::collections::BTreeMap;

use gateway_schema::chat::ChatRequest;
use gateway_schema::{CallError, Dialect, ErrorKind, Losses, Mapping, Retry};
use serde::Serialize;
use serde_json::{Map, Value};

use super::super::model::Traits;
use super::decode::Purpose;
use super::messages::{self, MessageOut, SystemOut};
use super::mlflow;
use super::reasoning::{self, Plan, ThinkingOut};
use super::sampling::{self, SamplingOut};
use super::schema::{self, FormatOut};
use super::tools::{self, ChoiceOut, ToolOut};
use crate::node::to_bytes;
use crate::{EncodedRequest, RequestOptions};

/// Where Claude is hosted: some hosts name the model in the URL and the version in the body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Host {
    /// The value of `anthropic_version` in the body, for hosts that want it there.
    pub version: Option<&'static str>,
    /// Leaves `model` out of the body.
    pub model_in_url: bool,
    /// Leaves `stream` out of the body.
    pub stream_in_url: bool,
}

impl Host {
    /// Anthropic's own API.
    pub const DIRECT: Self = Self {
        version: None,
        model_in_url: false,
        stream_in_url: false,
    };
    /// Google Vertex AI.
    pub const VERTEX: Self = Self {
        version: Some("vertex-2023-10-16"),
        model_in_url: true,
        stream_in_url: false,
    };
    /// Amazon Bedrock, `InvokeModel`.
    pub const BEDROCK: Self = Self {
        version: Some("bedrock-2023-05-31"),
        model_in_url: true,
        stream_in_url: true,
    };
}

#[derive(Serialize)]
struct Body<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    anthropic_version: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    system: Option<SystemOut<'a>>,
    messages: Vec<MessageOut<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tools: Option<Vec<ToolOut<'a>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_choice: Option<ChoiceOut<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    thinking: Option<ThinkingOut<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output_config: Option<OutputConfig<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    metadata: Option<Metadata<'a>>,
    #[serde(flatten)]
    sampling: SamplingOut<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    service_tier: Option<&'a str>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    stream: bool,
    #[serde(flatten)]
    extra: BTreeMap<&'a str, Field<'a>>,
}

/// A field kept as it came, or one made from a canonical field.
#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum Field<'a> {
    Kept(&'a Value),
    Text(&'a str),
    Number(f64),
    Integer(i64),
    Flag(bool),
    Map(&'a Map<String, Value>),
}

#[derive(Serialize)]
struct OutputConfig<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    effort: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    format: Option<FormatOut<'a>>,
    #[serde(flatten)]
    rest: Option<&'a Map<String, Value>>,
}

#[derive(Serialize)]
struct Metadata<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    user_id: Option<&'a str>,
    #[serde(flatten)]
    rest: Option<&'a Map<String, Value>>,
}

/// What every step of the encoder sees.
pub(super) struct Encoding<'a> {
    pub(super) request: &'a ChatRequest,
    pub(super) traits: Traits,
    pub(super) mapping: Mapping,
    pub(super) losses: Losses,
}

/// Writes a request of the Messages API.
///
/// # Errors
/// The caller's: something that no Claude model can do (several answers, sound), or a history that cannot be written.
pub fn encode_chat(
    request: &ChatRequest,
    options: &RequestOptions<'_>,
) -> Result<EncodedRequest, CallError> {
    encode(request, options, Host::DIRECT, Purpose::Turn)
}

/// Writes a request of the Messages API for a host other than Anthropic.
///
/// # Errors
/// As [`encode_chat`].
pub fn encode_chat_for(
    request: &ChatRequest,
    options: &RequestOptions<'_>,
    host: Host,
) -> Result<EncodedRequest, CallError> {
    encode(request, options, host, Purpose::Turn)
}

/// Writes a request for the number of input tokens.
///
/// # Errors
/// As [`encode_chat`].
pub fn encode_count(
    request: &ChatRequest,
    options: &RequestOptions<'_>,
) -> Result<EncodedRequest, CallError> {
    encode(request, options, Host::DIRECT, Purpose::Count)
}

/// Writes a request for the number of input tokens for a host other than Anthropic.
///
/// # Errors
/// As [`encode_chat`].
pub fn encode_count_for(
    request: &ChatRequest,
    options: &RequestOptions<'_>,
    host: Host,
) -> Result<EncodedRequest, CallError> {
    encode(request, options, host, Purpose::Count)
}

fn encode(
    request: &ChatRequest,
    options: &RequestOptions<'_>,
    host: Host,
    purpose: Purpose,
) -> Result<EncodedRequest, CallError> {
    let mut encoding = Encoding {
        request,
        traits: Traits::of(options.model),
        mapping: options.mapping,
        losses: Losses::new(),
    };
    match options.mapping {
        Mapping::Mlflow => mlflow::check(request)?,
        Mapping::Faithful => encoding.one_answer()?,
    }
    let format = schema::plan(&mut encoding);
    let (system, turns) = messages::write(&mut encoding, format.instruction.as_deref())?;
    let (tools, tool_choice) = tools::write(&mut encoding);
    let max_tokens = sampling::limit(&encoding);
    let Plan { thinking, effort } =
        reasoning::plan(&mut encoding, max_tokens, tool_choice.as_ref());
    let sampling = sampling::write(&mut encoding, thinking.as_ref());
    let native = request.extra.for_dialect(Dialect::ANTHROPIC);
    let output = OutputConfig {
        effort,
        format: format.format,
        rest: nested(native, "output_config"),
    };
    let mut extra = encoding.extra();
    let metadata = encoding.metadata(native, &mut extra);
    let count = purpose == Purpose::Count;
    let body = Body {
        anthropic_version: host.version,
        model: (!host.model_in_url).then_some(options.model),
        max_tokens: (!count).then_some(max_tokens),
        system,
        messages: turns,
        tools,
        tool_choice,
        thinking,
        output_config: (output.effort.is_some()
            || output.format.is_some()
            || output.rest.is_some())
        .then_some(output),
        metadata: metadata.filter(|_| !count),
        sampling: if count {
            SamplingOut::default()
        } else {
            sampling
        },
        service_tier: encoding.service_tier(&mut extra).filter(|_| !count),
        stream: request.stream && !host.stream_in_url && !count,
        extra,
    };
    let body = to_bytes(&body)?;
    Ok(EncodedRequest {
        body,
        losses: encoding.losses,
    })
}

/// The rest of an object whose known fields became canonical.
fn nested<'a>(extra: Option<&'a Map<String, Value>>, key: &str) -> Option<&'a Map<String, Value>> {
    extra?.get(key)?.as_object()
}

impl<'a> Encoding<'a> {
    /// True on MLflow's own URLs, where unknown fields of the caller go on as they are.
    pub(super) fn is_mlflow(&self) -> bool {
        self.mapping == Mapping::Mlflow
    }

    fn one_answer(&self) -> Result<(), CallError> {
        match self.request.sampling.n {
            None | Some(1) => Ok(()),
            Some(n) => Err(CallError::client(
                ErrorKind::Unsupported,
                format!("n: Anthropic models give one answer per request, {n} were asked for."),
            )
            .with_retry(Retry::Elsewhere)),
        }
    }

    /// Fields without a place of their own: Anthropic's go back as they came, MLflow passes all on, any other is lost.
    fn extra(&mut self) -> BTreeMap<&'a str, Field<'a>> {
        let request = self.request;
        let mut out = BTreeMap::new();
        let Some(dialect) = request.extra.dialect() else {
            if self.is_mlflow() {
                mlflow::extra(request, &mut out);
            }
            return out;
        };
        let native = dialect == Dialect::ANTHROPIC;
        for (key, value) in request.extra.fields() {
            if native || self.is_mlflow() {
                if !(native && matches!(key.as_str(), "output_config" | "metadata")) {
                    out.insert(key.as_str(), Field::Kept(value));
                }
            } else if !value.is_null() {
                self.losses
                    .dropped(key.as_str(), format!("only {dialect} knows this field"));
            }
        }
        if self.is_mlflow() {
            mlflow::extra(request, &mut out);
        }
        out
    }

    fn metadata(
        &mut self,
        native: Option<&'a Map<String, Value>>,
        extra: &mut BTreeMap<&'a str, Field<'a>>,
    ) -> Option<Metadata<'a>> {
        let request = self.request;
        if self.is_mlflow() {
            if let Some(user) = &request.user {
                extra.insert("user", Field::Text(user));
            }
            if let Some(metadata) = &request.metadata {
                extra.insert("metadata", Field::Map(metadata));
            }
            return None;
        }
        if request
            .metadata
            .as_ref()
            .is_some_and(|notes| !notes.is_empty())
        {
            self.losses.dropped("metadata", "Anthropic keeps no notes");
        }
        let metadata = Metadata {
            user_id: request.user.as_deref(),
            rest: nested(native, "metadata"),
        };
        (metadata.user_id.is_some() || metadata.rest.is_some()).then_some(metadata)
    }

    fn service_tier(&mut self, extra: &mut BTreeMap<&'a str, Field<'a>>) -> Option<&'a str> {
        let tier = self.request.service_tier.as_deref()?;
        if self.is_mlflow() {
            extra.insert("service_tier", Field::Text(tier));
            return None;
        }
        match tier {
            "auto" | "standard_only" => Some(tier),
            "default" => Some("standard_only"),
            _ if self.request.extra.dialect() == Some(Dialect::ANTHROPIC) => Some(tier),
            _ => {
                self.losses.dropped(
                    "service_tier",
                    "Anthropic has no service class of this name",
                );
                None
            }
        }
    }
}
