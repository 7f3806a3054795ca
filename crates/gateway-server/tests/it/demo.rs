//! Without a configuration.

use serde_json::json;

use crate::harness::{Server, chat, get, plain_client, post};

#[tokio::test]
async fn the_demo_answers_on_every_surface() {
    let server = Server::start(&[]);
    assert!(server.banner.contains("built-in demo"));
    let messages = json!([{"role": "user", "content": "Hello"}]);
    for (path, body, pointer) in [
        (
            "/v1/chat/completions",
            chat("chat", false),
            "/choices/0/message/content",
        ),
        (
            "/openai/v1/chat/completions",
            chat("chat", false),
            "/choices/0/message/content",
        ),
        (
            "/gateway/chat/invocations",
            json!({"messages": messages}),
            "/choices/0/message/content",
        ),
        (
            "/endpoints/chat/invocations",
            json!({"messages": messages}),
            "/choices/0/message/content",
        ),
        (
            "/v1/completions",
            json!({"model": "completions", "prompt": "Once"}),
            "/choices/0/text",
        ),
        (
            "/gateway/completions/invocations",
            json!({"prompt": "Once"}),
            "/choices/0/text",
        ),
        (
            "/v1/messages",
            json!({"model": "chat", "max_tokens": 50, "messages": messages}),
            "/content/0/text",
        ),
        (
            "/v1/embeddings",
            json!({"model": "embeddings", "input": "Hello"}),
            "/data/0/object",
        ),
        (
            "/gateway/embeddings/invocations",
            json!({"input": "Hello"}),
            "/data/0/object",
        ),
    ] {
        let (status, reply) = post(&server, path, &body).await;
        assert_eq!(status, 200, "{path}: {reply}");
        let text = reply.pointer(pointer).and_then(|value| value.as_str());
        assert!(text.is_some_and(|text| !text.is_empty()), "{path}: {reply}");
    }
    for path in [
        "/health",
        "/livez",
        "/readyz",
        "/version",
        "/v1/models",
        "/api/2.0/endpoints/",
    ] {
        let (status, reply) = get(&server, path).await;
        assert_eq!(status, 200, "{path}: {reply}");
    }
}

#[tokio::test]
async fn the_demo_streams_and_calls_tools() {
    let server = Server::start(&[]);
    let body = chat("chat", true);
    let reply = plain_client()
        .post(server.url("/v1/chat/completions"))
        .json(&body)
        .send();
    let text = reply.await.unwrap().text().await.unwrap();
    assert!(
        text.matches("data: {").count() > 5 && text.ends_with("data: [DONE]\n\n"),
        "{text}"
    );
    let tool = json!({"type": "function", "function": {"name": "get_weather", "parameters": {
        "type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}}});
    let mut body = chat("chat", false);
    body["tools"] = json!([tool]);
    let (status, reply) = post(&server, "/v1/chat/completions", &body).await;
    let call = &reply["choices"][0]["message"]["tool_calls"][0]["function"];
    assert_eq!(
        (status, &call["name"]),
        (200, &json!("get_weather")),
        "{reply}"
    );
    assert!(call["arguments"].as_str().unwrap().contains("\"city\""));
}
