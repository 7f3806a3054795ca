//! The question of a call: the caller's bytes, and the canonical form on first demand.

use std::fmt;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use gateway_json::Envelope;
use gateway_schema::{CallError, Decoded, Dialect, Operation, Request};

use crate::budget::{ByteBudget, HeldBytes};
use crate::raw::RawRequest;

/// Reads a body of one dialect. A function of the surface's, so that this crate knows no dialect.
pub type DecodePayload =
    &'static (dyn Fn(Operation, &[u8]) -> Result<Decoded, CallError> + Send + Sync);

/// The question of a call. Cloning shares everything.
#[derive(Clone)]
pub struct Payload {
    wire: Option<Arc<WireForm>>,
    raw: Option<Arc<RawRequest>>,
    canonical: Arc<OnceLock<Result<Canonical, CallError>>>,
    memory: ByteBudget,
}

/// The canonical form and what it counts for.
struct Canonical {
    decoded: Decoded,
    _held: HeldBytes,
}

struct WireForm {
    dialect: Dialect,
    bytes: Bytes,
    envelope: Envelope,
    decode: DecodePayload,
}

impl Payload {
    /// A question as it came: bytes of `dialect`, already scanned.
    pub fn from_bytes(
        dialect: Dialect,
        bytes: Bytes,
        envelope: Envelope,
        decode: DecodePayload,
    ) -> Self {
        Self {
            wire: Some(Arc::new(WireForm {
                dialect,
                bytes,
                envelope,
                decode,
            })),
            raw: None,
            canonical: Arc::default(),
            memory: ByteBudget::default(),
        }
    }

    /// Counts the canonical form in `memory` before it is made.
    pub fn with_memory(mut self, memory: ByteBudget) -> Self {
        self.memory = memory;
        self
    }

    /// A question in canonical form, from a caller without a wire (an embedder, a judge).
    pub fn from_request(request: Request) -> Self {
        let canonical = OnceLock::new();
        // A fresh lock is empty: setting it cannot fail.
        let _ = canonical.set(Ok(Canonical {
            decoded: Decoded::whole(request),
            _held: HeldBytes::default(),
        }));
        Self {
            wire: None,
            raw: None,
            canonical: Arc::new(canonical),
            memory: ByteBudget::default(),
        }
    }

    /// A request to be passed on as it is. It has no canonical form.
    pub fn from_raw(raw: RawRequest) -> Self {
        Self {
            wire: None,
            raw: Some(Arc::new(raw)),
            canonical: Arc::default(),
            memory: ByteBudget::default(),
        }
    }

    /// The request to be passed on as it is.
    pub fn raw(&self) -> Option<&RawRequest> {
        self.raw.as_deref()
    }

    /// Whether it may be asked twice, as far as that can be told.
    pub fn is_repeatable(&self) -> bool {
        self.raw().is_none_or(RawRequest::is_repeatable)
    }

    /// The dialect of the bytes; `None` without a wire.
    pub fn dialect(&self) -> Option<Dialect> {
        self.wire.as_ref().map(|wire| wire.dialect)
    }

    /// The bytes and their envelope, if they are of `dialect`: the same-dialect lane.
    pub fn native(&self, dialect: Dialect) -> Option<(&Bytes, &Envelope)> {
        self.wire
            .as_ref()
            .filter(|wire| wire.dialect == dialect)
            .map(|wire| (&wire.bytes, &wire.envelope))
    }

    /// The bytes and their envelope, of whatever dialect.
    pub fn envelope(&self) -> Option<(&Bytes, &Envelope)> {
        self.wire.as_ref().map(|wire| (&wire.bytes, &wire.envelope))
    }

    /// The bytes, of whatever dialect.
    pub fn bytes(&self) -> Option<&Bytes> {
        let raw = self.raw.as_ref().map(|raw| &raw.body);
        self.wire.as_ref().map(|wire| &wire.bytes).or(raw)
    }

    /// The canonical form, decoded on first demand and kept.
    ///
    /// # Errors
    /// The caller's mistake, with the fields it is about; or there is no room for it.
    pub fn canonical(&self, operation: Operation) -> Result<&Decoded, CallError> {
        self.canonical
            .get_or_init(|| match &self.wire {
                Some(wire) => {
                    let held = self.memory.hold(decoded_size(&wire.bytes))?;
                    let decoded = (wire.decode)(operation, &wire.bytes)?;
                    Ok(Canonical {
                        decoded,
                        _held: held,
                    })
                }
                // `from_request` fills the lock: what is left is a request that is passed on.
                None => Err(CallError::gateway(
                    gateway_schema::ErrorKind::Unsupported,
                    "A request that is passed on as it is cannot be translated.",
                )),
            })
            .as_ref()
            .map(|canonical| &canonical.decoded)
            .map_err(Clone::clone)
    }
}

/// What a body takes when it is decoded, at most: its texts, and a node for each value.
fn decoded_size(body: &[u8]) -> u64 {
    /// A value of JSON with the key before it.
    const NODE: u64 = 80;
    let begins = |byte: &&u8| matches!(**byte, b',' | b'[' | b'{');
    let nodes = body.iter().filter(begins).count() as u64;
    body.len() as u64 + nodes.saturating_mul(NODE)
}

impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Payload")
            .field("dialect", &self.dialect())
            .field("bytes", &self.bytes().map(Bytes::len))
            .finish_non_exhaustive()
    }
}
