//! Calls of the provider under test, one fresh provider each.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use gateway_json::Envelope;
use gateway_provider::{Call, Context, Deps, Journal, Lane, Payload, Provider, TargetSpec};
use gateway_schema::RequestId;
use http::HeaderValue;

use super::Suite;
use super::outcome::{Caught, Ending, Outcome, drain};
use super::sample::Sample;
use crate::{ManualClock, ScriptedReply, ScriptedTransport};

/// In every header that could carry a caller's credential; must never leave.
pub(super) const CANARY: &str = "conformance-canary-5d41402a";

/// How the question is put.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// In canonical form.
    Canonical,
    /// In the provider's own dialect.
    Native,
}

/// Whether a stream is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Whole,
    Stream,
}

pub(super) struct Bench<'a> {
    pub(super) suite: &'a Suite,
    pub(super) spec: &'a TargetSpec,
    pub(super) sample: &'a Sample,
}

/// A provider on its own transport.
pub(super) struct Stand {
    pub(super) provider: Arc<dyn Provider>,
    pub(super) transport: ScriptedTransport,
}

impl<'a> Bench<'a> {
    /// Builds the provider once, to see that it can be built.
    pub(super) fn new(
        suite: &'a Suite,
        spec: &'a TargetSpec,
        sample: &'a Sample,
    ) -> Result<Self, String> {
        let bench = Self {
            suite,
            spec,
            sample,
        };
        let stand = bench.stand(ScriptedTransport::new())?;
        let info = stand.provider.info();
        if !info.operations.contains(&sample.operation) {
            return Err(format!("info() does not list {}", sample.operation));
        }
        Ok(bench)
    }

    fn stand(&self, mut transport: ScriptedTransport) -> Result<Stand, String> {
        for (part, reply) in &self.suite.asides {
            let part = part.clone();
            transport = transport.aside(
                move |request| request.uri().to_string().contains(&part),
                reply.clone(),
            );
        }
        let deps = Deps::new(
            Arc::new(transport.clone()),
            Arc::new(ManualClock::new()),
            Arc::new(self.suite.environment.clone()),
        );
        let options = self.suite.options();
        let problems = (self.suite.factory.check)(self.spec, &options);
        if !problems.is_empty() {
            return Err(format!("check refuses the settings: {problems:?}"));
        }
        match (self.suite.factory.build)(self.spec, &options, &deps) {
            Ok(provider) => Ok(Stand {
                provider,
                transport,
            }),
            Err(problems) => Err(format!("build refuses the settings: {problems:?}")),
        }
    }

    /// The ways in which this sample can be asked.
    pub(super) fn ways(&self) -> &'static [Way] {
        if self.sample.native.is_some() {
            &[Way::Canonical, Way::Native]
        } else {
            &[Way::Canonical]
        }
    }

    /// The caller's bytes of the native way.
    pub(super) fn native_body(&self, form: Form) -> Option<&Bytes> {
        let native = self.sample.native.as_ref()?;
        Some(match form {
            Form::Whole => &native.body,
            Form::Stream => &native.stream_body,
        })
    }

    fn context() -> Context {
        let mut context = Context::new(
            RequestId::from("conformance-request"),
            "conformance-endpoint".into(),
            Instant::now(),
        );
        for name in [
            "authorization",
            "proxy-authorization",
            "cookie",
            "x-api-key",
            "api-key",
            "x-goog-api-key",
            "x-amz-security-token",
            "x-forwarded-for",
            "x-private",
        ] {
            let value = HeaderValue::from_static(CANARY);
            Arc::make_mut(&mut context.headers).insert(name, value);
        }
        context
    }

    /// A call; `body` replaces the caller's bytes of the native way.
    pub(super) fn call(
        &self,
        way: Way,
        form: Form,
        body: Option<Bytes>,
    ) -> Result<(Call, Journal), String> {
        let payload = match (way, &self.sample.native) {
            (Way::Native, Some(native)) => {
                let known = self.native_body(form).cloned().unwrap_or_default();
                let bytes = body.unwrap_or(known);
                let envelope = Envelope::scan(&bytes)
                    .map_err(|error| format!("the native body is not an object: {error:?}"))?;
                Payload::from_bytes(native.dialect, bytes, envelope, native.decode)
            }
            _ => Payload::from_request(self.sample.request.clone()),
        };
        let context = Self::context();
        let journal = context.journal.clone();
        let stream = form == Form::Stream;
        Ok((
            Call::new(context, self.sample.operation, stream, payload),
            journal,
        ))
    }

    /// Asks a fresh provider and reads the reply to its end.
    pub(super) async fn ask(&self, way: Way, form: Form, reply: ScriptedReply) -> Outcome {
        self.ask_with(way, form, None, reply).await
    }

    /// As [`ask`](Self::ask), with other bytes of the caller's.
    pub(super) async fn ask_with(
        &self,
        way: Way,
        form: Form,
        body: Option<Bytes>,
        reply: ScriptedReply,
    ) -> Outcome {
        let mut outcome = Outcome {
            ending: Ending::Panicked(String::new()),
            lane: None,
            sent: Vec::new(),
            attempts: Vec::new(),
        };
        let transport = ScriptedTransport::new().always(reply);
        let (stand, (call, journal)) = match self
            .stand(transport)
            .and_then(|stand| Ok((stand, self.call(way, form, body)?)))
        {
            Ok(both) => both,
            Err(problem) => {
                outcome.ending = Ending::Panicked(problem);
                return outcome;
            }
        };
        let provider = Arc::clone(&stand.provider);
        let exchange = async move {
            match provider.call(call).await {
                Ok(reply) => (Some(reply.lane), drain(reply).await),
                Err(error) => (None, Ending::Refused(error)),
            }
        };
        match Caught(Box::pin(exchange)).await {
            Ok((lane, ending)) => {
                outcome.lane = lane;
                outcome.ending = ending;
            }
            Err(panic) => outcome.ending = Ending::Panicked(panic),
        }
        outcome.sent = stand.transport.requests();
        outcome.attempts.clone_from(&journal.notes().attempts);
        outcome
    }

    /// A provider with a call for it, to be handled by hand.
    pub(super) fn by_hand(
        &self,
        way: Way,
        form: Form,
        reply: ScriptedReply,
    ) -> Result<(Stand, Call), String> {
        let stand = self.stand(ScriptedTransport::new().always(reply))?;
        Ok((stand, self.call(way, form, None)?.0))
    }

    /// The sample's good answer of this form.
    pub(super) fn good(&self, form: Form) -> Option<ScriptedReply> {
        let answer = match form {
            Form::Whole => self.sample.whole.as_ref(),
            Form::Stream => self.sample.stream.as_ref(),
        }?;
        let body = answer.body.clone();
        Some(ScriptedReply::new(200, &answer.content_type, body))
    }

    /// The lane that must be taken.
    pub(super) const fn lane(way: Way) -> Lane {
        match way {
            Way::Canonical => Lane::Cross,
            Way::Native => Lane::Same,
        }
    }
}
