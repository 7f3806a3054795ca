//! Raw bytes into the HTTP edge, over a pair of sockets in memory.
//!
//! Whatever a client sends, the connection ends, every answer has a head of HTTP/1, and none is a 500.

#![no_main]

use std::sync::OnceLock;
use std::time::Duration;

use gateway_core::config::{NoLookup, Source, Strictness, load};
use gateway_core::{Checked, EngineBuilder, Gateway, GatewayBuilder, Registry};
use gateway_provider_simulator::SIMULATOR;
use gateway_testkit::{ManualClock, ScriptedTransport, deps};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::runtime::{Builder, Runtime};

const CONFIGURATION: &str = "
endpoints:
  - {name: chat, endpoint_type: llm/v1/chat, model: {provider: simulator, name: m, config: {reply_tokens: 3}}}
  - {name: completions, endpoint_type: llm/v1/completions, model: {provider: simulator, name: m, config: {reply_tokens: 3}}}
  - {name: embeddings, endpoint_type: llm/v1/embeddings, model: {provider: simulator, name: m, config: {dimensions: 2}}}
";
/// How long a connection may take, on a clock that runs only when there is nothing to do.
const PATIENCE: Duration = Duration::from_secs(3_600);

fn gateway() -> Gateway {
    let registry = Registry::new().with(SIMULATOR);
    let source = Source::new("fuzz.yaml", CONFIGURATION);
    let plan = load(source, &NoLookup, &Checked(&registry), Strictness::Strict)
        .expect("the configuration is fine")
        .plan;
    let transport = ScriptedTransport::new();
    let engine = EngineBuilder::new(registry, deps(&transport))
        .build(&plan)
        .expect("the plan is fine");
    GatewayBuilder::new(engine, std::sync::Arc::new(ManualClock::new())).build()
}

/// Sends `data` and reads everything that comes back.
async fn exchange(gateway: Gateway, data: &[u8]) -> Vec<u8> {
    let (client, server) = tokio::io::duplex(64 * 1024);
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(Duration::from_secs(10))
        .half_close(true)
        .serve_connection(TokioIo::new(server), TowerToHyperService::new(gateway));
    let (mut answers, mut questions) = tokio::io::split(client);
    let asking = async {
        // A connection that was refused takes no more.
        let _ = questions.write_all(data).await;
        let _ = questions.shutdown().await;
    };
    let mut answer = Vec::new();
    let reading = answers.read_to_end(&mut answer);
    let all = async { tokio::join!(connection, asking, reading) };
    let ended = tokio::time::timeout(PATIENCE, all).await;
    assert!(ended.is_ok(), "the connection does not end");
    answer
}

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    static READY: OnceLock<(Runtime, Gateway)> = OnceLock::new();
    let (runtime, gateway) = READY.get_or_init(|| {
        let runtime = Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .expect("a runtime");
        let gateway = gateway();
        (runtime, gateway)
    });
    let answer = runtime.block_on(exchange(gateway.clone(), data));
    assert!(answer.is_empty() || answer.starts_with(b"HTTP/1."));
    let failed = answer.windows(12).any(|window| window == b"HTTP/1.1 500");
    assert!(!failed, "{}", String::from_utf8_lossy(&answer));
});
