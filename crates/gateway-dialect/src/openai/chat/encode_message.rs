//! Messages of a request, in OpenAI's form.

use gateway_schema::Losses;
use gateway_schema::chat::{Content, ContentForm, Message, Part, Role, ToolCall, ToolResult};

use super::encode_part::{Parts, inner};
use super::reasoning;
use crate::node::{List, Object};
use crate::openai::body::{Shape, foreign};
use crate::openai::quirks::ReasoningField;

/// A part with its place in the caller's request.
type Placed<'a> = (String, &'a Part);

/// Writes messages and reports what it cannot write.
pub(crate) struct Messages<'a> {
    pub(crate) shape: Shape<'a>,
    pub(crate) losses: &'a mut Losses,
}

impl Messages<'_> {
    /// Appends the messages that one canonical message becomes: tool results each have one of their own here.
    pub(crate) fn write(&mut self, index: usize, message: &Message, out: &mut List<'_>) {
        let at = format!("messages[{index}]");
        let placed: Vec<Placed<'_>> = message
            .parts
            .iter()
            .enumerate()
            .map(|(index, part)| (format!("{at}.content[{index}]"), part))
            .collect();
        let role = match &message.role {
            Role::Developer if self.shape.quirks.developer_role => "developer",
            Role::System | Role::Developer => "system",
            Role::Assistant => return self.assistant(&at, message, &placed, out),
            Role::Tool => "tool",
            Role::Other(role) => role,
            _ => "user",
        };
        let has_results = message.parts.iter().any(is_result);
        if has_results {
            return self.results(&at, message, &placed, out);
        }
        out.object(|out| {
            out.field("role", role);
            self.content(message.form, &placed, out);
            self.rest(&at, message, out);
        });
    }

    /// Tool results first, for they must follow their calls; then everything else, pictures of results included.
    fn results(&mut self, at: &str, message: &Message, placed: &[Placed<'_>], out: &mut List<'_>) {
        let mut others: Vec<Placed<'_>> = Vec::new();
        for one @ (path, part) in placed {
            if let Content::ToolResult(result) = &part.content {
                if others.iter().any(|(_, part)| !is_hoisted(part)) {
                    self.losses
                        .approximated(path.clone(), "tool results are moved to the front");
                }
                self.result(one, result, message, out);
                for (index, inner) in result.parts.iter().enumerate() {
                    if is_hoisted(inner) {
                        let path = format!("{path}.content[{index}]");
                        self.losses.approximated(
                            path.clone(),
                            "what is not text moves from the tool result to a user message",
                        );
                        others.push((path, inner));
                    }
                }
            } else {
                others.push((path.clone(), part));
            }
        }
        if !others.is_empty() {
            out.object(|out| {
                out.field("role", "user");
                self.content(ContentForm::Parts, &others, out);
                if message.role == Role::User {
                    self.rest(at, message, out);
                }
            });
        }
    }

    fn result(
        &mut self,
        (path, part): &Placed<'_>,
        result: &ToolResult,
        message: &Message,
        out: &mut List<'_>,
    ) {
        if result.is_error {
            self.losses.approximated(
                format!("{path}.is_error"),
                "tool messages have no mark for failure",
            );
        }
        Parts {
            shape: self.shape,
            losses: self.losses,
        }
        .foreign_extra(part, path);
        let kept: Vec<Placed<'_>> = result
            .parts
            .iter()
            .enumerate()
            .filter(|(_, part)| !is_hoisted(part))
            .map(|(index, part)| (format!("{path}.content[{index}]"), part))
            .collect();
        let is_hollow = kept.is_empty() && !result.parts.is_empty();
        out.object(|out| {
            out.field("role", "tool");
            if result.call_id.is_empty() {
                let name = result.name.as_deref().unwrap_or_default();
                out.field("tool_call_id", &stand_in_id(name));
            } else {
                out.field("tool_call_id", &result.call_id);
            }
            out.option("name", result.name.as_ref());
            let marked = if part.cache.is_some() && self.shape.quirks.cache_control {
                part.cache.as_ref()
            } else {
                None
            };
            if is_hollow {
                out.field("content", "(see the next message)");
            } else {
                self.content(result.form, &kept, out);
            }
            if let Some(cache) = marked {
                super::encode_part::write_cache(out, cache);
            } else if part.cache.is_some() {
                self.losses.dropped(
                    format!("{path}.cache_control"),
                    "this provider caches prompts without marks, if at all",
                );
            }
            if message.role == Role::Tool {
                self.rest(path, message, out);
            }
        });
    }

    fn assistant(
        &mut self,
        at: &str,
        message: &Message,
        placed: &[Placed<'_>],
        out: &mut List<'_>,
    ) {
        let mut content: Vec<Placed<'_>> = Vec::new();
        let mut calls: Vec<&Placed<'_>> = Vec::new();
        let mut refusal: Option<String> = None;
        for one @ (path, part) in placed {
            match &part.content {
                Content::ToolCall(_) => calls.push(one),
                Content::Opaque { dialect, value }
                    if self.shape.is_ours(*dialect) && is_custom_call(value) =>
                {
                    calls.push(one);
                }
                Content::Thinking { .. } | Content::RedactedThinking { .. } => {
                    self.thought(path, part);
                }
                Content::Refusal(text) if message.form != ContentForm::Parts => {
                    refusal.get_or_insert_default().push_str(text);
                }
                _ => {
                    if !calls.is_empty() {
                        self.losses
                            .approximated(path.clone(), "text after a tool call moves before it");
                    }
                    content.push((path.clone(), part));
                }
            }
        }
        out.object(|out| {
            out.field("role", "assistant");
            self.reasoning(message, out);
            if content.is_empty()
                && (!calls.is_empty() || refusal.is_some() || message.form != ContentForm::Text)
            {
                if message.form != ContentForm::Absent {
                    out.field("content", &());
                }
            } else {
                self.content(message.form, &content, out);
            }
            out.option("refusal", refusal.as_ref());
            if !calls.is_empty() {
                out.list("tool_calls", |out| {
                    for (path, part) in calls {
                        self.call(path, part, out);
                    }
                });
            }
            if let Some(signature) = content.iter().find_map(|(_, part)| self.google(part)) {
                write_google(out, signature);
            }
            self.rest(at, message, out);
        });
    }

    /// Reports reasoning that does not go back.
    fn thought(&mut self, path: &str, part: &Part) {
        match self.shape.quirks.reasoning {
            ReasoningField::Details => {}
            ReasoningField::None => {
                self.losses
                    .dropped(path, "this provider does not take earlier reasoning back");
            }
            ReasoningField::Content | ReasoningField::Plain => {
                if matches!(part.content, Content::RedactedThinking { .. }) {
                    self.losses
                        .dropped(path, "this provider does not take encrypted reasoning back");
                } else if part.signature.is_some() {
                    self.losses
                        .dropped(format!("{path}.signature"), "only its maker can check it");
                }
            }
        }
    }

    fn reasoning(&self, message: &Message, out: &mut Object<'_>) {
        let has = message.parts.iter().any(|part| {
            matches!(
                part.content,
                Content::Thinking { .. } | Content::RedactedThinking { .. }
            )
        });
        if !has {
            return;
        }
        let text = reasoning::plain(&message.parts);
        let field = self.shape.quirks.reasoning;
        if field == ReasoningField::Details && reasoning::needs_details(&message.parts) {
            out.list("reasoning_details", |out| {
                reasoning::encode_details(&message.parts, out);
            });
        } else if !text.is_empty() {
            match field {
                ReasoningField::None => {}
                ReasoningField::Content => out.field("reasoning_content", &text),
                ReasoningField::Plain | ReasoningField::Details => out.field("reasoning", &text),
            }
        }
    }

    fn call(&mut self, path: &str, part: &Part, out: &mut List<'_>) {
        let call = match &part.content {
            Content::ToolCall(call) => call,
            Content::Opaque { value, .. } => return out.item(value),
            _ => return,
        };
        let mut parts = Parts {
            shape: self.shape,
            losses: self.losses,
        };
        let cache = parts.cache(part.cache.as_ref(), path);
        parts.foreign_extra(part, path);
        let fields = parts.fields(part);
        let signature = self.google(part);
        if part.signature.is_some() && signature.is_none() {
            self.losses
                .dropped(format!("{path}.signature"), "only its maker can check it");
        }
        out.object(|out| {
            write_call(call, || stand_in_id(&call.name), fields, out);
            if let Some(cache) = cache {
                super::encode_part::write_cache(out, cache);
            }
            if let Some(signature) = signature {
                write_google(out, signature);
            }
        });
    }

    /// Gemini's proof, if the provider may see it.
    fn google<'p>(&self, part: &'p Part) -> Option<&'p str> {
        part.signature
            .as_ref()
            .filter(|signature| {
                self.shape.quirks.signatures && signature.dialect == gateway_schema::Dialect::GEMINI
            })
            .map(|signature| signature.value.as_str())
    }

    /// Writes `content` in the form the caller used where that is possible.
    fn content(&mut self, form: ContentForm, placed: &[Placed<'_>], out: &mut Object<'_>) {
        let bare = |(_, part): &Placed<'_>| {
            matches!(part.content, Content::Text { .. })
                && (part.cache.is_none() || !self.shape.quirks.cache_control)
                && part.extra.is_empty()
        };
        let all_bare = placed.iter().all(bare);
        let joins = self.shape.quirks.joined_text && all_bare && !placed.is_empty();
        let single = form != ContentForm::Parts && placed.len() == 1 && all_bare;
        if joins || single {
            let mut text = String::new();
            for (path, part) in placed {
                if let Content::Text { text: piece, .. } = &part.content {
                    if !text.is_empty() {
                        text.push('\n');
                    }
                    text.push_str(piece);
                    self.marks(path, part);
                }
            }
            out.field("content", &text);
        } else if placed.is_empty() && form != ContentForm::Parts {
            match form {
                ContentForm::Absent => {}
                ContentForm::Null => out.field("content", &()),
                _ => out.field("content", ""),
            }
        } else {
            let shape = self.shape;
            let losses = &mut *self.losses;
            out.list("content", |out| {
                let mut parts = Parts { shape, losses };
                for (path, part) in placed {
                    parts.write(part, path, out);
                }
            });
        }
    }

    /// Reports the marks of a text that is written as a bare string.
    fn marks(&mut self, path: &str, part: &Part) {
        let mut parts = Parts {
            shape: self.shape,
            losses: self.losses,
        };
        parts.cache(part.cache.as_ref(), path);
        parts.foreign_extra(part, path);
        if part.signature.is_some() && self.google(part).is_none() {
            self.losses
                .dropped(format!("{path}.signature"), "only its maker can check it");
        }
        if matches!(&part.content, Content::Text { citations, .. } if !citations.is_empty()) {
            self.losses.dropped(
                format!("{path}.citations"),
                "messages carry no citations here",
            );
        }
    }

    /// The name and the fields that only one dialect knows.
    fn rest(&mut self, at: &str, message: &Message, out: &mut Object<'_>) {
        if self.shape.quirks.message_names {
            out.option("name", message.name.as_ref());
        } else if message.name.is_some() {
            self.losses.dropped(
                format!("{at}.name"),
                "this provider takes no names of speakers",
            );
        }
        let Some(dialect) = message.extra.dialect() else {
            return;
        };
        if self.shape.is_ours(dialect) {
            out.fields(message.extra.fields());
        } else {
            for key in message.extra.fields().keys() {
                self.losses.dropped(
                    format!("{at}.{key}"),
                    foreign(dialect, "an OpenAI-like API"),
                );
            }
        }
    }
}

