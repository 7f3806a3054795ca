//! Provider families: one target each, built as the gateway builds it.

use gateway_provider::{Factory, Registry};
use serde_json::{Value, json};

/// A provider with a model.
#[derive(Debug, Clone, Copy)]
pub struct Family {
    /// The name in the matrix.
    pub name: &'static str,
    /// The provider, as a configuration spells it.
    pub provider: &'static str,
    /// The model it is asked for.
    pub model: &'static str,
    /// Its settings, as JSON text.
    settings: &'static str,
}

const fn family(
    name: &'static str,
    provider: &'static str,
    model: &'static str,
    settings: &'static str,
) -> Family {
    Family {
        name,
        provider,
        model,
        settings,
    }
}

const KEY: &str = r#"{"api_key": "k"}"#;
const AWS: &str = r#"{"aws_config": {"aws_region": "us-east-1", "aws_access_key_id": "AKIDEXAMPLE", "aws_secret_access_key": "secretexample"}}"#;

/// The families of the matrix, in its order.
pub static FAMILIES: &[Family] = &[
    family("openai", "openai", "gpt-4.1", r#"{"openai_api_key": "k"}"#),
    family(
        "openai-reasoning",
        "openai",
        "gpt-5",
        r#"{"openai_api_key": "k"}"#,
    ),
    family(
        "azure",
        "azure",
        "gpt-4.1",
        r#"{"openai_api_type": "azure", "openai_api_key": "k", "openai_api_base": "https://example.invalid", "openai_deployment_name": "d", "openai_api_version": "2024-10-21"}"#,
    ),
    family(
        "anthropic",
        "anthropic",
        "claude-sonnet-4-5",
        r#"{"anthropic_api_key": "k"}"#,
    ),
    family(
        "gemini",
        "gemini",
        "gemini-2.5-flash",
        r#"{"gemini_api_key": "k"}"#,
    ),
    family(
        "bedrock-claude",
        "bedrock",
        "anthropic.claude-sonnet-4-5-20250929-v1:0",
        AWS,
    ),
    family("bedrock-nova", "bedrock", "amazon.nova-pro-v1:0", AWS),
    family(
        "bedrock-llama",
        "bedrock",
        "meta.llama3-3-70b-instruct-v1:0",
        AWS,
    ),
    family(
        "cohere",
        "cohere",
        "command-a-03-2025",
        r#"{"cohere_api_key": "k"}"#,
    ),
    family(
        "mistral",
        "mistral",
        "mistral-large-latest",
        r#"{"mistral_api_key": "k"}"#,
    ),
    family("deepseek", "deepseek", "deepseek-chat", KEY),
    family("groq", "groq", "openai/gpt-oss-120b", KEY),
    family("xai", "xai", "grok-4", KEY),
    family("openrouter", "openrouter", "openai/gpt-5", KEY),
    family(
        "togetherai",
        "togetherai",
        "meta-llama/Llama-3.3-70B-Instruct-Turbo",
        r#"{"togetherai_api_key": "k"}"#,
    ),
    family("ollama", "ollama", "llama3.2", KEY),
    family(
        "openai-compatible",
        "openai-compatible",
        "some-model",
        r#"{"api_key": "k", "api_base": "https://example.invalid/v1"}"#,
    ),
];

/// Every provider that families are built of.
pub(crate) fn registry() -> Registry {
    Registry::new()
        .with_all([
            gateway_provider_openai::OPENAI,
            gateway_provider_anthropic::ANTHROPIC,
            gateway_provider_bedrock::BEDROCK,
            gateway_provider_cohere::COHERE,
            gateway_provider_google::GEMINI,
        ])
        .with_all(gateway_provider_compat::factories())
}

impl Family {
    /// The family of this name.
    pub fn named(name: &str) -> Option<Self> {
        FAMILIES.iter().find(|family| family.name == name).copied()
    }

    /// The family whose decoder reads what this provider of the corpus sends; vendors without a row are read as any
    /// OpenAI-like service.
    pub fn of_recorded(provider: &str, operation: &str) -> Option<Self> {
        let name = match (operation, provider) {
            ("messages", _) => "anthropic",
            ("generate_content", _) => "gemini",
            ("converse" | "converse_stream", _) => "bedrock-claude",
            ("chat", "together") => "togetherai",
            ("chat", "bedrock" | "anthropic" | "gemini" | "vertex") => "openai-compatible",
            ("chat", known) if Self::named(known).is_some() => known,
            ("chat", _) => "openai-compatible",
            _ => return None,
        };
        Self::named(name)
    }

    pub(crate) fn factory(&self) -> Option<Factory> {
        registry().find(self.provider).copied()
    }

    pub(crate) fn settings(&self) -> Value {
        serde_json::from_str(self.settings).unwrap_or_else(|_| json!({}))
    }
}
