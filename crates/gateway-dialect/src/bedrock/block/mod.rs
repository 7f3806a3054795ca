//! Content blocks, both ways.

mod citation;
mod formats;
mod read;
mod write;

use gateway_schema::Dialect;
use gateway_schema::chat::Signature;

pub(super) use citation::{read as read_citation, write as write_citation};
pub(super) use read::{cache_point, is_own_call, parts};
pub(super) use write::{BlockWriter, cache_block};

/// Before a proof of another provider, on its way through a client and back. No signature of AWS begins so.
const FOREIGN: &str = "gateway:";

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
