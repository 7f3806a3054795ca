//! Undoes the compression of a body, a step at a time.

use std::io::{BufRead, ErrorKind as IoKind, Read};
use std::task::{Context, Poll};

use bytes::{Buf, Bytes};
use flate2::bufread::GzDecoder;
use gateway_provider::{ByteBudget, Exhausted, HeldBytes};
use gateway_schema::{CallError, ErrorKind};
use zstd::stream::raw::{DParameter, Decoder as Frames, Operation};

use super::encoding::Encoding;

/// Bytes that are read, and written, before other tasks have their turn.
const STEP: usize = 128 * 1024;
/// A piece of what comes out.
const PIECE: usize = 32 * 1024;
/// A body that expands to no more than this may do so from any size.
const FREE: usize = 8 * 1024 * 1024;
/// A larger one may be so many times its size.
const RATIO: usize = 100;
/// So many parts (members, frames) may a body have, and one more for each `BYTES_PER_PART` that come out of it.
const FREE_PARTS: usize = 64;
const BYTES_PER_PART: usize = 4 * 1024;
/// The largest window a zstd body may ask for: 8 MiB, the bound of RFC 9659.
const ZSTD_WINDOW_LOG: u32 = 23;
/// What a decoder of gzip holds.
const GZIP_STATE: u64 = 64 * 1024;

/// A body being decompressed. What comes out counts before there is memory for it; every [`STEP`] other tasks have their
/// turn.
pub(crate) struct Unpack {
    decoder: Decoder,
    encoding: Encoding,
    piece: Vec<u8>,
    out: Vec<u8>,
    held: HeldBytes,
    /// The decoder's own memory.
    _state: HeldBytes,
    parts: usize,
    /// The most that may come out.
    limit: usize,
    /// The most that may come out of a body of this size.
    ratio_limit: usize,
}

enum Decoder {
    Gzip(Option<Box<GzDecoder<Metered>>>),
    Zstd(Box<Frames<'static>>, Metered, Frame),
}

/// Where in its frames a decoder is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Frame {
    Before,
    Within,
}

/// What came of one step of a decoder.
enum Step {
    /// So many bytes came out.
    Out(usize),
    /// So many came out, and a part is over.
    Part(usize),
    /// The step is over.
    Pause,
    /// The body is over.
    End,
}

impl Unpack {
    /// Decompresses `body` to at most `limit` bytes, which count in `budget`.
    ///
    /// # Errors
    /// There is no room for the decoder.
    pub(crate) fn new(
        encoding: Encoding,
        body: Bytes,
        limit: usize,
        budget: &ByteBudget,
    ) -> Result<Self, CallError> {
        let ratio_limit = body.len().saturating_mul(RATIO).max(FREE);
        let (state, decoder) = if encoding == Encoding::Zstd {
            let state = budget.hold(1 << ZSTD_WINDOW_LOG)?;
            let frames = frames().map_err(|error| undecodable(encoding, &error))?;
            let input = Metered::new(body);
            (state, Decoder::Zstd(Box::new(frames), input, Frame::Before))
        } else {
            let state = budget.hold(GZIP_STATE)?;
            let first = Box::new(GzDecoder::new(Metered::new(body)));
            (state, Decoder::Gzip(Some(first)))
        };
        Ok(Self {
            decoder,
            encoding,
            piece: vec![0; PIECE],
            out: Vec::new(),
            held: budget.nothing(),
            _state: state,
            parts: 0,
            limit,
            ratio_limit,
        })
    }

