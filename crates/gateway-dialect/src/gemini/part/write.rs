//! Parts out.

use std::borrow::Cow;

use gateway_schema::chat::{Content, ImageDetail, Media, Part, Signature, ToolCall, ToolResult};
use gateway_schema::{CallError, Dialect, ErrorKind, Losses, Mapping};
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use super::super::model::Traits;
use super::super::signature;
use super::calls::SYNTHETIC;

/// A part on its way out.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(in super::super) struct PartOut<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    thought: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    inline_data: Option<Blob<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    file_data: Option<Linked<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in super::super) function_call: Option<CallOut<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    function_response: Option<ResultOut<'a>>,
    #[serde(flatten)]
    extra: Option<Cow<'a, Map<String, Value>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in super::super) thought_signature: Option<Cow<'a, str>>,
}

impl<'a> PartOut<'a> {
    /// Bare text.
    pub(in super::super) fn plain(text: &'a str) -> Self {
        Self {
            text: Some(Cow::Borrowed(text)),
            ..Self::default()
        }
    }
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Blob<'a> {
    mime_type: &'a str,
    data: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    display_name: Option<Value>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Linked<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    mime_type: Option<&'a str>,
    file_uri: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    display_name: Option<Value>,
}

/// A function call on its way out.
#[derive(Debug, Serialize)]
pub(in super::super) struct CallOut<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    name: &'a str,
    args: Args<'a>,
}

#[derive(Debug, Serialize)]
struct ResultOut<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    name: &'a str,
    response: Response,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    parts: Vec<PartOut<'a>>,
    #[serde(flatten)]
    extra: Map<String, Value>,
}

/// What a function gave back: an object as it came, or one made around it.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Response {
    Raw(Box<RawValue>),
    Made(Value),
}

/// Arguments: an object, as it was written.
#[derive(Debug)]
pub(in super::super) enum Args<'a> {
    Raw(&'a RawValue),
    Empty,
}

impl Serialize for Args<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Raw(raw) => raw.serialize(serializer),
            Self::Empty => Map::new().serialize(serializer),
        }
    }
}

impl<'a> Args<'a> {
    /// The arguments of a call as an object; `None` when they are not one.
    pub(in super::super) fn of(arguments: &'a str) -> Option<Self> {
        let text = arguments.trim();
        if text.is_empty() || text == "null" {
            return Some(Self::Empty);
        }
        if !text.starts_with('{') {
            return None;
        }
        serde_json::from_str(text).ok().map(Self::Raw)
    }
}

/// Where a part goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Side {
    /// To the provider.
    Request,
    /// To a client.
    Reply,
}

/// Writes parts and reports what does not survive.
#[derive(Debug)]
pub(in super::super) struct PartWriter<'l> {
    pub(in super::super) losses: &'l mut Losses,
    pub(in super::super) traits: Traits,
    pub(in super::super) mapping: Mapping,
    pub(in super::super) side: Side,
    /// Whether calls may have ids. Vertex AI refuses them.
    pub(in super::super) ids: bool,
}

type Path<'p> = &'p dyn Fn() -> String;

