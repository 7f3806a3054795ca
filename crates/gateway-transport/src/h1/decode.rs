//! Where a response body ends: by length, by chunks or by the end of the connection.

/// How the head says the body ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Framing {
    Length(u64),
    Chunked,
    UntilClose,
}

/// What is wrong with the chunks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Malformed {
    Size,
    Delimiter,
    TooLong,
}

impl Malformed {
    pub(super) const fn text(self) -> &'static str {
        match self {
            Self::Size => "chunked body: a chunk size is not a number",
            Self::Delimiter => "chunked body: a chunk does not end where it should",
            Self::TooLong => "chunked body: chunk extension or trailers too long",
        }
    }
}

/// The most bytes that chunk extensions of one chunk, or all trailers together, may take.
const MAX_EXTRA: u32 = 16 * 1024;

/// Takes the frame off a body, piece by piece.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Decoder {
    Length { left: u64 },
    Chunked { state: Chunk },
    UntilClose,
}

/// The position within a chunked body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Chunk {
    /// In the size; `digits` were read.
    Size {
        value: u64,
        digits: u8,
    },
    /// Behind the size, before the end of its line.
    Extension {
        value: u64,
        extra: u32,
    },
    /// The line feed that ends the size line.
    SizeEnd {
        value: u64,
    },
    Data {
        left: u64,
    },
    /// The line end behind the data.
    DataEnd,
    DataLineFeed,
    /// At the start of a trailer line, or of the line that ends the body.
    TrailerStart {
        extra: u32,
    },
    Trailer {
        extra: u32,
    },
    LastLineFeed,
    Done,
}

const SIZE: Chunk = Chunk::Size {
    value: 0,
    digits: 0,
};

impl Decoder {
    pub(super) fn new(framing: Framing) -> Self {
        match framing {
            Framing::Length(left) => Self::Length { left },
            Framing::Chunked => Self::Chunked { state: SIZE },
            Framing::UntilClose => Self::UntilClose,
        }
    }

    /// Whether the body is complete.
    pub(super) fn is_done(&self) -> bool {
        matches!(
            self,
            Self::Length { left: 0 } | Self::Chunked { state: Chunk::Done }
        )
    }

    /// Whether the connection's end is a proper end of the body.
    pub(super) fn may_end(&self) -> bool {
        self.is_done() || matches!(self, Self::UntilClose)
    }

    /// Whether nothing but the terminator may be missing.
    pub(super) fn is_between_chunks(&self) -> bool {
        match self {
            Self::Chunked { state } => !matches!(state, Chunk::Data { .. }),
            _ => false,
        }
    }

    /// Bytes that are certain to be body.
    pub(super) fn known_left(&self) -> u64 {
        match self {
            Self::Length { left }
            | Self::Chunked {
                state: Chunk::Data { left },
            } => *left,
            _ => 0,
        }
    }

    /// Feeds `input`; calls `data` with each run of body bytes; returns what lies behind the end of the body.
    pub(super) fn feed<'a>(
        &mut self,
        mut input: &'a [u8],
        mut data: impl FnMut(&'a [u8]),
    ) -> Result<&'a [u8], Malformed> {
        match self {
            Self::Length { left } => {
                let (body, rest) = split(input, *left);
                *left -= body.len() as u64;
                if !body.is_empty() {
                    data(body);
                }
                Ok(rest)
            }
            Self::UntilClose => {
                data(input);
                Ok(&[])
            }
            Self::Chunked { state } => {
                while *state != Chunk::Done {
                    if let Chunk::Data { left } = state {
                        let (body, rest) = split(input, *left);
                        if body.is_empty() {
                            break;
                        }
                        *left -= body.len() as u64;
                        data(body);
                        input = rest;
                        if *left == 0 {
                            *state = Chunk::DataEnd;
                        }
                        continue;
                    }
                    let Some((&byte, rest)) = input.split_first() else {
                        break;
                    };
                    *state = state.step(byte)?;
                    input = rest;
                }
                Ok(input)
            }
        }
    }
}

fn split(input: &[u8], left: u64) -> (&[u8], &[u8]) {
    let take = usize::try_from(left).unwrap_or(usize::MAX).min(input.len());
    input.split_at_checked(take).unwrap_or((input, &[]))
}

