//! Parts, both ways: the same in requests, replies and streams.

mod calls;
mod read;
mod write;

pub(super) use calls::Calls;
pub(super) use read::parts;
pub(super) use write::{Args, PartOut, PartWriter, Side};
