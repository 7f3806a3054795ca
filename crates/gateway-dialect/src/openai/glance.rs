//! Whole replies of the same dialect on both sides: forwarded untouched, and looked at.

use gateway_json::{Cursor, Fault, Text};
use gateway_schema::chat::FinishReason;
use gateway_schema::stream::Facts;
use gateway_schema::{CallError, Dialect, ErrorKind, Usage};

use super::chat::{finish, own_words};
use super::counts;
use crate::node::Node;
use crate::{failure, generated};

/// States what is in a whole reply of chat, completions or embeddings: one pass, content skipped.
///
/// # Errors
/// Of origin upstream: not a JSON object, or an error with a good status.
pub fn observe(body: &[u8]) -> Result<Facts, CallError> {
    let body = body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(body);
    let glance = Glance::of(body).map_err(|fault| {
        CallError::upstream(
            ErrorKind::Upstream,
            "The provider's answer is not valid JSON.",
        )
        .with_detail(fault.to_string())
    })?;
    if !glance.has_list
        && let Some(error) = &glance.error
    {
        let words = own_words(&serde_json::json!({ "error": error }));
        return Err(failure::error_within(Dialect::OPENAI, &words));
    }
    let mut facts = Facts::default();
    facts.meaningful = true;
    facts.ended = true;
    facts.id = glance.id;
    facts.model = glance.model;
    facts.usage = glance.usage.map(Box::new);
    facts.finish = glance.finish;
    generated::count(body, &mut facts);
    Ok(facts)
}

#[derive(Default)]
struct Glance {
    id: Option<String>,
    model: Option<String>,
    usage: Option<Usage>,
    finish: Option<FinishReason>,
    error: Option<serde_json::Value>,
    has_list: bool,
}

impl Glance {
    fn of(text: &[u8]) -> Result<Self, Fault> {
        let mut glance = Self::default();
        let mut cursor = Cursor::new(text);
        cursor.members(|cursor, key| {
            match key.plain() {
                b"id" => glance.id = word(text, cursor)?,
                b"model" => glance.model = word(text, cursor)?,
                b"usage" => glance.usage = counts::read(cursor)?,
                b"error" => {
                    let error: Option<Node<'_>> = value(text, cursor)?;
                    glance.error = error.filter(|error| !error.is_void()).map(Node::into_value);
                }
                b"choices" => {
                    glance.has_list = cursor.peek() == Some(b'[');
                    let reason = ending(cursor)?;
                    glance.finish = reason.map(|word| finish::decode(&word, true).reason);
                }
                b"data" => {
                    glance.has_list = true;
                    cursor.skip()?;
                }
                _ => cursor.skip()?,
            }
            Ok(())
        })?;
        cursor.end()?;
        Ok(glance)
    }
}

/// A name: most are texts, and some vendors' are numbers.
fn word(text: &[u8], cursor: &mut Cursor<'_>) -> Result<Option<String>, Fault> {
    if cursor.peek() == Some(b'"') {
        return Ok(cursor.text()?.and_then(said));
    }
    Ok(value(text, cursor)?.and_then(Node::into_text))
}

fn said(text: Text<'_>) -> Option<String> {
    text.decode().map(std::borrow::Cow::into_owned)
}

/// A value in full.
fn value<'a>(text: &'a [u8], cursor: &mut Cursor<'_>) -> Result<Option<Node<'a>>, Fault> {
    let range = cursor.value()?;
    let value = text.get(range).unwrap_or_default();
    Ok(serde_json::from_slice(value).ok())
}

/// The finish reason of the first choice that states one.
fn ending(cursor: &mut Cursor<'_>) -> Result<Option<String>, Fault> {
    let mut ending = None;
    if cursor.peek() != Some(b'[') {
        cursor.skip()?;
        return Ok(None);
    }
    cursor.items(|cursor| {
        if cursor.peek() != Some(b'{') {
            return cursor.skip();
        }
        let mut own = None;
        cursor.members(|cursor, key| {
            match key.plain() {
                b"finish_reason" => own = cursor.text()?.and_then(said),
                _ => cursor.skip()?,
            }
            Ok(())
        })?;
        if ending.is_none() {
            ending = own;
        }
        Ok(())
    })?;
    Ok(ending)
}
