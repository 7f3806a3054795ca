//! One question, from a caller's bytes to a caller's bytes, over a scripted transport.

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context as Polling, Poll, Waker};
use std::time::Instant;

use bytes::{Bytes, BytesMut};
use gateway_dialect::{ReplyInfo, ToolForm, openai_responses};
use gateway_json::Envelope;
use gateway_provider::{
    Call, Context, Deps, Journal, Lane, Payload, Reply, ReplyBody, TargetSpec, Whole,
};
use gateway_schema::stream::FrameData;
use gateway_schema::{
    CallError, EndpointName, ErrorKind, Losses, Mapping, Operation, Options, Request, RequestId,
    Response,
};
use gateway_testkit::{FixedEnvironment, ManualClock, ScriptedReply, ScriptedTransport};
use serde_json::{Map, Value};

use crate::family::Family;
use crate::surface::Surface;

/// How often a future is polled before it counts as stuck; scripted transports are ready at once.
const POLLS: usize = 100_000;

/// What came of a question.
#[derive(Debug)]
pub struct Asked {
    /// The request that went upstream, if one did.
    pub sent: Option<http::Request<Bytes>>,
    /// Whether the caller's bytes were kept or translated.
    pub lane: Option<Lane>,
    /// What the request could not carry.
    pub request_losses: Losses,
    /// What the reply could not carry.
    pub reply_losses: Losses,
    /// The bytes the caller gets; an error in their place, or in mid-stream with the bytes before it.
    pub answer: Result<Bytes, (Bytes, CallError)>,
}

impl Asked {
    /// The answer as JSON.
    pub fn json(&self) -> Option<Value> {
        serde_json::from_slice(self.answer.as_ref().ok()?).ok()
    }

    /// The body that went upstream.
    pub fn sent_body(&self) -> Option<&Bytes> {
        self.sent.as_ref().map(http::Request::body)
    }

    /// What went wrong.
    pub fn error(&self) -> Option<&CallError> {
        self.answer.as_ref().err().map(|(_, error)| error)
    }

    fn refused(error: CallError) -> Self {
        Self {
            sent: None,
            lane: None,
            request_losses: Losses::new(),
            reply_losses: Losses::new(),
            answer: Err((Bytes::new(), error)),
        }
    }
}

/// Runs a future that never waits for anything outside of itself. `None` when it does.
pub fn block_on<F: Future>(future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    let mut polling = Polling::from_waker(Waker::noop());
    (0..POLLS).find_map(|_| match future.as_mut().poll(&mut polling) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    })
}

/// Asks `family` what a caller of `surface` says in `body`; the transport answers `reply`.
pub fn ask(
    surface: Surface,
    family: Family,
    body: &Value,
    stream: bool,
    reply: ScriptedReply,
) -> Asked {
    ask_spelled(surface, family, family.model, (body, stream), reply)
}

/// As [`ask`], for another model of the family.
pub fn ask_spelled(
    surface: Surface,
    family: Family,
    model: &str,
    (body, stream): (&Value, bool),
    reply: ScriptedReply,
) -> Asked {
    let transport = ScriptedTransport::new().always(reply);
    let bytes = Bytes::from(body.to_string());
    let outcome = prepare(surface, bytes, stream).and_then(|(call, journal)| {
        let provider = build(family, model, Operation::Chat, &transport)?;
        // What a surface reports when it reads the request counts as well.
        let read = call.canonical().map(|decoded| decoded.losses.clone());
        let reply = block_on(provider.call(call)).unwrap_or_else(|| Err(stuck()));
        Ok((reply, journal, read))
    });
    let (reply, journal, read) = match outcome {
        Ok(all) => all,
        Err(error) => return Asked::refused(error),
    };
    let mut asked = Asked {
        sent: transport.last_request(),
        lane: None,
        request_losses: journal.notes().losses.clone(),
        reply_losses: Losses::new(),
        answer: Ok(Bytes::new()),
    };
    match reply {
        Ok(reply) => {
            asked.lane = Some(reply.lane);
            if reply.lane == Lane::Cross
                && asked.request_losses.is_empty()
                && let Ok(losses) = read
            {
                asked.request_losses.extend(losses);
            }
            let info = info(model).with_tool_forms(forms(surface, body).into());
            asked.answer = write(surface, &info, reply, stream, &mut asked.reply_losses);
        }
        Err(error) => asked.answer = Err((Bytes::new(), error)),
    }
    asked
}

/// The request that `family` sends for a canonical one; `None` when it refuses.
pub(crate) fn sent_for(
    family: Family,
    model: &str,
    operation: Operation,
    (request, mapping): (Request, Mapping),
) -> Option<http::Request<Bytes>> {
    let transport =
        ScriptedTransport::new().always(ScriptedReply::json(500, &Value::Object(Map::new())));
    let provider = build(family, model, operation, &transport).ok()?;
    let mut context = Context::new(
        RequestId::from("request"),
        EndpointName::from("endpoint"),
        Instant::now(),
    );
    context.mapping = mapping;
    let payload = Payload::from_request(request);
    // Only the request is of interest; the answer is an error.
    let _ = block_on(provider.call(Call::new(context, operation, false, payload)));
    transport.last_request()
}

