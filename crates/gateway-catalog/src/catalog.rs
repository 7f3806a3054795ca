//! Models by provider and name.

use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
use std::sync::OnceLock;

use crate::price::Price;
use crate::raw::Line;

const TABLE: &str = include_str!("../data/model_prices.json");

/// What the table calls the providers that configurations call otherwise. Several names: looked up in order.
const TABLE_NAMES: &[(&str, &[&str])] = &[
    ("ai21labs", &["ai21"]),
    ("amazon-bedrock", &["bedrock_converse", "bedrock"]),
    ("azure", &["azure", "openai", "azure_ai"]),
    ("bedrock", &["bedrock_converse", "bedrock"]),
    ("cohere", &["cohere", "cohere_chat"]),
    ("fireworks", &["fireworks_ai"]),
    ("jina", &["jina_ai"]),
    ("togetherai", &["together_ai"]),
    ("vercel", &["vercel_ai_gateway"]),
    (
        "vertex-ai",
        &[
            "vertex_ai",
            "vertex_ai-language-models",
            "vertex_ai-anthropic_models",
            "vertex_ai-mistral_models",
            "vertex_ai-embedding-models",
            "vertex_ai-llama_models",
            "gemini",
        ],
    ),
];

/// What is known of a model.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ModelFacts {
    /// The provider, as the table spells it.
    pub provider: String,
    /// The model.
    pub model: String,
    /// What it is for: `chat`, `embedding`, `rerank`, ...
    pub mode: Option<String>,
    /// The longest prompt, in tokens.
    pub max_input_tokens: Option<u64>,
    /// The longest answer, in tokens.
    pub max_output_tokens: Option<u64>,
    /// What it costs.
    pub price: Option<Price>,
    /// What it can do, in the table's words.
    pub supports: Vec<String>,
}

/// The bundled table, indexed.
#[derive(Debug)]
pub struct Catalog {
    /// Hash of provider and model, and where the line begins; sorted.
    lines: Vec<(u64, usize)>,
    version: &'static str,
}

impl Catalog {
    /// The table that is part of the program. Indexed on the first call.
    pub fn bundled() -> &'static Self {
        static BUNDLED: OnceLock<Catalog> = OnceLock::new();
        BUNDLED.get_or_init(Self::index)
    }

    fn index() -> Self {
        let mut lines = Vec::with_capacity(5_000);
        let mut start = 0;
        for end in memchr::memchr_iter(b'\n', TABLE.as_bytes()).chain([TABLE.len()]) {
            let line = TABLE.get(start..end).unwrap_or_default();
            if line.starts_with("{\"provider\"")
                && let Some(provider) = field(line, "\"provider\":\"")
                && let Some(model) = field(line, "\"model\":\"")
            {
                lines.push((hash(provider, model), start));
            }
            start = end + 1;
        }
        lines.sort_unstable();
        let header = TABLE.lines().next().unwrap_or_default();
        Self {
            lines,
            version: field(header, "\"source_version\":\"").unwrap_or_default(),
        }
    }

    /// The version of the table, for records.
    pub const fn version(&self) -> &'static str {
        self.version
    }

    /// How many models the table knows.
    pub fn len(&self) -> usize {
        self.lines.len()
    }

    /// True for a table without models.
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// What is known of `model` of `provider`, the provider as configurations spell it. A dated model
    /// (`claude-sonnet-4-5-20250929`) that the table does not list is taken for its undated name.
    pub fn find(&self, provider: &str, model: &str) -> Option<ModelFacts> {
        let folded = provider.to_ascii_lowercase().replace('_', "-");
        let names = TABLE_NAMES
            .iter()
            .find(|(ours, _)| *ours == folded)
            .map_or(&[][..], |(_, names)| names);
        let own = [provider.to_owned(), folded.replace('-', "_"), folded];
        let names: Vec<&str> = names
            .iter()
            .copied()
            .chain(own.iter().map(String::as_str))
            .collect();
        let exact = names.iter().find_map(|name| self.exact(name, model));
        exact.or_else(|| {
            let undated = undated(model)?;
            names.iter().find_map(|name| self.exact(name, undated))
        })
    }

    fn exact(&self, provider: &str, model: &str) -> Option<ModelFacts> {
        let wanted = hash(provider, model);
        let from = self.lines.partition_point(|(hash, _)| *hash < wanted);
        self.lines
            .iter()
            .skip(from)
            .take_while(|(hash, _)| *hash == wanted)
            .find_map(|(_, start)| {
                let line = TABLE.get(*start..)?.lines().next()?;
                let line: Line = serde_json::from_str(line.trim_end_matches(',')).ok()?;
                (line.provider == provider && line.model == model).then(|| line.facts())
            })
    }
}

/// The text after `key` up to the next quote.
fn field<'a>(line: &'a str, key: &str) -> Option<&'a str> {
    let at = memchr::memmem::find(line.as_bytes(), key.as_bytes())? + key.len();
    let rest = line.get(at..)?;
    rest.get(..memchr::memchr(b'"', rest.as_bytes())?)
}

/// A model's name without the date at its end: `-20250929`, `-2024-08-06`, `@20250929`.
fn undated(model: &str) -> Option<&str> {
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if let Some((name, date)) = model.rsplit_once(['-', '@'])
        && date.len() == 8
        && digits(date)
    {
        return Some(name);
    }
    let (name, date) = model.split_at_checked(model.len().checked_sub(11)?)?;
    let mut parts = date.strip_prefix('-')?.split('-');
    let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
    (year.len() == 4
        && month.len() == 2
        && day.len() == 2
        && digits(year)
        && digits(month)
        && digits(day))
    .then_some(name)
}

fn hash(provider: &str, model: &str) -> u64 {
    BuildHasherDefault::<DefaultHasher>::default().hash_one((provider, model))
}
