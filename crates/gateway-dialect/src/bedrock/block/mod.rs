//! Content blocks, both ways.

mod citation;
mod formats;
mod read;
mod write;

use std::sync::LazyLock;

use gateway_schema::Dialect;
use gateway_schema::chat::{Content, Part, Signature};
use memchr::memmem::Finder;

pub(super) use citation::{read as read_citation, write as write_citation};
pub(super) use read::{cache_point, is_own_call, parts};
pub(super) use write::{BlockWriter, cache_block};

/// Before a proof of another provider, on its way through a client and back. No signature of AWS begins so.
const FOREIGN: &str = "gateway:";

/// Stands behind the name of the dialect in empty reasoning that proves the call just after it.
const NEXT: &str = "+next";

/// Dialects whose proofs may come back.
const TRAVELLERS: [Dialect; 5] = [
    Dialect::ANTHROPIC,
    Dialect::GEMINI,
    Dialect::OPENAI,
    Dialect::OPENAI_RESPONSES,
    Dialect::COHERE,
];

/// Reads a `signature`: Bedrock's own, or one that [`signature_out`] wrapped.
pub(super) fn signature_in(text: &str) -> Signature {
    let foreign = text
        .strip_prefix(FOREIGN)
        .and_then(|rest| rest.split_once(':'))
        .and_then(|(name, value)| {
            let dialect = TRAVELLERS.iter().find(|known| known.as_str() == name)?;
            Some((*dialect, value))
        });
    let (dialect, value) = foreign.unwrap_or((Dialect::BEDROCK, text));
    Signature {
        dialect,
        value: value.to_owned(),
    }
}

/// Writes a proof for a client, which sends it back with the next turn.
pub(super) fn signature_out(signature: &Signature) -> String {
    if signature.dialect == Dialect::BEDROCK {
        signature.value.clone()
    } else {
        format!("{FOREIGN}{}:{}", signature.dialect, signature.value)
    }
}

/// Writes the proof of a call, for empty reasoning just before it: in Converse only reasoning carries one.
pub(super) fn proof_of_next(signature: &Signature) -> String {
    format!("{FOREIGN}{}{NEXT}:{}", signature.dialect, signature.value)
}

/// Gives the proofs of [`proof_of_next`] back to their calls.
fn bind(parts: &mut Vec<Part>) {
    let mut at = 0;
    while let Some(part) = parts.get(at) {
        let Some(proof) = next(part) else {
            at += 1;
            continue;
        };
        parts.remove(at);
        if let Some(call) = parts.get_mut(at)
            && matches!(call.content, Content::ToolCall(_))
        {
            call.signature = Some(proof);
        }
    }
}

fn next(part: &Part) -> Option<Signature> {
    if !matches!(part.content, Content::Thinking { .. }) {
        return None;
    }
    let text = part.signature.as_ref()?.value.strip_prefix(FOREIGN)?;
    let (name, value) = text.split_once(':')?;
    let name = name.strip_suffix(NEXT)?;
    let dialect = TRAVELLERS.iter().find(|known| known.as_str() == name)?;
    Some(Signature {
        dialect: *dialect,
        value: value.to_owned(),
    })
}

/// True when a body has a proof of another provider's, which AWS refuses: such a body must be translated.
pub fn has_foreign_proofs(body: &[u8]) -> bool {
    static MARK: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("\"gateway:"));
    MARK.find(body).is_some()
}
