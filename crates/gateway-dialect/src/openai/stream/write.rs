//! One choice of a chunk, written.

use gateway_schema::Losses;
use gateway_schema::chat::{Citation, Signature};
use serde_json::{Map, Value};

use super::encode::Kind;
use crate::node::{Object, object};
use crate::openai::chat::reasoning::format_of;
use crate::openai::chat::{write_citation, write_google};

/// A piece of a tool call.
#[derive(Debug, Default)]
pub(super) struct CallPiece {
    pub(super) call: u32,
    /// Its id and name, when it begins.
    pub(super) begin: Option<(String, String)>,
    pub(super) arguments: String,
    pub(super) signature: Option<String>,
}

/// What a group of events adds to one answer.
#[derive(Debug, Default)]
pub(super) struct Added {
    pub(super) says_role: bool,
    pub(super) text: String,
    pub(super) thinking: String,
    pub(super) refusal: String,
    pub(super) redacted: Vec<String>,
    pub(super) signatures: Vec<Signature>,
    pub(super) text_signature: Option<String>,
    pub(super) calls: Vec<CallPiece>,
    pub(super) citations: Vec<Citation>,
    pub(super) logprobs: Option<Value>,
    pub(super) finish: Option<&'static str>,
    pub(super) choice_fields: Map<String, Value>,
    pub(super) delta_fields: Map<String, Value>,
}

/// Writes one entry of `choices`.
pub(super) fn write_choice(
    kind: Kind,
    choice: u32,
    added: &Added,
    losses: &mut Losses,
    body: &mut Vec<u8>,
) {
    object(body, |out| {
        out.field("index", &choice);
        match kind {
            Kind::Chat => out.object("delta", |out| write_delta(choice, added, losses, out)),
            Kind::Completion => out.field("text", &added.text),
        }
        out.field("logprobs", &added.logprobs);
        out.field("finish_reason", &added.finish);
        out.fields(&added.choice_fields);
    });
}

fn write_delta(choice: u32, added: &Added, losses: &mut Losses, out: &mut Object<'_>) {
    if added.says_role {
        out.field("role", "assistant");
    }
    let is_plain = added.calls.is_empty() && added.thinking.is_empty() && added.refusal.is_empty();
    if !added.text.is_empty() || (added.says_role && is_plain) {
        out.field("content", &added.text);
    }
    if !added.thinking.is_empty() {
        out.field("reasoning_content", &added.thinking);
    }
    if !added.signatures.is_empty() || !added.redacted.is_empty() {
        out.list("reasoning_details", |out| {
            let mut index = 0_u32;
            for data in &added.redacted {
                out.object(|out| {
                    out.field("type", "reasoning.encrypted");
                    out.field("data", data);
                    out.field("index", &index);
                });
                index += 1;
            }
            for signature in &added.signatures {
                out.object(|out| {
                    out.field("type", "reasoning.text");
                    out.field("signature", &signature.value);
                    out.option("format", format_of(signature.dialect));
                    out.field("index", &index);
                });
                index += 1;
            }
        });
    }
    if !added.refusal.is_empty() {
        out.field("refusal", &added.refusal);
    }
    if !added.calls.is_empty() {
        out.list("tool_calls", |out| {
            for piece in &added.calls {
                out.object(|out| write_call(piece, out));
            }
        });
    }
    if !added.citations.is_empty() {
        let path = format!("choices[{choice}].citations");
        out.list("annotations", |out| {
            for citation in &added.citations {
                write_citation(citation, &path, losses, out);
            }
        });
    }
    if let Some(signature) = &added.text_signature {
        write_google(out, signature);
    }
    out.fields(&added.delta_fields);
}

fn write_call(piece: &CallPiece, out: &mut Object<'_>) {
    out.field("index", &piece.call);
    if let Some((id, _)) = &piece.begin {
        out.field("id", id);
        out.field("type", "function");
    }
    out.object("function", |out| {
        if let Some((_, name)) = &piece.begin {
            out.field("name", name);
        }
        out.field("arguments", &piece.arguments);
    });
    if let Some(signature) = &piece.signature {
        write_google(out, signature);
    }
}
