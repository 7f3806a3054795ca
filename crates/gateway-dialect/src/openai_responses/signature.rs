//! Proofs: `encrypted_content` of reasoning items.
//!
//! A proof of another provider's travels as `gateway:<dialect>:<proof>`; OpenAI's own never begin so. Only reasoning has
//! a place for one. A proof of anything else stands in a reasoning item of its own just after what it proves,
//! with `+before` at the name of the dialect; encrypted reasoning of others has the name `redacted`.

use gateway_schema::Dialect;
use gateway_schema::chat::Signature;

use crate::proofs::{self, Proofs};

const BEFORE: &str = "+before";
const REDACTED: &str = "redacted";

/// Proofs inside an `encrypted_content`.
const PROOFS: Proofs = Proofs {
    own: Dialect::OPENAI_RESPONSES,
    travellers: &[
        Dialect::OPENAI,
        Dialect::ANTHROPIC,
        Dialect::GEMINI,
        Dialect::BEDROCK,
        // Its own proof of something else than reasoning.
        Dialect::OPENAI_RESPONSES,
    ],
};

/// What an `encrypted_content` turns out to be.
#[derive(Debug, PartialEq)]
pub(super) enum Proof {
    /// The proof of the reasoning it stands in.
    Own(Signature),
    /// The proof of what came just before.
    Before(Signature),
    /// Reasoning of another provider's, encrypted.
    Redacted(String),
}

/// Reads an `encrypted_content`.
pub(super) fn read(text: &str) -> Proof {
    if let Some((REDACTED, data)) = proofs::unwrap(text) {
        return Proof::Redacted(data.to_owned());
    }
    match PROOFS.foreign(text, BEFORE) {
        Some(signature) => Proof::Before(signature),
        None => Proof::Own(PROOFS.read(text)),
    }
}

/// Writes the proof of reasoning.
pub(super) fn own(signature: &Signature) -> String {
    PROOFS.write(signature)
}

/// Writes the proof of what came just before.
pub(super) fn before(signature: &Signature) -> String {
    proofs::wrap(signature, BEFORE)
}

/// Writes encrypted reasoning.
pub(super) fn redacted(data: &str) -> String {
    proofs::mark(REDACTED, data)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_proof_comes_back_and_knows_whose_it_is() {
        for (dialect, value) in [
            (Dialect::ANTHROPIC, "EqQBCkgIARABGAI="),
            (Dialect::GEMINI, "a:b"),
            (Dialect::OPENAI_RESPONSES, "gAAAAAB"),
        ] {
            let signature = Signature {
                dialect,
                value: value.to_owned(),
            };
            assert_eq!(read(&own(&signature)), Proof::Own(signature.clone()));
            assert_eq!(read(&before(&signature)), Proof::Before(signature));
        }
        assert_eq!(read(&redacted("x:y")), Proof::Redacted("x:y".to_owned()));
        let unknown = "gateway:nobody:x";
        assert!(
            matches!(read(unknown), Proof::Own(own) if own.dialect == Dialect::OPENAI_RESPONSES)
        );
    }
}
