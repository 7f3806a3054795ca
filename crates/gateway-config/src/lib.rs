//! The gateway's configuration: what users write, made into what runs.
//!
//! Text becomes a tree in which every value knows its line and column; the tree is checked against tables of keys;
//! what passes becomes a [`Plan`] of plain structs with every default filled in. All problems are found at once.
//!
//! The file is MLflow's gateway configuration with additions. This crate opens no file, reads no environment and
//! knows no provider by name: a [`Source`], a [`Lookup`] and a table of [`Providers`] are arguments.
//!
//! ```
//! use gateway_config::{FileText, Lookup, ProviderEntry, Providers, Source, Strictness, load};
//! use gateway_schema::{Operation, OptionKind, OptionProblem, OptionSpec, Options, ProviderName};
//!
//! struct Env;
//! impl Lookup for Env {
//!     fn env(&self, name: &str) -> Option<String> {
//!         (name == "ACME_KEY").then(|| "sk-123".to_owned())
//!     }
//!     fn file(&self, _path: &str) -> FileText {
//!         FileText::Absent
//!     }
//! }
//!
//! struct Acme;
//! const OPTIONS: &[OptionSpec] = &[OptionSpec {
//!     name: "api_key",
//!     kind: OptionKind::Secret,
//!     required: true,
//!     doc: "The key of the account.",
//! }];
//! impl Providers for Acme {
//!     fn entries(&self) -> Vec<ProviderEntry<'_>> {
//!         vec![ProviderEntry { name: "acme", aliases: &[], options: OPTIONS }]
//!     }
//!     fn check(&self, _: &ProviderName, _: Option<&str>, _: Operation, _: &Options) -> Vec<OptionProblem> {
//!         Vec::new()
//!     }
//! }
//!
//! let text = "
//! endpoints:
//!   - name: chat
//!     endpoint_type: llm/v1/chat
//!     model: {provider: acme, name: large, config: {api_key: $ACME_KEY, temperature: 0.2}}
//! ";
//! let loaded = load(Source::new("config.yaml", text), &Env, &Acme, Strictness::Lenient)?;
//! let model = &loaded.plan.endpoints[0].model;
//! assert_eq!(model.options.text("api_key"), Some("sk-123"));
//! assert_eq!(model.defaults["temperature"], 0.2);
//! assert!(!format!("{:?}", loaded.plan).contains("sk-123"));
//!
//! let wrong = load(Source::new("config.yaml", "endponits: []"), &Env, &Acme, Strictness::Lenient);
//! let report = wrong.unwrap_err().to_string();
//! assert!(report.contains("config.yaml:1:1: warning: endponits: "));
//! assert!(report.contains("did you mean `endpoints`?"));
//! # Ok::<(), gateway_config::Report>(())
//! ```
//!
//! The same plan is built without YAML from [`Definitions`], and checked by the same code: see [`Plan::check`].
//!
//! # What is read how
//!
//! * YAML 1.2, where MLflow reads YAML 1.1: `yes`, `no`, `on` and `off` are text, unless `true` or `false` is what the
//!   key takes; `010` is not a number; dates and digits are text where text is meant, as they are written.
//! * `<<` merges, anchors and aliases work; aliases that would expand to a large tree are refused.
//! * Keys that are not known are accepted with a warning, as is a key that stands twice, of which the last counts.
//!   [`Strictness::Strict`] refuses both. Keys that begin with `x-` are the user's own.
//! * In every text of a provider's settings `$NAME` and `{{ secrets.NAME }}` are resolved, and a path is replaced by
//!   the content of its file, without the line break at its end. For credentials any text that names a file is its
//!   path, as with MLflow; for other settings a text must look like one (`/…`, `./…`, `../…`).
//! * A credential may be a list; a call then uses one of them ([`Model::accounts`]).
//! * Variables of MLflow that count: `MLFLOW_GATEWAY_ALLOWED_PROVIDERS`, `MLFLOW_GATEWAY_ROUTE_TIMEOUT_SECONDS`,
//!   `MLFLOW_GATEWAY_RATE_LIMITS_STORAGE_URI`.
//!
//! # Where it differs from MLflow
//!
//! Accepted, though MLflow refuses it: endpoints under `routes` with `route_type`; digits and dates without quotes
//! for text; a share of traffic in quotes; strategies besides `TRAFFIC_SPLIT`; a list of credentials; a missing
//! `config` for a provider that requires no setting.
//!
//! Refused, though MLflow accepts it: a blank credential; `$NAME` in any setting where the variable is not set;
//! `{{ ... }}` as a credential where it is no secret's name; `true` or `010` as a number; a default for a request
//! parameter that no request could carry (`temperature: hot`), and a wrong value below one of the additions
//! (`cache`, `retry`, ...): MLflow ignores both.

