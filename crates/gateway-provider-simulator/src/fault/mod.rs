//! What goes wrong, and when.

mod read;
mod schedule;

#[cfg(test)]
mod tests;

use std::time::Duration;

pub use schedule::Schedule;

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum FaultKind {
    /// The connection breaks in the middle of the answer.
    Cut,
    /// The answer stops and never goes on; the connection stays.
    Stall,
    /// One event of the stream, or the whole answer, is not JSON.
    Malformed,
    /// Status 200, but an error is all that comes (whole), or comes after some events (stream).
    ErrorIn200,
    /// Everything arrives, a few bytes at a time.
    SlowDrip,
    /// Status 429 with a `retry-after` of the chosen spelling.
    RateLimit,
    /// A status of 500 or more.
    ServerError,
    /// No connection.
    Refused,
    /// The host name is not known.
    DnsFailure,
    /// The answer ends before the `content-length` it stated.
    WrongLength,
    /// A stream without `[DONE]` and without a finish reason that ends cleanly.
    MissingTerminator,
    /// Usage is reported twice.
    DuplicateUsage,
}

impl FaultKind {
    /// Every kind with its name in the configuration.
    pub const ALL: [(&'static str, Self); 12] = [
        ("cut", Self::Cut),
        ("stall", Self::Stall),
        ("malformed", Self::Malformed),
        ("error_in_200", Self::ErrorIn200),
        ("slow_drip", Self::SlowDrip),
        ("rate_limit", Self::RateLimit),
        ("server_error", Self::ServerError),
        ("refused", Self::Refused),
        ("dns_failure", Self::DnsFailure),
        ("wrong_length", Self::WrongLength),
        ("missing_terminator", Self::MissingTerminator),
        ("duplicate_usage", Self::DuplicateUsage),
    ];
}

/// How a rate limit says when to come back.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Wait {
    /// `retry-after: 2`
    Seconds(u64),
    /// `retry-after-ms: 250`
    Milliseconds(u64),
    /// `x-ms-retry-after-ms: 250`
    AzureMilliseconds(u64),
    /// `retry-after`, as a date this far from now.
    Date(u64),
    /// No header.
    Silent,
}

/// One thing that goes wrong.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Fault {
    /// What.
    pub kind: FaultKind,
    /// When.
    pub when: Schedule,
    /// After how many events of a stream (chunks of the answer).
    pub after_events: usize,
    /// For rate limits and server errors: when to come back.
    pub wait: Wait,
    /// For server errors: the status.
    pub status: u16,
    /// For slow drips: the pause between pieces.
    pub pause: Duration,
}
