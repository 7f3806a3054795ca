//! Messages and their parts.

use gateway_schema::chat::{
    CacheControl, Content, ContentForm, ImageDetail, Media, Message, Part, Role, Signature,
    ToolCall, ToolResult,
};
use gateway_schema::{Dialect, Extra};
use serde_json::{Map, Value, json};

use super::check::{Check, Step};
use super::python;

const PARTS: &str =
    "list[tagged-union[TextContentPart,ImageContentPart,AudioContentPart,ReasoningContentPart]]";

/// The kinds of parts. MLflow refuses files; here they reach the provider.
const KINDS: &str = "'text', 'image_url', 'input_audio', 'reasoning', 'file'";

/// One message.
pub(super) fn message(check: &mut Check, value: &Value) -> Option<Message> {
    let fields = check.object(value)?;
    let role = check.required(value, "role", Check::text);
    let (form, parts) = check
        .optional(fields, "content", content)
        .unwrap_or_else(|| {
            let absent = if fields.contains_key("content") {
                ContentForm::Null
            } else {
                ContentForm::Absent
            };
            (absent, Vec::new())
        });
    let calls = check.optional(fields, "tool_calls", |check, value| {
        check.list(value, tool_call)
    });
    let refusal = check.optional(fields, "refusal", Check::text);
    let call_id = check.optional(fields, "tool_call_id", Check::text);

    let mut extra = rest(
        fields,
        &["role", "content", "tool_calls", "refusal", "tool_call_id"],
    );
    let mut out = Message::new(as_role(role?), parts);
    out.form = form;
    if let Some(Value::String(name)) = extra.get("name") {
        out.name = Some(name.clone());
        extra.shift_remove("name");
    }
    if out.role == Role::Tool {
        out.parts = vec![Part::new(Content::ToolResult(ToolResult {
            call_id: call_id.unwrap_or_default(),
            name: out.name.clone(),
            parts: std::mem::take(&mut out.parts),
            form,
            is_error: false,
        }))];
    } else if let Some(call_id) = call_id {
        extra.insert("tool_call_id".to_owned(), Value::String(call_id));
    }
    out.parts
        .extend(refusal.map(|text| Part::new(Content::Refusal(text))));
    out.parts.extend(calls.unwrap_or_default());
    out.extra = Extra::of(Dialect::MLFLOW, extra);
    Some(out)
}

fn as_role(role: String) -> Role {
    match role.as_str() {
        "system" => Role::System,
        "developer" => Role::Developer,
        "user" => Role::User,
        "assistant" => Role::Assistant,
        "tool" => Role::Tool,
        _ => Role::Other(role),
    }
}

