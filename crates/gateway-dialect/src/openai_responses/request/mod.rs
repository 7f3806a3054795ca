//! Requests, to canonical form.

mod decode;
mod items;
mod parts;
mod tools;

pub use decode::decode_request;
