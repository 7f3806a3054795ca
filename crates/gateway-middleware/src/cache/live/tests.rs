use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::{FutureExt, StreamExt};
use gateway_provider::{Call, Context, Lane, Payload, Reply, ReplyBody, ReplyStream};
use gateway_schema::chat::{ChatRequest, Message};
use gateway_schema::stream::{Facts, Frame, FrameData};
use gateway_schema::{CallError, Dialect, ErrorKind, Operation, Request};
use gateway_store::cache::CacheBounds;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tower::{ServiceExt, service_fn};

use super::super::{Answers, CacheConfig, Cached};

type Item = Result<Frame, CallError>;
type Cache = tower::util::BoxCloneSyncService<Call, Reply, CallError>;

/// A provider whose streams the test writes.
#[derive(Clone, Default)]
struct Upstream {
    calls: Arc<AtomicUsize>,
    /// How many of its streams somebody holds.
    open: Arc<AtomicUsize>,
    writer: Arc<std::sync::Mutex<Option<UnboundedSender<Item>>>>,
}

struct Open(Arc<AtomicUsize>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Upstream {
    fn cache(&self) -> Cache {
        let upstream = self.clone();
        let inner = service_fn(move |_: Call| {
            let upstream = upstream.clone();
            async move {
                // The answer is not there at once.
                tokio::time::sleep(Duration::from_secs(1)).await;
                Ok(upstream.answer())
            }
        });
        let answers = Answers::new(CacheBounds::new(100, 8 << 20));
        Cache::new(Cached::new(
            inner,
            CacheConfig::new(Duration::from_mins(1)),
            answers,
        ))
    }

    fn answer(&self) -> Reply {
        let (writer, reader) = unbounded_channel();
        *self.writer.lock().unwrap() = Some(writer);
        self.calls.fetch_add(1, Ordering::Relaxed);
        self.open.fetch_add(1, Ordering::Relaxed);
        let open = Open(Arc::clone(&self.open));
        let stream = futures_util::stream::unfold((reader, open), |(mut reader, open)| async {
            reader.recv().await.map(|item| (item, (reader, open)))
        });
        let body = ReplyBody::Stream(Box::pin(stream));
        Reply::new("p".into(), "m".into(), Dialect::OPENAI, Lane::Same, body)
    }

    fn say(&self, text: &str) {
        let frame = Frame::raw(Bytes::copy_from_slice(text.as_bytes()), Facts::default());
        self.send(Ok(frame));
    }

    fn end(&self) {
        let mut facts = Facts::default();
        facts.ended = true;
        self.send(Ok(Frame::raw(Bytes::from_static(b"."), facts)));
        *self.writer.lock().unwrap() = None;
    }

    fn send(&self, item: Item) {
        let writer = self.writer.lock().unwrap();
        // Whether anybody still listens is the test's business.
        let _ = writer.as_ref().unwrap().send(item);
    }

    fn counts(&self) -> (usize, usize) {
        (
            self.calls.load(Ordering::Relaxed),
            self.open.load(Ordering::Relaxed),
        )
    }
}

fn question() -> Call {
    let started = tokio::time::Instant::now().into_std();
    let context = Context::new("r".into(), "chat".into(), started);
    let request = ChatRequest::new(vec![Message::user("Hi")]);
    let payload = Payload::from_request(Request::Chat(Box::new(request)));
    Call::new(context, Operation::Chat, true, payload)
}

/// Asks, and returns how the cache took part and the stream.
async fn follow(cache: &Cache) -> (&'static str, ReplyStream) {
    let call = question();
    let journal = call.context.journal.clone();
    let reply = cache.clone().oneshot(call).await.unwrap();
    let ReplyBody::Stream(stream) = reply.body else {
        panic!("not a stream")
    };
    let how = journal.notes().cache.unwrap();
    (how, stream)
}

/// What can be read now.
fn available(stream: &mut ReplyStream) -> String {
    let mut text = String::new();
    while let Some(Some(item)) = stream.next().now_or_never() {
        let Ok(Frame {
            data: FrameData::Raw(bytes),
            ..
        }) = item
        else {
            return text + "!";
        };
        text += std::str::from_utf8(&bytes).unwrap();
    }
    text
}

/// What is read up to the end; `!` stands for an error.
async fn rest(mut stream: ReplyStream) -> String {
    let mut text = String::new();
    while let Some(item) = stream.next().await {
        match item {
            Ok(Frame {
                data: FrameData::Raw(bytes),
                ..
            }) => text += std::str::from_utf8(&bytes).unwrap(),
            _ => text += "!",
        }
    }
    text
}

#[tokio::test(start_paused = true)]
async fn one_call_goes_upstream_and_who_comes_late_gets_the_beginning_then_the_rest_as_it_comes() {
    let upstream = Upstream::default();
    let cache = upstream.cache();
    // Two ask before there is an answer, one comes while it is being given.
    let (one, two) = futures_util::join!(follow(&cache), follow(&cache));
    assert_eq!((one.0, two.0), ("miss", "shared"));
    let (mut one, mut two) = (one.1, two.1);
    upstream.say("a");
    upstream.say("b");
    assert_eq!(available(&mut one), "ab");
    let (how, mut late) = follow(&cache).await;
    assert_eq!((how, available(&mut late)), ("shared", "ab".to_owned()));
    // Who waits is woken, whoever drives.
    let waiting = tokio::spawn(rest(late));
    tokio::task::yield_now().await;
    upstream.say("c");
    assert_eq!(available(&mut two), "abc");
    upstream.end();
    assert_eq!(rest(one).await, "c.");
    assert_eq!(rest(two).await, ".");
    assert_eq!(waiting.await.unwrap(), "c.");
    assert_eq!(upstream.counts(), (1, 0));
    // From here on it comes from the cache.
    let (how, kept) = follow(&cache).await;
    assert_eq!((how, rest(kept).await), ("hit", "abc.".to_owned()));
    assert_eq!(upstream.counts().0, 1);
}

#[tokio::test(start_paused = true)]
async fn who_waited_alone_is_woken_when_another_one_comes_and_drives() {
    let upstream = Upstream::default();
    let cache = upstream.cache();
    let (how, alone) = follow(&cache).await;
    assert_eq!(how, "miss");
    let waiting = tokio::spawn(rest(alone));
    upstream.say("a");
    tokio::task::yield_now().await;
    // It waits for the provider itself now.
    let (_, mut late) = follow(&cache).await;
    assert_eq!(available(&mut late), "a");
    upstream.say("b");
    assert_eq!(available(&mut late), "b", "the late one drives");
    tokio::task::yield_now().await;
    // The late one leaves, and the first is alone again.
    drop(late);
    upstream.say("c");
    tokio::task::yield_now().await;
    upstream.end();
    let heard = tokio::time::timeout(Duration::from_mins(1), waiting).await;
    assert_eq!(heard.expect("it is woken").unwrap(), "abc.");
}

#[tokio::test(start_paused = true)]
async fn one_leaver_does_not_end_it_for_the_others_and_the_last_one_does() {
    let upstream = Upstream::default();
    let cache = upstream.cache();
    let (one, two) = futures_util::join!(follow(&cache), follow(&cache));
    let (mut one, mut two) = (one.1, two.1);
    upstream.say("a");
    assert_eq!(available(&mut one), "a");
    assert_eq!(
        available(&mut one),
        "",
        "the first one waits for more, and drives"
    );
    drop(one);
    upstream.say("b");
    assert_eq!(available(&mut two), "ab");
    assert_eq!(upstream.counts(), (1, 1));
    drop(two);
    assert_eq!(
        upstream.counts(),
        (1, 0),
        "nobody reads: the upstream is let go"
    );
    assert_eq!(
        follow(&cache).await.0,
        "miss",
        "an abandoned answer is not kept"
    );
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_breaks_is_broken_for_all_and_never_kept() {
    let upstream = Upstream::default();
    let cache = upstream.cache();
    let (one, two) = futures_util::join!(follow(&cache), follow(&cache));
    upstream.say("a");
    upstream.send(Err(CallError::upstream(ErrorKind::Upstream, "broke")));
    assert_eq!(rest(one.1).await, "a!");
    let (how, again) = follow(&cache).await;
    assert_eq!(how, "miss", "nobody joins what is broken");
    drop(again);
    assert_eq!(rest(two.1).await, "a!");
    assert_eq!(follow(&cache).await.0, "miss");
    assert_eq!(upstream.counts().0, 3);
}

#[tokio::test(start_paused = true)]
async fn a_slow_reader_holds_nobody_and_memory_is_bounded() {
    let upstream = Upstream::default();
    let cache = upstream.cache();
    let (fast, slow) = futures_util::join!(follow(&cache), follow(&cache));
    let (mut fast, mut slow) = (fast.1, slow.1);
    let piece = "x".repeat(100_000);
    let mut read = 0;
    for _ in 0..5 {
        upstream.say(&piece);
        read += available(&mut fast).len();
    }
    assert_eq!(available(&mut slow).len(), 500_000, "some lag is no harm");
    for _ in 0..15 {
        upstream.say(&piece);
        read += available(&mut fast).len();
    }
    assert_eq!(read, 2_000_000, "the fast one waits for nobody");
    assert_eq!(
        available(&mut slow),
        "!",
        "who falls too far behind is told"
    );
    let (how, newcomer) = follow(&cache).await;
    assert_eq!(how, "miss", "whose beginning is gone nobody joins");
    drop((newcomer, fast, slow));
    assert_eq!(upstream.counts(), (2, 0));
}
