use bytes::Bytes;
use gateway_schema::Operation;
use gateway_schema::stream::Facts;

use super::Known;

fn known(path: &str) -> Option<Known> {
    let segments: Vec<&str> = path.split('/').collect();
    Known::of("POST", &segments)
}

/// The facts of an answer, fed one byte at a time.
fn read(path: &str, content_type: &str, body: &[u8]) -> Facts {
    let mut observer = known(path).unwrap().observer(Some(content_type));
    let mut frames = Vec::new();
    for byte in body {
        observer
            .feed(Bytes::copy_from_slice(&[*byte]), &mut frames)
            .unwrap();
    }
    observer.end(&mut frames).unwrap();
    let mut facts = Facts::default();
    for frame in frames {
        facts.absorb(frame.facts);
    }
    facts
}

#[test]
fn paths_that_compute_are_known_wherever_they_stand() {
    for (path, asks, model) in [
        ("v1/chat/completions", Operation::Chat, None),
        (
            "openai/deployments/gpt/chat/completions",
            Operation::Chat,
            None,
        ),
        ("chat/completions", Operation::Chat, None),
        ("v1/completions", Operation::Completion, None),
        ("v1/embeddings", Operation::Embedding, None),
        ("v1/responses", Operation::Chat, None),
        ("openai/responses", Operation::Chat, None),
        ("v1/responses/compact", Operation::Chat, None),
        ("v1/messages", Operation::Chat, None),
        ("v1/messages/count_tokens", Operation::CountTokens, None),
        (
            "v1beta/models/gemini-x:streamGenerateContent",
            Operation::Chat,
            Some("gemini-x"),
        ),
        (
            "v1beta/models/e:batchEmbedContents",
            Operation::Embedding,
            Some("e"),
        ),
        (
            "model/anthropic.claude-x-v1:0/converse-stream",
            Operation::Chat,
            Some("anthropic.claude-x-v1:0"),
        ),
        ("v2/chat", Operation::Chat, None),
        ("v2/embed", Operation::Embedding, None),
        ("v2/rerank", Operation::Rerank, None),
    ] {
        let found = known(path).unwrap_or_else(|| panic!("{path}"));
        assert_eq!((found.asks(), found.model()), (Some(asks), model), "{path}");
    }
}

#[test]
fn paths_that_keep_something_are_not_known() {
    for path in [
        "v1/files",
        "v1/batches",
        "v1/threads/t/messages",
        "v1/responses/resp_1",
        "v1/responses/resp_1/cancel",
        "v1/responses/input_tokens",
        "v1/messages/batches",
        "v1/fine_tuning/jobs",
        "v1/audio/speech",
        "v1beta/cachedContents",
        "model/x/async-invoke",
    ] {
        assert_eq!(known(path), None, "{path}");
    }
    assert_eq!(Known::of("GET", &["v1", "chat", "completions"]), None);
    // Images cost money: they are read, and not asked for twice.
    assert_eq!(known("v1/images/generations").unwrap().asks(), None);
}