mod definition;
mod diagnostic;
mod file;
mod plan;
mod schema;
mod source;

pub use definition::{
    AuthDefinition, BreakerDefinition, CacheDefinition, CallLimitDefinition, Checked,
    ConditionDefinition, ContentDefinition, CorsDefinition, Definitions, DestinationDefinition,
    EndpointDefinition, IssuerDefinition, KeyDefinition, KeyPairDefinition, LimitDefinition,
    LogContent, LogDefinition, ModelDefinition, OtlpDefinition, PriceDefinition, RetryDefinition,
    RouteDefinition, RuleDefinition, SecretValue, ServerDefinition, Setting, Settings,
    StickyDefinition, StoresDefinition, TelemetryDefinition, TimeoutDefinition,
    TokenRangeDefinition,
};
pub use diagnostic::{Diagnostic, Kind, PlanError, Problem, Report, Severity, Strictness};
pub use file::Place;
pub use plan::{
    Amount, Auth, Breaker, Browsers, Cache, CallLimit, CallWindow, CallerKey, Condition, Cors,
    Destination, Endpoint, Expiry, FallbackOn, Header, Issuer, Jwks, Limit, Log, LogFormat, Model,
    OnStoreError, Otlp, Plan, Price, Retry, Route, Rule, Server, Stores, Strategy, Subject,
    Telemetry, Timeouts, TokenRange, WindowUnit,
};
pub use schema::json_schema;
pub use source::{FileText, Lookup, NoLookup, ProviderEntry, Providers, Source};

use diagnostic::Problems;
use file::item::Item;
use plan::context::Context;

/// A configuration that may run.
#[derive(Debug, Clone, PartialEq)]
pub struct Loaded {
    /// What runs.
    pub plan: Plan,
    /// What should be looked at, all of it warnings.
    pub warnings: Report,
}

/// Reads, checks and completes a configuration.
///
/// # Errors
/// Everything that is wrong with it, warnings included, when at least one problem refuses it.
pub fn load(
    source: Source<'_>,
    lookup: &dyn Lookup,
    providers: &dyn Providers,
    strictness: Strictness,
) -> Result<Loaded, Report> {
    let mut problems = Problems::new(strictness);
    let plan = file::reader::read(source.text, &mut problems).map(|root| {
        let mut context = Context::new(lookup, providers, &mut problems);
        plan::read(&Item::root(&root), &mut context)
    });
    let refused = problems.has_errors();
    let report = problems.into_report(source.name);
    match plan {
        Some(plan) if !refused => Ok(Loaded {
            plan,
            warnings: report,
        }),
        _ => Err(report),
    }
}

impl Plan {
    /// The effective configuration as YAML: every default written out, every credential replaced by `[secret]`.
    ///
    /// # Errors
    /// Only if a value cannot be written as YAML, which no plan that was read from text holds.
    pub fn to_yaml(&self) -> Result<String, YamlError> {
        serde_yaml::to_string(self).map_err(YamlError)
    }
}

/// A plan could not be written as YAML.
#[derive(Debug)]
pub struct YamlError(serde_yaml::Error);

impl std::fmt::Display for YamlError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the plan cannot be written as YAML")
    }
}

impl std::error::Error for YamlError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.0)
    }
}
