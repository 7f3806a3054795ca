//! Parts of messages and of results.

use gateway_schema::chat::{Citation, Content, ImageDetail, Media, Part};
use gateway_schema::{Dialect, Extra};
use serde_json::Map;

use crate::node::{Fields, Node, Reader};

const OURS: Dialect = Dialect::OPENAI_RESPONSES;

/// Reads one entry of a content list.
pub(super) fn part(reader: &mut Reader, node: Node<'_>) -> Option<Part> {
    if !matches!(node, Node::Object(_)) {
        reader.wrong(&node, "an object with a `type`");
        return None;
    }
    let kind = node.get("type").and_then(Node::as_text).unwrap_or_default();
    let read: fn(&mut Reader, &mut Rest<'_>) -> Option<Content> = match kind {
        "input_text" | "output_text" | "text" | "summary_text" | "reasoning_text" => text,
        "refusal" => refusal,
        "input_image" => image,
        "input_file" => file,
        "input_audio" => audio,
        "" => {
            reader.missing(
                "type",
                "the kind of part, such as `input_text` or `input_image`",
            );
            return None;
        }
        _ => {
            return Some(Part::new(Content::Opaque {
                dialect: OURS,
                value: node.into_value(),
            }));
        }
    };
    let mut rest = Rest(node.into_fields());
    rest.take("type");
    let content = read(reader, &mut rest)?;
    let extra: Map<_, _> = rest
        .0
        .into_iter()
        .filter(|(_, node)| !node.is_void())
        .map(|(key, node)| (key.into_owned(), node.into_value()))
        .collect();
    let mut part = Part::new(content);
    part.extra = Extra::of(OURS, extra);
    Some(part)
}

/// True for text without marks.
pub(super) fn is_plain(part: &Part) -> bool {
    matches!(&part.content, Content::Text { citations, .. } if citations.is_empty())
        && part.extra.is_empty()
}

/// The fields that were not read yet.
struct Rest<'a>(Fields<'a>);

impl<'a> Rest<'a> {
    /// Takes a field out; the last one if it stands more than once.
    fn take(&mut self, key: &str) -> Option<Node<'a>> {
        let mut found = None;
        while let Some(at) = self.0.iter().position(|(name, _)| name == key) {
            found = Some(self.0.remove(at).1);
        }
        found.filter(|node| !node.is_null())
    }

    fn text(&mut self, reader: &mut Reader, key: &'static str) -> Option<String> {
        self.take(key).and_then(|node| reader.text(key, node))
    }
}

fn text(reader: &mut Reader, rest: &mut Rest<'_>) -> Option<Content> {
    let citations = rest
        .take("annotations")
        .map(Node::into_list)
        .unwrap_or_default()
        .into_iter()
        .map(citation)
        .collect();
    rest.take("logprobs");
    let Some(node) = rest.take("text") else {
        reader.missing("text", "the text of the part");
        return None;
    };
    let text = reader.text("text", node)?;
    Some(Content::Text { text, citations })
}

fn citation(node: Node<'_>) -> Citation {
    let text = |key: &str| node.get(key).and_then(Node::as_text).map(str::to_owned);
    let number = |key: &str| node.get(key).and_then(Node::as_u64);
    let mut citation = Citation::new();
    citation.title = text("title").or_else(|| text("filename"));
    citation.url = text("url");
    citation.span = number("start_index").zip(number("end_index"));
    citation.raw = Some((OURS, node.into_value()));
    citation
}

fn refusal(reader: &mut Reader, rest: &mut Rest<'_>) -> Option<Content> {
    let Some(node) = rest.take("refusal") else {
        reader.missing("refusal", "what the model said");
        return None;
    };
    reader.text("refusal", node).map(Content::Refusal)
}

fn image(reader: &mut Reader, rest: &mut Rest<'_>) -> Option<Content> {
    let detail = match rest
        .take("detail")
        .as_ref()
        .map(|node| (node, node.as_text()))
    {
        Some((_, Some("auto"))) => Some(ImageDetail::Auto),
        Some((_, Some("low"))) => Some(ImageDetail::Low),
        Some((_, Some("high" | "original"))) => Some(ImageDetail::High),
        Some((node, _)) => {
            reader.at("detail", |reader| {
                reader.wrong(node, "one of `auto`, `low`, `high`, `original`");
            });
            None
        }
        None => None,
    };
    let media = match (rest.take("image_url"), rest.take("file_id")) {
        // Chat's spelling, as some clients have it.
        (Some(node @ Node::Object(_)), _) => node.get("url").and_then(Node::as_text).map(media),
        (Some(node), _) => reader.text("image_url", node).as_deref().map(media),
        (None, Some(node)) => reader.text("file_id", node).map(by_id),
        (None, None) => None,
    };
    if media.is_none() {
        reader.missing("image_url", "an address, a data URL, or `file_id`");
    }
    media.map(|media| Content::Image { media, detail })
}

fn file(reader: &mut Reader, rest: &mut Rest<'_>) -> Option<Content> {
    let title = rest.text(reader, "filename");
    let data = rest.text(reader, "file_data");
    let url = rest.text(reader, "file_url");
    let id = rest.text(reader, "file_id");
    let media = match (data, url, id) {
        (Some(data), _, _) if data.starts_with("data:") => media(&data),
        (Some(data), _, _) => Media::Base64 {
            media_type: "application/pdf".to_owned(),
            data,
        },
        (None, Some(url), _) => media(&url),
        (None, None, Some(id)) => by_id(id),
        (None, None, None) => {
            reader.missing("file_data", "`file_data`, `file_url` or `file_id`");
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

fn audio(reader: &mut Reader, rest: &mut Rest<'_>) -> Option<Content> {
    let inner = rest.take("input_audio");
    let text = |key: &str| Some(inner.as_ref()?.get(key)?.as_text()?.to_owned());
    let Some(data) = text("data") else {
        reader.missing("input_audio", "an object with `data` and `format`");
        return None;
    };
    let format = text("format").map_or_else(String::new, |format| format!("audio/{format}"));
    Some(Content::Audio(Media::Base64 {
        media_type: format,
        data,
    }))
}

fn by_id(id: String) -> Media {
    Media::File {
        media_type: None,
        id,
    }
}

/// A data URL by value, anything else by reference.
fn media(url: &str) -> Media {
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
        url: url.to_owned(),
    }
}
