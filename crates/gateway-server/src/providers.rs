//! The providers of this binary. Adding one is a line here, a feature, and a dependency.

use gateway_core::Registry;

/// Every provider that was compiled in.
pub fn providers() -> Registry {
    let registry = Registry::new().with_all([
        #[cfg(feature = "openai")]
        gateway_provider_openai::OPENAI,
        #[cfg(feature = "anthropic")]
        gateway_provider_anthropic::ANTHROPIC,
        #[cfg(feature = "bedrock")]
        gateway_provider_bedrock::BEDROCK,
        #[cfg(feature = "cohere")]
        gateway_provider_cohere::COHERE,
        #[cfg(feature = "google")]
        gateway_provider_google::GEMINI,
        #[cfg(feature = "google")]
        gateway_provider_google::VERTEX_AI,
        #[cfg(feature = "simulator")]
        gateway_provider_simulator::SIMULATOR,
    ]);
    #[cfg(feature = "compat")]
    let registry = registry.with_all(gateway_provider_compat::factories());
    #[cfg(feature = "legacy")]
    let registry = registry.with_all(gateway_provider_legacy::FACTORIES);
    #[cfg(feature = "mlflow")]
    let registry = registry.with_all(gateway_provider_mlflow::FACTORIES);
    registry.with(crate::litellm::LITELLM)
}
