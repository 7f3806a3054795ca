//! What happened to a call so far.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use gateway_schema::{
    CallError, Dialect, EndpointName, ErrorKind, Losses, ModelId, Origin, ProviderName,
};

use crate::call::Principal;

/// Which way a reply took.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Lane {
    /// The same dialect on both sides: bytes are forwarded.
    Same,
    /// Through the canonical form.
    Cross,
}

impl Lane {
    /// The name in records and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Same => "same",
            Self::Cross => "cross",
        }
    }
}

/// One try at a target.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Attempt {
    /// The endpoint whose target was tried.
    pub endpoint: EndpointName,
    /// Its provider.
    pub provider: ProviderName,
    /// Its model.
    pub model: ModelId,
    /// The provider's dialect.
    pub dialect: Dialect,
    /// The lane, once it was chosen.
    pub lane: Option<Lane>,
    /// The HTTP status, if the provider answered.
    pub status: Option<u16>,
    /// What failed and who failed; `None` when it answered well, up to the commit point.
    pub error: Option<(ErrorKind, Origin)>,
    /// From the arrival of the request to the start of the attempt.
    pub since: Duration,
    /// Its span in the call's trace; 0 without one.
    pub span: u64,
    /// From the start of the attempt to its answer or failure (for streams: to the commit point).
    pub duration: Duration,
}

impl Attempt {
    /// An attempt that has just begun.
    pub fn new(
        endpoint: EndpointName,
        provider: ProviderName,
        model: ModelId,
        dialect: Dialect,
    ) -> Self {
        Self {
            endpoint,
            provider,
            model,
            dialect,
            lane: None,
            status: None,
            error: None,
            since: Duration::ZERO,
            span: 0,
            duration: Duration::ZERO,
        }
    }
}

/// What a limit counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LimitKind {
    /// Requests.
    Requests,
    /// Input and output tokens.
    Tokens,
    /// Input tokens.
    InputTokens,
    /// Output tokens.
    OutputTokens,
    /// Calls at the same time.
    Concurrent,
}

impl LimitKind {
    /// The name in messages and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Requests => "requests",
            Self::Tokens => "tokens",
            Self::InputTokens => "input_tokens",
            Self::OutputTokens => "output_tokens",
            Self::Concurrent => "concurrent",
        }
    }
}

/// How a limit stood when it let the call through, or refused it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LimitNote {
    /// What it counts.
    pub kind: LimitKind,
    /// How many it lets through.
    pub limit: u64,
    /// How many are left.
    pub remaining: u64,
    /// When it is as good as new.
    pub reset: Duration,
}

/// What a journal holds.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Notes {
    /// Every try, in order.
    pub attempts: Vec<Attempt>,
    /// Every field that did not survive, of the attempt that answered.
    pub losses: Losses,
    /// Who calls, when that was found out after the call was made.
    pub principal: Option<Principal>,
    /// The destination of a route that was chosen, as the variant of an A/B split.
    pub variant: Option<EndpointName>,
    /// Why it was chosen: `traffic_split`, `sticky`, `rules[0]`, ...
    pub variant_reason: Option<Arc<str>>,
    /// How the limits stood, for the caller's headers.
    pub limits: Vec<LimitNote>,
    /// The provider's refusal of a request that was passed on, as it came; of the last attempt.
    pub refused: Option<Arc<http::Response<Bytes>>>,
    /// How the cache took part: `hit`, `miss`, `shared`, ...
    pub cache: Option<&'static str>,
    /// What a provider may have consumed although it has not answered.
    pub sent: Sent,
    /// When the call must be over, the last byte of its answer included.
    pub deadline: Option<Instant>,
    /// Why the attempt that is being dropped is abandoned; see [`Journal::abandon`].
    abandoned: Option<(ErrorKind, Origin)>,
}

impl Notes {
    /// Writes down an attempt that is over. One that was dropped before it had an outcome failed by whatever made
    /// somebody drop it: a timeout of the gateway, or the caller who left.
    pub(crate) fn push(&mut self, mut attempt: Attempt, has_outcome: bool) {
        if !has_outcome {
            let why = self.abandoned;
            attempt.error = why.or(Some((ErrorKind::Cancelled, Origin::Client)));
        }
        self.attempts.push(attempt);
    }
}

/// What a provider may have consumed although it has not answered: what is charged when the caller leaves, a deadline
/// ends the call, or the answer cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Sent {
    /// The request of an earlier try was sent, and not refused.
    earlier: bool,
    /// The request of the latest try was sent, and not refused.
    latest: bool,
    /// Bytes of a whole answer that have arrived.
    received: u64,
}