/// Fields other than `known`, without nulls.
fn rest(fields: &Map<String, Value>, known: &[&str]) -> Map<String, Value> {
    fields
        .iter()
        .filter(|(name, value)| !known.contains(&name.as_str()) && !value.is_null())
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

fn content(check: &mut Check, value: &Value) -> Option<(ContentForm, Vec<Part>)> {
    if let Value::String(text) = value {
        return Some((ContentForm::Text, vec![Part::text(text.clone())]));
    }
    let mark = check.mark();
    let parts = check.at(Step::Key(PARTS), |check| check.list(value, part));
    if parts.is_none() {
        check.not_text_either(mark, value);
    }
    Some((ContentForm::Parts, parts?))
}

fn part(check: &mut Check, value: &Value) -> Option<Part> {
    let fields = check.object(value)?;
    let Some(kind) = fields.get("type") else {
        let context = json!({ "discriminator": "'type'" });
        let message = "Unable to extract tag using discriminator 'type'";
        return check.fail_with("union_tag_not_found", message, value, Some(context));
    };
    let (step, read): (_, fn(&mut Check, &Value) -> Option<Content>) = match kind.as_str() {
        Some("text") => ("text", text),
        Some("image_url") => ("image_url", image),
        Some("input_audio") => ("input_audio", audio),
        Some("file") => ("file", file),
        Some("reasoning") => ("reasoning", reasoning),
        _ => {
            let tag = python::shown(kind);
            let message = format!(
                "Input tag '{tag}' found using 'type' does not match any of the expected tags: {KINDS}"
            );
            let context = json!({ "discriminator": "'type'", "tag": tag, "expected_tags": KINDS });
            return check.fail_with("union_tag_invalid", &message, value, Some(context));
        }
    };
    let mut out = Part::new(check.at(Step::Key(step), |check| read(check, value))?);
    if matches!(out.content, Content::Opaque { .. }) {
        return Some(out);
    }
    let mut extra = rest(fields, &["type", step]);
    if let Some(cache) = extra.get("cache_control").and_then(cache_control) {
        out.cache = Some(cache);
        extra.shift_remove("cache_control");
    }
    out.extra = Extra::of(Dialect::MLFLOW, extra);
    Some(out)
}

fn cache_control(value: &Value) -> Option<CacheControl> {
    let fields = value.as_object()?;
    let mut out = CacheControl::default();
    for (name, value) in fields {
        match (name.as_str(), value) {
            ("type", Value::String(kind)) if kind == "ephemeral" => {}
            ("ttl", Value::String(ttl)) => out.ttl = Some(ttl.clone()),
            _ => return None,
        }
    }
    Some(out)
}

fn text(check: &mut Check, value: &Value) -> Option<Content> {
    let text = check.required(value, "text", Check::text)?;
    Some(Content::Text {
        text,
        citations: Vec::new(),
    })
}

fn image(check: &mut Check, value: &Value) -> Option<Content> {
    check.required(value, "image_url", |check, value| {
        let fields = check.object(value)?;
        let url = check.required(value, "url", Check::text);
        let detail = check.optional(fields, "detail", |check, value| {
            check.literal(value, &["auto", "low", "high"])
        });
        Some(Content::Image {
            media: media(url?),
            detail: detail.map(|word| match word {
                "low" => ImageDetail::Low,
                "high" => ImageDetail::High,
                _ => ImageDetail::Auto,
            }),
        })
    })
}

/// A `data:` address is the data itself.
fn media(url: String) -> Media {
    let data = url
        .strip_prefix("data:")
        .and_then(|rest| rest.split_once(";base64,"));
    match data {
        Some((media_type, data)) => Media::Base64 {
            media_type: media_type.to_owned(),
            data: data.to_owned(),
        },
        None => Media::Url {
            media_type: None,
            url,
        },
    }
}

fn audio(check: &mut Check, value: &Value) -> Option<Content> {
    check.required(value, "input_audio", |check, value| {
        check.object(value)?;
        let data = check.required(value, "data", Check::text);
        let format = check.required(value, "format", |check, value| {
            check.literal(value, &["wav", "mp3"])
        });
        Some(Content::Audio(Media::Base64 {
            media_type: format!("audio/{}", format?),
            data: data?,
        }))
    })
}

fn file(check: &mut Check, value: &Value) -> Option<Content> {
    check.required(value, "file", |check, value| {
        let fields = check.object(value)?;
        let mut text = |name| check.optional(fields, name, Check::text);
        let (id, data, title) = (text("file_id"), text("file_data"), text("filename"));
        let media = match (id, data) {
            (Some(id), _) => Media::File {
                media_type: None,
                id,
            },
            (None, Some(data)) => match media(data) {
                Media::Url { url: data, .. } => Media::Base64 {
                    media_type: "application/pdf".to_owned(),
                    data,
                },
                data => data,
            },
            (None, None) => {
                let message = "Field required, or file_data";
                return check.at(Step::Key("file_id"), |check| {
                    check.fail("missing", message, value)
                });
            }
        };
        Some(Content::Document {
            media,
            title,
            context: None,
            citations: None,
        })
    })
}

/// Reasoning of an earlier answer, as Databricks and OpenAI-compatible servers write it. It goes back as it came.
fn reasoning(check: &mut Check, value: &Value) -> Option<Content> {
    check.required(value, "summary", |check, value| {
        check.list(value, |check, item| {
            check.object(item)?;
            let kind = check.required(item, "type", |check, value| {
                check.literal(value, &["summary_text"])
            });
            let text = check.required(item, "text", Check::text);
            kind.and(text)
        })
    })?;
    Some(Content::Opaque {
        dialect: Dialect::OPENAI,
        value: value.clone(),
    })
}

fn tool_call(check: &mut Check, value: &Value) -> Option<Part> {
    let fields = check.object(value)?;
    let id = check.required(value, "id", Check::text);
    let kind = if fields.contains_key("type") {
        check.required(value, "type", Check::text)
    } else {
        Some("function".to_owned())
    };
    let function = check.required(value, "function", |check, value| {
        let fields = check.object(value)?;
        let name = check.optional(fields, "name", Check::text);
        let arguments = check.optional(fields, "arguments", Check::text);
        Some((name.unwrap_or_default(), arguments.unwrap_or_default()))
    });
    let signature = check.optional(fields, "thought_signature", Check::text);
    let (name, arguments) = function?;
    let mut out = Part::new(Content::ToolCall(ToolCall {
        id: Some(id?),
        name,
        arguments,
    }));
    out.signature = signature.map(|value| Signature {
        dialect: Dialect::GEMINI,
        value,
    });
    let mut extra = rest(fields, &["id", "type", "function", "thought_signature"]);
    let kind = kind?;
    if kind != "function" {
        extra.insert("type".to_owned(), Value::String(kind));
    }
    out.extra = Extra::of(Dialect::MLFLOW, extra);
    Some(out)
}
