//! How a chaos upstream answers one request.

use std::time::{Duration, SystemTime};

use bytes::Bytes;

/// A good answer, before anything happens to it.
#[derive(Debug, Clone)]
pub struct Reply {
    pub(super) status: u16,
    pub(super) headers: Vec<(String, String)>,
    pub(super) chunks: Vec<Bytes>,
    pub(super) chunked: bool,
}

impl Reply {
    /// A whole JSON answer with its length.
    pub fn json(body: impl Into<Bytes>) -> Self {
        Self {
            status: 200,
            headers: vec![("content-type".into(), "application/json".into())],
            chunks: vec![body.into()],
            chunked: false,
        }
    }

    /// A stream of server-sent events, one HTTP chunk per item.
    pub fn sse<B: Into<Bytes>>(events: impl IntoIterator<Item = B>) -> Self {
        Self {
            status: 200,
            headers: vec![("content-type".into(), "text/event-stream".into())],
            chunks: events.into_iter().map(Into::into).collect(),
            chunked: true,
        }
    }

    /// Another status.
    pub const fn with_status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    /// One more header.
    pub fn with_header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }
}

/// Every spelling of "come back later".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RetryAfter {
    /// `retry-after: 7`
    Seconds(u64),
    /// `retry-after: 0.5`, given in milliseconds.
    Fraction(u64),
    /// `retry-after-ms: 250`
    Milliseconds(u64),
    /// `x-ms-retry-after-ms: 250`
    AzureMilliseconds(u64),
    /// `retry-after: Sun, 06 Nov 1994 08:49:37 GMT`
    Date(SystemTime),
    /// `retry-after: soon`
    Nonsense,
    /// No header at all.
    Silent,
}

impl RetryAfter {
    /// Every spelling once, for a wait of about two seconds from `now`.
    pub fn every(now: SystemTime) -> [Self; 7] {
        [
            Self::Seconds(2),
            Self::Fraction(1_500),
            Self::Milliseconds(1_900),
            Self::AzureMilliseconds(1_900),
            Self::Date(now + Duration::from_secs(2)),
            Self::Nonsense,
            Self::Silent,
        ]
    }

    /// The header, if there is one.
    pub fn header(self) -> Option<(&'static str, String)> {
        match self {
            Self::Seconds(seconds) => Some(("retry-after", seconds.to_string())),
            Self::Fraction(millis) => Some((
                "retry-after",
                format!("{}.{:03}", millis / 1000, millis % 1000),
            )),
            Self::Milliseconds(millis) => Some(("retry-after-ms", millis.to_string())),
            Self::AzureMilliseconds(millis) => Some(("x-ms-retry-after-ms", millis.to_string())),
            Self::Date(at) => Some(("retry-after", http_date(at))),
            Self::Nonsense => Some(("retry-after", "soon".to_owned())),
            Self::Silent => None,
        }
    }
}

