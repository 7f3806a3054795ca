//! `routes`: one name in front of several endpoints.

mod rules;

use gateway_schema::{EndpointName, Operation};
use serde::{Deserialize, Serialize};

use super::context::Context;
use super::effective::task_word;
use super::endpoint::is_name;
use super::names::Names;
use super::subject::Subject;
use super::task::{TASKS, task, task_name};
use crate::diagnostic::{Diagnostic, Kind, alternatives, shown};
use crate::file::Place;
use crate::file::item::Item;
use crate::file::shape::{Key, Section, Shape};

pub use rules::{Condition, Rule, TokenRange};

static DESTINATION: Section = Section::new(
    "a destination",
    &[
        Key::required("name", Shape::Text, "The name of an endpoint."),
        Key::optional(
            "traffic_percentage",
            Shape::Integer(0, 100),
            "Its share of the calls, 0 to 100. With TRAFFIC_SPLIT required, and the sum must be 100. Elsewhere 0 takes \
             the destination out, and the others take part alike (`sticky` by their shares). Default there: 100.",
        ),
    ],
);

static STICKY: Section = Section::new(
    "a sticky assignment",
    &[Key::required(
        "by",
        Shape::Subject(&["user", "key"]),
        "What stays with one destination: `user`, `key` or `header:<name>`.",
    )],
);

pub(crate) static SECTION: Section = Section::new(
    "a route",
    &[
        Key::required(
            "name",
            Shape::Text,
            "The name clients use. Endpoints and routes share one namespace.",
        ),
        Key::required(
            "task_type",
            Shape::Choice(&TASKS),
            "What its endpoints do: `llm/v1/chat`, `llm/v1/completions`, `llm/v1/embeddings` or \
             `llm/v1/rerank`.",
        ),
        Key::required(
            "destinations",
            Shape::List(&Shape::Section(&DESTINATION)),
            "The endpoints behind it, all of the same type.",
        ),
        Key::optional(
            "routing_strategy",
            Shape::Choice(&Strategy::WORDS),
            "How a destination is chosen: TRAFFIC_SPLIT by chance in proportion, LEAST_LATENCY by the time to the first \
             token, LEAST_BUSY by the calls under way, LOWEST_COST by price, ROUND_ROBIN each in turn, PRIORITY the \
             first that works. Default TRAFFIC_SPLIT.",
        ),
        Key::optional(
            "sticky",
            Shape::Section(&STICKY),
            "Keeps what belongs together at one destination, in proportion of the shares. Calls without it go by the \
             strategy. Not with PRIORITY and LOWEST_COST, which do not spread calls.",
        ),
        Key::optional(
            "rules",
            Shape::List(&Shape::Section(&rules::SECTION)),
            "Looked at in order, before the strategy; the first that matches decides.",
        ),
    ],
);

/// One name in front of several endpoints.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Route {
    /// The name clients use.
    pub name: EndpointName,
    /// What its endpoints do.
    #[serde(rename = "task_type", serialize_with = "task_word")]
    pub operation: Operation,
    /// The endpoints behind it. Never empty; all exist and do the same.
    pub destinations: Vec<Destination>,
    /// How one of them is chosen.
    #[serde(rename = "routing_strategy")]
    pub strategy: Strategy,
    /// What stays with one destination.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "sticky_by")]
    pub sticky: Option<Subject>,
    /// Looked at before the strategy; the first that matches decides.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<Rule>,
    /// Where it stands.
    #[serde(skip)]
    pub place: Place,
}

/// An endpoint behind a route.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Destination {
    /// The endpoint.
    #[serde(rename = "name")]
    pub endpoint: EndpointName,
    /// Its share of the calls in percent. With [`Strategy::TrafficSplit`] they add up to 100; with the others zero
    /// takes the destination out. At least one is not zero.
    pub traffic_percentage: u8,
}

