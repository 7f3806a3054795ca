//! Whole replies of the same dialect on both sides: forwarded untouched, and looked at.

use std::fmt;

use gateway_schema::chat::FinishReason;
use gateway_schema::stream::Facts;
use gateway_schema::{CallError, Dialect, ErrorKind, Usage};
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::chat::{finish, own_words};
use super::counts::Counts;
use crate::failure;
use crate::node::Node;

/// Writes the visits of values that are not what is looked for.
macro_rules! otherwise {
    ($value:ty, $other:expr; object) => {
        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<$value, A::Error> {
            while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
            Ok($other)
        }

        otherwise!($value, $other;);
    };
    ($value:ty, $other:expr; list) => {
        fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<$value, A::Error> {
            while list.next_element::<IgnoredAny>()?.is_some() {}
            Ok($other)
        }

        otherwise!($value, $other;);
    };
    ($value:ty, $other:expr;) => {
        fn visit_unit<E>(self) -> Result<$value, E> {
            Ok($other)
        }

        fn visit_bool<E>(self, _: bool) -> Result<$value, E> {
            Ok($other)
        }

        fn visit_u64<E>(self, _: u64) -> Result<$value, E> {
            Ok($other)
        }

        fn visit_i64<E>(self, _: i64) -> Result<$value, E> {
            Ok($other)
        }

        fn visit_f64<E>(self, _: f64) -> Result<$value, E> {
            Ok($other)
        }

        fn visit_str<E>(self, _: &str) -> Result<$value, E> {
            Ok($other)
        }
    };
}

/// States what is in a whole reply of chat, completions or embeddings: one pass, content skipped.
///
/// # Errors
/// Of origin upstream: not a JSON object, or an error with a good status.
pub fn observe(body: &[u8]) -> Result<Facts, CallError> {
    let body = body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(body);
    let glance: Glance = serde_json::from_slice(body).map_err(|error| {
        CallError::upstream(
            ErrorKind::Upstream,
            "The provider's answer is not valid JSON.",
        )
        .with_detail(error.to_string())
    })?;
    if !glance.has_list
        && let Some(error) = &glance.error
    {
        let words = own_words(&serde_json::json!({ "error": error }));
        return Err(failure::error_within(Dialect::OPENAI, &words));
    }
    let mut facts = Facts::default();
    facts.meaningful = true;
    facts.ended = true;
    facts.id = glance.id;
    facts.model = glance.model;
    facts.usage = glance.usage.map(Box::new);
    facts.finish = glance.finish;
    Ok(facts)
}

#[derive(Default)]
struct Glance {
    id: Option<String>,
    model: Option<String>,
    usage: Option<Usage>,
    finish: Option<FinishReason>,
    error: Option<serde_json::Value>,
    has_list: bool,
}

impl<'de> Deserialize<'de> for Glance {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct GlanceVisitor;
        impl<'de> Visitor<'de> for GlanceVisitor {
            type Value = Glance;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Glance, A::Error> {
                let mut glance = Glance::default();
                while let Some(key) = map.next_key::<Key>()? {
                    match key {
                        Key::Id => glance.id = map.next_value::<Node<'_>>()?.into_text(),
                        Key::Model => glance.model = map.next_value::<Node<'_>>()?.into_text(),
                        Key::Usage => glance.usage = map.next_value::<Counts>()?.0,
                        Key::Error => {
                            let error: Node<'_> = map.next_value()?;
                            glance.error = (!error.is_void()).then(|| error.into_value());
                        }
                        Key::Choices => {
                            let choices: Choices = map.next_value()?;
                            glance.has_list = choices.is_list;
                            glance.finish = choices
                                .finish
                                .map(|word| finish::decode(&word, true).reason);
                        }
                        Key::Data => {
                            glance.has_list = true;
                            map.next_value::<IgnoredAny>()?;
                        }
                        Key::Other => {
                            map.next_value::<IgnoredAny>()?;
                        }
                    }
                }
                Ok(glance)
            }
        }
        deserializer.deserialize_map(GlanceVisitor)
    }
}

enum Key {
    Id,
    Model,
    Usage,
    Error,
    Choices,
    Data,
    Other,
}

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct KeyVisitor;
        impl Visitor<'_> for KeyVisitor {
            type Value = Key;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a key")
            }

            fn visit_str<E>(self, key: &str) -> Result<Key, E> {
                Ok(match key {
                    "id" => Key::Id,
                    "model" => Key::Model,
                    "usage" => Key::Usage,
                    "error" => Key::Error,
                    "choices" => Key::Choices,
                    "data" => Key::Data,
                    _ => Key::Other,
                })
            }
        }
        deserializer.deserialize_str(KeyVisitor)
    }
}

/// The finish reason of the first choice that states one, and whether there is a list of choices at all.
#[derive(Default)]
struct Choices {
    is_list: bool,
    finish: Option<String>,
}

impl<'de> Deserialize<'de> for Choices {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ChoicesVisitor;
        impl<'de> Visitor<'de> for ChoicesVisitor {
            type Value = Choices;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of choices")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Choices, A::Error> {
                let mut choices = Choices {
                    is_list: true,
                    finish: None,
                };
                while let Some(Ending(word)) = list.next_element()? {
                    choices.finish = choices.finish.or(word);
                }
                Ok(choices)
            }

            otherwise!(Choices, Choices::default(); object);
        }
        deserializer.deserialize_any(ChoicesVisitor)
    }
}

struct Ending(Option<String>);

impl<'de> Deserialize<'de> for Ending {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct EndingVisitor;
        impl<'de> Visitor<'de> for EndingVisitor {
            type Value = Ending;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a choice")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Ending, A::Error> {
                let mut word = None;
                while let Some(IsFinish(is_finish)) = map.next_key()? {
                    if is_finish {
                        word = map.next_value::<Node<'_>>()?.as_text().map(str::to_owned);
                    } else {
                        map.next_value::<IgnoredAny>()?;
                    }
                }
                Ok(Ending(word))
            }

            otherwise!(Ending, Ending(None); list);
        }
        deserializer.deserialize_any(EndingVisitor)
    }
}

/// Whether a key is `finish_reason`.
struct IsFinish(bool);

impl<'de> Deserialize<'de> for IsFinish {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct IsFinishVisitor;
        impl Visitor<'_> for IsFinishVisitor {
            type Value = IsFinish;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a key")
            }

            fn visit_str<E>(self, key: &str) -> Result<IsFinish, E> {
                Ok(IsFinish(key == "finish_reason"))
            }
        }
        deserializer.deserialize_str(IsFinishVisitor)
    }
}
