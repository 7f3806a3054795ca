//! What nearly every wire does with an answer.

use bytes::Bytes;
use gateway_schema::stream::{Decode, Frame};
use gateway_schema::{CallError, ErrorKind};
use http::HeaderMap;
use http::header::CONTENT_TYPE;
use serde_json::Value;

/// The media type that the headers of an answer state, with its parameters.
pub fn content_type(headers: &HeaderMap) -> Option<&str> {
    headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
}

/// Reads a whole answer as JSON, for formats that need no dialect.
///
/// # Errors
/// Of origin upstream, when it is none.
pub fn read_json(body: &[u8]) -> Result<Value, CallError> {
    serde_json::from_slice(body).map_err(|error| {
        CallError::upstream(
            ErrorKind::Upstream,
            "The provider's answer is not valid JSON.",
        )
        .with_detail(error.to_string())
    })
}

/// The decoder of a provider that has no streams: they are refused before anything is sent, and what comes all the same
/// is not understood.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoStream;

impl Decode for NoStream {
    fn feed(&mut self, _chunk: Bytes, out: &mut Vec<Frame>) -> Result<(), CallError> {
        self.end(out)
    }

    fn end(&mut self, _out: &mut Vec<Frame>) -> Result<(), CallError> {
        Err(CallError::upstream(
            ErrorKind::Upstream,
            "The provider answered with a stream that nobody asked for.",
        ))
    }
}

#[cfg(test)]
mod tests {
    use gateway_schema::Origin;

    use super::*;

    #[test]
    fn the_media_type_is_told_as_it_stands() {
        let mut headers = HeaderMap::new();
        assert_eq!(content_type(&headers), None);
        headers.insert(CONTENT_TYPE, "text/plain; charset=utf-8".parse().unwrap());
        assert_eq!(content_type(&headers), Some("text/plain; charset=utf-8"));
    }

    #[test]
    fn an_answer_that_cannot_be_read_is_the_providers_fault() {
        assert_eq!(read_json(b"[1]").unwrap(), Value::from(vec![1]));
        assert_eq!(read_json(b"<p>").unwrap_err().origin(), Origin::Upstream);
        let mut frames = Vec::new();
        let fed = NoStream.feed(Bytes::from_static(b"data: 1"), &mut frames);
        assert_eq!(fed.unwrap_err().origin(), Origin::Upstream);
        assert!(frames.is_empty());
    }
}
