//! Which error leads on, which candidate rests, and in which order candidates are tried.

use std::time::Duration;

use gateway_schema::{CallError, ErrorKind, Origin, Retry};

use crate::retry::RetryConfig;

/// When an endpoint turns to other targets.
#[derive(Debug, Clone, PartialEq, Default)]
#[non_exhaustive]
pub struct FallbackConfig {
    /// Kinds of error that lead on besides the usual ones.
    pub also_on: Vec<ErrorKind>,
    /// Further rounds over the candidates; `None` for one round only.
    pub rounds: Option<RetryConfig>,
}

impl FallbackConfig {
    /// One round, on the usual errors.
    pub fn new() -> Self {
        Self::default()
    }

    /// Lets these kinds of error lead on, too.
    pub fn with_also_on(mut self, kinds: impl IntoIterator<Item = ErrorKind>) -> Self {
        self.also_on.extend(kinds);
        self
    }

    /// Allows further rounds.
    pub const fn with_rounds(mut self, rounds: RetryConfig) -> Self {
        self.rounds = Some(rounds);
        self
    }
}

/// True when another candidate may answer what failed with `error`.
pub(super) fn leads_on(config: &FallbackConfig, error: &CallError) -> bool {
    if config.also_on.contains(&error.kind()) {
        return true;
    }
    leads_elsewhere(error)
}

/// True when another target may answer what failed with `error`, without anybody having said so.
pub(crate) fn leads_elsewhere(error: &CallError) -> bool {
    error.retry() != Retry::Never && error.origin() != Origin::Client
}

/// How long a candidate rests after `error`; `None` when it is fit for the next call.
pub(super) fn rest_after(error: &CallError) -> Option<Duration> {
    /// How long a key rests that was rejected or is used up.
    const REJECTED: Duration = Duration::from_mins(1);
    /// How long a key rests that is limited without a word about when it is not.
    const LIMITED: Duration = Duration::from_secs(5);
    if error.origin() != Origin::Upstream {
        return None;
    }
    match error.kind() {
        ErrorKind::Unauthenticated | ErrorKind::Forbidden | ErrorKind::BudgetExceeded => {
            Some(REJECTED)
        }
        ErrorKind::RateLimited => Some(error.retry_after().unwrap_or(LIMITED)),
        _ => None,
    }
}

/// Which of two failures the caller is told when nobody answers: what a provider said rather than that it was not asked,
/// the later of two that were said, and of two refusals of the gateway's the one with the shorter wait.
pub(super) fn clearer(before: Option<CallError>, later: CallError) -> CallError {
    let Some(before) = before else { return later };
    let refused = |error: &CallError| error.origin() == Origin::Gateway;
    match (refused(&before), refused(&later)) {
        (false, true) => before,
        (true, true) if before.retry_after() < later.retry_after() => before,
        _ => later,
    }
}

/// What decides the order of a candidate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Standing {
    /// Candidates of one group are keys of one endpoint; groups are tried in order.
    pub(super) group: usize,
    /// For how long it rests from now on.
    pub(super) resting: Duration,
}

/// The order in which candidates are tried: rested ones first, group by group, each group beginning with another key at
/// each turn; then those that rest, the soonest fit first.
pub(super) fn order(standings: &[Standing], turn: usize) -> Vec<usize> {
    let mut places: Vec<(bool, Duration, usize, usize, usize)> =
        Vec::with_capacity(standings.len());
    for (index, standing) in standings.iter().enumerate() {
        let peers = standings
            .iter()
            .filter(|other| other.group == standing.group)
            .count();
        let number = standings
            .iter()
            .take(index)
            .filter(|other| other.group == standing.group)
            .count();
        let rotated = (number + peers - turn % peers.max(1)) % peers.max(1);
        let rests = !standing.resting.is_zero();
        places.push((rests, standing.resting, standing.group, rotated, index));
    }
    places.sort_unstable();
    places
        .into_iter()
        .map(|(_, _, _, _, index)| index)
        .collect()
}
