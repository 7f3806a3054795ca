//! Content parts of a request, from OpenAI's form.

use gateway_schema::chat::{CacheControl, Content, ImageDetail, Media, Part};
use gateway_schema::{Dialect, Extra};
use serde_json::{Map, Value};

use crate::node::{Fields, Node, Reader};

/// Fields inside a part's payload that have no canonical name; kept in the part's extra under the payload's name.
type Rest = Map<String, Value>;

/// Reads one entry of a content list.
pub(crate) fn part(reader: &mut Reader, node: Node<'_>) -> Option<Part> {
    if !matches!(node, Node::Object(_)) {
        reader.wrong(&node, "an object with a `type`");
        return None;
    }
    let kind = node.get("type").and_then(Node::as_text).unwrap_or_default();
    let read: fn(&mut Reader, Node<'_>, &mut Rest) -> Option<Content> = match kind {
        "text" | "input_text" | "output_text" => text,
        "refusal" => refusal,
        "image_url" => image,
        "input_audio" => audio,
        "video_url" => video,
        "file" => file,
        "thinking" => |_, node, _| {
            Some(Content::Thinking {
                text: thinking_text(node),
                id: None,
            })
        },
        "" => {
            reader.missing("type", "the kind of part, such as `text` or `image_url`");
            return None;
        }
        _ => {
            return Some(Part::new(Content::Opaque {
                dialect: Dialect::OPENAI,
                value: node.into_value(),
            }));
        }
    };
    let name = payload_name(kind);
    let mut payload = None;
    let mut cache = None;
    let mut extra = Map::new();
    for (key, node) in node.into_fields() {
        match &*key {
            "type" => {}
            "cache_control" => cache = cache_control(&node),
            key if key == name => payload = Some(node),
            _ => {
                extra.insert(key.into_owned(), node.into_value());
            }
        }
    }
    let Some(payload) = payload else {
        reader.missing(name, "the content of the part");
        return None;
    };
    let mut rest = Rest::new();
    let content = reader.at(name, |reader| read(reader, payload, &mut rest))?;
    if !rest.is_empty() {
        extra.insert(name.to_owned(), Value::Object(rest));
    }
    let mut part = Part::new(content);
    part.cache = cache;
    part.extra = Extra::of(Dialect::OPENAI, extra);
    Some(part)
}

/// The field that holds what a part of this kind is about.
fn payload_name(kind: &str) -> &'static str {
    match kind {
        "refusal" => "refusal",
        "image_url" => "image_url",
        "input_audio" => "input_audio",
        "video_url" => "video_url",
        "file" => "file",
        "thinking" => "thinking",
        _ => "text",
    }
}

/// Reads a prompt-cache mark, as several vendors take it over from Anthropic.
pub(crate) fn cache_control(node: &Node<'_>) -> Option<CacheControl> {
    if !matches!(node, Node::Object(_)) {
        return None;
    }
    let mut cache = CacheControl::default();
    cache.ttl = node.get("ttl").and_then(Node::as_text).map(str::to_owned);
    Some(cache)
}

fn text(reader: &mut Reader, node: Node<'_>, _: &mut Rest) -> Option<Content> {
    match node {
        Node::Text(text) => Some(Content::Text {
            text: text.into_owned(),
            citations: Vec::new(),
        }),
        other => {
            reader.wrong(&other, "a string");
            None
        }
    }
}

fn refusal(reader: &mut Reader, node: Node<'_>, _: &mut Rest) -> Option<Content> {
    match node {
        Node::Text(text) => Some(Content::Refusal(text.into_owned())),
        other => {
            reader.wrong(&other, "a string");
            None
        }
    }
}

