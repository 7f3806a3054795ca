//! Answers written by hand.

use std::fmt::Write as _;
use std::io;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::behaviour::{Behaviour, Break, Reply};

/// Whether the connection can take another request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum After {
    Keep,
    Close,
}

/// Writes the answer of `behaviour`.
pub(super) async fn perform(stream: &mut TcpStream, behaviour: &Behaviour) -> io::Result<After> {
    if !behaviour.head_delay.is_zero() {
        tokio::time::sleep(behaviour.head_delay).await;
    }
    if let Some(raw) = &behaviour.raw {
        stream.write_all(raw).await?;
        return Ok(After::Close);
    }
    let Some(reply) = &behaviour.reply else {
        return finish(
            stream,
            behaviour.broken.map_or(Break::Close, |(_, how)| how),
        )
        .await;
    };
    stream
        .write_all(head(reply, behaviour.length_lie).as_bytes())
        .await?;
    let mut written = 0_usize;
    for chunk in &reply.chunks {
        if behaviour.broken.is_some_and(|(limit, _)| written >= limit) {
            break;
        }
        let end = behaviour.broken.map_or(chunk.len(), |(limit, _)| {
            chunk.len().min(limit.saturating_sub(written))
        });
        write_chunk(stream, behaviour, reply.chunked, chunk, end).await?;
        written += end;
        if end < chunk.len() {
            break;
        }
    }
    if let Some((_, how)) = behaviour.broken {
        return finish(stream, how).await;
    }
    if reply.chunked {
        stream.write_all(b"0\r\n\r\n").await?;
    }
    stream.flush().await?;
    Ok(if behaviour.length_lie == 0 {
        After::Keep
    } else {
        After::Close
    })
}

fn head(reply: &Reply, lie: i64) -> String {
    let mut head = format!("HTTP/1.1 {} Scripted\r\n", reply.status);
    for (name, value) in &reply.headers {
        let _ = write!(head, "{name}: {value}\r\n");
    }
    if reply.chunked {
        head.push_str("transfer-encoding: chunked\r\n");
    } else {
        let length: usize = reply.chunks.iter().map(Bytes::len).sum();
        let stated = i64::try_from(length)
            .unwrap_or(i64::MAX)
            .saturating_add(lie);
        let _ = write!(head, "content-length: {}\r\n", stated.max(0));
    }
    head.push_str("\r\n");
    head
}

/// Writes the first `end` bytes of a chunk, with the chunk's frame only if it is whole.
async fn write_chunk(
    stream: &mut TcpStream,
    behaviour: &Behaviour,
    framed: bool,
    chunk: &Bytes,
    end: usize,
) -> io::Result<()> {
    let mut bytes = BytesMut::new();
    if framed {
        bytes.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
    }
    bytes.extend_from_slice(chunk.get(..end).unwrap_or_default());
    if framed && end == chunk.len() {
        bytes.extend_from_slice(b"\r\n");
    }
    match behaviour.drip {
        None => stream.write_all(&bytes).await,
        Some((size, pause)) => {
            for piece in bytes.chunks(size.max(1)) {
                stream.write_all(piece).await?;
                stream.flush().await?;
                tokio::time::sleep(pause).await;
            }
            Ok(())
        }
    }
}

async fn finish(stream: &mut TcpStream, how: Break) -> io::Result<After> {
    match how {
        Break::Close => {}
        Break::Reset => stream.set_zero_linger()?,
        Break::Stall => {
            // Until the caller gives up.
            let mut ignored = [0; 256];
            while stream.read(&mut ignored).await? > 0 {}
        }
    }
    Ok(After::Close)
}
