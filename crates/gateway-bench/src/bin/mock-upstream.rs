//! A provider that costs as little as possible: fixed replies, one write each, the request read and thrown away.
//!
//! `--port N --reply-bytes N --stream true|false --tokens N --gap-us N`. The path chooses the shape: `/messages` is
//! Anthropic's, anything else OpenAI's. Every event of a stream is a chunk and a write of its own.

#![expect(clippy::print_stderr, reason = "a program talks to its terminal")]

use std::sync::Arc;
use std::time::Duration;

use gateway_bench::args::Args;
use gateway_bench::server;
use gateway_bench::shapes::Shape;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// What is sent for one shape.
struct Script {
    head: Vec<u8>,
    /// The pieces of a stream; a whole reply stands in `head`.
    pieces: Vec<Vec<u8>>,
}

struct Mock {
    openai: Script,
    anthropic: Script,
    gap: Duration,
}

impl Script {
    fn new(shape: Shape, args: &Args) -> Result<Self, String> {
        if !args.get("stream", false)? {
            let body = shape.whole(args.get("reply-bytes", 1024)?);
            let head = format!(
                "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nx-request-id: req_0123456789abcdef\r\ncontent-length: {}\r\n\r\n{body}",
                body.len()
            );
            return Ok(Self {
                head: head.into_bytes(),
                pieces: Vec::new(),
            });
        }
        let events = shape.events(args.get("tokens", 64)?);
        let mut pieces: Vec<_> = events
            .iter()
            .map(|event| format!("{:x}\r\n{event}\r\n", event.len()).into_bytes())
            .collect();
        if let Some(last) = pieces.last_mut() {
            last.extend_from_slice(b"0\r\n\r\n");
        }
        let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\nx-request-id: req_0123456789abcdef\r\ntransfer-encoding: chunked\r\n\r\n";
        Ok(Self {
            head: head.as_bytes().to_vec(),
            pieces,
        })
    }
}

fn main() -> Result<(), String> {
    let args = Args::read(std::env::args().skip(1))?;
    let mock = Arc::new(Mock {
        openai: Script::new(Shape::OpenAi, &args)?,
        anthropic: Script::new(Shape::Anthropic, &args)?,
        gap: Duration::from_micros(args.get("gap-us", 0)?),
    });
    let port = args.get("port", 0)?;
    server::stop_with_parent();
    let runtime = server::runtime().map_err(|error| error.to_string())?;
    runtime.block_on(async move {
        let listener = server::listen(port).await.map_err(|e| e.to_string())?;
        loop {
            let (stream, _) = listener.accept().await.map_err(|e| e.to_string())?;
            let mock = Arc::clone(&mock);
            tokio::spawn(async move {
                if let Err(error) = serve(stream, &mock).await
                    && error.kind() == std::io::ErrorKind::InvalidData
                {
                    eprintln!("mock-upstream: {error}");
                }
            });
        }
    })
}

async fn serve(mut stream: TcpStream, mock: &Mock) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut buffer = Vec::with_capacity(4096);
    while let Some(script) = read_request(&mut stream, &mut buffer, mock).await? {
        stream.write_all(&script.head).await?;
        for piece in &script.pieces {
            if !mock.gap.is_zero() {
                tokio::time::sleep(mock.gap).await;
            }
            stream.write_all(piece).await?;
        }
    }
    Ok(())
}

/// Reads one request and chooses its script; `None` at the end of the connection.
async fn read_request<'a>(
    stream: &mut TcpStream,
    buffer: &mut Vec<u8>,
    mock: &'a Mock,
) -> std::io::Result<Option<&'a Script>> {
    let bad = |what| std::io::Error::new(std::io::ErrorKind::InvalidData, what);
    buffer.clear();
    let end = loop {
        if stream.read_buf(buffer).await? == 0 {
            return Ok(None);
        }
        if let Some(end) = memchr::memmem::find(buffer, b"\r\n\r\n") {
            break end;
        }
        if buffer.len() > 65536 {
            return Err(bad("the request head is too long"));
        }
    };
    let head = buffer.get(..end).unwrap_or_default();
    let line = memchr::memchr(b'\r', head).and_then(|at| head.get(..at));
    let anthropic = line.is_some_and(|line| memchr::memmem::find(line, b"/messages").is_some());
    let length = content_length(head).ok_or_else(|| bad("a request without content-length"))?;
    let mut left = (end + 4 + length)
        .checked_sub(buffer.len())
        .ok_or_else(|| bad("a request that is longer than it says"))?;
    while left > 0 {
        // Waiting first keeps the buffer out of the futures that wait.
        stream.readable().await?;
        let mut sink = [0_u8; 16 * 1024];
        let most = left.min(sink.len());
        match stream.try_read(sink.get_mut(..most).unwrap_or_default()) {
            Ok(0) => return Ok(None),
            Ok(read) => left -= read,
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
    Ok(Some(if anthropic {
        &mock.anthropic
    } else {
        &mock.openai
    }))
}

fn content_length(head: &[u8]) -> Option<usize> {
    head.split(|byte| *byte == b'\n').find_map(|line| {
        let (name, value) = line.split_at_checked(15)?;
        name.eq_ignore_ascii_case(b"content-length:")
            .then(|| std::str::from_utf8(value).ok()?.trim().parse().ok())?
    })
}
