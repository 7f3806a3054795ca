//! The canonical set of features: what a caller can say and what a provider can answer, in the words of every dialect
//! that has them.
//!
//! The tables are data (`requests.json`, `replies.json`): per feature the words of each dialect, and marks that must be
//! found in what goes out wherever the feature counts as kept.

use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use gateway_schema::{LossKind, Losses};
use gateway_testkit::ScriptedReply;
use serde_json::{Map, Value};

use crate::ask::{Asked, ask};
use crate::family::Family;
use crate::surface::Surface;

/// What becomes of a feature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// The other side gets it as it was said.
    Kept,
    /// The other side gets something near it, and the difference is reported.
    Approximated,
    /// It is left out and reported; a strict call is refused for it.
    LeftOut,
    /// The call is refused before anything is sent.
    Refused,
    /// The caller's format has no words for it.
    Unsaid,
}

/// One feature.
#[derive(Debug, Clone)]
pub struct Feature {
    /// Its name in tests.
    pub id: String,
    /// Its name for people.
    pub title: String,
    marks: Value,
    said: Map<String, Value>,
}

fn read(table: &str) -> Vec<Feature> {
    let Ok(Value::Array(rows)) = serde_json::from_str(table) else {
        return Vec::new();
    };
    let text = |row: &Value, key: &str| {
        let found = row.get(key).and_then(Value::as_str);
        found.unwrap_or_default().to_owned()
    };
    rows.iter()
        .map(|row| Feature {
            id: text(row, "id"),
            title: text(row, "title"),
            marks: row.get("marks").cloned().unwrap_or_default(),
            said: row
                .get("said")
                .and_then(Value::as_object)
                .cloned()
                .unwrap_or_default(),
        })
        .collect()
}

static REQUESTS: LazyLock<Vec<Feature>> = LazyLock::new(|| read(include_str!("requests.json")));
static REPLIES: LazyLock<Vec<Feature>> = LazyLock::new(|| read(include_str!("replies.json")));

/// What callers can say.
pub fn requests() -> &'static [Feature] {
    &REQUESTS
}

/// What providers can answer.
pub fn replies() -> &'static [Feature] {
    &REPLIES
}

/// Whether the provider has the API of this surface beside the one it is usually asked by, so that answers pass.
pub(crate) fn passes(surface: Surface, family: Family) -> bool {
    surface.name == "openai-responses" && matches!(family.provider, "openai" | "azure")
}

/// Puts `over` over `base`: objects are merged, anything else replaced.
pub(crate) fn merge(base: &mut Value, over: &Value) {
    match (base, over) {
        (Value::Object(fields), Value::Object(more)) => {
            for (key, value) in more {
                merge(fields.entry(key.clone()).or_insert(Value::Null), value);
            }
        }
        (base, over) => *base = over.clone(),
    }
}

/// What a family speaks.
pub(crate) fn speaks(family: Family) -> &'static str {
    match family.provider {
        "anthropic" => "anthropic",
        "gemini" => "gemini",
        "bedrock" => "bedrock",
        "cohere" => "cohere",
        _ => "openai",
    }
}

impl Feature {
    /// Texts that must be in the bytes for readers of `dialect` where the feature is kept.
    fn marks(&self, dialect: &str) -> Vec<&str> {
        let list = match &self.marks {
            Value::Object(by) => by.get(dialect),
            list => Some(list),
        };
        list.and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect()
    }

    /// Marks that are not in what readers of `dialect` get.
    pub fn missing(&self, dialect: &str, bytes: &[u8]) -> Vec<&str> {
        let mut text = String::from_utf8_lossy(bytes).into_owned();
        // A foreign proof travels inside another one, in base64.
        let inner: Vec<Vec<u8>> = text
            .split(|letter: char| !letter.is_ascii_alphanumeric() && !"+/=".contains(letter))
            .filter_map(|word| STANDARD.decode(word).ok())
            .collect();
        for bytes in inner {
            text.push_str(&String::from_utf8_lossy(&bytes));
        }
        let mut marks = self.marks(dialect);
        marks.retain(|mark| !text.contains(mark));
        marks
    }

    /// Says it as a caller of `surface` to `family`. `None` when the surface has no words for it.
    pub fn request(&self, surface: Surface, family: Family) -> Option<Asked> {
        let mut body = (surface.question)(false);
        merge(&mut body, self.said.get(surface.name)?);
        let text = replies().iter().find(|feature| feature.id == "text")?;
        let reply = text.said.get(speaks(family))?;
        Some(ask(
            surface,
            family,
            &body,
            false,
            ScriptedReply::json(200, reply),
        ))
    }

    /// Answers it as `family` to a caller of `surface`. `None` when the family has no words for it.
    pub fn reply(&self, surface: Surface, family: Family, stream: bool) -> Option<Asked> {
        if passes(surface, family) {
            return None;
        }
        let reply = ScriptedReply::json(200, self.said.get(speaks(family))?);
        let question = (surface.question)(stream);
        Some(ask(surface, family, &question, stream, reply))
    }
}

/// What the losses of a step amount to.
fn fate_of(losses: &Losses) -> Fate {
    let has = |kind| losses.iter().any(|loss| loss.kind == kind);
    if has(LossKind::Dropped) {
        Fate::LeftOut
    } else if has(LossKind::Approximated) {
        Fate::Approximated
    } else {
        Fate::Kept
    }
}

impl Fate {
    /// What became of a feature of a request.
    pub fn of_request(asked: Option<&Asked>) -> Self {
        match asked {
            None => Self::Unsaid,
            Some(asked) if asked.sent.is_none() => Self::Refused,
            Some(asked) => fate_of(&asked.request_losses),
        }
    }

    /// What became of a feature of a reply.
    pub fn of_reply(asked: Option<&Asked>) -> Self {
        match asked {
            None => Self::Unsaid,
            Some(asked) if asked.error().is_some() => Self::Refused,
            Some(asked) => fate_of(&asked.reply_losses),
        }
    }

    /// The word in the matrix.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Kept => "kept",
            Self::Approximated => "approximated",
            Self::LeftOut => "refused if strict",
            Self::Refused => "refused",
            Self::Unsaid => "–",
        }
    }

    /// The word in the matrix where it is about an answer, which nobody refuses for what it lacks.
    pub const fn word_of_reply(self) -> &'static str {
        match self {
            Self::LeftOut => "left out",
            other => other.word(),
        }
    }
}
