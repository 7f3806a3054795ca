//! What a model on Bedrock accepts, read from its id.
//!
//! Bedrock refuses with a 400 what a model does not know, so an encoder that translates another dialect must not send
//! it. An id that is not understood (an imported model, a profile of one's own) counts as one that accepts everything.
//! Read 2026-11-21: <https://docs.aws.amazon.com/bedrock/latest/userguide/conversation-inference-supported-models-features.html>
//! and the pages of parameters per vendor.

/// Who made it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Family {
    Claude,
    Nova,
    Titan,
    Llama,
    Mistral,
    Cohere,
    Ai21,
    OpenAi,
    Other,
}

/// What a model accepts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Traits {
    pub(super) family: Family,
    /// Of Claude: major, minor.
    version: Option<(u32, u32)>,
    opus: bool,
    /// Nova of the second generation, which thinks.
    second_nova: bool,
    /// Mistral's models before structured output.
    old_mistral: bool,
}

/// How a model can be told to think.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Thinking {
    /// Not at all, as far as is known.
    Unsupported,
    /// Claude with a token budget.
    Budget,
    /// Claude with a token budget or adaptively.
    Either,
    /// Claude adaptively only.
    Adaptive,
    /// Nova with an effort.
    Nova,
    /// OpenAI's open models with an effort.
    OpenAi,
}

const OLD_MISTRALS: [&str; 5] = [
    "mistral-7b",
    "mixtral",
    "mistral-large-24",
    "mistral-small-24",
    "pixtral",
];

impl Traits {
    /// Reads an id: `anthropic.claude-3-haiku-20240307-v1:0`, `us.amazon.nova-lite-v1:0`, an ARN.
    pub(super) fn of(model: &str) -> Self {
        let model = model.to_ascii_lowercase();
        let has = |word: &str| model.contains(word);
        let family = if has("claude") {
            Family::Claude
        } else if has("amazon.nova") {
            Family::Nova
        } else if has("amazon.titan") {
            Family::Titan
        } else if has("meta.") {
            Family::Llama
        } else if has("mistral.") {
            Family::Mistral
        } else if has("cohere.") {
            Family::Cohere
        } else if has("ai21.") {
            Family::Ai21
        } else if has("openai.") {
            Family::OpenAi
        } else {
            Family::Other
        };
        Self {
            family,
            version: claude_version(&model),
            opus: has("opus"),
            second_nova: has("nova-2"),
            old_mistral: OLD_MISTRALS.iter().any(|old| has(old)),
        }
    }

    fn known(self, test: impl FnOnce((u32, u32)) -> bool) -> bool {
        self.version.is_some_and(test)
    }

    /// `temperature`, `topP` and `top_k` are refused.
    pub(super) fn refuses_sampling(self) -> bool {
        self.known(|version| version >= (4, 7))
    }

    /// `temperature` and `topP` are refused together.
    pub(super) fn refuses_both_samplers(self) -> bool {
        self.known(|version| version >= (4, 5) || (self.opus && version >= (4, 1)))
    }

    /// `outputConfig.textFormat` is accepted.
    pub(super) fn takes_schemas(self) -> bool {
        match self.family {
            Family::Claude => !self.known(|version| version < (4, 5)),
            Family::Mistral => !self.old_mistral,
            Family::OpenAi | Family::Other => true,
            _ => false,
        }
    }

    /// `strict` of a tool is accepted.
    pub(super) fn takes_strict_tools(self) -> bool {
        self.family == Family::Claude && !self.known(|version| version < (4, 5))
    }

    /// `cachePoint` is accepted.
    pub(super) fn takes_cache_points(self) -> bool {
        match self.family {
            Family::Claude => !self.known(|version| version < (3, 5)),
            Family::Nova | Family::Other => true,
            _ => false,
        }
    }

    /// `status` of a tool result is accepted.
    pub(super) const fn takes_result_status(self) -> bool {
        matches!(self.family, Family::Claude | Family::Nova | Family::Other)
    }

    /// A document may be given as text; all take bytes.
    pub(super) const fn takes_text_documents(self) -> bool {
        matches!(self.family, Family::Claude | Family::Other)
    }

    /// It thinks unless told otherwise.
    pub(super) fn thinks_by_default(self) -> bool {
        self.known(|version| version >= (5, 0))
    }

    /// How it can be told to think.
    pub(super) fn thinking(self) -> Thinking {
        match (self.family, self.version) {
            (Family::Claude, Some(version)) if version < (3, 7) => Thinking::Unsupported,
            (Family::Claude, Some(version)) if version < (4, 6) => Thinking::Budget,
            (Family::Claude, Some(version)) if version < (4, 7) => Thinking::Either,
            (Family::Claude, _) => Thinking::Adaptive,
            (Family::Nova, _) if self.second_nova => Thinking::Nova,
            (Family::OpenAi, _) => Thinking::OpenAi,
            _ => Thinking::Unsupported,
        }
    }
}

fn claude_version(model: &str) -> Option<(u32, u32)> {
    let name = model.rfind("claude").and_then(|at| model.get(at..))?;
    let mut numbers = name
        .split(|c: char| !c.is_ascii_alphanumeric())
        .map(|word| word.trim_start_matches('v'))
        .filter(|word| !word.is_empty() && word.bytes().all(|b| b.is_ascii_digit()))
        .take_while(|word| word.len() <= 2)
        .filter_map(|word| word.parse().ok());
    let major = numbers.next();
    major
        .map(|major| (major, numbers.next().unwrap_or(0)))
        .or_else(|| name.contains("instant").then_some((1, 0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_and_versions_are_read_from_every_spelling() {
        for (id, family, version) in [
            (
                "anthropic.claude-3-haiku-20240307-v1:0",
                Family::Claude,
                Some((3, 0)),
            ),
            (
                "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
                Family::Claude,
                Some((4, 5)),
            ),
            (
                "us.anthropic.claude-sonnet-4-20250514-v1:0",
                Family::Claude,
                Some((4, 0)),
            ),
            (
                "arn:aws:bedrock:us-west-2:1:inference-profile/us.anthropic.claude-sonnet-4-6",
                Family::Claude,
                Some((4, 6)),
            ),
            ("anthropic.claude-v2:1", Family::Claude, Some((2, 1))),
            ("anthropic.claude-instant-v1", Family::Claude, Some((1, 0))),
            ("us.amazon.nova-2-lite-v1:0", Family::Nova, None),
            ("amazon.titan-text-lite-v1", Family::Titan, None),
            ("meta.llama3-70b-instruct-v1:0", Family::Llama, None),
            ("mistral.mistral-7b-instruct-v0:2", Family::Mistral, None),
            ("qwen.qwen3-32b-v1:0", Family::Other, None),
        ] {
            let traits = Traits::of(id);
            assert_eq!((traits.family, traits.version), (family, version), "{id}");
        }
    }
}
