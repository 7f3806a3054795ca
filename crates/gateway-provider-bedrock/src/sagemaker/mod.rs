//! Models at SageMaker endpoints, whose containers speak OpenAI's wire (vLLM, LMI, Text Generation Inference) or, where
//! `body_format` says so, Text Generation Inference's own.
//!
//! `InvokeEndpoint` carries the container's own bytes, `InvokeEndpointWithResponseStream` pieces of its event stream inside
//! messages of AWS's; signed for `sagemaker`, with credentials from the same places as Bedrock's.
//!
//! Reference: the service model `sagemaker-runtime/2017-05-13` of botocore 1.43, read 2026-11-21.

mod stream;
mod wire;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use gateway_dialect::tgi::Template;
use gateway_provider::{Built, Deps, Factory, HttpProvider, TargetSpec};
use gateway_schema::{Operation, OptionKind, OptionProblem, OptionSpec, Options};
use http::HeaderValue;
use serde_json::{Map, Value};

use crate::credentials;
use crate::options::{Identity, Settings};
use crate::place::{Place, Runtime};
use wire::SageMakerWire;

/// What can be asked.
const OPERATIONS: &[Operation] = &[Operation::Chat, Operation::Completion, Operation::Embedding];

const SERVED: &str = "served_model";
const COMPONENT: &str = "inference_component";
const FORMAT: &str = "body_format";
const TEMPLATE: &str = "prompt_template";
const CONFIG: &str = "aws_config";

/// MLflow's names of the settings, and ours.
const FLAT: [(&str, &str); 7] = [
    ("aws_access_key_id", "aws_access_key_id"),
    ("aws_secret_access_key", "aws_secret_access_key"),
    ("aws_session_token", "aws_session_token"),
    ("aws_role_name", "aws_role_arn"),
    ("aws_session_name", "aws_role_session_name"),
    ("aws_region_name", "aws_region"),
    ("aws_profile", "aws_profile"),
];

const SPECS: &[OptionSpec] = &[
    OptionSpec::optional(
        "aws_region_name",
        OptionKind::Text,
        "The region. Default: where AWS's own clients look.",
    ),
    OptionSpec::optional(
        "aws_access_key_id",
        OptionKind::Secret,
        "The public half of a key pair. Without: what AWS's own clients find.",
    ),
    OptionSpec::optional(
        "aws_secret_access_key",
        OptionKind::Secret,
        "The secret half of the key pair.",
    ),
    OptionSpec::optional(
        "aws_session_token",
        OptionKind::Secret,
        "The session token of temporary keys.",
    ),
    OptionSpec::optional(
        "aws_role_name",
        OptionKind::Text,
        "The ARN of a role to be assumed.",
    ),
    OptionSpec::optional(
        "aws_session_name",
        OptionKind::Text,
        "What the role's session is called.",
    ),
    OptionSpec::optional(
        "aws_profile",
        OptionKind::Text,
        "The profile in AWS's shared files.",
    ),
    OptionSpec::optional(
        CONFIG,
        OptionKind::Map,
        "The same as one map, with Bedrock's names.",
    ),
    OptionSpec::optional(
        "aws_endpoint_url",
        OptionKind::Text,
        "Where SageMaker is. Default: AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME, AWS_ENDPOINT_URL, or AWS in the region.",
    ),
    OptionSpec::optional(
        SERVED,
        OptionKind::Text,
        "What the container calls its model. Default: the name of the endpoint.",
    ),
    OptionSpec::optional(
        COMPONENT,
        OptionKind::Text,
        "The inference component, for endpoints that host several.",
    ),
    OptionSpec::optional(
        FORMAT,
        OptionKind::Text,
        "What the container speaks: openai, or tgi for Text Generation Inference's own inputs and parameters. Default: openai.",
    ),
    OptionSpec::optional(
        TEMPLATE,
        OptionKind::Text,
        "How turns become one text for tgi: plain, chatml, llama2, llama3, mistral or zephyr. Default: plain.",
    ),
];

