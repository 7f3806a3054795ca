//! A connection whose replies are bounded: the client crate has no bound of its own and would hold whatever is sent.
//!
//! The bytes are looked at just as far as to know where a reply ends. One that is too large, or announces to be, is an error of
//! the connection, before the client sees the bytes.
//!
//! Spec: <https://redis.io/docs/latest/develop/reference/protocol-spec/>, read 2026-12-01.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// The largest reply: the largest answer that is kept there, and a little around it.
const LARGEST: u64 = 2 * 1024 * 1024;
/// The longest number in a line.
const DIGITS: usize = 20;
/// How deep replies may be nested.
const DEPTH: usize = 8;

/// A connection to a server whose replies are bounded.
pub(crate) struct Bounded<S> {
    inner: S,
    replies: Replies,
}

impl<S> Bounded<S> {
    pub(crate) fn new(inner: S) -> Self {
        Self {
            inner,
            replies: Replies::default(),
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Bounded<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.inner).poll_read(cx, buffer))?;
        let new = buffer.filled().get(before..).unwrap_or_default();
        Poll::Ready(self.replies.feed(new).map_err(|TooLarge| {
            let what = format!("a reply is larger than {LARGEST} bytes");
            io::Error::new(io::ErrorKind::InvalidData, what)
        }))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Bounded<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }
}

/// A reply is larger than may be.
#[derive(Debug, PartialEq, Eq)]
struct TooLarge;

/// Where in its replies a connection is.
#[derive(Debug, Default)]
struct Replies {
    /// Bytes of the reply so far.
    length: u64,
    /// What is left of a text of known length.
    text: u64,
    /// The beginning of the line so far: its kind and a number.
    line: Vec<u8>,
    /// How many values are missing of each list that is open.
    open: Vec<u64>,
}

impl Replies {
    fn feed(&mut self, mut bytes: &[u8]) -> Result<(), TooLarge> {
        while !bytes.is_empty() {
            let taken = if self.text > 0 {
                let length = self.text.min(bytes.len() as u64);
                self.text -= length;
                length
            } else {
                self.line(bytes)
            };
            self.length += taken;
            if self.length > LARGEST {
                return Err(TooLarge);
            }
            let taken = usize::try_from(taken).unwrap_or(usize::MAX);
            let (done, rest) = bytes.split_at(taken.min(bytes.len()));
            let line_ended = !self.line.is_empty() && done.last() == Some(&b'\n');
            if line_ended {
                self.end_line()?;
            } else if self.line.is_empty() && self.text == 0 {
                self.end_value();
            }
            bytes = rest;
        }
        Ok(())
    }

    /// Takes bytes to the end of the line, and returns how many.
    fn line(&mut self, bytes: &[u8]) -> u64 {
        let end = bytes.iter().position(|byte| *byte == b'\n');
        let length = end.map_or(bytes.len(), |end| end + 1);
        let room = (DIGITS + 3).saturating_sub(self.line.len()).min(length);
        self.line
            .extend_from_slice(bytes.get(..room).unwrap_or_default());
        length as u64
    }

    fn end_line(&mut self) -> Result<(), TooLarge> {
        let line = std::mem::take(&mut self.line);
        let Some((kind, number)) = line.split_first() else {
            return Ok(());
        };
        let number = std::str::from_utf8(number).unwrap_or_default();
        // `-1` is null; what is no number is for the client to refuse.
        let number: u64 = number.trim().parse().unwrap_or(0);
        let values = match kind {
            b'$' | b'!' | b'=' => return self.begin_text(number, line.contains(&b'-')),
            b'*' | b'~' | b'>' => number,
            b'%' => number.saturating_mul(2),
            // Attributes come before the value that they are about.
            b'|' => number.saturating_mul(2).saturating_add(1),
            _ => 0,
        };
        if values == 0 {
            self.end_value();
            return Ok(());
        }
        if values > LARGEST || self.open.len() >= DEPTH {
            return Err(TooLarge);
        }
        self.open.push(values);
        Ok(())
    }

    fn begin_text(&mut self, length: u64, is_null: bool) -> Result<(), TooLarge> {
        if is_null {
            self.end_value();
            return Ok(());
        }
        // The end of the line behind it.
        self.text = length.saturating_add(2);
        if self.length.saturating_add(self.text) > LARGEST {
            return Err(TooLarge);
        }
        Ok(())
    }

    /// A value is complete, and with it every list that it was the last of.
    fn end_value(&mut self) {
        while let Some(missing) = self.open.last_mut() {
            *missing = missing.saturating_sub(1);
            if *missing > 0 {
                return;
            }
            self.open.pop();
        }
        self.length = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Feeds `text` in pieces of every size.
    fn fed(text: &[u8]) -> Result<(), TooLarge> {
        let mut last = Ok(());
        for size in [1, 2, 3, 7, 64, text.len().max(1)] {
            let mut replies = Replies::default();
            last = text.chunks(size).try_for_each(|piece| replies.feed(piece));
            if last.is_ok() {
                assert_eq!(
                    (replies.length, replies.text),
                    (0, 0),
                    "{size}: {replies:?}"
                );
                assert!(replies.open.is_empty() && replies.line.is_empty());
            }
        }
        last
    }

    #[test]
    fn replies_of_every_kind_are_followed_to_their_end() {
        let each: [&[u8]; 14] = [
            b"+OK\r\n",
            b"-ERR a word, and more of them than a number has digits\r\n",
            b":-12\r\n",
            b"$5\r\nhe\r\no\r\n",
            b"$0\r\n\r\n",
            b"$-1\r\n",
            b"*-1\r\n",
            b"*0\r\n",
            b"*2\r\n*2\r\n:1\r\n$1\r\na\r\n*0\r\n",
            b"%1\r\n+a\r\n*1\r\n:2\r\n",
            b"|1\r\n+a\r\n+b\r\n:3\r\n",
            b">2\r\n+a\r\n_\r\n",
            b"#t\r\n",
            b"~1\r\n,1.5\r\n",
        ];
        for reply in each {
            assert_eq!(fed(reply), Ok(()), "{reply:?}");
        }
        let many = each.concat().repeat(20_000);
        let mut replies = Replies::default();
        assert_eq!(replies.feed(&many), Ok(()), "only single replies count");
        assert_eq!(replies.length, 0);
    }

    #[test]
    fn what_is_too_large_is_refused_when_it_is_announced_or_when_it_has_come() {
        let line = [&b"+"[..], &b"a".repeat(3 << 20)].concat();
        let texts = b"*3\r\n$1000000\r\n";
        for reply in [
            &line[..],
            b"$104857600\r\n",
            b"$18446744073709551615\r\n",
            b"*1000000000\r\n",
            &b"*1\r\n".repeat(100),
        ] {
            let mut replies = Replies::default();
            assert_eq!(replies.feed(reply), Err(TooLarge));
        }
        let mut replies = Replies::default();
        assert_eq!(replies.feed(texts), Ok(()));
        assert_eq!(replies.feed(&b"a".repeat(1_000_002)), Ok(()));
        assert_eq!(replies.feed(b"$1500000\r\n"), Err(TooLarge), "together");
    }
}
