//! What a call consumed, counted while it goes by; estimated where the provider does not say.

use gateway_provider::{Call, Whole};
use gateway_schema::stream::Facts;
use gateway_schema::{TokenSource, Usage};

/// Bytes per token of running text, near enough for every current tokenizer.
pub(crate) const BYTES_PER_TOKEN: u64 = 4;

/// Counts one call.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tally {
    usage: Usage,
    seen: Seen,
}

impl Tally {
    /// Nothing went by yet but the request.
    pub(crate) fn new(call: &Call) -> Self {
        Self {
            usage: Usage::default(),
            seen: Seen {
                request_bytes: call.payload.bytes().map_or(0, bytes::Bytes::len),
                // A file that is passed on is not made of tokens.
                opaque: call.payload.raw().is_some_and(|raw| raw.asks.is_none()),
                ..Seen::default()
            },
        }
    }

    /// A provider took the request and answers.
    pub(crate) fn answered(&mut self) {
        self.seen.answered = true;
    }

    /// A whole answer.
    pub(crate) fn whole(&mut self, whole: &Whole) {
        if let Whole::Raw { facts, .. } = whole {
            self.facts(facts);
        } else if let Some(usage) = whole.usage() {
            self.usage.update(usage.clone());
        }
    }

    /// A frame went by.
    pub(crate) fn facts(&mut self, facts: &Facts) {
        self.seen.events += u64::from(facts.content_events);
        self.seen.text_bytes += u64::from(facts.text_bytes);
        if let Some(usage) = &facts.usage {
            self.usage.update((**usage).clone());
        }
    }

    /// What was consumed, estimates included.
    pub(crate) fn total(self) -> Usage {
        complete(self.usage, self.seen)
    }
}

/// What went by, for an estimate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Seen {
    /// Bytes of the request.
    request_bytes: usize,
    /// Content events of the answer.
    events: u64,
    /// Bytes of generated text, where the lane knows them.
    text_bytes: u64,
    /// A provider took the request.
    answered: bool,
    /// What is asked is not known: there is nothing to estimate by.
    opaque: bool,
}

/// Completes `reported` by estimates. A call that no provider took consumed nothing. What the provider reported is
/// never replaced, zero included.
fn complete(mut reported: Usage, seen: Seen) -> Usage {
    let missing = reported.input_tokens.is_none() || reported.output_tokens.is_none();
    if !missing || !seen.answered || seen.opaque {
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
        opaque: false,
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
    fn what_is_passed_on_unknown_is_not_estimated() {
        let usage = complete(
            Usage::default(),
            Seen {
                opaque: true,
                ..SEEN
            },
        );
        assert_eq!(usage, Usage::default());
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
