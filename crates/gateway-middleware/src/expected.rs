//! What a call is expected to consume, estimated before anybody has counted.

use gateway_provider::Call;
#[cfg(feature = "rate_limit")]
use gateway_provider::RawRequest;
use gateway_schema::Operation;

use crate::tally::BYTES_PER_TOKEN;

/// The answer of a request that sets no limit is expected to be this long.
pub(crate) const USUAL_OUTPUT: u64 = 512;

/// Tokens that a call is expected to consume.
#[cfg(feature = "rate_limit")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Expected {
    pub(crate) input: u64,
    pub(crate) output: u64,
}

#[cfg(feature = "rate_limit")]
impl Expected {
    /// Reads the size of the request and its limit of tokens. Nothing is decoded.
    pub(crate) fn of(call: &Call) -> Self {
        if let Some(raw) = call.payload.raw() {
            return Self::of_raw(raw);
        }
        Self {
            input: match call.payload.envelope() {
                // No string is long enough to be data: nothing needs to be looked at.
                Some((bytes, envelope)) if envelope.longest_string() < SHORTEST_DATA => {
                    of_text(bytes.len())
                }
                _ => call.payload.bytes().map_or(1, |bytes| prompt_tokens(bytes)),
            },
            output: output_tokens(call),
        }
    }
}

/// Tokens of the answer: the request's limit, else the usual. Only texts are generated.
pub(crate) fn output_tokens(call: &Call) -> u64 {
    if !matches!(call.operation, Operation::Chat | Operation::Completion) {
        return 0;
    }
    let limit = call.payload.envelope().and_then(|(bytes, envelope)| {
        ["max_completion_tokens", "max_tokens", "max_output_tokens"]
            .into_iter()
            .filter_map(|key| envelope.integer(bytes, key))
            .max()
    });
    limit.unwrap_or(USUAL_OUTPUT)
}

#[cfg(feature = "rate_limit")]
impl Expected {
    /// Of a request that is passed on: tokens only where it is known to ask a model.
    fn of_raw(raw: &RawRequest) -> Self {
        let (input, output) = match raw.asks {
            Some(Operation::Chat | Operation::Completion) => {
                (prompt_tokens(&raw.text()), USUAL_OUTPUT)
            }
            Some(Operation::Embedding) => (prompt_tokens(&raw.text()), 0),
            _ => (0, 0),
        };
        Self { input, output }
    }
}

/// Tokens of a prompt, by the bytes of its JSON. Data in base64 (pictures, sound) is taken for a few tokens instead of
/// for text.
pub(crate) fn prompt_tokens(body: &[u8]) -> u64 {
    let text = match body.len() {
        ..SHORTEST_DATA => body.len(),
        _ => body.len().saturating_sub(data_bytes(body)),
    };
    of_text(text)
}

/// Tokens of so many bytes of text.
const fn of_text(bytes: usize) -> u64 {
    (bytes as u64).div_ceil(BYTES_PER_TOKEN)
}

/// Strings shorter than this are taken for text whatever they are.
const SHORTEST_DATA: usize = 2048;
/// How much of a string is looked at to tell data from text.
const BEGINNING: usize = 256;
/// What a picture or the like is taken for: a thousand tokens, about what the large providers count for one.
const BYTES_OF_DATA: usize = 4_000;

/// Bytes of `body` in strings of base64, less those that they count for. Jumps from quote to quote.
fn data_bytes(body: &[u8]) -> usize {
    let mut found = 0;
    let mut at = 0;
    while let Some(open) = next(body, at, b'"', b'"') {
        let start = open + 1;
        let end = end_of_string(body, start);
        let length = end.saturating_sub(start);
        if length >= SHORTEST_DATA && body.get(start..end).is_some_and(is_data) {
            found += length.saturating_sub(BYTES_OF_DATA);
        }
        at = end + 1;
    }
    found
}

/// Where the string ends that begins at `start`: at its closing quote.
fn end_of_string(body: &[u8], start: usize) -> usize {
    let mut at = start;
    while let Some(stop) = next(body, at, b'"', b'\\') {
        if body.get(stop) == Some(&b'"') {
            return stop;
        }
        at = stop + 2;
    }
    body.len()
}

fn next(body: &[u8], from: usize, one: u8, other: u8) -> Option<usize> {
    memchr::memchr2(one, other, body.get(from..)?).map(|at| from + at)
}

/// True for base64 and for `data:` URLs: letters, digits and a few signs without a space between.
fn is_data(text: &[u8]) -> bool {
    let beginning = text.get(..BEGINNING).unwrap_or(text);
    text.starts_with(b"data:")
        || beginning
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || b"+/=-_\\".contains(byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_counts_by_its_bytes_and_a_picture_as_a_few_tokens() {
        let text = format!(r#"{{"messages": "{}"}}"#, "some words ".repeat(10_000));
        assert_eq!(
            prompt_tokens(text.as_bytes()),
            (text.len() as u64).div_ceil(4)
        );
        for data in [
            "A9+/".repeat(100_000),
            format!("data:image/png;base64,{}", "QUJD".repeat(100_000)),
        ] {
            let body = format!(r#"{{"a \" quote": "\\", "url": "{data}", "text": "hello"}}"#);
            let tokens = prompt_tokens(body.as_bytes());
            assert!((1_000..1_100).contains(&tokens), "{tokens}");
        }
        let chinese = format!(r#"{{"text": "{}"}}"#, "漢".repeat(4_000));
        assert!(
            prompt_tokens(chinese.as_bytes()) >= 3_000,
            "letters are no data"
        );
    }

    #[test]
    #[cfg(feature = "route")]
    fn of_several_limits_of_the_output_the_largest_counts_however_it_is_written() {
        for (body, expected) in [
            (r#"{"max_completion_tokens":1,"max_tokens":4000}"#, 4000),
            (r#"{"max_tokens":4e3,"max_output_tokens":1}"#, 4000),
            (r#"{"max_tokens":1e99}"#, u64::MAX),
            ("{}", USUAL_OUTPUT),
        ] {
            let body: serde_json::Value = serde_json::from_str(body).unwrap();
            let call = crate::testing::wire(gateway_schema::Dialect::OPENAI, &body, &|_, _| {
                panic!("a body was decoded without need")
            });
            assert_eq!(output_tokens(&call), expected, "{body}");
        }
    }

    #[test]
    fn no_text_is_estimated_beyond_its_bytes_and_nothing_panics() {
        for body in ["", "\"", "\"\\", "\\\"", "{\"a", "\"\\\""] {
            let padded = format!("{}{body}", " ".repeat(3_000));
            for text in [body, padded.as_str()] {
                assert!(prompt_tokens(text.as_bytes()) <= (text.len() as u64).div_ceil(4));
            }
        }
    }
}
