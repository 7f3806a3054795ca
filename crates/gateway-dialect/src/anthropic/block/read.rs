//! Content blocks in.
//!
//! One pass: a block whose `type` comes first (as every SDK writes it) is read field by field into its place; fields
//! that come before it are held as text until it is known.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use gateway_schema::chat::{CacheControl, Content, ContentForm, Media, Part};
use gateway_schema::chat::{ToolCall, ToolResult};
use gateway_schema::{Dialect, Extra};
use serde::de::{DeserializeOwned, Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::citation;

/// A content block, as a canonical part.
#[derive(Debug)]
pub(in super::super) struct Block(pub(in super::super) Part);

/// Content: a bare string, a list of blocks, or null.
#[derive(Debug, Default)]
pub(in super::super) struct Blocks {
    pub(in super::super) parts: Vec<Part>,
    pub(in super::super) form: ContentForm,
}

/// The kinds that the canonical form knows.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    Image,
    Document,
    ToolUse,
    ToolResult,
    Thinking,
    Redacted,
}

impl Kind {
    fn of(name: &str) -> Option<Self> {
        Some(match name {
            "text" => Self::Text,
            "image" => Self::Image,
            "document" => Self::Document,
            "tool_use" => Self::ToolUse,
            "tool_result" => Self::ToolResult,
            "thinking" => Self::Thinking,
            "redacted_thinking" => Self::Redacted,
            _ => return None,
        })
    }
}

#[derive(Deserialize)]
struct Source {
    #[serde(rename = "type")]
    kind: String,
    media_type: Option<String>,
    data: Option<String>,
    url: Option<String>,
    file_id: Option<String>,
    content: Option<Value>,
}

/// A block being read.
enum Draft {
    Known(Kind, Box<Fields>),
    /// A kind that only this dialect knows, with all its fields.
    Opaque(Map<String, Value>),
}

#[derive(Default)]
struct Fields {
    text: Option<String>,
    name: Option<String>,
    id: Option<String>,
    signature: Option<String>,
    input: Option<Box<RawValue>>,
    source: Option<Source>,
    content: Option<Blocks>,
    is_error: Option<bool>,
    citations: Option<Value>,
    title: Option<String>,
    context: Option<String>,
    cache: Option<Value>,
    extra: Map<String, Value>,
}

/// Where the value of a field comes from.
trait Take {
    type Error: Error;
    fn take<T: DeserializeOwned>(self) -> Result<T, Self::Error>;
}

struct FromMap<'a, 'de, A>(&'a mut A, PhantomData<&'de ()>);

impl<'de, A: MapAccess<'de>> Take for FromMap<'_, 'de, A> {
    type Error = A::Error;
    fn take<T: DeserializeOwned>(self) -> Result<T, A::Error> {
        self.0.next_value()
    }
}

struct FromRaw<E>(Box<RawValue>, PhantomData<E>);

impl<E: Error> Take for FromRaw<E> {
    type Error = E;
    fn take<T: DeserializeOwned>(self) -> Result<T, E> {
        serde_json::from_str(self.0.get()).map_err(E::custom)
    }
}

impl Draft {
    fn new(name: String) -> Self {
        if let Some(kind) = Kind::of(&name) {
            return Self::Known(kind, Box::default());
        }
        let mut fields = Map::new();
        fields.insert("type".to_owned(), Value::String(name));
        Self::Opaque(fields)
    }

    fn set<S: Take>(&mut self, key: &str, value: S) -> Result<(), S::Error> {
        let (kind, fields) = match self {
            Self::Opaque(fields) => {
                fields.insert(key.to_owned(), value.take()?);
                return Ok(());
            }
            Self::Known(kind, fields) => (*kind, fields),
        };
        match (kind, key) {
            (Kind::Text, "text") | (Kind::Thinking, "thinking") | (Kind::Redacted, "data") => {
                fields.text = Some(value.take()?);
            }
            (Kind::Text | Kind::Document, "citations") => fields.citations = value.take()?,
            (Kind::Image | Kind::Document, "source") => fields.source = Some(value.take()?),
            (Kind::Document, "title") => fields.title = value.take()?,
            (Kind::Document, "context") => fields.context = value.take()?,
            (Kind::ToolUse, "id") | (Kind::ToolResult, "tool_use_id") => {
                fields.id = Some(value.take()?);
            }
            (Kind::ToolUse, "name") => fields.name = Some(value.take()?),
            (Kind::ToolUse, "input") => fields.input = Some(value.take()?),
            (Kind::ToolResult, "content") => fields.content = value.take()?,
            (Kind::ToolResult, "is_error") => fields.is_error = value.take()?,
            (Kind::Thinking, "signature") => fields.signature = value.take()?,
            (_, "cache_control") => fields.cache = value.take()?,
            _ => {
                fields.extra.insert(key.to_owned(), value.take()?);
            }
        }
        Ok(())
    }

