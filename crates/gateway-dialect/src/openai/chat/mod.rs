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

pub(crate) use decode_message::{arguments_text, google_signature};
pub(crate) use decode_part::{thinking_text, url_of};
pub use decode_request::decode_chat_request;
pub use decode_response::decode_chat_response;
pub(crate) use decode_response::{citation, image, is_image, logprobs, own_words, reply_fields};
pub(crate) use encode_message::write_google;
pub use encode_request::encode_chat_request;
pub use encode_response::encode_chat_response;
pub(crate) use encode_response::{Within, stand_in_id, write_citation, write_extra};
