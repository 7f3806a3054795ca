//! AWS's published vectors (`aws-sig-v4-test-suite`), but for those whose paths no URI can hold.

use std::time::SystemTime;

use bytes::Bytes;
use gateway_schema::Secret;
use http::{HeaderName, HeaderValue, Method, Request};

use crate::sign::hash;
use crate::{BodyDigest, Claim, Fault, KeyPair, MAX_SKEW, Scope, sign, time, verify, verify_head};

const TOKEN: &str = "AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqwAeMicRXmxfpSPfIeoIYRqTflfKD8YUuwthAx7mSEI/qkPpKPi/kMcGdQrmGdeehM4IC1NtBmUpp2wUE8phUZampKsburEDy0KPkyQDYwT7WZ0wq5VSXDvp75YU9HFvlRd8Tx6q6fE8YQcHNVXAkiY9q6d+xo0rKwT38xVqr7ZD0u0iPPkUL64lIZbqBAz+scqKmlzm8FDrypNC9Yjc8fPOLn9FX9KSYvKTr4rvx3iSIlTJabIQwj2ICCR/oLxBA==";

struct Vector {
    name: &'static str,
    method: Method,
    path: &'static str,
    headers: &'static [(&'static str, &'static str)],
    body: &'static str,
    token: Option<&'static str>,
    signed: &'static str,
    signature: &'static str,
}

fn get(name: &'static str, path: &'static str, signature: &'static str) -> Vector {
    Vector {
        name,
        method: Method::GET,
        path,
        headers: &[],
        body: "",
        token: None,
        signed: "host;x-amz-date",
        signature,
    }
}

fn post(
    name: &'static str,
    headers: &'static [(&'static str, &'static str)],
    body: &'static str,
    signed: &'static str,
    signature: &'static str,
) -> Vector {
    Vector {
        method: Method::POST,
        headers,
        body,
        signed,
        ..get(name, "/", signature)
    }
}

const VANILLA: &str = "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31";
const FORM: &str = "application/x-www-form-urlencoded";
const FORM_UTF8: &str = "application/x-www-form-urlencoded; charset=utf8";

fn gets() -> Vec<Vector> {
    vec![
        get("get-vanilla", "/", VANILLA),
        get("get-relative", "/example/..", VANILLA),
        get("get-relative-relative", "/example1/example2/../..", VANILLA),
        get("get-slash", "//", VANILLA),
        get("get-slash-dot-slash", "/./", VANILLA),
        get(
            "get-slashes",
            "//example//",
            "9a624bd73a37c9a373b5312afbebe7a714a789de108f0bdfe846570885f57e84",
        ),
        get(
            "get-utf8",
            "/\u{1234}",
            "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85",
        ),
        get(
            "get-unreserved",
            "/-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
            "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f",
        ),
        get(
            "get-vanilla-empty-query-key",
            "/?Param1=value1",
            "a67d582fa61cc504c4bae71f336f98b97f1ea3c7a6bfe1b6e45aec72011b9aeb",
        ),
        get(
            "get-vanilla-query-order-key-case",
            "/?Param2=value2&Param1=value1",
            "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
        ),
        get(
            "get-vanilla-query-order-value",
            "/?Param1=value2&Param1=value1",
            "5772eed61e12b33fae39ee5e7012498b51d56abc0abb7c60486157bd471c4694",
        ),
    ]
}

fn posts() -> Vec<Vector> {
    vec![
        post(
            "post-vanilla",
            &[],
            "",
            "host;x-amz-date",
            "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b",
        ),
        post(
            "post-header-key-sort",
            &[("my-header1", "value1")],
            "",
            "host;my-header1;x-amz-date",
            "c5410059b04c1ee005303aed430f6e6645f61f4dc9e1461ec8f8916fdf18852c",
        ),
        post(
            "post-x-www-form-urlencoded",
            &[("content-type", FORM)],
            "Param1=value1",
            "content-type;host;x-amz-date",
            "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
        ),
        post(
            "post-x-www-form-urlencoded-parameters",
            &[("content-type", FORM_UTF8)],
            "Param1=value1",
            "content-type;host;x-amz-date",
            "1a72ec8f64bd914b0e42e42607c7fbce7fb2c7465f63e3092b3b0d39fa77a6fe",
        ),
    ]
}

