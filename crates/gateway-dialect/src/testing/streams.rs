//! Streams: fed in pieces, written, and looked at from outside.

use bytes::{Bytes, BytesMut};
use gateway_schema::CallError;
use gateway_schema::chat::{Finish, FinishReason, StreamEvent};
use gateway_schema::stream::{Decode, Encode, Facts, Frame, FrameData};

/// Feeds a stream cut at `cuts`. The error, if it does not end well.
pub(crate) fn feed(
    decoder: &mut dyn Decode,
    stream: &[u8],
    cuts: &[usize],
) -> (Vec<Frame>, Option<CallError>) {
    let mut frames = Vec::new();
    let mut from = 0;
    for to in cuts.iter().copied().chain([stream.len()]) {
        let piece = Bytes::copy_from_slice(&stream[from..to]);
        if let Err(error) = decoder.feed(piece, &mut frames) {
            return (frames, Some(error));
        }
        from = to;
    }
    let end = decoder.end(&mut frames).err();
    (frames, end)
}

/// The events of frames, groups kept apart.
pub(crate) fn groups(frames: Vec<Frame>) -> Vec<Vec<StreamEvent>> {
    frames
        .into_iter()
        .filter_map(|frame| match frame.data {
            FrameData::Events(events) => Some(events),
            FrameData::Raw(_) => None,
        })
        .collect()
}

/// The events of frames.
pub(crate) fn events(frames: Vec<Frame>) -> Vec<StreamEvent> {
    groups(frames).concat()
}

/// The bytes that frames forward.
pub(crate) fn forwarded(frames: &[Frame]) -> Vec<u8> {
    let mut all = Vec::new();
    for frame in frames {
        match &frame.data {
            FrameData::Raw(bytes) => all.extend_from_slice(bytes),
            FrameData::Events(_) => panic!("a frame of events"),
        }
    }
    all
}

/// What all frames state together.
pub(crate) fn total(frames: Vec<Frame>) -> Facts {
    let mut all = Facts::default();
    for frame in frames {
        all.absorb(frame.facts);
    }
    all
}

/// The same without counts, which an observer only estimates.
pub(crate) fn stated(frames: Vec<Frame>) -> Facts {
    let mut all = total(frames);
    all.content_events = 0;
    all.text_bytes = 0;
    all
}

/// A stream of these events, ended well.
pub(crate) fn written(encoder: &mut dyn Encode, groups: &[Vec<StreamEvent>]) -> Vec<u8> {
    let mut out = BytesMut::new();
    for group in groups {
        encoder.encode(group, &mut out);
    }
    encoder.end(&mut out);
    out.to_vec()
}

/// Feeds a stream whole, by single bytes, and cut in two at about `places` places: the events and the end are the same.
pub(crate) fn assert_cuts_change_nothing<D: Decode>(
    name: &str,
    stream: &[u8],
    places: usize,
    decoder: impl Fn() -> D,
) {
    let read = |cuts: &[usize]| {
        let (frames, error) = feed(&mut decoder(), stream, cuts);
        (events(frames), error)
    };
    let whole = read(&[]);
    let every: Vec<usize> = (0..stream.len()).collect();
    assert_eq!(read(&every), whole, "{name} by single bytes");
    for at in (0..stream.len()).step_by(stream.len() / places + 1) {
        assert_eq!(read(&[at]), whole, "{name} at {at}");
    }
}

/// Text.
pub(crate) fn text(text: &str) -> StreamEvent {
    StreamEvent::Text {
        choice: 0,
        text: text.to_owned(),
    }
}

/// A call of the function `f` begins.
pub(crate) fn call(call: u32, id: &str, arguments: &str) -> StreamEvent {
    StreamEvent::ToolCall {
        choice: 0,
        call,
        id: Some(id.to_owned()),
        name: "f".to_owned(),
        arguments: arguments.to_owned(),
    }
}

/// A call goes on.
pub(crate) fn arguments(call: u32, fragment: &str) -> StreamEvent {
    StreamEvent::ToolArguments {
        choice: 0,
        call,
        fragment: fragment.to_owned(),
    }
}

/// The answer is over.
pub(crate) fn finish(reason: FinishReason) -> StreamEvent {
    StreamEvent::Finish {
        choice: 0,
        finish: Finish::new(reason),
    }
}
