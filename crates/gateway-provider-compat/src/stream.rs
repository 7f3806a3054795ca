//! Streams whose answers go by the configured name of the model.

use bytes::Bytes;
use gateway_schema::CallError;
use gateway_schema::chat::StreamEvent;
use gateway_schema::stream::{Decode, Frame, FrameData};

/// Takes the name of the model out of a stream, so that the caller sees the configured one.
pub(crate) struct Nameless<D>(pub(crate) D);

impl<D> Nameless<D> {
    fn strip(frames: &mut [Frame]) {
        for frame in frames {
            if let FrameData::Events(events) = &mut frame.data {
                for event in events {
                    if let StreamEvent::Start { model, .. } = event {
                        *model = None;
                    }
                }
            }
        }
    }
}

impl<D: Decode> Decode for Nameless<D> {
    fn feed(&mut self, chunk: Bytes, out: &mut Vec<Frame>) -> Result<(), CallError> {
        let known = out.len();
        let fed = self.0.feed(chunk, out);
        Self::strip(out.get_mut(known..).unwrap_or_default());
        fed
    }

    fn end(&mut self, out: &mut Vec<Frame>) -> Result<(), CallError> {
        let known = out.len();
        let ended = self.0.end(out);
        Self::strip(out.get_mut(known..).unwrap_or_default());
        ended
    }
}
