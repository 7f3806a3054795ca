use std::sync::Arc;
use std::time::{Duration, Instant};

use gateway_provider::{Call, Journal, Principal, Reply, Whole};
use gateway_schema::chat::FinishReason;
use gateway_schema::stream::Facts;
use gateway_schema::{CallError, EndpointName, ErrorKind, Operation, Origin, RequestId};
use gateway_store::{AttemptRecord, CallRecord, RecordSink, Settlement};

use crate::tally::Tally;

/// Collects the facts of one call and settles it when it is dropped.
pub(super) struct Guard {
    sink: Arc<dyn RecordSink>,
    request_id: RequestId,
    endpoint: EndpointName,
    surface: &'static str,
    operation: Operation,
    stream: bool,
    principal: Principal,
    started: Instant,
    journal: Journal,
    lane: Option<&'static str>,
    response_model: Option<String>,
    finish: Option<FinishReason>,
    tally: Tally,
    first_event: Option<Duration>,
    settlement: Settlement,
    ended: bool,
}

impl Guard {
    pub(super) fn new(sink: Arc<dyn RecordSink>, call: &Call) -> Self {
        let context = &call.context;
        Self {
            sink,
            request_id: context.request_id.clone(),
            endpoint: context.endpoint.clone(),
            surface: context.surface,
            operation: call.operation,
            stream: call.stream,
            principal: context.principal.clone(),
            started: context.started,
            journal: context.journal.clone(),
            lane: None,
            response_model: None,
            finish: None,
            tally: Tally::new(call),
            first_event: None,
            settlement: Settlement::Cancelled,
            ended: false,
        }
    }

    /// An answer is there: whole, or a stream whose frames follow.
    pub(super) fn answered(&mut self, reply: &Reply) {
        self.lane = Some(reply.lane.as_str());
        self.tally.answered();
    }

    pub(super) fn whole(&mut self, whole: &Whole) {
        match whole {
            Whole::Raw { facts, .. } => self.facts(facts),
            _ => self.tally.whole(whole),
        }
        if let Whole::Canonical(gateway_schema::Response::Chat(chat)) = whole {
            self.response_model.clone_from(&chat.model);
            self.finish = chat
                .choices
                .first()
                .and_then(|choice| choice.finish.as_ref())
                .map(|finish| finish.reason);
        }
        self.settlement = Settlement::Completed;
    }

    /// A frame went by.
    pub(super) fn facts(&mut self, facts: &Facts) {
        self.tally.facts(facts);
        if facts.meaningful && self.first_event.is_none() && self.stream {
            self.first_event = Some(self.started.elapsed());
        }
        if facts.finish.is_some() {
            self.finish = facts.finish;
        }
        if facts.model.is_some() && self.response_model.is_none() {
            self.response_model.clone_from(&facts.model);
        }
        if facts.error.is_some() {
            self.settlement = Settlement::Failed(ErrorKind::Upstream, Origin::Upstream);
            self.ended = true;
        }
        // The caller may well leave as soon as it has the terminator: the answer is complete all the same.
        if facts.ended && !self.ended {
            self.settlement = Settlement::Completed;
            self.ended = true;
        }
    }

    pub(super) fn failed(&mut self, error: &CallError) {
        self.settlement = Settlement::Failed(error.kind(), error.origin());
        self.ended = true;
    }

    /// The stream is over.
    pub(super) fn over(&mut self) {
        if !self.ended {
            self.settlement = Settlement::Completed;
        }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        let notes = self.journal.notes().clone();
        let mut record = CallRecord::new(
            self.request_id.clone(),
            self.endpoint.clone(),
            self.operation,
            self.settlement,
            self.started.elapsed(),
        );
        record.surface = self.surface;
        record.stream = self.stream;
        record.principal.clone_from(&self.principal.name);
        record.user.clone_from(&self.principal.user);
        if let Some(last) = notes.attempts.last() {
            record.provider = Some(last.provider.clone());
            record.model = Some(last.model.clone());
        }
        record.response_model = self.response_model.take();
        record.lane = self.lane;
        record.attempts = notes
            .attempts
            .into_iter()
            .map(|attempt| {
                let mut record = AttemptRecord::new(
                    attempt.endpoint,
                    attempt.provider,
                    attempt.model,
                    attempt.duration,
                );
                record.status = attempt.status;
                record.error = attempt.error.map(|(kind, _)| kind);
                record
            })
            .collect();
        record.variant = notes.variant;
        record.cache = notes.cache;
        record.losses = notes.losses;
        record.finish = self.finish;
        record.usage = std::mem::take(&mut self.tally).total();
        record.time_to_first_event = self.first_event;
        self.sink.record(record);
    }
}
