//! Messages out.

use gateway_schema::chat::{
    Content, ContentForm, ImageDetail, Media, Message, Part, Role, ToolCall, ToolResult,
};
use gateway_schema::{Dialect, Extra, Losses};
use serde_json::{Map, Value, json};

use super::put;

/// Writes the messages of a request.
pub(super) struct MessageWriter<'a> {
    pub(super) losses: &'a mut Losses,
    /// Whether the model takes earlier thoughts back.
    pub(super) thinks: bool,
    /// Documents that stood in messages: Cohere has them beside the messages.
    pub(super) documents: Vec<Value>,
}

/// What an assistant said, sorted by Cohere's fields.
#[derive(Default)]
struct Said {
    content: Vec<Value>,
    plan: String,
    calls: Vec<Value>,
    citations: Vec<Value>,
}

impl MessageWriter<'_> {
    /// Writes one message; results of tools become messages of their own.
    pub(super) fn write(&mut self, index: usize, message: &Message, out: &mut Vec<Value>) {
        let at = format!("messages[{index}]");
        if message.name.is_some() {
            self.losses
                .dropped(format!("{at}.name"), "Cohere has no names of speakers");
        }
        if message.role == Role::Assistant {
            let body = self.assistant(&at, message);
            out.push(Value::Object(body));
            return;
        }
        let mut rest = Vec::new();
        for (place, part) in message.parts.iter().enumerate() {
            let at = format!("{at}.content[{place}]");
            self.marks(&at, part);
            if let Content::ToolResult(result) = &part.content {
                out.push(self.tool_result(&at, result));
            } else {
                rest.extend(self.part(&at, part));
            }
        }
        if rest.is_empty() && message.role == Role::Tool {
            return;
        }
        let role = match &message.role {
            role if role.is_system() => "system",
            Role::Other(name) => {
                self.losses.approximated(
                    format!("{at}.role"),
                    format!("Cohere has no role {name}: it speaks as the user"),
                );
                "user"
            }
            _ => "user",
        };
        if rest.is_empty() && !message.parts.is_empty() {
            // Nothing but results, or nothing that could be carried.
            return;
        }
        let mut body = Map::new();
        body.insert("role".to_owned(), role.into());
        body.insert("content".to_owned(), spelled(message.form, rest));
        self.extra(&at, &message.extra, &mut body);
        out.push(Value::Object(body));
    }

    fn assistant(&mut self, at: &str, message: &Message) -> Map<String, Value> {
        let mut said = Said::default();
        let has_calls = message
            .parts
            .iter()
            .any(|part| matches!(part.content, Content::ToolCall(_)));
        for (place, part) in message.parts.iter().enumerate() {
            let at = format!("{at}.content[{place}]");
            self.marks(&at, part);
            match &part.content {
                Content::ToolCall(call) => said.calls.push(tool_call(call)),
                Content::Thinking { text, .. } if has_calls && !self.thinks => {
                    said.plan.push_str(text);
                }
                Content::Thinking { text, .. } if self.thinks => {
                    said.content
                        .push(json!({"type": "thinking", "thinking": text}));
                }
                Content::Thinking { .. } => {
                    self.losses
                        .dropped(at, "this model does not take earlier reasoning back");
                }
                Content::Refusal(text) => {
                    self.losses
                        .approximated(at, "a refusal is sent as the text it is");
                    said.content.push(text_part(text));
                }
                Content::Text { text, citations } => {
                    said.content.push(text_part(text));
                    for citation in citations {
                        match &citation.raw {
                            Some((Dialect::COHERE, raw)) => said.citations.push(raw.clone()),
                            _ => self.losses.dropped(
                                format!("{at}.citations"),
                                "citations of other providers cannot be sent back",
                            ),
                        }
                    }
                }
                _ => said.content.extend(self.part(&at, part)),
            }
        }
        let mut body = Map::new();
        body.insert("role".to_owned(), "assistant".into());
        if !said.plan.is_empty() {
            body.insert("tool_plan".to_owned(), said.plan.into());
        }
        if !said.content.is_empty() || said.calls.is_empty() {
            let content = spelled(message.form, said.content);
            body.insert("content".to_owned(), content);
        }
        for (key, list) in [("tool_calls", said.calls), ("citations", said.citations)] {
            put(&mut body, key, (!list.is_empty()).then_some(list));
        }
        self.extra(at, &message.extra, &mut body);
        body
    }

    /// A part of what a user or the instructions say.
    fn part(&mut self, at: &str, part: &Part) -> Option<Value> {
        match &part.content {
            Content::Text { text, .. } | Content::Refusal(text) => Some(text_part(text)),
            Content::Image { media, detail } => {
                let Some(url) = address(media) else {
                    self.losses
                        .dropped(at, "Cohere takes pictures as data or by address");
                    return None;
                };
                let mut image = json!({"url": url});
                if let (Some(detail), Value::Object(fields)) = (detail, &mut image) {
                    let detail = match detail {
                        ImageDetail::Low => "low",
                        ImageDetail::High => "high",
                        _ => "auto",
                    };
                    fields.insert("detail".to_owned(), detail.into());
                }
                Some(json!({"type": "image_url", "image_url": image}))
            }
            Content::Document { .. } if document(part).is_some() => {
                self.documents.extend(document(part));
                // Where it came from such a place, it is where it was.
                if own_document(part).is_none() {
                    self.losses
                        .approximated(at, "Cohere has documents beside the messages");
                }
                None
            }
            Content::Opaque { dialect, value } if *dialect == Dialect::COHERE => {
                Some(value.clone())
            }
            _ => {
                self.losses.dropped(at, "Cohere takes no such part");
                None
            }
        }
    }

    fn tool_result(&mut self, at: &str, result: &ToolResult) -> Value {
        if result.is_error {
            self.losses.approximated(
                format!("{at}.is_error"),
                "Cohere is not told that a tool failed; the text says it",
            );
        }
        let mut content = Vec::with_capacity(result.parts.len());
        for (place, part) in result.parts.iter().enumerate() {
            let at = format!("{at}.content[{place}]");
            match &part.content {
                Content::Document { .. } if document(part).is_some() => {
                    content.extend(
                        document(part)
                            .map(|document| json!({"type": "document", "document": document})),
                    );
                }
                Content::Image { .. } => {
                    self.losses
                        .dropped(at, "results of tools hold text and documents only");
                }
                _ => content.extend(self.part(&at, part)),
            }
        }
        json!({
            "role": "tool",
            "tool_call_id": result.call_id,
            "content": spelled(result.form, content),
        })
    }

    /// Marks of other providers.
    fn marks(&mut self, at: &str, part: &Part) {
        if part.cache.is_some() {
            self.losses.dropped(
                format!("{at}.cache_control"),
                "Cohere keeps its prompt cache by itself",
            );
        }
        if part.signature.is_some() {
            self.losses.dropped(
                format!("{at}.signature"),
                "only the provider that signed it can check it",
            );
        }
        if part.extra.dialect() != Some(Dialect::COHERE) {
            for key in part.extra.fields().keys() {
                self.losses
                    .dropped(format!("{at}.{key}"), "Cohere does not know it");
            }
        }
    }

    fn extra(&mut self, at: &str, extra: &Extra, body: &mut Map<String, Value>) {
        let own = extra.dialect() == Some(Dialect::COHERE);
        for (key, value) in extra.fields() {
            if own {
                body.entry(key.clone()).or_insert_with(|| value.clone());
            } else if !value.is_null() {
                self.losses
                    .dropped(format!("{at}.{key}"), "Cohere does not know it");
            }
        }
    }
}