/// Makes providers of SageMaker endpoints; the model's name is the endpoint's.
pub const SAGEMAKER: Factory = Factory {
    name: "sagemaker",
    aliases: &["amazon-sagemaker"],
    display_name: "Amazon SageMaker",
    options: SPECS,
    operations: OPERATIONS,
    check: |spec, options| read(spec, options).err().unwrap_or_default(),
    build,
};

/// Settings of one endpoint.
struct Endpoint {
    aws: Settings,
    served: String,
    component: Option<HeaderValue>,
    /// Set for containers that speak Text Generation Inference's own format.
    template: Option<Template>,
}

/// Reads settings, or says everything that is wrong with them.
fn read(spec: &TargetSpec, options: &Options) -> Result<Endpoint, Vec<OptionProblem>> {
    let mut fields = match options.get(CONFIG) {
        Some(Value::Object(map)) => map.clone(),
        _ => Map::new(),
    };
    for (theirs, ours) in FLAT {
        if let Some(value) = options.get(theirs) {
            fields.insert(ours.to_owned(), value.clone());
        }
    }
    let mut all = Map::new();
    all.insert(CONFIG.to_owned(), Value::Object(fields));
    if let Some(url) = options.get("aws_endpoint_url") {
        all.insert("aws_endpoint_url".to_owned(), url.clone());
    }
    // Defaults are the container's, not Bedrock's.
    let mut plain = spec.clone();
    plain.defaults = Arc::default();
    let aws = Settings::read(&plain, &Options::new(all))?;
    let mut problems = Vec::new();
    if matches!(aws.identity, Identity::Bearer(_)) {
        let message =
            "aws_config.aws_bearer_token is Bedrock's alone: SageMaker needs a key pair or a role.";
        problems.push(OptionProblem::new("aws_config.aws_bearer_token", message));
    }
    let component = options.text(COMPONENT).map(HeaderValue::from_str);
    let component = component.transpose().unwrap_or_else(|_| {
        let message = format!("{COMPONENT} has characters that no HTTP header can carry.");
        problems.push(OptionProblem::new(COMPONENT, message));
        None
    });
    let template = template(options, &mut problems);
    if !problems.is_empty() {
        return Err(problems);
    }
    let served = options
        .text(SERVED)
        .unwrap_or(aws.model.as_str())
        .to_owned();
    Ok(Endpoint {
        aws,
        served,
        component,
        template,
    })
}

/// The template, for containers that need one.
fn template(options: &Options, problems: &mut Vec<OptionProblem>) -> Option<Template> {
    let name = options.text(TEMPLATE);
    match options.text(FORMAT) {
        None | Some("openai") => {
            if name.is_some() {
                let message =
                    format!("{TEMPLATE} is for {FORMAT} tgi; others read turns themselves.");
                problems.push(OptionProblem::new(TEMPLATE, message));
            }
            None
        }
        Some("tgi") => {
            let found = Template::named(name.unwrap_or("plain"));
            if found.is_none() {
                let names = Template::NAMES.join(", ");
                let message = format!(
                    "{TEMPLATE} is '{}'; one of {names} is expected.",
                    name.unwrap_or_default()
                );
                problems.push(OptionProblem::new(TEMPLATE, message));
            }
            found
        }
        Some(other) => {
            let message = format!("{FORMAT} is '{other}'; openai or tgi is expected.");
            problems.push(OptionProblem::new(FORMAT, message));
            None
        }
    }
}

fn build(spec: &TargetSpec, options: &Options, deps: &Deps) -> Built {
    let endpoint = read(spec, options)?;
    let place = Place::find(&endpoint.aws, &*deps.environment, Runtime::SAGEMAKER);
    let credentials = credentials::find(&endpoint.aws, &place, deps);
    let wire = SageMakerWire::new(spec, endpoint, place);
    Ok(HttpProvider::for_target(wire, spec, credentials, deps))
}
