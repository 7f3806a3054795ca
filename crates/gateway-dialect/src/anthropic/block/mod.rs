//! Content blocks, both ways: the same in requests, replies and streams.

mod citation;
mod read;
mod write;

use gateway_schema::Dialect;
use gateway_schema::chat::Signature;

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
