//! Whole replies, both ways.

mod decode;
mod encode;
mod read;

pub use decode::{decode_chat, decode_count, observe_chat};
pub(super) use encode::{encode_chat, logprobs_result, report_foreign, source};
pub(super) use read::{Candidate, read};