impl PartWriter<'_> {
    /// Appends the part, and what a model that takes no media in results is given beside it.
    ///
    /// `name_of` knows the function of a call.
    ///
    /// # Errors
    /// The caller's, in requests only: arguments that are no object, a result of an unknown call.
    pub(in super::super) fn write<'a>(
        &mut self,
        part: &'a Part,
        path: Path<'_>,
        name_of: &dyn Fn(&str) -> Option<&'a str>,
        out: &mut Vec<PartOut<'a>>,
    ) -> Result<(), CallError> {
        let mut written = PartOut::default();
        let mut beside = Vec::new();
        match &part.content {
            Content::Text { text, .. } => written.text = Some(Cow::Borrowed(text)),
            Content::Thinking { text, .. } => {
                if self.side == Side::Request && is_foreign(part.signature.as_ref()) {
                    self.lose(path, "Gemini does not know the reasoning of other models");
                    return Ok(());
                }
                written.text = Some(Cow::Borrowed(text));
                written.thought = true;
            }
            Content::Refusal(text) => {
                self.losses
                    .approximated(path(), "a refusal is plain text here");
                written.text = Some(Cow::Borrowed(text));
            }
            Content::ToolCall(call) => written.function_call = Some(self.call(call, path)?),
            Content::ToolResult(result) => {
                let mut result = self.result(result, path, name_of, &mut beside)?;
                result.extra = of_result(part);
                written.function_response = Some(result);
            }
            Content::Image { media, detail } => {
                if !matches!(detail, None | Some(ImageDetail::Auto)) {
                    self.losses
                        .dropped(format!("{}.detail", path()), "set for the whole request");
                }
                self.media(part, media, path, &mut written);
                // The API wants a type; this one it looks into.
                if let Some(linked) = &mut written.file_data {
                    linked.mime_type = linked.mime_type.or(Some("image/jpeg"));
                }
            }
            Content::Audio(media) | Content::Video(media) => {
                self.media(part, media, path, &mut written);
            }
            Content::Document { media, .. } => {
                self.report_document(&part.content, path);
                self.media(part, media, path, &mut written);
            }
            Content::Opaque { dialect, value } if *dialect == Dialect::GEMINI => {
                written.extra = value.as_object().map(Cow::Borrowed);
            }
            Content::Opaque { dialect, .. } => {
                self.lose(path, &format!("only {dialect} knows this part"));
                return Ok(());
            }
            _ => {
                self.lose(path, "Gemini has no such part");
                return Ok(());
            }
        }
        self.marks(part, path, &mut written);
        let is_void = matches!(
            &written,
            PartOut {
                text: None,
                inline_data: None,
                file_data: None,
                function_call: None,
                function_response: None,
                extra: None,
                ..
            }
        );
        if !is_void {
            out.push(written);
        }
        out.append(&mut beside);
        Ok(())
    }

    fn report_document(&mut self, content: &Content, path: Path<'_>) {
        let Content::Document {
            title,
            context,
            citations,
            ..
        } = content
        else {
            return;
        };
        let lost = [
            ("title", title.is_some()),
            ("context", context.is_some()),
            ("citations", *citations == Some(true)),
        ];
        for (field, _) in lost.iter().filter(|(_, is_lost)| *is_lost) {
            self.losses.dropped(
                format!("{}.{field}", path()),
                "Gemini's documents have no such field",
            );
        }
    }

    fn lose(&mut self, path: Path<'_>, why: &str) {
        self.losses.dropped(path(), why.to_owned());
    }

    fn call<'a>(&mut self, call: &'a ToolCall, path: Path<'_>) -> Result<CallOut<'a>, CallError> {
        let args = match Args::of(&call.arguments) {
            Some(args) => args,
            None if self.side == Side::Reply => {
                self.losses.approximated(
                    format!("{}.args", path()),
                    "the arguments are not a whole JSON object",
                );
                Args::Empty
            }
            None => return Err(bad_arguments(call, path)),
        };
        Ok(CallOut {
            id: self.id(call.id.as_deref()),
            name: &call.name,
            args,
        })
    }

    /// An id as far as it may be written.
    fn id<'a>(&self, id: Option<&'a str>) -> Option<&'a str> {
        id.filter(|id| self.ids && !id.is_empty() && !id.starts_with(SYNTHETIC))
    }

    fn result<'a>(
        &mut self,
        result: &'a ToolResult,
        path: Path<'_>,
        name_of: &dyn Fn(&str) -> Option<&'a str>,
        beside: &mut Vec<PartOut<'a>>,
    ) -> Result<ResultOut<'a>, CallError> {
        let name = result
            .name
            .as_deref()
            .filter(|name| !name.is_empty())
            .or_else(|| name_of(&result.call_id));
        let Some(name) = name else {
            return Err(self.unknown_call(&result.call_id));
        };
        let mut text = String::new();
        let mut parts = Vec::new();
        for (index, item) in result.parts.iter().enumerate() {
            let place = || format!("{}.content[{index}]", path());
            match &item.content {
                Content::Text { text: more, .. } | Content::Refusal(more) => text.push_str(more),
                _ => self.write(item, &place, name_of, &mut parts)?,
            }
        }
        if !parts.is_empty() && !self.traits.takes_media_in_results() {
            self.losses.approximated(
                path(),
                "this model takes media beside the result of a function, not in it",
            );
            beside.append(&mut parts);
        }
        let response = self.response(&text, result.is_error, parts.is_empty());
        Ok(ResultOut {
            id: self.id(Some(&result.call_id)),
            name,
            response,
            parts,
            extra: Map::new(),
        })
    }

    fn response(&self, text: &str, is_error: bool, alone: bool) -> Response {
        let trimmed = text.trim();
        if trimmed.starts_with('{')
            && !is_error
            && let Ok(raw) = RawValue::from_string(trimmed.to_owned())
        {
            return Response::Raw(raw);
        }
        if self.mapping == Mapping::Mlflow {
            let value =
                serde_json::from_str(trimmed).unwrap_or_else(|_| Value::String(text.to_owned()));
            return Response::Made(json!({ "result": value }));
        }
        Response::Made(match (is_error, text.is_empty() && !alone) {
            (true, _) => json!({ "error": text }),
            (false, true) => json!({}),
            (false, false) => json!({ "output": text }),
        })
    }

    fn unknown_call(&self, id: &str) -> CallError {
        let error = CallError::client(
            ErrorKind::InvalidRequest,
            format!(
                "Invalid tool message: tool_call_id={id} does not match any tool call in a preceding assistant message."
            ),
        );
        match self.mapping {
            Mapping::Mlflow => error.with_status(422),
            Mapping::Faithful => error,
        }
    }

    fn media<'a>(
        &mut self,
        part: &'a Part,
        media: &'a Media,
        path: Path<'_>,
        out: &mut PartOut<'a>,
    ) {
        let display_name = part
            .extra
            .for_dialect(Dialect::GEMINI)
            .and_then(|extra| extra.get("displayName").cloned());
        match media {
            Media::Base64 { media_type, data } => {
                out.inline_data = Some(Blob {
                    mime_type: media_type,
                    data,
                    display_name,
                });
            }
            Media::Url { media_type, url } => match data_url(url) {
                Some((mime_type, data)) => {
                    out.inline_data = Some(Blob {
                        mime_type,
                        data,
                        display_name,
                    });
                }
                None if self.mapping == Mapping::Mlflow => {
                    let note = format!("[unsupported image reference: {url}]");
                    out.text = Some(Cow::Owned(note));
                }
                None => {
                    out.file_data = Some(Linked {
                        mime_type: media_type.as_deref().or_else(|| guessed(url)),
                        file_uri: url,
                        display_name,
                    });
                }
            },
            Media::File { media_type, id } => {
                out.file_data = Some(Linked {
                    mime_type: media_type.as_deref(),
                    file_uri: id,
                    display_name,
                });
            }
            Media::Text(text) => out.text = Some(Cow::Borrowed(text)),
            _ => self.lose(path, "Gemini has no such kind of source"),
        }
    }

    /// Proof, cache mark and what else stands beside the content.
    fn marks<'a>(&mut self, part: &'a Part, path: Path<'_>, out: &mut PartOut<'a>) {
        if part.cache.is_some() {
            self.losses.dropped(
                format!("{}.cache_control", path()),
                "Gemini caches by itself, or by a name made before",
            );
        }
        match (&part.signature, self.side) {
            (None, _) => {}
            (Some(signature), Side::Reply) => {
                out.thought_signature = Some(Cow::Owned(signature::write(signature)));
            }
            (Some(signature), Side::Request) if signature.dialect == Dialect::GEMINI => {
                out.thought_signature = Some(Cow::Borrowed(&signature.value));
            }
            (Some(_), Side::Request) => self.losses.dropped(
                format!("{}.signature", path()),
                "only its provider can check it",
            ),
        }
        let Some(dialect) = part.extra.dialect() else {
            return;
        };
        if dialect != Dialect::GEMINI {
            for key in part.extra.fields().keys() {
                self.losses.dropped(
                    format!("{}.{key}", path()),
                    format!("only {dialect} knows this field"),
                );
            }
            return;
        }
        let is_result = out.function_response.is_some();
        let mut extra = out.extra.take().map_or_else(Map::new, Cow::into_owned);
        for (key, value) in part.extra.fields() {
            if key != "displayName" && !(is_result && is_of_result(key)) {
                extra.insert(key.clone(), value.clone());
            }
        }
        out.extra = (!extra.is_empty()).then_some(Cow::Owned(extra));
    }
}

