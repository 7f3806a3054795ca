//! Content blocks, both ways: the same in requests, replies and streams.

mod citation;
mod read;
mod write;

use gateway_schema::Dialect;

use crate::proofs::{self, Proofs};

pub(super) use citation::{CitationOut, read as read_citation};
pub(super) use read::{Block, Blocks, cache_control};
pub(super) use write::{BlockOut, BlockWriter, CacheOut, ContentOut, bare_text};

/// Proofs inside a `signature`. Anthropic's own are base64 and never hold a colon.
pub(super) const PROOFS: Proofs = Proofs {
    own: Dialect::ANTHROPIC,
    travellers: &[
        Dialect::OPENAI,
        Dialect::OPENAI_RESPONSES,
        Dialect::GEMINI,
        Dialect::BEDROCK,
    ],
};

/// True when a body has a proof of another provider's, which Anthropic refuses: such a body must be translated.
pub fn has_foreign_proofs(body: &[u8]) -> bool {
    proofs::stand_in(body)
}
