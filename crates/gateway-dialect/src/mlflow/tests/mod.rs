//! Decoding against goldens, replies and streams in MLflow's form, errors.

use gateway_schema::Operation;

use crate::ReplyInfo;

mod answers;
mod decode;
mod encode;

fn operation(name: &str) -> Operation {
    match name {
        "chat" => Operation::Chat,
        "completion" => Operation::Completion,
        _ => Operation::Embedding,
    }
}

fn info() -> ReplyInfo {
    ReplyInfo::new("gpt", "openai", "0123", 1_700_000_000).with_include_usage(true)
}
