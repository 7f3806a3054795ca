//! Attempts, as the journal has them.

use std::time::Instant;

use gateway_schema::CallError;

use crate::call::Call;
use crate::journal::Attempt;
use crate::transport::{BodyStream, Resent, TransportError};

/// Writes the attempt into the journal, also when the attempt is abandoned.
pub(super) struct OnDrop<'a> {
    pub(super) call: &'a Call,
    pub(super) attempt: &'a mut Attempt,
    pub(super) begun: Instant,
    pub(super) has_outcome: bool,
}

impl Drop for OnDrop<'_> {
    fn drop(&mut self) {
        // What a first try on another connection took is recorded with that one.
        let earlier = self.attempt.duration;
        self.attempt.duration = self.begun.elapsed().saturating_sub(earlier);
        let mut notes = self.call.context.journal.notes();
        notes.push(self.attempt.clone(), self.has_outcome);
    }
}

/// Records the first of two tries, if the transport sent the request twice.
pub(super) fn note_resend(
    call: &Call,
    attempt: &mut Attempt,
    sent: &Result<http::Response<BodyStream>, TransportError>,
) {
    let resent = match sent {
        Ok(response) => response.extensions().get::<Resent>(),
        Err(error) => error.resent.as_deref(),
    };
    let Some(resent) = resent else { return };
    let mut first = attempt.clone();
    let error = CallError::from(resent.error.clone());
    first.error = Some((error.kind(), error.origin()));
    first.duration = resent.duration;
    attempt.since = attempt.since.saturating_add(resent.duration);
    attempt.duration = resent.duration;
    let mut notes = call.context.journal.notes();
    if let Some(trace) = &call.context.trace {
        attempt.span = trace.child(notes.attempts.len() + 1);
    }
    notes.push(first, true);
}