/// Writes the date of RFC 9110. Times before 1970 become 1970.
fn http_date(at: SystemTime) -> String {
    const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let seconds = at
        .duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0, |since| since.as_secs());
    let (days, clock) = (seconds / 86_400, seconds % 86_400);
    let leap = |year: u64| {
        (year.is_multiple_of(4) && !year.is_multiple_of(100)) || year.is_multiple_of(400)
    };
    let (mut year, mut rest) = (1970, days);
    while rest >= 365 + u64::from(leap(year)) {
        rest -= 365 + u64::from(leap(year));
        year += 1;
    }
    let february = 28 + u64::from(leap(year));
    let lengths = [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let mut name = "Jan";
    for (month, length) in MONTHS.iter().zip(lengths) {
        name = month;
        if rest < length {
            break;
        }
        rest -= length;
    }
    let weekday = DAYS
        .get(usize::try_from(days % 7).unwrap_or(0))
        .unwrap_or(&"Thu");
    format!(
        "{weekday}, {:02} {name} {year} {:02}:{:02}:{:02} GMT",
        rest + 1,
        clock / 3600,
        clock / 60 % 60,
        clock % 60
    )
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Break {
    /// Close in good order.
    Close,
    /// Reset the connection.
    Reset,
    /// Say nothing more, keep the connection.
    Stall,
}

/// How a chaos upstream answers one request: an answer, and what happens to it.
#[derive(Debug, Clone)]
pub struct Behaviour {
    pub(super) reply: Option<Reply>,
    pub(super) raw: Option<Bytes>,
    pub(super) head_delay: Duration,
    /// After how many bytes of the body what happens.
    pub(super) broken: Option<(usize, Break)>,
    /// So many bytes at a time, with a pause after each piece.
    pub(super) drip: Option<(usize, Duration)>,
    /// Added to the true `content-length`.
    pub(super) length_lie: i64,
}

impl Behaviour {
    const fn new(reply: Option<Reply>, raw: Option<Bytes>) -> Self {
        Self {
            reply,
            raw,
            head_delay: Duration::ZERO,
            broken: None,
            drip: None,
            length_lie: 0,
        }
    }

    /// Answers well.
    pub const fn answer(reply: Reply) -> Self {
        Self::new(Some(reply), None)
    }

    /// Answers with these bytes and closes; they need not be HTTP.
    pub fn garbage(bytes: impl Into<Bytes>) -> Self {
        Self::new(None, Some(bytes.into()))
    }

    /// Closes the connection once the request is read, without a word.
    pub fn hang_up() -> Self {
        Self::garbage(Bytes::new())
    }

    /// Resets the connection once the request is read.
    pub const fn reset() -> Self {
        let mut behaviour = Self::new(None, None);
        behaviour.broken = Some((0, Break::Reset));
        behaviour
    }

    /// Never answers.
    pub const fn stall() -> Self {
        let mut behaviour = Self::new(None, None);
        behaviour.broken = Some((0, Break::Stall));
        behaviour
    }

    /// Answers 429 with an OpenAI-shaped body and this spelling of the wait.
    pub fn rate_limited(wait: RetryAfter) -> Self {
        let body = "{\"error\":{\"message\":\"Rate limit reached\",\"type\":\"requests\",\
                    \"param\":null,\"code\":\"rate_limit_exceeded\"}}";
        let mut reply = Reply::json(body).with_status(429);
        if let Some((name, value)) = wait.header() {
            reply = reply.with_header(name, &value);
        }
        Self::answer(reply)
    }

    /// Waits before the head.
    pub const fn after(mut self, delay: Duration) -> Self {
        self.head_delay = delay;
        self
    }

    /// Closes after so many bytes of the body, without the end of the message.
    pub const fn cut_after(mut self, bytes: usize) -> Self {
        self.broken = Some((bytes, Break::Close));
        self
    }

    /// Resets after so many bytes of the body.
    pub const fn reset_after(mut self, bytes: usize) -> Self {
        self.broken = Some((bytes, Break::Reset));
        self
    }

    /// Falls silent after so many bytes of the body and keeps the connection.
    pub const fn stall_after(mut self, bytes: usize) -> Self {
        self.broken = Some((bytes, Break::Stall));
        self
    }

    /// Sends the body `bytes` at a time with a pause after each piece.
    pub const fn drip(mut self, bytes: usize, pause: Duration) -> Self {
        self.drip = Some((bytes, pause));
        self
    }

    /// States a `content-length` that is off by this much, and closes after the body.
    pub const fn wrong_length(mut self, off_by: i64) -> Self {
        self.length_lie = off_by;
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_written_as_the_standard_has_them() {
        for (seconds, text) in [
            (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"),
            (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
            (1_709_164_800, "Thu, 29 Feb 2024 00:00:00 GMT"),
            (1_798_761_599, "Thu, 31 Dec 2026 23:59:59 GMT"),
        ] {
            let at = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
            assert_eq!(http_date(at), text);
        }
    }
}
