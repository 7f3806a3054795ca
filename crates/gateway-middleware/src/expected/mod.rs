//! What a call is expected to consume, estimated before anybody has counted, and the most it can have consumed. What a
//! limit reserves, what is charged when a provider does not say, and what a provider's figures are cut to come from here.

mod output;

use std::sync::LazyLock;

use gateway_provider::{Call, RawRequest};
use gateway_schema::Operation;
use memchr::memmem::Finder;

use output::Stated;

/// Bytes per token of running text, near enough for every current tokenizer.
pub(crate) const BYTES_PER_TOKEN: u64 = 4;
/// The answer of a request that sets no limit is expected to be this long.
pub(crate) const USUAL_OUTPUT: u64 = 512;
/// Most tokens of one answer without a limit: twice the longest that models give today, hidden reasoning included.
const MOST_OUTPUT: u64 = 262_144;
/// What a provider may add to a prompt by itself: its own instructions, results of a search.
const ADDED_INPUT: u64 = 65_536;
/// Most tokens of what a request only refers to: files, pictures by address, earlier turns, tools that the provider runs.
/// The longest context that is sold.
const REFERRED_INPUT: u64 = 2_097_152;

/// What a call is expected to consume, and the most it can have consumed. In tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Expected {
    /// Of the prompt.
    pub(crate) input: u64,
    /// Of all answers together: the request's limit, else the usual.
    pub(crate) output: u64,
    /// More input than this is not believed.
    pub(crate) most_input: u64,
    /// The limit that the request states, for all answers together.
    pub(crate) limit: Option<u64>,
    /// How many answers it asks for.
    pub(crate) answers: u64,
    /// Whether it is known what is asked: a file that is passed on is not made of tokens.
    pub(crate) is_known: bool,
    /// Whether the answer is generated text.
    pub(crate) generates: bool,
}

impl Expected {
    /// Reads the size of the request and its limits. Nothing is decoded.
    pub(crate) fn of(call: &Call) -> Self {
        if let Some(raw) = call.payload.raw() {
            return Self::of_raw(raw);
        }
        let body = call.payload.bytes().map_or(&b""[..], |bytes| bytes);
        let input = match call.payload.envelope() {
            // No string is long enough to be data: nothing needs to be looked at.
            Some((bytes, envelope)) if envelope.longest_string() < SHORTEST_DATA => {
                of_text(bytes.len())
            }
            _ => prompt_tokens(body).max(1),
        };
        let stated = match call.payload.envelope() {
            Some((bytes, envelope)) if generates(call.operation) => Stated::of(bytes, envelope),
            _ => Stated::default(),
        };
        Self::new(call.operation, input, stated, most_input(body))
    }

    /// Of a request that is passed on: tokens only where it is known to ask a model.
    fn of_raw(raw: &RawRequest) -> Self {
        let text = raw.text();
        let most_input = if is_packed(raw) {
            REFERRED_INPUT.saturating_add(text.len() as u64)
        } else {
            most_input(&text)
        };
        let Some(operation) = raw.asks.filter(|asks| *asks != Operation::CountTokens) else {
            return Self {
                most_input,
                answers: 1,
                ..Self::default()
            };
        };
        let input = prompt_tokens(&text);
        let stated = if generates(operation) {
            Stated::of_text(&text)
        } else {
            Stated::default()
        };
        Self::new(operation, input, stated, most_input)
    }

    fn new(operation: Operation, input: u64, stated: Stated, most_input: u64) -> Self {
        let generates = generates(operation);
        let is_known = operation != Operation::CountTokens;
        Self {
            input: if is_known { input } else { 0 },
            output: output_of(operation, stated),
            most_input: most_input.max(input),
            limit: stated.total(),
            answers: stated.answers,
            is_known,
            generates,
        }
    }

