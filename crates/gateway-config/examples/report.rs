//! What does somebody see who made three mistakes in one file?
//!
//! `cargo run -p gateway-config --example report`

use std::io::Write;

use gateway_config::{NoLookup, ProviderEntry, Providers, Source, Strictness, load};
use gateway_schema::{Operation, OptionKind, OptionProblem, OptionSpec, Options, ProviderName};

/// One provider with one setting.
struct Acme;

const OPTIONS: &[OptionSpec] = &[OptionSpec {
    name: "acme_api_key",
    kind: OptionKind::Secret,
    required: true,
    doc: "The key of the account.",
}];

impl Providers for Acme {
    fn entries(&self) -> Vec<ProviderEntry<'_>> {
        vec![ProviderEntry {
            name: "acme",
            aliases: &[],
            options: OPTIONS,
        }]
    }

    fn check(
        &self,
        _provider: &ProviderName,
        model: Option<&str>,
        _operation: Operation,
        _options: &Options,
    ) -> Vec<OptionProblem> {
        match model {
            Some(_) => Vec::new(),
            None => vec![OptionProblem::new("", "acme needs the name of a model")],
        }
    }
}

const TEXT: &str = "\
endpoints:
  - name: chat
    endpoint_type: llm/v1/chats
    model:
      provider: acme
      config:
        acme_api_kee: sk-123
    timeout: {idle: 0}
";

fn main() -> std::io::Result<()> {
    let source = Source::new("config.yaml", TEXT);
    let mut out = std::io::stdout();
    match load(source, &NoLookup, &Acme, Strictness::Lenient) {
        Ok(loaded) => write!(out, "{:?}", loaded.plan),
        Err(report) => write!(out, "{report}"),
    }
}
