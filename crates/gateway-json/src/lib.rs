//! JSON text without a tree. A [`Cursor`] goes over it once, checks it against the grammar (RFC 8259) and shows what its
//! caller wants to see: where members stand, what a key or a number says. Nothing is copied, and strings are skipped in
//! blocks. An [`Envelope`] is the outermost level of an object, [`splice`] rewrites single values of a text, and [`write()`]
//! writes what serde knows of a value.
//!
//! ```
//! use gateway_json::Cursor;
//!
//! let text = br#"{"id": "a", "usage": {"total_tokens": 12}, "choices": []}"#;
//! let mut total = None;
//! let mut cursor = Cursor::new(text);
//! cursor.members(|cursor, key| match key.plain() {
//!     b"usage" => cursor.members(|cursor, key| match key.plain() {
//!         b"total_tokens" => Ok(total = cursor.whole_number()?),
//!         _ => cursor.skip(),
//!     }),
//!     _ => cursor.skip(),
//! })?;
//! cursor.end()?;
//! assert_eq!(total, Some(12));
//! # Ok::<(), gateway_json::Fault>(())
//! ```

mod cursor;
mod envelope;
mod keys;
mod normal;
mod number;
mod plain;
#[cfg(test)]
mod tests;
mod text;
mod write;

pub use cursor::{Cursor, Fault};
pub use envelope::{Edit, Envelope, Member, ScanError, splice};
pub use plain::{Plain, is_plain, plain};
pub use text::Text;
pub use write::{Sink, to_vec, write, write_text};
