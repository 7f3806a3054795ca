use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use gateway_json::Envelope;
use gateway_provider::{Call, Context, Lane, Payload, Reply, ReplyBody, ReplyStream, Whole};
use gateway_schema::chat::{ChatRequest, Message};
use gateway_schema::stream::{Facts, Frame, FrameData};
use gateway_schema::{CallError, Decoded, Dialect, ErrorKind, Operation, Request, Retry};
use gateway_store::cache::CacheBounds;
use gateway_testkit::store::MemoryRemote;
use gateway_testkit::{Answer, ScriptedProvider};
use http::HeaderMap;
use tower::{Service, ServiceExt, service_fn};

use super::{Answers, CacheConfig, Cached};
use crate::testing;

const TTL: Duration = Duration::from_mins(1);

fn answers() -> Answers {
    Answers::new(CacheBounds::new(100, 1 << 20))
}

fn config() -> CacheConfig {
    CacheConfig::new(TTL)
}

/// A call that asks `text`.
fn ask(text: &str, stream: bool) -> Call {
    let started = tokio::time::Instant::now().into_std();
    let context = Context::new("r".into(), "chat".into(), started);
    let request = ChatRequest::new(vec![Message::user(text)]);
    let payload = Payload::from_request(Request::Chat(Box::new(request)));
    Call::new(context, Operation::Chat, stream, payload)
}

fn with_header(mut call: Call, name: &'static str, value: &'static str) -> Call {
    let mut headers = HeaderMap::new();
    headers.insert(name, value.parse().unwrap());
    call.context.headers = Arc::new(headers);
    call
}

fn of(mut call: Call, name: &str) -> Call {
    call.context.principal.name = Some(name.into());
    call
}

type Cache = tower::util::BoxCloneSyncService<Call, Reply, CallError>;

/// A cache before a provider.
fn cached(provider: &ScriptedProvider, config: CacheConfig, answers: Answers) -> Cache {
    Cache::new(Cached::new(testing::provider(provider), config, answers))
}

/// What the journal notes and the answer says, read to its end.
async fn outcome(service: &Cache, call: Call) -> (&'static str, Result<String, ErrorKind>) {
    let journal = call.context.journal.clone();
    let reply = service.clone().oneshot(call).await;
    let text = match reply {
        Ok(reply) => match reply.body {
            ReplyBody::Whole(whole) => Ok(whole_text(&whole)),
            ReplyBody::Stream(stream) => read(stream).await,
        },
        Err(error) => Err(error.kind()),
    };
    let cache = journal.notes().cache.unwrap_or("-");
    (cache, text)
}

fn whole_text(whole: &Whole) -> String {
    match whole {
        Whole::Canonical(gateway_schema::Response::Chat(chat)) => {
            let parts = chat.choices.iter().flat_map(|choice| &choice.parts);
            Message::new(gateway_schema::chat::Role::User, parts.cloned().collect()).text()
        }
        Whole::Raw { body, .. } => String::from_utf8_lossy(body).into_owned(),
        other => panic!("{other:?}"),
    }
}

async fn read(mut stream: ReplyStream) -> Result<String, ErrorKind> {
    let (mut text, mut ended) = (String::new(), false);
    while let Some(frame) = stream.next().await {
        let frame = frame.map_err(|error| error.kind())?;
        ended |= frame.facts.ended;
        match frame.data {
            FrameData::Raw(bytes) => text.push_str(&String::from_utf8_lossy(&bytes)),
            FrameData::Events(events) => {
                for event in events {
                    if let gateway_schema::chat::StreamEvent::Text { text: more, .. } = event {
                        text.push_str(&more);
                    }
                }
            }
        }
    }
    assert!(ended, "a stream ends");
    Ok(text)
}

/// Polls once.
fn pending(future: &mut (impl Future + Unpin)) -> bool {
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    std::pin::Pin::new(future).poll(&mut cx).is_pending()
}

fn numbered() -> ScriptedProvider {
    ["1", "2", "3", "4"]
        .iter()
        .fold(ScriptedProvider::new("p", "m"), |provider, text| {
            provider.then(Answer::text(text))
        })
}

#[expect(clippy::unnecessary_wraps, reason = "what is expected of an outcome")]
fn ok(text: &str) -> Result<String, ErrorKind> {
    Ok(text.to_owned())
}

#[tokio::test(start_paused = true)]
async fn the_same_question_is_asked_once_until_its_time_is_over() {
    let service = cached(&numbered(), config(), answers());
    assert_eq!(outcome(&service, ask("a", false)).await, ("miss", ok("1")));
    tokio::time::advance(Duration::from_secs(59)).await;
    let reply = service.clone().oneshot(ask("a", false)).await.unwrap();
    assert_eq!(reply.headers["x-gateway-cache"], "hit");
    assert_eq!(reply.headers["age"], "59");
    assert_eq!(outcome(&service, ask("b", false)).await, ("miss", ok("2")));
    tokio::time::advance(Duration::from_secs(1)).await;
    assert_eq!(outcome(&service, ask("a", false)).await, ("miss", ok("3")));
}

