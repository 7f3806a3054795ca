use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use gateway_provider::{Call, Journal, Notes, Principal, Reply, Upload, Whole};
use gateway_schema::chat::FinishReason;
use gateway_schema::stream::{Facts, Frame, FrameData};
use gateway_schema::{
    CallError, Dialect, EndpointName, ErrorKind, Operation, Origin, RequestId, Response, Usage, Usd,
};
use gateway_store::{
    AttemptRecord, CallRecord, ContentRecord, FailureRecord, Settlement, TraceRecord,
};

use super::content;
use super::meter::{Flight, Meter};
use crate::expected::Expected;
use crate::tally::Tally;

/// Collects the facts of one call and settles it when it is dropped.
pub(super) struct Guard {
    meter: Arc<Meter>,
    flight: Option<Flight>,
    request_id: RequestId,
    endpoint: EndpointName,
    surface: &'static str,
    operation: Operation,
    stream: bool,
    principal: Principal,
    peer: Option<IpAddr>,
    dialects: (Option<Dialect>, Option<Dialect>),
    bytes: (u64, u64),
    /// A body that is not held, and counted as it goes.
    upload: Option<Upload>,
    trace: Option<TraceRecord>,
    started: Instant,
    received: Instant,
    journal: Journal,
    lane: Option<&'static str>,
    response_model: Option<String>,
    response_id: Option<String>,
    finish: Option<FinishReason>,
    tally: Tally,
    first_event: Option<Duration>,
    /// When the head of an answer that is passed back was there.
    answered: Option<Instant>,
    settlement: Settlement,
    failure: Option<Box<FailureRecord>>,
    content: Option<Box<ContentRecord>>,
    ended: bool,
}

impl Guard {
    pub(super) fn new(meter: Arc<Meter>, call: &Call) -> Self {
        let context = &call.context;
        Self {
            flight: Some(meter.in_flight.enter()),
            request_id: context.request_id.clone(),
            endpoint: context.endpoint.clone(),
            surface: context.surface,
            operation: call.operation,
            stream: call.stream,
            principal: context.principal.clone(),
            peer: context.peer,
            dialects: (call.payload.dialect(), None),
            bytes: (call.payload.bytes().map_or(0, |it| it.len() as u64), 0),
            upload: call.payload.raw().and_then(|raw| raw.upload.clone()),
            trace: context.trace.as_ref().map(|trace| TraceRecord {
                id: trace.id,
                parent: trace.parent,
                span: trace.span,
                sampled: trace.sampled,
            }),
            started: context.started,
            received: context.received,
            journal: context.journal.clone(),
            lane: None,
            response_model: None,
            response_id: None,
            finish: None,
            tally: Tally::new(Expected::of(call)),
            first_event: None,
            answered: None,
            settlement: Settlement::Cancelled,
            failure: None,
            content: meter.content.then(|| Box::new(content::of(call))),
            ended: false,
            meter,
        }
    }

    /// An answer is there: whole, or a stream whose frames follow.
    pub(super) fn answered(&mut self, reply: &Reply) {
        self.lane = Some(reply.lane.as_str());
        self.dialects.1 = Some(reply.dialect);
        if let Some(raw) = &reply.raw {
            self.stream = raw.is_stream();
            self.answered = Some(Instant::now());
        }
        self.tally.answered();
    }

    pub(super) fn whole(&mut self, whole: &Whole) {
        self.tally.whole(whole);
        if let Whole::Raw { facts, body, .. } = whole {
            self.bytes.1 = body.len() as u64;
            self.facts(facts);
        }
        if let Whole::Canonical(Response::Chat(chat)) = whole {
            self.response_model.clone_from(&chat.model);
            self.response_id.clone_from(&chat.id);
            self.finish = chat
                .choices
                .first()
                .and_then(|choice| choice.finish.as_ref())
                .map(|finish| finish.reason);
        }
        if let Some(content) = &mut self.content {
            content::answer(whole, content);
        }
        self.settlement = Settlement::Completed;
    }

    /// A frame went by.
    pub(super) fn frame(&mut self, frame: &Frame) {
        if let FrameData::Raw(bytes) = &frame.data {
            self.bytes.1 += bytes.len() as u64;
        }
        if let Some(content) = &mut self.content {
            content::piece(&frame.data, content);
        }
        self.tally.frame(frame);
        self.facts(&frame.facts);
    }

