//! Requests of the Messages API, both ways.

mod check;
mod decode;
mod encode;
mod messages;
mod mlflow;
mod reasoning;
mod sampling;
mod schema;
mod tools;

pub(super) use decode::{Purpose, decode};
pub use encode::{Host, encode_chat, encode_chat_for, encode_count, encode_count_for};
pub(super) use mlflow::{both_samplers, halved, one_answer, refused};