    /// The decompressed body, once it is there. Not to be polled after that.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<Bytes, CallError>> {
        self.decoder.allow(STEP);
        let pause_at = self.out.len().saturating_add(2 * STEP);
        while self.out.len() < pause_at {
            let step = match self.decoder.step(&mut self.piece) {
                Ok(step) => step,
                Err(error) => return Poll::Ready(Err(undecodable(self.encoding, &error))),
            };
            let taken = match step {
                Step::Out(length) => self.push(length),
                Step::Part(length) => self.push(length).and_then(|()| self.end_part()),
                Step::Pause => break,
                Step::End => {
                    let held = std::mem::take(&mut self.held);
                    return Poll::Ready(Ok(held.attach(std::mem::take(&mut self.out))));
                }
            };
            if let Err(error) = taken {
                return Poll::Ready(Err(error));
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Takes over the first `length` bytes of the piece.
    fn push(&mut self, length: usize) -> Result<(), CallError> {
        let need = self.out.len().saturating_add(length);
        if need > self.limit {
            return Err(self.too_large());
        }
        if need > self.ratio_limit {
            return Err(self.too_dense());
        }
        let there = self.out.capacity();
        if need > there {
            let target = there.saturating_mul(2).max(PIECE).min(self.limit).max(need);
            self.held.grow((target - there) as u64)?;
            let room = self.out.try_reserve_exact(target - self.out.len());
            room.map_err(|_| Exhausted)?;
        }
        self.out
            .extend_from_slice(self.piece.get(..length).unwrap_or_default());
        Ok(())
    }

    fn end_part(&mut self) -> Result<(), CallError> {
        self.parts += 1;
        if self.parts > FREE_PARTS + self.out.len() / BYTES_PER_PART {
            return Err(self.too_dense());
        }
        Ok(())
    }

    fn too_large(&self) -> CallError {
        let limit = self.limit;
        CallError::client(
            ErrorKind::PayloadTooLarge,
            format!(
                "The request body is larger than the {limit} bytes that are accepted after decompression."
            ),
        )
    }

    fn too_dense(&self) -> CallError {
        let name = self.encoding.as_str();
        CallError::client(
            ErrorKind::PayloadTooLarge,
            format!(
                "The {name} body is not accepted after decompression: it expands to more than {RATIO} times its \
                 size, or has too many parts."
            ),
        )
        .with_code("compression_ratio")
    }
}

fn frames() -> std::io::Result<Frames<'static>> {
    let mut frames = Frames::new()?;
    frames.set_parameter(DParameter::WindowLogMax(ZSTD_WINDOW_LOG))?;
    Ok(frames)
}

impl Decoder {
    /// Lets the decoder read `bytes` more.
    fn allow(&mut self, bytes: usize) {
        match self {
            Self::Gzip(Some(member)) => member.get_mut().left = bytes,
            Self::Gzip(None) => {}
            Self::Zstd(_, input, _) => input.left = bytes,
        }
    }

    fn step(&mut self, piece: &mut [u8]) -> std::io::Result<Step> {
        match self {
            Self::Gzip(slot) => member(slot, piece),
            Self::Zstd(frames, input, at) => frame(frames, input, at, piece),
        }
    }
}

/// Reads a piece of the member, or goes to the next.
fn member(slot: &mut Option<Box<GzDecoder<Metered>>>, piece: &mut [u8]) -> std::io::Result<Step> {
    let Some(decoder) = slot else {
        return Ok(Step::End);
    };
    match decoder.read(piece) {
        Ok(0) => {}
        Ok(length) => return Ok(Step::Out(length)),
        Err(error) if error.kind() == IoKind::WouldBlock => return Ok(Step::Pause),
        Err(error) => return Err(error),
    }
    if let Some(input) = slot.take().map(|decoder| decoder.into_inner())
        && !input.rest.is_empty()
    {
        *slot = Some(Box::new(GzDecoder::new(input)));
    }
    Ok(Step::Part(0))
}

fn frame(
    frames: &mut Frames<'static>,
    input: &mut Metered,
    at: &mut Frame,
    piece: &mut [u8],
) -> std::io::Result<Step> {
    if input.rest.is_empty() && *at == Frame::Before {
        return Ok(Step::End);
    }
    let is_last = input.rest.is_empty();
    let bytes = match input.fill_buf() {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == IoKind::WouldBlock => return Ok(Step::Pause),
        Err(error) => return Err(error),
    };
    let status = frames.run_on_buffers(bytes, piece)?;
    input.consume(status.bytes_read);
    let length = status.bytes_written;
    if status.remaining == 0 {
        *at = Frame::Before;
        return Ok(Step::Part(length));
    }
    *at = Frame::Within;
    if is_last && length == 0 {
        return Err(IoKind::UnexpectedEof.into());
    }
    Ok(Step::Out(length))
}

/// Input of which only so much may be read at a time.
struct Metered {
    rest: Bytes,
    left: usize,
}

impl Metered {
    const fn new(rest: Bytes) -> Self {
        Self { rest, left: STEP }
    }
}

impl Read for Metered {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        let length = self.fill_buf()?.read(out)?;
        self.consume(length);
        Ok(length)
    }
}

impl BufRead for Metered {
    fn fill_buf(&mut self) -> std::io::Result<&[u8]> {
        if self.left == 0 && !self.rest.is_empty() {
            return Err(IoKind::WouldBlock.into());
        }
        let most = self.left.min(self.rest.len());
        Ok(self.rest.get(..most).unwrap_or_default())
    }

    fn consume(&mut self, amount: usize) {
        let amount = amount.min(self.rest.len());
        self.rest.advance(amount);
        self.left = self.left.saturating_sub(amount);
    }
}

