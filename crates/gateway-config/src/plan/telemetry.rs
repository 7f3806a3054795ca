//! `telemetry`: what leaves the process about its calls.

use serde::{Deserialize, Serialize};

use super::context::Context;
use super::effective::redacted_headers;
use super::headers::{self, Header};
use super::resolve::{Reach, resolve_item};
use crate::diagnostic::{Diagnostic, Kind};
use crate::file::item::Item;
use crate::file::shape::{Key, Section, Shape};

static OTLP: Section = Section::new(
    "an OTLP exporter",
    &[
        Key::required(
            "endpoint",
            Shape::Text,
            "URL of the collector, as in `http://localhost:4318`.",
        ),
        Key::optional(
            "headers",
            Shape::Table(&Shape::Secret),
            "Headers sent with every export.",
        ),
    ],
);

static LOG: Section = Section::new(
    "the access log",
    &[
        Key::optional(
            "format",
            Shape::Choice(&["text", "json"]),
            "One line per call: `text` (default) or `json`.",
        ),
        Key::optional(
            "content",
            Shape::Choice(&["off", "on"]),
            "Whether prompts and answers are logged: `off` (default) or `on`.",
        ),
    ],
);

pub(crate) static SECTION: Section = Section::new(
    "the telemetry",
    &[
        Key::optional(
            "otlp",
            Shape::Section(&OTLP),
            "Traces and metrics to an OpenTelemetry collector.",
        ),
        Key::optional(
            "prometheus",
            Shape::Flag,
            "Whether `/metrics` is served. Default true.",
        ),
        Key::optional("log", Shape::Section(&LOG), "The access log."),
    ],
);

/// What leaves the process about its calls.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Telemetry {
    /// Traces and metrics to a collector.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub otlp: Option<Otlp>,
    /// Whether `/metrics` is served.
    pub prometheus: bool,
    /// The access log.
    pub log: Log,
}

/// An OpenTelemetry collector.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Otlp {
    /// Its URL.
    pub endpoint: String,
    /// Headers sent with every export.
    #[serde(
        skip_serializing_if = "Vec::is_empty",
        serialize_with = "redacted_headers"
    )]
    pub headers: Vec<Header>,
}

/// The access log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[non_exhaustive]
pub struct Log {
    /// The form of a line.
    pub format: LogFormat,
    /// Whether prompts and answers are logged.
    #[serde(serialize_with = "on_or_off")]
    pub content: bool,
}

/// The form of a line of the access log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// For machines.
    Json,
}

impl LogFormat {
    /// The word in configurations.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Json => "json",
        }
    }
}

impl Default for Telemetry {
    fn default() -> Self {
        Self {
            otlp: None,
            prometheus: true,
            log: Log::default(),
        }
    }
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "the signature that serde asks for"
)]
fn on_or_off<S: serde::Serializer>(on: &bool, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(if *on { "on" } else { "off" })
}

pub(crate) fn read(item: Option<&Item<'_>>, context: &mut Context<'_>) -> Telemetry {
    let mut telemetry = Telemetry::default();
    let Some(item) = item else { return telemetry };
    telemetry.otlp = item.get("otlp").and_then(|otlp| read_otlp(&otlp, context));
    telemetry.prometheus = item.flag_at("prometheus").unwrap_or(telemetry.prometheus);
    if let Some(log) = item.get("log") {
        if log.text_at("format") == Some("json") {
            telemetry.log.format = LogFormat::Json;
        }
        telemetry.log.content = log.text_at("content") == Some("on");
    }
    telemetry
}

fn read_otlp(item: &Item<'_>, context: &mut Context<'_>) -> Option<Otlp> {
    let at = item.get("endpoint")?;
    let endpoint = resolve_item(&at, Reach::NoFile, context)?.text;
    if !endpoint.starts_with("http://") && !endpoint.starts_with("https://") {
        let diagnostic = Diagnostic::error(
            Kind::Value,
            at.place(),
            "this is not the URL of a collector",
        )
        .at(&at.path)
        .allowed("a URL that begins with `http://` or `https://`");
        context.problems.push(diagnostic);
    }
    Some(Otlp {
        endpoint,
        headers: headers::read(item.get("headers").as_ref(), context),
    })
}
