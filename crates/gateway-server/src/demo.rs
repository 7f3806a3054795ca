//! What is served without a configuration.

/// The name of the built-in configuration in messages.
pub(crate) const NAME: &str = "built-in demo";

/// Three endpoints of the simulator. It is the first configuration that people read.
pub(crate) const CONFIGURATION: &str = include_str!("demo.yaml");
