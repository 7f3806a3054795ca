//! What is tried, how often, and what the gateway says of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use gateway_testkit::chaos::{Behaviour, Chaos, Reply};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::harness::{Server, chat, folder, plain_client};

const MODEL: &str =
    "model: {provider: openai, name: gpt-x, config: {openai_api_key: sk-secret-key}}";
const SHORT: &str = "timeout: {first_event: 400ms, idle: 400ms, total: 5s}";
const RETRY: &str = "retry: {max_attempts: 3, initial_backoff: 1ms, max_backoff: 2ms, budget: 10}";

fn config() -> String {
    let endpoint = |name: &str, more: &str| {
        format!("  - {{name: {name}, endpoint_type: llm/v1/chat, {SHORT}, {MODEL}{more}}}\n")
    };
    let simulated =
        "  - {name: sim, endpoint_type: llm/v1/chat, model: {provider: simulator, name: sim}}\n";
    let all = [
        endpoint("plain", ""),
        endpoint("retrying", &format!(", {RETRY}")),
        endpoint("falling", ", fallback: [sim]"),
    ];
    format!("endpoints:\n{}{simulated}", all.concat())
}

fn start(origin: &str) -> (Server, tempfile::TempDir) {
    let (folder, path) = folder(&config());
    let rule = format!("*={origin}");
    (Server::with(&path, &["--origin-override", &rule]), folder)
}

/// Status, tries and body of a chat call.
async fn ask(server: &Server, endpoint: &str, stream: bool) -> (u16, String, String) {
    let sent = plain_client().post(server.url("/v1/chat/completions"));
    let reply = sent.json(&chat(endpoint, stream)).send().await.unwrap();
    let tries = reply.headers().get("x-gateway-attempts");
    let tries = tries.map_or("", |value| value.to_str().unwrap()).to_owned();
    (reply.status().as_u16(), tries, reply.text().await.unwrap())
}

/// How often tries at the provider ended so, as `/metrics` counts.
async fn counted(server: &Server, outcome: &str) -> usize {
    let sent = plain_client().get(server.url("/metrics")).send().await;
    let text = sent.unwrap().text().await.unwrap();
    let of_provider = |line: &&str| {
        line.starts_with("gateway_attempts_total{")
            && line.contains("provider=\"openai\"")
            && line.contains(&format!("outcome=\"{outcome}\""))
    };
    let counts = text.lines().filter(of_provider);
    counts
        .map(|line| line.rsplit_once(' ').unwrap().1.parse::<usize>().unwrap())
        .sum()
}

fn event(delta: &Value, finish: &Value) -> String {
    let chunk = json!({
        "id": "c", "object": "chat.completion.chunk", "created": 1, "model": "gpt-x",
        "choices": [{"index": 0, "delta": delta, "finish_reason": finish}],
    });
    format!("data: {chunk}\n\n")
}

fn events() -> Reply {
    Reply::sse([
        event(&json!({"role": "assistant", "content": ""}), &Value::Null),
        event(&json!({"content": "Hello"}), &Value::Null),
        event(&json!({}), &json!("stop")),
        "data: [DONE]\n\n".to_owned(),
    ])
}

fn answer() -> String {
    let body = json!({
        "id": "c", "object": "chat.completion", "created": 1, "model": "gpt-x",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hi"}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
    });
    body.to_string()
}

fn whole() -> Reply {
    Reply::json(answer())
}

#[tokio::test]
async fn a_try_that_timed_out_is_recorded_as_one() {
    let upstream = Chaos::start().await.unwrap();
    let (server, _folder) = start(&upstream.origin());
    // Silence before the head, and silence after it.
    let silences = [
        Behaviour::stall(),
        Behaviour::answer(whole()).stall_after(10),
    ];
    let mut expected = 0;
    for silence in silences {
        upstream.always(silence);
        for stream in [false, true] {
            for (endpoint, status, tries) in [
                ("plain", 504, "openai/gpt-x:timeout"),
                ("retrying", 504, "openai/gpt-x:timeout"),
                ("falling", 200, "openai/gpt-x:timeout,simulator/sim:"),
            ] {
                let got = ask(&server, endpoint, stream).await;
                assert_eq!(got.0, status, "{endpoint}: {got:?}");
                assert!(got.1.starts_with(tries), "{endpoint}: {got:?}");
                expected += 1;
            }
        }
    }
    assert_eq!(counted(&server, "timeout").await, expected);
    assert_eq!(counted(&server, "ok").await, 0);
}

