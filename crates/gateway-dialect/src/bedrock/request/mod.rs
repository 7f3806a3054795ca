//! Requests of Converse, both ways.

mod additional;
mod decode;
mod encode;
mod messages;
mod reasoning;
mod tools;

pub(super) use decode::{decode, decode_count};
pub use encode::{additional_defaults, encode_chat, encode_count};
