//! Content blocks, both ways.

mod citation;
mod formats;
mod read;
mod write;

use gateway_schema::Dialect;

use crate::proofs::{self, Proofs};

pub(super) use citation::{read as read_citation, write as write_citation};
pub(super) use read::{cache_point, is_own_call, parts};
pub(super) use write::{BlockWriter, cache_block};

/// Proofs inside a `signature`.
pub(super) const PROOFS: Proofs = Proofs {
    own: Dialect::BEDROCK,
    travellers: &[
        Dialect::ANTHROPIC,
        Dialect::GEMINI,
        Dialect::OPENAI,
        Dialect::OPENAI_RESPONSES,
        Dialect::COHERE,
    ],
};

/// True when a body has a proof of another provider's, which AWS refuses: such a body must be translated.
pub fn has_foreign_proofs(body: &[u8]) -> bool {
    proofs::stand_in(body)
}