impl Chunk {
    /// The state after one byte that is not data.
    fn step(self, byte: u8) -> Result<Self, Malformed> {
        match self {
            Self::Size { value, digits } => size(value, digits, byte),
            Self::Extension { value, extra } => match byte {
                b'\r' => Ok(Self::SizeEnd { value }),
                b'\n' => Err(Malformed::Delimiter),
                _ if extra >= MAX_EXTRA => Err(Malformed::TooLong),
                _ => Ok(Self::Extension {
                    value,
                    extra: extra + 1,
                }),
            },
            Self::SizeEnd { value } => match (byte, value) {
                (b'\n', 0) => Ok(Self::TrailerStart { extra: 0 }),
                (b'\n', left) => Ok(Self::Data { left }),
                _ => Err(Malformed::Delimiter),
            },
            Self::DataEnd if byte == b'\r' => Ok(Self::DataLineFeed),
            Self::DataLineFeed if byte == b'\n' => Ok(SIZE),
            Self::TrailerStart { .. } if byte == b'\r' => Ok(Self::LastLineFeed),
            Self::TrailerStart { extra } | Self::Trailer { extra } => {
                if extra >= MAX_EXTRA {
                    return Err(Malformed::TooLong);
                }
                let extra = extra + 1;
                Ok(match byte {
                    b'\n' => Self::TrailerStart { extra },
                    _ => Self::Trailer { extra },
                })
            }
            Self::LastLineFeed if byte == b'\n' => Ok(Self::Done),
            Self::DataEnd | Self::DataLineFeed | Self::LastLineFeed => Err(Malformed::Delimiter),
            Self::Data { .. } | Self::Done => Ok(self),
        }
    }
}

fn size(value: u64, digits: u8, byte: u8) -> Result<Chunk, Malformed> {
    let digit = match byte {
        b'0'..=b'9' => byte - b'0',
        b'a'..=b'f' => byte - b'a' + 10,
        b'A'..=b'F' => byte - b'A' + 10,
        b'\r' if digits > 0 => return Ok(Chunk::SizeEnd { value }),
        b';' | b' ' | b'\t' if digits > 0 => return Ok(Chunk::Extension { value, extra: 0 }),
        _ => return Err(Malformed::Size),
    };
    if digits >= 15 {
        return Err(Malformed::Size);
    }
    Ok(Chunk::Size {
        value: (value << 4) | u64::from(digit),
        digits: digits + 1,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Decoder, Framing};

    /// Feeds `wire` in pieces of `step` bytes; the body, what was left over and whether it was complete.
    fn decode(wire: &[u8], step: usize) -> Option<(Vec<u8>, usize, bool)> {
        let mut decoder = Decoder::new(Framing::Chunked);
        let (mut body, mut over) = (Vec::new(), 0);
        for piece in wire.chunks(step) {
            let rest = decoder.feed(piece, |run| body.extend_from_slice(run));
            over += rest.ok()?.len();
        }
        Some((body, over, decoder.is_done()))
    }

    proptest! {
        #[test]
        fn chunks_come_out_whole_however_they_are_cut(
            chunks in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..40), 0..6),
            step in 1_usize..50,
            extension in prop::bool::ANY,
            over in prop::collection::vec(any::<u8>(), 0..4),
        ) {
            let mut wire = Vec::new();
            for chunk in &chunks {
                let note = if extension { ";a=b" } else { "" };
                wire.extend_from_slice(format!("{:X}{note}\r\n", chunk.len()).as_bytes());
                wire.extend_from_slice(chunk);
                wire.extend_from_slice(b"\r\n");
            }
            wire.extend_from_slice(b"0\r\nt: 1\r\n\r\n");
            wire.extend_from_slice(&over);
            prop_assert_eq!(decode(&wire, step), Some((chunks.concat(), over.len(), true)));
        }

        #[test]
        fn no_bytes_panic_and_cutting_changes_nothing(
            wire in prop::collection::vec(prop::sample::select(b"0123fF;\r\n x".to_vec()), 0..40),
            step in 1_usize..10,
        ) {
            prop_assert_eq!(decode(&wire, step), decode(&wire, wire.len().max(1)));
        }
    }
}
