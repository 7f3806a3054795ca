//! What was said, where records keep it.

use gateway_provider::{Call, Whole};
use gateway_schema::Response;
use gateway_schema::chat::{Content, StreamEvent};
use gateway_schema::stream::FrameData;
use gateway_store::ContentRecord;

/// The most that is kept of a request, and of an answer.
const MOST: usize = 64 * 1024;

/// The question.
pub(super) fn of(call: &Call) -> ContentRecord {
    let mut record = ContentRecord::default();
    if let Some(bytes) = call.payload.bytes() {
        keep(bytes, &mut record.request);
    }
    record
}

/// A whole answer.
pub(super) fn answer(whole: &Whole, record: &mut ContentRecord) {
    match whole {
        Whole::Raw { body, .. } => keep(body, &mut record.response),
        Whole::Canonical(Response::Chat(chat)) => {
            for part in chat.choices.iter().flat_map(|choice| &choice.parts) {
                if let Content::Text { text, .. } = &part.content {
                    keep(text.as_bytes(), &mut record.response);
                }
            }
        }
        _ => {}
    }
}

/// A piece of a streamed answer.
pub(super) fn piece(data: &FrameData, record: &mut ContentRecord) {
    match data {
        FrameData::Raw(bytes) => keep(bytes, &mut record.response),
        FrameData::Events(events) => {
            for event in events {
                if let StreamEvent::Text { text, .. } = event {
                    keep(text.as_bytes(), &mut record.response);
                }
            }
        }
    }
}

fn keep(bytes: &[u8], kept: &mut Vec<u8>) {
    let room = MOST.saturating_sub(kept.len());
    kept.extend_from_slice(bytes.get(..room).unwrap_or(bytes));
}
