//! AWS event streams (`application/vnd.amazon.eventstream`): a scanner that takes bytes cut anywhere, and a writer.
//!
//! A message is `total length (4) | length of the headers (4) | CRC-32 of these eight bytes (4) | headers | payload |
//! CRC-32 of everything before it (4)`, numbers in network order. A header is `length of the name (1) | name | type (1)
//! | value`. Spec: <https://docs.aws.amazon.com/AmazonS3/latest/API/RESTSelectObjectAppendix.html>, read 2026-11-21,
//! and <https://smithy.io/2.0/aws/amazon-eventstream.html>.
//!
//! Both checksums are verified, the first as soon as its twelve bytes are there, so that bytes that are no event stream
//! are refused at once. Nothing is copied while a message lies within one chunk; of a message that is cut the bytes so
//! far are kept, up to a bound.
//!
//! ```
//! use bytes::BytesMut;
//! use gateway_dialect::event_stream::{EventStreamScanner, write_event};
//!
//! let mut out = BytesMut::new();
//! write_event(&mut out, "messageStart", br#"{"role":"assistant"}"#);
//! let mut scanner = EventStreamScanner::new();
//! let mut seen = Vec::new();
//! for chunk in out.chunks(7) {
//!     scanner
//!         .feed(chunk, |message| seen.push(message.header(":event-type").unwrap_or_default().to_owned()))
//!         .unwrap();
//! }
//! assert_eq!(seen, ["messageStart"]);
//! assert!(scanner.is_between_messages());
//! ```

mod message;
mod scanner;
mod writer;

pub use message::Message;
pub use scanner::{EventStreamFault, EventStreamScanner};
pub use writer::{write_event, write_exception, write_message};

/// Prelude: two lengths and their checksum.
const PRELUDE: usize = 12;
/// The checksum at the end.
const TRAILER: usize = 4;

#[cfg(test)]
mod tests;
