//! Requests, both ways.

mod config;
mod contents;
mod decode;
mod encode;
mod reasoning;
mod tools;

pub(super) use contents::content_text;
#[cfg(test)]
pub(super) use decode::joined;
pub(super) use decode::{decode_count_request, decode_request, known_model};
pub use encode::{Host, encode_chat, encode_chat_for, encode_count, encode_count_for};
