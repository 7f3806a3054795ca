//! The faults, and what a client is to see of each.

/// What a client is to see of a fault that nobody helps with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Expect {
    /// The whole answer: the fault does no harm.
    Complete,
    /// An error with this status, and nothing of the answer.
    Refused(u16),
    /// A part of the answer, and one error event at its end.
    Broken,
}

use Expect::{Broken, Complete, Refused};

/// One fault.
pub(super) struct Row {
    pub(super) name: &'static str,
    /// As the simulator's configuration has it.
    pub(super) fault: &'static str,
    pub(super) whole: Expect,
    pub(super) stream: Expect,
    /// The provider says when to come back, and the client is told.
    pub(super) waits: bool,
}

impl Row {
    /// The name of the same endpoint with a fallback.
    pub(super) fn behind(&self) -> String {
        format!("{}-behind", self.name)
    }
}

const fn row(name: &'static str, fault: &'static str, whole: Expect, stream: Expect) -> Row {
    Row {
        name,
        fault,
        whole,
        stream,
        waits: false,
    }
}

/// A 429 with this spelling of the wait.
const fn limited(name: &'static str, fault: &'static str) -> Row {
    let mut row = row(name, fault, Refused(429), Refused(429));
    row.waits = true;
    row
}

#[rustfmt::skip]
pub(super) const ROWS: &[Row] = &[
    row("cut-late", "kind: cut, after_events: 3", Refused(502), Broken),
    row("cut-early", "kind: cut, after_events: 0", Refused(502), Refused(502)),
    row("stall-late", "kind: stall, after_events: 3", Refused(504), Broken),
    row("stall-early", "kind: stall, after_events: 0", Refused(504), Refused(504)),
    row("malformed-late", "kind: malformed, after_events: 3", Refused(502), Broken),
    row("malformed-early", "kind: malformed, after_events: 0", Refused(502), Refused(502)),
    row("error-late", "kind: error_in_200, after_events: 3", Refused(500), Broken),
    row("error-early", "kind: error_in_200, after_events: 0", Refused(500), Refused(500)),
    limited("limited-seconds", "kind: rate_limit, retry_after: 'seconds:2'"),
    limited("limited-ms", "kind: rate_limit, retry_after: 'ms:250'"),
    limited("limited-azure", "kind: rate_limit, retry_after: 'azure_ms:250'"),
    limited("limited-date", "kind: rate_limit, retry_after: 'date:2'"),
    row("limited-silent", "kind: rate_limit, retry_after: none", Refused(429), Refused(429)),
    row("status-500", "kind: server_error, status: 500", Refused(500), Refused(500)),
    row("status-502", "kind: server_error, status: 502", Refused(502), Refused(502)),
    row("status-503", "kind: server_error, status: 503", Refused(503), Refused(503)),
    row("status-504", "kind: server_error, status: 504", Refused(504), Refused(504)),
    row("refused", "kind: refused", Refused(502), Refused(502)),
    row("dns", "kind: dns_failure", Refused(502), Refused(502)),
    row("drip", "kind: slow_drip, pause: 1ms", Complete, Complete),
    // All that was said has arrived with the stream's terminator.
    row("short", "kind: wrong_length", Refused(502), Complete),
    row("endless", "kind: missing_terminator", Refused(502), Broken),
    row("usage-twice", "kind: duplicate_usage", Complete, Complete),
];
