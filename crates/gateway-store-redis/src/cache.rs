//! Answers in the server.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream;
use gateway_store::cache::{CacheKey, RemoteCache, RemoteFuture, RemoteValue};
use redis::{RedisError, Value};
use tokio::sync::mpsc;

use crate::link::{About, RedisLink, State};

/// How long a call waits for an answer from here before it asks its provider.
const WAIT: Duration = Duration::from_millis(100);
/// Bytes of a value at most.
const LARGEST: usize = 1024 * 1024;
/// Values that may wait to be written, in number and bytes.
const WAITING: usize = 1024;
const WAITING_BYTES: usize = 32 * 1024 * 1024;
/// Values that are written at the same time.
const WRITING: usize = 16;

/// The far level of caches.
#[derive(Clone)]
pub struct RedisCache {
    link: RedisLink,
    prefix: Arc<str>,
    sender: mpsc::Sender<Put>,
    waiting_bytes: Arc<AtomicUsize>,
}

/// A value to be written.
pub(crate) struct Put {
    key: CacheKey,
    bytes: Vec<u8>,
    ttl: Duration,
}

impl fmt::Debug for RedisCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisCache")
            .field("link", &self.link)
            .finish_non_exhaustive()
    }
}

/// Writes values.
pub(crate) struct Writer {
    link: RedisLink,
    prefix: Arc<str>,
    receiver: mpsc::Receiver<Put>,
    waiting_bytes: Arc<AtomicUsize>,
}

impl RedisCache {
    pub(crate) fn new(link: RedisLink, namespace: &str) -> (Self, Writer) {
        let (sender, receiver) = mpsc::channel(WAITING);
        let cache = Self {
            link: link.clone(),
            prefix: format!("{namespace}:cache:").into(),
            sender,
            waiting_bytes: Arc::default(),
        };
        let writer = Writer {
            link,
            prefix: Arc::clone(&cache.prefix),
            receiver,
            waiting_bytes: Arc::clone(&cache.waiting_bytes),
        };
        (cache, writer)
    }

    async fn look_up(&self, keys: &[CacheKey]) -> Option<RemoteValue> {
        let State::Up(mut up) = self.link.state() else {
            return None;
        };
        let mut pipe = redis::pipe();
        for key in keys {
            let name = format!("{}{key:032x}", self.prefix);
            pipe.get(&name).pttl(name);
        }
        let asked = pipe.query_async::<Vec<Value>>(&mut up.connection);
        match tokio::time::timeout(WAIT, asked).await {
            Ok(Ok(values)) => first(values),
            Ok(Err(error)) => {
                self.link.failed(About::CacheGet, Some(&error));
                None
            }
            Err(_) => {
                self.link.failed(About::CacheGet, None);
                None
            }
        }
    }
}

/// The first value there is among pairs of value and remaining time.
fn first(values: Vec<Value>) -> Option<RemoteValue> {
    let mut values = values.into_iter();
    let mut found = 0;
    while let (Some(value), Some(left)) = (values.next(), values.next()) {
        if let (Value::BulkString(bytes), Value::Int(millis)) = (value, left)
            && let Ok(millis) = u64::try_from(millis)
        {
            let left = Duration::from_millis(millis);
            return Some(RemoteValue { found, bytes, left });
        }
        found += 1;
    }
    None
}

impl RemoteCache for RedisCache {
    fn get<'a>(&'a self, keys: &'a [CacheKey]) -> RemoteFuture<'a> {
        Box::pin(self.look_up(keys))
    }

    fn put(&self, key: CacheKey, bytes: Vec<u8>, ttl: Duration) {
        let size = bytes.len();
        if size > LARGEST || ttl < Duration::from_millis(1) {
            return;
        }
        let waiting = self.waiting_bytes.fetch_add(size, Ordering::Relaxed);
        let put = Put { key, bytes, ttl };
        if waiting + size > WAITING_BYTES || self.sender.try_send(put).is_err() {
            self.waiting_bytes.fetch_sub(size, Ordering::Relaxed);
            self.link.failed(About::CacheShed, None);
        }
    }

    fn max_value_bytes(&self) -> usize {
        LARGEST
    }
}

impl Writer {
    /// Writes what is put until nobody can put any more.
    pub(crate) async fn run(self) {
        let Self {
            link,
            prefix,
            mut receiver,
            waiting_bytes,
        } = self;
        stream::poll_fn(move |cx| receiver.poll_recv(cx))
            .for_each_concurrent(WRITING, |put| {
                waiting_bytes.fetch_sub(put.bytes.len(), Ordering::Relaxed);
                write(&link, &prefix, put)
            })
            .await;
    }
}

async fn write(link: &RedisLink, prefix: &str, put: Put) {
    let State::Up(mut up) = link.state() else {
        link.failed(About::CacheShed, None);
        return;
    };
    let millis = u64::try_from(put.ttl.as_millis()).unwrap_or(u64::MAX);
    let written: Result<(), RedisError> = redis::cmd("SET")
        .arg(format!("{prefix}{:032x}", put.key))
        .arg(put.bytes)
        .arg("PX")
        // The server counts in 64 bits with a sign, from 1970.
        .arg(millis.min(1 << 48))
        .query_async(&mut up.connection)
        .await;
    if let Err(error) = written {
        link.failed(About::CachePut, Some(&error));
    }
}
