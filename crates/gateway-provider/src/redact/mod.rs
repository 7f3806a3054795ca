//! Strikes the credential of an attempt out of everything the provider answers.
//!
//! Providers echo keys, whole or masked (`Incorrect API key provided: sk-proj-****abcd`), in error texts, headers, and
//! wherever a debugging proxy before them puts what it was sent. The credential of an attempt is known here, before
//! anything is read, shown, logged or recorded, so it is replaced once for all of them, by as many `*`: lengths that a
//! head or a frame states stay true.
//!
//! Not found: a key in compressed bytes that the gateway passes on unread, and a key that is encoded in a way of the
//! provider's own.

mod body;
mod partial;

#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use gateway_schema::Secret;
use http::{HeaderMap, HeaderValue};
use memchr::memmem::Finder;

use crate::credential::Credential;
use crate::transport::BodyStream;

/// Shorter credentials are placeholders (`EMPTY`, `none`) and not looked for at all.
const MIN_BYTES: usize = 5;
/// Shorter credentials are looked for in errors only, and there as whole words: in an answer they may be words of the
/// answer.
const MIN_BYTES_ANYWHERE: usize = 16;

/// Finds one credential, and knows its spellings. Without credentials it finds nothing at no cost.
#[derive(Debug, Default)]
pub(crate) struct Redactor {
    /// Spellings that are looked for everywhere.
    long: Vec<Finder<'static>>,
    /// Spellings that are looked for in errors, as words.
    short: Vec<Finder<'static>>,
}

impl Redactor {
    /// Looks for what `credential` holds, and for the values of `headers`, which the endpoint adds to every request.
    fn new(credential: &Credential, headers: &HeaderMap) -> Self {
        let mut redactor = Self::default();
        match credential {
            Credential::None => {}
            Credential::Key(key) => redactor.add(key.expose()),
            Credential::Aws {
                access_key_id,
                secret_access_key,
                session_token,
            } => {
                redactor.add(access_key_id);
                redactor.add(secret_access_key.expose());
                redactor.add(session_token.as_ref().map_or("", |it: &Secret| it.expose()));
            }
        }
        for value in headers.values().filter_map(|value| value.to_str().ok()) {
            let bare = value.split_once(' ').map_or(value, |(_, bare)| bare);
            if bare.len() >= MIN_BYTES_ANYWHERE {
                redactor.add(bare);
            }
        }
        redactor
    }

    fn add(&mut self, secret: &str) {
        let secret = secret.trim();
        if secret.len() < MIN_BYTES {
            return;
        }
        let list = if secret.len() < MIN_BYTES_ANYWHERE {
            &mut self.short
        } else {
            &mut self.long
        };
        let mut spellings = vec![secret.to_owned()];
        for spelling in [
            secret.replace('/', "\\/"),
            percent_encoded(secret, Hex::Upper),
            percent_encoded(secret, Hex::Lower),
        ] {
            if !spellings.contains(&spelling) {
                spellings.push(spelling);
            }
        }
        list.extend(spellings.iter().map(|it| Finder::new(it).into_owned()));
    }

    /// Whether there is nothing to look for anywhere.
    const fn is_idle(&self) -> bool {
        self.long.is_empty()
    }

    /// A body without the credential, however it is cut. Nothing is copied where it is not found.
    pub(crate) fn body(self: &Arc<Self>, body: BodyStream) -> BodyStream {
        if self.is_idle() {
            return body;
        }
        Box::pin(body::Redacted::new(body, Arc::clone(self)))
    }

    /// The body of an error without the credential, its beginning, or a masked form of it.
    pub(crate) fn error(&self, text: Bytes) -> Bytes {
        let mut spans: Vec<(usize, usize)> = Vec::new();
        for finder in self.long.iter().chain(&self.short) {
            let length = finder.needle().len();
            for at in finder.find_iter(&text) {
                if length >= MIN_BYTES_ANYWHERE || is_word(&text, at, at + length) {
                    spans.push((at, at + length));
                }
            }
        }
        for finder in &self.long {
            partial::find(&text, finder.needle(), &mut spans);
        }
        starred(text, &spans)
    }

    /// Header fields without the credential; `strict` also for its masked and short forms.
    pub(crate) fn headers(&self, headers: &mut HeaderMap, strict: bool) {
        if self.is_idle() && !strict {
            return;
        }
        for value in headers.values_mut() {
            let found = strict
                || self
                    .long
                    .iter()
                    .any(|finder| finder.find(value.as_bytes()).is_some());
            if !found {
                continue;
            }
            let clean = self.error(Bytes::copy_from_slice(value.as_bytes()));
            if clean != value.as_bytes() {
                *value = HeaderValue::from_maybe_shared(clean)
                    .unwrap_or_else(|_| HeaderValue::from_static("***"));
            }
        }
    }

    /// Where long spellings stand in `text`.
    fn spans(&self, text: &[u8]) -> Vec<(usize, usize)> {
        let mut spans = Vec::new();
        for finder in &self.long {
            let length = finder.needle().len();
            spans.extend(finder.find_iter(text).map(|at| (at, at + length)));
        }
        spans
    }

    /// How many bytes at the end of `text` may be the beginning of a long spelling.
    fn open_end(&self, text: &[u8]) -> usize {
        let open = |finder: &Finder<'_>| partial::open_end(text, finder.needle());
        self.long.iter().map(open).max().unwrap_or(0)
    }
}

/// The redactor for the credential that was used last: made once as long as that does not change.
#[derive(Debug, Default)]
pub(crate) struct Redactors(Mutex<Option<(Arc<Credential>, Arc<Redactor>)>>);

impl Redactors {
    /// The one for `credential`.
    pub(crate) fn get(&self, credential: &Arc<Credential>, headers: &HeaderMap) -> Arc<Redactor> {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((known, redactor)) = &*last
            && Arc::ptr_eq(known, credential)
        {
            return Arc::clone(redactor);
        }
        let redactor = Arc::new(Redactor::new(credential, headers));
        *last = Some((Arc::clone(credential), Arc::clone(&redactor)));
        redactor
    }
}

/// `text` with `*` in place of the bytes of `spans`.
fn starred(text: Bytes, spans: &[(usize, usize)]) -> Bytes {
    if spans.is_empty() {
        return text;
    }
    let mut clean = text.to_vec();
    for (from, to) in spans {
        if let Some(found) = clean.get_mut(*from..*to) {
            found.fill(b'*');
        }
    }
    Bytes::from(clean)
}

/// Whether no letter or digit stands right before `from` or right at `to`.
fn is_word(text: &[u8], from: usize, to: usize) -> bool {
    let is_part = |at: Option<usize>| {
        at.and_then(|at| text.get(at))
            .is_some_and(u8::is_ascii_alphanumeric)
    };
    !is_part(from.checked_sub(1)) && !is_part(Some(to))
}

/// How the digits of an escape are written.
#[derive(Clone, Copy)]
enum Hex {
    Upper,
    Lower,
}

fn percent_encoded(text: &str, hex: Hex) -> String {
    use std::fmt::Write as _;
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = match hex {
                Hex::Upper => write!(out, "%{byte:02X}"),
                Hex::Lower => write!(out, "%{byte:02x}"),
            };
        }
    }
    out
}
