//! Where each vendor is asked: written out, so that a slip in the table shows.

use gateway_schema::Operation;
use gateway_schema::Operation::{Chat, Completion, Embedding, Rerank};
use gateway_testkit::ScriptedReply;
use serde_json::json;

use super::{ask_with, call, canonical, chat, native, row, settings, vectors, whole};
use crate::presets::all;

const ADDRESSES: &[(&str, Operation, &str)] = &[
    (
        "mistral",
        Chat,
        "https://api.mistral.ai/v1/chat/completions",
    ),
    (
        "mistral",
        Completion,
        "https://api.mistral.ai/v1/chat/completions",
    ),
    ("mistral", Embedding, "https://api.mistral.ai/v1/embeddings"),
    (
        "together",
        Chat,
        "https://api.together.xyz/v1/chat/completions",
    ),
    (
        "togetherai",
        Completion,
        "https://api.together.xyz/v1/completions",
    ),
    (
        "groq",
        Chat,
        "https://api.groq.com/openai/v1/chat/completions",
    ),
    (
        "deepseek",
        Chat,
        "https://api.deepseek.com/v1/chat/completions",
    ),
    ("xai", Chat, "https://api.x.ai/v1/chat/completions"),
    (
        "openrouter",
        Chat,
        "https://openrouter.ai/api/v1/chat/completions",
    ),
    ("openrouter", Rerank, "https://openrouter.ai/api/v1/rerank"),
    ("ollama", Chat, "http://localhost:11434/v1/chat/completions"),
    (
        "portkey",
        Chat,
        "https://api.portkey.ai/v1/chat/completions",
    ),
    (
        "databricks",
        Chat,
        "https://workspace.invalid/serving-endpoints/chat/completions",
    ),
    (
        "ai21",
        Chat,
        "https://api.ai21.com/studio/v1/chat/completions",
    ),
    (
        "cerebras",
        Chat,
        "https://api.cerebras.ai/v1/chat/completions",
    ),
    (
        "perplexity",
        Chat,
        "https://api.perplexity.ai/chat/completions",
    ),
    (
        "perplexity",
        Embedding,
        "https://api.perplexity.ai/v1/embeddings",
    ),
    (
        "fireworks",
        Chat,
        "https://api.fireworks.ai/inference/v1/chat/completions",
    ),
    (
        "nvidia",
        Chat,
        "https://integrate.api.nvidia.com/v1/chat/completions",
    ),
    (
        "moonshot",
        Chat,
        "https://api.moonshot.ai/v1/chat/completions",
    ),
    ("zai", Chat, "https://api.z.ai/api/paas/v4/chat/completions"),
    (
        "minimax",
        Chat,
        "https://api.minimax.io/v1/chat/completions",
    ),
    (
        "sambanova",
        Chat,
        "https://api.sambanova.ai/v1/chat/completions",
    ),
    (
        "hyperbolic",
        Chat,
        "https://api.hyperbolic.xyz/v1/chat/completions",
    ),
    (
        "deepinfra",
        Chat,
        "https://api.deepinfra.com/v1/openai/chat/completions",
    ),
    (
        "nebius",
        Chat,
        "https://api.tokenfactory.nebius.com/v1/chat/completions",
    ),
    (
        "novita",
        Chat,
        "https://api.novita.ai/openai/v1/chat/completions",
    ),
    (
        "baseten",
        Chat,
        "https://inference.baseten.co/v1/chat/completions",
    ),
    (
        "venice",
        Chat,
        "https://api.venice.ai/api/v1/chat/completions",
    ),
    ("writer", Chat, "https://api.writer.com/v1/chat"),
    (
        "hf",
        Chat,
        "https://router.huggingface.co/v1/chat/completions",
    ),
    (
        "github",
        Chat,
        "https://models.github.ai/inference/chat/completions",
    ),
    (
        "cloudflare",
        Chat,
        "https://api.cloudflare.com/client/v4/accounts/acc-1/ai/v1/chat/completions",
    ),
    (
        "snowflake",
        Chat,
        "https://acc-1.snowflakecomputing.com/api/v2/cortex/v1/chat/completions",
    ),
    (
        "vercel",
        Chat,
        "https://ai-gateway.vercel.sh/v1/chat/completions",
    ),
    (
        "llamacpp",
        Chat,
        "http://localhost:8080/v1/chat/completions",
    ),
    ("llama.cpp", Rerank, "http://localhost:8080/v1/rerank"),
    ("vllm", Chat, "http://localhost:8000/v1/chat/completions"),
    (
        "lmstudio",
        Chat,
        "http://localhost:1234/v1/chat/completions",
    ),
    (
        "openai-compatible",
        Chat,
        "https://any.invalid/v1/chat/completions",
    ),
    (
        "voyage",
        Embedding,
        "https://api.voyageai.com/v1/embeddings",
    ),
    ("voyage", Rerank, "https://api.voyageai.com/v1/rerank"),
    ("togetherai", Rerank, "https://api.together.xyz/v1/rerank"),
    ("portkey", Rerank, "https://api.portkey.ai/v1/rerank"),
    (
        "nvidia-nim",
        Rerank,
        "https://integrate.api.nvidia.com/v1/ranking",
    ),
    ("tei", Rerank, "http://localhost:8080/rerank"),
    ("tei", Embedding, "http://localhost:8080/v1/embeddings"),
    ("jina", Embedding, "https://api.jina.ai/v1/embeddings"),
    ("jina", Rerank, "https://api.jina.ai/v1/rerank"),
];

#[tokio::test]
async fn every_vendor_is_asked_at_its_own_address() {
    for (name, operation, address) in ADDRESSES {
        let row = row(name);
        let payload = match operation {
            Embedding => native(r#"{"input":"Hi"}"#),
            Completion => native(r#"{"prompt":"Hi"}"#),
            Rerank => super::ranking::payload(),
            _ => canonical(chat("Hi")),
        };
        let answer = match operation {
            Embedding => vectors(),
            Rerank => json!({"results": []}).to_string(),
            _ => whole("Hi"),
        };
        let reply = ScriptedReply::new(200, "application/json", answer);
        let call = call(*operation, false, payload);
        let asked = ask_with(row, settings(row), &json!({}), call, reply).await;
        assert_eq!(asked.request().uri(), address, "{name}");
    }
    for row in all() {
        let pinned = |(name, _, _): &(&str, Operation, &str)| {
            *name == row.preset.name || row.preset.aliases.contains(name)
        };
        assert!(
            ADDRESSES.iter().any(pinned),
            "{} is not pinned",
            row.preset.name
        );
    }
}