#[tokio::test]
async fn callers_share_answers_only_when_the_configuration_says_so() {
    let service = cached(&numbered(), config(), answers());
    for (name, expected) in [("x", "1"), ("y", "2"), ("x", "1")] {
        assert_eq!(
            outcome(&service, of(ask("a", false), name)).await.1,
            ok(expected)
        );
    }
    let service = cached(&numbered(), config().with_shared(true), answers());
    for name in ["x", "y"] {
        assert_eq!(
            outcome(&service, of(ask("a", false), name)).await.1,
            ok("1")
        );
    }
}

#[tokio::test]
async fn answers_outlive_the_service_and_another_scope_does_not_find_them() {
    let (provider, answers) = (numbered(), answers());
    let first = cached(&provider, config(), answers.clone());
    assert_eq!(outcome(&first, ask("a", false)).await, ("miss", ok("1")));
    let second = cached(&provider, config(), answers.clone());
    assert_eq!(outcome(&second, ask("a", false)).await, ("hit", ok("1")));
    let other = cached(&provider, config().with_scope("another model"), answers);
    assert_eq!(outcome(&other, ask("a", false)).await, ("miss", ok("2")));
}

#[tokio::test(start_paused = true)]
async fn a_caller_steers_by_its_headers() {
    let service = cached(&numbered(), config(), answers());
    let say = |name, value| with_header(ask("a", false), name, value);
    let off = outcome(&service, say("x-gateway-cache", "off")).await;
    assert_eq!(off, ("bypass", ok("1")));
    assert_eq!(outcome(&service, ask("a", false)).await, ("miss", ok("2")));
    let store = outcome(&service, say("cache-control", "no-store")).await;
    assert_eq!(store, ("bypass", ok("3")));
    let anew = outcome(&service, say("cache-control", "no-cache")).await;
    assert_eq!(anew, ("miss", ok("4")));
    tokio::time::advance(Duration::from_secs(5)).await;
    let young = outcome(&service, say("cache-control", "max-age=10")).await;
    assert_eq!(young, ("hit", ok("4")), "what was asked anew is kept");
    let old = outcome(&service, say("cache-control", "max-age=2")).await;
    assert_eq!(
        old,
        ("miss", Err(ErrorKind::Internal)),
        "the script is over"
    );
}

#[tokio::test]
async fn a_translated_answer_serves_streams_and_whole_questions() {
    let provider = ScriptedProvider::new("p", "m").then(Answer::pieces(&["Hel", "lo"]));
    let service = cached(&provider, config(), answers());
    assert_eq!(
        outcome(&service, ask("a", true)).await,
        ("miss", ok("Hello"))
    );
    assert_eq!(
        outcome(&service, ask("a", true)).await,
        ("hit", ok("Hello"))
    );
    assert_eq!(
        outcome(&service, ask("a", false)).await,
        ("hit", ok("Hello"))
    );
    let service = cached(&numbered(), config(), answers());
    assert_eq!(outcome(&service, ask("a", false)).await, ("miss", ok("1")));
    assert_eq!(outcome(&service, ask("a", true)).await, ("hit", ok("1")));
}

#[tokio::test]
async fn what_failed_broke_or_was_abandoned_is_not_kept() {
    let fault = CallError::upstream(ErrorKind::Upstream, "cut").with_retry(Retry::Never);
    let provider = ScriptedProvider::new("p", "m")
        .then(Answer::fail(ErrorKind::Upstream))
        .then(Answer::broken(&["a"], fault))
        .then(Answer::pieces(&["abandoned", "x"]))
        .then(Answer::pieces(&["good"]));
    let service = cached(&provider, config(), answers());
    for _ in 0..2 {
        let failed = outcome(&service, ask("a", true)).await;
        assert_eq!(failed, ("miss", Err(ErrorKind::Upstream)));
    }
    let reply = service.clone().oneshot(ask("a", true)).await.unwrap();
    let ReplyBody::Stream(mut stream) = reply.body else {
        panic!("a stream")
    };
    assert!(stream.next().await.is_some());
    drop(stream);
    assert_eq!(
        outcome(&service, ask("a", true)).await,
        ("miss", ok("good"))
    );
    assert_eq!(outcome(&service, ask("a", true)).await, ("hit", ok("good")));
}

