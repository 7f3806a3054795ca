//! How the limits stand, in the header family of the caller's dialect.
//!
//! OpenAI: `x-ratelimit-{limit,remaining,reset}-{requests,tokens}`, resets as durations (`6m0s`). Anthropic:
//! `anthropic-ratelimit-{requests,tokens,input-tokens,output-tokens}-{limit,remaining,reset}`, resets as RFC 3339.
//! Other dialects get OpenAI's. Of several limits of one kind the one with the least left is told. Limits on
//! concurrency have no header of their own.

use std::time::{Duration, SystemTime};

use gateway_provider::{LimitKind, LimitNote};
use gateway_schema::Dialect;
use http::{HeaderMap, HeaderName, HeaderValue};

/// The three headers of one kind of limit.
type Names = [HeaderName; 3];

/// The kinds that are told, in this order.
const KINDS: [LimitKind; 4] = [
    LimitKind::Requests,
    LimitKind::Tokens,
    LimitKind::InputTokens,
    LimitKind::OutputTokens,
];

static OPENAI: [Names; 4] = [
    [
        HeaderName::from_static("x-ratelimit-limit-requests"),
        HeaderName::from_static("x-ratelimit-remaining-requests"),
        HeaderName::from_static("x-ratelimit-reset-requests"),
    ],
    [
        HeaderName::from_static("x-ratelimit-limit-tokens"),
        HeaderName::from_static("x-ratelimit-remaining-tokens"),
        HeaderName::from_static("x-ratelimit-reset-tokens"),
    ],
    [
        HeaderName::from_static("x-ratelimit-limit-input-tokens"),
        HeaderName::from_static("x-ratelimit-remaining-input-tokens"),
        HeaderName::from_static("x-ratelimit-reset-input-tokens"),
    ],
    [
        HeaderName::from_static("x-ratelimit-limit-output-tokens"),
        HeaderName::from_static("x-ratelimit-remaining-output-tokens"),
        HeaderName::from_static("x-ratelimit-reset-output-tokens"),
    ],
];

static ANTHROPIC: [Names; 4] = [
    [
        HeaderName::from_static("anthropic-ratelimit-requests-limit"),
        HeaderName::from_static("anthropic-ratelimit-requests-remaining"),
        HeaderName::from_static("anthropic-ratelimit-requests-reset"),
    ],
    [
        HeaderName::from_static("anthropic-ratelimit-tokens-limit"),
        HeaderName::from_static("anthropic-ratelimit-tokens-remaining"),
        HeaderName::from_static("anthropic-ratelimit-tokens-reset"),
    ],
    [
        HeaderName::from_static("anthropic-ratelimit-input-tokens-limit"),
        HeaderName::from_static("anthropic-ratelimit-input-tokens-remaining"),
        HeaderName::from_static("anthropic-ratelimit-input-tokens-reset"),
    ],
    [
        HeaderName::from_static("anthropic-ratelimit-output-tokens-limit"),
        HeaderName::from_static("anthropic-ratelimit-output-tokens-remaining"),
        HeaderName::from_static("anthropic-ratelimit-output-tokens-reset"),
    ],
];

/// Writes how the limits stand. They replace what a provider said of its own.
pub(crate) fn write(
    notes: &[LimitNote],
    dialect: Dialect,
    now: SystemTime,
    headers: &mut HeaderMap,
) {
    let is_anthropic = dialect == Dialect::ANTHROPIC;
    let family = if is_anthropic { &ANTHROPIC } else { &OPENAI };
    for (kind, [limit, remaining, reset]) in KINDS.into_iter().zip(family) {
        let tightest = notes
            .iter()
            .filter(|note| note.kind == kind)
            .min_by_key(|note| note.remaining);
        let Some(note) = tightest else { continue };
        headers.insert(limit.clone(), HeaderValue::from(note.limit));
        headers.insert(remaining.clone(), HeaderValue::from(note.remaining));
        let text = if is_anthropic {
            moment(now, note.reset)
        } else {
            duration(note.reset)
        };
        if let Ok(value) = HeaderValue::try_from(text) {
            headers.insert(reset.clone(), value);
        }
    }
}

/// `1h0m3s`, `6m0s`, `12s`, `350ms`, as OpenAI writes it.
fn duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let parts = [
        (seconds / 3_600, "h"),
        (seconds / 60 % 60, "m"),
        (seconds % 60, "s"),
    ];
    let mut text = String::with_capacity(16);
    for (number, unit) in parts {
        if number > 0 || !text.is_empty() {
            push_number(number, &mut text);
            text.push_str(unit);
        }
    }
    if text.is_empty() {
        push_number(u64::from(duration.subsec_millis()), &mut text);
        text.push_str("ms");
    }
    text
}

/// Appends a number in decimal.
pub(crate) fn push_number(number: u64, text: &mut String) {
    if number >= 10 {
        push_number(number / 10, text);
    }
    let digit = u8::try_from(number % 10).unwrap_or(0);
    text.push(char::from(b'0' + digit));
}

fn moment(now: SystemTime, reset: Duration) -> String {
    let whole = Duration::from_secs(reset.as_secs() + u64::from(reset.subsec_nanos() > 0));
    let at = now
        .checked_add(whole)
        .and_then(|at| jiff::Timestamp::try_from(at).ok());
    at.map_or_else(String::new, |at| format!("{at:.0}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn note(kind: LimitKind, remaining: u64) -> LimitNote {
        LimitNote {
            kind,
            limit: 60,
            remaining,
            reset: Duration::from_millis(61_500),
        }
    }

    fn headers(dialect: Dialect) -> Vec<(String, String)> {
        let notes = [
            note(LimitKind::Requests, 5),
            note(LimitKind::Requests, 3),
            note(LimitKind::InputTokens, 9),
            note(LimitKind::Concurrent, 1),
        ];
        let mut headers = HeaderMap::new();
        headers.insert(
            "x-ratelimit-limit-requests",
            HeaderValue::from_static("the provider's"),
        );
        write(
            &notes,
            dialect,
            SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000),
            &mut headers,
        );
        headers
            .iter()
            .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
            .collect()
    }

    #[test]
    fn openai_clients_get_openais_family_with_the_tightest_limit() {
        let headers = headers(Dialect::OPENAI);
        let has = |name: &str, value: &str| headers.contains(&(name.to_owned(), value.to_owned()));
        assert!(has("x-ratelimit-limit-requests", "60"), "{headers:?}");
        assert!(has("x-ratelimit-remaining-requests", "3"));
        assert!(has("x-ratelimit-reset-requests", "1m1s"));
        assert!(has("x-ratelimit-remaining-input-tokens", "9"));
        assert_eq!(headers.len(), 6);
    }

    #[test]
    fn anthropic_clients_get_anthropics_family() {
        let headers = headers(Dialect::ANTHROPIC);
        let has = |name: &str, value: &str| headers.contains(&(name.to_owned(), value.to_owned()));
        assert!(
            has("anthropic-ratelimit-requests-remaining", "3"),
            "{headers:?}"
        );
        assert!(
            has("anthropic-ratelimit-requests-reset", "2001-09-09T01:47:42Z"),
            "{headers:?}"
        );
        assert!(has("anthropic-ratelimit-input-tokens-limit", "60"));
    }

    #[test]
    fn durations_are_spelled_as_openai_does() {
        for (millis, text) in [
            (0, "0ms"),
            (350, "350ms"),
            (12_000, "12s"),
            (360_000, "6m0s"),
            (3_603_000, "1h0m3s"),
        ] {
            assert_eq!(duration(Duration::from_millis(millis)), text);
        }
    }
}
