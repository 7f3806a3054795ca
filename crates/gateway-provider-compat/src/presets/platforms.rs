//! Platforms that hand requests on to models of many makers.

use gateway_dialect::openai::{EffortRule, Quirks, ReasoningField};
use gateway_schema::{OptionKind, OptionSpec};

use super::{Row, rows};
use crate::preset::{BASE, Base, CHAT_EMBED, KEY, Preset, option};

const CLOUDFLARE: &[OptionSpec] = &[
    option(
        "api_key",
        OptionKind::Secret,
        true,
        "An API token for Workers AI.",
    ),
    option(
        "account_id",
        OptionKind::Text,
        false,
        "The account. Required unless api_base is given.",
    ),
    BASE,
];

const SNOWFLAKE: &[OptionSpec] = &[
    option(
        "api_key",
        OptionKind::Secret,
        true,
        "A programmatic access token, a key-pair JWT or an OAuth token.",
    ),
    option(
        "account",
        OptionKind::Text,
        false,
        "The account identifier, such as myorg-myaccount. Required unless api_base is given.",
    ),
    option(
        "token_type",
        OptionKind::Text,
        false,
        "What the key is, if Snowflake shall not find out: PROGRAMMATIC_ACCESS_TOKEN, KEYPAIR_JWT or OAUTH.",
    ),
    BASE,
];

const GITHUB: &[OptionSpec] = &[
    option(
        "api_key",
        OptionKind::Secret,
        true,
        "A token with the scope models:read.",
    ),
    option(
        "api_base",
        OptionKind::Text,
        false,
        "Where the API is. Default: https://models.github.ai/inference, which GitHub retired on 2026-07-30.",
    ),
    option(
        "api_version",
        OptionKind::Text,
        false,
        "The version of GitHub's API, such as 2022-11-28.",
    ),
];

const HUGGINGFACE: &[OptionSpec] = &[
    KEY,
    BASE,
    option(
        "bill_to",
        OptionKind::Text,
        false,
        "The organization to bill.",
    ),
];

pub(super) const ROWS: &[Row] = rows![
    Preset {
        aliases: &["hf", "hugging-face", "huggingface-router"],
        // https://huggingface.co/docs/inference-providers/tasks/chat-completion
        options: HUGGINGFACE,
        headers: &[("bill_to", "x-hf-bill-to")],
        quirks: Quirks::COMPATIBLE.with_renamed(&[("max_completion_tokens", "max_tokens")]),
        ..Preset::hosted(
            "huggingface",
            "Hugging Face",
            "https://router.huggingface.co/v1"
        )
    },
    Preset {
        aliases: &["github-models"],
        // https://docs.github.com/en/rest/models/inference
        options: GITHUB,
        operations: CHAT_EMBED,
        headers: &[("api_version", "x-github-api-version")],
        quirks: Quirks::COMPATIBLE.with_refused(&["top_k"]),
        ..Preset::hosted(
            "github",
            "GitHub Models",
            "https://models.github.ai/inference"
        )
    },
    Preset {
        aliases: &["workers-ai", "cloudflare-workers-ai"],
        // https://developers.cloudflare.com/workers-ai/configuration/open-ai-compatibility
        base: Base::Account {
            before: "https://api.cloudflare.com/client/v4/accounts/",
            option: "account_id",
            after: "/ai/v1",
        },
        options: CLOUDFLARE,
        operations: CHAT_EMBED,
        quirks: Quirks::COMPATIBLE.with_renamed(&[("max_completion_tokens", "max_tokens")]),
        ..Preset::hosted("cloudflare", "Cloudflare Workers AI", "")
    },
    Preset {
        aliases: &["snowflake-cortex", "cortex"],
        // https://docs.snowflake.com/en/user-guide/snowflake-cortex/cortex-rest-api
        base: Base::Account {
            before: "https://",
            option: "account",
            after: ".snowflakecomputing.com/api/v2/cortex/v1",
        },
        options: SNOWFLAKE,
        headers: &[("token_type", "x-snowflake-authorization-token-type")],
        quirks: Quirks::COMPATIBLE
            .with_renamed(&[("max_tokens", "max_completion_tokens")])
            .with_reasoning(ReasoningField::Details)
            .with_effort(EffortRule::Never),
        ..Preset::hosted("snowflake", "Snowflake Cortex", "")
    },
    Preset {
        aliases: &["vercel-ai-gateway", "vercel-ai"],
        // https://vercel.com/docs/ai-gateway/sdks-and-apis/openai-chat-completions
        operations: CHAT_EMBED,
        quirks: Quirks::COMPATIBLE.with_reasoning(ReasoningField::Details),
        ..Preset::hosted(
            "vercel",
            "Vercel AI Gateway",
            "https://ai-gateway.vercel.sh/v1"
        )
    },
];
