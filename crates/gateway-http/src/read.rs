//! Request bodies: read once, bounded, decompressed.

use std::io::Read;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use gateway_schema::{CallError, ErrorKind};
use http::HeaderMap;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH};
use http_body::Body;
use pin_project_lite::pin_project;
use tokio::time::{Instant, Sleep, sleep_until};

/// What is set aside at once for a body whose length is announced but not yet there.
const MAX_FIRST_RESERVE: usize = 1024 * 1024;
/// A slow body earns a second for so many bytes.
const PER_SECOND: usize = 8 * 1024;
/// The largest window a zstd body may ask for: 8 MiB, the bound of RFC 9659.
const ZSTD_WINDOW_LOG: u32 = 23;

/// The error of a body.
pub(crate) type BodyError = Box<dyn std::error::Error + Send + Sync>;

pin_project! {
    /// A body being read. One that comes in a single frame is not copied.
    pub(crate) struct ReadBody<B> {
        #[pin]
        body: B,
        first: Option<Bytes>,
        joined: Option<BytesMut>,
        length: usize,
        limit: usize,
        timeout: Duration,
        clock: Option<Clock>,
    }
}

/// The time that a body takes. There is none for a body that is there at once.
struct Clock {
    since: Instant,
    sleep: Pin<Box<Sleep>>,
}

impl<B> ReadBody<B> {
    /// Reads at most `limit` bytes of `body`, each within `timeout` and a second for every 8 KiB before it.
    pub(crate) const fn new(body: B, limit: usize, timeout: Duration) -> Self {
        Self {
            body,
            first: None,
            joined: None,
            length: 0,
            limit,
            timeout,
            clock: None,
        }
    }
}

