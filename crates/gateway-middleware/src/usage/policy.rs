//! What a call consumed when the provider does not say.

use gateway_schema::{TokenSource, Usage};

/// What went by, for an estimate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Seen {
    /// Bytes of the request.
    pub(super) request_bytes: usize,
    /// Content events of the answer.
    pub(super) events: u64,
    /// Bytes of generated text, where the lane knows them.
    pub(super) text_bytes: u64,
    /// A provider took the request.
    pub(super) answered: bool,
}

/// Bytes per token of running text, near enough for every current tokenizer.
const BYTES_PER_TOKEN: u64 = 4;

/// Completes `reported` by estimates. A call that no provider took consumed nothing. What the provider reported is
/// never replaced, zero included.
pub(super) fn complete(mut reported: Usage, seen: Seen) -> Usage {
    let missing = reported.input_tokens.is_none() || reported.output_tokens.is_none();
    if !missing || !seen.answered {
        return reported;
    }
    reported.source = TokenSource::Estimated;
    reported
        .input_tokens
        .get_or_insert((seen.request_bytes as u64).div_ceil(BYTES_PER_TOKEN));
    // Most providers send one event per token; some send many tokens at once, which the bytes tell.
    let output = seen.events.max(seen.text_bytes.div_ceil(BYTES_PER_TOKEN));
    reported.output_tokens.get_or_insert(output);
    reported
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEEN: Seen = Seen {
        request_bytes: 40,
        events: 3,
        text_bytes: 100,
        answered: true,
    };

    #[test]
    fn what_was_reported_is_kept_even_when_it_is_zero() {
        let usage = complete(Usage::new(0, 0), SEEN);
        assert_eq!(
            (usage.input_tokens, usage.output_tokens),
            (Some(0), Some(0))
        );
        assert_eq!(usage.source, TokenSource::Reported);
    }

    #[test]
    fn what_was_not_reported_is_estimated_and_marked() {
        let usage = complete(Usage::default(), SEEN);
        assert_eq!(
            (usage.input_tokens, usage.output_tokens),
            (Some(10), Some(25))
        );
        assert_eq!(usage.source, TokenSource::Estimated);
    }

    #[test]
    fn a_call_that_no_provider_took_consumed_nothing() {
        let usage = complete(
            Usage::default(),
            Seen {
                answered: false,
                ..SEEN
            },
        );
        assert_eq!(usage, Usage::default());
    }
}
