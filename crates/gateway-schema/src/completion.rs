//! Text completions: the older, prompt-based form. Streams use [`StreamEvent`](crate::chat::StreamEvent).

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::chat::{ChatRequest, Finish, Message, Sampling};
use crate::{Extra, Usage};

/// What to continue.
#[derive(Debug, Clone, PartialEq)]
pub enum Prompt {
    /// One text.
    Text(String),
    /// Several texts, each answered on its own.
    Texts(Vec<String>),
    /// One text as token ids of the model.
    Tokens(Vec<u32>),
    /// Several texts as token ids.
    TokenLists(Vec<Vec<u32>>),
}

/// A request to continue a text.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct CompletionRequest {
    /// The model the caller named, if the dialect carries one.
    pub model: Option<String>,
    /// What to continue.
    pub prompt: Prompt,
    /// Text after the gap, for models that fill in.
    pub suffix: Option<String>,
    /// Repeat the prompt in the answer.
    pub echo: Option<bool>,
    /// Sample this many and return the best.
    pub best_of: Option<u32>,
    /// How many alternatives per token to report (the older, numeric form).
    pub logprobs: Option<u32>,
    /// Limits and sampling.
    pub sampling: Sampling,
    /// Answer as a stream.
    pub stream: bool,
    /// Whether the caller asked for usage at the end of a stream.
    pub include_usage: Option<bool>,
    /// A name of the end user, for abuse tracing.
    pub user: Option<String>,
    /// What else the caller's dialect said.
    pub extra: Extra,
}

impl CompletionRequest {
    /// Asks to continue `prompt`, everything else left to the model.
    pub fn new(prompt: Prompt) -> Self {
        Self {
            model: None,
            prompt,
            suffix: None,
            echo: None,
            best_of: None,
            logprobs: None,
            sampling: Sampling::default(),
            stream: false,
            include_usage: None,
            user: None,
            extra: Extra::new(),
        }
    }

    /// The same request as a chat turn, for providers that only chat: the prompt becomes one user message.
    /// `None` when the prompt is not exactly one text.
    pub fn to_chat(&self) -> Option<ChatRequest> {
        let text = match &self.prompt {
            Prompt::Text(text) => text,
            Prompt::Texts(texts) if texts.len() == 1 => texts.first()?,
            _ => return None,
        };
        let mut chat = ChatRequest::new(vec![Message::user(text.clone())]);
        chat.model.clone_from(&self.model);
        chat.sampling = self.sampling.clone();
        chat.stream = self.stream;
        chat.include_usage = self.include_usage;
        chat.user.clone_from(&self.user);
        chat.extra = self.extra.clone();
        Some(chat)
    }

    /// The parameters that [`to_chat`](Self::to_chat) leaves out, because a chat turn has none like them.
    pub fn beyond_chat(&self) -> impl Iterator<Item = &'static str> {
        let given = [
            ("suffix", self.suffix.is_some()),
            ("echo", self.echo == Some(true)),
            ("best_of", self.best_of.is_some_and(|best| best > 1)),
            ("logprobs", self.logprobs.is_some()),
        ];
        given
            .into_iter()
            .filter_map(|(name, is_given)| is_given.then_some(name))
    }
}

/// One continuation.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub struct CompletionChoice {
    /// Its number, from 0.
    pub index: u32,
    /// The text.
    pub text: String,
    /// Why it ended.
    pub finish: Option<Finish>,
    /// Token probabilities, in the provider's form.
    pub logprobs: Option<Value>,
    /// What else the provider said.
    pub extra: Extra,
}

/// The answer to a [`CompletionRequest`].
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub struct CompletionResponse {
    /// The provider's id of the answer.
    pub id: Option<String>,
    /// The model that answered.
    pub model: Option<String>,
    /// When, in seconds since 1970.
    pub created: Option<i64>,
    /// The continuations.
    pub choices: Vec<CompletionChoice>,
    /// What it consumed.
    pub usage: Option<Usage>,
    /// What else the provider said.
    pub extra: Extra,
}
