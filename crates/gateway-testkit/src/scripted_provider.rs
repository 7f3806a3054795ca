//! A provider without a wire.

use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use async_trait::async_trait;
use futures_core::Stream;
use gateway_provider::{
    Attempt, Call, Lane, Provider, ProviderInfo, Reply, ReplyBody, ReplyStream, Whole,
};
use gateway_schema::chat::{ChatResponse, Choice, Finish, FinishReason, Part, StreamEvent};
use gateway_schema::stream::Frame;
use gateway_schema::{CallError, Dialect, ErrorKind, Operation, Response, Usage};

/// What a [`ScriptedProvider`] answers to one call.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Answer {
    /// A whole answer.
    Whole(Response),
    /// A stream: one frame per group of events, an error ends it. Without an error it ends after the last group.
    Stream(Vec<Result<Vec<StreamEvent>, CallError>>),
    /// A stream that stops after these groups and never ends.
    Stalled(Vec<Vec<StreamEvent>>),
    /// No answer but this.
    Fail(CallError),
    /// No answer, ever.
    Never,
}

impl Answer {
    /// A chat answer of this text, with a little usage.
    pub fn text(text: &str) -> Self {
        let mut choice = Choice::default();
        choice.parts.push(Part::text(text));
        choice.finish = Some(Finish::new(FinishReason::Stop));
        let mut response = ChatResponse::default();
        response.id = Some("scripted-1".to_owned());
        response.choices.push(choice);
        response.usage = Some(Usage::new(3, 5));
        Self::Whole(Response::Chat(Box::new(response)))
    }

    /// A streamed chat answer, one frame per piece, that ends well.
    pub fn pieces(pieces: &[&str]) -> Self {
        let mut groups: Vec<Vec<StreamEvent>> = pieces
            .iter()
            .map(|piece| {
                vec![StreamEvent::Text {
                    choice: 0,
                    text: (*piece).to_owned(),
                }]
            })
            .collect();
        groups.push(vec![
            StreamEvent::Finish {
                choice: 0,
                finish: Finish::new(FinishReason::Stop),
            },
            StreamEvent::Usage(Usage::new(3, 5)),
            StreamEvent::End,
        ]);
        Self::Stream(groups.into_iter().map(Ok).collect())
    }

    /// A streamed answer that breaks with `error` after these pieces.
    pub fn broken(pieces: &[&str], error: CallError) -> Self {
        let mut groups = match Self::pieces(pieces) {
            Self::Stream(groups) => groups,
            _ => Vec::new(),
        };
        groups.pop();
        groups.push(Err(error));
        Self::Stream(groups)
    }

    /// A failure of the provider's that may be tried elsewhere.
    pub fn fail(kind: ErrorKind) -> Self {
        Self::Fail(CallError::upstream(kind, "scripted failure"))
    }
}

#[derive(Default)]
struct State {
    answers: VecDeque<Answer>,
    always: Option<Answer>,
    calls: Vec<Call>,
    running: usize,
    abandoned_streams: usize,
}

/// Plays answers in order and remembers the calls. Clones share one script.
///
/// When the script is over, calls fail with [`ErrorKind::Internal`]. Every call adds its attempt to the journal, as
/// real providers do.
#[derive(Clone)]
pub struct ScriptedProvider {
    info: ProviderInfo,
    delay: Duration,
    state: Arc<Mutex<State>>,
}

impl fmt::Debug for ScriptedProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScriptedProvider")
            .field("info", &self.info)
            .finish_non_exhaustive()
    }
}

impl ScriptedProvider {
    /// An empty script for `model` of a provider called `name`.
    pub fn new(name: &str, model: &str) -> Self {
        const ALL: &[Operation] = &[
            Operation::Chat,
            Operation::Completion,
            Operation::Embedding,
            Operation::Rerank,
            Operation::CountTokens,
        ];
        Self {
            info: ProviderInfo::new(name, model, Dialect::new("scripted"), ALL),
            delay: Duration::ZERO,
            state: Arc::default(),
        }
    }

