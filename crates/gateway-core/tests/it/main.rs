//! The engine and the gateway through their public faces.

mod engine;
mod policies;
mod support;
