//! The edge as a caller sees it, with a scripted service behind it. No sockets.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::unnecessary_wraps,
    clippy::unused_self,
    reason = "a test that cannot go on shall stop, and its helpers have the signatures that read best"
)]

mod access;
mod admission;
mod bad_input;
mod bedrock;
mod cohere;
mod errors;
mod gemini;
mod harness;
mod heads;
mod mlflow;
mod replies;
mod responses;
mod service;
mod streams;
