//! The engine and the gateway through their public faces.

mod cache;
mod engine;
mod policies;
mod support;