    /// More output than this is not believed of an answer of so many bytes: a token has at least one, unless it is hidden,
    /// and hidden ones count against the request's limit.
    pub(crate) fn most_output(&self, answer_bytes: u64) -> u64 {
        let limit = self.limit.filter(|_| self.generates);
        limit
            .unwrap_or_else(|| MOST_OUTPUT.saturating_mul(self.answers))
            .max(answer_bytes)
    }
}

/// Only texts are generated.
const fn generates(operation: Operation) -> bool {
    matches!(operation, Operation::Chat | Operation::Completion)
}

fn output_of(operation: Operation, stated: Stated) -> u64 {
    if !generates(operation) {
        return 0;
    }
    let usual = USUAL_OUTPUT.saturating_mul(stated.answers);
    stated.total().unwrap_or(usual)
}

/// Tokens of the answer: the request's limit, else the usual.
#[cfg(feature = "route")]
pub(crate) fn output_tokens(call: &Call) -> u64 {
    let stated = match call.payload.envelope() {
        Some((bytes, envelope)) => Stated::of(bytes, envelope),
        None => Stated::default(),
    };
    output_of(call.operation, stated)
}

fn is_packed(raw: &RawRequest) -> bool {
    raw.headers
        .get(http::header::CONTENT_ENCODING)
        .is_some_and(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"identity"))
}

/// More input than this is not believed: a token has at least one byte, except for what a provider adds and what the
/// request only refers to.
fn most_input(body: &[u8]) -> u64 {
    let beyond = if may_refer(body) {
        REFERRED_INPUT
    } else {
        ADDED_INPUT
    };
    beyond.saturating_add(body.len() as u64)
}

/// What is looked for in a request that refers to something, prepared once.
static REFERENCES: LazyLock<[Finder<'static>; 12]> = LazyLock::new(|| {
    [
        "http",
        "file",
        "gs:",
        "s3",
        "Uri",
        "tool",
        "plugin",
        "search",
        "previous",
        "conversation",
        "cached",
        "data_source",
    ]
    .map(Finder::new)
});
/// Larger requests are not looked through, which would take a dozen passes: they are taken to refer to something.
const LONGEST_LOOK: usize = 8 * 1024;

/// Whether a request may refer to something that is not in it: true in doubt.
fn may_refer(body: &[u8]) -> bool {
    body.len() > LONGEST_LOOK || REFERENCES.iter().any(|word| word.find(body).is_some())
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
        if length >= SHORTEST_DATA
            && body
                .get(start..end)
                .is_some_and(|text| is_data(text, key_before(body, open)))
        {
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

/// Members whose strings are data, in any dialect.
const DATA_KEYS: [&[u8]; 10] = [
    b"audio",
    b"b64_json",
    b"bytes",
    b"bytesBase64Encoded",
    b"data",
    b"file_data",
    b"fileData",
    b"image",
    b"image_url",
    b"url",
];

/// The key of the member whose value begins at `open`; empty where there is none.
fn key_before(body: &[u8], open: usize) -> &[u8] {
    let before = body.get(..open).unwrap_or_default().trim_ascii_end();
    let Some(quoted) = before.strip_suffix(b":") else {
        return &[];
    };
    let Some(key) = quoted.trim_ascii_end().strip_suffix(b"\"") else {
        return &[];
    };
    let start = memchr::memrchr(b'"', key).map_or(0, |at| at + 1);
    key.get(start..).unwrap_or_default()
}

/// True for base64 and for `data:` URLs where such belong: a text that only looks like it is a text.
fn is_data(text: &[u8], key: &[u8]) -> bool {
    let beginning = text.get(..BEGINNING).unwrap_or(text);
    DATA_KEYS.contains(&key)
        && (text.starts_with(b"data:")
            || beginning
                .iter()
                .all(|byte| byte.is_ascii_alphanumeric() || b"+/=-_\\".contains(byte)))
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
        let text = format!(r#"{{"content": "{}"}}"#, "A9+/".repeat(100_000));
        assert!(
            prompt_tokens(text.as_bytes()) >= 100_000,
            "a text that looks like data is a text"
        );
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