#[tokio::test]
async fn a_stream_that_begins_and_stalls_is_no_good_try() {
    let upstream = Chaos::start().await.unwrap();
    let (server, _folder) = start(&upstream.origin());
    let first = event(&json!({"role": "assistant", "content": ""}), &Value::Null);
    let second = event(&json!({"content": "Hello"}), &Value::Null);
    for (index, length) in [first.len(), first.len() + second.len()].iter().enumerate() {
        upstream.always(Behaviour::answer(events()).stall_after(*length));
        let (status, _, text) = ask(&server, "plain", true).await;
        assert_eq!(status, 200);
        assert!(text.contains("\"error\""), "{text}");
        assert_eq!(counted(&server, "timeout").await, index + 1);
    }
    assert_eq!(counted(&server, "ok").await, 0);
}

#[tokio::test]
async fn a_stream_cut_before_its_first_event_is_tried_again_at_the_same_target() {
    let upstream = Chaos::start().await.unwrap();
    let (server, _folder) = start(&upstream.origin());
    let head = event(&json!({"role": "assistant", "content": ""}), &Value::Null).len();
    upstream.always(Behaviour::answer(events()));
    for behaviour in [
        Behaviour::answer(events()).cut_after(0),
        Behaviour::answer(events()).cut_after(head),
        Behaviour::answer(events()).reset_after(head),
        Behaviour::answer(whole()).cut_after(10),
    ] {
        for stream in [true, false] {
            if !stream {
                upstream.always(Behaviour::answer(whole()));
            }
            upstream.push(behaviour.clone());
            let (status, tries, text) = ask(&server, "retrying", stream).await;
            assert_eq!(status, 200, "{behaviour:?}: {tries} {text}");
            assert_eq!(tries.matches(',').count(), 1, "{behaviour:?}: {tries}");
            assert!(!text.contains("\"error\""), "{text}");
        }
        upstream.always(Behaviour::answer(events()));
    }
}

/// A provider that answers the first request of a connection, and takes the second whole and closes. Counts requests.
async fn closing() -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    let requests = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&requests);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let counter = Arc::clone(&counter);
            tokio::spawn(async move {
                let answer = answer();
                if read_request(&mut stream).await.is_some() {
                    counter.fetch_add(1, Ordering::SeqCst);
                    let length = answer.len();
                    let head = format!(
                        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n"
                    );
                    stream.write_all(head.as_bytes()).await.unwrap();
                    stream.write_all(answer.as_bytes()).await.unwrap();
                }
                if read_request(&mut stream).await.is_some() {
                    counter.fetch_add(1, Ordering::SeqCst);
                }
            });
        }
    });
    (origin, requests)
}

async fn read_request(stream: &mut TcpStream) -> Option<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).unwrap().to_ascii_lowercase();
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "))
        .map_or(0, |length| length.parse().unwrap());
    stream.read_exact(&mut vec![0; length]).await.ok()?;
    Some(())
}

#[tokio::test]
async fn a_post_that_a_provider_took_whole_is_not_sent_again_unseen() {
    let (origin, requests) = closing().await;
    let (server, _folder) = start(&origin);
    let count = || requests.load(Ordering::SeqCst);
    for (path, body) in [
        ("/v1/chat/completions", chat("plain", false)),
        (
            "/gateway/proxy/plain/v1/batches",
            json!({"input_file_id": "f"}),
        ),
        (
            "/gateway/proxy/plain/v1/fine_tuning/jobs",
            json!({"model": "gpt-x"}),
        ),
    ] {
        let send = || plain_client().post(server.url(path)).json(&body).send();
        assert_eq!(send().await.unwrap().status(), 200, "{path}");
        let before = count();
        let refused = send().await.unwrap();
        assert!(refused.status().is_server_error(), "{path}: {refused:?}");
        assert_eq!(count(), before + 1, "{path}: the provider got it once");
        let tries = refused.headers().get("x-gateway-attempts").unwrap();
        assert_eq!(tries.to_str().unwrap().matches(',').count(), 0, "{tries:?}");
    }
}

#[tokio::test]
async fn every_request_that_is_sent_again_is_recorded() {
    let (origin, requests) = closing().await;
    let (server, _folder) = start(&origin);
    let models = server.url("/gateway/proxy/plain/v1/models");
    for (number, tries) in [
        "openai/gpt-x:200",
        "openai/gpt-x:unavailable,openai/gpt-x:200",
    ]
    .iter()
    .enumerate()
    {
        let reply = plain_client().get(&models).send().await.unwrap();
        assert_eq!(reply.status(), 200);
        let got = reply.headers().get("x-gateway-attempts").unwrap();
        assert_eq!(got, tries);
        assert_eq!(requests.load(Ordering::SeqCst), 1 + 2 * number);
    }
    // Where the endpoint is configured to try again, a call of a model is; and it shows.
    assert_eq!(ask(&server, "retrying", false).await.0, 200);
    let (status, tries, text) = ask(&server, "retrying", false).await;
    assert_eq!(status, 200, "{text}");
    assert_eq!(tries, "openai/gpt-x:unavailable,openai/gpt-x:200");
}