fn prepare(surface: Surface, bytes: Bytes, stream: bool) -> Result<(Call, Journal), CallError> {
    let envelope = Envelope::scan(&bytes).map_err(|error| {
        CallError::client(
            ErrorKind::InvalidRequest,
            format!("not an object: {error:?}"),
        )
    })?;
    let mut context = Context::new(
        RequestId::from("request"),
        EndpointName::from("endpoint"),
        Instant::now(),
    );
    if surface.name == "mlflow" {
        context.mapping = Mapping::Mlflow;
    }
    let journal = context.journal.clone();
    let dialect = surface.codec.dialect();
    let payload = Payload::from_bytes(dialect, bytes, envelope, surface.decode);
    let call = Call::new(context, Operation::Chat, stream, payload);
    // As the edge does: what cannot be read is refused before anything else happens.
    call.canonical()?;
    Ok((call, journal))
}

fn build(
    family: Family,
    model: &str,
    operation: Operation,
    transport: &ScriptedTransport,
) -> Result<Arc<dyn gateway_provider::Provider>, CallError> {
    let wrong = |what: String| CallError::gateway(ErrorKind::Internal, what);
    let factory = family
        .factory()
        .ok_or_else(|| wrong(format!("no provider {}", family.provider)))?;
    let Value::Object(settings) = family.settings() else {
        return Err(wrong(format!("{} has no settings", family.name)));
    };
    let spec = TargetSpec::new(family.provider, Some(model.into()), operation);
    let deps = Deps::new(
        Arc::new(transport.clone()),
        Arc::new(ManualClock::new()),
        Arc::new(FixedEnvironment::new()),
    );
    (factory.build)(&spec, &Options::new(settings), &deps)
        .map_err(|problems| wrong(format!("{}: {problems:?}", family.name)))
}

/// The tools that the caller calls in a form of its own, as the edge finds them.
fn forms(surface: Surface, body: &Value) -> Vec<ToolForm> {
    if surface.name != "openai-responses" {
        return Vec::new();
    }
    let text = |key: &str| body.get(key).map(Value::to_string);
    let (tools, input) = (text("tools"), text("input"));
    openai_responses::tool_forms(
        tools.as_deref().map(str::as_bytes),
        input.as_deref().map(str::as_bytes),
    )
}

fn info(model: &str) -> ReplyInfo {
    let id = "0123456789abcdef0123456789abcdef";
    ReplyInfo::new(model, "provider", id, 1_700_000_000).with_include_usage(true)
}

/// Writes a reply as the caller's dialect, as the edge does.
fn write(
    surface: Surface,
    info: &ReplyInfo,
    reply: Reply,
    stream: bool,
    losses: &mut Losses,
) -> Result<Bytes, (Bytes, CallError)> {
    let nothing = |error| (Bytes::new(), error);
    let mut frames = match reply.body {
        ReplyBody::Whole(Whole::Raw { body, .. }) => return Ok(body),
        ReplyBody::Whole(Whole::Canonical(response)) => {
            return match response {
                Response::Chat(chat) if stream => Ok(events(surface, info, *chat, losses)),
                response => surface
                    .codec
                    .encode(&response, info, losses)
                    .map_err(nothing),
            };
        }
        ReplyBody::Whole(_) => return Err(nothing(stuck())),
        ReplyBody::Stream(frames) => frames,
    };
    let mut encoder = surface.codec.encoder(Operation::Chat, info);
    let mut out = BytesMut::new();
    let mut raw = false;
    let ended = block_on(async {
        while let Some(item) =
            std::future::poll_fn(|polling| frames.as_mut().poll_next(polling)).await
        {
            let frame = item?;
            if let Some(error) = frame.facts.error {
                return Err(error.to_call_error(None));
            }
            match frame.data {
                FrameData::Raw(bytes) => {
                    raw = true;
                    out.extend_from_slice(&bytes);
                }
                FrameData::Events(events) => encoder.encode(&events, &mut out),
            }
        }
        Ok(())
    });
    if let Err(error) = ended.unwrap_or_else(|| Err(stuck())) {
        return Err((out.freeze(), error));
    }
    if !raw {
        encoder.end(&mut out);
    }
    losses.extend(encoder.losses().clone());
    Ok(out.freeze())
}

/// A whole answer for a caller that wants a stream.
fn events(
    surface: Surface,
    info: &ReplyInfo,
    chat: gateway_schema::chat::ChatResponse,
    losses: &mut Losses,
) -> Bytes {
    let mut encoder = surface.codec.encoder(Operation::Chat, info);
    let mut out = BytesMut::new();
    for group in chat.into_events() {
        encoder.encode(&group, &mut out);
    }
    encoder.end(&mut out);
    losses.extend(encoder.losses().clone());
    out.freeze()
}

fn stuck() -> CallError {
    CallError::gateway(
        ErrorKind::Internal,
        "a future waits for something outside of itself",
    )
}
