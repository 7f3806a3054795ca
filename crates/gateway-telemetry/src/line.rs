//! A line of the access log. Names and numbers; what was said only where the record holds it.

use std::fmt;
use std::io::Write as _;
use std::net::IpAddr;
use std::time::{Duration, SystemTime};

use gateway_schema::chat::FinishReason;
use gateway_schema::{Dialect, EndpointName, ModelId, ProviderName, TokenSource, Usd};
use gateway_store::{CallRecord, Settlement};
use serde::Serialize;

use crate::config::LineFormat;
use crate::cut::{self, cut};

/// The most bytes of what is known of a caller.
const MOST_METADATA: usize = 4096;

/// The moments of lines, which mostly are of the same second as the one before.
#[derive(Debug, Default)]
pub(crate) struct Moments {
    second: u64,
    text: String,
}

impl Moments {
    /// A moment, to the millisecond.
    pub(crate) fn text(&mut self, at: SystemTime) -> &str {
        let since = at.duration_since(SystemTime::UNIX_EPOCH);
        let (second, millis) = since.map_or((0, 0), |it| (it.as_secs(), it.subsec_millis()));
        // `2001-02-03T04:05:06.789Z`: all but the last five letters are the second's.
        if self.second != second || self.text.len() != 24 {
            self.text = timestamp(at);
            self.second = second;
            return &self.text;
        }
        self.text.truncate(20);
        for digit in [millis / 100, millis / 10 % 10, millis % 10] {
            self.text.push(char::from_digit(digit, 10).unwrap_or('0'));
        }
        self.text.push('Z');
        &self.text
    }
}

/// The name of a field with what stands around it, in either format.
#[derive(Clone, Copy)]
struct Name {
    json: &'static str,
    text: &'static str,
}

/// A [`Name`].
macro_rules! name {
    ($name:literal) => {
        Name {
            json: concat!(",\"", $name, "\":"),
            text: concat!(" ", $name, "="),
        }
    };
}

/// Appends the line of a call that ended at `ended`.
pub(crate) fn write(record: &CallRecord, ended: &str, format: LineFormat, out: &mut Vec<u8>) {
    let mut line = Line::begin(ended, format, out);
    who(record, &mut line);
    outcome(record, &mut line);
    way(record, &mut line);
    consumption(record, &mut line);
    if let Some(first) = record.time_to_first_event {
        line.millis(name!("first_event_ms"), first);
    }
    if let Some(overhead) = record.overhead {
        line.millis(name!("overhead_ms"), overhead);
    }
    line.millis(name!("duration_ms"), record.duration);
    if let Some(trace) = record.trace {
        line.text(name!("trace_id"), &format!("{:032x}", trace.id));
    }
    if !record.metadata.is_empty() {
        line.json(name!("metadata"), &*record.metadata);
    }
    if let Some(content) = &record.content {
        // The record bounds them.
        line.whole(name!("request"), &String::from_utf8_lossy(&content.request));
        line.whole(
            name!("response"),
            &String::from_utf8_lossy(&content.response),
        );
    }
    line.end();
}

fn who(record: &CallRecord, line: &mut Line<'_>) {
    line.text(name!("request_id"), record.request_id.as_str());
    line.text(name!("endpoint"), record.endpoint.as_str());
    line.word(name!("surface"), record.surface);
    line.word(name!("operation"), record.operation.as_str());
    line.flag(name!("stream"), record.stream);
    line.maybe(name!("principal"), record.principal.as_deref());
    line.maybe(name!("user"), record.user.as_deref());
    match record.peer {
        None => {}
        Some(IpAddr::V4(peer)) => line.address(peer.octets()),
        Some(peer) => line.shown(name!("peer"), format_args!("{peer}")),
    }
}

fn outcome(record: &CallRecord, line: &mut Line<'_>) {
    line.word(name!("outcome"), record.settlement.as_str());
    if let Settlement::Failed(kind, origin) = record.settlement {
        line.word(name!("error_kind"), kind.as_str());
        line.word(name!("error_origin"), origin.as_str());
    }
    if let Some(failure) = &record.failure {
        line.maybe(name!("error_code"), failure.code.as_deref());
        if let Some(detail) = &failure.detail {
            line.whole(name!("error_detail"), cut(detail, cut::DETAIL));
        }
        if record.content.is_some() {
            // A provider's words may repeat what was said.
            let message = cut(&failure.message, cut::DETAIL);
            line.whole(name!("error_message"), message);
        }
    }
}

fn way(record: &CallRecord, line: &mut Line<'_>) {
    line.maybe(
        name!("provider"),
        record.provider.as_ref().map(ProviderName::as_str),
    );
    line.maybe(name!("model"), record.model.as_ref().map(ModelId::as_str));
    line.maybe(name!("response_model"), record.response_model.as_deref());
    line.maybe_word(name!("lane"), record.lane);
    line.maybe_word(
        name!("client_dialect"),
        record.client_dialect.map(Dialect::as_str),
    );
    line.maybe_word(
        name!("provider_dialect"),
        record.provider_dialect.map(Dialect::as_str),
    );
    line.maybe(
        name!("variant"),
        record.variant.as_ref().map(EndpointName::as_str),
    );
    line.maybe(name!("variant_reason"), record.variant_reason.as_deref());
    line.maybe_word(name!("cache"), record.cache);
    line.number(name!("attempts"), Some(record.attempts.len() as u64));
    let status = record.attempts.last().and_then(|attempt| attempt.status);
    line.number(name!("provider_status"), status.map(u64::from));
    line.number(name!("losses"), Some(record.losses.len() as u64));
    line.number(name!("request_bytes"), Some(record.request_bytes));
    line.number(name!("response_bytes"), Some(record.response_bytes));
}

