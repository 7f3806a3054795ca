//! A scripted service, a directory, and requests.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::future::{Ready, ready};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use bytes::Bytes;
use gateway_http::{
    Destination, Directory, Edge, EdgeBody, EdgeConfig, EndpointInfo, Entry, Health, Snapshot,
    TimeOrderedIds,
};
use gateway_provider::{Call, Lane, Reply, ReplyBody, Whole};
use gateway_schema::stream::{Facts, Frame};
use gateway_schema::{CallError, Dialect, Operation};
use gateway_testkit::ManualClock;
use http::{HeaderValue, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use serde_json::Value;
use tower::ServiceExt;

/// Answers calls to order and keeps them.
#[derive(Clone, Default)]
pub(crate) struct Script {
    answers: Arc<Mutex<VecDeque<Result<Reply, CallError>>>>,
    pub(crate) calls: Arc<Mutex<Vec<Call>>>,
}

impl Script {
    pub(crate) fn answering(answer: Result<Reply, CallError>) -> Self {
        let script = Self::default();
        script.answers.lock().unwrap().push_back(answer);
        script
    }

    pub(crate) fn call(&self) -> Call {
        self.calls.lock().unwrap().pop().expect("a call was made")
    }

    pub(crate) fn count(&self) -> usize {
        self.calls.lock().unwrap().len()
    }
}

impl tower::Service<Call> for Script {
    type Response = Reply;
    type Error = CallError;
    type Future = Ready<Result<Reply, CallError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), CallError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, call: Call) -> Self::Future {
        let dialect = call.payload.dialect().unwrap();
        self.calls.lock().unwrap().push(call);
        let answer = self.answers.lock().unwrap().pop_front();
        ready(answer.unwrap_or_else(|| Ok(raw_json(dialect, "{}"))))
    }
}

/// `chat` and `embed` and `complete`, and the route `split` over `chat`.
#[derive(Clone)]
pub(crate) struct Plan {
    pub(crate) health: Health,
}

impl Plan {
    fn all() -> Vec<Arc<EndpointInfo>> {
        let endpoint = |name: &str, operation| {
            EndpointInfo::endpoint(name, operation, "openai", Some("gpt".into())).with_created(1000)
        };
        vec![
            Arc::new(endpoint("chat", Operation::Chat)),
            Arc::new(endpoint("careful", Operation::Chat).with_strict(true)),
            Arc::new(endpoint("embed", Operation::Embedding)),
            Arc::new(endpoint("complete", Operation::Completion)),
        ]
    }
}

impl Snapshot for Plan {
    fn find(&self, name: &str) -> Option<Entry> {
        let mut all = self.endpoints();
        all.extend(self.routes());
        // Not among those that are listed.
        let rank = EndpointInfo::endpoint("rank", Operation::Rerank, "cohere", None);
        all.push(Arc::new(rank));
        let found = all.into_iter().find(|it| it.name.as_str() == name);
        found.map(Entry::from)
    }

    fn endpoints(&self) -> Vec<Arc<EndpointInfo>> {
        Self::all()
    }

    fn routes(&self) -> Vec<Arc<EndpointInfo>> {
        let to = Destination {
            name: "chat".into(),
            traffic_percentage: 100,
        };
        vec![Arc::new(EndpointInfo::route(
            "split",
            Operation::Chat,
            vec![to],
            "TRAFFIC_SPLIT",
        ))]
    }
}

impl Directory for Plan {
    fn snapshot(&self) -> Arc<dyn Snapshot> {
        Arc::new(self.clone())
    }

    fn health(&self) -> Health {
        self.health.clone()
    }
}

pub(crate) fn edge<S>(service: S) -> Edge<S> {
    edge_with(service, EdgeConfig::new().with_max_body_bytes(10_000))
}

pub(crate) fn edge_with<S>(service: S, config: EdgeConfig) -> Edge<S> {
    edge_of(service, config, Health::new(true))
}

pub(crate) fn edge_of<S>(service: S, config: EdgeConfig, health: Health) -> Edge<S> {
    let clock = Arc::new(ManualClock::new());
    let ids = Arc::new(TimeOrderedIds::new(clock.clone()));
    Edge::new(service, config, Arc::new(Plan { health }), clock, ids)
}

/// A response, read to its end.
#[derive(Debug)]
pub(crate) struct Got {
    pub(crate) status: StatusCode,
    pub(crate) headers: http::HeaderMap,
    pub(crate) body: Bytes,
}

impl Got {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {:?}", self.text()))
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }
}

