//! A provider behind a real socket that misbehaves on request.
//!
//! It speaks just enough HTTP/1.1 to read a request, and writes its answers byte by byte itself, so that it can do what
//! no HTTP library lets a server do: lie about lengths, reset in the middle, drip, or answer with something else.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> std::io::Result<()> {
//! use gateway_testkit::chaos::{Behaviour, Chaos, Reply};
//!
//! let upstream = Chaos::start().await?;
//! upstream.push(Behaviour::answer(Reply::json("{\"ok\":true}")).cut_after(4));
//! assert!(upstream.origin().starts_with("http://127.0.0.1:"));
//! # Ok(())
//! # }
//! ```

mod behaviour;
mod connection;
mod request;
mod server;

pub use behaviour::{Behaviour, Reply, RetryAfter};
pub use request::Received;
pub use server::{Chaos, refused_origin};
