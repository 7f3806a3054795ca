//! Vendors of models, and hosts of open ones.

use gateway_dialect::openai::{EffortRule, Quirks, ReasoningField};
use gateway_dialect::rerank::Form;
use gateway_schema::Operation;

use super::{Row, rows};
use crate::preset::{ALL, CHAT_COMPLETE, CHAT_EMBED, GENERAL, InBand, Preset, Tasks};

/// The newer name of the limit is not known everywhere; the older one is.
const OLD_LIMIT: &[(&str, &str)] = &[("max_completion_tokens", "max_tokens")];

pub(super) const ROWS: &[Row] = rows![
    Preset {
        aliases: &["ai21-jamba"],
        // https://docs.ai21.com/reference/jamba-1-6-api-ref
        quirks: Quirks::COMPATIBLE
            .with_renamed(OLD_LIMIT)
            .with_refused(&[
                "logit_bias",
                "logprobs",
                "metadata",
                "parallel_tool_calls",
                "seed",
                "service_tier",
                "top_k",
                "top_logprobs",
                "user",
            ])
            .with_stream_options(false)
            .with_effort(EffortRule::Never),
        ..Preset::hosted("ai21", "AI21", "https://api.ai21.com/studio/v1")
    },
    Preset {
        // https://inference-docs.cerebras.ai/api-reference/chat-completions
        operations: CHAT_COMPLETE,
        quirks: Quirks::COMPATIBLE
            .with_refused(&["top_k"])
            .with_reasoning(ReasoningField::Plain),
        ..Preset::hosted("cerebras", "Cerebras", "https://api.cerebras.ai/v1")
    },
    Preset {
        aliases: &["pplx", "perplexity-ai"],
        // https://docs.perplexity.ai/api-reference/chat-completions-post
        operations: CHAT_EMBED,
        paths: &[(Operation::Embedding, "v1/embeddings")],
        quirks: Quirks::COMPATIBLE.with_renamed(OLD_LIMIT),
        ..Preset::hosted("perplexity", "Perplexity", "https://api.perplexity.ai")
    },
    Preset {
        aliases: &["fireworks-ai"],
        // https://docs.fireworks.ai/api-reference/post-chatcompletions
        operations: ALL,
        quirks: Quirks::COMPATIBLE.with_reasoning(ReasoningField::Content),
        ..Preset::hosted(
            "fireworks",
            "Fireworks AI",
            "https://api.fireworks.ai/inference/v1"
        )
    },
    Preset {
        aliases: &["nvidia", "nim"],
        // https://docs.api.nvidia.com/nim/reference/llm-apis
        // https://docs.nvidia.com/nim/nemo-retriever/text-reranking/latest/using-reranking.html
        operations: ALL,
        paths: &[(Operation::Rerank, "ranking")],
        ranking: Form::Passages,
        quirks: Quirks::COMPATIBLE.with_renamed(OLD_LIMIT),
        tasks: Some(Tasks {
            member: "input_type",
            query: "query",
            document: "passage",
            classification: "",
            clustering: "",
            similarity: "",
        }),
        ..Preset::hosted(
            "nvidia-nim",
            "NVIDIA NIM",
            "https://integrate.api.nvidia.com/v1"
        )
    },
    Preset {
        aliases: &["moonshotai", "moonshot-ai", "kimi"],
        // https://platform.moonshot.ai/docs/api/chat
        quirks: Quirks::COMPATIBLE
            .with_renamed(OLD_LIMIT)
            .with_reasoning(ReasoningField::Content),
        ..Preset::hosted("moonshot", "Moonshot AI", "https://api.moonshot.ai/v1")
    },
    Preset {
        aliases: &["z-ai", "z.ai"],
        // https://docs.z.ai/api-reference/llm/chat-completion
        quirks: Quirks::COMPATIBLE
            .with_renamed(OLD_LIMIT)
            .with_reasoning(ReasoningField::Content),
        ..Preset::hosted("zai", "Z.ai", "https://api.z.ai/api/paas/v4")
    },
    Preset {
        // https://platform.minimax.io/docs/api-reference/text-openai-api
        // https://platform.minimax.io/docs/api-reference/errorcode
        in_band: Some(InBand {
            member: "base_resp",
            code: "status_code",
            message: "status_msg",
            statuses: &[
                (1002, 429),
                (1004, 401),
                (1008, 402),
                (1039, 429),
                (2013, 400)
            ],
        }),
        ..Preset::hosted("minimax", "MiniMax", "https://api.minimax.io/v1")
    },
    Preset {
        aliases: &["samba-nova"],
        // https://docs.sambanova.ai/docs/en/api-reference/endpoints/chat
        operations: CHAT_EMBED,
        quirks: Quirks::COMPATIBLE.with_renamed(OLD_LIMIT),
        ..Preset::hosted("sambanova", "SambaNova", "https://api.sambanova.ai/v1")
    },
    Preset {
        // https://docs.hyperbolic.xyz/docs/inference-api
        operations: CHAT_COMPLETE,
        quirks: Quirks::COMPATIBLE.with_renamed(OLD_LIMIT),
        ..Preset::hosted("hyperbolic", "Hyperbolic", "https://api.hyperbolic.xyz/v1")
    },
    Preset {
        aliases: &["deep-infra"],
        // https://deepinfra.com/docs/openai_api
        operations: GENERAL,
        quirks: Quirks::COMPATIBLE.with_renamed(OLD_LIMIT),
        ..Preset::hosted(
            "deepinfra",
            "DeepInfra",
            "https://api.deepinfra.com/v1/openai"
        )
    },
    Preset {
        aliases: &["nebius-token-factory"],
        // https://docs.tokenfactory.nebius.com/api-reference/introduction
        operations: GENERAL,
        quirks: Quirks::COMPATIBLE.with_renamed(OLD_LIMIT),
        ..Preset::hosted("nebius", "Nebius", "https://api.tokenfactory.nebius.com/v1")
    },
    Preset {
        aliases: &["novita-ai"],
        // https://novita.ai/docs/api-reference/model-apis-llm-create-chat-completion
        operations: GENERAL,
        quirks: Quirks::COMPATIBLE.with_renamed(OLD_LIMIT),
        ..Preset::hosted("novita", "Novita AI", "https://api.novita.ai/openai/v1")
    },
    Preset {
        // https://docs.baseten.co/reference/inference-api/chat-completions
        ..Preset::hosted("baseten", "Baseten", "https://inference.baseten.co/v1")
    },
    Preset {
        aliases: &["venice-ai", "veniceai"],
        // https://docs.venice.ai/api-reference/endpoint/chat/completions
        operations: CHAT_EMBED,
        quirks: Quirks::COMPATIBLE.with_reasoning(ReasoningField::Content),
        ..Preset::hosted("venice", "Venice", "https://api.venice.ai/api/v1")
    },
    Preset {
        aliases: &["writer-ai", "palmyra"],
        // https://dev.writer.com/home/chat-completion
        paths: &[(Operation::Chat, "chat")],
        quirks: Quirks::COMPATIBLE
            .with_renamed(OLD_LIMIT)
            .with_refused(&["top_k"]),
        ..Preset::hosted("writer", "Writer", "https://api.writer.com/v1")
    },
];
