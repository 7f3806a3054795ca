//! Requests as a chaos upstream reads them.

use std::io;

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt};

/// A request that arrived.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Received {
    /// `POST`, ...
    pub method: String,
    /// Path and query.
    pub path: String,
    /// Names in lower case, in order.
    pub headers: Vec<(String, String)>,
    /// The body, chunks joined.
    pub body: Bytes,
}

impl Received {
    /// The first header of this name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }
}

/// Reads bytes until `done` finds what it looks for.
async fn fill<S: AsyncRead + Unpin, T>(
    stream: &mut S,
    buffer: &mut BytesMut,
    mut done: impl FnMut(&mut BytesMut) -> Option<T>,
) -> io::Result<Option<T>> {
    loop {
        if let Some(found) = done(buffer) {
            return Ok(Some(found));
        }
        if stream.read_buf(buffer).await? == 0 {
            return Ok(None);
        }
    }
}

fn line(buffer: &mut BytesMut) -> Option<String> {
    let end = buffer.windows(2).position(|pair| pair == b"\r\n")?;
    let line = buffer.split_to(end);
    buffer.advance(2);
    Some(String::from_utf8_lossy(&line).into_owned())
}

fn exactly(buffer: &mut BytesMut, length: usize) -> Option<Bytes> {
    (buffer.len() >= length).then(|| buffer.split_to(length).freeze())
}

/// Reads one request; `None` when the connection ends first. `buffer` keeps what comes after it.
pub(super) async fn read<S: AsyncRead + Unpin>(
    stream: &mut S,
    buffer: &mut BytesMut,
) -> io::Result<Option<Received>> {
    let Some(first) = fill(stream, buffer, line).await? else {
        return Ok(None);
    };
    let mut words = first.split(' ').map(str::to_owned);
    let mut received = Received {
        method: words.next().unwrap_or_default(),
        path: words.next().unwrap_or_default(),
        headers: Vec::new(),
        body: Bytes::new(),
    };
    loop {
        let Some(header) = fill(stream, buffer, line).await? else {
            return Ok(None);
        };
        match header.split_once(':') {
            Some((name, value)) => received
                .headers
                .push((name.to_ascii_lowercase(), value.trim().to_owned())),
            None => break,
        }
    }
    let body = if received.header("transfer-encoding") == Some("chunked") {
        chunked(stream, buffer).await?
    } else {
        let length = received
            .header("content-length")
            .and_then(|value| value.parse().ok())
            .unwrap_or(0);
        fill(stream, buffer, |buffer| exactly(buffer, length)).await?
    };
    Ok(body.map(|body| {
        received.body = body;
        received
    }))
}

async fn chunked<S: AsyncRead + Unpin>(
    stream: &mut S,
    buffer: &mut BytesMut,
) -> io::Result<Option<Bytes>> {
    let mut body = BytesMut::new();
    loop {
        let Some(size) = fill(stream, buffer, line).await? else {
            return Ok(None);
        };
        let size = size.split(';').next().unwrap_or_default().trim();
        let Ok(size) = usize::from_str_radix(size, 16) else {
            return Ok(None);
        };
        let Some(chunk) = fill(stream, buffer, |buffer| exactly(buffer, size + 2)).await? else {
            return Ok(None);
        };
        if size == 0 {
            return Ok(Some(body.freeze()));
        }
        body.extend_from_slice(chunk.get(..size).unwrap_or_default());
    }
}
