//! What a vendor is to this crate: a row of data.

use gateway_dialect::openai::Quirks;
use gateway_dialect::rerank::Form;
use gateway_schema::{Operation, OptionKind, OptionSpec};

/// One vendor.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Preset {
    /// The name in configurations.
    pub(crate) name: &'static str,
    /// Other spellings.
    pub(crate) aliases: &'static [&'static str],
    /// The name for people; stands in messages.
    pub(crate) display_name: &'static str,
    /// Where its API is.
    pub(crate) base: Base,
    /// How it is told who asks.
    pub(crate) auth: Auth,
    /// The accepted settings.
    pub(crate) options: &'static [OptionSpec],
    /// What it can be asked.
    pub(crate) operations: &'static [Operation],
    /// Paths below the base that are not OpenAI's.
    pub(crate) paths: &'static [(Operation, &'static str)],
    /// Settings that are sent as headers: setting, header.
    pub(crate) headers: &'static [(&'static str, &'static str)],
    /// How its wire differs from OpenAI's.
    pub(crate) quirks: Quirks,
    /// Members it refuses although they only state what it does anyway: name, JSON text.
    pub(crate) idle: &'static [(&'static str, &'static str)],
    /// How many alternatives per token are asked for.
    pub(crate) logprobs: Logprobs,
    /// Ids of tool calls must be nine letters or digits.
    pub(crate) short_call_ids: bool,
    /// Text completions are asked as chat turns.
    pub(crate) completes_by_chat: bool,
    /// What it is told about the use of vectors: member, words for query, document, classification, clustering and
    /// similarity; an empty word is not known there.
    pub(crate) tasks: Option<Tasks>,
    /// How it is asked to rank documents.
    pub(crate) ranking: Form,
    /// How it tells errors with a good status.
    pub(crate) in_band: Option<InBand>,
    /// What MLflow does differently with it.
    pub(crate) mlflow: Mlflow,
}

/// Errors with a good status: a member of the answer that holds a code, 0 when all is well, and a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct InBand {
    pub(crate) member: &'static str,
    pub(crate) code: &'static str,
    pub(crate) message: &'static str,
    /// The status that each code would have been; 502 for others.
    pub(crate) statuses: &'static [(i64, u16)],
}

/// Where a vendor's API is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Base {
    /// At one address for everybody.
    At(&'static str),
    /// At an address of the account: the text around the value of a setting.
    Account {
        before: &'static str,
        option: &'static str,
        after: &'static str,
    },
    /// Wherever the user says.
    Anywhere,
    /// At a Databricks workspace.
    Workspace,
}

/// How a vendor is told who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Auth {
    /// `authorization: Bearer <key>`; there must be a key.
    Key,
    /// The same, if there is a key.
    Optional,
    /// The same, unless the key is this word.
    Unless(&'static str),
    /// The key in a header of the vendor's, and a bearer token for whom it forwards to.
    Apart {
        header: &'static str,
        bearer: &'static str,
    },
    /// A token, or a service principal whose tokens are fetched.
    Workspace,
}

/// How alternatives per token are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Logprobs {
    /// A switch and a number.
    Switch,
    /// One number, as `logprobs`.
    Count,
}

/// What a vendor is told about the use of vectors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tasks {
    pub(crate) member: &'static str,
    pub(crate) query: &'static str,
    pub(crate) document: &'static str,
    pub(crate) classification: &'static str,
    pub(crate) clustering: &'static str,
    pub(crate) similarity: &'static str,
}

/// What MLflow does differently with a vendor, on MLflow's own URLs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mlflow {
    /// Nothing.
    Plain,
    /// A completion is a chat turn without `stop` and `n`, its temperature halved, its answer without an id.
    Mistral,
    /// Checks of log probabilities, a limit that completions must state, answers under the configured model.
    Together,
}

