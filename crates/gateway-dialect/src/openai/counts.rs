//! The counts of a usage object and nothing else: what is read of answers that are forwarded untouched. No tree, no copies.

use std::fmt;

use gateway_schema::Usage;
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// The counts of a usage object; `None` of anything else.
pub(super) struct Counts(pub(super) Option<Usage>);

impl<'de> Deserialize<'de> for Counts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut counts = Fields::default();
        let found = Object(&mut counts).read(deserializer)?;
        Ok(Self(found.then(|| counts.usage())))
    }
}

/// What a usage object may state, under the names of OpenAI and of those who add to them.
#[derive(Default)]
struct Fields {
    usage: Usage,
    flat_read: Option<u64>,
    flat_write: Option<u64>,
    flat_reasoning: Option<u64>,
}

impl Fields {
    /// Flat names count where the details say nothing.
    fn usage(self) -> Usage {
        let mut usage = self.usage;
        usage.cache_read_tokens = usage.cache_read_tokens.or(self.flat_read);
        usage.cache_write_tokens = usage.cache_write_tokens.or(self.flat_write);
        usage.reasoning_tokens = usage.reasoning_tokens.or(self.flat_reasoning);
        usage
    }
}

/// Reads the members of an object one by one.
trait Members {
    /// Takes the value of `key`.
    fn member<'de, A: MapAccess<'de>>(&mut self, key: Name, map: &mut A) -> Result<(), A::Error>;
}

impl Members for Fields {
    fn member<'de, A: MapAccess<'de>>(&mut self, key: Name, map: &mut A) -> Result<(), A::Error> {
        let usage = &mut self.usage;
        match key {
            Name::Prompt => usage.input_tokens = count(map)?,
            Name::Completion => usage.output_tokens = count(map)?,
            Name::Total => usage.total_tokens = count(map)?,
            Name::PromptDetails => map.next_value_seed(Object(&mut PromptDetails(usage)))?,
            Name::CompletionDetails => {
                map.next_value_seed(Object(&mut CompletionDetails(usage)))?;
            }
            Name::Cached | Name::FlatRead => {
                let read = count(map)?;
                self.flat_read = self.flat_read.or(read);
            }
            Name::FlatWrite => self.flat_write = count(map)?,
            Name::Reasoning => self.flat_reasoning = count(map)?,
            Name::CacheWrite | Name::Audio | Name::Other => skip(map)?,
        }
        Ok(())
    }
}

struct PromptDetails<'a>(&'a mut Usage);

impl Members for PromptDetails<'_> {
    fn member<'de, A: MapAccess<'de>>(&mut self, key: Name, map: &mut A) -> Result<(), A::Error> {
        match key {
            Name::Cached => self.0.cache_read_tokens = count(map)?,
            Name::CacheWrite => self.0.cache_write_tokens = count(map)?,
            Name::Audio => self.0.input_audio_tokens = count(map)?,
            _ => skip(map)?,
        }
        Ok(())
    }
}

struct CompletionDetails<'a>(&'a mut Usage);

impl Members for CompletionDetails<'_> {
    fn member<'de, A: MapAccess<'de>>(&mut self, key: Name, map: &mut A) -> Result<(), A::Error> {
        match key {
            Name::Reasoning => self.0.reasoning_tokens = count(map)?,
            Name::Audio => self.0.output_audio_tokens = count(map)?,
            _ => skip(map)?,
        }
        Ok(())
    }
}

fn count<'de, A: MapAccess<'de>>(map: &mut A) -> Result<Option<u64>, A::Error> {
    map.next_value::<Count>().map(|count| count.0)
}

fn skip<'de, A: MapAccess<'de>>(map: &mut A) -> Result<(), A::Error> {
    map.next_value::<IgnoredAny>().map(drop)
}