/// What a part says of its function's result besides.
fn of_result(part: &Part) -> Map<String, Value> {
    part.extra
        .for_dialect(Dialect::GEMINI)
        .into_iter()
        .flatten()
        .filter(|(key, _)| is_of_result(key))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect()
}

/// Fields that stand in a function's result, not beside it.
fn is_of_result(key: &str) -> bool {
    matches!(key, "scheduling" | "willContinue")
}

fn is_foreign(signature: Option<&Signature>) -> bool {
    signature.is_some_and(|signature| signature.dialect != Dialect::GEMINI)
}

/// Media type and data of a `data:` URL in base64.
fn data_url(url: &str) -> Option<(&str, &str)> {
    let (head, data) = url.strip_prefix("data:")?.split_once(',')?;
    let media_type = head.strip_suffix(";base64")?;
    Some((media_type.split(';').next().unwrap_or_default(), data))
}

/// The media type that an address ends in.
fn guessed(url: &str) -> Option<&'static str> {
    const ENDINGS: [(&str, &str); 20] = [
        ("png", "image/png"),
        ("jpg", "image/jpeg"),
        ("jpeg", "image/jpeg"),
        ("webp", "image/webp"),
        ("gif", "image/gif"),
        ("heic", "image/heic"),
        ("heif", "image/heif"),
        ("pdf", "application/pdf"),
        ("txt", "text/plain"),
        ("md", "text/markdown"),
        ("html", "text/html"),
        ("csv", "text/csv"),
        ("json", "application/json"),
        ("mp3", "audio/mp3"),
        ("wav", "audio/wav"),
        ("ogg", "audio/ogg"),
        ("flac", "audio/flac"),
        ("mp4", "video/mp4"),
        ("webm", "video/webm"),
        ("mov", "video/quicktime"),
    ];
    let path = url.split(['?', '#']).next().unwrap_or_default();
    let ending = path.rsplit('.').next().unwrap_or_default();
    ENDINGS
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(ending))
        .map(|(_, media_type)| *media_type)
}

fn bad_arguments(call: &ToolCall, path: Path<'_>) -> CallError {
    CallError::client(
        ErrorKind::InvalidRequest,
        format!(
            "{}: the arguments of the call of '{}' must be a JSON object.",
            path(),
            call.name
        ),
    )
}
