//! Whole calls: a request in, the reply read to its end.

use std::cell::Cell;
use std::fmt::Write as _;
use std::rc::Rc;

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use http_body_util::{BodyExt as _, Full};
use tokio::runtime::{Builder, Runtime};
use tower_service::Service as _;

use super::Once;
use crate::inside::{Inside, Script};
use crate::request::{Ask, stamp};
use crate::shapes::Shape;

/// What an endpoint may have besides. The limits are never reached.
const POLICIES: [(&str, &str); 6] = [
    (
        "limits",
        "    limits:\n      - {per: key, requests: 1000000000, every: 60s}\n      - {per: key, tokens: 1000000000000, every: 60s}\n",
    ),
    (
        "breaker",
        "    breaker: {failures: 1000, within: 30s, open_for: 1s}\n",
    ),
    ("retry", "    retry: {max_attempts: 3}\n"),
    (
        "timeout",
        "    timeout: {first_event: 60s, idle: 60s, total: 300s}\n",
    ),
    ("concurrency", "    max_concurrency: 1000\n"),
    (
        "cache",
        "    cache: {ttl: 10m, max_entries: 1000, max_bytes: 64MiB}\n",
    ),
];
/// What is on when everything is.
const FULL: [&str; 4] = ["limits", "breaker", "timeout", "cache"];
const AUTH: &str = "auth:\n  keys:\n    - {name: bench, key: sk-bench, metadata: {team: bench}}\n";
const PRICE: &str = "    price: {input: 0.15, output: 0.6}\n";

/// A configuration with nothing on but `what`: `bare`, `auth`, `full`, or one of the policies.
fn config(what: &str) -> Result<String, String> {
    let full = what == "full";
    let head = if full || what == "auth" { AUTH } else { "" };
    let mut more = String::new();
    for (name, text) in POLICIES {
        if name == what || full && FULL.contains(&name) {
            more.push_str(text);
        }
    }
    if full {
        more.push_str(PRICE);
    }
    if more.is_empty() && !matches!(what, "bare" | "auth") {
        return Err(format!("nothing is called {what}"));
    }
    Ok(format!(
        "telemetry: {{prometheus: true, log: {{format: json}}}}
{head}endpoints:
  - name: chat
    endpoint_type: llm/v1/chat
    model: {{provider: openai, name: gpt-4o-mini, config: {{openai_api_key: sk-upstream}}}}
{more}  - name: claude
    endpoint_type: llm/v1/chat
    model: {{provider: anthropic, name: claude-sonnet-4-20250514, config: {{anthropic_api_key: sk-upstream}}}}
{more}"
    ))
}

/// `<size>-<what is on>`, `1k-translated`, `1k-hit`, `stream-<events>`, `stream-<events>-translated`.
pub(super) fn make(how: &str) -> Result<Once, String> {
    let (first, rest) = how.split_once('-').unwrap_or((how, "full"));
    if first == "stream" {
        let (events, model) = match rest.strip_suffix("-translated") {
            Some(events) => (events, "claude"),
            None => (rest, "chat"),
        };
        let events: usize = events.parse().map_err(|_| "how many events?")?;
        let script = Script::stream(events.saturating_sub(4));
        return calls(&config("full")?, script, &ask(1024, model, true));
    }
    let bytes = super::size(first).ok_or("how large?")?;
    let script = Script::whole(1024);
    match rest {
        "translated" => calls(&config("full")?, script, &ask(bytes, "claude", false)),
        "hit" => {
            let mut ask = ask(bytes, "chat", false);
            ask.distinct = false;
            calls(&config("full")?, script, &ask)
        }
        _ if rest.starts_with("endpoints:") => {
            let count = rest.rsplit(':').next().unwrap_or_default();
            let count: usize = count.parse().map_err(|_| "how many endpoints?")?;
            let mut yaml = config("full")?;
            for number in 1..count {
                let _ = write!(
                    yaml,
                    "  - name: other{number}\n    endpoint_type: llm/v1/chat\n    model: {{provider: openai, name: gpt-4o-mini, config: {{openai_api_key: sk-upstream}}}}\n"
                );
            }
            calls(&yaml, script, &ask(bytes, "chat", false))
        }
        what => calls(&config(what)?, script, &ask(bytes, "chat", false)),
    }
}

fn ask(bytes: usize, model: &str, stream: bool) -> Ask {
    Ask {
        shape: Shape::OpenAi,
        model: model.to_owned(),
        bytes,
        stream,
        key: "sk-bench".to_owned(),
        distinct: true,
    }
}

fn calls(yaml: &str, script: Script, ask: &Ask) -> Result<Once, String> {
    let runtime = Builder::new_current_thread()
        .enable_time()
        .build()
        .map_err(|error| error.to_string())?;
    let runtime = Rc::new(runtime);
    let mut inside = runtime.block_on(async { Inside::new(yaml, script) })?;
    let body = ask.body();
    let distinct = ask.distinct;
    let number = Cell::new(0);
    Ok(Box::new(move || {
        let mut text = body.clone().into_bytes();
        let turn = number.replace(number.get() + 1);
        if distinct {
            stamp(&mut text, turn);
        }
        once(&runtime, &mut inside, Bytes::from(text));
        // The queue of records must not fill: its reader's work is part of a call's.
        if turn % 50 == 49 {
            inside.telemetry.prometheus();
        }
    }))
}

fn once(runtime: &Runtime, inside: &mut Inside, body: Bytes) {
    let length = body.len();
    let request = Request::post("/v1/chat/completions")
        .header("host", "127.0.0.1:5000")
        .header("authorization", "Bearer sk-bench")
        .header("content-type", "application/json")
        .header("accept", "*/*")
        .header("user-agent", "count/1")
        .header("content-length", length)
        .body(Full::new(body));
    let Ok(request) = request else { return };
    runtime.block_on(async {
        let Ok(response) = inside.gateway.call(request).await;
        read(response).await;
    });
}

async fn read<B: Body + Unpin>(response: Response<B>) {
    assert!(response.status().is_success(), "{}", response.status());
    let mut body = response.into_body();
    while let Some(Ok(frame)) = body.frame().await {
        std::hint::black_box(&frame);
    }
}
