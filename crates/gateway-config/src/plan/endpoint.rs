//! `endpoints`: what clients call by name.

use std::time::Duration;

use gateway_schema::{EndpointName, Operation};
use serde::Serialize;

use super::breaker::{self, Breaker};
use super::cache::{self, Cache};
use super::context::Context;
use super::effective::{duration_text, is_false, redacted_headers, task_word};
use super::fallback::{self, FallbackOn};
use super::headers::{self, Header};
use super::limit::{self, CallLimit};
use super::limits::{self, Limit};
use super::model::{self, Form, Model};
use super::price::{self, Price};
use super::retry::{self, Retry};
use super::task::{TASKS, task};
use super::timeout::{self, Timeouts};
use crate::diagnostic::{Diagnostic, Kind, shown};
use crate::file::Place;
use crate::file::item::Item;
use crate::file::shape::{Key, Section, Shape};

pub(crate) static SECTION: Section = Section::new(
    "an endpoint",
    &[Key::required(
        "endpoint_type",
        Shape::Choice(&TASKS),
        "What the endpoint does: `llm/v1/chat`, `llm/v1/completions`, `llm/v1/embeddings` or \
         `llm/v1/rerank`.",
    )],
)
.with(COMMON);

/// The form that MLflow 2.5 to 2.8 had under `routes`.
pub(crate) static OLDER: Section = Section::new(
    "an endpoint in its older form",
    &[Key::required(
        "route_type",
        Shape::Choice(&TASKS),
        "The older name of `endpoint_type`.",
    )],
)
.with(COMMON);

static COMMON: &[Key] = &[
    Key::required(
        "name",
        Shape::Text,
        "The name clients use: letters, digits, `-`, `_` and `.`. Endpoints and routes share one namespace.",
    ),
    Key::required(
        "model",
        Shape::Section(&model::SECTION),
        "The model that answers.",
    ),
    Key::optional(
        "limit",
        Shape::Section(&limit::SECTION),
        "MLflow's limit: calls per renewal period and client address.",
    ),
    Key::optional(
        "limits",
        Shape::List(&Shape::Section(&limits::SECTION)),
        "Limits on requests, tokens and concurrency. All must pass.",
    ),
    Key::optional(
        "timeout",
        Shape::Section(&timeout::SECTION),
        "How long parts of a call may take.",
    ),
    Key::optional(
        "strict",
        Shape::Flag,
        "Whether a request is refused when something in it would be lost on the way to the provider. Default false.",
    ),
    Key::optional(
        "headers",
        Shape::Table(&Shape::Secret),
        "Headers added to every request that goes to the provider; these win over the provider's own.",
    ),
    Key::optional(
        "forward_headers",
        Shape::OneOrMany(&Shape::Text),
        "Names of request headers that go to the provider with requests that are passed on, besides those that every \
         provider and this vendor may be sent.",
    ),
    Key::optional(
        "cache",
        Shape::Switch(&cache::SECTION),
        "Answers kept for requests that are the same. Absent: none.",
    ),
    Key::optional(
        "retry",
        Shape::Section(&retry::SECTION),
        "Trying the same target again. Absent: none.",
    ),
    Key::optional(
        "fallback",
        Shape::OneOrMany(&Shape::Text),
        "Endpoints that are tried in this order when this one fails.",
    ),
    Key::optional(
        "fallback_on",
        Shape::OneOrMany(&Shape::Choice(&FallbackOn::WORDS)),
        "Errors that lead to the fallback, besides rate limits, timeouts and faults of the provider.",
    ),
    Key::optional(
        "breaker",
        Shape::Section(&breaker::SECTION),
        "When a target that fails is left alone, and for how long. Absent: never.",
    ),
    Key::optional(
        "max_cooldown",
        Shape::Duration,
        "Longest time an account of the provider is left alone because the provider says so (`retry-after`). Default 1h.",
    ),
    Key::optional(
        "max_concurrency",
        Shape::Integer(1, 1_000_000),
        "Calls to the provider at the same time. Absent: no bound.",
    ),
    Key::optional(
        "price",
        Shape::Section(&price::SECTION),
        "What the model costs, in US dollars per million tokens. Absent: the catalog's price.",
    ),
];

const MAX_COOLDOWN: Duration = Duration::from_hours(1);

fn is_usual_cooldown(value: &Duration) -> bool {
    *value == MAX_COOLDOWN
}