/// Writes a function call.
pub(crate) fn write_call(
    call: &ToolCall,
    stand_in: impl FnOnce() -> String,
    fields: Option<&serde_json::Map<String, serde_json::Value>>,
    out: &mut Object<'_>,
) {
    match &call.id {
        Some(id) => out.field("id", id),
        None => out.field("id", &stand_in()),
    }
    out.field("type", "function");
    out.object("function", |out| {
        out.field("name", &call.name);
        out.field("arguments", &call.arguments);
        inner(out, fields, "function");
    });
    for (key, value) in fields.into_iter().flatten() {
        if key != "function" {
            out.field(key, value);
        }
    }
}

/// Writes Gemini's proof as its OpenAI-like endpoint does.
pub(crate) fn write_google(out: &mut Object<'_>, signature: &str) {
    out.object("extra_content", |out| {
        out.object("google", |out| out.field("thought_signature", signature));
    });
}

/// An id for a call that has none: the same for the call and its result.
pub(crate) fn stand_in_id(name: &str) -> String {
    format!("call_{name}")
}

/// True for calls of tools that take free text.
pub(crate) fn is_custom_call(value: &serde_json::Value) -> bool {
    value.get("type").and_then(serde_json::Value::as_str) == Some("custom")
        && value.get("custom").is_some()
}

fn is_result(part: &Part) -> bool {
    matches!(part.content, Content::ToolResult(_))
}

/// True for what a tool message cannot hold.
fn is_hoisted(part: &Part) -> bool {
    matches!(
        part.content,
        Content::Image { .. } | Content::Audio(_) | Content::Video(_) | Content::Document { .. }
    )
}
