use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use gateway_json::Envelope;
use gateway_provider::{Call, Lane, LimitKind, Payload, Reply, ReplyBody};
use gateway_schema::stream::{Facts, Frame};
use gateway_schema::{CallError, Decoded, Dialect, ErrorKind, Operation, Retry, Usage};
use gateway_store::rate::{MemoryRates, RateKey, RateRule, RateStore, Taken};
use gateway_store::{StoreError, StoreFuture};
use tower::{ServiceExt, service_fn};

use super::{OnStoreError, RateLimited, Rule, StoreErrors, Subject};
use crate::testing::{self, Scripted};

const MINUTE: Duration = Duration::from_mins(1);

fn bucket(limit: u64) -> RateRule {
    RateRule::Bucket {
        limit,
        every: MINUTE,
    }
}

fn requests(limit: u64) -> Rule {
    Rule::new("r", Subject::Key, LimitKind::Requests, bucket(limit))
}

fn tokens(limit: u64) -> Rule {
    Rule::new("t", Subject::Key, LimitKind::Tokens, bucket(limit))
}

fn by(name: &str) -> Call {
    let mut call = testing::call();
    call.context.principal.name = Some(name.into());
    call
}

/// A call with 40 bytes (10 tokens) of body that asks for 20 tokens at most.
fn sized(name: &str) -> Call {
    fn never(_: Operation, _: &[u8]) -> Result<Decoded, CallError> {
        Err(CallError::client(
            ErrorKind::InvalidRequest,
            "not decoded here",
        ))
    }
    let body = Bytes::from_static(br#"{"max_tokens": 20, "messages": [1,2,345]}"#);
    let mut call = by(name);
    call.payload = Payload::from_bytes(
        Dialect::OPENAI,
        body.clone(),
        Envelope::scan(&body).unwrap(),
        &never,
    );
    call.stream = true;
    call
}

fn left(store: &MemoryRates, name: &str, rule: &Rule) -> u64 {
    let key = RateKey {
        rule: Arc::clone(&rule.name),
        subject: name.into(),
    };
    match store.take(&key, rule.rule, 0, Duration::ZERO) {
        Taken::Yes(state) | Taken::No { state, .. } => state.remaining,
        Taken::Short => panic!("memory is never short"),
    }
}

fn stream(frames: Vec<Result<Frame, CallError>>) -> Reply {
    let body = ReplyBody::Stream(Box::pin(futures_util::stream::iter(frames)));
    Reply::new("p".into(), "m".into(), Dialect::OPENAI, Lane::Same, body)
}

#[expect(clippy::unnecessary_wraps, reason = "an item of a stream")]
fn frame(content_events: u32, usage: Option<Usage>) -> Result<Frame, CallError> {
    let mut facts = Facts::default();
    facts.content_events = content_events;
    facts.usage = usage.map(Box::new);
    Ok(Frame::raw(Bytes::new(), facts))
}

#[tokio::test(start_paused = true)]
async fn limited_caller_gets_429_and_others_do_not_wait() {
    let inner = Scripted::new("p", []);
    let service = RateLimited::new(
        inner.clone(),
        vec![requests(2)],
        Arc::new(MemoryRates::new()),
    );
    for _ in 0..2 {
        assert!(service.clone().oneshot(by("a")).await.is_ok());
    }
    let refused = by("a");
    let journal = refused.context.journal.clone();
    let error = service.clone().oneshot(refused).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::RateLimited);
    assert_eq!(error.retry(), Retry::After(Duration::from_secs(30)));
    assert_eq!(
        error.message(),
        "Rate limit exceeded: 2 requests per 1m for key 'a'. Try again in 30s."
    );
    assert_eq!(journal.notes().limits[0].remaining, 0, "headers know");
    assert!(service.clone().oneshot(by("b")).await.is_ok());
    tokio::time::advance(Duration::from_secs(30)).await;
    assert!(service.oneshot(by("a")).await.is_ok());
    assert_eq!(inner.count(), 4);
}

#[tokio::test(start_paused = true)]
async fn what_one_rule_took_is_given_back_when_another_refuses() {
    let store = Arc::new(MemoryRates::new());
    let wide = Rule::new("wide", Subject::Key, LimitKind::Requests, bucket(10));
    let service = RateLimited::new(
        Scripted::new("p", []),
        vec![wide.clone(), requests(1)],
        Arc::clone(&store) as _,
    );
    assert!(service.clone().oneshot(by("a")).await.is_ok());
    for _ in 0..5 {
        assert!(service.clone().oneshot(by("a")).await.is_err());
    }
    assert_eq!(left(&store, "a", &wide), 9);
}

