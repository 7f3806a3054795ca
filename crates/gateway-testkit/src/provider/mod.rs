//! What every provider must do, as a suite that any provider crate runs against itself.
//!
//! The suite builds the provider from its [`Factory`] as the gateway would, on a scripted
//! transport, and needs one [`Sample`] per operation: a question, and an answer of the provider's to it, whole and
//! streamed, best taken from recorded traffic. It never opens a socket and needs no timer.
//!
//! | area | what is checked |
//! |---|---|
//! | settings | documented; required ones demanded; no value of any JSON type panics; no message shows a secret |
//! | requests | absolute address; the target's model, never the caller's name for it; same input, same bytes; the caller's credentials and cookies never leave; on the same-dialect lane fields that nobody knows survive verbatim |
//! | answers | the expected text; the provider's bytes untouched on the same-dialect lane; a truncated, empty or foreign body is a typed error of origin upstream |
//! | streams | cut anywhere: the same answer; broken off anywhere: an error or the whole answer, never a short answer that ends well; one end |
//! | failures | every bad status and every fault of the transport: origin, kind, retry, `retry-after`, the provider's status |
//! | bookkeeping | one attempt in the journal per call, with lane and status; dropping a reply or a call drops the exchange |
//! | nonsense | no bytes of any kind panic the provider |
//!
//! ```no_run
//! # async fn run(factory: gateway_provider::Factory) {
//! use gateway_testkit::provider::{Sample, Suite};
//! use serde_json::json;
//!
//! Suite::new(factory)
//!     .model("vendor-large")
//!     .option("vendor_api_key", "sk-conformance")
//!     .sample(
//!         Sample::chat("Say hello")
//!             .whole("application/json", r#"{"choices":[{"message":{"content":"Hello"}}]}"#)
//!             .answers("Hello"),
//!     )
//!     .run()
//!     .await;
//! # }
//! ```

mod bench;
mod failures;
mod outcome;
mod requests;
mod sample;
mod settings;
mod streams;
mod whole;

#[cfg(test)]
mod tests;

pub use sample::Sample;

use gateway_provider::{Factory, TargetSpec};
use gateway_schema::{ModelId, OptionKind, Options};
use http::{HeaderName, HeaderValue};
use serde_json::{Map, Value};

use crate::{FixedEnvironment, ScriptedReply};
use bench::Bench;

/// A suite for one provider.
#[derive(Debug, Clone)]
pub struct Suite {
    factory: Factory,
    spelled: String,
    model: ModelId,
    options: Map<String, Value>,
    headers: http::HeaderMap,
    environment: FixedEnvironment,
    asides: Vec<(String, ScriptedReply)>,
    samples: Vec<Sample>,
    rewrites_streams: bool,
    names_no_model: bool,
}

impl Suite {
    /// A suite for the provider that `factory` builds.
    pub fn new(factory: Factory) -> Self {
        Self {
            factory,
            spelled: factory.name.to_owned(),
            model: ModelId::from("conformance-model-1"),
            options: Map::new(),
            headers: http::HeaderMap::new(),
            environment: FixedEnvironment::new(),
            asides: Vec::new(),
            samples: Vec::new(),
            rewrites_streams: false,
            names_no_model: false,
        }
    }

    /// Builds the provider under one of its aliases.
    pub fn spelled(mut self, name: &str) -> Self {
        name.clone_into(&mut self.spelled);
        self
    }

    /// The provider's name of the model.
    pub fn model(mut self, model: &str) -> Self {
        self.model = model.into();
        self
    }

    /// A setting of the provider.
    pub fn option(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.options.insert(name.to_owned(), value.into());
        self
    }

    /// A header that the endpoint adds to every request. One that is not valid is left out.
    pub fn endpoint_header(mut self, name: &str, value: &str) -> Self {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            self.headers.append(name, value);
        }
        self
    }

    /// The variables and files the provider may look for.
    pub fn environment(mut self, environment: FixedEnvironment) -> Self {
        self.environment = environment;
        self
    }

    /// Answers requests whose address contains `part` aside: token endpoints, metadata servers.
    pub fn aside(mut self, part: &str, reply: ScriptedReply) -> Self {
        self.asides.push((part.to_owned(), reply));
        self
    }

    /// A question with its answers. Give one per operation, more where shapes differ.
    pub fn sample(mut self, sample: Sample) -> Self {
        self.samples.push(sample);
        self
    }

    /// The provider removes or adds events on the same-dialect lane (say, usage that only the gateway asked for), so
    /// that streamed bytes are not compared with the upstream's.
    pub const fn rewrites_streams(mut self) -> Self {
        self.rewrites_streams = true;
        self
    }

    /// The provider's API has no place for a model's name (a deployment's own address).
    pub const fn names_no_model(mut self) -> Self {
        self.names_no_model = true;
        self
    }

    /// Runs every check and collects what is wrong, one line each, with the check and the sample it is about.
    pub async fn report(&self) -> Vec<String> {
        let mut faults = Faults::default();
        settings::check(self, &mut faults);
        for sample in &self.samples {
            let spec = self.spec(sample);
            match Bench::new(self, &spec, sample) {
                Err(problem) => faults.add("build", sample, problem),
                Ok(bench) => {
                    requests::check(&bench, &mut faults).await;
                    whole::check(&bench, &mut faults).await;
                    streams::check(&bench, &mut faults).await;
                    failures::check(&bench, &mut faults).await;
                }
            }
        }
        faults.0
    }

    /// Runs every check.
    ///
    /// # Panics
    /// With everything that is wrong, when something is.
    pub async fn run(&self) {
        assert!(
            !self.samples.is_empty(),
            "the suite needs at least one sample"
        );
        let faults = self.report().await;
        assert!(
            faults.is_empty(),
            "{} does not conform ({} faults):\n  {}",
            self.factory.name,
            faults.len(),
            faults.join("\n  ")
        );
    }

    fn spec(&self, sample: &Sample) -> TargetSpec {
        let mut spec = TargetSpec::new(
            self.spelled.clone(),
            Some(self.model.clone()),
            sample.operation,
        );
        spec.headers = self.headers.clone();
        spec
    }

    fn options(&self) -> Options {
        Options::new(self.options.clone())
    }

    /// The values of the settings that are secrets.
    fn secrets(&self) -> Vec<&str> {
        self.factory
            .options
            .iter()
            .filter(|spec| spec.kind == OptionKind::Secret)
            .filter_map(|spec| self.options.get(spec.name)?.as_str())
            .filter(|secret| secret.len() >= 4)
            .collect()
    }
}

/// What is wrong so far. Each check and sample is named once per fault, at most a handful of times.
#[derive(Debug, Default)]
struct Faults(Vec<String>);

impl Faults {
    const PER_CHECK: usize = 3;

    fn add(&mut self, check: &str, sample: &Sample, fault: impl AsRef<str>) {
        self.push(format!("{check} [{}]", sample.name), fault.as_ref());
    }

    fn push(&mut self, heading: String, fault: &str) {
        let mut line = heading;
        line.push_str(": ");
        if self
            .0
            .iter()
            .filter(|known| known.starts_with(&line))
            .count()
            < Self::PER_CHECK
        {
            line.push_str(fault);
            self.0.push(line);
        }
    }
}
