//! Whole chat replies, in OpenAI's form.

use std::fmt::{self, Display};

use bytes::Bytes;
use gateway_schema::chat::{ChatResponse, Choice, Citation, Content, Part};
use gateway_schema::{Dialect, Losses};
use serde_json::{Map, Value};

use super::decode_part::url_of;
use super::encode_message::{is_custom_call, write_call, write_google};
use super::{finish, reasoning};
use crate::ReplyInfo;
use crate::node::{List, Object, object};
use crate::openai::body::foreign;
use crate::openai::usage;

/// Writes a whole chat reply for an OpenAI client.
pub fn encode_chat_response(
    response: &ChatResponse,
    info: &ReplyInfo,
    losses: &mut Losses,
) -> Bytes {
    let mut out = Vec::with_capacity(1024);
    object(&mut out, |out| {
        match &response.id {
            Some(id) => out.field("id", id),
            None => out.field("id", &format!("chatcmpl-{}", info.id)),
        }
        out.field("object", "chat.completion");
        out.field("created", &response.created.unwrap_or(info.created));
        out.field("model", response.model.as_deref().unwrap_or(&info.model));
        out.list("choices", |out| {
            for choice in &response.choices {
                out.object(|out| write_choice(choice, info, losses, out));
            }
        });
        if let Some(usage) = &response.usage {
            out.object("usage", |out| usage::encode(usage, out));
        }
        out.option("service_tier", response.service_tier.as_ref());
        out.option("system_fingerprint", response.system_fingerprint.as_ref());
        write_extra(&response.extra, "", losses, out);
    });
    out.into()
}

fn write_choice(choice: &Choice, info: &ReplyInfo, losses: &mut Losses, out: &mut Object<'_>) {
    let at = Within(choice.index);
    out.field("index", &choice.index);
    let own = choice.extra.for_dialect(Dialect::OPENAI);
    let rest = own
        .and_then(|fields| fields.get("message"))
        .and_then(Value::as_object);
    out.object("message", |out| {
        out.field("role", "assistant");
        Reply { at, info, losses }.message(&choice.parts, rest, out);
    });
    out.field("logprobs", &choice.logprobs);
    match &choice.finish {
        Some(reason) => {
            let (word, exact) = finish::encode(reason);
            if !exact {
                losses.approximated(
                    format!("{at}finish_reason"),
                    format!(
                        "`{}` has no word here",
                        reason.raw.as_deref().unwrap_or("other")
                    ),
                );
            }
            out.field("finish_reason", word);
        }
        None => out.field("finish_reason", &()),
    }
    for (key, value) in own.into_iter().flatten() {
        if key != "message" {
            out.field(key, value);
        }
    }
    if own.is_none() {
        write_extra(&choice.extra, at, losses, out);
    }
}

/// Where a loss within a choice is told to be; a path is begun only when something is lost.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Within(pub(crate) u32);

impl Display for Within {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "choices[{}].", self.0)
    }
}

struct Reply<'a> {
    at: Within,
    info: &'a ReplyInfo,
    losses: &'a mut Losses,
}

impl Reply<'_> {
    fn message(&mut self, parts: &[Part], rest: Option<&Map<String, Value>>, out: &mut Object<'_>) {
        write_content(parts, out);
        let refusal: String = parts
            .iter()
            .filter_map(|part| match &part.content {
                Content::Refusal(text) => Some(text.as_str()),
                _ => None,
            })
            .collect();
        out.field("refusal", &(!refusal.is_empty()).then_some(refusal));
        self.citations(parts, out);
        let thoughts = reasoning::plain(parts);
        if !thoughts.is_empty() {
            out.field("reasoning_content", &thoughts);
        }
        if reasoning::needs_details(parts) {
            out.list("reasoning_details", |out| {
                reasoning::encode_details(parts, out);
            });
        }
        write_images(parts, out);
        write_calls(parts, self.info, out);
        if let Some(signature) = text_signature(parts) {
            write_google(out, signature);
        }
        if let Some(rest) = rest {
            out.fields(rest);
        }
        self.report(parts);
    }

    fn citations(&mut self, parts: &[Part], out: &mut Object<'_>) {
        let all: Vec<&Citation> = parts
            .iter()
            .filter_map(|part| match &part.content {
                Content::Text { citations, .. } => Some(citations),
                _ => None,
            })
            .flatten()
            .collect();
        if all.is_empty() {
            return;
        }
        let path = format!("{}citations", self.at);
        out.list("annotations", |out| {
            for citation in all {
                write_citation(citation, &path, self.losses, out);
            }
        });
    }

    /// Reports parts and marks that have no form here.
    fn report(&mut self, parts: &[Part]) {
        for (index, part) in parts.iter().enumerate() {
            let at = self.at;
            let path = || format!("{at}content[{index}]");
            match &part.content {
                Content::Opaque { dialect, .. } if *dialect != Dialect::OPENAI => {
                    self.losses
                        .dropped(path(), foreign(*dialect, "OpenAI clients"));
                }
                Content::Audio(_)
                | Content::Video(_)
                | Content::Document { .. }
                | Content::ToolResult(_) => {
                    self.losses
                        .dropped(path(), "a part of this kind has no form here");
                }
                Content::Image { media, .. } if url_of(media).is_none() => {
                    self.losses
                        .dropped(path(), "a picture by file id has no form here");
                }
                _ => {}
            }
            if let Some(dialect) = part.extra.dialect().filter(|own| *own != Dialect::OPENAI) {
                for key in part.extra.fields().keys() {
                    self.losses.dropped(
                        format!("{}.{key}", path()),
                        foreign(dialect, "OpenAI clients"),
                    );
                }
            }
            let is_carried = match &part.content {
                Content::Thinking { .. } | Content::RedactedThinking { .. } => true,
                Content::ToolCall(_) | Content::Text { .. } => google(part).is_some(),
                _ => false,
            };
            if part.signature.is_some() && !is_carried {
                self.losses.dropped(
                    format!("{}.signature", path()),
                    "proofs of this kind have no place here",
                );
            }
        }
    }
}

