//! The policy layers between a surface and a provider, one folder and one feature each.
//!
//! Every layer wraps a `Service<Call, Response = Reply, Error = CallError>` and is usable alone. They are composed in
//! one place, `gateway-core/src/stack.rs`. A layer decides by a pure function (`policy.rs`), keeps its state behind a
//! port of `gateway-store`, and treats a streamed reply as unfinished until its last frame.
//!
//! | layer | what it does |
//! |---|---|
//! | [`auth`] | finds out who calls, and lets callers ask only what they may |
//! | [`breaker`] | leaves a target alone that fails |
//! | [`cache`] | answers from memory what was asked before |
//! | [`concurrency`] | bounds the calls to a target at the same time |
//! | [`fallback`] | tries other keys, then other endpoints |
//! | [`load`] | watches how a target does |
//! | [`overload`] | refuses calls at once when the process has too much to do |
//! | [`rate_limit`] | bounds requests, tokens and concurrency per subject |
//! | [`retry`] | tries the same target again |
//! | [`route`] | chooses among several endpoints behind one name |
//! | [`timeout`] | ends calls that take too long, and streams that stall |
//! | [`usage`] | settles every call exactly once into a record |

#[cfg(any(feature = "rate_limit", feature = "route", feature = "usage"))]
mod expected;
#[cfg(any(feature = "rate_limit", feature = "route"))]
mod subject;
#[cfg(any(feature = "usage", feature = "rate_limit"))]
mod tally;
#[cfg(test)]
mod testing;
mod weak;

#[cfg(feature = "auth")]
pub mod auth;
#[cfg(feature = "breaker")]
pub mod breaker;
#[cfg(feature = "cache")]
pub mod cache;
#[cfg(feature = "concurrency")]
pub mod concurrency;
#[cfg(feature = "fallback")]
pub mod fallback;
#[cfg(feature = "load")]
pub mod load;
#[cfg(feature = "overload")]
pub mod overload;
#[cfg(feature = "rate_limit")]
pub mod rate_limit;
#[cfg(feature = "retry")]
pub mod retry;
#[cfg(feature = "route")]
pub mod route;
#[cfg(feature = "timeout")]
pub mod timeout;
#[cfg(feature = "usage")]
pub mod usage;

pub use weak::WeakState;

use std::sync::Arc;
#[cfg(feature = "retry")]
use std::time::{Duration, Instant};

/// Randomness, as an argument: a number drawn evenly from all of `u64`.
pub type Dice = Arc<dyn Fn() -> u64 + Send + Sync>;

/// What a deadline leaves; `None` without one.
#[cfg(feature = "retry")]
pub(crate) fn remaining(deadline: Option<Instant>) -> Option<Duration> {
    deadline
        .map(|deadline| deadline.saturating_duration_since(tokio::time::Instant::now().into_std()))
}
