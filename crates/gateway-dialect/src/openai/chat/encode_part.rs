//! Content parts of a request, in OpenAI's form.

use gateway_schema::Losses;
use gateway_schema::chat::{CacheControl, Content, ImageDetail, Media, Part};
use serde_json::{Map, Value};

use super::decode_part::url_of;
use crate::node::{List, Object};
use crate::openai::body::{Shape, foreign};
use crate::openai::quirks::Attachments;

/// Why earlier reasoning is lost.
const NO_REASONING: &str = "this provider does not take earlier reasoning back";

/// Writes parts and reports what it cannot write.
pub(crate) struct Parts<'a> {
    pub(crate) shape: Shape<'a>,
    pub(crate) losses: &'a mut Losses,
}

impl Parts<'_> {
    /// Appends one part to a content list. What has no form here is reported and left out.
    pub(crate) fn write(&mut self, part: &Part, path: &str, out: &mut List<'_>) {
        let cache = self.cache(part.cache.as_ref(), path);
        if part.signature.is_some() {
            self.losses
                .dropped(format!("{path}.signature"), "only its maker can check it");
        }
        if !part.extra.is_empty() && self.fields(part).is_none() {
            self.foreign_extra(part, path);
        }
        let fields = self.fields(part);
        match &part.content {
            Content::Text { text, citations } => {
                if !citations.is_empty() {
                    self.losses.dropped(
                        format!("{path}.citations"),
                        "messages carry no citations here",
                    );
                }
                wrap(out, "text", cache, fields, |out| out.field("text", text));
            }
            Content::Refusal(text) => {
                wrap(out, "refusal", cache, fields, |out| {
                    out.field("refusal", text);
                });
            }
            Content::Image { media, detail } => match url_of(media) {
                Some(url) => wrap(out, "image_url", cache, fields, |out| {
                    out.object("image_url", |out| {
                        out.field("url", &url);
                        out.option("detail", detail.and_then(detail_word));
                        inner(out, fields, "image_url");
                    });
                }),
                None => self.no_form(path, "a picture by file id"),
            },
            Content::Video(media) => match url_of(media) {
                Some(url) if !self.refuses("video_url") => {
                    wrap(out, "video_url", cache, fields, |out| {
                        out.object("video_url", |out| {
                            out.field("url", &url);
                            inner(out, fields, "video_url");
                        });
                    });
                }
                _ => self.no_form(path, "video"),
            },
            Content::Audio(media) if self.plain_attachments() => match media {
                Media::Base64 { data: text, .. } | Media::Url { url: text, .. } => {
                    wrap(out, "input_audio", cache, None, |out| {
                        out.field("input_audio", text);
                    });
                }
                _ => self.no_form(path, "a recording by file id"),
            },
            Content::Audio(Media::Base64 { media_type, data }) => {
                wrap(out, "input_audio", cache, fields, |out| {
                    out.object("input_audio", |out| {
                        out.field("data", data);
                        if !media_type.is_empty() {
                            out.field("format", audio_format(media_type));
                        }
                        inner(out, fields, "input_audio");
                    });
                });
            }
            Content::Audio(_) => self.no_form(path, "audio by reference"),
            Content::Document { .. } => self.document(part, path, out),
            Content::Opaque { dialect, value } if self.shape.is_ours(*dialect) => out.item(value),
            Content::Opaque { dialect, .. } => {
                self.losses
                    .dropped(path, foreign(*dialect, "an OpenAI-like API"));
            }
            Content::Thinking { .. } | Content::RedactedThinking { .. } => {
                self.losses.dropped(path, NO_REASONING);
            }
            _ => self.no_form(path, "a part of this kind"),
        }
    }

    /// A cache mark, if the provider takes such; reported otherwise.
    pub(crate) fn cache<'p>(
        &mut self,
        cache: Option<&'p CacheControl>,
        path: &str,
    ) -> Option<&'p CacheControl> {
        if cache.is_some() && !self.shape.quirks.cache_control {
            self.losses.dropped(
                format!("{path}.cache_control"),
                "this provider caches prompts without marks, if at all",
            );
            return None;
        }
        cache
    }

    /// Reports fields of another dialect.
    pub(crate) fn foreign_extra(&mut self, part: &Part, path: &str) {
        if let Some(dialect) = part.extra.dialect()
            && !self.shape.is_ours(dialect)
        {
            for key in part.extra.fields().keys() {
                self.losses.dropped(
                    format!("{path}.{key}"),
                    foreign(dialect, "an OpenAI-like API"),
                );
            }
        }
    }

    /// The fields of this dialect that a part carries.
    pub(crate) fn fields<'p>(&self, part: &'p Part) -> Option<&'p Map<String, Value>> {
        part.extra
            .dialect()
            .filter(|dialect| self.shape.is_ours(*dialect))
            .map(|_| part.extra.fields())
    }

    fn document(&mut self, part: &Part, path: &str, out: &mut List<'_>) {
        let Content::Document {
            media,
            title,
            context,
            citations,
        } = &part.content
        else {
            return;
        };
        if context.is_some() {
            self.losses
                .dropped(format!("{path}.context"), "files carry no context here");
        }
        if *citations == Some(true) {
            self.losses.dropped(
                format!("{path}.citations"),
                "citations cannot be asked for here",
            );
        }
        let cache = part
            .cache
            .as_ref()
            .filter(|_| self.shape.quirks.cache_control);
        let fields = self.fields(part);
        let file = |out: &mut List<'_>, key: &str, value: &str, name: Option<&str>| {
            wrap(out, "file", cache, fields, |out| {
                out.object("file", |out| {
                    out.field(key, value);
                    out.option("filename", name);
                    inner(out, fields, "file");
                });
            });
        };
        match media {
            Media::Base64 { .. } | Media::Url { .. } | Media::File { .. }
                if self.plain_attachments() =>
            {
                plain_document(media, title.as_deref(), cache, out);
            }
            Media::Base64 { media_type, data } => {
                let name = title.clone().unwrap_or_else(|| default_name(media_type));
                let url = format!("data:{media_type};base64,{data}");
                file(out, "file_data", &url, Some(&name));
            }
            Media::File { id, .. } => file(out, "file_id", id, title.as_deref()),
            // A text or an address of a document: this API has no form for either.
            Media::Text(text) => {
                self.losses
                    .approximated(path, "a text document becomes a text part");
                let text = match title {
                    Some(title) => format!("{title}\n\n{text}"),
                    None => text.clone(),
                };
                wrap(out, "text", cache, None, |out| out.field("text", &text));
            }
            _ => self.no_form(path, "a document by address"),
        }
    }

    fn plain_attachments(&self) -> bool {
        self.shape.quirks.attachments == Attachments::Plain
    }

    fn refuses(&self, kind: &str) -> bool {
        self.shape.quirks.refused_parts.contains(&kind)
    }

    fn no_form(&mut self, path: &str, what: &str) {
        self.losses
            .dropped(path, format!("{what} has no form in this provider's API"));
    }
}