/// One string, or a list where the provider gave parts that only such APIs know.
fn write_content(parts: &[Part], out: &mut Object<'_>) {
    let is_list = parts.iter().any(|part| own_part(part).is_some());
    if is_list {
        out.list("content", |out| {
            for part in parts {
                match (&part.content, own_part(part)) {
                    (Content::Text { text, .. }, _) => out.object(|out| {
                        out.field("type", "text");
                        out.field("text", text);
                    }),
                    (_, Some(value)) => out.item(value),
                    _ => {}
                }
            }
        });
        return;
    }
    let mut texts = parts.iter().filter_map(|part| match &part.content {
        Content::Text { text, .. } => Some(text.as_str()),
        _ => None,
    });
    match (texts.next(), texts.next()) {
        (Some(text), None) => out.field("content", text),
        (Some(first), Some(second)) => {
            let mut joined = format!("{first}{second}");
            texts.for_each(|text| joined.push_str(text));
            out.field("content", &joined);
        }
        (None, _) if parts.is_empty() => out.field("content", ""),
        (None, _) => out.field("content", &()),
    }
}

fn write_images(parts: &[Part], out: &mut Object<'_>) {
    let urls: Vec<String> = parts
        .iter()
        .filter_map(|part| match &part.content {
            Content::Image { media, .. } => url_of(media),
            _ => None,
        })
        .collect();
    if urls.is_empty() {
        return;
    }
    out.list("images", |out| {
        for url in &urls {
            out.object(|out| {
                out.field("type", "image_url");
                out.object("image_url", |out| out.field("url", url));
            });
        }
    });
}

fn write_calls(parts: &[Part], info: &ReplyInfo, out: &mut Object<'_>) {
    if !parts.iter().any(is_call) {
        return;
    }
    out.list("tool_calls", |out| {
        for (index, part) in parts.iter().enumerate() {
            match &part.content {
                Content::ToolCall(call) => out.object(|out| {
                    let id = || stand_in_id(info, index);
                    write_call(call, id, part.extra.for_dialect(Dialect::OPENAI), out);
                    if let Some(signature) = google(part) {
                        write_google(out, signature);
                    }
                }),
                Content::Opaque { value, .. } if is_call(part) => out.item(value),
                _ => {}
            }
        }
    });
}

/// Writes an annotation; a source without an address has no form here.
pub(crate) fn write_citation(
    citation: &Citation,
    path: &str,
    losses: &mut Losses,
    out: &mut List<'_>,
) {
    if let Some((Dialect::OPENAI, value)) = &citation.raw {
        return out.item(value);
    }
    let Some(url) = &citation.url else {
        return losses.dropped(path, "a source without an address has no form here");
    };
    if citation.quote.is_some() {
        losses.approximated(path, "the cited words have no place here");
    }
    out.object(|out| {
        out.field("type", "url_citation");
        out.object("url_citation", |out| {
            out.field("url", url);
            out.option("title", citation.title.as_ref());
            if let Some((start, end)) = citation.span {
                out.field("start_index", &start);
                out.field("end_index", &end);
            }
        });
    });
}

/// An id for a call without one, unlike all others.
pub(crate) fn stand_in_id(info: &ReplyInfo, index: impl Display) -> String {
    let id = info.id.get(..16).unwrap_or(&info.id);
    format!("call_{id}_{index}")
}

/// Fields of this dialect are written, those of another reported.
pub(crate) fn write_extra(
    extra: &gateway_schema::Extra,
    at: impl Display,
    losses: &mut Losses,
    out: &mut Object<'_>,
) {
    match extra.dialect() {
        None => {}
        Some(Dialect::OPENAI) => out.fields(extra.fields()),
        Some(other) => {
            for key in extra.fields().keys() {
                let path = format!("{at}{key}");
                losses.dropped(path, foreign(other, "OpenAI clients"));
            }
        }
    }
}

/// The value of a content part that only this dialect knows.
fn own_part(part: &Part) -> Option<&Value> {
    match &part.content {
        Content::Opaque {
            dialect: Dialect::OPENAI,
            value,
        } if !is_custom_call(value) => Some(value),
        _ => None,
    }
}

fn is_call(part: &Part) -> bool {
    match &part.content {
        Content::ToolCall(_) => true,
        Content::Opaque { dialect, value } => *dialect == Dialect::OPENAI && is_custom_call(value),
        _ => false,
    }
}

fn google(part: &Part) -> Option<&str> {
    part.signature
        .as_ref()
        .filter(|signature| signature.dialect == Dialect::GEMINI)
        .map(|signature| signature.value.as_str())
}

fn text_signature(parts: &[Part]) -> Option<&str> {
    parts
        .iter()
        .rev()
        .find(|part| matches!(part.content, Content::Text { .. }))
        .and_then(google)
}