fn vectors() -> Vec<Vector> {
    let mut all = gets();
    all.extend(posts());
    all.push(Vector {
        headers: &[
            ("my-header1", "value2"),
            ("my-header1", "value2"),
            ("my-header1", "value1"),
        ],
        signed: "host;my-header1;x-amz-date",
        ..get(
            "get-header-key-duplicate",
            "/",
            "c9d5ea9f3f72853aea855b47ea873832890dbdd183b4468f858259531a5138ea",
        )
    });
    all.push(Vector {
        headers: &[("my-header1", " value1"), ("my-header2", " \"a   b   c\"")],
        signed: "host;my-header1;my-header2;x-amz-date",
        ..get(
            "get-header-value-trim",
            "/",
            "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736",
        )
    });
    all.push(Vector {
        token: Some(TOKEN),
        signed: "host;x-amz-date;x-amz-security-token",
        ..post(
            "post-sts-header-before",
            &[],
            "",
            "",
            "85d96828115b5dc0cfc3bd16ad9e210dd772bbebba041836c64533a82be05ead",
        )
    });
    all
}

fn now() -> SystemTime {
    time::read("2015-08-30T12:36:00Z").unwrap()
}

fn signed(request: &mut Request<Bytes>, token: Option<&str>, service: &str) -> String {
    let secret = Secret::new("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".to_owned());
    let token = token.map(|token| Secret::new(token.to_owned()));
    let keys = KeyPair {
        id: "AKIDEXAMPLE",
        secret: &secret,
        token: token.as_ref(),
    };
    let scope = Scope {
        region: "us-east-1",
        service,
    };
    sign(request, keys, scope, now()).unwrap();
    let value = &request.headers()["authorization"];
    assert!(value.is_sensitive());
    value.to_str().unwrap().to_owned()
}

#[test]
fn every_published_vector_is_signed_as_published() {
    for vector in vectors() {
        let mut request = Request::new(Bytes::from_static(vector.body.as_bytes()));
        *request.method_mut() = vector.method;
        let uri = format!("https://example.amazonaws.com{}", vector.path);
        *request.uri_mut() = uri.parse().unwrap();
        for (name, value) in vector.headers {
            request.headers_mut().append(
                HeaderName::from_static(name),
                HeaderValue::from_static(value),
            );
        }
        let expected = format!(
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders={}, Signature={}",
            vector.signed, vector.signature
        );
        assert_eq!(
            signed(&mut request, vector.token, "service"),
            expected,
            "{}",
            vector.name
        );
        assert_eq!(request.headers()["x-amz-date"], "20150830T123600Z");
    }
}

/// The expected value is what botocore 1.43.11 signs.
#[test]
fn the_path_of_a_model_is_signed_as_awss_own_client_does() {
    let mut request = Request::new(Bytes::from_static(b"{\"messages\":[]}"));
    *request.method_mut() = Method::POST;
    let uri = "https://bedrock-runtime.us-east-1.amazonaws.com/model/anthropic.claude-3-haiku-20240307-v1%3A0/converse";
    *request.uri_mut() = uri.parse().unwrap();
    let headers = request.headers_mut();
    headers.insert("content-type", HeaderValue::from_static("application/json"));
    headers.insert("user-agent", HeaderValue::from_static("changes on the way"));
    headers.insert("traceparent", HeaderValue::from_static("changes, too"));
    let value = signed(&mut request, None, "bedrock");
    assert!(
        value.ends_with("SignedHeaders=content-type;host;x-amz-date, Signature=dba7f2f77cc33808be655f27b8ebf1d1b1d77751fc96dad0bd71e020cb07c442"),
        "{value}"
    );
    assert!(!request.headers().contains_key("host"));
}

