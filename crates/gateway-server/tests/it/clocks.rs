//! Clients that do not read, read slowly, or send no more; and what is given back when they are ended.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use gateway_testkit::chaos::{Behaviour, Chaos};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};

use crate::harness::{PATIENCE, Server, chat, client, folder, get, plain_client, post, simulators};

const MODEL: &str =
    "model: {provider: openai, name: gpt-x, config: {openai_api_key: sk-secret-key}}";

/// A provider whose streams never end and are as fast as they are read. Counts the connections that it has.
struct Endless {
    origin: String,
    open: Arc<AtomicUsize>,
}

impl Endless {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let open = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&open);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let counter = Arc::clone(&counter);
                tokio::spawn(async move {
                    counter.fetch_add(1, Ordering::SeqCst);
                    let _ = pour(stream).await;
                    counter.fetch_sub(1, Ordering::SeqCst);
                });
            }
        });
        Self { origin, open }
    }

    fn open(&self) -> usize {
        self.open.load(Ordering::SeqCst)
    }
}

async fn pour(mut stream: TcpStream) -> std::io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n";
    stream.write_all(head.as_bytes()).await?;
    let chunk = json!({
        "id": "c", "object": "chat.completion.chunk", "created": 1, "model": "gpt-x",
        "choices": [{"index": 0, "delta": {"content": "word ".repeat(100)}, "finish_reason": null}],
    });
    let events = format!("data: {chunk}\n\n").repeat(20);
    loop {
        stream.write_all(events.as_bytes()).await?;
    }
}

/// A connection that takes as little as the system lets it.
async fn narrow(server: &Server) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(2048).unwrap();
    let address = server.address().parse().unwrap();
    socket.connect(address).await.unwrap()
}

async fn send(stream: &mut TcpStream, path: &str, more: &str, body: &Value) {
    let body = body.to_string();
    let length = body.len();
    let text = format!(
        "POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n{more}\r\n{body}"
    );
    stream.write_all(text.as_bytes()).await.unwrap();
}