fn undecodable(encoding: Encoding, error: &std::io::Error) -> CallError {
    let name = encoding.as_str();
    CallError::client(
        ErrorKind::InvalidRequest,
        format!("The request body is not valid {name}, as its content-encoding says."),
    )
    .with_code("invalid_content_encoding")
    .with_detail(error.to_string())
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::time::Instant;

    use super::*;

    const MIB: usize = 1024 * 1024;

    fn gzip(data: &[u8]) -> Vec<u8> {
        let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::new(6));
        writer.write_all(data).unwrap();
        writer.finish().unwrap()
    }

    fn zstd(data: &[u8]) -> Vec<u8> {
        zstd::stream::encode_all(data, 3).unwrap()
    }

    /// What comes out, and in how many turns.
    fn unpack(
        encoding: Encoding,
        packed: Vec<u8>,
        limit: usize,
        budget: &ByteBudget,
    ) -> (Result<Bytes, CallError>, usize) {
        let mut unpack = match Unpack::new(encoding, packed.into(), limit, budget) {
            Ok(unpack) => unpack,
            Err(error) => return (Err(error), 0),
        };
        let mut cx = Context::from_waker(std::task::Waker::noop());
        for turns in 1.. {
            if let Poll::Ready(outcome) = unpack.poll(&mut cx) {
                return (outcome, turns);
            }
        }
        unreachable!()
    }

    fn text(length: usize) -> Vec<u8> {
        let mut random = fastrand::Rng::with_seed(7);
        std::iter::repeat_with(|| random.u8(b'a'..b'q'))
            .take(length)
            .collect()
    }

    #[test]
    fn several_parts_are_one_body_and_large_ones_take_turns() {
        let (first, second) = (text(3 * MIB), text(10));
        let whole = [first.clone(), second.clone()].concat();
        for (encoding, pack) in [
            (Encoding::Gzip, gzip as fn(&[u8]) -> Vec<u8>),
            (Encoding::Zstd, zstd),
        ] {
            let budget = ByteBudget::new(100 * MIB as u64);
            let packed = [pack(&first), pack(b""), pack(&second)].concat();
            let (body, turns) = unpack(encoding, packed.clone(), 10 * MIB, &budget);
            let body = body.unwrap();
            assert_eq!(body, whole);
            assert!(turns > 10, "{turns}");
            assert!(budget.used() >= whole.len() as u64);
            drop(body);
            assert_eq!(budget.used(), 0);
            let cut = packed[..packed.len() - 3].to_vec();
            let (outcome, _) = unpack(encoding, cut, 10 * MIB, &budget);
            assert_eq!(
                outcome.unwrap_err().code(),
                Some("invalid_content_encoding")
            );
        }
    }

    #[test]
    fn a_bomb_is_refused_by_its_ratio_its_size_and_by_what_there_is_room_for() {
        let bomb = vec![b' '; 64 * MIB];
        for (encoding, packed) in [(Encoding::Gzip, gzip(&bomb)), (Encoding::Zstd, zstd(&bomb))] {
            for (limit, room, code) in [
                (100 * MIB, 1000 * MIB, Some("compression_ratio")),
                (MIB, 1000 * MIB, None),
                (100 * MIB, 4 * MIB, Some("overloaded")),
            ] {
                let budget = ByteBudget::new(room as u64);
                let (outcome, _) = unpack(encoding, packed.clone(), limit, &budget);
                assert_eq!(outcome.unwrap_err().code(), code, "{encoding:?} {limit}");
                assert_eq!(budget.used(), 0);
            }
        }
    }

    #[test]
    fn millions_of_empty_parts_cost_nothing() {
        // An empty frame without a content size, and a frame that is skipped.
        let skipped = [0x50, 0x2a, 0x4d, 0x18, 0, 0, 0, 0];
        for (encoding, part) in [
            (Encoding::Gzip, gzip(b"")),
            (Encoding::Zstd, zstd(b"")),
            (Encoding::Zstd, skipped.to_vec()),
        ] {
            let budget = ByteBudget::new(100 * MIB as u64);
            let packed = part.repeat(10 * MIB / part.len());
            let begun = Instant::now();
            let (outcome, _) = unpack(encoding, packed, 100 * MIB, &budget);
            assert_eq!(outcome.unwrap_err().code(), Some("compression_ratio"));
            assert!(begun.elapsed().as_millis() < 200, "{:?}", begun.elapsed());
        }
    }

    #[test]
    fn blocks_without_content_take_turns() {
        // The head of a member, then empty stored blocks that never end.
        let mut packed = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
        packed.extend([0, 0, 0, 0xff, 0xff].repeat(MIB));
        let budget = ByteBudget::new(100 * MIB as u64);
        let (outcome, turns) = unpack(Encoding::Gzip, packed, 100 * MIB, &budget);
        assert_eq!(
            outcome.unwrap_err().code(),
            Some("invalid_content_encoding")
        );
        assert!(turns > 30, "{turns}");
    }
}
