//! Servers that people run themselves, and whatever else speaks OpenAI's wire.

use gateway_dialect::openai::{Quirks, ReasoningField};
use gateway_schema::{OptionKind, OptionSpec};

use super::{Row, rows};
use crate::preset::{ALL, Base, GENERAL, MAYBE_KEY, Preset, option};

const ANYWHERE: &[OptionSpec] = &[
    MAYBE_KEY,
    option(
        "api_base",
        OptionKind::Text,
        true,
        "Where the API is: what stands before /chat/completions.",
    ),
];

pub(super) const ROWS: &[Row] = rows![
    Preset {
        aliases: &["llama-cpp", "llama.cpp", "llama-server"],
        // https://github.com/ggml-org/llama.cpp/tree/master/tools/server
        operations: ALL,
        quirks: Quirks::COMPATIBLE.with_reasoning(ReasoningField::Content),
        ..Preset::own("llamacpp", "llama.cpp", "http://localhost:8080/v1")
    },
    Preset {
        // https://docs.vllm.ai/en/stable/serving/openai_compatible_server.html
        operations: ALL,
        ..Preset::own("vllm", "vLLM", "http://localhost:8000/v1")
    },
    Preset {
        aliases: &["lm-studio"],
        // https://lmstudio.ai/docs/developer/openai-compat
        operations: GENERAL,
        quirks: Quirks::COMPATIBLE.with_renamed(&[("max_completion_tokens", "max_tokens")]),
        ..Preset::own("lmstudio", "LM Studio", "http://localhost:1234/v1")
    },
    Preset {
        aliases: &["openai-like", "custom-openai"],
        // https://platform.openai.com/docs/api-reference/chat
        base: Base::Anywhere,
        options: ANYWHERE,
        operations: ALL,
        ..Preset::own("openai-compatible", "OpenAI-compatible", "")
    },
];