fn secret(text: &str) -> Secret {
    Secret::new(text.to_owned())
}

const KEY: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

/// Checks a request that was signed by [`KEY`] for `service` and then changed.
fn checked(
    change: impl FnOnce(&mut Request<Bytes>),
    key: &str,
    at: SystemTime,
) -> Result<(), Fault> {
    let mut request = Request::new(Bytes::from_static(b"{\"messages\":[]}"));
    *request.method_mut() = Method::POST;
    *request.uri_mut() = "/model/a%3A0/converse?b=2&a=1".parse().unwrap();
    let headers = request.headers_mut();
    headers.insert("host", HeaderValue::from_static("gateway.example:5000"));
    headers.insert("content-type", HeaderValue::from_static("application/json"));
    signed(&mut request, None, "bedrock");
    change(&mut request);
    let claim = Claim::read(request.headers()).unwrap();
    verify(&request, &claim, &secret(key), &["bedrock"], at)
}

#[test]
fn every_published_vector_is_accepted_and_no_other_signature_of_it() {
    for vector in vectors() {
        let mut request = Request::new(Bytes::from_static(vector.body.as_bytes()));
        *request.method_mut() = vector.method;
        *request.uri_mut() = vector.path.parse().unwrap();
        let headers = request.headers_mut();
        for (name, value) in vector.headers {
            headers.append(
                HeaderName::from_static(name),
                HeaderValue::from_static(value),
            );
        }
        headers.insert("host", HeaderValue::from_static("example.amazonaws.com"));
        headers.insert("x-amz-date", HeaderValue::from_static("20150830T123600Z"));
        if let Some(token) = vector.token {
            headers.insert("x-amz-security-token", token.parse().unwrap());
        }
        let mut check = |signature: &str| {
            let claim = format!(
                "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders={}, Signature={signature}",
                vector.signed
            );
            let headers = request.headers_mut();
            headers.insert("authorization", claim.parse().unwrap());
            let claim = Claim::read(headers).unwrap();
            assert_eq!(claim.access_key_id, "AKIDEXAMPLE");
            verify(&request, &claim, &secret(KEY), &["service"], now())
        };
        assert_eq!(check(vector.signature), Ok(()), "{}", vector.name);
        let other = vector.signature.replace(['0', '1', '2', '3'], "4");
        assert_eq!(check(&other), Err(Fault::Wrong), "{}", vector.name);
        assert_eq!(check(""), Err(Fault::Wrong));
    }
}

type Change = fn(&mut Request<Bytes>);

#[test]
fn a_signature_covers_method_path_query_headers_and_body() {
    assert_eq!(checked(|_| {}, KEY, now()), Ok(()));
    assert_eq!(checked(|_| {}, "another", now()), Err(Fault::Wrong));
    let changes: [Change; 6] = [
        |request| *request.method_mut() = Method::PUT,
        |request| *request.uri_mut() = "/model/b/converse?b=2&a=1".parse().unwrap(),
        |request| *request.uri_mut() = "/model/a%3A0/converse?b=2&a=2".parse().unwrap(),
        |request| *request.body_mut() = Bytes::from_static(b"{\"messages\":[1]}"),
        |request| {
            let headers = request.headers_mut();
            headers.insert("host", HeaderValue::from_static("elsewhere"));
        },
        |request| {
            let headers = request.headers_mut();
            headers.append("content-type", HeaderValue::from_static("x"));
        },
    ];
    for (number, change) in changes.into_iter().enumerate() {
        assert_eq!(checked(change, KEY, now()), Err(Fault::Wrong), "{number}");
    }
    // What something on the way may change does not matter.
    let user_agent = |request: &mut Request<Bytes>| {
        let headers = request.headers_mut();
        headers.insert("user-agent", HeaderValue::from_static("x"));
    };
    assert_eq!(checked(user_agent, KEY, now()), Ok(()));
}

