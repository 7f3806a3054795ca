//! How a vendor's wire differs from OpenAI's own: data, one row per vendor.

/// How earlier reasoning is given back to a provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum ReasoningField {
    /// Not at all: the provider refuses it, or ignores it.
    #[default]
    None,
    /// As `reasoning_content` (DeepSeek, xAI, Z.ai, llama.cpp).
    Content,
    /// As `reasoning` (Groq, Cerebras, Ollama).
    Plain,
    /// As `reasoning_details` with signatures (OpenRouter).
    Details,
}

/// When `reasoning_effort` may be sent on behalf of a caller who asked for reasoning in other words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum EffortRule {
    /// To models whose name says that they reason; others refuse the field.
    #[default]
    ReasoningModels,
    /// To every model.
    Always,
    /// To none.
    Never,
}

/// How documents and recordings stand in content lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Attachments {
    /// As OpenAI has them: `file` and `input_audio` objects, data only.
    #[default]
    Nested,
    /// As texts: `document_url`, `file_id` and `input_audio`, data or addresses (Mistral).
    Plain,
}

/// How a vendor's wire differs from OpenAI's own.
///
/// Only translated requests are shaped by it: on the same-dialect lane the caller's bytes go out as they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Quirks {
    /// Top-level fields that the vendor refuses; each is dropped and reported.
    pub refused: &'static [&'static str],
    /// Top-level fields with another name there: ours, theirs.
    pub renamed: &'static [(&'static str, &'static str)],
    /// Kinds of content parts that the vendor refuses; each is dropped and reported.
    pub refused_parts: &'static [&'static str],
    /// How documents and recordings stand in content lists.
    pub attachments: Attachments,
    /// Whether a choice may name several tools (`allowed_tools`). Where not, the model is shown these tools alone.
    pub allowed_tools: bool,
    /// Whether the body names the model. Azure names the deployment in the path instead.
    pub names_model: bool,
    /// Whether `stream_options.include_usage` is understood.
    pub stream_options: bool,
    /// Whether `cache_control` marks are understood.
    pub cache_control: bool,
    /// Whether the `developer` role is understood.
    pub developer_role: bool,
    /// Whether messages may name their speaker.
    pub message_names: bool,
    /// Whether content lists of plain text must be joined to one string.
    pub joined_text: bool,
    /// Whether proofs of other vendors may be sent along (`extra_content`, `reasoning_details`).
    pub signatures: bool,
    /// How earlier reasoning is given back.
    pub reasoning: ReasoningField,
    /// When `reasoning_effort` may be sent.
    pub effort: EffortRule,
}

impl Quirks {
    /// OpenAI's own wire.
    pub const OPENAI: Self = Self {
        refused: &["top_k"],
        renamed: &[],
        refused_parts: &["video_url"],
        attachments: Attachments::Nested,
        allowed_tools: true,
        names_model: true,
        stream_options: true,
        cache_control: false,
        developer_role: true,
        message_names: true,
        joined_text: false,
        signatures: false,
        reasoning: ReasoningField::None,
        effort: EffortRule::ReasoningModels,
    };

    /// Azure OpenAI: the deployment stands in the path.
    pub const AZURE: Self = Self {
        names_model: false,
        ..Self::OPENAI
    };

    /// What most imitators take: OpenAI's wire of some years ago, with `top_k`.
    pub const COMPATIBLE: Self = Self {
        refused: &[],
        refused_parts: &[],
        developer_role: false,
        joined_text: true,
        effort: EffortRule::Always,
        ..Self::OPENAI
    };

    /// Other refused fields.
    pub const fn with_refused(mut self, fields: &'static [&'static str]) -> Self {
        self.refused = fields;
        self
    }

    /// Other names of fields.
    pub const fn with_renamed(mut self, fields: &'static [(&'static str, &'static str)]) -> Self {
        self.renamed = fields;
        self
    }

    /// Another way to give reasoning back.
    pub const fn with_reasoning(mut self, field: ReasoningField) -> Self {
        self.reasoning = field;
        self
    }

    /// Another rule for `reasoning_effort`.
    pub const fn with_effort(mut self, rule: EffortRule) -> Self {
        self.effort = rule;
        self
    }

    /// Whether `cache_control` is understood.
    pub const fn with_cache_control(mut self, understood: bool) -> Self {
        self.cache_control = understood;
        self
    }

    /// Whether `stream_options` is understood.
    pub const fn with_stream_options(mut self, understood: bool) -> Self {
        self.stream_options = understood;
        self
    }

    /// Whether proofs of other vendors may be sent along.
    pub const fn with_signatures(mut self, kept: bool) -> Self {
        self.signatures = kept;
        self
    }

    /// Other refused kinds of parts.
    pub const fn with_refused_parts(mut self, kinds: &'static [&'static str]) -> Self {
        self.refused_parts = kinds;
        self
    }

    /// Another form of documents and recordings.
    pub const fn with_attachments(mut self, form: Attachments) -> Self {
        self.attachments = form;
        self
    }

    /// Whether a choice may name several tools.
    pub const fn with_allowed_tools(mut self, understood: bool) -> Self {
        self.allowed_tools = understood;
        self
    }

    /// Whether messages may name their speaker.
    pub const fn with_message_names(mut self, taken: bool) -> Self {
        self.message_names = taken;
        self
    }

    /// Whether lists of plain text must be joined.
    pub const fn with_joined_text(mut self, joined: bool) -> Self {
        self.joined_text = joined;
        self
    }

    /// Whether the body names the model.
    pub const fn with_names_model(mut self, named: bool) -> Self {
        self.names_model = named;
        self
    }
}

/// True when a model's name says that it reasons: the `o` series and GPT-5 and later (but not their `chat` variants).
pub(crate) fn is_reasoning_model(model: &str) -> bool {
    let name = model.rsplit('/').next().unwrap_or(model);
    let mut bytes = name.bytes();
    let is_o_series =
        bytes.next() == Some(b'o') && bytes.next().is_some_and(|b| b.is_ascii_digit());
    let is_gpt_5 = name
        .strip_prefix("gpt-")
        .and_then(|rest| rest.bytes().next())
        .is_some_and(|digit| (b'5'..=b'9').contains(&digit))
        && !name.contains("-chat");
    is_o_series || is_gpt_5
}

#[cfg(test)]
mod tests {
    use super::is_reasoning_model;

    #[test]
    fn reasoning_models_are_known_by_name() {
        for model in ["o1", "o3-mini", "gpt-5", "gpt-5-mini", "openai/gpt-5.2"] {
            assert!(is_reasoning_model(model), "{model}");
        }
        for model in [
            "gpt-4o",
            "omni",
            "gpt-5-chat-latest",
            "gpt-3.5-turbo",
            "configured-model",
        ] {
            assert!(!is_reasoning_model(model), "{model}");
        }
    }
}
