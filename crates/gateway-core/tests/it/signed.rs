//! Callers that sign their requests as AWS's clients do.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use gateway_core::provider::Clock;
use gateway_core::schema::Secret;
use gateway_sigv4::{KeyPair, Scope, sign};
use gateway_testkit::ManualClock;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use tower::ServiceExt;

use crate::auth::gateway;

const AUTH: &str = "auth:\n  keys:\n    - name: a\n      key: vk-a\n      aws: {access_key_id: AKIDA, secret_access_key: secret-a}\n    - name: b\n      key: vk-b\n      endpoints: [two]\n      aws: {access_key_id: AKIDB, secret_access_key: secret-b}\n    - name: c\n      key: vk-c\n      disabled: true\n      aws: {access_key_id: AKIDC, secret_access_key: secret-c}\n";
const BODY: &str = "{\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"Hi\"}]}]}";

fn signed(path: &str, (id, key): (&str, &str), at: SystemTime) -> Request<Bytes> {
    let mut request = Request::post(path)
        .header("host", "gateway.example")
        .header("content-type", "application/json")
        .body(Bytes::from_static(BODY.as_bytes()))
        .unwrap();
    let secret = Secret::new(key.to_owned());
    let keys = KeyPair {
        id,
        secret: &secret,
        token: None,
    };
    let scope = Scope {
        region: "us-east-1",
        service: "bedrock",
    };
    sign(&mut request, keys, scope, at).unwrap();
    request
}

async fn send(request: Request<Bytes>) -> (StatusCode, HeaderMap, String, Option<String>) {
    let (gateway, records) = gateway(AUTH);
    let response = gateway.oneshot(request.map(Full::new)).await.unwrap();
    let (head, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let text = String::from_utf8_lossy(&body).into_owned();
    let principal = records
        .take()
        .pop()
        .and_then(|record| Some(record.principal?.to_string()));
    (head.status, head.headers, text, principal)
}

const ONE: &str = "/model/one/converse";
const A: (&str, &str) = ("AKIDA", "secret-a");

#[tokio::test(start_paused = true)]
async fn a_signed_request_is_let_in_as_the_caller_whose_key_pair_it_is() {
    let now = ManualClock::new().now();
    for path in [ONE, "/gateway/bedrock/model/one/converse"] {
        let (status, _, body, principal) = send(signed(path, A, now)).await;
        assert_eq!(status, 200, "{body}");
        assert!(body.contains("hello"), "{body}");
        assert_eq!(principal.as_deref(), Some("a"));
    }
    let bearer = Request::post(ONE)
        .header("content-type", "application/json")
        .header("authorization", "Bearer vk-a")
        .body(Bytes::from_static(BODY.as_bytes()));
    assert_eq!(send(bearer.unwrap()).await.0, 200);
}

#[tokio::test(start_paused = true)]
async fn a_wrong_signature_is_refused_in_awss_shape() {
    let now = ManualClock::new().now();
    let mut other_body = signed(ONE, A, now);
    *other_body.body_mut() = Bytes::from(BODY.replace("Hi", "Ho"));
    let mut other_path = signed(ONE, A, now);
    *other_path.uri_mut() = "/model/two/converse".parse().unwrap();
    for (what, request) in [
        ("secret", signed(ONE, ("AKIDA", "secret-x"), now)),
        ("unknown key", signed(ONE, ("AKIDX", "secret-a"), now)),
        ("body", other_body),
        ("path", other_path),
        ("old", signed(ONE, A, now - Duration::from_mins(10))),
        ("early", signed(ONE, A, now + Duration::from_mins(10))),
    ] {
        let (status, headers, body, _) = send(request).await;
        assert_eq!(status, 403, "{what}: {body}");
        assert_eq!(
            headers["x-amzn-errortype"], "InvalidSignatureException",
            "{what}"
        );
        assert!(body.contains("\"message\""), "{what}: {body}");
        assert!(!body.contains("secret"), "{what}: {body}");
    }
    // A stranger does not learn which endpoints there are.
    let nowhere = signed("/model/none/converse", ("AKIDX", "x"), now);
    assert_eq!(send(nowhere).await.0, 403);
    assert_eq!(send(signed("/model/none/converse", A, now)).await.0, 404);
}

#[tokio::test(start_paused = true)]
async fn a_key_pair_may_ask_what_its_key_may_and_nothing_else() {
    let now = ManualClock::new().now();
    let b = ("AKIDB", "secret-b");
    assert_eq!(send(signed(ONE, b, now)).await.0, 403);
    assert_eq!(send(signed("/model/two/converse", b, now)).await.0, 200);
    let disabled = signed(ONE, ("AKIDC", "secret-c"), now);
    assert_eq!(send(disabled).await.0, 401);
}

/// A body that must not be read.
struct Unread;

impl http_body::Body for Unread {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<http_body::Frame<Bytes>, std::io::Error>>> {
        std::task::Poll::Ready(Some(Err(std::io::Error::other("the body is read"))))
    }
}

/// A signed request whose head states the digest of its body.
fn stated(digest: &str, (id, key): (&str, &str), at: SystemTime) -> Request<Bytes> {
    let mut request = Request::post(ONE)
        .header("host", "gateway.example")
        .header("content-type", "application/json")
        .header("x-amz-content-sha256", digest)
        .body(Bytes::from_static(BODY.as_bytes()))
        .unwrap();
    let secret = Secret::new(key.to_owned());
    let keys = KeyPair {
        id,
        secret: &secret,
        token: None,
    };
    let scope = Scope {
        region: "us-east-1",
        service: "bedrock",
    };
    sign(&mut request, keys, scope, at).unwrap();
    request
}

/// The SHA-256 of [`BODY`].
const DIGEST: &str = "45e583fed2564dc00e823303d7609f8587af7f685b993cb0f998afc0d480b01d";

#[tokio::test(start_paused = true)]
async fn strangers_who_claim_a_signature_are_refused_before_a_byte_of_body() {
    let now = ManualClock::new().now();
    let unsigned = "auth:\n  keys:\n    - {name: a, key: vk-a}\n";
    for (what, auth, request) in [
        ("no key has a pair", unsigned, signed(ONE, A, now)),
        ("unknown key", AUTH, signed(ONE, ("AKIDX", "x"), now)),
        ("old", AUTH, signed(ONE, A, now - Duration::from_mins(10))),
        ("wrong secret", AUTH, stated(DIGEST, ("AKIDA", "x"), now)),
        ("unsigned body", AUTH, stated("UNSIGNED-PAYLOAD", A, now)),
    ] {
        let (gateway, _) = gateway(auth);
        let response = gateway.oneshot(request.map(|_| Unread)).await.unwrap();
        assert_eq!(response.status(), 403, "{what}");
        let kind = &response.headers()["x-amzn-errortype"];
        assert_eq!(kind, "InvalidSignatureException", "{what}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_is_compared_with_the_digest_that_its_head_states() {
    let now = ManualClock::new().now();
    let (status, _, body, principal) = send(stated(DIGEST, A, now)).await;
    assert_eq!(
        (status, principal.as_deref()),
        (StatusCode::OK, Some("a")),
        "{body}"
    );
    let mut other = stated(DIGEST, A, now);
    *other.body_mut() = Bytes::from(BODY.replace("Hi", "Ho"));
    let (status, headers, body, _) = send(other).await;
    assert_eq!(status, 403, "{body}");
    assert_eq!(headers["x-amzn-errortype"], "InvalidSignatureException");
}
