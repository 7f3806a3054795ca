//! What the benchmark programs share. They are driven by `cargo xtask bench`; each says on its own head what it does.
//!
//! Everything talks over loopback only and stops by itself: the load generator after its count or time, the servers when
//! their standard input closes, which it does when whoever started them ends.

pub mod args;
pub mod counted;
pub mod inside;
pub mod reply;
pub mod request;
pub mod server;
pub mod shapes;
