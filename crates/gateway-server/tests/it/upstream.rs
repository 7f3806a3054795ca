//! The way out: overrides of origins, and providers that misbehave behind real sockets.

use std::time::{Duration, Instant};

use gateway_testkit::chaos::{Behaviour, Chaos, Reply, refused_origin};
use serde_json::{Value, json};

use crate::harness::{Server, chat, folder, plain_client, post};

const CONFIG: &str = "
endpoints:
  - name: chat
    endpoint_type: llm/v1/chat
    timeout: {first_event: 2s, idle: 1s, total: 10s}
    model: {provider: openai, name: gpt-x, config: {openai_api_key: sk-secret-key}}
";

fn good() -> Reply {
    let body = json!({
        "id": "c", "object": "chat.completion", "created": 1, "model": "gpt-x",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hi"}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
    });
    Reply::json(body.to_string())
}

fn chunk(content: &str, finish: &Value) -> String {
    let chunk = json!({
        "id": "c", "object": "chat.completion.chunk", "created": 1, "model": "gpt-x",
        "choices": [{"index": 0, "delta": {"content": content}, "finish_reason": finish}],
    });
    format!("data: {chunk}\n\n")
}

fn events() -> Reply {
    Reply::sse([
        chunk("He", &Value::Null),
        chunk("llo", &Value::Null),
        chunk("", &json!("stop")),
        "data: [DONE]\n\n".to_owned(),
    ])
}

fn start(origin: &str) -> (Server, tempfile::TempDir) {
    let (folder, path) = folder(CONFIG);
    let rule = format!("*={origin}");
    (Server::with(&path, &["--origin-override", &rule]), folder)
}

#[tokio::test]
async fn an_override_keeps_path_and_host_and_the_callers_credential_stays_here() {
    let upstream = Chaos::start().await.unwrap();
    upstream.always(Behaviour::answer(good()));
    let (server, _folder) = start(&upstream.origin());
    let reply = plain_client()
        .post(server.url("/v1/chat/completions"))
        .header("authorization", "Bearer caller-credential")
        .header("cookie", "session=caller-credential")
        .json(&chat("chat", false))
        .send()
        .await
        .unwrap();
    assert_eq!(reply.status(), 200);
    let received = upstream.received();
    assert_eq!(received[0].path, "/v1/chat/completions");
    assert_eq!(received[0].header("host"), Some("api.openai.com"));
    assert_eq!(
        received[0].header("authorization"),
        Some("Bearer sk-secret-key")
    );
    assert!(!format!("{received:?}").contains("caller-credential"));
    let body: Value = serde_json::from_slice(&received[0].body).unwrap();
    assert_eq!(body["model"], "gpt-x");
}

#[tokio::test]
async fn failures_before_the_first_event_are_proper_errors() {
    let upstream = Chaos::start().await.unwrap();
    let (server, _folder) = start(&upstream.origin());
    for (behaviour, statuses) in [
        (Behaviour::hang_up(), [502, 503]),
        (Behaviour::reset(), [502, 503]),
        (
            Behaviour::garbage("220 smtp.example.com ESMTP\r\n"),
            [502, 502],
        ),
        (Behaviour::answer(good()).wrong_length(40), [502, 502]),
        (
            Behaviour::answer(Reply::json("{\"choices\": [")),
            [502, 502],
        ),
        (Behaviour::answer(events()).cut_after(0), [502, 502]),
        (Behaviour::stall(), [504, 504]),
    ] {
        upstream.always(behaviour.clone());
        for stream in [false, true] {
            let (status, reply) =
                post(&server, "/v1/chat/completions", &chat("chat", stream)).await;
            assert!(
                statuses.contains(&status),
                "{behaviour:?}: {status} {reply}"
            );
            assert!(
                reply["error"]["message"].is_string(),
                "{behaviour:?}: {reply}"
            );
            assert!(!reply.to_string().contains("sk-secret-key"));
        }
    }
}

#[tokio::test]
async fn a_refused_connection_is_told() {
    let (server, _folder) = start(&refused_origin().await.unwrap());
    let (status, reply) = post(&server, "/v1/chat/completions", &chat("chat", true)).await;
    assert!([502, 503].contains(&status), "{status} {reply}");
}

#[tokio::test]
async fn a_stream_that_breaks_or_stalls_never_ends_well() {
    let upstream = Chaos::start().await.unwrap();
    let (server, _folder) = start(&upstream.origin());
    let after = chunk("He", &Value::Null).len() + 5;
    for behaviour in [
        Behaviour::answer(events()).cut_after(after),
        Behaviour::answer(events()).reset_after(after),
        Behaviour::answer(events()).stall_after(after),
    ] {
        upstream.always(behaviour.clone());
        let sent = plain_client().post(server.url("/v1/chat/completions"));
        let reply = sent.json(&chat("chat", true)).send().await.unwrap();
        assert_eq!(reply.status(), 200);
        let text = reply.text().await.unwrap();
        assert!(
            text.contains("He") && text.contains("\"error\""),
            "{behaviour:?}: {text}"
        );
        assert!(!text.contains("[DONE]"), "{behaviour:?}: {text}");
    }
}

#[tokio::test]
async fn a_caller_who_leaves_ends_the_upstream_call() {
    let upstream = Chaos::start().await.unwrap();
    let after = chunk("He", &Value::Null).len();
    upstream.always(Behaviour::answer(events()).stall_after(after));
    let (server, _folder) = start(&upstream.origin());
    let sent = plain_client().post(server.url("/v1/chat/completions"));
    let reply = sent.json(&chat("chat", true)).send().await.unwrap();
    assert_eq!(upstream.open(), 1);
    drop(reply);
    let begun = Instant::now();
    while upstream.open() > 0 {
        assert!(begun.elapsed() < Duration::from_millis(900), "still open");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