/// A document as the caller of this dialect gave it.
fn own_document(part: &Part) -> Option<&Value> {
    part.extra.for_dialect(Dialect::COHERE)?.get("document")
}

/// A document of text, as it came or in Cohere's form.
fn document(part: &Part) -> Option<Value> {
    let Content::Document {
        media: Media::Text(text),
        title,
        context,
        ..
    } = &part.content
    else {
        return None;
    };
    Some(own_document(part).cloned().unwrap_or_else(|| {
        let mut data = Map::new();
        put(&mut data, "title", title.clone());
        put(&mut data, "context", context.clone());
        data.insert("text".to_owned(), text.as_str().into());
        json!({"data": data})
    }))
}

fn text_part(text: &str) -> Value {
    json!({"type": "text", "text": text})
}

/// Content as a bare text where it was one, as a list otherwise. Several texts cannot be a bare one.
fn spelled(form: ContentForm, mut parts: Vec<Value>) -> Value {
    if parts.is_empty() {
        return "".into();
    }
    let is_text = |part: &Value| part.get("type").is_some_and(|kind| kind == "text");
    if form != ContentForm::Parts
        && parts.len() == 1
        && parts.first().is_some_and(is_text)
        && let Some(text) = parts.first_mut().and_then(|part| part.get_mut("text"))
    {
        return text.take();
    }
    Value::Array(parts)
}

fn tool_call(call: &ToolCall) -> Value {
    let arguments = if call.arguments.trim().is_empty() {
        "{}"
    } else {
        &call.arguments
    };
    json!({
        "id": call.id,
        "type": "function",
        "function": {"name": call.name, "arguments": arguments},
    })
}

fn address(media: &Media) -> Option<String> {
    match media {
        Media::Base64 { media_type, data } => {
            let media_type = if media_type.is_empty() {
                "image/png"
            } else {
                media_type
            };
            Some(format!("data:{media_type};base64,{data}"))
        }
        Media::Url { url, .. } => Some(url.clone()),
        _ => None,
    }
}