fn consumption(record: &CallRecord, line: &mut Line<'_>) {
    let usage = &record.usage;
    line.maybe_word(name!("finish"), record.finish.map(finish));
    line.number(name!("input_tokens"), usage.input_tokens);
    line.number(name!("output_tokens"), usage.output_tokens);
    line.number(name!("cache_read_tokens"), usage.cache_read_tokens);
    line.number(name!("cache_write_tokens"), usage.cache_write_tokens);
    line.number(name!("reasoning_tokens"), usage.reasoning_tokens);
    if usage.source == TokenSource::Estimated {
        line.flag(name!("tokens_estimated"), true);
    }
    if usage.source == TokenSource::Clamped {
        line.flag(name!("tokens_clamped"), true);
    }
    if let Some(cost) = record.cost {
        line.money(name!("cost_usd"), cost);
    }
    if let Some(saved) = record.cost_saved {
        line.money(name!("cost_saved_usd"), saved);
    }
    line.maybe(name!("price_version"), record.price_version);
}

/// A line being written straight into the log's buffer: no tree, no copies of names and values.
struct Line<'a> {
    out: &'a mut Vec<u8>,
    format: LineFormat,
}

impl<'a> Line<'a> {
    fn begin(time: &str, format: LineFormat, out: &'a mut Vec<u8>) -> Self {
        out.reserve(1024);
        let (before, after): (&str, &str) = match format {
            LineFormat::Json => ("{\"time\":\"", "\""),
            LineFormat::Text => ("time=", ""),
        };
        for part in [before, time, after] {
            out.extend_from_slice(part.as_bytes());
        }
        Self { out, format }
    }

    fn end(self) {
        let end: &[u8] = match self.format {
            LineFormat::Json => b"}\n",
            LineFormat::Text => b"\n",
        };
        self.out.extend_from_slice(end);
    }

    /// The name of a field and what stands before its value.
    fn name(&mut self, name: Name) {
        let name = match self.format {
            LineFormat::Json => name.json,
            LineFormat::Text => name.text,
        };
        self.out.extend_from_slice(name.as_bytes());
    }

    /// One of our own words, which have nothing to escape.
    fn word(&mut self, name: Name, word: &str) {
        self.name(name);
        self.quote();
        self.out.extend_from_slice(word.as_bytes());
        self.quote();
    }

    fn maybe_word(&mut self, name: Name, word: Option<&str>) {
        if let Some(word) = word {
            self.word(name, word);
        }
    }

    fn quote(&mut self) {
        if self.format == LineFormat::Json {
            self.out.push(b'"');
        }
    }

    /// A name, cut where it is too long to be one.
    fn text(&mut self, name: Name, value: &str) {
        self.whole(name, cut(value, cut::NAME));
    }

    /// A text of any length.
    fn whole(&mut self, name: Name, value: &str) {
        self.name(name);
        if self.format == LineFormat::Text && is_plain(value) {
            self.out.extend_from_slice(value.as_bytes());
        } else {
            self.value(value);
        }
    }

    fn maybe(&mut self, name: Name, value: Option<&str>) {
        if let Some(value) = value {
            self.text(name, value);
        }
    }

    /// Something whose text has nothing to escape.
    fn shown(&mut self, name: Name, value: fmt::Arguments<'_>) {
        self.name(name);
        self.quote();
        // Writing to a vector cannot fail.
        let _ = self.out.write_fmt(value);
        self.quote();
    }

    /// An address of IPv4, which is written for most calls.
    fn address(&mut self, octets: [u8; 4]) {
        let mut text = [0_u8; 15];
        let mut length = 0;
        for (at, octet) in octets.into_iter().enumerate() {
            let digits = [octet / 100, octet / 10 % 10, octet % 10];
            let skipped = usize::from(octet < 100) + usize::from(octet < 10);
            let dot = (at > 0).then_some(b'.');
            let digits = digits.iter().skip(skipped).map(|digit| b'0' + digit);
            for (slot, byte) in text
                .iter_mut()
                .skip(length)
                .zip(dot.into_iter().chain(digits))
            {
                *slot = byte;
                length += 1;
            }
        }
        let text = text.get(..length).unwrap_or_default();
        self.word(name!("peer"), std::str::from_utf8(text).unwrap_or_default());
    }

    fn flag(&mut self, name: Name, value: bool) {
        self.name(name);
        let word: &[u8] = if value { b"true" } else { b"false" };
        self.out.extend_from_slice(word);
    }

