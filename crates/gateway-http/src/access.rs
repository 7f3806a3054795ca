//! One line in the log per request.

use std::sync::Arc;
use std::time::Instant;

use gateway_provider::{Holds, Journal, SettlementHold};
use gateway_schema::{CallError, EndpointName, RequestId};
use http::StatusCode;
use http::uri::PathAndQuery;

use crate::cut::{self, cut};
use crate::directory::Place;

/// What the line will say. It is written once: when the reply is over, or when this is dropped before (the caller
/// left). Names and numbers only: no query, no headers, nothing of the bodies.
pub(crate) struct Access {
    pub(crate) request_id: RequestId,
    pub(crate) started: Instant,
    pub(crate) endpoint: Option<EndpointName>,
    pub(crate) journal: Option<Journal>,
    /// The record of the call waits until its answer is written: it says what was lost in writing.
    pub(crate) settlement: Option<SettlementHold>,
    /// The name of the caller, once it is known.
    pub(crate) principal: Option<Arc<str>>,
    pub(crate) streamed: bool,
    /// Whether a request that asked an endpoint leaves its line on level info.
    pub(crate) log_calls: bool,
    /// Whether the line is left out of the log on level info: there would be as many as there are requests too many.
    pub(crate) quiet: bool,
    /// The request's place among those in flight.
    pub(crate) place: Option<Place>,
    /// What the call holds until its whole answer has left.
    pub(crate) holds: Holds,
    method: http::Method,
    target: Option<PathAndQuery>,
    surface: &'static str,
    status: Option<StatusCode>,
    /// All that matters has been sent: a caller that leaves now has its answer.
    complete: bool,
    written: bool,
}

/// How a request ended.
#[derive(Clone, Copy)]
enum Outcome<'a> {
    Ok,
    Failed(&'a CallError),
    Cancelled,
    /// The call's time was over before the caller had read its answer.
    Unread,
}

impl Access {
    /// A request that arrived at `started`.
    pub(crate) fn new(
        request_id: RequestId,
        started: Instant,
        method: http::Method,
        target: Option<PathAndQuery>,
    ) -> Self {
        Self {
            request_id,
            started,
            endpoint: None,
            journal: None,
            settlement: None,
            principal: None,
            streamed: false,
            log_calls: true,
            quiet: false,
            place: None,
            holds: Holds::default(),
            method,
            target,
            surface: "",
            status: None,
            complete: false,
            written: false,
        }
    }

    /// When the answer must have left.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.journal.as_ref()?.notes().deadline
    }

    /// Everything that is held until a whole answer has left.
    pub(crate) fn take_holds(&mut self) -> Holds {
        let mut holds = std::mem::take(&mut self.holds);
        if let Some(place) = self.place.take() {
            holds.push(place);
        }
        holds
    }

    /// Which surface answers.
    pub(crate) const fn set_surface(&mut self, surface: &'static str) {
        self.surface = surface;
    }

    /// Which status was sent.
    pub(crate) const fn set_status(&mut self, status: StatusCode) {
        self.status = Some(status);
    }

    /// All that matters has been sent.
    pub(crate) const fn complete(&mut self) {
        self.complete = true;
    }

    /// The reply is over and was good.
    pub(crate) fn end(&mut self) {
        self.write(Outcome::Ok);
    }

    /// The reply is over and was, or ended with, an error.
    pub(crate) fn fail(&mut self, error: &CallError) {
        self.write(Outcome::Failed(error));
    }

    fn write(&mut self, outcome: Outcome<'_>) {
        if std::mem::replace(&mut self.written, true) {
            return;
        }
        let (word, error) = match outcome {
            Outcome::Ok => ("ok", None),
            Outcome::Failed(error) => ("failed", Some(error)),
            Outcome::Cancelled => ("client_cancelled", None),
            Outcome::Unread => ("client_late", None),
        };
        // A macro, since levels of the log are constants.
        macro_rules! line {
            ($level:ident) => {
                tracing::$level!(
                    target: "gateway::access",
                    request_id = self.request_id.as_str(),
                    method = self.method.as_str(),
                    path = self.target.as_ref().map(|target| cut(target.path(), cut::NAME)).as_deref(),
                    surface = self.surface,
                    principal = self.principal.as_deref().map(|name| cut(name, cut::NAME)).as_deref(),
                    endpoint = self.endpoint.as_ref().map(EndpointName::as_str),
                    status = self.status.map_or(499, |status| status.as_u16()),
                    duration_ms = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX),
                    streamed = self.streamed,
                    outcome = word,
                    error_kind = error.map(|error| error.kind().as_str()),
                    error_origin = error.map(|error| error.origin().as_str()),
                    error_code = error.and_then(CallError::code).map(|code| cut(code, cut::NAME)).as_deref(),
                    detail = error.and_then(CallError::detail).map(|detail| cut(detail, cut::DETAIL)).as_deref(),
                )
            };
        }
        if !self.quiet && (self.log_calls || self.journal.is_none()) {
            line!(info);
        } else {
            line!(debug);
        }
        if let Some(error) = error {
            tracing::debug!(
                target: "gateway::access",
                request_id = self.request_id.as_str(),
                message = cut(error.message(), cut::DETAIL).as_ref(),
                upstream = ?error.upstream_failure(),
            );
        }
        if let Some(journal) = &self.journal
            && tracing::enabled!(target: "gateway::losses", tracing::Level::DEBUG)
        {
            for loss in &journal.notes().losses {
                tracing::debug!(
                    target: "gateway::losses",
                    request_id = self.request_id.as_str(),
                    path = loss.path,
                    kind = ?loss.kind,
                    why = %loss.why,
                );
            }
        }
    }
}

impl Drop for Access {
    fn drop(&mut self) {
        self.write(if self.complete {
            Outcome::Ok
        } else if self.deadline().is_some_and(|by| by <= Instant::now()) {
            Outcome::Unread
        } else {
            Outcome::Cancelled
        });
    }
}
