//! Providers that MLflow's configurations may name and that no gateway can ask for chat, completions or vectors.

use std::sync::Arc;

use async_trait::async_trait;
use gateway_provider::{Call, Factory, Provider, ProviderInfo, Reply, TargetSpec};
use gateway_schema::{CallError, Dialect, ErrorKind, ModelId, OptionKind, OptionSpec, Retry};

use crate::OPERATIONS;

/// SAP AI Core.
pub const SAP_AI_CORE: Factory = Factory {
    name: "sap-ai-core",
    aliases: &[],
    display_name: "SAP AI Core",
    options: &[],
    operations: OPERATIONS,
    check: |_, _| Vec::new(),
    build: |spec, _, _| {
        Ok(Absent::provider(
            spec,
            "SAP AI Core",
            "The gateway cannot ask sap-ai-core: MLflow keeps that name for its own judges and has no address for it. \
             Use the provider openai with openai_api_base where the deployment speaks OpenAI's API.",
        ))
    },
};

/// TypeSafe, which MLflow asks for nothing that its gateway offers.
pub const TYPESAFE: Factory = Factory {
    name: "typesafe",
    aliases: &[],
    display_name: "TypeSafe",
    options: &[
        OptionSpec::required("typesafe_api_key", OptionKind::Secret, "The API key."),
        OptionSpec::optional("typesafe_api_base", OptionKind::Text, "Where the API is."),
    ],
    operations: OPERATIONS,
    check: |_, _| Vec::new(),
    build: |spec, _, _| Ok(Absent::provider(spec, "TypeSafe", "")),
};

/// Refuses every call.
#[derive(Debug)]
struct Absent {
    info: ProviderInfo,
    /// What there is to say; nothing where the usual words do.
    why: &'static str,
}

impl Absent {
    fn provider(
        spec: &TargetSpec,
        display_name: &'static str,
        why: &'static str,
    ) -> Arc<dyn Provider> {
        let model = spec
            .model
            .clone()
            .unwrap_or_else(|| ModelId::from(spec.provider.as_str()));
        let dialect = Dialect::new("absent");
        let info = ProviderInfo::new(spec.provider.as_str(), model, dialect, OPERATIONS)
            .with_display_name(display_name);
        Arc::new(Self { info, why })
    }
}

#[async_trait]
impl Provider for Absent {
    fn info(&self) -> &ProviderInfo {
        &self.info
    }

    async fn call(self: Arc<Self>, call: Call) -> Result<Reply, CallError> {
        if self.why.is_empty() {
            return Err(self.info.lacks(call.operation).with_status(501));
        }
        Err(CallError::gateway(ErrorKind::Unsupported, self.why)
            .with_status(501)
            .with_retry(Retry::Elsewhere))
    }
}