pub(crate) async fn read(response: Response<EdgeBody>) -> Got {
    let (head, body) = response.into_parts();
    Got {
        status: head.status,
        headers: head.headers,
        body: body.collect().await.unwrap().to_bytes(),
    }
}

/// Sends a request with a whole body.
pub(crate) async fn send(script: &Script, request: Request<Bytes>) -> Got {
    send_to(edge(script.clone()), request).await
}

pub(crate) async fn send_to(edge: Edge<Script>, request: Request<Bytes>) -> Got {
    let response: Result<_, Infallible> = edge.oneshot(request.map(Full::new)).await;
    read(response.unwrap()).await
}

pub(crate) fn get(path: &str) -> Request<Bytes> {
    Request::get(path).body(Bytes::new()).unwrap()
}

pub(crate) fn post(path: &str, body: impl Into<Bytes>) -> Request<Bytes> {
    Request::post(path)
        .header("content-type", "application/json")
        .body(body.into())
        .unwrap()
}

/// An URL and the shape of its errors.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Way {
    OpenAi,
    Anthropic,
}

pub(crate) const WAYS: [Way; 2] = [Way::OpenAi, Way::Anthropic];

impl Way {
    pub(crate) fn dialect(self) -> Dialect {
        match self {
            Self::OpenAi => Dialect::OPENAI,
            Self::Anthropic => Dialect::ANTHROPIC,
        }
    }

    pub(crate) fn path(self) -> &'static str {
        match self {
            Self::OpenAi => "/v1/chat/completions",
            Self::Anthropic => "/v1/messages",
        }
    }

    /// Another dialect.
    pub(crate) fn foreign(self) -> Dialect {
        match self {
            Self::OpenAi => Dialect::ANTHROPIC,
            Self::Anthropic => Dialect::OPENAI,
        }
    }

    /// A good body that asks `model`.
    pub(crate) fn body(self, model: &str) -> String {
        format!(
            r#"{{"model":"{model}","max_tokens":9,"messages":[{{"role":"user","content":"Hi"}}]}}"#
        )
    }

    pub(crate) fn streaming(self, model: &str) -> String {
        self.body(model).replacen('{', "{\"stream\":true,", 1)
    }

    /// The message of an error body, whose shape is checked.
    pub(crate) fn message(self, body: &Value) -> String {
        let error = &body["error"];
        assert!(error["type"].is_string(), "{body}");
        match self {
            Self::OpenAi => {
                assert!(error["code"].is_string(), "{body}");
                assert!(error.get("param").is_some(), "{body}");
            }
            Self::Anthropic => {
                assert_eq!(body["type"], "error", "{body}");
                assert!(body["request_id"].is_string(), "{body}");
            }
        }
        error["message"].as_str().unwrap().to_owned()
    }
}

pub(crate) fn reply(dialect: Dialect, body: ReplyBody) -> Reply {
    Reply::new("openai".into(), "gpt-4o".into(), dialect, Lane::Same, body)
}

pub(crate) fn raw_json(dialect: Dialect, body: &'static str) -> Reply {
    let whole = Whole::Raw {
        body: Bytes::from_static(body.as_bytes()),
        content_type: HeaderValue::from_static("application/json"),
        facts: Box::default(),
    };
    reply(dialect, ReplyBody::Whole(whole))
}

/// A stream of these items.
pub(crate) fn stream_of(dialect: Dialect, items: Vec<Result<Frame, CallError>>) -> Reply {
    reply(
        dialect,
        ReplyBody::Stream(Box::pin(futures_util::stream::iter(items))),
    )
}

pub(crate) fn raw(text: &'static str) -> Result<Frame, CallError> {
    Ok(Frame::raw(
        Bytes::from_static(text.as_bytes()),
        Facts::default(),
    ))
}

pub(crate) fn last_raw(text: &'static str) -> Result<Frame, CallError> {
    let mut facts = Facts::default();
    facts.ended = true;
    Ok(Frame::raw(Bytes::from_static(text.as_bytes()), facts))
}

/// A stream that is polled only to be counted.
pub(crate) struct Watched {
    pub(crate) polls: Arc<Mutex<usize>>,
    pub(crate) dropped: Arc<Mutex<bool>>,
}

impl futures_util::Stream for Watched {
    type Item = Result<Frame, CallError>;

    fn poll_next(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        *self.polls.lock().unwrap() += 1;
        Poll::Ready(Some(raw("data: {}\n\n")))
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        *self.dropped.lock().unwrap() = true;
    }
}