impl<B> ReadBody<B>
where
    B: Body,
    B::Error: Into<BodyError>,
{
    /// The whole body, once it is there.
    pub(crate) fn poll(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Bytes, CallError>> {
        let mut this = self.project();
        loop {
            let polled = match this.body.as_mut().poll_frame(cx) {
                Poll::Ready(polled) => polled,
                Poll::Pending => {
                    let earned = Duration::from_secs((*this.length / PER_SECOND) as u64);
                    return late(this.clock, *this.timeout + earned, cx).map(Err);
                }
            };
            let Some(frame) = polled else {
                let whole = match this.joined.take() {
                    Some(buffer) => buffer.freeze(),
                    None => this.first.take().unwrap_or_default(),
                };
                return Poll::Ready(Ok(whole));
            };
            let frame = match frame {
                Ok(frame) => frame,
                Err(error) => return Poll::Ready(Err(broken(error.into().as_ref()))),
            };
            // Trailers are of no interest.
            let Ok(mut data) = frame.into_data() else {
                continue;
            };
            *this.length = this.length.saturating_add(data.remaining());
            if *this.length > *this.limit {
                return Poll::Ready(Err(too_large(*this.limit)));
            }
            match (this.joined.as_mut(), this.first.take()) {
                (Some(buffer), _) => extend(buffer, data),
                (None, None) => *this.first = Some(data.copy_to_bytes(data.remaining())),
                (None, Some(begin)) => {
                    let announced = usize::try_from(this.body.size_hint().lower()).unwrap_or(0);
                    let more = announced.min(MAX_FIRST_RESERVE);
                    let mut buffer =
                        BytesMut::with_capacity((begin.len() + data.remaining() + more).max(8192));
                    buffer.extend_from_slice(&begin);
                    extend(&mut buffer, data);
                    *this.joined = Some(buffer);
                }
            }
        }
    }
}

/// Ready when a body that is `allowed` so much time by now has taken more.
fn late(clock: &mut Option<Clock>, allowed: Duration, cx: &mut Context<'_>) -> Poll<CallError> {
    let clock = clock.get_or_insert_with(|| {
        let since = Instant::now();
        let sleep = Box::pin(sleep_until(since + allowed));
        Clock { since, sleep }
    });
    let until = clock.since + allowed;
    loop {
        ready!(clock.sleep.as_mut().poll(cx));
        if clock.sleep.deadline() >= until {
            return Poll::Ready(too_slow());
        }
        // It has come some way since the clock was set.
        clock.sleep.as_mut().reset(until);
    }
}

pub(crate) fn too_slow() -> CallError {
    CallError::client(
        ErrorKind::Timeout,
        "The request body took too long to arrive (server.body_timeout).",
    )
    .with_code("body_timeout")
}

fn extend(buffer: &mut BytesMut, mut data: impl Buf) {
    while data.has_remaining() {
        let chunk = data.chunk();
        buffer.extend_from_slice(chunk);
        let taken = chunk.len();
        data.advance(taken);
    }
}

pub(crate) fn broken(error: &(dyn std::error::Error + 'static)) -> CallError {
    CallError::client(
        ErrorKind::InvalidRequest,
        "The request body ended before it was complete.",
    )
    .with_detail(error.to_string())
}

pub(crate) fn too_large(limit: impl std::fmt::Display) -> CallError {
    CallError::client(
        ErrorKind::PayloadTooLarge,
        format!("The request body is larger than the {limit} bytes that are accepted."),
    )
}

/// How a body is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encoding {
    Identity,
    Gzip,
    Zstd,
}

/// How long the body is said to be.
pub(crate) fn announced(headers: &HeaderMap) -> Option<u64> {
    let value = headers.get(CONTENT_LENGTH)?;
    value.to_str().ok()?.trim().parse().ok()
}

/// Refuses what is announced too large.
pub(crate) fn check_announced(headers: &HeaderMap, limit: u64) -> Result<(), CallError> {
    if announced(headers).is_some_and(|length| length > limit) {
        return Err(too_large(limit));
    }
    Ok(())
}

/// What the head says about the body: refuses what is announced too large, and compressions that are not known.
pub(crate) fn inspect(headers: &HeaderMap, limit: usize) -> Result<Encoding, CallError> {
    check_announced(headers, limit as u64)?;
    let mut encoding = Encoding::Identity;
    for value in headers.get_all(CONTENT_ENCODING) {
        let text = value.to_str().unwrap_or("?").trim();
        let this = match text.to_ascii_lowercase().as_str() {
            "" | "identity" => continue,
            "gzip" | "x-gzip" => Encoding::Gzip,
            "zstd" => Encoding::Zstd,
            _ => return Err(unknown_encoding(text)),
        };
        if encoding != Encoding::Identity {
            return Err(unknown_encoding("more than one"));
        }
        encoding = this;
    }
    Ok(encoding)
}

fn unknown_encoding(found: &str) -> CallError {
    CallError::client(
        ErrorKind::UnsupportedMediaType,
        format!(
            "The content-encoding '{found}' is not supported; gzip, zstd and identity are, one at a time."
        ),
    )
    .with_code("unsupported_content_encoding")
}

/// Undoes the compression, up to `limit` bytes.
pub(crate) fn decompress(
    encoding: Encoding,
    body: Bytes,
    limit: usize,
) -> Result<Bytes, CallError> {
    match encoding {
        Encoding::Identity => Ok(body),
        Encoding::Gzip => read_bounded(flate2::read::MultiGzDecoder::new(&body[..]), limit, "gzip"),
        Encoding::Zstd => {
            let mut decoder = zstd::stream::read::Decoder::with_buffer(&body[..])
                .map_err(|error| undecodable("zstd", &error))?;
            decoder
                .window_log_max(ZSTD_WINDOW_LOG)
                .map_err(|error| undecodable("zstd", &error))?;
            read_bounded(decoder, limit, "zstd")
        }
    }
}

fn read_bounded(from: impl Read, limit: usize, encoding: &'static str) -> Result<Bytes, CallError> {
    let mut out = Vec::new();
    let bound = (limit as u64).saturating_add(1);
    from.take(bound)
        .read_to_end(&mut out)
        .map_err(|error| undecodable(encoding, &error))?;
    if out.len() > limit {
        return Err(CallError::client(
            ErrorKind::PayloadTooLarge,
            format!(
                "The request body is larger than the {limit} bytes that are accepted after decompression."
            ),
        ));
    }
    Ok(Bytes::from(out))
}

fn undecodable(encoding: &'static str, error: &std::io::Error) -> CallError {
    CallError::client(
        ErrorKind::InvalidRequest,
        format!("The request body is not valid {encoding}, as its content-encoding says."),
    )
    .with_code("invalid_content_encoding")
    .with_detail(error.to_string())
}
