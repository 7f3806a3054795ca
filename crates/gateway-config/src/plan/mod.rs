//! What runs: plain structs, validated and with defaults filled in.
//!
//! One module per section of the file. Each holds the table of its keys, the struct it becomes, and the function
//! that makes one from the other, so that a feature can be taken out by deleting its module and one line in
//! [`endpoint`], [`route`] or here.
//!
//! Nothing in a plan prints a credential. Two plans are equal when they mean the same, wherever their text stands.

pub(crate) mod auth;
pub(crate) mod breaker;
pub(crate) mod browsers;
pub(crate) mod cache;
pub(crate) mod context;
pub(crate) mod effective;
pub(crate) mod endpoint;
pub(crate) mod fallback;
mod fallback_check;
pub(crate) mod headers;
pub(crate) mod limit;
pub(crate) mod limits;
pub(crate) mod model;
pub(crate) mod names;
pub(crate) mod policy;
pub(crate) mod price;
pub(crate) mod resolve;
pub(crate) mod retry;
pub(crate) mod route;
pub(crate) mod server;
pub(crate) mod stores;
mod subject;
pub(crate) mod task;
pub(crate) mod telemetry;
pub(crate) mod timeout;

use serde::Serialize;

pub use auth::{Auth, CallerKey, Expiry, Issuer, Jwks};
pub use breaker::Breaker;
pub use browsers::{Browsers, Cors};
pub use cache::Cache;
pub use endpoint::Endpoint;
pub use fallback::FallbackOn;
pub use headers::Header;
pub use limit::{CallLimit, CallWindow, WindowUnit};
pub use limits::{Amount, Limit};
pub use model::Model;
pub use price::Price;
pub use retry::Retry;
pub use route::{Condition, Destination, Route, Rule, Strategy, TokenRange};
pub use server::Server;
pub use stores::Stores;
pub use subject::{OnStoreError, Subject};
pub use telemetry::{Log, LogFormat, Otlp, Telemetry};
pub use timeout::Timeouts;

use crate::diagnostic::{Diagnostic, Kind};
use crate::file::item::Item;
use crate::file::shape::{Key, Section, Shape};
use crate::file::{Value as NodeValue, check};
use context::Context;
use model::Form;
use names::Names;

/// Everything that runs.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
#[non_exhaustive]
pub struct Plan {
    /// What clients call by name. Names are unique, together with those of routes.
    pub endpoints: Vec<Endpoint>,
    /// Names in front of several endpoints.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub routes: Vec<Route>,
    /// Who may call; absent: everybody.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auth: Option<Auth>,
    /// Where shared state is kept.
    pub stores: Stores,
    /// What leaves the process about its calls.
    pub telemetry: Telemetry,
    /// Bounds of the whole process.
    pub server: Server,
}

pub(crate) static SECTION: Section = Section::new(
    "the configuration",
    &[
        Key::optional(
            "endpoints",
            Shape::List(&Shape::Section(&endpoint::SECTION)),
            "What clients call by name. Required; may be empty.",
        ),
        Key::optional(
            "routes",
            Shape::List(&ROUTE),
            "Names in front of several endpoints. Endpoints in the form of MLflow 2.5 to 2.8 (`route_type`) may stand \
             here, too.",
        ),
        Key::optional(
            "auth",
            Shape::Section(&auth::SECTION),
            "Who may call. Absent: everybody.",
        ),
        Key::optional(
            "stores",
            Shape::Section(&stores::SECTION),
            "Where state is kept that several processes share. Absent: the memory of this process.",
        ),
        Key::optional(
            "telemetry",
            Shape::Section(&telemetry::SECTION),
            "What leaves the process about its calls.",
        ),
        Key::optional(
            "server",
            Shape::Section(&server::SECTION),
            "Bounds of the whole process.",
        ),
    ],
);

static ROUTE: Shape = Shape::Either(&[
    ("task_type", &route::SECTION),
    ("destinations", &route::SECTION),
    ("route_type", &endpoint::OLDER),
    ("model", &endpoint::OLDER),
]);

/// Makes the plan from a document, reporting everything that is wrong with it. It holds only when nothing was.
pub(crate) fn read(root: &Item<'_>, context: &mut Context<'_>) -> Plan {
    if root.node.is_null() {
        let message = "the configuration is empty";
        let diagnostic = Diagnostic::error(Kind::Missing, root.place(), message)
            .allowed("a map with at least `endpoints`; `endpoints: []` is fine");
        context.problems.push(diagnostic);
        return Plan::default();
    }
    check::check(root, &Shape::Section(&SECTION), context.problems);
    if !matches!(root.node.value, NodeValue::Map(_)) {
        return Plan::default();
    }
    context.timeouts = timeout::defaults(context.lookup, context.problems);
    let (older, routes): (Vec<Item<'_>>, Vec<Item<'_>>) =
        root.list("routes").into_iter().partition(is_older);
    require_endpoints(root, &older, context);

    let current = root.list("endpoints");
    let mut names = Names::default();
    for item in &current {
        names.add(item, "endpoint_type", true, context.problems);
    }
    for item in &older {
        names.add(item, "route_type", true, context.problems);
        translated(item, context);
    }
    for item in &routes {
        names.add(item, "task_type", false, context.problems);
    }

    let forms = current
        .into_iter()
        .map(|item| (item, Form::Current))
        .chain(older.into_iter().map(|item| (item, Form::Older)));
    let endpoints: Vec<fallback_check::Written<'_>> = forms
        .filter_map(|(item, form)| Some((endpoint::read(&item, form, context)?, item)))
        .collect();
    fallback_check::check(&endpoints, &names, context);
    let routes = routes
        .iter()
        .filter_map(|item| route::read(item, &names, context))
        .collect();
    Plan {
        endpoints: endpoints
            .into_iter()
            .map(|(endpoint, _)| endpoint)
            .collect(),
        routes,
        auth: root
            .get("auth")
            .map(|auth| auth::read(&auth, &names, context)),
        stores: stores::read(root.get("stores").as_ref(), context),
        telemetry: telemetry::read(root.get("telemetry").as_ref(), context),
        server: server::read(root.get("server").as_ref(), context),
    }
}

/// An item of `routes` that is an endpoint in its older form.
fn is_older(item: &Item<'_>) -> bool {
    let has = |key| item.node.get(key).is_some();
    !has("task_type") && !has("destinations") && (has("route_type") || has("model"))
}

fn translated(item: &Item<'_>, context: &mut Context<'_>) {
    let message = "this is an endpoint in its older form; it is taken as an item of `endpoints`";
    let diagnostic = Diagnostic::warning(Kind::Deprecated, item.place(), message)
        .at(&item.path)
        .help("move it to `endpoints`, call `route_type` `endpoint_type`, and put settings under `model.config`");
    context.problems.push(diagnostic);
}

fn require_endpoints(root: &Item<'_>, older: &[Item<'_>], context: &mut Context<'_>) {
    if root.get("endpoints").is_some() || !older.is_empty() {
        return;
    }
    let pairs = root.pairs();
    let null = pairs.iter().find(|pair| pair.key == "endpoints");
    let diagnostic = match null {
        Some(pair) => Diagnostic::error(Kind::Missing, pair.key_place, "`endpoints` has no value")
            .help("write `endpoints: []` for none"),
        None => Diagnostic::error(Kind::Missing, root.place(), "`endpoints` is missing"),
    };
    context.problems.push(diagnostic.at("endpoints"));
}
