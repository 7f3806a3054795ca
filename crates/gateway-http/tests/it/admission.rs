//! Callers that are found out about only after something was fetched.

use std::sync::Arc;

use bytes::Bytes;
use gateway_http::{
    Directory, Edge, EdgeConfig, EndpointInfo, Entry, Health, Snapshot, TimeOrderedIds,
};
use gateway_provider::{Access, Admission, Authenticate, Presented, Principal};
use gateway_schema::{CallError, ErrorKind};
use gateway_testkit::ManualClock;
use http::Request;

use crate::harness::{Plan, Script, Way, get, post, send_to};

/// Knows `good`, after a while.
struct Slow;

impl Authenticate for Slow {
    fn authenticate(&self, presented: Option<&Arc<Presented>>) -> Admission {
        let good = presented.is_some_and(|it| it.value.expose() == "good");
        Admission::Waiting(Box::pin(async move {
            tokio::task::yield_now().await;
            if !good {
                return Err(CallError::client(ErrorKind::Unauthenticated, "No."));
            }
            let mut principal = Principal::default();
            principal.name = Some("alice".into());
            principal.access = Access::Only(Arc::new(["chat".into()].into()));
            Ok(principal)
        }))
    }
}

#[derive(Clone)]
struct Guarded(Plan);

impl Snapshot for Guarded {
    fn find(&self, name: &str) -> Option<Entry> {
        self.0.find(name)
    }

    fn endpoints(&self) -> Vec<Arc<EndpointInfo>> {
        self.0.endpoints()
    }

    fn routes(&self) -> Vec<Arc<EndpointInfo>> {
        self.0.routes()
    }

    fn guard(&self) -> Option<Arc<dyn Authenticate>> {
        Some(Arc::new(Slow))
    }
}

impl Directory for Guarded {
    fn snapshot(&self) -> Arc<dyn Snapshot> {
        Arc::new(self.clone())
    }

    fn health(&self) -> Health {
        self.0.health()
    }
}

fn edge(script: &Script) -> Edge<Script> {
    let clock = Arc::new(ManualClock::new());
    let ids = Arc::new(TimeOrderedIds::new(clock.clone()));
    let plan = Plan {
        health: Health::new(true),
    };
    let config = EdgeConfig::new();
    Edge::new(script.clone(), config, Arc::new(Guarded(plan)), clock, ids)
}

fn with_key(mut request: Request<Bytes>, key: &'static str) -> Request<Bytes> {
    let value = http::HeaderValue::from_static(key);
    request.headers_mut().insert("x-api-key", value);
    request
}

#[tokio::test]
async fn a_call_waits_until_its_caller_is_known() {
    let script = Script::default();
    let request = with_key(post(Way::OpenAi.path(), Way::OpenAi.body("chat")), "good");
    assert_eq!(send_to(edge(&script), request).await.status, 200);
    let call = script.call();
    assert_eq!(call.context.principal.name.as_deref(), Some("alice"));
    assert!(call.context.presented.is_none());
}

#[tokio::test]
async fn a_caller_that_turns_out_to_be_nobody_is_refused_before_its_body_is_read() {
    let script = Script::default();
    for way in crate::harness::WAYS {
        let request = with_key(post(way.path(), "not json"), "bad");
        let got = send_to(edge(&script), request).await;
        assert_eq!(got.status, 401, "{}", got.text());
        assert_eq!(way.message(&got.json()), "No.");
    }
    assert_eq!(script.count(), 0);
}

#[tokio::test]
async fn what_the_gateway_says_itself_waits_too() {
    let script = Script::default();
    let got = send_to(edge(&script), with_key(get("/v1/models"), "good")).await;
    assert_eq!(got.status, 200);
    assert!(
        got.text().contains("chat") && !got.text().contains("embed"),
        "{}",
        got.text()
    );
    assert_eq!(
        send_to(edge(&script), with_key(get("/v1/models"), "bad"))
            .await
            .status,
        401
    );
    assert_eq!(
        send_to(edge(&script), with_key(get("/health"), "bad"))
            .await
            .status,
        200
    );
}
