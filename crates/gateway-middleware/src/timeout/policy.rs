//! What may take how long.

use std::time::{Duration, Instant};

use gateway_provider::Call;
use gateway_schema::{CallError, ErrorKind, Retry};

/// Limits of one endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct TimeoutConfig {
    /// From the call to a stream's first meaningful event, or to a whole answer.
    pub first_event: Duration,
    /// Between two frames of a stream.
    pub idle: Duration,
    /// From the call to the end of the answer, all attempts and the whole stream included.
    pub total: Duration,
}

impl Default for TimeoutConfig {
    /// Generous to models that think long: 5 minutes to the answer, 2 minutes of silence, an hour in all.
    fn default() -> Self {
        Self {
            first_event: Duration::from_mins(5),
            idle: Duration::from_mins(2),
            total: Duration::from_hours(1),
        }
    }
}

impl TimeoutConfig {
    /// The defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// Limits the time to a stream's first meaningful event, or to a whole answer.
    pub const fn with_first_event(mut self, first_event: Duration) -> Self {
        self.first_event = first_event;
        self
    }

    /// Limits the silence between two frames.
    pub const fn with_idle(mut self, idle: Duration) -> Self {
        self.idle = idle;
        self
    }

    /// Limits the call from beginning to end.
    pub const fn with_total(mut self, total: Duration) -> Self {
        self.total = total;
        self
    }
}

/// What was decided about the whole call before it came here.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Wish {
    /// When it must be over, and why.
    deadline: Option<(Instant, Late)>,
    /// When the answer must have begun.
    begin_by: Option<Instant>,
}

impl Wish {
    pub(super) fn of(call: &Call) -> Self {
        let context = &call.context;
        let late = context.total.map_or(Late::Deadline, Late::Total);
        Self {
            deadline: context.deadline.map(|deadline| (deadline, late)),
            begin_by: context.begin_by,
        }
    }
}

/// When the answer (for a stream: its first event) must be there, and what is late if it is not.
pub(super) fn answer_by(
    config: &TimeoutConfig,
    stream: bool,
    now: Instant,
    wish: Wish,
) -> (Instant, Late) {
    let (limit, late) = if config.total < config.first_event {
        (config.total, Late::Total(config.total))
    } else if stream {
        (config.first_event, Late::FirstEvent(config.first_event))
    } else {
        (config.first_event, Late::Answer(config.first_event))
    };
    let begin = wish.begin_by.map(|begin_by| (begin_by, Late::Deadline));
    [wish.deadline, begin]
        .into_iter()
        .flatten()
        .fold((now + limit, late), earlier)
}

/// When the last frame must be there, and what is late if it is not.
pub(super) fn end_by(config: &TimeoutConfig, now: Instant, wish: Wish) -> (Instant, Late) {
    let own = (now + config.total, Late::Total(config.total));
    wish.deadline.map_or(own, |deadline| earlier(own, deadline))
}

fn earlier(one: (Instant, Late), other: (Instant, Late)) -> (Instant, Late) {
    if other.0 < one.0 { other } else { one }
}

/// What took too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Late {
    /// The end of the answer.
    Total(Duration),
    /// A whole answer.
    Answer(Duration),
    /// The first event.
    FirstEvent(Duration),
    /// The next frame.
    Idle(Duration),
    /// The caller's own deadline.
    Deadline,
}

impl Late {
    /// The error for it. The provider was slow, so another one may answer; a caller's deadline has passed everywhere, and
    /// says nothing about the provider.
    pub(super) fn error(self) -> CallError {
        let (message, code, retry) = match self {
            Self::Answer(limit) => (
                format!("The provider did not answer within {limit:?} (timeout.first_event)."),
                "timeout_first_event",
                Retry::Elsewhere,
            ),
            Self::Total(limit) => (
                format!("The call was not complete within {limit:?} (timeout.total)."),
                "timeout_total",
                Retry::Elsewhere,
            ),
            Self::FirstEvent(limit) => (
                format!(
                    "The provider's stream did not begin within {limit:?} (timeout.first_event)."
                ),
                "timeout_first_event",
                Retry::Elsewhere,
            ),
            Self::Idle(limit) => (
                format!("The provider's stream was silent for {limit:?} (timeout.idle)."),
                "timeout_idle",
                Retry::Elsewhere,
            ),
            Self::Deadline => (
                "The request's deadline passed before the provider answered.".to_owned(),
                "deadline_exceeded",
                Retry::Never,
            ),
        };
        let error = match self {
            Self::Deadline => CallError::gateway(ErrorKind::Timeout, message),
            _ => CallError::upstream(ErrorKind::Timeout, message),
        };
        error.with_code(code).with_retry(retry)
    }

    /// The error for a call that comes too late to ask anybody: no provider's fault.
    pub(super) fn before_asking(self) -> CallError {
        let late = self.error();
        CallError::gateway(ErrorKind::Timeout, late.message().to_owned())
            .with_code(late.code().unwrap_or("deadline_exceeded").to_owned())
    }
}
