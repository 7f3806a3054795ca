//! The gateway inside this process, before a provider that answers at once: what counts instructions drives this.

use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use futures_util::stream;
use gateway_core::config::{NoLookup, Source, Strictness, load};
use gateway_core::edge::EdgeConfig;
use gateway_core::provider::{
    BodyStream, BoxFuture, Clock, Environment, SendLimits, Transport, TransportError,
};
use gateway_core::{Checked, Deps, EngineBuilder, Gateway, GatewayBuilder};
use gateway_telemetry::{Telemetry, TelemetryConfig};
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Request, Response};

use crate::shapes::Shape;

/// A gateway, and its telemetry, which holds what was recorded until it is read.
#[derive(Debug, Clone)]
pub struct Inside {
    /// The service.
    pub gateway: Gateway,
    /// The sink of its records.
    pub telemetry: Telemetry,
}

impl Inside {
    /// A gateway that runs `yaml`, with a provider that answers as `script` says.
    ///
    /// # Errors
    /// What is wrong with the configuration.
    pub fn new(yaml: &str, script: Script) -> Result<Self, String> {
        let registry = gateway_server::providers();
        let source = Source::new("count.yaml", yaml);
        let plan = load(source, &NoLookup, &Checked(&registry), Strictness::Strict)
            .map_err(|report| report.to_string())?
            .plan;
        let transport: Arc<dyn Transport> = Arc::new(script);
        let clock: Arc<dyn Clock> = Arc::new(WallClock);
        let deps = Deps::new(
            Arc::clone(&transport),
            Arc::clone(&clock),
            Arc::new(Nothing),
        );
        let telemetry = Telemetry::new(TelemetryConfig::new(), transport, Arc::clone(&clock));
        let engine = EngineBuilder::new(registry, deps)
            .with_telemetry(telemetry.clone())
            .build(&plan)
            .map_err(|errors| format!("{errors:?}"))?;
        let config = EdgeConfig::new().with_log_calls(false);
        let gateway = GatewayBuilder::new(engine, clock)
            .with_config(config)
            .build();
        Ok(Self { gateway, telemetry })
    }
}

/// Replies that are there at once, by the path: `/messages` is Anthropic's, anything else OpenAI's.
#[derive(Debug)]
pub struct Script {
    openai: Vec<Bytes>,
    anthropic: Vec<Bytes>,
    content_type: HeaderValue,
}

impl Script {
    /// Whole replies of about `bytes`.
    pub fn whole(bytes: usize) -> Self {
        Self {
            openai: vec![Shape::OpenAi.whole(bytes).into()],
            anthropic: vec![Shape::Anthropic.whole(bytes).into()],
            content_type: HeaderValue::from_static("application/json"),
        }
    }

    /// Streams with `tokens` pieces of text, each event in a chunk of its own.
    pub fn stream(tokens: usize) -> Self {
        let events = |shape: Shape| shape.events(tokens).into_iter().map(Bytes::from).collect();
        Self {
            openai: events(Shape::OpenAi),
            anthropic: events(Shape::Anthropic),
            content_type: HeaderValue::from_static("text/event-stream"),
        }
    }
}

impl Transport for Script {
    fn send(
        &self,
        request: Request<Bytes>,
        _: SendLimits,
    ) -> BoxFuture<'static, Result<Response<BodyStream>, TransportError>> {
        let chunks = if request.uri().path().ends_with("/messages") {
            &self.anthropic
        } else {
            &self.openai
        };
        let chunks = chunks.clone().into_iter().map(Ok);
        let body: BodyStream = Box::pin(stream::iter(chunks));
        let mut response = Response::new(body);
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, self.content_type.clone());
        headers.insert(
            "x-request-id",
            HeaderValue::from_static("req_0123456789abcdef"),
        );
        Box::pin(std::future::ready(Ok(response)))
    }
}

/// The wall clock.
#[derive(Debug)]
struct WallClock;

impl Clock for WallClock {
    #[expect(clippy::disallowed_methods, reason = "a program reads the clock")]
    fn now(&self) -> SystemTime {
        SystemTime::now()
    }
}

/// No variables, no files.
struct Nothing;

impl Environment for Nothing {
    fn var(&self, _: &str) -> Option<String> {
        None
    }

    fn read(&self, _: &str) -> Option<String> {
        None
    }
}
