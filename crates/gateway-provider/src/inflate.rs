//! Answers that come compressed although nobody asked for it: some servers and proxies compress whatever they send.
//!
//! Only gzip and deflate, like the clients that providers test with; anything else is a fault that names itself.

use std::io::Write as _;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use flate2::write::{MultiGzDecoder, ZlibDecoder};
use futures_core::Stream;
use gateway_schema::{CallError, ErrorKind};
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH};
use http::response::Parts;

use crate::transport::{BodyStream, TransportError, TransportFault};

/// The body without the compression that `head` states. What is not compressed is not touched.
pub(crate) fn inflate(head: &mut Parts, body: BodyStream) -> Result<BodyStream, CallError> {
    let Some(encoding) = head.headers.remove(CONTENT_ENCODING) else {
        return Ok(body);
    };
    let word = encoding.as_bytes().trim_ascii().to_ascii_lowercase();
    let inflater = match word.as_slice() {
        b"" | b"identity" => return Ok(body),
        b"gzip" | b"x-gzip" => Inflater::Gzip(MultiGzDecoder::new(Vec::new())),
        b"deflate" => Inflater::Zlib(ZlibDecoder::new(Vec::new())),
        other => {
            let message = format!(
                "The provider's answer is compressed as '{}', which was not asked for and is not read.",
                String::from_utf8_lossy(other)
            );
            return Err(CallError::upstream(ErrorKind::Upstream, message));
        }
    };
    head.headers.remove(CONTENT_LENGTH);
    Ok(Box::pin(Inflated {
        body,
        inflater: Some(inflater),
    }))
}

enum Inflater {
    Gzip(MultiGzDecoder<Vec<u8>>),
    Zlib(ZlibDecoder<Vec<u8>>),
}

impl Inflater {
    /// Takes compressed bytes and gives what they make, at once: events in a stream must not wait.
    fn feed(&mut self, chunk: &[u8]) -> std::io::Result<Vec<u8>> {
        match self {
            Self::Gzip(inflater) => {
                inflater.write_all(chunk)?;
                inflater.flush()?;
                Ok(std::mem::take(inflater.get_mut()))
            }
            Self::Zlib(inflater) => {
                inflater.write_all(chunk)?;
                inflater.flush()?;
                Ok(std::mem::take(inflater.get_mut()))
            }
        }
    }

    fn end(self) -> std::io::Result<Vec<u8>> {
        match self {
            Self::Gzip(inflater) => inflater.finish(),
            Self::Zlib(inflater) => inflater.finish(),
        }
    }
}

struct Inflated {
    body: BodyStream,
    /// `None` once the body is over.
    inflater: Option<Inflater>,
}

impl Stream for Inflated {
    type Item = Result<Bytes, TransportError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            if self.inflater.is_none() {
                return Poll::Ready(None);
            }
            let chunk = ready!(self.body.as_mut().poll_next(cx));
            let plain = match (chunk, self.inflater.as_mut()) {
                (Some(Ok(chunk)), Some(inflater)) => inflater.feed(&chunk),
                (Some(Err(error)), _) => {
                    self.inflater = None;
                    return Poll::Ready(Some(Err(error)));
                }
                (None, _) => self.inflater.take().map_or(Ok(Vec::new()), Inflater::end),
                (_, None) => return Poll::Ready(None),
            };
            match plain {
                Ok(plain) if plain.is_empty() => {}
                Ok(plain) => return Poll::Ready(Some(Ok(Bytes::from(plain)))),
                Err(error) => {
                    self.inflater = None;
                    let detail = format!("the compressed body cannot be read: {error}");
                    let error = TransportError::new(TransportFault::Body, detail);
                    return Poll::Ready(Some(Err(error)));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::task::Waker;

    use super::*;

    struct Chunks(Vec<Bytes>);

    impl Stream for Chunks {
        type Item = Result<Bytes, TransportError>;

        fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
            let next = (!self.0.is_empty()).then(|| Ok(self.0.remove(0)));
            Poll::Ready(next)
        }
    }

    fn gzip(text: &str) -> Vec<u8> {
        let level = flate2::Compression::default();
        let mut out = flate2::write::GzEncoder::new(Vec::new(), level);
        out.write_all(text.as_bytes()).unwrap();
        out.finish().unwrap()
    }

    fn read(encoding: &str, chunks: Vec<Bytes>) -> Result<String, String> {
        let response = http::Response::builder().header("content-encoding", encoding);
        let (mut head, ()) = response.body(()).unwrap().into_parts();
        let mut body =
            inflate(&mut head, Box::pin(Chunks(chunks))).map_err(|error| error.to_string())?;
        assert!(!head.headers.contains_key("content-encoding"));
        let mut text = Vec::new();
        let mut cx = Context::from_waker(Waker::noop());
        while let Poll::Ready(Some(chunk)) = body.as_mut().poll_next(&mut cx) {
            text.extend_from_slice(&chunk.map_err(|error| error.to_string())?);
        }
        Ok(String::from_utf8(text).unwrap())
    }

    #[test]
    fn a_compressed_answer_reads_the_same_however_it_is_cut() {
        let whole = gzip("Hello, hello, hello.");
        for at in 0..=whole.len() {
            let (one, two) = whole.split_at(at);
            let chunks = vec![Bytes::copy_from_slice(one), Bytes::copy_from_slice(two)];
            assert_eq!(read("GZIP", chunks).unwrap(), "Hello, hello, hello.");
        }
        let plain = vec![Bytes::from_static(b"plain")];
        assert_eq!(read("identity", plain).unwrap(), "plain");
    }

    #[test]
    fn a_compressed_answer_that_is_cut_or_unknown_is_an_error() {
        let mut short = gzip("Hello, hello, hello.");
        short.truncate(short.len() - 3);
        assert!(read("gzip", vec![short.into()]).is_err());
        assert!(read("gzip", vec![Bytes::from_static(b"no gzip")]).is_err());
        assert!(read("br", Vec::new()).unwrap_err().contains("'br'"));
    }
}
