//! The vendors that MLflow names, with MLflow's names for settings.

use gateway_dialect::openai::{Attachments, EffortRule, Quirks, ReasoningField};
use gateway_schema::{OptionKind, OptionSpec};

use super::{Row, rows};
use crate::preset::{
    ALL, Auth, BASE, Base, CHAT_EMBED, GENERAL, KEY, Logprobs, Mlflow, Preset, option,
};

const MISTRAL: &[OptionSpec] = &[
    option("mistral_api_key", OptionKind::Secret, true, "The API key."),
    option(
        "mistral_api_base",
        OptionKind::Text,
        false,
        "Where the API is. Default: https://api.mistral.ai/v1.",
    ),
    BASE,
];

const TOGETHER: &[OptionSpec] = &[
    option(
        "togetherai_api_key",
        OptionKind::Secret,
        true,
        "The API key.",
    ),
    option(
        "togetherai_api_base",
        OptionKind::Text,
        false,
        "Where the API is. Default: https://api.together.xyz/v1.",
    ),
    BASE,
];

const OLLAMA: &[OptionSpec] = &[
    option(
        "api_key",
        OptionKind::Secret,
        false,
        "The API key. Default: ollama, which sends none.",
    ),
    option(
        "api_base",
        OptionKind::Text,
        false,
        "Where the server is. Default: http://localhost:11434/v1.",
    ),
];

const PORTKEY: &[OptionSpec] = &[
    KEY,
    BASE,
    option(
        "portkey_provider",
        OptionKind::Text,
        false,
        "The provider to forward to, such as @openai-prod.",
    ),
    option(
        "portkey_config",
        OptionKind::Text,
        false,
        "The id of a Portkey config.",
    ),
    option(
        "provider_api_key",
        OptionKind::Secret,
        false,
        "The key of the provider that is forwarded to, if Portkey does not hold it.",
    ),
];

const DATABRICKS: &[OptionSpec] = &[
    option(
        "host",
        OptionKind::Text,
        false,
        "The workspace, such as https://adb-1.2.azuredatabricks.net. Default: $DATABRICKS_HOST.",
    ),
    option(
        "token",
        OptionKind::Secret,
        false,
        "A personal access token. Default: $DATABRICKS_TOKEN.",
    ),
    option(
        "client_id",
        OptionKind::Text,
        false,
        "The id of a service principal (OAuth M2M). Default: $DATABRICKS_CLIENT_ID.",
    ),
    option(
        "client_secret",
        OptionKind::Secret,
        false,
        "The secret of the service principal. Default: $DATABRICKS_CLIENT_SECRET.",
    ),
    option(
        "api_base",
        OptionKind::Text,
        false,
        "Another spelling of host.",
    ),
];

/// OpenAI's fields of today under the names of some years ago.
const OLD_LIMIT: &[(&str, &str)] = &[("max_completion_tokens", "max_tokens")];

pub(super) const ROWS: &[Row] = rows![
    Preset {
        aliases: &["mistralai", "mistral-ai"],
        // https://docs.mistral.ai/api/ (unknown fields are a 422, extra_forbidden; error 3280 for ids of calls)
        options: MISTRAL,
        operations: GENERAL,
        short_call_ids: true,
        completes_by_chat: true,
        quirks: Quirks::COMPATIBLE
            .with_refused(&[
                "logit_bias",
                "logprobs",
                "service_tier",
                "top_k",
                "top_logprobs",
                "user",
            ])
            .with_renamed(&[
                ("max_completion_tokens", "max_tokens"),
                ("seed", "random_seed"),
                ("dimensions", "output_dimension"),
            ])
            .with_refused_parts(&["video_url"])
            .with_attachments(Attachments::Plain)
            .with_allowed_tools(false)
            .with_message_names(false)
            .with_stream_options(false)
            .with_effort(EffortRule::Never),
        mlflow: Mlflow::Mistral,
        ..Preset::hosted("mistral", "Mistral", "https://api.mistral.ai/v1")
    },
    Preset {
        aliases: &["together", "together-ai"],
        // https://docs.together.ai/reference/chat-completions-1
        // https://docs.together.ai/reference/rerank-1
        options: TOGETHER,
        operations: ALL,
        quirks: Quirks::COMPATIBLE
            .with_renamed(OLD_LIMIT)
            .with_stream_options(false),
        logprobs: Logprobs::Count,
        mlflow: Mlflow::Together,
        ..Preset::hosted("togetherai", "TogetherAI", "https://api.together.xyz/v1")
    },
    Preset {
        // https://console.groq.com/docs/openai (what is not supported)
        operations: CHAT_EMBED,
        quirks: Quirks::COMPATIBLE
            .with_refused(&["logit_bias", "logprobs", "top_k", "top_logprobs"])
            .with_message_names(false)
            .with_reasoning(ReasoningField::Plain),
        ..Preset::hosted("groq", "Groq", "https://api.groq.com/openai/v1")
    },
    Preset {
        // https://api-docs.deepseek.com/guides/thinking_mode (reasoning must come back with tool calls)
        operations: CHAT_EMBED,
        quirks: Quirks::COMPATIBLE
            .with_renamed(OLD_LIMIT)
            .with_reasoning(ReasoningField::Content),
        ..Preset::hosted("deepseek", "DeepSeek", "https://api.deepseek.com/v1")
    },
    Preset {
        aliases: &["grok", "x-ai"],
        // https://docs.x.ai/docs/api-reference#chat-completions
        operations: GENERAL,
        quirks: Quirks::COMPATIBLE
            .with_refused(&["top_k"])
            .with_reasoning(ReasoningField::Content)
            .with_effort(EffortRule::Never),
        ..Preset::hosted("xai", "xAI", "https://api.x.ai/v1")
    },
    Preset {
        aliases: &["open-router"],
        // https://openrouter.ai/docs/api-reference/overview
        operations: ALL,
        quirks: Quirks::COMPATIBLE
            .with_cache_control(true)
            .with_reasoning(ReasoningField::Details),
        ..Preset::hosted("openrouter", "OpenRouter", "https://openrouter.ai/api/v1")
    },
    Preset {
        // https://docs.ollama.com/api/openai-compatibility
        auth: Auth::Unless("ollama"),
        options: OLLAMA,
        operations: GENERAL,
        quirks: Quirks::COMPATIBLE
            .with_renamed(OLD_LIMIT)
            .with_reasoning(ReasoningField::Plain),
        ..Preset::hosted("ollama", "Ollama", "http://localhost:11434/v1")
    },
    Preset {
        // https://portkey.ai/docs/api-reference/inference-api/headers
        // https://portkey.ai/docs/aigw/api-reference/rerank/create-rerank
        auth: Auth::Apart {
            header: "x-portkey-api-key",
            bearer: "provider_api_key",
        },
        options: PORTKEY,
        operations: ALL,
        headers: &[
            ("portkey_provider", "x-portkey-provider"),
            ("portkey_config", "x-portkey-config"),
        ],
        ..Preset::hosted("portkey", "Portkey", "https://api.portkey.ai/v1")
    },
    Preset {
        aliases: &["databricks-model-serving"],
        // https://docs.databricks.com/aws/en/machine-learning/foundation-model-apis/api-reference
        base: Base::Workspace,
        auth: Auth::Workspace,
        options: DATABRICKS,
        operations: GENERAL,
        quirks: Quirks::COMPATIBLE.with_renamed(OLD_LIMIT),
        ..Preset::hosted("databricks", "Databricks", "")
    },
];
