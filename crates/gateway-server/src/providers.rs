//! The providers of this binary. Adding one is a line here, a feature, and a dependency.

use gateway_core::Registry;

/// Every provider that was compiled in.
pub fn providers() -> Registry {
    let registry = Registry::new();
    #[cfg(feature = "openai")]
    let registry = registry.with(gateway_provider_openai::OPENAI);
    #[cfg(feature = "anthropic")]
    let registry = registry.with(gateway_provider_anthropic::ANTHROPIC);
    #[cfg(feature = "simulator")]
    let registry = registry.with(gateway_provider_simulator::SIMULATOR);
    registry
}