/// How a destination is chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Strategy {
    /// By chance, in the proportion of the percentages. The one that was drawn answers or fails.
    #[default]
    TrafficSplit,
    /// The one that answers soonest.
    LeastLatency,
    /// The one with the fewest calls in flight.
    LeastBusy,
    /// The one whose model costs least.
    LowestCost,
    /// Each in turn.
    RoundRobin,
    /// The first that works.
    Priority,
}

impl Strategy {
    const ALL: [Self; 6] = [
        Self::TrafficSplit,
        Self::LeastLatency,
        Self::LeastBusy,
        Self::LowestCost,
        Self::RoundRobin,
        Self::Priority,
    ];
    const WORDS: [&str; 6] = {
        let [a, b, c, d, e, f] = Self::ALL;
        [
            a.as_str(),
            b.as_str(),
            c.as_str(),
            d.as_str(),
            e.as_str(),
            f.as_str(),
        ]
    };

    /// The word in configurations.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::TrafficSplit => "TRAFFIC_SPLIT",
            Self::LeastLatency => "LEAST_LATENCY",
            Self::LeastBusy => "LEAST_BUSY",
            Self::LowestCost => "LOWEST_COST",
            Self::RoundRobin => "ROUND_ROBIN",
            Self::Priority => "PRIORITY",
        }
    }

    fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.as_str() == word)
    }
}

impl Route {
    /// A route without rules.
    pub fn new(
        name: impl Into<EndpointName>,
        operation: Operation,
        strategy: Strategy,
        destinations: Vec<Destination>,
    ) -> Self {
        Self {
            name: name.into(),
            operation,
            destinations,
            strategy,
            sticky: None,
            rules: Vec::new(),
            place: Place::default(),
        }
    }
}

#[expect(clippy::ref_option, reason = "the signature that serde asks for")]
fn sticky_by<S: serde::Serializer>(
    sticky: &Option<Subject>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_map(sticky.iter().map(|by| ("by", by)))
}

pub(crate) fn read(item: &Item<'_>, names: &Names, context: &mut Context<'_>) -> Option<Route> {
    let at = item.get("name")?;
    let name = at.text()?;
    if !is_name(name) {
        let message = format!(
            "the name '{}' cannot stand in a URL: the route can be called only as `model` in a request body",
            shown(name)
        );
        let diagnostic = Diagnostic::warning(Kind::Value, at.place(), message)
            .at(&at.path)
            .allowed("letters, digits, `-`, `_` and `.`");
        context.problems.push(diagnostic);
    }
    let operation = item.text_at("task_type").and_then(task)?;
    let strategy = match item.text_at("routing_strategy") {
        Some(word) => Strategy::parse(word)?,
        None => Strategy::default(),
    };
    let destinations = destinations(item, (name, operation, strategy), names, context);
    let rules = item
        .list("rules")
        .iter()
        .filter_map(|rule| rules::read(rule, operation, names, context))
        .collect();
    let mut route = Route::new(name, operation, strategy, destinations);
    route.sticky = item
        .get("sticky")
        .and_then(|sticky| sticky_subject(&sticky, strategy, context));
    route.rules = rules;
    route.place = item.place();
    Some(route)
}

fn sticky_subject(
    item: &Item<'_>,
    strategy: Strategy,
    context: &mut Context<'_>,
) -> Option<Subject> {
    if matches!(strategy, Strategy::Priority | Strategy::LowestCost) {
        let message =
            "`sticky` contradicts a strategy that sends every call to the same destination";
        let diagnostic = Diagnostic::error(Kind::Value, item.place(), message)
            .at(&item.path)
            .allowed(
                "TRAFFIC_SPLIT, LEAST_LATENCY, LEAST_BUSY or ROUND_ROBIN as `routing_strategy`",
            );
        context.problems.push(diagnostic);
    }
    let by = item.get("by")?;
    let subject = Subject::parse(by.text()?)?;
    if let Subject::Header(name) = &subject {
        rules::refuse_taken(name, by.place(), &by.path, context);
    }
    Some(subject)
}

