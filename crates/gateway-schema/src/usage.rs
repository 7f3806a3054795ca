//! What a call consumed.

use std::fmt;
use std::ops::{Add, AddAssign};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Who counted the tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenSource {
    /// The provider.
    #[default]
    Reported,
    /// The gateway, because the provider did not say (for instance after a client left).
    Estimated,
    /// The provider, but more than the request could have used: cut to that.
    Clamped,
}

impl TokenSource {
    /// The name in records and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Reported => "reported",
            Self::Estimated => "estimated",
            Self::Clamped => "clamped",
        }
    }
}

/// Tokens of one call.
///
/// Units: tokens. `input_tokens` is the whole prompt, cached parts included (OpenAI's convention); dialects
/// that report uncached input apart (Anthropic) are normalised on decoding and split again on encoding.
/// `output_tokens` includes reasoning.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Usage {
    /// The whole prompt, cached parts included.
    pub input_tokens: Option<u64>,
    /// Everything generated, reasoning included.
    pub output_tokens: Option<u64>,
    /// The provider's own total, where it states one.
    pub total_tokens: Option<u64>,
    /// The part of the input that was read from a prompt cache.
    pub cache_read_tokens: Option<u64>,
    /// The part of the input that was written to a prompt cache.
    pub cache_write_tokens: Option<u64>,
    /// The part of `cache_write_tokens` with a lifetime of an hour (priced apart).
    pub cache_write_1h_tokens: Option<u64>,
    /// The part of the output that was reasoning.
    pub reasoning_tokens: Option<u64>,
    /// The part of the input that was audio.
    pub input_audio_tokens: Option<u64>,
    /// The part of the output that was audio.
    pub output_audio_tokens: Option<u64>,
    /// Searches, where those are what is paid for: a query over up to a hundred documents or so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub search_units: Option<u64>,
    /// Who counted.
    pub source: TokenSource,
    /// What else the provider reported, under its own names.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub extra: Map<String, Value>,
}

impl Usage {
    /// Input and output tokens, as reported.
    pub fn new(input_tokens: u64, output_tokens: u64) -> Self {
        Self {
            input_tokens: Some(input_tokens),
            output_tokens: Some(output_tokens),
            ..Self::default()
        }
    }

    /// The provider's total, or the sum of what is known.
    pub fn total(&self) -> u64 {
        self.total_tokens.unwrap_or_else(|| {
            self.input_tokens
                .unwrap_or(0)
                .saturating_add(self.output_tokens.unwrap_or(0))
        })
    }

    /// Cuts what cannot be: more input or output than `most_input` and `most_output` tokens, and parts that are larger than
    /// their whole (cached input, reasoning). Only the first kind is marked as [`TokenSource::Clamped`]: parts beyond
    /// their whole are a matter of how a provider counts.
    pub fn clamp(&mut self, most_input: u64, most_output: u64) {
        fn cut(count: &mut Option<u64>, most: u64) -> bool {
            let is_more = count.is_some_and(|count| count > most);
            if is_more {
                *count = Some(most);
            }
            is_more
        }
        let input = cut(&mut self.input_tokens, most_input);
        let output = cut(&mut self.output_tokens, most_output);
        let units = cut(&mut self.search_units, most_input);
        let whole = self.input_tokens.unwrap_or(most_input);
        cut(&mut self.cache_read_tokens, whole);
        cut(
            &mut self.cache_write_tokens,
            whole - self.cache_read_tokens.unwrap_or(0),
        );
        cut(
            &mut self.cache_write_1h_tokens,
            self.cache_write_tokens.unwrap_or(whole),
        );
        cut(&mut self.input_audio_tokens, whole);
        let whole = self.output_tokens.unwrap_or(most_output);
        cut(&mut self.reasoning_tokens, whole);
        cut(&mut self.output_audio_tokens, whole);
        cut(
            &mut self.total_tokens,
            most_input.saturating_add(most_output),
        );
        if input || output || units {
            self.source = TokenSource::Clamped;
            self.total_tokens = None;
        }
    }

    /// Takes over what `later` states. Streams report usage cumulatively, so figures replace, never add.
    pub fn update(&mut self, later: Self) {
        macro_rules! newer {
            ($($field:ident),*) => { $(if later.$field.is_some() { self.$field = later.$field; })* };
        }
        newer!(
            input_tokens,
            output_tokens,
            total_tokens,
            cache_read_tokens,
            cache_write_tokens,
            cache_write_1h_tokens,
            reasoning_tokens,
            input_audio_tokens,
            output_audio_tokens,
            search_units
        );
        self.source = later.source;
        self.extra.extend(later.extra);
    }
}

/// Money in whole nano-dollars, so that sums are exact.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Usd(i64);

impl Usd {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// From nano-dollars.
    pub const fn from_nanos(nanos: i64) -> Self {
        Self(nanos)
    }

    /// In nano-dollars.
    pub const fn nanos(self) -> i64 {
        self.0
    }
}

impl Add for Usd {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl AddAssign for Usd {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl fmt::Display for Usd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let nanos = self.0.unsigned_abs();
        write!(
            f,
            "{sign}{}.{:09}",
            nanos / 1_000_000_000,
            nanos % 1_000_000_000
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_is_cut_and_marked() {
        let mut usage = Usage::new(1 << 63, 7);
        usage.total_tokens = Some(1 << 63);
        usage.clamp(100, 10);
        assert_eq!(
            (usage.input_tokens, usage.output_tokens),
            (Some(100), Some(7))
        );
        assert_eq!((usage.total(), usage.source), (107, TokenSource::Clamped));
        let mut usage = Usage::new(5, u64::MAX);
        usage.clamp(100, 10);
        assert_eq!(usage.output_tokens, Some(10));
    }

    #[test]
    fn parts_are_no_larger_than_their_whole() {
        let mut usage = Usage::new(10, 4);
        usage.cache_read_tokens = Some(8);
        usage.cache_write_tokens = Some(8);
        usage.cache_write_1h_tokens = Some(9);
        usage.reasoning_tokens = Some(99);
        usage.clamp(1_000, 1_000);
        assert_eq!(usage.cache_read_tokens, Some(8));
        assert_eq!(usage.cache_write_tokens, Some(2));
        assert_eq!(usage.cache_write_1h_tokens, Some(2));
        assert_eq!(usage.reasoning_tokens, Some(4));
        assert_eq!(usage.source, TokenSource::Reported, "nothing is in excess");
    }
}
