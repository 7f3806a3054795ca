//! The configuration store in one SQLite file.
//!
//! One thread owns the connection that writes, two own connections that read; callers send them closures and await the
//! answer, so that no thread of the runtime waits for a disk. The file is in WAL mode with `synchronous=FULL`: a commit that
//! was answered survives a crash and a power loss, and readers never wait for the writer. The file is created with mode
//! 0600. Changes by another process (a command beside a running server) are seen within half a second.
//!
//! This crate touches the file it is given, and those SQLite keeps beside it; it has no clock.

mod error;
mod file;
mod maintenance;
mod session;
mod store;
mod worker;

pub use file::FolderLock;
pub use maintenance::{backup, check};
pub use store::{OpenMode, SqliteConfig, SqliteStore};
