//! Ports: what the layers keep and where records go, as traits, with in-memory implementations.
//!
//! A layer sees a port, never a backend. Backends (`gateway-store-redis`, ...) implement the same traits and pass one
//! shared suite.
//!
//! * [`cache::CacheStore`]: answers kept for questions that are the same.
//! * [`definitions::DefinitionStore`]: the configuration, as entities under one revision.
//! * [`keys::KeyStore`]: virtual keys, as digests.
//! * [`rate::RateStore`]: how much was let through, per subject.
//! * [`shared::SharedStores`]: rates and answers that several processes share.
//! * [`StoreError`]: how any of them fails.
//! * [`CallRecord`], [`RecordSink`]: what a call was and cost, once per call.

pub mod cache;
pub mod definitions;
pub mod keys;
pub mod rate;
pub mod shared;

mod error;
mod record;

pub use error::{StoreError, StoreFuture};
pub use record::{
    AttemptRecord, CallRecord, ContentRecord, FailureRecord, MemoryRecords, RecordSink, Settlement,
    TraceRecord,
};