#[tokio::test(start_paused = true)]
async fn tokens_are_reserved_and_settled_on_the_reported_usage() {
    let store = Arc::new(MemoryRates::new());
    let rule = tokens(1_000);
    let inner = service_fn(|_| async {
        Ok(stream(vec![
            frame(3, None),
            frame(0, Some(Usage::new(130, 20))),
        ]))
    });
    let service = RateLimited::new(inner, vec![rule.clone()], Arc::clone(&store) as _);
    let ReplyBody::Stream(mut body) = service.oneshot(sized("a")).await.unwrap().body else {
        panic!()
    };
    assert_eq!(
        left(&store, "a", &rule),
        969,
        "10 or 11 in and 20 out are reserved"
    );
    while body.next().await.is_some() {}
    assert_eq!(
        left(&store, "a", &rule),
        850,
        "settled at the end, before the stream is dropped"
    );
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_leaves_pays_for_what_it_got() {
    let store = Arc::new(MemoryRates::new());
    let rule = tokens(1_000);
    let inner = service_fn(|_| async { Ok(stream(vec![frame(7, None), frame(100, None)])) });
    let service = RateLimited::new(inner, vec![rule.clone()], Arc::clone(&store) as _);
    let ReplyBody::Stream(mut body) = service.oneshot(sized("a")).await.unwrap().body else {
        panic!()
    };
    body.next().await;
    drop(body);
    assert_eq!(left(&store, "a", &rule), 1_000 - 11 - 7);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_fails_or_is_abandoned_gives_its_tokens_back() {
    let store = Arc::new(MemoryRates::new());
    let rule = tokens(1_000);
    let failing = service_fn(|_| async {
        Err::<Reply, _>(CallError::upstream(ErrorKind::Unavailable, "no"))
    });
    let service = RateLimited::new(failing, vec![rule.clone()], Arc::clone(&store) as _);
    assert!(service.oneshot(sized("a")).await.is_err());
    assert_eq!(left(&store, "a", &rule), 1_000);

    let hanging = service_fn(|_| std::future::pending::<Result<Reply, CallError>>());
    let mut future = Box::pin(
        RateLimited::new(hanging, vec![rule.clone()], Arc::clone(&store) as _).oneshot(sized("a")),
    );
    assert!(futures_util::FutureExt::now_or_never(&mut future).is_none());
    assert_eq!(left(&store, "a", &rule), 969);
    drop(future);
    assert_eq!(left(&store, "a", &rule), 1_000);
}

#[tokio::test(start_paused = true)]
async fn a_place_is_held_until_the_stream_is_over() {
    let store = Arc::new(MemoryRates::new());
    let rule = Rule::new(
        "c",
        Subject::Endpoint,
        LimitKind::Concurrent,
        RateRule::Held { limit: 1 },
    );
    let inner = service_fn(|_| async { Ok(stream(vec![frame(1, None)])) });
    let service = RateLimited::new(inner, vec![rule], Arc::clone(&store) as _);
    let first = service.clone().oneshot(sized("a")).await.unwrap();
    let error = service.clone().oneshot(sized("b")).await.unwrap_err();
    assert_eq!(
        error.message(),
        "Rate limit exceeded: 1 calls at the same time for this endpoint."
    );
    drop(first);
    assert!(service.oneshot(sized("b")).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_full_bucket_admits_any_call_once() {
    let service = RateLimited::new(
        Scripted::new("p", []),
        vec![tokens(5)],
        Arc::new(MemoryRates::new()),
    );
    assert!(service.oneshot(sized("a")).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn subjects_are_told_apart() {
    let header = Subject::Header("x-team".to_owned());
    for per in [Subject::Key, Subject::Ip, header, Subject::User] {
        let rule = Rule::new("s", per.clone(), LimitKind::Requests, bucket(1));
        let service = RateLimited::new(
            Scripted::new("p", []),
            vec![rule],
            Arc::new(MemoryRates::new()),
        );
        let one = |number: u8| {
            let mut call = by(&format!("k{number}"));
            call.context.principal.user = Some(format!("u{number}").into());
            call.context.peer = Some([10, 0, 0, number].into());
            let headers = Arc::make_mut(&mut call.context.headers);
            headers.insert("x-team", http::HeaderValue::from(u16::from(number)));
            call
        };
        assert!(service.clone().oneshot(one(1)).await.is_ok());
        assert!(service.clone().oneshot(one(1)).await.is_err(), "{per:?}");
        assert!(service.oneshot(one(2)).await.is_ok(), "{per:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_long_subject_is_kept_as_a_digest_and_refusals_do_not_repeat_it() {
    let rule = Rule::new("s", Subject::User, LimitKind::Requests, bucket(1));
    let service = RateLimited::new(
        Scripted::new("p", []),
        vec![rule.clone()],
        Arc::new(MemoryRates::new()),
    );
    let of = |end: &str| {
        let mut call = by("a");
        call.context.principal.user = Some(format!("{}{end}", "ü".repeat(500_000)).into());
        call
    };
    let kept = super::policy::subject(&rule.per, &of("1"), &"".into());
    assert!(kept.len() < 100, "{kept}");
    assert!(service.clone().oneshot(of("1")).await.is_ok());
    let refused = service.clone().oneshot(of("1")).await.unwrap_err();
    assert!(refused.message().len() < 200, "{}", refused.message());
    assert!(refused.detail().is_some_and(|detail| detail.len() < 200));
    assert!(
        service.oneshot(of("2")).await.is_ok(),
        "told apart by their ends"
    );
}

/// A shared store: this process has nothing until it borrows.
#[derive(Clone)]
struct Shared {
    memory: Arc<MemoryRates>,
    has: Arc<std::sync::atomic::AtomicBool>,
    away: bool,
}

impl RateStore for Shared {
    fn take(&self, key: &RateKey, rule: RateRule, amount: u64, now: Duration) -> Taken {
        if self.has.load(std::sync::atomic::Ordering::Relaxed) {
            self.memory.take(key, rule, amount, now)
        } else {
            Taken::Short
        }
    }

    fn give(&self, key: &RateKey, rule: RateRule, amount: u64, now: Duration) {
        self.memory.give(key, rule, amount, now);
    }

    fn charge(&self, key: &RateKey, rule: RateRule, amount: u64, now: Duration) {
        self.memory.charge(key, rule, amount, now);
    }

    fn borrow<'a>(
        &'a self,
        key: &'a RateKey,
        rule: RateRule,
        amount: u64,
        now: Duration,
    ) -> StoreFuture<'a, Taken> {
        Box::pin(async move {
            tokio::time::sleep(Duration::from_millis(3)).await;
            if self.away {
                return Err(StoreError::Unavailable("connection refused".to_owned()));
            }
            self.has.store(true, std::sync::atomic::Ordering::Relaxed);
            Ok(self.memory.take(key, rule, amount, now))
        })
    }
}

fn shared(away: bool) -> Shared {
    Shared {
        memory: Arc::new(MemoryRates::new()),
        has: Arc::default(),
        away,
    }
}

#[tokio::test(start_paused = true)]
async fn a_share_that_is_used_up_is_borrowed_anew() {
    let service = RateLimited::new(
        Scripted::new("p", []),
        vec![requests(2)],
        Arc::new(shared(false)),
    );
    assert!(service.clone().oneshot(by("a")).await.is_ok());
    assert!(service.clone().oneshot(by("a")).await.is_ok());
    assert!(service.oneshot(by("a")).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_store_that_is_away_is_a_stated_policy() {
    let reject = RateLimited::new(
        Scripted::new("p", []),
        vec![requests(2)],
        Arc::new(shared(true)),
    );
    let counts = Arc::new(StoreErrors::default());
    let reject = reject.with_store_errors(Arc::clone(&counts));
    let error = reject.oneshot(by("a")).await.unwrap_err();
    assert_eq!(
        error.kind(),
        ErrorKind::Unavailable,
        "not the caller's fault"
    );
    assert_eq!(error.retry(), Retry::After(Duration::from_secs(1)));
    let rule = requests(2).with_on_store_error(OnStoreError::Allow);
    let allow = RateLimited::new(Scripted::new("p", []), vec![rule], Arc::new(shared(true)))
        .with_store_errors(Arc::clone(&counts));
    assert!(allow.oneshot(by("a")).await.is_ok());
    assert_eq!(counts.read(), [("allow", 1), ("reject", 1)]);
}

#[tokio::test(start_paused = true)]
async fn what_was_taken_is_given_back_when_the_caller_leaves_while_it_borrows() {
    let memory = Arc::new(MemoryRates::new());
    let store = Lacking(Arc::clone(&memory));
    let wide = Rule::new("wide", Subject::Key, LimitKind::Requests, bucket(10));
    let service = RateLimited::new(
        Scripted::new("p", []),
        vec![wide.clone(), requests(1)],
        Arc::new(store),
    );
    let mut future = Box::pin(service.oneshot(by("a")));
    assert!(futures_util::FutureExt::now_or_never(&mut future).is_none());
    assert_eq!(left(&memory, "a", &wide), 9);
    drop(future);
    assert_eq!(left(&memory, "a", &wide), 10);
}

/// A shared store that has everything but rule `r`, and is never answered when it asks for that.
struct Lacking(Arc<MemoryRates>);

impl RateStore for Lacking {
    fn take(&self, key: &RateKey, rule: RateRule, amount: u64, now: Duration) -> Taken {
        if &*key.rule == "r" {
            return Taken::Short;
        }
        self.0.take(key, rule, amount, now)
    }

    fn give(&self, key: &RateKey, rule: RateRule, amount: u64, now: Duration) {
        self.0.give(key, rule, amount, now);
    }

    fn charge(&self, key: &RateKey, rule: RateRule, amount: u64, now: Duration) {
        self.0.charge(key, rule, amount, now);
    }

    fn borrow<'a>(
        &'a self,
        _: &'a RateKey,
        _: RateRule,
        _: u64,
        _: Duration,
    ) -> StoreFuture<'a, Taken> {
        Box::pin(std::future::pending())
    }
}
