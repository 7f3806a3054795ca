//! The conversation: contents of user and model, instructions apart.

use std::borrow::Cow;
use std::collections::HashMap;

use gateway_schema::chat::{Content, Message, Role};
use gateway_schema::{CallError, Dialect};
use serde::Serialize;
use serde_json::{Map, Value};

use super::super::part::{PartOut, PartWriter, Side};
use super::super::signature::SKIP;
use super::encode::Encoding;

/// One content on its way out.
#[derive(Debug, Serialize)]
pub(in super::super) struct ContentOut<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<&'static str>,
    parts: Vec<PartOut<'a>>,
    #[serde(flatten)]
    extra: Option<&'a Map<String, Value>>,
    /// Made of results of functions only: the next ones join.
    #[serde(skip)]
    results: bool,
}

/// A content of bare text without a role, for embeddings.
pub(in super::super) fn content_text(text: &str) -> ContentOut<'_> {
    ContentOut {
        role: None,
        parts: vec![PartOut::plain(text)],
        extra: None,
        results: false,
    }
}

type Written<'a> = (Option<ContentOut<'a>>, Vec<ContentOut<'a>>);

/// Writes instructions and contents.
///
/// # Errors
/// The caller's: what no content can hold.
pub(super) fn write<'a>(encoding: &mut Encoding<'a>) -> Result<Written<'a>, CallError> {
    let request = encoding.request;
    let mut names: HashMap<&'a str, &'a str> = HashMap::new();
    let mut system: Vec<PartOut<'a>> = Vec::new();
    let mut contents: Vec<ContentOut<'a>> = Vec::new();
    for (index, message) in request.messages.iter().enumerate() {
        report(encoding, index, message);
        for part in &message.parts {
            if let Content::ToolCall(call) = &part.content
                && let Some(id) = &call.id
            {
                names.insert(id, &call.name);
            }
        }
        let role = match &message.role {
            Role::System | Role::Developer => {
                if !contents.is_empty() {
                    encoding.losses.approximated(
                        format!("messages[{index}].role"),
                        "Gemini takes instructions before the conversation only",
                    );
                }
                system.extend(parts(encoding, index, message, &names)?);
                continue;
            }
            Role::User | Role::Tool => "user",
            Role::Assistant => "model",
            other => {
                encoding.losses.dropped(
                    format!("messages[{index}]"),
                    format!("Gemini has no role {other:?}"),
                );
                continue;
            }
        };
        let mut written = parts(encoding, index, message, &names)?;
        if written.is_empty() {
            continue;
        }
        if role == "model" && encoding.traits.demands_signatures() {
            stand_in(&mut written);
        }
        let results = message.role == Role::Tool;
        let extra = message.extra.for_dialect(Dialect::GEMINI);
        match contents.last_mut() {
            Some(last) if results && last.results => last.parts.extend(written),
            _ => contents.push(ContentOut {
                role: Some(role),
                parts: written,
                extra,
                results,
            }),
        }
    }
    let mut system = (!system.is_empty()).then_some(ContentOut {
        role: None,
        parts: system,
        extra: None,
        results: false,
    });
    if contents.is_empty()
        && let Some(mut only) = system.take()
    {
        encoding.losses.approximated(
            "messages[0].role",
            "Gemini wants a content of the user; the instructions are sent as one",
        );
        only.role = Some("user");
        contents.push(only);
    }
    Ok((system, contents))
}

fn parts<'a>(
    encoding: &mut Encoding<'a>,
    index: usize,
    message: &'a Message,
    names: &HashMap<&'a str, &'a str>,
) -> Result<Vec<PartOut<'a>>, CallError> {
    let mut out = Vec::with_capacity(message.parts.len());
    let mut writer = PartWriter {
        traits: encoding.traits,
        mapping: encoding.mapping,
        side: Side::Request,
        ids: encoding.host.ids,
        losses: &mut encoding.losses,
    };
    for (number, part) in message.parts.iter().enumerate() {
        // Beside other parts, empty text says nothing, unless it carries a proof.
        let is_empty = matches!(&part.content, Content::Text { text, .. } if text.is_empty());
        if is_empty && part.signature.is_none() && message.parts.len() > 1 {
            continue;
        }
        let path = || format!("messages[{index}].content[{number}]");
        writer.write(part, &path, &|id| names.get(id).copied(), &mut out)?;
    }
    Ok(out)
}

/// Gemini 3 refuses a step whose first call has no proof. Calls that it did not make get Google's stand-in.
fn stand_in(parts: &mut [PartOut<'_>]) {
    let first = parts.iter_mut().find(|part| part.function_call.is_some());
    if let Some(call) = first
        && call.thought_signature.is_none()
    {
        call.thought_signature = Some(Cow::Borrowed(SKIP));
    }
}

/// Fields of a message that do not survive.
fn report(encoding: &mut Encoding<'_>, index: usize, message: &Message) {
    if message.name.is_some() {
        encoding.losses.dropped(
            format!("messages[{index}].name"),
            "Gemini has no names of speakers",
        );
    }
    if let Some(dialect) = message.extra.dialect()
        && dialect != Dialect::GEMINI
    {
        for key in message.extra.fields().keys() {
            encoding.losses.dropped(
                format!("messages[{index}].{key}"),
                format!("only {dialect} knows this field"),
            );
        }
    }
}