/// A part: its type, its payload, then marks and other fields.
fn wrap(
    out: &mut List<'_>,
    kind: &str,
    cache: Option<&CacheControl>,
    fields: Option<&Map<String, Value>>,
    payload: impl FnOnce(&mut Object<'_>),
) {
    out.object(|out| {
        out.field("type", kind);
        payload(out);
        if let Some(cache) = cache {
            write_cache(out, cache);
        }
        for (key, value) in fields.into_iter().flatten() {
            if key != kind {
                out.field(key, value);
            }
        }
    });
}

/// A document whose address, data or id is the member itself.
fn plain_document(
    media: &Media,
    title: Option<&str>,
    cache: Option<&CacheControl>,
    out: &mut List<'_>,
) {
    if let Media::File { id, .. } = media {
        wrap(out, "file", cache, None, |out| out.field("file_id", id));
    } else if let Some(url) = url_of(media) {
        wrap(out, "document_url", cache, None, |out| {
            out.field("document_url", &url);
            out.option("document_name", title);
        });
    }
}

pub(crate) fn write_cache(out: &mut Object<'_>, cache: &CacheControl) {
    out.object("cache_control", |out| {
        out.field("type", "ephemeral");
        out.option("ttl", cache.ttl.as_ref());
    });
}

/// The fields that stood inside a payload.
pub(crate) fn inner(out: &mut Object<'_>, fields: Option<&Map<String, Value>>, name: &str) {
    if let Some(Value::Object(rest)) = fields.and_then(|fields| fields.get(name)) {
        out.fields(rest);
    }
}

const fn detail_word(detail: ImageDetail) -> Option<&'static str> {
    match detail {
        ImageDetail::Auto => Some("auto"),
        ImageDetail::Low => Some("low"),
        ImageDetail::High => Some("high"),
        _ => None,
    }
}

fn audio_format(media_type: &str) -> &str {
    match media_type.strip_prefix("audio/").unwrap_or(media_type) {
        "mpeg" => "mp3",
        "x-wav" | "wave" => "wav",
        other => other,
    }
}

/// A name for a file without one: the API asks for some.
fn default_name(media_type: &str) -> String {
    let end = match media_type {
        "application/pdf" => "pdf",
        "text/plain" => "txt",
        _ => "bin",
    };
    format!("document.{end}")
}