#[test]
fn an_old_signature_is_not_good_any_more() {
    for (at, expected) in [
        (now() + MAX_SKEW, Ok(())),
        (now() - MAX_SKEW, Ok(())),
        (now() + MAX_SKEW * 2, Err(Fault::Skewed)),
        (now() - MAX_SKEW * 2, Err(Fault::Skewed)),
    ] {
        assert_eq!(checked(|_| {}, KEY, at), expected);
    }
    let redated = |request: &mut Request<Bytes>| {
        let later = HeaderValue::from_static("20250830T123600Z");
        request.headers_mut().insert("x-amz-date", later);
    };
    assert_eq!(checked(redated, KEY, now()), Err(Fault::Date));
}

#[test]
fn what_every_signature_covers_must_be_signed() {
    let without_host = |request: &mut Request<Bytes>| {
        let headers = request.headers_mut();
        let text = headers["authorization"].to_str().unwrap().to_owned();
        let text = text.replace("host;", "");
        headers.insert("authorization", text.parse().unwrap());
    };
    assert_eq!(
        checked(without_host, KEY, now()),
        Err(Fault::Unsigned("host"))
    );
    let for_another = |request: &mut Request<Bytes>| {
        let headers = request.headers_mut();
        let text = headers["authorization"].to_str().unwrap().to_owned();
        let text = text.replace("/bedrock/", "/s3/");
        headers.insert("authorization", text.parse().unwrap());
    };
    assert_eq!(
        checked(for_another, KEY, now()),
        Err(Fault::Service("s3".to_owned()))
    );
}

#[test]
fn other_credentials_are_not_claims() {
    for text in [
        "Bearer x",
        "AWS4-HMAC-SHA256",
        "AWS4-HMAC-SHA256 Credential=x",
        "AWS4-HMAC-SHA256 Credential=a/b/c/d/aws4_request",
        "AWS4-HMAC-SHA256 Credential=a/b/c/d/other, SignedHeaders=host, Signature=x",
        "AWS4-HMAC-SHA256X Credential=a/b/c/d/aws4_request, SignedHeaders=host, Signature=x",
    ] {
        let mut headers = http::HeaderMap::new();
        headers.insert("authorization", HeaderValue::from_static(text));
        assert_eq!(Claim::read(&headers), None, "{text}");
    }
}

#[test]
fn a_head_that_states_the_digest_of_its_body_is_checked_without_it() {
    let body = Bytes::from_static(b"{\"messages\":[]}");
    let digest = hash(&body);
    let head = |stated: Option<&str>, key: &str| {
        let mut request = Request::new(body.clone());
        *request.method_mut() = Method::POST;
        *request.uri_mut() = "/model/a/converse".parse().unwrap();
        let headers = request.headers_mut();
        headers.insert("host", HeaderValue::from_static("gateway.example:5000"));
        if let Some(stated) = stated {
            headers.insert("x-amz-content-sha256", stated.parse().unwrap());
        }
        signed(&mut request, None, "bedrock");
        let (head, _) = request.into_parts();
        let claim = Claim::read(&head.headers).unwrap();
        verify_head(&head, &claim, &secret(key), &["bedrock"], now())
    };
    let expected = head(Some(&digest), KEY).unwrap().unwrap();
    assert_eq!(head(Some(&digest), "another"), Err(Fault::Wrong));
    assert_eq!(head(None, KEY), Ok(None));
    for other in [
        "UNSIGNED-PAYLOAD",
        "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
        "",
        &digest[1..],
    ] {
        assert_eq!(head(Some(other), KEY), Err(Fault::Payload), "{other}");
    }
    for (text, good) in [(&body[..], true), (b"{}", false)] {
        let mut found = BodyDigest::new(expected);
        for piece in text.chunks(3) {
            found.update(piece);
        }
        assert_eq!(found.is_met(), good);
    }
}