    fn finish<E: Error>(self) -> Result<Part, E> {
        let (kind, mut fields) = match self {
            Self::Opaque(fields) => return Ok(opaque(fields)),
            Self::Known(kind, fields) => (kind, fields),
        };
        let mut signature = None;
        let content = match kind {
            Kind::Text => Content::Text {
                text: need(fields.text.take(), "text")?,
                citations: citation::read_all(fields.citations.take()),
            },
            Kind::Thinking => {
                signature = fields
                    .signature
                    .take()
                    .filter(|value| !value.is_empty())
                    .map(|value| super::PROOFS.read(&value));
                Content::Thinking {
                    text: need(fields.text.take(), "thinking")?,
                    id: None,
                }
            }
            Kind::Redacted => Content::RedactedThinking {
                data: need(fields.text.take(), "data")?,
                id: None,
            },
            Kind::ToolUse => Content::ToolCall(ToolCall {
                id: Some(need(fields.id.take(), "id")?),
                name: need(fields.name.take(), "name")?,
                arguments: need(fields.input.take(), "input")?.get().to_owned(),
            }),
            Kind::ToolResult => {
                let content = fields.content.take().unwrap_or(Blocks {
                    parts: Vec::new(),
                    form: ContentForm::Absent,
                });
                Content::ToolResult(ToolResult {
                    call_id: need(fields.id.take(), "tool_use_id")?,
                    name: None,
                    parts: content.parts,
                    form: content.form,
                    is_error: fields.is_error.unwrap_or(false),
                })
            }
            Kind::Image => {
                let source = need(fields.source.take(), "source")?;
                match source.into_media() {
                    Ok(media) => Content::Image {
                        media,
                        detail: None,
                    },
                    Err(source) => return Ok(fields.rebuild("image", source)),
                }
            }
            Kind::Document => {
                let source = need(fields.source.take(), "source")?;
                match source.into_media() {
                    Ok(media) => Content::Document {
                        media,
                        title: fields.title.take(),
                        context: fields.context.take(),
                        citations: fields
                            .citations
                            .take()
                            .and_then(|value| value.get("enabled")?.as_bool()),
                    },
                    Err(source) => return Ok(fields.rebuild("document", source)),
                }
            }
        };
        let mut part = Part::new(content);
        part.signature = signature;
        part.cache = cache_control(fields.cache, &mut fields.extra);
        part.extra = Extra::of(Dialect::ANTHROPIC, fields.extra);
        Ok(part)
    }
}

impl Fields {
    /// An image or a document with a source that the canonical form cannot hold, as a part of this dialect.
    fn rebuild(self, kind: &str, source: Map<String, Value>) -> Part {
        let mut map = Map::new();
        map.insert("type".to_owned(), kind.into());
        map.insert("source".to_owned(), Value::Object(source));
        let optional = [
            ("title", self.title.map(Value::String)),
            ("context", self.context.map(Value::String)),
            ("citations", self.citations),
            ("cache_control", self.cache),
        ];
        for (key, value) in optional {
            if let Some(value) = value {
                map.insert(key.to_owned(), value);
            }
        }
        map.extend(self.extra);
        opaque(map)
    }
}

impl Source {
    fn into_media(self) -> Result<Media, Map<String, Value>> {
        match (self.kind.as_str(), self.data, self.url, self.file_id) {
            ("base64", Some(data), None, None) => Ok(Media::Base64 {
                media_type: self.media_type.unwrap_or_default(),
                data,
            }),
            ("text", Some(data), None, None) => Ok(Media::Text(data)),
            ("url", None, Some(url), None) => Ok(Media::Url {
                media_type: self.media_type,
                url,
            }),
            ("file", None, None, Some(id)) => Ok(Media::File {
                media_type: self.media_type,
                id,
            }),
            (_, data, url, file_id) => {
                let mut map = Map::new();
                map.insert("type".to_owned(), Value::String(self.kind));
                let optional = [
                    ("media_type", self.media_type.map(Value::String)),
                    ("data", data.map(Value::String)),
                    ("url", url.map(Value::String)),
                    ("file_id", file_id.map(Value::String)),
                    ("content", self.content),
                ];
                for (key, value) in optional {
                    if let Some(value) = value {
                        map.insert(key.to_owned(), value);
                    }
                }
                Err(map)
            }
        }
    }
}

