//! The trace a call belongs to. Spec: <https://www.w3.org/TR/trace-context/>, read 2026-11-21.

use http::{HeaderMap, HeaderName, HeaderValue};

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");
/// The longest state that is passed on.
const MAX_STATE: usize = 512;

/// The place of a call in a trace.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Trace {
    /// The whole trace. Never zero.
    pub id: u128,
    /// The caller's span; `None` when the trace begins here.
    pub parent: Option<u64>,
    /// The call's own span. Never zero.
    pub span: u64,
    /// Whether the caller records this trace.
    pub sampled: bool,
    /// What vendors along the way keep in the trace, as it came.
    pub state: Option<HeaderValue>,
}

impl Trace {
    /// A trace that begins here. Zeros, which the specification forbids, become ones.
    pub fn new(id: u128, span: u64) -> Self {
        Self {
            id: id.max(1),
            parent: None,
            span: span.max(1),
            sampled: true,
            state: None,
        }
    }

    /// Continues the caller's trace with a span of our own; `None` when `headers` hold no valid one.
    pub fn continued(headers: &HeaderMap, span: u64) -> Option<Self> {
        let mut values = headers.get_all(TRACEPARENT).iter();
        let text = values.next()?.to_str().ok()?;
        if values.next().is_some() {
            return None;
        }
        let (id, parent, flags) = parse(text.trim())?;
        let state = headers.get(TRACESTATE);
        Some(Self {
            id,
            parent: Some(parent),
            span: span.max(1),
            sampled: flags & 1 == 1,
            state: state.filter(|it| it.len() <= MAX_STATE).cloned(),
        })
    }

    /// The span of the `index`th attempt of the call: always the same for the same call and index.
    pub const fn child(&self, index: usize) -> u64 {
        // SplitMix64: spreads neighbouring inputs over all of u64.
        let mut z = self
            .span
            .wrapping_add((index as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^= z >> 31;
        if z == 0 { 1 } else { z }
    }

    /// Writes the trace into `headers`, as `span`'s.
    pub fn write(&self, span: u64, headers: &mut HeaderMap) {
        let text = format!(
            "00-{:032x}-{span:016x}-{:02x}",
            self.id,
            u8::from(self.sampled)
        );
        if let Ok(value) = HeaderValue::try_from(text) {
            headers.insert(TRACEPARENT, value);
        }
        if let Some(state) = &self.state {
            headers.insert(TRACESTATE, state.clone());
        }
    }
}

/// Version, trace, parent, flags.
fn parse(text: &str) -> Option<(u128, u64, u8)> {
    let mut parts = text.split('-');
    let (version, id) = (parts.next()?, parts.next()?);
    let (parent, flags) = (parts.next()?, parts.next()?);
    // Version 00 has four parts; later ones may add some, and ff is none.
    let version = hex(version, 2)?;
    if version == 0xff || (version == 0 && parts.next().is_some()) {
        return None;
    }
    let id = hex(id, 32).filter(|id| *id != 0)?;
    let parent = u64::try_from(hex(parent, 16)?).ok().filter(|it| *it != 0)?;
    Some((id, parent, u8::try_from(hex(flags, 2)?).ok()?))
}

/// A number of exactly `length` hexadecimal digits in lower case.
fn hex(text: &str, length: usize) -> Option<u128> {
    let lower = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    (text.len() == length && text.bytes().all(lower))
        .then(|| u128::from_str_radix(text, 16).ok())
        .flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn continued(text: &str) -> Option<Trace> {
        let mut headers = HeaderMap::new();
        headers.insert(TRACEPARENT, HeaderValue::from_str(text).unwrap());
        Trace::continued(&headers, 7)
    }

    #[test]
    fn a_callers_trace_goes_on_with_a_span_of_our_own() {
        let trace = continued("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01").unwrap();
        assert_eq!(trace.parent, Some(0x00f0_67aa_0ba9_02b7));
        assert!(trace.sampled);
        let mut headers = HeaderMap::new();
        trace.write(trace.span, &mut headers);
        assert_eq!(
            headers["traceparent"],
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000007-01"
        );
    }

    #[test]
    fn what_the_specification_forbids_is_no_trace() {
        for bad in [
            "",
            "00",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-extra",
            "00-4bf92f3577b34da6a3ce929d0e0e473-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-+0f067aa0ba902b7-01",
        ] {
            assert_eq!(continued(bad), None, "{bad}");
        }
        assert!(continued("01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00-x").is_some());
    }

    #[test]
    fn attempts_have_spans_of_their_own() {
        let trace = Trace::new(1, 2);
        assert_ne!(trace.child(0), trace.child(1));
        assert_eq!(trace.child(3), trace.child(3));
    }
}