/// A call of bytes in a dialect of its own: the request is the JSON field `q`.
fn raw(body: &'static str, stream: bool) -> Call {
    let mut call = ask("", stream);
    let bytes = Bytes::from_static(body.as_bytes());
    let envelope = Envelope::scan(&bytes).unwrap();
    call.payload = Payload::from_bytes(Dialect::OPENAI, bytes, envelope, &|_, bytes| {
        let value: serde_json::Value = serde_json::from_slice(bytes).unwrap();
        let mut request = ChatRequest::new(vec![Message::user(value["q"].to_string())]);
        request.sampling.temperature = value["t"].as_f64();
        Ok(Decoded::whole(Request::Chat(Box::new(request))))
    });
    call
}

/// Answers in the caller's own dialect, and counts.
fn native() -> (Cache, Arc<std::sync::atomic::AtomicUsize>) {
    native_in(answers())
}

fn native_in(answers: Answers) -> (Cache, Arc<std::sync::atomic::AtomicUsize>) {
    let count = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let counter = Arc::clone(&count);
    let inner = service_fn(move |call: Call| {
        counter.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let body = if call.stream {
            let mut end = Facts::default();
            end.ended = true;
            let frames = [
                Ok(Frame::raw(
                    Bytes::from_static(b"data: 1\n\n"),
                    Facts::default(),
                )),
                Ok(Frame::raw(Bytes::from_static(b"data: [DONE]\n\n"), end)),
            ];
            ReplyBody::Stream(Box::pin(futures_util::stream::iter(frames)))
        } else {
            ReplyBody::Whole(Whole::Raw {
                body: Bytes::from_static(b"{\"a\":1}"),
                content_type: http::HeaderValue::from_static("application/json"),
                facts: Box::default(),
            })
        };
        let reply = Reply::new("p".into(), "m".into(), Dialect::OPENAI, Lane::Same, body);
        std::future::ready(Ok::<_, CallError>(reply))
    });
    (Cache::new(Cached::new(inner, config(), answers)), count)
}

