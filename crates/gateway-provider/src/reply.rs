//! Answers on their way back.

use std::any::Any;
use std::fmt;
use std::pin::Pin;

use bytes::{Bytes, BytesMut};
use futures_core::Stream;
use gateway_schema::stream::{Facts, Frame};
use gateway_schema::{
    CallError, Dialect, ErrorKind, ModelId, ProviderName, Response, Retry, Usage,
};
use http::header::CONTENT_TYPE;
use http::response::Parts;

use crate::budget::{ByteBudget, Exhausted, HeldBytes};
use crate::journal::Lane;
use crate::post::JSON;
use crate::raw::RawHead;
use crate::transport::{BodyStream, TransportError};

/// A streamed answer after its commit point: frames until the end. An `Err` is the last item: the answer broke.
/// Dropping it abandons the upstream exchange.
pub type ReplyStream = Pin<Box<dyn Stream<Item = Result<Frame, CallError>> + Send>>;

/// A whole answer.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Whole {
    /// The provider's bytes, in the caller's own dialect.
    Raw {
        /// The body, untouched.
        body: Bytes,
        /// Its `content-type`.
        content_type: http::HeaderValue,
        /// What was read from it.
        facts: Box<Facts>,
    },
    /// The canonical form.
    Canonical(Response),
}

impl Whole {
    /// The bytes of an answer with this head, untouched, and what was read from them.
    pub fn raw(head: &Parts, body: Bytes, facts: Facts) -> Self {
        let content_type = head.headers.get(CONTENT_TYPE);
        Self::Raw {
            body,
            content_type: content_type.cloned().unwrap_or(JSON),
            facts: Box::new(facts),
        }
    }

    /// What the call consumed, as far as the answer says.
    pub fn usage(&self) -> Option<&Usage> {
        match self {
            Self::Raw { facts, .. } => facts.usage.as_deref(),
            Self::Canonical(response) => response.usage(),
        }
    }
}

/// An answer: at once or in pieces.
pub enum ReplyBody {
    /// At once.
    Whole(Whole),
    /// In pieces.
    Stream(ReplyStream),
}

impl fmt::Debug for ReplyBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Whole(whole) => f.debug_tuple("Whole").field(whole).finish(),
            Self::Stream(_) => f.write_str("Stream"),
        }
    }
}

/// An answer, and who gave it.
#[derive(Debug)]
#[non_exhaustive]
pub struct Reply {
    /// The provider that answered.
    pub provider: ProviderName,
    /// The model it was asked for.
    pub model: ModelId,
    /// What the provider speaks; raw frames and bodies are of this dialect.
    pub dialect: Dialect,
    /// Which way it took.
    pub lane: Lane,
    /// Headers of the provider's answer that may be shown: request ids and rate limits.
    pub headers: http::HeaderMap,
    /// The head of an answer to a request that was passed on as it is: then the body is a stream of raw frames, and its
    /// end is the end of the answer.
    pub raw: Option<Box<RawHead>>,
    /// The answer.
    pub body: ReplyBody,
    /// What the call holds until a whole answer has been handed to the client.
    pub holds: Holds,
}

/// Whatever a call gives back when its answer has left: places, reservations. Dropping it gives them back.
///
/// A stream holds its own; these are for whole answers, which would otherwise wait for a slow client without counting.
#[derive(Default)]
pub struct Holds(Vec<Box<dyn Any + Send>>);

impl Holds {
    /// Holds `what` as well.
    pub fn push(&mut self, what: impl Any + Send) {
        self.0.push(Box::new(what));
    }
}

impl fmt::Debug for Holds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Holds({})", self.0.len())
    }
}

impl Reply {
    /// An answer.
    pub fn new(
        provider: ProviderName,
        model: ModelId,
        dialect: Dialect,
        lane: Lane,
        body: ReplyBody,
    ) -> Self {
        Self {
            provider,
            model,
            dialect,
            lane,
            headers: http::HeaderMap::new(),
            raw: None,
            body,
            holds: Holds::default(),
        }
    }
}

/// Reads a body to its end.
///
/// Units: `limit` is in bytes; a body beyond it is refused, and the transfer abandoned.
///
/// # Errors
/// The transport's fault, or [`ErrorKind::Upstream`] when the body is larger than `limit`.
pub async fn collect(mut body: BodyStream, limit: usize) -> Result<Bytes, CallError> {
    let mut first: Option<Bytes> = None;
    let mut joined: Option<BytesMut> = None;
    let mut length = 0_usize;
    while let Some(chunk) = next(&mut body).await {
        let chunk = chunk?;
        length = length.saturating_add(chunk.len());
        if length > limit {
            return Err(too_large(limit));
        }
        match (&mut joined, first.take()) {
            (Some(buffer), _) => buffer.extend_from_slice(&chunk),
            (None, None) => first = Some(chunk),
            (None, Some(begin)) => {
                let mut buffer = BytesMut::with_capacity((begin.len() + chunk.len()).max(8 * 1024));
                buffer.extend_from_slice(&begin);
                buffer.extend_from_slice(&chunk);
                joined = Some(buffer);
            }
        }
    }
    Ok(match joined {
        Some(buffer) => buffer.freeze(),
        None => first.unwrap_or_default(),
    })
}

/// Reads a body to its end, as [`collect`] does, and counts its bytes in `memory` before there is memory for them. `note`
/// learns the length of every chunk.
///
/// # Errors
/// As [`collect`], and [`ErrorKind::Unavailable`] when there is no room. The provider has answered: it is not asked again.
pub(crate) async fn collect_counted(
    mut body: BodyStream,
    limit: usize,
    memory: &ByteBudget,
    note: impl Fn(usize),
) -> Result<(Bytes, HeldBytes), CallError> {
    let mut held = memory.nothing();
    let mut first: Option<Bytes> = None;
    let mut joined: Vec<u8> = Vec::new();
    let full = |_| CallError::from(Exhausted).with_retry(Retry::Never);
    while let Some(chunk) = next(&mut body).await {
        let chunk = chunk?;
        note(chunk.len());
        let before = first.as_ref().map_or(joined.len(), Bytes::len);
        let length = before.saturating_add(chunk.len());
        if length > limit {
            return Err(too_large(limit));
        }
        if before == 0 {
            held.grow(chunk.len() as u64).map_err(full)?;
            first = Some(chunk);
            continue;
        }
        if length > joined.capacity() {
            let target = joined
                .capacity()
                .saturating_mul(2)
                .clamp(length, length.max(limit))
                .max(8 * 1024);
            held.grow((target as u64).saturating_sub(held.bytes()))
                .map_err(full)?;
            joined
                .try_reserve_exact(target - joined.len())
                .map_err(|_| full(Exhausted))?;
        }
        if let Some(begin) = first.take() {
            joined.extend_from_slice(&begin);
        }
        joined.extend_from_slice(&chunk);
    }
    Ok((first.unwrap_or_else(|| joined.into()), held))
}

fn too_large(limit: usize) -> CallError {
    CallError::upstream(
        ErrorKind::Upstream,
        format!("The provider's answer is larger than the {limit} bytes the gateway accepts."),
    )
}

/// The next chunk of a body.
pub(crate) async fn next(body: &mut BodyStream) -> Option<Result<Bytes, TransportError>> {
    std::future::poll_fn(|cx| body.as_mut().poll_next(cx)).await
}