    /// Answers each call after `delay` of tokio's time, which tests can pause.
    pub const fn with_delay(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    /// Adds the next answer.
    pub fn then(self, answer: Answer) -> Self {
        self.push(answer);
        self
    }

    /// Adds the next answer while the script runs.
    pub fn push(&self, answer: Answer) {
        self.state().answers.push_back(answer);
    }

    /// Answers every call for which no answer is left.
    pub fn always(self, answer: Answer) -> Self {
        self.state().always = Some(answer);
        self
    }

    /// How many calls came.
    pub fn call_count(&self) -> usize {
        self.state().calls.len()
    }

    /// The calls so far, in order.
    pub fn calls(&self) -> Vec<Call> {
        self.state().calls.iter().map(Call::again).collect()
    }

    /// How many calls are under way, streams not counted.
    pub fn running(&self) -> usize {
        self.state().running
    }

    /// How many streams were dropped before their end.
    pub fn abandoned_streams(&self) -> usize {
        self.state().abandoned_streams
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn answer(&self, call: &Call) -> Answer {
        let mut state = self.state();
        state.calls.push(call.again());
        let next = state.answers.pop_front();
        next.or_else(|| state.always.clone()).unwrap_or_else(|| {
            Answer::Fail(CallError::gateway(
                ErrorKind::Internal,
                "the script has no answer left for this call",
            ))
        })
    }

    async fn perform(&self, answer: Answer) -> Result<ReplyBody, CallError> {
        if !self.delay.is_zero() {
            tokio::time::sleep(self.delay).await;
        }
        let (items, stall) = match answer {
            Answer::Whole(response) => return Ok(ReplyBody::Whole(Whole::Canonical(response))),
            Answer::Fail(error) => return Err(error),
            Answer::Never => return std::future::pending().await,
            Answer::Stream(groups) => (groups, false),
            Answer::Stalled(groups) => (groups.into_iter().map(Ok).collect(), true),
        };
        let stream: ReplyStream = Box::pin(ScriptedStream {
            items: items
                .into_iter()
                .map(|group| group.map(Frame::events))
                .collect(),
            stall,
            over: false,
            state: Arc::clone(&self.state),
        });
        Ok(ReplyBody::Stream(stream))
    }
}

struct Running<'a>(&'a ScriptedProvider);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.state().running -= 1;
    }
}

#[async_trait]
impl Provider for ScriptedProvider {
    fn info(&self) -> &ProviderInfo {
        &self.info
    }

    async fn call(self: Arc<Self>, call: Call) -> Result<Reply, CallError> {
        let answer = self.answer(&call);
        self.state().running += 1;
        let running = Running(&self);
        let info = &self.info;
        let outcome = self.perform(answer).await;
        drop(running);
        let mut attempt = Attempt::new(
            call.context.endpoint.clone(),
            info.name.clone(),
            info.model.clone(),
            info.dialect,
        );
        attempt.lane = Some(Lane::Cross);
        attempt.error = outcome
            .as_ref()
            .err()
            .map(|error| (error.kind(), error.origin()));
        call.context.journal.notes().attempts.push(attempt);
        Ok(Reply::new(
            info.name.clone(),
            info.model.clone(),
            info.dialect,
            Lane::Cross,
            outcome?,
        ))
    }
}

struct ScriptedStream {
    items: VecDeque<Result<Frame, CallError>>,
    stall: bool,
    over: bool,
    state: Arc<Mutex<State>>,
}

impl Stream for ScriptedStream {
    type Item = Result<Frame, CallError>;

    fn poll_next(mut self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        match self.items.pop_front() {
            Some(Ok(frame)) => Poll::Ready(Some(Ok(frame))),
            Some(Err(error)) => {
                self.items.clear();
                self.stall = false;
                self.over = true;
                Poll::Ready(Some(Err(error)))
            }
            None if self.stall => Poll::Pending,
            None => {
                self.over = true;
                Poll::Ready(None)
            }
        }
    }
}

impl Drop for ScriptedStream {
    fn drop(&mut self) {
        if !self.over {
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            state.abandoned_streams += 1;
        }
    }
}
