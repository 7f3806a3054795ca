//! What a Claude model accepts, read from its name.
//!
//! The API refuses with a 400 what a model does not know, so an encoder that translates another dialect must not
//! send it. A name that is not understood counts as a model that accepts everything of the current API.
//! Read 2026-11-21: <https://platform.claude.com/docs/en/about-claude/models/migration-guide> and the pages it links.

/// Version of a model: major, minor.
type Version = (u32, u32);

/// What a model accepts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Traits {
    version: Option<Version>,
    opus: bool,
    haiku: bool,
    /// Fable and Mythos: newer than their number says.
    story: bool,
}

/// How a model can be told to think.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ThinkingMode {
    /// Not at all.
    Unsupported,
    /// With a token budget.
    Budget,
    /// With a token budget or adaptively.
    Either,
    /// Adaptively only.
    Adaptive,
}

impl Traits {
    /// Reads a name: `claude-3-5-sonnet-20241022`, `claude-opus-4-1@20250805`, `anthropic.claude-v2:1`, ...
    pub(super) fn of(model: &str) -> Self {
        let name = model
            .rfind("claude")
            .and_then(|at| model.get(at..))
            .unwrap_or_default();
        let mut numbers = name
            .split(|c: char| !c.is_ascii_alphanumeric())
            .map(|word| word.trim_start_matches('v'))
            .filter(|word| !word.is_empty() && word.bytes().all(|b| b.is_ascii_digit()))
            .take_while(|word| word.len() <= 2)
            .filter_map(|word| word.parse().ok());
        let version = numbers
            .next()
            .map(|major| (major, numbers.next().unwrap_or(0)));
        Self {
            version: version.or_else(|| name.contains("instant").then_some((1, 0))),
            opus: name.contains("opus"),
            haiku: name.contains("haiku"),
            story: name.contains("fable") || name.contains("mythos"),
        }
    }

    /// True when the version is known and `test` holds for it.
    fn known(self, test: impl FnOnce(Version) -> bool) -> bool {
        self.version.is_some_and(test)
    }

    /// Only the older prompt-based API (`/complete`) knows it.
    pub(super) fn is_legacy(self) -> bool {
        self.known(|version| version < (3, 0))
    }

    /// `temperature`, `top_p` and `top_k` are refused.
    pub(super) fn refuses_sampling(self) -> bool {
        self.story || self.known(|version| version >= (5, 0) || version >= (4, 7))
    }

    /// `temperature` and `top_p` are refused together.
    pub(super) fn refuses_both_samplers(self) -> bool {
        self.known(|version| version >= (4, 5) || (self.opus && version >= (4, 1)))
    }

    /// `tool_choice` of `any` or `tool` is refused.
    pub(super) fn refuses_forced_tools(self) -> bool {
        if self.story {
            return self.known(|version| version >= (5, 1));
        }
        !self.haiku && self.known(|version| version >= (5, 5))
    }

    /// Messages of role `system` are accepted between the others.
    pub(super) fn takes_system_turns(self) -> bool {
        self.known(|version| version >= (5, 0) || (self.opus && version >= (4, 8)))
    }

    /// `output_config.format` and strict tools are accepted.
    pub(super) fn takes_schemas(self) -> bool {
        !self.known(|version| version < (4, 1) || (version < (4, 5) && !self.opus))
    }

    /// The effort `xhigh` is accepted.
    pub(super) fn takes_extra_high(self) -> bool {
        !self.known(|version| version < (4, 7))
    }

    /// It thinks unless told otherwise.
    pub(super) fn thinks_by_default(self) -> bool {
        self.story || self.known(|version| version >= (5, 0))
    }

    /// `thinking: {type: disabled}` is refused.
    pub(super) fn always_thinks(self) -> bool {
        self.story || (!self.haiku && self.known(|version| version >= (5, 5)))
    }

    /// How it can be told to think.
    pub(super) fn thinking(self) -> ThinkingMode {
        match self.version {
            Some(version) if version < (3, 7) => ThinkingMode::Unsupported,
            Some(version) if version < (4, 6) => ThinkingMode::Budget,
            Some(version) if version < (4, 7) => ThinkingMode::Either,
            _ => ThinkingMode::Adaptive,
        }
    }

    /// The most it generates: what a request without a limit means.
    pub(super) fn max_output(self) -> u64 {
        match self.version {
            Some(version) if version < (3, 5) => 4096,
            Some(version) if version < (3, 7) => 8192,
            Some(version) if version < (4, 0) => 64_000,
            Some(version) if version < (4, 5) => {
                if self.opus {
                    32_000
                } else {
                    64_000
                }
            }
            Some(version) if version < (4, 6) => 64_000,
            Some(_) => 128_000,
            None => 8192,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_from_every_spelling() {
        for (name, version) in [
            ("claude-3-5-sonnet-20241022", Some((3, 5))),
            ("claude-3-opus-20240229", Some((3, 0))),
            ("claude-opus-4-1-20250805", Some((4, 1))),
            ("claude-opus-4@20250514", Some((4, 0))),
            ("claude-2.1", Some((2, 1))),
            ("claude-instant-1.2", Some((1, 2))),
            ("anthropic.claude-v2:1", Some((2, 1))),
            ("us.anthropic.claude-sonnet-4-5-20250929-v1:0", Some((4, 5))),
            ("anthropic.claude-3-haiku-20240307-v1:0", Some((3, 0))),
            ("claude-sonnet-5-5", Some((5, 5))),
            ("configured-model", None),
        ] {
            assert_eq!(Traits::of(name).version, version, "{name}");
        }
    }

    #[test]
    fn what_a_model_refuses_follows_its_version() {
        assert!(Traits::of("claude-opus-4-7").refuses_sampling());
        assert!(!Traits::of("claude-sonnet-4-6").refuses_sampling());
        assert!(Traits::of("claude-opus-4-1").refuses_both_samplers());
        assert!(!Traits::of("claude-sonnet-4-0").refuses_both_samplers());
        assert!(Traits::of("claude-sonnet-5-5").refuses_forced_tools());
        assert!(!Traits::of("claude-haiku-5-5").refuses_forced_tools());
        assert!(!Traits::of("claude-sonnet-4-0").takes_schemas());
        assert!(Traits::of("anything").takes_schemas());
        assert_eq!(
            Traits::of("claude-sonnet-4-5").thinking(),
            ThinkingMode::Budget
        );
    }
}
