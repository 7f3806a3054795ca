//! Content blocks, both ways: the same in requests, replies and streams.

mod citation;
mod read;
mod write;

use std::sync::LazyLock;

use gateway_schema::Dialect;
use gateway_schema::chat::{Content, Part, Signature};
use memchr::memmem::Finder;

pub(super) use citation::{CitationOut, read as read_citation};
pub(super) use read::{Block, Blocks, cache_control};
pub(super) use write::{BlockOut, BlockWriter, CacheOut, ContentOut, bare_text};

/// Marks a proof of another provider's inside a `signature`, so that it finds its way back. Anthropic's own proofs are
/// base64 and never hold a colon.
const FOREIGN: &str = "gateway:";

/// Dialects whose proofs can travel inside a `signature`.
const TRAVELLERS: [Dialect; 4] = [
    Dialect::OPENAI,
    Dialect::OPENAI_RESPONSES,
    Dialect::GEMINI,
    Dialect::BEDROCK,
];

/// Stands behind the name of the dialect in empty reasoning that proves the call just after it.
const NEXT: &str = "+next";

/// Reads a `signature`: Anthropic's own, or one that [`signature_out`] wrapped.
pub(super) fn signature_in(text: &str) -> Signature {
    text.strip_prefix(FOREIGN)
        .and_then(|rest| rest.split_once(':'))
        .and_then(|(name, value)| {
            let dialect = TRAVELLERS.iter().find(|known| known.as_str() == name)?;
            Some(read::signature(*dialect, value))
        })
        .unwrap_or_else(|| read::signature(Dialect::ANTHROPIC, text))
}

/// Writes a proof for a client, which sends it back with the next turn.
pub(super) fn signature_out(signature: &Signature) -> String {
    if signature.dialect == Dialect::ANTHROPIC {
        signature.value.clone()
    } else {
        format!("{FOREIGN}{}:{}", signature.dialect, signature.value)
    }
}

/// Writes the proof of a call, for empty reasoning just before it: here only reasoning carries one.
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
    Some(read::signature(*dialect, value))
}

/// True when a body has a proof of another provider's, which Anthropic refuses: such a body must be translated.
pub fn has_foreign_proofs(body: &[u8]) -> bool {
    static MARK: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("\"gateway:"));
    MARK.find(body).is_some()
}