/// Writes the visits of values that are not what is looked for.
macro_rules! otherwise {
    ($value:ty, $other:expr; $($visit:ident($given:ty)),*) => {
        $(fn $visit<E>(self, _: $given) -> Result<$value, E> {
            Ok($other)
        })*

        fn visit_unit<E>(self) -> Result<$value, E> {
            Ok($other)
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<$value, A::Error> {
            while list.next_element::<IgnoredAny>()?.is_some() {}
            Ok($other)
        }
    };
}

/// A whole number; `None` of anything else.
struct Count(Option<u64>);

impl<'de> Deserialize<'de> for Count {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct CountVisitor;
        impl<'de> Visitor<'de> for CountVisitor {
            type Value = Count;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number")
            }

            fn visit_u64<E>(self, value: u64) -> Result<Count, E> {
                Ok(Count(Some(value)))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Count, A::Error> {
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(Count(None))
            }

            otherwise!(Count, Count(None); visit_bool(bool), visit_i64(i64), visit_f64(f64), visit_str(&str));
        }
        deserializer.deserialize_any(CountVisitor)
    }
}

/// An object whose members are read by `M`. Says whether it was one.
struct Object<'a, M>(&'a mut M);

impl<M: Members> Object<'_, M> {
    fn read<'de, D: Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, M: Members> serde::de::DeserializeSeed<'de> for Object<'_, M> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        self.read(deserializer).map(drop)
    }
}

impl<'de, M: Members> Visitor<'de> for Object<'_, M> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<bool, A::Error> {
        while let Some(key) = map.next_key::<Name>()? {
            self.0.member(key, &mut map)?;
        }
        Ok(true)
    }

    otherwise!(bool, false; visit_bool(bool), visit_u64(u64), visit_i64(i64), visit_f64(f64), visit_str(&str));
}

#[derive(Clone, Copy)]
enum Name {
    Prompt,
    Completion,
    Total,
    PromptDetails,
    CompletionDetails,
    Cached,
    CacheWrite,
    Audio,
    Reasoning,
    FlatRead,
    FlatWrite,
    Other,
}

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NameVisitor;
        impl Visitor<'_> for NameVisitor {
            type Value = Name;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a key")
            }

            fn visit_str<E>(self, key: &str) -> Result<Name, E> {
                Ok(match key {
                    "prompt_tokens" => Name::Prompt,
                    "completion_tokens" => Name::Completion,
                    "total_tokens" => Name::Total,
                    "prompt_tokens_details" => Name::PromptDetails,
                    "completion_tokens_details" => Name::CompletionDetails,
                    "cached_tokens" => Name::Cached,
                    "cache_write_tokens" => Name::CacheWrite,
                    "audio_tokens" => Name::Audio,
                    "reasoning_tokens" => Name::Reasoning,
                    "prompt_cache_hit_tokens" | "cache_read_input_tokens" => Name::FlatRead,
                    "cache_creation_input_tokens" => Name::FlatWrite,
                    _ => Name::Other,
                })
            }
        }
        deserializer.deserialize_str(NameVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::Counts;
    use crate::openai::usage;

    /// The counts are those of the whole reading, whatever stands there.
    #[test]
    fn the_counts_are_those_of_the_whole_reading() {
        for text in [
            r#"{"prompt_tokens":19,"completion_tokens":10,"total_tokens":29,"prompt_tokens_details":{"cached_tokens":4,"audio_tokens":1,"x":{}},"completion_tokens_details":{"reasoning_tokens":3,"audio_tokens":2,"accepted_prediction_tokens":0},"x":[1,{"y":null}]}"#,
            r#"{"prompt_tokens":19,"prompt_cache_hit_tokens":7,"cache_creation_input_tokens":5,"reasoning_tokens":3}"#,
            r#"{"prompt_tokens":19,"cached_tokens":7,"prompt_tokens_details":{"cached_tokens":null}}"#,
            r#"{"cached_tokens":null,"cache_read_input_tokens":3}"#,
            r#"{"prompt_tokens":"19","completion_tokens":1.5,"total_tokens":-1,"prompt_tokens_details":7,"completion_tokens_details":[1]}"#,
            r#"{"prompt_tokens":{"a":1},"completion_tokens":[2],"total_tokens":true}"#,
            "{}",
            "null",
            "[1,2]",
            "3",
            "\"usage\"",
        ] {
            let node = serde_json::from_str(text).unwrap();
            let mut whole = usage::decode(node);
            if let Some(usage) = &mut whole {
                usage.extra.clear();
            }
            let counts: Counts = serde_json::from_str(text).unwrap();
            assert_eq!(counts.0, whole, "{text}");
        }
    }
}