#[tokio::test]
async fn bytes_of_the_callers_dialect_are_replayed_as_they_came_however_the_question_is_spelt() {
    let (service, count) = native();
    let spellings = [
        r#"{"q":1,"t":1}"#,
        r#"{ "t": 1.0, "q": 1 }"#,
        r#"{"q":1,"t":1}"#,
    ];
    for (number, body) in spellings.into_iter().enumerate() {
        let how = if number == 0 { "miss" } else { "hit" };
        let stream = outcome(&service, raw(body, true)).await;
        assert_eq!(stream, (how, ok("data: 1\n\ndata: [DONE]\n\n")));
        let whole = outcome(&service, raw(body, false)).await;
        assert_eq!(whole, (how, ok("{\"a\":1}")));
    }
    assert_eq!(count.load(std::sync::atomic::Ordering::Relaxed), 2);
    let usage = r#"{"q":1,"t":1,"stream_options":{"include_usage":true}}"#;
    assert_eq!(outcome(&service, raw(usage, true)).await.0, "miss");
    assert_eq!(
        outcome(&service, raw(r#"{"q":1,"t":2}"#, false)).await.0,
        "miss"
    );
}

#[tokio::test(start_paused = true)]
async fn the_same_question_at_once_is_asked_once_and_a_leaver_does_not_end_it() {
    let provider = numbered().with_delay(Duration::from_secs(1));
    let mut service = cached(&provider, config(), answers());
    service.ready().await.unwrap();
    // The leader asks, then leaves.
    let mut leader = service.call(ask("a", false));
    assert!(pending(&mut leader));
    let (one, other) = (ask("a", false), ask("a", false));
    let waiting = futures_util::future::join(outcome(&service, one), outcome(&service, other));
    let mut waiting = Box::pin(waiting);
    assert!(pending(&mut waiting));
    drop(leader);
    let both = waiting.await;
    assert_eq!(both, (("shared", ok("1")), ("shared", ok("1"))));
    assert_eq!(provider.call_count(), 1);
    assert_eq!(outcome(&service, ask("a", false)).await, ("hit", ok("1")));
}

#[tokio::test(start_paused = true)]
async fn a_question_that_nobody_waits_for_is_dropped_and_may_be_asked_again() {
    let provider = numbered().with_delay(Duration::from_secs(1));
    let mut service = cached(&provider, config(), answers());
    let mut alone = service.ready().await.unwrap().call(ask("a", false));
    assert!(pending(&mut alone));
    drop(alone);
    assert_eq!(provider.running(), 0);
    assert_eq!(outcome(&service, ask("a", false)).await.0, "miss");
}

#[tokio::test(start_paused = true)]
async fn everybody_who_waits_gets_the_error_and_it_is_not_kept() {
    let provider = ScriptedProvider::new("p", "m")
        .then(Answer::fail(ErrorKind::Upstream))
        .then(Answer::text("good"))
        .with_delay(Duration::from_secs(1));
    let service = cached(&provider, config(), answers());
    let both = futures_util::future::join(
        outcome(&service, ask("a", false)),
        outcome(&service, ask("a", false)),
    )
    .await;
    assert_eq!(both.0.1, Err(ErrorKind::Upstream));
    assert_eq!(both.1.1, Err(ErrorKind::Upstream));
    assert_eq!(
        outcome(&service, ask("a", false)).await,
        ("miss", ok("good"))
    );
}

/// The caches of two processes over one far cache.
fn two() -> (MemoryRemote, Answers, Answers) {
    let remote = MemoryRemote::new();
    let bounds = CacheBounds::new(100, 1 << 20);
    let one = Answers::shared(bounds, Arc::new(remote.clone()));
    let other = Answers::shared(bounds, Arc::new(remote.clone()));
    (remote, one, other)
}

#[tokio::test(start_paused = true)]
async fn what_one_process_kept_is_found_by_another_and_kept_there() {
    for stream in [false, true] {
        let (remote, one, other) = two();
        let provider = numbered();
        let (one, other) = (
            cached(&provider, config(), one),
            cached(&provider, config(), other),
        );
        assert_eq!(outcome(&one, ask("x", stream)).await, ("miss", ok("1")));
        tokio::time::advance(Duration::from_secs(20)).await;
        assert_eq!(outcome(&other, ask("x", stream)).await, ("hit", ok("1")));
        let asked = remote.asked();
        assert_eq!(outcome(&other, ask("x", !stream)).await, ("hit", ok("1")));
        assert_eq!(remote.asked(), asked, "from memory now");
        let old = with_header(ask("x", stream), "cache-control", "max-age=10");
        assert_eq!(
            outcome(&other, old).await,
            ("miss", ok("2")),
            "its age is that of the answer, not of its arrival"
        );
        tokio::time::advance(TTL).await;
        assert_eq!(outcome(&one, ask("x", stream)).await, ("miss", ok("3")));
    }
}

#[tokio::test(start_paused = true)]
async fn bytes_of_the_callers_dialect_cross_processes_as_they_came() {
    let (_, one, other) = two();
    let (one, count) = native_in(one);
    let (other, _) = native_in(other);
    for stream in [false, true] {
        let first = outcome(&one, raw(r#"{"q":1,"t":1}"#, stream)).await;
        let second = outcome(&other, raw(r#"{"q":1,"t":1}"#, stream)).await;
        assert_eq!((first.0, second.0), ("miss", "hit"));
        assert_eq!(first.1, second.1);
    }
    assert_eq!(count.load(std::sync::atomic::Ordering::Relaxed), 2);
}

#[tokio::test(start_paused = true)]
async fn a_far_cache_that_is_away_or_spoilt_is_a_miss() {
    let (remote, one, other) = two();
    let provider = numbered();
    let (one, other) = (
        cached(&provider, config(), one),
        cached(&provider, config(), other),
    );
    remote.set_away(true);
    assert_eq!(outcome(&one, ask("x", false)).await, ("miss", ok("1")));
    assert_eq!(outcome(&other, ask("x", false)).await, ("miss", ok("2")));
    assert_eq!(outcome(&other, ask("x", false)).await, ("hit", ok("2")));
    remote.set_away(false);
    assert_eq!(outcome(&one, ask("y", false)).await, ("miss", ok("3")));
    remote.spoil();
    assert_eq!(outcome(&other, ask("y", false)).await, ("miss", ok("4")));
}

#[tokio::test(start_paused = true)]
async fn callers_of_different_names_do_not_share_answers_over_a_far_cache_either() {
    let (remote, one, other) = two();
    let provider = numbered();
    let (one, other) = (
        cached(&provider, config(), one),
        cached(&provider, config(), other),
    );
    let secret = "sk-very-secret";
    assert_eq!(
        outcome(&one, of(ask("x", false), secret)).await,
        ("miss", ok("1"))
    );
    assert_eq!(
        outcome(&other, of(ask("x", false), "b")).await,
        ("miss", ok("2"))
    );
    assert_eq!(
        outcome(&other, of(ask("x", false), secret)).await,
        ("hit", ok("1"))
    );
    for bytes in remote.bytes() {
        assert!(!String::from_utf8_lossy(&bytes).contains(secret));
    }
}

#[test]
fn the_service_is_what_a_stack_needs() {
    fn assert_service<S: Service<Call> + Clone + Send + Sync + 'static>(_: &S) {}
    let inner = service_fn(|_: Call| {
        std::future::ready(Err::<Reply, _>(CallError::gateway(
            ErrorKind::Internal,
            "x",
        )))
    });
    assert_service(&Cached::new(inner, config(), answers()));
}