fn image(reader: &mut Reader, node: Node<'_>, rest: &mut Rest) -> Option<Content> {
    if let Node::Text(url) = node {
        let media = media(url.into_owned());
        return Some(Content::Image {
            media,
            detail: None,
        });
    }
    let fields = object(reader, node)?;
    let (mut url, mut detail) = (None, None);
    for (key, node) in fields {
        match &*key {
            "url" => url = reader.text("url", node),
            "detail" => match node.as_text() {
                Some("auto") => detail = Some(ImageDetail::Auto),
                Some("low") => detail = Some(ImageDetail::Low),
                Some("high") => detail = Some(ImageDetail::High),
                _ if node.is_null() => {}
                _ => reader.at("detail", |reader| {
                    reader.wrong(&node, "one of `auto`, `low`, `high`");
                }),
            },
            _ => {
                rest.insert(key.into_owned(), node.into_value());
            }
        }
    }
    let Some(url) = url else {
        reader.missing("url", "an address or a data URL");
        return None;
    };
    Some(Content::Image {
        media: media(url),
        detail,
    })
}

fn video(reader: &mut Reader, node: Node<'_>, rest: &mut Rest) -> Option<Content> {
    match image(reader, node, rest)? {
        Content::Image { media, .. } => Some(Content::Video(media)),
        other => Some(other),
    }
}

fn audio(reader: &mut Reader, node: Node<'_>, rest: &mut Rest) -> Option<Content> {
    let fields = object(reader, node)?;
    let (mut data, mut format) = (None, None);
    for (key, node) in fields {
        match &*key {
            "data" => data = reader.text("data", node),
            "format" => format = reader.text("format", node),
            _ => {
                rest.insert(key.into_owned(), node.into_value());
            }
        }
    }
    let Some(data) = data else {
        reader.missing("data", "audio in base64");
        return None;
    };
    Some(Content::Audio(Media::Base64 {
        media_type: format.map_or_else(String::new, |format| format!("audio/{format}")),
        data,
    }))
}

fn file(reader: &mut Reader, node: Node<'_>, rest: &mut Rest) -> Option<Content> {
    let fields = object(reader, node)?;
    let (mut data, mut id, mut title) = (None, None, None);
    for (key, node) in fields {
        match &*key {
            "file_data" => data = reader.text("file_data", node),
            "file_id" => id = reader.text("file_id", node),
            "filename" => title = reader.text("filename", node),
            _ => {
                rest.insert(key.into_owned(), node.into_value());
            }
        }
    }
    let media = match (data, id) {
        (Some(data), _) => media(data),
        (None, Some(id)) => Media::File {
            media_type: None,
            id,
        },
        (None, None) => {
            reader.missing("file_data", "`file_data` (a data URL) or `file_id`");
            return None;
        }
    };
    Some(Content::Document {
        media,
        title,
        context: None,
        citations: None,
    })
}

/// The text of Mistral's reasoning inside a content list: text, or a list of text parts.
pub(crate) fn thinking_text(node: Node<'_>) -> String {
    match node {
        Node::Text(text) => text.into_owned(),
        Node::List(items) => items
            .iter()
            .filter_map(|item| item.get("text").and_then(Node::as_text))
            .collect(),
        _ => String::new(),
    }
}

fn object<'a>(reader: &mut Reader, node: Node<'a>) -> Option<Fields<'a>> {
    match node {
        Node::Object(fields) => Some(fields),
        other => {
            reader.wrong(&other, "an object");
            None
        }
    }
}

/// A data URL by value, anything else by reference.
pub(crate) fn media(url: String) -> Media {
    if let Some((media_type, data)) = url
        .strip_prefix("data:")
        .and_then(|rest| rest.split_once(";base64,"))
        && !media_type.contains([',', ';'])
    {
        return Media::Base64 {
            media_type: media_type.to_owned(),
            data: data.to_owned(),
        };
    }
    Media::Url {
        media_type: None,
        url,
    }
}

/// The address of a media: a data URL for data by value.
pub(crate) fn url_of(media: &Media) -> Option<String> {
    match media {
        Media::Base64 { media_type, data } => Some(format!("data:{media_type};base64,{data}")),
        Media::Url { url, .. } => Some(url.clone()),
        _ => None,
    }
}