/// What clients call by name.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Endpoint {
    /// The name clients use.
    pub name: EndpointName,
    /// What it does.
    #[serde(rename = "endpoint_type", serialize_with = "task_word")]
    pub operation: Operation,
    /// The model that answers.
    pub model: Model,
    /// MLflow's limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<CallLimit>,
    /// Limits on requests, tokens and concurrency.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub limits: Vec<Limit>,
    /// How long parts of a call may take.
    #[serde(rename = "timeout")]
    pub timeouts: Timeouts,
    /// Whether a request is refused when something in it would be lost.
    #[serde(skip_serializing_if = "is_false")]
    pub strict: bool,
    /// Headers added to requests that go to the provider.
    #[serde(
        skip_serializing_if = "Vec::is_empty",
        serialize_with = "redacted_headers"
    )]
    pub headers: Vec<Header>,
    /// Names, in lower case, of request headers that go to the provider with requests that are passed on.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub forward_headers: Vec<String>,
    /// Answers kept for requests that are the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache: Option<Cache>,
    /// Trying the same target again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry: Option<Retry>,
    /// Endpoints that are tried in this order when this one fails. All exist, do the same, and form no loop.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub fallback: Vec<EndpointName>,
    /// Errors that lead to the fallback, besides the usual ones.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub fallback_on: Vec<FallbackOn>,
    /// When the circuit of a failing target opens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub breaker: Option<Breaker>,
    /// The longest cooldown that a provider's `retry-after` can set on an account.
    #[serde(
        skip_serializing_if = "is_usual_cooldown",
        serialize_with = "duration_text"
    )]
    pub max_cooldown: Duration,
    /// Calls to the provider at the same time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_concurrency: Option<u32>,
    /// What the model costs, where the catalog's price does not hold.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub price: Option<Price>,
    /// Where it stands.
    #[serde(skip)]
    pub place: Place,
}

impl Endpoint {
    /// An endpoint with the defaults of everything else.
    pub fn new(name: impl Into<EndpointName>, operation: Operation, model: Model) -> Self {
        Self {
            name: name.into(),
            operation,
            model,
            limit: None,
            limits: Vec::new(),
            timeouts: Timeouts::default(),
            strict: false,
            headers: Vec::new(),
            forward_headers: Vec::new(),
            cache: None,
            retry: None,
            fallback: Vec::new(),
            fallback_on: Vec::new(),
            breaker: None,
            max_cooldown: MAX_COOLDOWN,
            max_concurrency: None,
            price: None,
            place: Place::default(),
        }
    }
}

pub(crate) fn read(item: &Item<'_>, form: Form, context: &mut Context<'_>) -> Option<Endpoint> {
    let name = name(item, context);
    let kind = match form {
        Form::Current => "endpoint_type",
        Form::Older => "route_type",
    };
    if form == Form::Current {
        refuse_route_type(item, context);
    }
    let operation = item.text_at(kind).and_then(task);
    let model = model::read(
        &item.get("model")?,
        operation.unwrap_or(Operation::Chat),
        form,
        context,
    );
    let limit = item
        .get("limit")
        .and_then(|limit| limit::read(&limit, context));
    let limits = limits::read(&item.list("limits"), context);
    let headers = headers::read(item.get("headers").as_ref(), context);
    let forward_headers = headers::read_names(item.get("forward_headers").as_ref(), context);
    let retry = item.get("retry").map(|retry| retry::read(&retry, context));
    let price = item.get("price").map(|price| price::read(&price));
    let mut endpoint = Endpoint::new(name?, operation?, model?);
    endpoint.limit = limit;
    endpoint.limits = limits;
    endpoint.timeouts = timeout::read(item.get("timeout").as_ref(), context.timeouts);
    endpoint.strict = item.flag_at("strict").unwrap_or_default();
    endpoint.headers = headers;
    endpoint.forward_headers = forward_headers;
    endpoint.cache = item.get("cache").as_ref().and_then(cache::read);
    endpoint.retry = retry;
    endpoint.fallback = fallback::read_names(item);
    endpoint.fallback_on = fallback::read_conditions(item);
    endpoint.breaker = item.get("breaker").as_ref().map(breaker::read);
    endpoint.max_cooldown = item.duration_at("max_cooldown").unwrap_or(MAX_COOLDOWN);
    endpoint.max_concurrency = item
        .integer_at("max_concurrency")
        .and_then(|n| u32::try_from(n).ok());
    endpoint.price = price;
    endpoint.place = item.place();
    Some(endpoint)
}

/// The name, if it may stand in a URL.
fn name(item: &Item<'_>, context: &mut Context<'_>) -> Option<EndpointName> {
    let at = item.get("name")?;
    let name = at.text()?;
    if is_name(name) {
        return Some(EndpointName::from(name));
    }
    let message = format!("the name '{}' cannot stand in a URL", shown(name));
    let diagnostic = Diagnostic::error(Kind::Value, at.place(), message)
        .at(&at.path)
        .allowed("letters, digits, `-`, `_` and `.`");
    context.problems.push(diagnostic);
    None
}

/// True for a name that may stand in a URL as it is.
pub(crate) fn is_name(name: &str) -> bool {
    !name.is_empty()
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"_-.".contains(&b))
}

/// MLflow refuses `route_type` below `endpoints` even beside `endpoint_type`.
fn refuse_route_type(item: &Item<'_>, context: &mut Context<'_>) {
    for pair in item.pairs().iter().filter(|pair| pair.key == "route_type") {
        let message = "The 'route_type' configuration key is not supported below `endpoints`. Use 'endpoint_type' instead.";
        let diagnostic =
            Diagnostic::error(Kind::UnknownKey, pair.key_place, message).at(&pair.item.path);
        context.problems.push(diagnostic);
    }
}
