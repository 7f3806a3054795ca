//! The canonical vocabulary of the gateway: what a call asks, what a reply says, what went wrong, what was lost.
//!
//! Values only. Nothing here does I/O, reads a clock, knows HTTP, or knows a vendor. Every wire format
//! (`gateway-dialect`) converts to and from these types, never to another wire format.
//!
//! * [`chat`], [`completion`], [`embedding`], [`rerank`]: requests, replies and stream events.
//! * [`stream`]: what both lanes of a streamed reply have in common.
//! * [`Usage`], [`Usd`]: what a call consumed.
//! * [`CallError`]: the one error that crosses layers, with who failed and whether it may be tried again.
//! * [`Losses`]: every field that a translation dropped or approximated.
//! * [`Secret`]: a value that cannot print itself.
//!
//! ```
//! use gateway_schema::chat::{ChatRequest, Message};
//!
//! let request = ChatRequest::new(vec![Message::user("Hello")]);
//! assert_eq!(request.messages[0].text(), "Hello");
//! ```

pub mod chat;
pub mod completion;
pub mod embedding;
pub mod rerank;
pub mod stream;

mod dialect;
mod error;
mod extra;
mod id;
mod identity;
mod loss;
mod operation;
mod option;
mod remote;
mod request;
mod secret;
mod usage;

pub use dialect::Dialect;
pub use error::{CallError, ErrorKind, FieldError, Origin, PathSegment, Retry, UpstreamFailure};
pub use extra::Extra;
pub use id::{EndpointName, ModelId, ProviderName, RequestId};
pub use loss::{Loss, LossKind, Losses};
pub use operation::{Mapping, Operation};
pub use option::{OptionKind, OptionProblem, OptionSpec, Options};
pub use remote::{RemoteError, kind_of_status};
pub use request::{Decoded, Request, Response};
pub use secret::Secret;
pub use usage::{TokenSource, Usage, Usd};