    fn facts(&mut self, facts: &Facts) {
        if facts.meaningful && self.first_event.is_none() && self.stream {
            self.first_event = Some(self.started.elapsed());
        }
        if facts.finish.is_some() {
            self.finish = facts.finish;
        }
        if facts.model.is_some() && self.response_model.is_none() {
            self.response_model.clone_from(&facts.model);
        }
        if facts.id.is_some() && self.response_id.is_none() {
            self.response_id.clone_from(&facts.id);
        }
        if let Some(error) = &facts.error {
            self.settlement = Settlement::Failed(ErrorKind::Upstream, Origin::Upstream);
            self.failure = Some(Box::new(FailureRecord {
                code: error.code.clone(),
                message: error.message.clone(),
                detail: None,
            }));
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
        self.failure = Some(Box::new(FailureRecord {
            code: error.code().map(str::to_owned),
            message: error.message().to_owned(),
            detail: error.detail().map(str::to_owned),
        }));
        self.ended = true;
    }

    /// What counts the call as on its way, for a whole answer that has still to leave.
    pub(super) fn take_flight(&mut self) -> Option<Flight> {
        self.flight.take()
    }

    /// A stream that was dropped before its end, after the time of its call was over: no caller that left, but a clock
    /// that ended what was not read.
    fn check_time(&mut self, notes: &Notes) {
        let now = tokio::time::Instant::now().into_std();
        let late = notes.deadline.is_some_and(|deadline| deadline <= now);
        if late && self.settlement == Settlement::Cancelled {
            self.settlement = Settlement::Failed(ErrorKind::Timeout, Origin::Gateway);
            self.failure = Some(Box::new(FailureRecord {
                code: Some("timeout_total".to_owned()),
                message: "The answer was not read within the call's time.".to_owned(),
                detail: None,
            }));
        }
    }

    /// The stream is over.
    pub(super) fn over(&mut self) {
        if !self.ended {
            self.settlement = Settlement::Completed;
        }
    }

    /// The gateway's own part of the time.
    fn overhead(&self, notes: &Notes) -> Option<Duration> {
        let upto = match (self.stream, self.first_event) {
            (true, first) => self.started + first?,
            (false, _) => self.answered.unwrap_or_else(Instant::now),
        };
        let upstream: Duration = notes.attempts.iter().map(|attempt| attempt.duration).sum();
        let inside = upto.saturating_duration_since(self.received);
        Some(inside.saturating_sub(upstream))
    }

    /// What it cost, what the cache saved, and by which prices.
    fn price(
        &self,
        notes: &Notes,
        usage: &Usage,
        answered: Option<&str>,
    ) -> (Option<Usd>, Option<Usd>, Option<&'static str>) {
        let consumed = usage.input_tokens.is_some() || usage.output_tokens.is_some();
        let from_cache = matches!(notes.cache, Some("hit" | "shared"));
        let by = notes
            .attempts
            .last()
            .map_or(&self.endpoint, |last| &last.endpoint);
        let priced = self
            .meter
            .prices
            .as_ref()
            .filter(|_| consumed)
            .and_then(|prices| match notes.attempts.last() {
                // What is passed on names its own model, and the answer says best which one it was: a body need not be
                // readable.
                Some(last) if self.operation == Operation::Proxy => answered
                    .and_then(|model| prices.cost_of(by, &model.into(), usage))
                    .or_else(|| prices.cost_of(by, &last.model, usage)),
                _ => prices.cost(by, usage),
            });
        match priced {
            None => (from_cache.then_some(Usd::ZERO), None, None),
            Some((cost, version)) if from_cache => (Some(Usd::ZERO), Some(cost), Some(version)),
            Some((cost, version)) => (Some(cost), None, Some(version)),
        }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        drop(self.flight.take());
        let journal = self.journal.clone();
        let notes = journal.notes();
        self.check_time(&notes);
        let mut record = CallRecord::new(
            self.request_id.clone(),
            self.endpoint.clone(),
            self.operation,
            self.settlement,
            self.started.elapsed(),
        );
        let principal = notes.principal.as_ref().unwrap_or(&self.principal);
        record.surface = self.surface;
        record.stream = self.stream;
        record.principal.clone_from(&principal.name);
        record.user.clone_from(&principal.user);
        record.metadata = Arc::clone(&principal.metadata);
        record.peer = self.peer;
        (record.client_dialect, record.provider_dialect) = self.dialects;
        (record.request_bytes, record.response_bytes) = self.bytes;
        if let Some(upload) = &self.upload {
            record.request_bytes = upload.sent();
        }
        record.trace = self.trace;
        record.failure = self.failure.take();
        record.content = self.content.take();
        if let Some(last) = notes.attempts.last() {
            record.provider = Some(last.provider.clone());
            record.model = Some(last.model.clone());
        }
        record.response_model = self.response_model.take();
        record.response_id = self.response_id.take();
        record.lane = self.lane;
        record.usage = std::mem::take(&mut self.tally).total(notes.sent);
        record.overhead = self.overhead(&notes);
        let answered = record.response_model.as_deref();
        (record.cost, record.cost_saved, record.price_version) =
            self.price(&notes, &record.usage, answered);
        record.attempts = notes.attempts.iter().map(attempt).collect();
        record.variant.clone_from(&notes.variant);
        record.variant_reason.clone_from(&notes.variant_reason);
        record.cache = notes.cache;
        drop(notes);
        record.finish = self.finish;
        record.time_to_first_event = self.first_event;
        let meter = Arc::clone(&self.meter);
        // The edge has yet to write the answer, and may lose something of it.
        journal.settle(Box::new(move |notes| {
            record.losses = std::mem::take(&mut notes.losses);
            meter.sink.record(record);
        }));
    }
}

fn attempt(attempt: &gateway_provider::Attempt) -> AttemptRecord {
    let mut record = AttemptRecord::new(
        attempt.endpoint.clone(),
        attempt.provider.clone(),
        attempt.model.clone(),
        attempt.duration,
    );
    record.status = attempt.status;
    record.error = attempt.error.map(|(kind, _)| kind);
    record.origin = attempt.error.map(|(_, origin)| origin);
    record.since = attempt.since;
    record.span = attempt.span;
    record
}