    fn number(&mut self, name: Name, value: Option<u64>) {
        if let Some(value) = value {
            self.name(name);
            self.value(&value);
        }
    }

    /// Milliseconds, to the microsecond.
    fn millis(&mut self, name: Name, value: Duration) {
        self.name(name);
        let micros = u64::try_from((value.as_nanos() + 500) / 1_000).unwrap_or(u64::MAX);
        self.value(&(micros / 1_000));
        let [hundreds, tens, ones] = [micros / 100 % 10, micros / 10 % 10, micros % 10]
            .map(|digit| b'0' + u8::try_from(digit).unwrap_or(0));
        let digits = [b'.', hundreds, tens, ones];
        let end = match (tens, ones) {
            (b'0', b'0') => 2,
            (_, b'0') => 3,
            _ => 4,
        };
        self.out
            .extend_from_slice(digits.get(..end).unwrap_or_default());
    }

    /// Dollars, to the nano-dollar, as a text.
    fn money(&mut self, name: Name, value: Usd) {
        let nanos = value.nanos();
        if nanos < 0 {
            self.shown(name, format_args!("{value}"));
            return;
        }
        self.name(name);
        self.quote();
        self.value(&(nanos / 1_000_000_000));
        let mut digits = *b".000000000";
        let mut rest = nanos % 1_000_000_000;
        for digit in digits.iter_mut().skip(1).rev() {
            *digit = b'0' + u8::try_from(rest % 10).unwrap_or(0);
            rest /= 10;
        }
        self.out.extend_from_slice(&digits);
        self.quote();
    }

    /// A tree; one that is too large is written as a text, of which the beginning is there.
    fn json(&mut self, name: Name, value: &impl Serialize) {
        let text = serde_json::to_string(value).unwrap_or_default();
        if text.len() > MOST_METADATA {
            self.whole(name, cut(&text, MOST_METADATA));
            return;
        }
        self.name(name);
        self.out.extend_from_slice(text.as_bytes());
    }

    fn value(&mut self, value: &(impl Serialize + ?Sized)) {
        // Texts, numbers and trees of them can always be written.
        let _ = serde_json::to_writer(&mut *self.out, value);
    }
}

/// Why an answer ended.
pub(crate) const fn finish(reason: FinishReason) -> &'static str {
    match reason {
        FinishReason::Stop => "stop",
        FinishReason::StopSequence => "stop_sequence",
        FinishReason::Length => "length",
        FinishReason::ToolCalls => "tool_calls",
        FinishReason::ContentFilter => "content_filter",
        FinishReason::Refusal => "refusal",
        FinishReason::Pause => "pause",
        FinishReason::Error => "error",
        _ => "other",
    }
}

pub(crate) fn timestamp(at: SystemTime) -> String {
    jiff::Timestamp::try_from(at)
        .map(|at| format!("{at:.3}"))
        .unwrap_or_default()
}

/// True for text that needs no quotes.
fn is_plain(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'=' | b'\\');
    !text.is_empty() && text.bytes().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn milliseconds_are_written_as_json_numbers_to_the_microsecond() {
        for (nanos, expected) in [
            (0, "0.0"),
            (1_499, "0.001"),
            (1_500, "0.002"),
            (20_000, "0.02"),
            (300_000, "0.3"),
            (1_234_567, "1.235"),
            (60_000_000_000, "60000.0"),
        ] {
            let mut out = Vec::new();
            let mut line = Line::begin("now", LineFormat::Json, &mut out);
            line.millis(name!("ms"), Duration::from_nanos(nanos));
            line.end();
            assert_eq!(
                out,
                format!("{{\"time\":\"now\",\"ms\":{expected}}}\n").as_bytes()
            );
        }
    }

    #[test]
    fn money_is_written_as_it_is_shown() {
        for nanos in [0, 1, 8_850, 999_999_999, 1_000_000_000, 12_345_678_901, -5] {
            let value = Usd::from_nanos(nanos);
            let mut out = Vec::new();
            let mut line = Line::begin("now", LineFormat::Text, &mut out);
            line.money(name!("usd"), value);
            line.end();
            assert_eq!(
                String::from_utf8(out).unwrap(),
                format!("time=now usd={value}\n")
            );
        }
    }

    #[test]
    fn addresses_and_moments_are_written_as_usual() {
        for octets in [[127, 0, 0, 1], [10, 99, 100, 255], [0, 0, 0, 0]] {
            let mut out = Vec::new();
            let mut line = Line::begin("now", LineFormat::Text, &mut out);
            line.address(octets);
            line.end();
            let expected = format!("time=now peer={}\n", std::net::Ipv4Addr::from(octets));
            assert_eq!(String::from_utf8(out).unwrap(), expected);
        }
        let mut moments = Moments::default();
        for nanos in [
            0,
            1_000_000,
            41_999_999,
            999_000_000,
            1_000_000_000,
            3_007_000_000,
        ] {
            let at =
                SystemTime::UNIX_EPOCH + Duration::from_nanos(1_700_000_000_000_000_000 + nanos);
            assert_eq!(moments.text(at), timestamp(at), "{nanos}");
        }
    }
}
