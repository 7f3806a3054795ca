//! Who is counted, how much a call reserves, and what a refusal says.

use std::sync::Arc;
use std::time::Duration;

use gateway_provider::{Call, LimitKind};
use gateway_schema::{CallError, ErrorKind, Retry, Usage};
use gateway_store::cache::KeyHasher;
use gateway_store::rate::RateRule;

use crate::expected::Expected;
use crate::subject::Subject;

/// What happens to a call while the shared store is away and this process's share is used up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnStoreError {
    /// It is refused.
    #[default]
    Reject,
    /// It passes.
    Allow,
}

/// One limit.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Rule {
    /// A name that is stable over reloads, so that counters are, too.
    pub name: Arc<str>,
    /// What has a counter of its own.
    pub per: Subject,
    /// What is counted.
    pub counts: LimitKind,
    /// How much may pass.
    pub rule: RateRule,
    /// What happens while the store is away.
    pub on_store_error: OnStoreError,
    /// The words of a refusal, where a client expects certain ones.
    pub message: Option<Arc<str>>,
}

impl Rule {
    /// A limit that refuses while the store is away.
    pub fn new(name: impl Into<Arc<str>>, per: Subject, counts: LimitKind, rule: RateRule) -> Self {
        Self {
            name: name.into(),
            per,
            counts,
            rule,
            on_store_error: OnStoreError::Reject,
            message: None,
        }
    }

    /// States what happens while the store is away.
    pub const fn with_on_store_error(mut self, policy: OnStoreError) -> Self {
        self.on_store_error = policy;
        self
    }

    /// Refuses in these words.
    pub fn with_message(mut self, message: impl Into<Arc<str>>) -> Self {
        self.message = Some(message.into());
        self
    }

    /// How much of the rule a call takes before its real usage is known. Never more than a full bucket.
    pub(super) fn reserve(&self, expected: Expected) -> u64 {
        let amount = match self.counts {
            LimitKind::Tokens => expected.input.saturating_add(expected.output),
            LimitKind::InputTokens => expected.input,
            LimitKind::OutputTokens => expected.output,
            _ => 1,
        };
        amount.min(self.rule.limit())
    }

    /// How much of the rule a call used; `None` when that was known beforehand.
    pub(super) fn used(&self, usage: &Usage) -> Option<u64> {
        let input = usage.input_tokens.unwrap_or(0);
        let output = usage.output_tokens.unwrap_or(0);
        match self.counts {
            LimitKind::Tokens => Some(input.saturating_add(output)),
            LimitKind::InputTokens => Some(input),
            LimitKind::OutputTokens => Some(output),
            _ => None,
        }
    }

    /// What a caller is told that this rule refuses.
    pub(super) fn refusal(&self, subject: &str, wait: Duration) -> CallError {
        let subject = beginning(subject, SHOWN);
        let message = match &self.message {
            Some(words) => words.to_string(),
            None => self.words(subject, wait),
        };
        // A free place among concurrent calls may come at any moment.
        let wait = if wait.is_zero() {
            Duration::from_secs(1)
        } else {
            wait
        };
        CallError::gateway(ErrorKind::RateLimited, message)
            .with_code("rate_limit_exceeded")
            .with_retry(Retry::After(wait))
            .with_detail(format!("rule {} for '{subject}'", self.name))
    }

    fn words(&self, subject: &str, wait: Duration) -> String {
        let whose = match &self.per {
            Subject::Key if subject.is_empty() => "anonymous callers".to_owned(),
            Subject::Key => format!("key '{subject}'"),
            Subject::User => format!("user '{subject}'"),
            Subject::Endpoint => "this endpoint".to_owned(),
            Subject::Ip => "your address".to_owned(),
            Subject::Header(name) => format!("this value of the header '{name}'"),
        };
        let counts = self.counts.as_str().replace('_', " ");
        match self.rule {
            RateRule::Held { limit } => {
                format!("Rate limit exceeded: {limit} calls at the same time for {whose}.")
            }
            RateRule::Bucket { limit, every } | RateRule::Window { limit, every } => format!(
                "Rate limit exceeded: {limit} {counts} per {} for {whose}. Try again in {}.",
                spoken(every),
                spoken(Duration::from_secs(
                    wait.as_secs() + u64::from(wait.subsec_nanos() > 0)
                )),
            ),
        }
    }
}

/// A duration as people say it: `1m`, `90s`, `200ms`.
fn spoken(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0 => format!("{}ms", duration.as_millis()),
        _ if seconds.is_multiple_of(86_400) => format!("{}d", seconds / 86_400),
        _ if seconds.is_multiple_of(3_600) => format!("{}h", seconds / 3_600),
        _ if seconds.is_multiple_of(60) => format!("{}m", seconds / 60),
        _ => format!("{seconds}s"),
    }
}

/// What a caller is told while the shared store is away and the policy is to refuse.
pub(super) fn unavailable(rule: &str, why: &impl std::fmt::Display) -> CallError {
    CallError::gateway(
        ErrorKind::Unavailable,
        "The store of rate limits cannot be reached, and this endpoint refuses calls it cannot count.",
    )
    .with_code("rate_limit_store_unavailable")
    .with_retry(Retry::After(Duration::from_secs(1)))
    .with_detail(format!("rule {rule}: {why}"))
}

/// Subjects up to so many bytes are kept as they are.
const LONGEST: usize = 64;
/// What a refusal repeats of a subject.
const SHOWN: usize = 64;

/// Whom `per` is about in this call; `empty` stands for nobody in particular. Of a long subject, which may be anything that
/// a caller sends, a digest is kept.
pub(super) fn subject(per: &Subject, call: &Call, empty: &Arc<str>) -> Arc<str> {
    let Some(who) = per.of(call) else {
        return Arc::clone(empty);
    };
    let text = who.as_str();
    if text.len() <= LONGEST {
        return who.to_shared();
    }
    let digest = KeyHasher::new("subject").with(text.as_bytes()).finish();
    format!("{}...#{digest:032x}", beginning(text, LONGEST / 4)).into()
}

/// The first bytes of a text, to the end of a character.
fn beginning(text: &str, bytes: usize) -> &str {
    text.get(..text.floor_char_boundary(bytes)).unwrap_or(text)
}
