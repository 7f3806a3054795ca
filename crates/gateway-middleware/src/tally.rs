//! What a call consumed, counted while it goes by; estimated where the provider does not say, cut where it says what
//! cannot be.

use gateway_provider::{Sent, Whole};
use gateway_schema::stream::{Facts, Frame, FrameData};
use gateway_schema::{TokenSource, Usage};

use crate::expected::{BYTES_PER_TOKEN, Expected};

/// Counts one call.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tally {
    usage: Option<Usage>,
    seen: Seen,
    expected: Expected,
}

impl Tally {
    /// Nothing went by yet but the request.
    pub(crate) fn new(expected: Expected) -> Self {
        Self {
            usage: None,
            seen: Seen::default(),
            expected,
        }
    }

    /// A provider took the request and answers.
    pub(crate) const fn answered(&mut self) {
        self.seen.answered = true;
    }

    /// A whole answer.
    pub(crate) fn whole(&mut self, whole: &Whole) {
        match whole {
            Whole::Raw { facts, body, .. } => {
                self.bytes(body.len());
                self.facts(facts);
            }
            Whole::Canonical(response) => {
                self.seen.text_bytes += response.text_bytes() as u64;
                self.usage(response.usage());
            }
            // A kind of answer that is not known states what it states.
            _ => self.usage(whole.usage()),
        }
    }

    /// A frame went by.
    pub(crate) fn frame(&mut self, frame: &Frame) {
        if let FrameData::Raw(bytes) = &frame.data {
            self.bytes(bytes.len());
        }
        self.facts(&frame.facts);
    }

    fn bytes(&mut self, length: usize) {
        self.seen.answer_bytes = self.seen.answer_bytes.saturating_add(length as u64);
    }

    fn facts(&mut self, facts: &Facts) {
        self.seen.events += u64::from(facts.content_events);
        self.seen.text_bytes += u64::from(facts.text_bytes);
        self.usage(facts.usage.as_deref());
    }

    fn usage(&mut self, usage: Option<&Usage>) {
        if let Some(usage) = usage {
            self.usage.get_or_insert_default().update(usage.clone());
        }
    }

    /// What was consumed, estimates included. `sent` is what the journal knows of requests without an answer.
    pub(crate) fn total(self, sent: Sent) -> Usage {
        complete(
            self.usage.unwrap_or_default(),
            self.seen,
            &self.expected,
            sent,
        )
    }
}

/// What went by, for an estimate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Seen {
    /// Content events of the answer.
    events: u64,
    /// Bytes of generated text, where the lane knows them.
    text_bytes: u64,
    /// Bytes of the answer, where it is passed on as it is.
    answer_bytes: u64,
    /// A provider took the request.
    answered: bool,
}

/// Cuts what was `reported` to what can be, and completes it by estimates. A call that was not sent to a provider
/// consumed nothing. What the provider reported is otherwise never replaced, zero included.
fn complete(mut reported: Usage, seen: Seen, expected: &Expected, sent: Sent) -> Usage {
    let bytes = seen.answer_bytes.max(seen.text_bytes).max(sent.received());
    reported.clamp(expected.most_input, expected.most_output(bytes));
    let consumed = seen.answered || sent.is_sent();
    if !consumed || !expected.is_known {
        return reported;
    }
    let lacks_output = expected.generates && reported.output_tokens.is_none();
    if (reported.input_tokens.is_none() || lacks_output) && reported.source == TokenSource::Reported
    {
        reported.source = TokenSource::Estimated;
    }
    reported.input_tokens.get_or_insert(expected.input);
    let output = if expected.generates {
        estimated(seen, expected, sent)
    } else {
        0
    };
    reported.output_tokens.get_or_insert(output);
    reported
}

/// Tokens of what was received of an answer.
fn estimated(seen: Seen, expected: &Expected, sent: Sent) -> u64 {
    // Most providers send one event per token; some send many tokens at once, which the bytes tell.
    let text = seen.events.max(seen.text_bytes.div_ceil(BYTES_PER_TOKEN));
    if seen.answered {
        return text;
    }
    // Of an answer that did not come to its end only the bytes are known, its frame included.
    let partial = sent.received().div_ceil(BYTES_PER_TOKEN);
    text.max(partial.min(expected.limit.unwrap_or(u64::MAX)))
}

#[cfg(test)]
mod tests {
    use gateway_provider::Journal;

    use super::*;

    const SEEN: Seen = Seen {
        events: 3,
        text_bytes: 100,
        answer_bytes: 0,
        answered: true,
    };

    fn expected() -> Expected {
        let mut call = crate::testing::call();
        call.operation = gateway_schema::Operation::Chat;
        Expected {
            input: 10,
            most_input: 1_000,
            ..Expected::of(&call)
        }
    }

    fn counts(usage: &Usage) -> (Option<u64>, Option<u64>, TokenSource) {
        (usage.input_tokens, usage.output_tokens, usage.source)
    }

    #[test]
    fn what_was_reported_is_kept_even_when_it_is_zero() {
        let usage = complete(Usage::new(0, 0), SEEN, &expected(), Sent::default());
        assert_eq!(counts(&usage), (Some(0), Some(0), TokenSource::Reported));
    }

    #[test]
    fn what_was_not_reported_is_estimated_and_marked() {
        let usage = complete(Usage::default(), SEEN, &expected(), Sent::default());
        assert_eq!(counts(&usage), (Some(10), Some(25), TokenSource::Estimated));
        let mut half = Usage::default();
        half.input_tokens = Some(7);
        let usage = complete(half, SEEN, &expected(), Sent::default());
        assert_eq!(counts(&usage), (Some(7), Some(25), TokenSource::Estimated));
    }

    #[test]
    fn what_cannot_be_is_cut_and_marked() {
        let limited = Expected {
            limit: Some(50),
            ..expected()
        };
        let absurd = Usage::new(1 << 63, 1 << 63);
        let usage = complete(absurd.clone(), SEEN, &limited, Sent::default());
        assert_eq!(
            counts(&usage),
            (Some(1_000), Some(100), TokenSource::Clamped),
            "100 bytes of text are at most 100 tokens"
        );
        let usage = complete(absurd, Seen::default(), &limited, Sent::default());
        assert_eq!(usage.output_tokens, Some(50), "and the limit is a bound");
    }

    #[test]
    fn what_is_passed_on_unknown_is_not_estimated() {
        let unknown = Expected {
            is_known: false,
            ..expected()
        };
        let usage = complete(Usage::default(), SEEN, &unknown, Sent::default());
        assert_eq!(usage, Usage::default());
    }

    #[test]
    fn a_request_that_was_sent_consumed_its_prompt_and_what_arrived_of_the_answer() {
        let nothing = complete(
            Usage::default(),
            Seen::default(),
            &expected(),
            Sent::default(),
        );
        assert_eq!(nothing, Usage::default(), "not sent");
        let journal = Journal::new();
        let exchange = journal.exchange();
        exchange.sent();
        let total = || {
            let sent = journal.notes().sent;
            complete(Usage::default(), Seen::default(), &expected(), sent)
        };
        assert_eq!(
            counts(&total()),
            (Some(10), Some(0), TokenSource::Estimated)
        );
        exchange.received(400);
        assert_eq!(
            counts(&total()),
            (Some(10), Some(100), TokenSource::Estimated)
        );
        exchange.refused();
        assert_eq!(total(), Usage::default(), "refused");
        exchange.sent();
        journal.exchange().refused();
        assert_eq!(
            counts(&total()),
            (Some(10), Some(0), TokenSource::Estimated),
            "the earlier try was sent"
        );
    }
}
