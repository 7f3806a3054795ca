//! For tests: what must hold for any bytes at all, per dialect, and canonical values made at random.
//!
//! With the feature `testing` this module is public: fuzzing and the tests of other crates use it. Nothing in it is
//! needed to run a gateway.

mod clients;
mod cut;
mod envelope;
mod probe;

#[cfg(test)]
pub(crate) mod corpus;
#[cfg(test)]
mod seeds;
#[cfg(test)]
pub(crate) mod streams;
#[cfg(test)]
mod values;

pub use clients::clients;
pub use cut::at_random;
pub use envelope::envelope;
pub use probe::{Probe, event_stream, probe};

#[cfg(test)]
pub(crate) use values::*;

/// The fields that a refusal names, in order.
#[cfg(test)]
pub(crate) fn wrong_fields(error: &gateway_schema::CallError) -> Vec<String> {
    let fields = error.field_errors().iter();
    fields.map(gateway_schema::FieldError::dotted).collect()
}
