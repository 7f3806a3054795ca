//! Chat completions: requests and whole replies, both directions each.

mod decode_message;
mod decode_part;
mod decode_request;
mod decode_response;
mod encode_message;
mod encode_part;
mod encode_request;
mod encode_response;
pub(crate) mod finish;
pub(crate) mod reasoning;

pub use decode_request::decode_chat_request;
pub use decode_response::decode_chat_response;
pub use encode_request::encode_chat_request;
pub use encode_response::encode_chat_response;
