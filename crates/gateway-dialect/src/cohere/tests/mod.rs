//! Tests on recorded traffic and on made-up values.

mod client;
mod corpus;
mod observe;
mod property;
mod requests;
mod streams;
mod v1;

use gateway_schema::CallError;
use gateway_schema::chat::StreamEvent;
use gateway_schema::stream::Decode;
use serde_json::Value;

use crate::testing;
use crate::testing::corpus::{Exchange, recorded};

/// Recorded exchanges with a path.
fn corpus(path: &str) -> Vec<Exchange> {
    recorded(&["cohere"], |exchange| exchange.url().ends_with(path))
}

fn json(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).unwrap()
}

/// Feeds a stream cut at `cuts`.
fn feed(
    decoder: &mut dyn Decode,
    stream: &[u8],
    cuts: &[usize],
) -> (Vec<StreamEvent>, Option<CallError>) {
    let (frames, error) = testing::streams::feed(decoder, stream, cuts);
    (testing::streams::events(frames), error)
}
