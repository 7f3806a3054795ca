//! What holds across crates: every client dialect to every provider family, without a network.
//!
//! A tool, never a dependency. A caller's bytes go through the real codec and the real provider to a scripted transport,
//! and the answer comes back the same way ([`ask`]); independent readers ([`judge`]) say what bytes mean without
//! looking at the gateway's own types. The tests take recorded traffic and written fixtures; the program of this crate
//! prints what is made of the same machinery:
//!
//! | command | what it prints |
//! |---|---|
//! | `matrix` | `docs/reference/matrix.md`: per client dialect, provider family and feature, what becomes of it |
//! | `requests FOLDER` | recorded requests, written for every provider, for the schemas of the vendors to judge |
//!
//! ```
//! use gateway_conformance::{Family, Surface, ask};
//! use gateway_testkit::ScriptedReply;
//! use serde_json::json;
//!
//! let reply = json!({"type": "message", "role": "assistant", "model": "claude", "id": "msg_1",
//!     "content": [{"type": "text", "text": "Hello"}], "stop_reason": "end_turn",
//!     "usage": {"input_tokens": 3, "output_tokens": 1}});
//! let asked = ask(
//!     Surface::named("openai").unwrap(),
//!     Family::named("anthropic").unwrap(),
//!     &json!({"model": "m", "messages": [{"role": "user", "content": "Hi"}]}),
//!     false,
//!     ScriptedReply::json(200, &reply),
//! );
//! let answer = gateway_conformance::judge::openai(&asked.json().unwrap());
//! assert_eq!(answer.text, "Hello");
//! ```

mod ask;
mod export;
mod family;
mod features;
pub mod judge;
mod matrix;
mod recorded;
mod surface;
mod vectors;

pub use ask::{Asked, ask, ask_spelled, block_on};
pub use export::write_requests;
pub use family::{FAMILIES, Family};
pub use features::{Fate, Feature, replies, requests};
pub use matrix::page;
pub use recorded::{Recorded, recorded_replies, recorded_requests};
pub use surface::{SURFACES, Surface};
