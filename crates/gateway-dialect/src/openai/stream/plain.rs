//! Documents that call themselves streams: some providers answer a streamed request with a plain JSON error.

use gateway_schema::{CallError, Dialect, ErrorKind};

use crate::failure::{self, ErrorDetails};

/// How much of such a document is kept.
const MAX_BYTES: usize = 64 * 1024;

/// Keeps a body that begins like a JSON document.
#[derive(Debug, Default)]
pub(super) struct Plain {
    is_decided: bool,
    is_json: bool,
    body: Vec<u8>,
}

impl Plain {
    /// Looks at the next bytes.
    pub(super) fn take(&mut self, chunk: &[u8]) {
        if !self.is_decided {
            let Some(first) = chunk.trim_ascii_start().first() else {
                return;
            };
            self.is_decided = true;
            self.is_json = matches!(first, b'{' | b'[');
        }
        if self.is_json {
            let room = MAX_BYTES.saturating_sub(self.body.len()).min(chunk.len());
            self.body
                .extend_from_slice(chunk.get(..room).unwrap_or_default());
        }
    }

    /// What is wrong with a stream that stopped before its end: the document's own words, if it was one.
    pub(super) fn cut_short(&self) -> CallError {
        if self.is_json {
            let said = ErrorDetails::read(None, &self.body);
            if said.message.is_some() {
                return failure::error_within(Dialect::OPENAI, &said.into());
            }
        }
        CallError::upstream(
            ErrorKind::Upstream,
            "The provider's stream stopped before its end.",
        )
    }
}
