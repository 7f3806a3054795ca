//! Tries other targets when one fails: other keys of the same account, then other endpoints.
//!
//! * A different key or target comes before the same one again. The candidates are tried in order; a key that was
//!   rejected, exhausted or limited rests alone, and a resting candidate is still tried when there is no other.
//! * An error leads on unless it says never. Kinds of error named in `also_on` (a prompt too long for this model, a
//!   content filter) lead on although another try at the same target would fail the same way.
//! * When every candidate has failed, further rounds follow as the retry configuration allows, with its backoff and its
//!   shared budget; a round leaves out candidates that will not answer.
//!
//! Works for streams up to the commit point, and crosses providers and dialects: the lane is chosen per target.
//!
//! A request that is passed on as it is stays with its endpoint: it is tried with the endpoint's other keys alone.
//!
//! Boxes one future per call, because it may wait several times. With a single candidate use
//! [`retry`](crate::retry) instead.

mod policy;
mod rest;
mod service;

#[cfg(test)]
mod tests;

pub use policy::FallbackConfig;
#[cfg(feature = "route")]
pub(crate) use policy::leads_elsewhere;
pub use rest::Rest;
pub use service::{Candidate, Fallback};