fn need<T, E: Error>(value: Option<T>, field: &'static str) -> Result<T, E> {
    value.ok_or_else(|| E::missing_field(field))
}

fn opaque(fields: Map<String, Value>) -> Part {
    Part::new(Content::Opaque {
        dialect: Dialect::ANTHROPIC,
        value: Value::Object(fields),
    })
}

/// Reads a cache breakpoint. One that says more than its lifetime is also kept as it came.
pub(in super::super) fn cache_control(
    value: Option<Value>,
    extra: &mut Map<String, Value>,
) -> Option<CacheControl> {
    let value = value?;
    let fields = value.as_object()?;
    let mut cache = CacheControl::default();
    cache.ttl = fields.get("ttl").and_then(Value::as_str).map(str::to_owned);
    let plain = fields.iter().all(|(key, value)| match key.as_str() {
        "type" => value == "ephemeral",
        "ttl" => value.is_string(),
        _ => false,
    });
    if !plain {
        extra.insert("cache_control".to_owned(), value);
    }
    Some(cache)
}

/// A key, borrowed where the input allows it.
struct Key<'de>(Cow<'de, str>);

impl<'de> Deserialize<'de> for Key<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct KeyVisitor;
        impl<'de> Visitor<'de> for KeyVisitor {
            type Value = Key<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a key")
            }
            fn visit_borrowed_str<E: Error>(self, key: &'de str) -> Result<Self::Value, E> {
                Ok(Key(Cow::Borrowed(key)))
            }
            fn visit_str<E: Error>(self, key: &str) -> Result<Self::Value, E> {
                Ok(Key(Cow::Owned(key.to_owned())))
            }
        }
        deserializer.deserialize_str(KeyVisitor)
    }
}

impl<'de> Deserialize<'de> for Block {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct BlockVisitor;
        impl<'de> Visitor<'de> for BlockVisitor {
            type Value = Block;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a content block")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Block, A::Error> {
                let mut early: Vec<(String, Box<RawValue>)> = Vec::new();
                let mut draft: Option<Draft> = None;
                while let Some(Key(key)) = map.next_key::<Key<'de>>()? {
                    match &mut draft {
                        Some(draft) if key != "type" => {
                            draft.set(&key, FromMap(&mut map, PhantomData))?;
                        }
                        Some(_) => return Err(A::Error::duplicate_field("type")),
                        None if key == "type" => {
                            let mut fresh = Draft::new(map.next_value()?);
                            for (key, raw) in early.drain(..) {
                                fresh.set(&key, FromRaw::<A::Error>(raw, PhantomData))?;
                            }
                            draft = Some(fresh);
                        }
                        None => early.push((key.into_owned(), map.next_value()?)),
                    }
                }
                draft
                    .ok_or_else(|| A::Error::missing_field("type"))?
                    .finish()
                    .map(Block)
            }
        }
        deserializer.deserialize_map(BlockVisitor)
    }
}

impl<'de> Deserialize<'de> for Blocks {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct BlocksVisitor;
        impl<'de> Visitor<'de> for BlocksVisitor {
            type Value = Blocks;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string or a list of content blocks")
            }
            fn visit_string<E: Error>(self, text: String) -> Result<Blocks, E> {
                Ok(Blocks {
                    parts: vec![Part::text(text)],
                    form: ContentForm::Text,
                })
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<Blocks, E> {
                self.visit_string(text.to_owned())
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Blocks, A::Error> {
                let mut parts = Vec::new();
                while let Some(Block(part)) = seq.next_element()? {
                    parts.push(part);
                }
                super::PROOFS.bind(&mut parts);
                Ok(Blocks {
                    parts,
                    form: ContentForm::Parts,
                })
            }
        }
        deserializer.deserialize_any(BlocksVisitor)
    }
}
