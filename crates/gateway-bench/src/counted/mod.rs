//! Work whose instructions are counted. It is done inside `measured`, which a profiler is told to collect.
//!
//! A name says what and how much: `call-1k-limits` is a call of 1 KB with nothing on but limits. What a layer costs is
//! the difference to `call-1k-bare`.

mod calls;
mod dialects;
mod pieces;

/// Does the work once.
type Once = Box<dyn FnMut()>;

/// Everything that is counted and compared with what was recorded.
pub const WORKS: &[&str] = &[
    "scan-1k",
    "scan-64k",
    "splice-1k",
    "splice-64k",
    "events-65",
    "observe-reply",
    "observe-stream",
    "openai/encode-request",
    "openai/decode-request",
    "openai/encode-reply",
    "openai/decode-reply",
    "openai/encode-stream",
    "openai/decode-stream",
    "anthropic/encode-request",
    "anthropic/decode-request",
    "anthropic/encode-reply",
    "anthropic/decode-reply",
    "anthropic/encode-stream",
    "anthropic/decode-stream",
    "gemini/encode-request",
    "gemini/decode-request",
    "gemini/encode-reply",
    "gemini/decode-reply",
    "gemini/encode-stream",
    "gemini/decode-stream",
    "bedrock/encode-request",
    "bedrock/decode-request",
    "bedrock/encode-reply",
    "bedrock/decode-reply",
    "bedrock/encode-stream",
    "bedrock/decode-stream",
    "cohere/encode-request",
    "mlflow/encode-reply",
    "mlflow/encode-stream",
    "openai_responses/decode-request",
    "openai_responses/encode-reply",
    "openai_responses/encode-stream",
    "key-1",
    "key-100000",
    "limit-1",
    "limit-10000",
    "cache-1000",
    "call-1k-bare",
    "call-1k-auth",
    "call-1k-limits",
    "call-1k-breaker",
    "call-1k-retry",
    "call-1k-timeout",
    "call-1k-concurrency",
    "call-1k-cache",
    "call-1k-full",
    "call-64k-full",
    "call-1k-translated",
    "call-1k-hit",
    "call-stream-65",
    "call-stream-65-translated",
];

/// Does the work called `name` a few times to warm up, then `times` times where it is counted.
///
/// # Errors
/// No such work, or it cannot be prepared.
pub fn run(name: &str, times: u32) -> Result<(), String> {
    let mut once = make(name)?;
    for _ in 0..20 {
        once();
    }
    measured(&mut *once, times);
    Ok(())
}

/// What is counted. Not inlined, so that it can be named.
#[inline(never)]
fn measured(once: &mut dyn FnMut(), times: u32) {
    for _ in 0..times {
        once();
    }
}

fn make(name: &str) -> Result<Once, String> {
    if let Some((dialect, what)) = name.split_once('/') {
        return match what {
            "encode-request" => dialects::encode_request(dialect),
            "decode-request" => dialects::decode_request(dialect),
            "encode-reply" => dialects::encode_reply(dialect),
            "decode-reply" => dialects::decode_reply(dialect),
            "encode-stream" => dialects::encode_stream(dialect),
            "decode-stream" => dialects::decode_stream(dialect),
            _ => Err(format!("no work is called {name}")),
        };
    }
    let (what, how) = name.split_once('-').unwrap_or((name, ""));
    let much = || size(how).ok_or_else(|| format!("{name}: how much is {how}?"));
    Ok(match what {
        "scan" => pieces::scan(much()?),
        "splice" => pieces::splice_model(much()?)?,
        "events" => pieces::events(much()?.saturating_sub(4)),
        "observe" if how == "reply" => dialects::observe_reply(),
        "observe" => dialects::observe_stream(61),
        "key" => pieces::key(much()?)?,
        "limit" => pieces::limit(much()?),
        "cache" => pieces::cache(much()? as u64),
        "call" => calls::make(how)?,
        _ => return Err(format!("no work is called {name}")),
    })
}

/// `64k` is 65536.
fn size(text: &str) -> Option<usize> {
    match text.strip_suffix('k') {
        Some(number) => Some(number.parse::<usize>().ok()? * 1024),
        None => text.parse().ok(),
    }
}
