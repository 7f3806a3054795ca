//! Reading replies, with as little work as still notices every fault.

/// How the body ends.
#[derive(Debug, Clone, Copy)]
enum Framing {
    Length(u64),
    Size,
    Data(u64),
    LineAfterData,
    Last,
}

/// A reply that is being read.
#[derive(Debug, Default)]
pub struct Reply {
    head: Vec<u8>,
    framing: Option<Framing>,
    status: u16,
    /// Events of a stream that were complete.
    pub events: u64,
    /// Bytes of the body.
    pub bytes: u64,
    tail: Vec<u8>,
    line: Vec<u8>,
    previous: u8,
    done: bool,
}

/// How much of the body's end is kept.
const TAIL: usize = 48;

impl Reply {
    /// Forgets everything, to read the next one.
    pub fn clear(&mut self) {
        let mut head = std::mem::take(&mut self.head);
        head.clear();
        *self = Self {
            head,
            ..Self::default()
        };
    }

    /// Whether the reply is complete.
    pub fn is_done(&self) -> bool {
        self.done
    }

    /// Whether it succeeded: status 200, and the end of a stream as it should be.
    pub fn is_good(&self, terminator: Option<&[u8]>) -> bool {
        self.done && self.status == 200 && terminator.is_none_or(|end| self.tail.ends_with(end))
    }

    /// A few words on what is wrong.
    pub fn describe(&self) -> String {
        format!(
            "status {}, {} bytes, {} events, complete: {}, ends with {:?}",
            self.status,
            self.bytes,
            self.events,
            self.done,
            String::from_utf8_lossy(&self.tail)
        )
    }

    /// Takes what arrived.
    ///
    /// # Errors
    /// When it is not HTTP.
    pub fn feed(&mut self, mut bytes: &[u8]) -> Result<(), &'static str> {
        if self.framing.is_none() {
            let before = self.head.len();
            self.head.extend_from_slice(bytes);
            let Some(end) = memchr::memmem::find(&self.head, b"\r\n\r\n") else {
                return Ok(());
            };
            self.framing = Some(self.read_head(end)?);
            bytes = bytes
                .split_at_checked(end + 4 - before)
                .unwrap_or_default()
                .1;
        }
        while !self.done {
            let Some(rest) = self.step(bytes)? else {
                return Ok(());
            };
            bytes = rest;
        }
        if bytes.is_empty() {
            Ok(())
        } else {
            Err("bytes after the reply")
        }
    }

    fn read_head(&mut self, end: usize) -> Result<Framing, &'static str> {
        let head = self.head.get(..end).unwrap_or_default();
        let text = std::str::from_utf8(head).map_err(|_| "head is not text")?;
        let mut lines = text.split("\r\n");
        let line = lines.next().unwrap_or_default();
        self.status = line
            .split(' ')
            .nth(1)
            .and_then(|code| code.parse().ok())
            .ok_or("no status")?;
        for line in lines {
            let Some((name, value)) = line.split_once(':') else {
                continue;
            };
            if name.eq_ignore_ascii_case("content-length") {
                let length = value.trim().parse().map_err(|_| "content-length")?;
                self.done = length == 0;
                return Ok(Framing::Length(length));
            }
            if name.eq_ignore_ascii_case("transfer-encoding") {
                return Ok(Framing::Size);
            }
        }
        Err("neither length nor chunks")
    }

    /// One step; `None` when more bytes are needed.
    fn step<'a>(&mut self, bytes: &'a [u8]) -> Result<Option<&'a [u8]>, &'static str> {
        if bytes.is_empty() {
            return Ok(None);
        }
        match self.framing {
            Some(Framing::Length(left) | Framing::Data(left)) => {
                let take = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len());
                let (body, rest) = bytes.split_at_checked(take).unwrap_or_default();
                self.note(body);
                let left = left - body.len() as u64;
                let chunked = matches!(self.framing, Some(Framing::Data(_)));
                self.framing = Some(match (chunked, left) {
                    (true, 0) => Framing::LineAfterData,
                    (true, left) => Framing::Data(left),
                    (false, left) => {
                        self.done = left == 0;
                        Framing::Length(left)
                    }
                });
                Ok(Some(rest))
            }
            _ => self.line(bytes),
        }
    }

    /// Takes a line of the chunked framing.
    fn line<'a>(&mut self, bytes: &'a [u8]) -> Result<Option<&'a [u8]>, &'static str> {
        let Some(end) = memchr::memchr(b'\n', bytes) else {
            self.line.extend_from_slice(bytes);
            return Ok(None);
        };
        let (line, rest) = bytes.split_at_checked(end + 1).unwrap_or_default();
        self.line.extend_from_slice(line);
        let text = std::str::from_utf8(&self.line).map_err(|_| "chunk size")?;
        let text = text.trim_end();
        self.framing = Some(match self.framing {
            Some(Framing::LineAfterData) if text.is_empty() => Framing::Size,
            Some(Framing::Size) => {
                let digits = text.split(';').next().unwrap_or_default();
                match u64::from_str_radix(digits, 16).map_err(|_| "chunk size")? {
                    0 => Framing::Last,
                    size => Framing::Data(size),
                }
            }
            Some(Framing::Last) => {
                self.done = text.is_empty();
                Framing::Last
            }
            _ => return Err("a chunk is longer than it said"),
        });
        self.line.clear();
        Ok(Some(rest))
    }

    fn note(&mut self, body: &[u8]) {
        self.bytes += body.len() as u64;
        for at in memchr::memchr_iter(b'\n', body) {
            let before = match at.checked_sub(1) {
                Some(index) => body.get(index).copied().unwrap_or_default(),
                None => self.previous,
            };
            if before == b'\n' {
                self.events += 1;
            }
        }
        self.previous = body.last().copied().unwrap_or(self.previous);
        let from = body.len().saturating_sub(TAIL);
        self.tail
            .extend_from_slice(body.get(from..).unwrap_or_default());
        let excess = self.tail.len().saturating_sub(TAIL);
        self.tail.drain(..excess);
    }
}

#[cfg(test)]
mod tests {
    use super::Reply;

    #[test]
    fn replies_are_understood_however_they_are_cut() {
        for (wire, events, bytes) in [
            ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", 0, 5),
            (
                "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n9\r\ndata: 1\n\n\r\na\r\ndata: 22\n\n\r\n0\r\n\r\n",
                2,
                19,
            ),
        ] {
            for step in 1..wire.len() {
                let mut reply = Reply::default();
                for piece in wire.as_bytes().chunks(step) {
                    assert!(!reply.is_done());
                    reply.feed(piece).unwrap();
                }
                assert!(reply.is_good(None), "{step}: {}", reply.describe());
                assert_eq!((reply.events, reply.bytes), (events, bytes));
            }
        }
    }

    #[test]
    fn a_stream_without_its_terminator_is_not_good() {
        let mut reply = Reply::default();
        reply
            .feed(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n")
            .unwrap();
        assert!(reply.is_good(None));
        assert!(!reply.is_good(Some(b"data: [DONE]\n\n")));
    }
}
