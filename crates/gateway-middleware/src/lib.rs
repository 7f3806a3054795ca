//! The policy layers between a surface and a provider, one folder and one feature each.
//!
//! Every layer wraps a `Service<Call, Response = Reply, Error = CallError>` and is usable alone. They are composed in
//! one place, `gateway-core/src/stack.rs`. A layer decides by a pure function (`policy.rs`), keeps its state behind a
//! port of `gateway-store`, and treats a streamed reply as unfinished until its last frame.
//!
//! | layer | what it does |
//! |---|---|
//! | [`split`] | spreads the calls of a route by weight |
//! | [`timeout`] | ends calls that take too long, and streams that stall |
//! | [`usage`] | settles every call exactly once into a record |

#[cfg(feature = "split")]
pub mod split;
#[cfg(feature = "timeout")]
pub mod timeout;
#[cfg(feature = "usage")]
pub mod usage;