/// Chat alone.
pub(crate) const CHAT: &[Operation] = &[Operation::Chat];
/// Chat and vectors.
pub(crate) const CHAT_EMBED: &[Operation] = &[Operation::Chat, Operation::Embedding];
/// Chat and completions.
pub(crate) const CHAT_COMPLETE: &[Operation] = &[Operation::Chat, Operation::Completion];
/// Chat, completions and vectors.
pub(crate) const GENERAL: &[Operation] =
    &[Operation::Chat, Operation::Completion, Operation::Embedding];
/// Chat, completions, vectors and ranking.
pub(crate) const ALL: &[Operation] = &[
    Operation::Chat,
    Operation::Completion,
    Operation::Embedding,
    Operation::Rerank,
];
/// Vectors and ranking.
pub(crate) const EMBED_RERANK: &[Operation] = &[Operation::Embedding, Operation::Rerank];

/// One setting.
pub(crate) const fn option(
    name: &'static str,
    kind: OptionKind,
    required: bool,
    doc: &'static str,
) -> OptionSpec {
    OptionSpec {
        name,
        kind,
        required,
        doc,
    }
}

/// The setting for the address.
pub(crate) const BASE: OptionSpec = option(
    "api_base",
    OptionKind::Text,
    false,
    "Where the API is, if not at the vendor's own address.",
);
/// A key that there must be.
pub(crate) const KEY: OptionSpec = option("api_key", OptionKind::Secret, true, "The API key.");
/// A key that there may be.
pub(crate) const MAYBE_KEY: OptionSpec = option(
    "api_key",
    OptionKind::Secret,
    false,
    "The API key, if the server asks for one.",
);

/// A hosted vendor: a key and an address.
pub(crate) const HOSTED: &[OptionSpec] = &[KEY, BASE];
/// A server of the user's: an address, a key if it has one.
pub(crate) const OWN: &[OptionSpec] = &[MAYBE_KEY, BASE];

impl Preset {
    /// What rows start from: a hosted vendor that chats.
    pub(crate) const fn hosted(
        name: &'static str,
        display_name: &'static str,
        base: &'static str,
    ) -> Self {
        Self {
            name,
            aliases: &[],
            display_name,
            base: Base::At(base),
            auth: Auth::Key,
            options: HOSTED,
            operations: CHAT,
            paths: &[],
            headers: &[],
            quirks: Quirks::COMPATIBLE,
            idle: &[],
            logprobs: Logprobs::Switch,
            short_call_ids: false,
            completes_by_chat: false,
            tasks: None,
            ranking: Form::Common,
            in_band: None,
            mlflow: Mlflow::Plain,
        }
    }

    /// What rows of servers that people run themselves start from.
    pub(crate) const fn own(
        name: &'static str,
        display_name: &'static str,
        base: &'static str,
    ) -> Self {
        Self {
            auth: Auth::Optional,
            options: OWN,
            ..Self::hosted(name, display_name, base)
        }
    }

    /// The setting that holds the key.
    pub(crate) fn key_option(&self) -> &'static str {
        self.options
            .iter()
            .find(|option| option.kind == OptionKind::Secret)
            .map_or("api_key", |option| option.name)
    }

    /// The setting that holds the address.
    pub(crate) fn base_option(&self) -> &'static str {
        self.options
            .iter()
            .find(|option| option.name.ends_with("api_base"))
            .map_or("api_base", |option| option.name)
    }

    /// The path of an operation below the base; `None` when the vendor has no such thing.
    pub(crate) fn path(&self, operation: Operation) -> Option<&'static str> {
        if !self.operations.contains(&operation) {
            return None;
        }
        let operation = match operation {
            Operation::Completion if self.completes_by_chat => Operation::Chat,
            other => other,
        };
        let own = self.paths.iter().find(|(known, _)| *known == operation);
        if let Some((_, path)) = own {
            return Some(path);
        }
        match operation {
            Operation::Chat => Some("chat/completions"),
            Operation::Completion => Some("completions"),
            Operation::Embedding => Some("embeddings"),
            Operation::Rerank => Some("rerank"),
            _ => None,
        }
    }
}