impl Sent {
    /// Whether a provider may have worked for the call.
    pub const fn is_sent(&self) -> bool {
        self.earlier || self.latest
    }

    /// Bytes of a whole answer that have arrived.
    pub const fn received(&self) -> u64 {
        self.received
    }
}

/// One request on its way to a provider. Notes in the journal what the provider may consume by it.
#[derive(Debug, Clone)]
pub struct Exchange(Journal);

impl Exchange {
    /// The request begins to be written to the provider: from now on the provider may consume it.
    pub fn sent(&self) {
        self.0.notes().sent.latest = true;
    }

    /// So many bytes of a whole answer have arrived.
    pub fn received(&self, bytes: usize) {
        let sent = &mut self.0.notes().sent;
        sent.latest = true;
        sent.received = sent.received.saturating_add(bytes as u64);
    }

    /// The provider consumed nothing: the request did not arrive, or was refused.
    pub fn refused(&self) {
        self.0.notes().sent.latest = false;
    }
}

/// Settles a call: runs once, with the notes of its journal.
pub type Settle = Box<dyn FnOnce(&mut Notes) + Send>;

/// What happened to a call so far. Clones share one journal; locks are short and never held across an await.
#[derive(Clone, Default)]
pub struct Journal(Arc<Shared>);

#[derive(Default)]
struct Shared {
    notes: Mutex<Notes>,
    settlement: Mutex<Settlement>,
}

/// What waits for the last hold.
#[derive(Default)]
struct Settlement {
    holds: usize,
    settle: Option<Settle>,
}

/// Keeps a call from being settled: whoever writes its answer holds it, so that what is lost in writing is recorded.
/// The call is settled when the last hold is dropped.
#[derive(Debug)]
pub struct SettlementHold(Journal);

impl Drop for SettlementHold {
    fn drop(&mut self) {
        let due = {
            let mut settlement = self.0.settlement();
            settlement.holds -= 1;
            (settlement.holds == 0).then(|| settlement.settle.take())
        };
        if let Some(settle) = due.flatten() {
            settle(&mut self.0.notes());
        }
    }
}

impl std::fmt::Debug for Journal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Journal").field(&*self.notes()).finish()
    }
}

impl Journal {
    /// An empty journal.
    pub fn new() -> Self {
        Self::default()
    }

    /// Notes that another request begins.
    pub fn exchange(&self) -> Exchange {
        let sent = &mut self.notes().sent;
        *sent = Sent {
            earlier: sent.is_sent(),
            latest: false,
            received: 0,
        };
        Exchange(self.clone())
    }

    /// The notes, to read or to write. Do not hold the guard longer than a few statements.
    pub fn notes(&self) -> MutexGuard<'_, Notes> {
        let notes = self.0.notes.lock();
        notes.unwrap_or_else(PoisonError::into_inner)
    }

    fn settlement(&self) -> MutexGuard<'_, Settlement> {
        let settlement = self.0.settlement.lock();
        settlement.unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps the call from being settled until the hold is dropped.
    pub fn hold(&self) -> SettlementHold {
        self.settlement().holds += 1;
        SettlementHold(self.clone())
    }

    /// Settles the call: at once where there is no hold, otherwise when the last hold is dropped. One that waits already
    /// is run first.
    pub fn settle(&self, settle: Settle) {
        let due = {
            let mut settlement = self.settlement();
            if settlement.holds == 0 {
                Some(settle)
            } else {
                settlement.settle.replace(settle)
            }
        };
        if let Some(settle) = due {
            settle(&mut self.notes());
        }
    }

    /// Calls `drop`, which drops the future of an attempt: the attempt is recorded as failed with `error`.
    pub fn abandon(&self, error: &CallError, drop: impl FnOnce()) {
        self.notes().abandoned = Some((error.kind(), error.origin()));
        drop();
        self.notes().abandoned = None;
    }

    /// Records that the answer of the last attempt, which had begun well, failed with `error`. `duration` is given when
    /// it failed before it had said anything.
    pub fn fail_last(&self, error: &CallError, duration: Option<Duration>) {
        if let Some(attempt) = self.notes().attempts.last_mut() {
            attempt.error = Some((error.kind(), error.origin()));
            attempt.duration = duration.unwrap_or(attempt.duration);
        }
    }
}
