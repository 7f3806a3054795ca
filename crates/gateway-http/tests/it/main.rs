//! The edge as a caller sees it, with a scripted service behind it. No sockets.

mod bad_input;
mod errors;
mod harness;
mod heads;
mod mlflow;
mod replies;
mod service;
mod streams;