#[test]
fn usage_is_read_from_whole_answers_and_streams() {
    let json = "application/json";
    let events = "text/event-stream; charset=utf-8";
    for (path, kind, body, input, output) in [
        (
            "v1/chat/completions",
            json,
            r#"{"id":"c","model":"m","choices":[],"usage":{"prompt_tokens":9,"completion_tokens":3}}"#,
            9,
            Some(3),
        ),
        (
            "v1/chat/completions",
            events,
            "data: {\"id\":\"c\",\"choices\":[],\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":3}}\n\ndata: [DONE]\n\n",
            9,
            Some(3),
        ),
        (
            "v1/embeddings",
            json,
            r#"{"object":"list","data":[],"usage":{"prompt_tokens":4,"total_tokens":4}}"#,
            4,
            None,
        ),
        (
            "v1/images/generations",
            json,
            r#"{"created":1,"data":[],"usage":{"input_tokens":5,"output_tokens":7,"total_tokens":12}}"#,
            5,
            Some(7),
        ),
        (
            "v1/messages",
            json,
            r#"{"id":"m","type":"message","role":"assistant","content":[],"usage":{"input_tokens":8,"output_tokens":2}}"#,
            8,
            Some(2),
        ),
        (
            "v1beta/models/g:generateContent",
            json,
            r#"{"candidates":[{"content":{"parts":[{"text":"x"}]},"finishReason":"STOP"}],"usageMetadata":{"promptTokenCount":6,"candidatesTokenCount":1}}"#,
            6,
            Some(1),
        ),
        (
            "model/x/converse",
            json,
            r#"{"output":{"message":{"role":"assistant","content":[{"text":"x"}]}},"stopReason":"end_turn","usage":{"inputTokens":3,"outputTokens":1,"totalTokens":4}}"#,
            3,
            Some(1),
        ),
        (
            "v2/chat",
            json,
            r#"{"id":"c","finish_reason":"COMPLETE","message":{"role":"assistant","content":[{"type":"text","text":"x"}]},"usage":{"tokens":{"input_tokens":5,"output_tokens":2}}}"#,
            5,
            Some(2),
        ),
    ] {
        let facts = read(path, kind, body.as_bytes());
        let usage = facts.usage.unwrap_or_else(|| panic!("{path} {kind}"));
        assert_eq!(usage.input_tokens, Some(input), "{path} {kind}");
        if output.is_some() {
            assert_eq!(usage.output_tokens, output, "{path} {kind}");
        }
    }
}

#[test]
fn searches_and_tokens_of_ranking_are_read_in_every_vendors_form() {
    for (path, body, tokens, units) in [
        // Cohere, both versions.
        (
            "v2/rerank",
            r#"{"id":"r","results":[{"index":0,"relevance_score":0.9}],"meta":{"api_version":{"version":"2"},"billed_units":{"search_units":1}}}"#,
            None,
            Some(1),
        ),
        (
            "v1/rerank",
            r#"{"results":[],"meta":{"billed_units":{"search_units":2.0},"tokens":{"input_tokens":7}}}"#,
            Some(7),
            Some(2),
        ),
        // Voyage and Jina.
        (
            "v1/rerank",
            r#"{"object":"list","data":[{"index":0,"relevance_score":0.5}],"model":"rerank-2","usage":{"total_tokens":26}}"#,
            Some(26),
            None,
        ),
        (
            "v1/rerank",
            r#"{"model":"jina","results":[],"usage":{"prompt_tokens":5,"total_tokens":9}}"#,
            Some(5),
            None,
        ),
    ] {
        let facts = read(path, "application/json", body.as_bytes());
        let usage = facts.usage.unwrap_or_else(|| panic!("{body}"));
        assert_eq!(
            (usage.input_tokens, usage.search_units),
            (tokens, units),
            "{body}"
        );
    }
    // A bare list says nothing of it, and is no fault.
    let facts = read(
        "rerank",
        "application/json",
        br#"[{"index":0,"score":0.5}]"#,
    );
    assert!(facts.usage.is_none() && facts.ended);
}

#[test]
fn recorded_ranking_is_read() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpus");
    let mut seen = 0;
    for vendor in ["cohere", "voyage", "openrouter"] {
        for entry in std::fs::read_dir(root.join(vendor)).into_iter().flatten() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if !name.starts_with("rerank_") {
                continue;
            }
            let recorded: serde_json::Value =
                serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
            if recorded["response"]["status"] != 200 {
                continue;
            }
            let body = &recorded["response"]["body"];
            let body = body
                .as_str()
                .map_or_else(|| body.to_string(), str::to_owned);
            let facts = read("v1/rerank", "application/json", body.as_bytes());
            let usage = facts.usage.unwrap_or_else(|| panic!("{name}: {body}"));
            assert!(
                usage.search_units.is_some() || usage.input_tokens.is_some(),
                "{name}"
            );
            seen += 1;
        }
    }
    if seen == 0 {
        eprintln!("skipped: corpus absent");
    }
}