/// Waits until `done`.
async fn until(what: &str, mut done: impl AsyncFnMut() -> bool) {
    let begun = Instant::now();
    while !done().await {
        assert!(begun.elapsed() < PATIENCE, "{what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn in_flight(server: &Server) -> f64 {
    let sent = plain_client().get(server.url("/metrics")).send().await;
    let text = sent.unwrap().text().await.unwrap();
    let lines = text.lines();
    let counts = lines.filter_map(|line| line.strip_prefix("gateway_in_flight{")?.rsplit_once(' '));
    counts.map(|(_, count)| count.parse::<f64>().unwrap()).sum()
}

/// Reads slowly; what the end was.
async fn sip(stream: &mut TcpStream) -> std::io::Result<Vec<u8>> {
    let mut seen = Vec::new();
    let mut buffer = [0; 512];
    loop {
        match stream.read(&mut buffer).await? {
            0 => return Ok(seen),
            read => seen.extend_from_slice(&buffer[..read]),
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn config(server: &str, timeout: &str) -> String {
    format!(
        "endpoints:\n  - {{name: chat, endpoint_type: llm/v1/chat, timeout: {timeout}, max_concurrency: 3, \
         limits: [{{concurrent: 3, per: endpoint}}], {MODEL}}}\nserver: {server}\n"
    )
}

fn start(config: &str, origin: &str) -> (Server, tempfile::TempDir) {
    let (folder, path) = folder(config);
    let rule = format!("*={origin}");
    (Server::with(&path, &["--origin-override", &rule]), folder)
}

#[tokio::test]
async fn streams_that_nobody_reads_are_ended_by_the_calls_time_and_give_everything_back() {
    let provider = Endless::start().await;
    let config = config("{max_in_flight: 3}", "{total: 2s, idle: 1s}");
    let (server, _folder) = start(&config, &provider.origin);
    let passed = "/gateway/proxy/chat/v1/chat/completions";
    for path in ["/v1/chat/completions", "/v1/messages", passed] {
        let mut clients = Vec::new();
        for _ in 0..3 {
            let mut stream = narrow(&server).await;
            let mut body = chat("chat", true);
            body["max_tokens"] = json!(1000);
            send(&mut stream, path, "", &body).await;
            clients.push(stream);
        }
        until("all streams are under way", async || provider.open() == 3).await;
        // Another one has no place now, and has one when they were ended.
        let refused = post(&server, "/v1/chat/completions", &chat("chat", false)).await;
        assert!([429, 503].contains(&refused.0), "{path}: {refused:?}");
        until("the provider's streams are closed", async || {
            provider.open() == 0
        })
        .await;
        until("the calls are over", async || {
            in_flight(&server).await < 0.5
        })
        .await;
        for mut stream in clients {
            let cut = tokio::time::timeout(PATIENCE, sip(&mut stream)).await;
            assert!(cut.unwrap().is_err(), "{path}: a reset, no end");
        }
    }
}

#[tokio::test]
async fn a_slow_reader_is_ended_by_the_calls_time_however_fast_the_provider_is() {
    let provider = Endless::start().await;
    let config = config("{}", "{total: 30s, idle: 20s}");
    let (server, _folder) = start(&config, &provider.origin);
    let begun = Instant::now();
    let mut stream = narrow(&server).await;
    let more = "x-request-timeout: 2s\r\n";
    send(
        &mut stream,
        "/v1/chat/completions",
        more,
        &chat("chat", true),
    )
    .await;
    let end = tokio::time::timeout(PATIENCE, sip(&mut stream))
        .await
        .unwrap();
    assert!(
        begun.elapsed() < Duration::from_secs(15),
        "{:?}",
        begun.elapsed()
    );
    if let Ok(seen) = end {
        let text = String::from_utf8_lossy(&seen);
        assert!(text.contains("\"error\"") && !text.contains("[DONE]"));
    }
    until("the provider's stream is closed", async || {
        provider.open() == 0
    })
    .await;
}

#[tokio::test]
async fn a_client_that_takes_nothing_is_ended_by_the_clock_of_writing() {
    let provider = Endless::start().await;
    let config = config("{write_timeout: 1s}", "{total: 5m, idle: 2m}");
    let (server, _folder) = start(&config, &provider.origin);
    let mut stream = narrow(&server).await;
    send(&mut stream, "/v1/chat/completions", "", &chat("chat", true)).await;
    until("it is under way", async || provider.open() == 1).await;
    until("the provider's stream is closed", async || {
        provider.open() == 0
    })
    .await;
    let cut = tokio::time::timeout(PATIENCE, sip(&mut stream)).await;
    assert!(cut.unwrap().is_err(), "a reset, no end");
}

#[tokio::test]
async fn streams_of_http2_are_ended_alone() {
    let provider = Endless::start().await;
    for (bounds, timeout) in [
        ("{}", "{total: 2s, idle: 1s}"),
        ("{write_timeout: 1s}", "{total: 5m, idle: 2m}"),
    ] {
        let (server, _folder) = start(&config(bounds, timeout), &provider.origin);
        let client = client(|builder| {
            builder
                .http2_prior_knowledge()
                .http2_initial_stream_window_size(16 * 1024)
        });
        let url = server.url("/v1/chat/completions");
        let mut replies = Vec::new();
        for _ in 0..3 {
            let sent = client.post(&url).json(&chat("chat", true)).send().await;
            replies.push(sent.unwrap());
        }
        until("all streams are under way", async || provider.open() == 3).await;
        until("the provider's streams are closed", async || {
            provider.open() == 0
        })
        .await;
        for reply in replies {
            let error = reply.text().await.unwrap_err();
            assert!(error.is_body() || error.is_decode(), "{error:?}");
        }
        let alive = client.get(server.url("/livez")).send().await.unwrap();
        assert_eq!(alive.version(), http::Version::HTTP_2);
        until("the calls are over", async || {
            in_flight(&server).await < 0.5
        })
        .await;
    }
}

#[tokio::test]
async fn whole_answers_that_nobody_reads_keep_their_places_until_they_are_ended() {
    let upstream = Chaos::start().await.unwrap();
    let text = "x".repeat(20 * 1024 * 1024);
    let body = json!({
        "id": "c", "object": "chat.completion", "created": 1, "model": "gpt-x",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
    });
    upstream.always(Behaviour::answer(gateway_testkit::chaos::Reply::json(
        body.to_string(),
    )));
    for (bounds, timeout) in [
        ("{max_in_flight: 3}", "{total: 3s}"),
        ("{max_in_flight: 3, write_timeout: 2s}", "{total: 5m}"),
    ] {
        let (server, _folder) = start(&config(bounds, timeout), &upstream.origin());
        let mut clients = Vec::new();
        for _ in 0..3 {
            let mut stream = narrow(&server).await;
            send(
                &mut stream,
                "/v1/chat/completions",
                "",
                &chat("chat", false),
            )
            .await;
            // Its answer has begun.
            stream.read_exact(&mut [0; 12]).await.unwrap();
            clients.push(stream);
        }
        assert!(in_flight(&server).await > 2.5);
        let refused = post(&server, "/v1/chat/completions", &chat("chat", false)).await;
        assert!([429, 503].contains(&refused.0), "{refused:?}");
        until("the calls are over", async || {
            in_flight(&server).await < 0.5
        })
        .await;
        let (status, answer) = post(&server, "/v1/chat/completions", &chat("chat", false)).await;
        assert_eq!(status, 200);
        assert_eq!(answer["choices"][0]["message"]["content"], text);
        for mut stream in clients {
            let cut = tokio::time::timeout(PATIENCE, sip(&mut stream)).await;
            assert!(cut.unwrap().is_err(), "a reset, no end");
        }
    }
}

#[tokio::test]
async fn a_client_that_sends_no_more_gets_its_answer() {
    let slow = "time_to_first_token: 1s, tokens_per_second: 100, reply_tokens: 100";
    let config =
        simulators(&["slow"], slow) + &simulators(&["fast"], "").replace("endpoints:\n", "");
    let (_folder, path) = folder(&config);
    let server = Server::with(&path, &[]);
    for endpoint in ["slow", "fast"] {
        for stream in [false, true] {
            let mut half = TcpStream::connect(server.address()).await.unwrap();
            send(
                &mut half,
                "/v1/chat/completions",
                "",
                &chat(endpoint, stream),
            )
            .await;
            half.shutdown().await.unwrap();
            let mut reply = String::new();
            let read = tokio::time::timeout(PATIENCE, half.read_to_string(&mut reply));
            read.await.unwrap().unwrap();
            let end = if stream {
                "data: [DONE]\n\n\r\n0\r\n\r\n"
            } else {
                "}"
            };
            assert!(reply.contains("HTTP/1.1 200 OK\r\n"), "{endpoint}: {reply}");
            assert!(reply.ends_with(end), "{endpoint}: {reply}");
        }
    }
}

#[tokio::test]
async fn a_client_that_leaves_before_its_answer_ends_the_providers_work() {
    let upstream = Chaos::start().await.unwrap();
    upstream.always(Behaviour::stall());
    let (server, _folder) = start(&config("{}", "{total: 5m}"), &upstream.origin());
    for leave in [false, true] {
        let mut stream = TcpStream::connect(server.address()).await.unwrap();
        send(
            &mut stream,
            "/v1/chat/completions",
            "",
            &chat("chat", false),
        )
        .await;
        until("the provider is asked", async || upstream.open() == 1).await;
        if leave {
            // First it only sends no more.
            stream.shutdown().await.unwrap();
            tokio::time::sleep(Duration::from_millis(700)).await;
            assert_eq!(upstream.open(), 1, "it may still read");
        }
        let begun = Instant::now();
        drop(stream);
        until("the provider is let go", async || upstream.open() == 0).await;
        let bound = if leave { 8 } else { 1 };
        assert!(
            begun.elapsed() < Duration::from_secs(bound),
            "{:?}",
            begun.elapsed()
        );
    }
}

#[tokio::test]
async fn http11_without_exactly_one_host_is_refused() {
    let server = Server::start(&[]);
    for (version, hosts, status) in [
        ("1.1", "host: localhost\r\n", "200"),
        ("1.1", "", "400"),
        ("1.1", "host: localhost\r\nhost: b\r\n", "400"),
        ("1.1", "host: localhost\r\nHost: localhost\r\n", "400"),
        ("1.0", "", "200"),
    ] {
        let mut stream = TcpStream::connect(server.address()).await.unwrap();
        let text = format!("GET /livez HTTP/{version}\r\nconnection: close\r\n{hosts}\r\n");
        stream.write_all(text.as_bytes()).await.unwrap();
        let mut reply = String::new();
        stream.read_to_string(&mut reply).await.unwrap();
        let got = reply.split(' ').nth(1);
        assert_eq!(got, Some(status), "{version} {hosts:?}: {reply}");
    }
}

#[tokio::test]
async fn connections_of_http2_that_ask_nothing_are_closed() {
    let config = simulators(&["chat"], "") + "server: {idle_timeout: 1s}\n";
    let (_folder, path) = folder(&config);
    let server = Server::with(&path, &[]);
    // A preface, settings, and one request that is answered: GET / with its literal heads.
    let mut stream = TcpStream::connect(server.address()).await.unwrap();
    let mut hello = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0".to_vec();
    let head = b"\x82\x84\x86\x41\x09localhost";
    hello.extend_from_slice(&[0, 0, u8::try_from(head.len()).unwrap(), 1, 5, 0, 0, 0, 1]);
    hello.extend_from_slice(head);
    stream.write_all(&hello).await.unwrap();
    let begun = Instant::now();
    let (mut reading, mut writing) = stream.into_split();
    let pings = tokio::spawn(async move {
        let ping = b"\0\0\x08\x06\0\0\0\0\0abcdefgh";
        while writing.write_all(ping).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    });
    let mut seen = Vec::new();
    let _ = tokio::time::timeout(PATIENCE, reading.read_to_end(&mut seen))
        .await
        .expect("the connection is closed");
    assert!(begun.elapsed() > Duration::from_secs(1));
    assert!(seen.len() > 9, "it was answered before");
    drop(reading);
    let _ = pings.await;
}

#[tokio::test]
async fn a_flood_of_frames_ends_its_connection_and_no_other() {
    let server = Server::start(&[]);
    for frame in [
        &b"\0\0\x08\x06\0\0\0\0\0abcdefgh"[..],
        b"\0\0\0\x04\0\0\0\0\0",
        b"\0\0\x05\x02\0\0\0\0\x01\0\0\0\0\0",
    ] {
        let mut stream = TcpStream::connect(server.address()).await.unwrap();
        let hello = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
        stream.write_all(hello).await.unwrap();
        let (mut reading, mut writing) = stream.into_split();
        tokio::spawn(
            async move { while reading.read(&mut [0; 4096]).await.is_ok_and(|n| n > 0) {} },
        );
        let flood = async {
            let frames = frame.repeat(500);
            while writing.write_all(&frames).await.is_ok() {}
        };
        let ended = tokio::time::timeout(PATIENCE, flood).await;
        assert!(ended.is_ok(), "{frame:?}: the connection is closed");
        assert_eq!(get(&server, "/livez").await.0, 200);
    }
}
