//! Whole answers, read at their end.

use bytes::{Bytes, BytesMut};
use gateway_schema::CallError;
use gateway_schema::stream::{Decode, Frame};

use super::Reader;
use crate::generated;

/// The largest answer that is held to be read. Answers with usage are small; what is larger is a file.
const MAX_HELD: usize = 16 * 1024 * 1024;

/// Holds an answer until its end, and reads it then.
pub(super) struct WholeObserver {
    read: Option<Reader>,
    held: BytesMut,
}

impl WholeObserver {
    /// Reads by `read`; nothing without.
    pub(super) fn new(read: Option<Reader>) -> Self {
        Self {
            read,
            held: BytesMut::new(),
        }
    }
}

impl Decode for WholeObserver {
    fn feed(&mut self, chunk: Bytes, _out: &mut Vec<Frame>) -> Result<(), CallError> {
        if self.read.is_some() {
            if self.held.len().saturating_add(chunk.len()) > MAX_HELD {
                self.read = None;
                self.held = BytesMut::new();
            } else {
                self.held.extend_from_slice(&chunk);
            }
        }
        Ok(())
    }

    fn end(&mut self, out: &mut Vec<Frame>) -> Result<(), CallError> {
        if let Some(read) = self.read {
            let mut facts = read(&self.held)?;
            if facts.text_bytes == 0 {
                generated::count(&self.held, &mut facts);
            }
            out.push(Frame::raw(Bytes::new(), facts));
        }
        Ok(())
    }
}