fn destinations(
    item: &Item<'_>,
    (route, operation, strategy): (&str, Operation, Strategy),
    names: &Names,
    context: &mut Context<'_>,
) -> Vec<Destination> {
    let Some(list) = item.get("destinations") else {
        return Vec::new();
    };
    let mut destinations = Vec::new();
    let mut sum: i64 = 0;
    let mut complete = true;
    for at in list.items() {
        let share = at.integer_at("traffic_percentage");
        complete &= check_share(&at, share, strategy, context);
        sum = sum.saturating_add(share.unwrap_or(0));
        let endpoint = at
            .get("name")
            .and_then(|name| endpoint(&name, route, operation, names, context));
        if let Some(endpoint) = endpoint {
            let share = share.and_then(|share| u8::try_from(share).ok());
            destinations.push(Destination {
                endpoint,
                traffic_percentage: share.unwrap_or(match strategy {
                    Strategy::TrafficSplit => 0,
                    _ => 100,
                }),
            });
        }
    }
    if list.items().is_empty() {
        let message = format!("the route '{}' has no destinations", shown(route));
        let diagnostic = Diagnostic::error(Kind::Value, list.place(), message).at(&list.path);
        context.problems.push(diagnostic);
    } else if complete && strategy == Strategy::TrafficSplit && sum != 100 {
        let message = format!(
            "For each route configuration, the traffic percentage sum of destinations must be 100, but got invalid \
             configuration of route '{}'.",
            shown(route)
        );
        let diagnostic = Diagnostic::error(Kind::Value, list.place(), message)
            .at(&list.path)
            .found(sum.to_string())
            .allowed("100");
        context.problems.push(diagnostic);
    }
    if strategy != Strategy::TrafficSplit && drained(&destinations) {
        let message = format!("no destination of the route '{}' takes part", shown(route));
        let diagnostic = Diagnostic::error(Kind::Value, list.place(), message)
            .at(&list.path)
            .allowed("a `traffic_percentage` that is not 0, or none, for one of them");
        context.problems.push(diagnostic);
    }
    destinations
}

/// True when there are destinations and none of them takes part.
fn drained(destinations: &[Destination]) -> bool {
    let takes_part = |it: &Destination| it.traffic_percentage > 0;
    !destinations.is_empty() && !destinations.iter().any(takes_part)
}

/// False when there is no share to add up.
fn check_share(
    item: &Item<'_>,
    share: Option<i64>,
    strategy: Strategy,
    context: &mut Context<'_>,
) -> bool {
    if share.is_none()
        && item.get("traffic_percentage").is_none()
        && strategy == Strategy::TrafficSplit
    {
        let message =
            "`traffic_percentage` is missing: TRAFFIC_SPLIT needs the share of each destination";
        let diagnostic = Diagnostic::error(Kind::Missing, item.place(), message)
            .at(item.below("traffic_percentage"));
        context.problems.push(diagnostic);
    }
    share.is_some_and(|share| (0..=100).contains(&share))
}

/// The endpoint that `at` names, if it exists and does what the route does.
fn endpoint(
    at: &Item<'_>,
    route: &str,
    operation: Operation,
    names: &Names,
    context: &mut Context<'_>,
) -> Option<EndpointName> {
    let name = at.text()?;
    let Some(named) = names.endpoint(name) else {
        if !context.problems.lists_errors() {
            context.problems.count_error();
            return None;
        }
        let known = names.endpoints();
        let message = format!(
            "The route destination name must be a endpoint name, but the route '{}' has an invalid destination name '{}'.",
            shown(route),
            shown(name)
        );
        let diagnostic = Diagnostic::error(Kind::Value, at.place(), message)
            .at(&at.path)
            .allowed(alternatives(known.iter().copied()))
            .near(name, known);
        context.problems.push(diagnostic);
        return None;
    };
    if let Some(other) = named.operation
        && other != operation
    {
        let message = format!(
            "The route destination endpoint types in the route '{}' must have endpoint type '{}' but got endpoint type '{}'.",
            shown(route),
            task_name(operation),
            task_name(other)
        );
        context
            .problems
            .push(Diagnostic::error(Kind::Value, at.place(), message).at(&at.path));
        return None;
    }
    Some(EndpointName::from(name))
}
