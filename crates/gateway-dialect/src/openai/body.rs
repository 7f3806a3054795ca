//! The top level of a request body being written: knows the vendor's quirks and collects losses.

use gateway_schema::chat::Sampling;
use gateway_schema::{Dialect, Extra, Losses, Mapping};
use serde::Serialize;

use super::quirks::{Quirks, is_reasoning_model};
use crate::RequestOptions;
use crate::node::Object;

/// What shapes a request, in one place.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shape<'a> {
    pub(crate) options: &'a RequestOptions<'a>,
    pub(crate) quirks: &'a Quirks,
}

impl Shape<'_> {
    /// True when fields and parts of `dialect` are understood by an OpenAI-like target. MLflow forwards what it does
    /// not know as it is, so under its mapping its extras are OpenAI's.
    pub(crate) fn is_ours(&self, dialect: Dialect) -> bool {
        dialect == Dialect::OPENAI
            || (self.options.mapping == Mapping::Mlflow && dialect == Dialect::MLFLOW)
    }

    pub(crate) fn is_reasoning_model(&self) -> bool {
        is_reasoning_model(self.options.model)
    }
}

/// The top level of a body.
pub(crate) struct Body<'a, 'o> {
    pub(crate) out: &'a mut Object<'o>,
    pub(crate) shape: Shape<'a>,
    pub(crate) losses: &'a mut Losses,
}

impl Body<'_, '_> {
    /// The name of a field at the vendor's; `None`, and a loss, when it refuses the field.
    pub(crate) fn name(&mut self, key: &'static str) -> Option<&'static str> {
        let quirks = self.shape.quirks;
        // MLflow forwards every field: its `openai` provider also stands before servers of other makes.
        let refuses = self.shape.options.mapping == Mapping::Faithful;
        if refuses && quirks.refused.contains(&key) {
            self.losses.dropped(key, "this provider does not take it");
            return None;
        }
        Some(self.spelled(key))
    }

    /// The vendor's spelling of a field.
    fn spelled(&self, key: &'static str) -> &'static str {
        let renamed = self.shape.quirks.renamed;
        let renamed = renamed.iter().find(|(ours, _)| *ours == key);
        renamed.map_or(key, |(_, theirs)| theirs)
    }

    /// Writes a field under the vendor's name.
    pub(crate) fn put(&mut self, key: &'static str, value: Option<&(impl Serialize + ?Sized)>) {
        if let Some(value) = value
            && let Some(name) = self.name(key)
        {
            self.out.field(name, value);
        }
    }

    pub(crate) fn sampling(&mut self, sampling: &Sampling) {
        self.limits(sampling);
        self.put("temperature", sampling.temperature.as_ref());
        self.put("top_p", sampling.top_p.as_ref());
        self.put("top_k", sampling.top_k.as_ref());
        self.put("frequency_penalty", sampling.frequency_penalty.as_ref());
        self.put("presence_penalty", sampling.presence_penalty.as_ref());
        match sampling.stop.as_slice() {
            [] => {}
            [one] if sampling.stop_is_text => self.put("stop", Some(one)),
            several => self.put("stop", Some(several)),
        }
        self.put("seed", sampling.seed.as_ref());
        self.put("n", sampling.n.as_ref());
        self.put("logit_bias", sampling.logit_bias.as_ref());
    }

    /// Models that reason refuse the older spelling of the limit.
    fn limits(&mut self, sampling: &Sampling) {
        let newer = sampling.max_completion_tokens;
        match sampling.max_tokens {
            Some(limit)
                if newer.is_none()
                    && self.shape.options.mapping == Mapping::Faithful
                    && self.shape.is_reasoning_model() =>
            {
                self.put("max_completion_tokens", Some(&limit));
            }
            older => {
                // A vendor that has one name for both gets the newer.
                let is_one = self.spelled("max_tokens") == self.spelled("max_completion_tokens");
                if newer.is_none() || !is_one {
                    self.put("max_tokens", older.as_ref());
                }
                self.put("max_completion_tokens", newer.as_ref());
            }
        }
    }

    /// Whether the stream is asked for, and usage with it: the gateway's own accounting needs that, whatever the
    /// caller said.
    pub(crate) fn stream(&mut self, stream: bool, include_usage: Option<bool>, extra: &Extra) {
        let rest = extra
            .fields()
            .get("stream_options")
            .and_then(serde_json::Value::as_object)
            .filter(|_| {
                extra
                    .dialect()
                    .is_some_and(|dialect| self.shape.is_ours(dialect))
            });
        if !stream {
            if include_usage.is_some() || rest.is_some() {
                self.out.object("stream_options", |out| {
                    out.option("include_usage", include_usage.as_ref());
                    if let Some(rest) = rest {
                        out.fields(rest);
                    }
                });
            }
            return;
        }
        self.out.field("stream", &true);
        if self.shape.quirks.stream_options {
            // Usage is asked for whatever the caller stated: what it consumes is metered.
            self.out.object("stream_options", |out| {
                out.field("include_usage", &true);
                if let Some(rest) = rest {
                    out.fields(rest);
                }
            });
        }
    }

    /// Fields of the caller's dialect: written if it is this one, reported otherwise.
    pub(crate) fn extra(&mut self, extra: &Extra) {
        let Some(dialect) = extra.dialect() else {
            return;
        };
        let ours = self.shape.is_ours(dialect);
        for (key, value) in extra.fields() {
            if !ours {
                self.losses
                    .dropped(key.clone(), foreign(dialect, "an OpenAI-like API"));
            } else if self.shape.quirks.refused.contains(&key.as_str()) {
                self.losses
                    .dropped(key.clone(), "this provider does not take it");
            } else if key != "stream_options" {
                self.out.field(key, value);
            }
        }
    }
}

/// Why something that only `dialect` knows is lost.
pub(crate) fn foreign(dialect: Dialect, target: &str) -> String {
    format!("only the {dialect} API knows it, not {target}")
}
