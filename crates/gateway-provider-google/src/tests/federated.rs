//! Tokens of other identity providers, exchanged.

use std::time::Duration;

use gateway_testkit::{FixedEnvironment, ScriptedReply};
use http::Request;
use serde_json::{Value, json};

use super::tokens::Tokens;
use crate::credentials::check;

const POOL: &str =
    "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/pool/providers/p";
const SA: &str = "https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/a@p.iam.gserviceaccount.com:generateAccessToken";

fn account(source: &Value, more: &Value) -> String {
    let mut account = json!({"type": "external_account", "audience": POOL,
        "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
        "token_url": "https://sts.googleapis.com/v1/token", "credential_source": source});
    for (key, value) in more.as_object().unwrap() {
        account[key] = value.clone();
    }
    account.to_string()
}

/// The fields of a form.
fn fields(request: &Request<bytes::Bytes>) -> Value {
    let body = std::str::from_utf8(request.body()).unwrap();
    let pairs = body.split('&').map(|pair| pair.split_once('=').unwrap());
    Value::Object(
        pairs
            .map(|(name, value)| (name.to_owned(), plain(value).into()))
            .collect(),
    )
}

fn plain(text: &str) -> String {
    let mut out = Vec::new();
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte == b'%' {
            let digits = [bytes.next().unwrap(), bytes.next().unwrap()];
            let digits = std::str::from_utf8(&digits).unwrap();
            out.push(u8::from_str_radix(digits, 16).unwrap());
        } else {
            out.push(byte);
        }
    }
    String::from_utf8(out).unwrap()
}

fn exchanged(token: &str, kind: &str) -> Value {
    json!({"grant_type": "urn:ietf:params:oauth:grant-type:token-exchange", "audience": POOL,
        "scope": "https://www.googleapis.com/auth/cloud-platform",
        "requested_token_type": "urn:ietf:params:oauth:token-type:access_token",
        "subject_token": token, "subject_token_type": kind})
}

const JWT: &str = "urn:ietf:params:oauth:token-type:jwt";

#[tokio::test]
async fn a_token_in_a_file_is_exchanged() {
    let source = json!({"file": "/var/run/token"});
    let environment = FixedEnvironment::new().with_file("/var/run/token", "jwt+1\n");
    let tokens = Tokens::new(Some(&account(&source, &json!({}))), environment);
    tokens.answer("t1");
    assert_eq!(tokens.get().await.unwrap(), "t1");
    assert_eq!(tokens.get().await.unwrap(), "t1");
    let requests = tokens.transport.requests();
    assert_eq!(requests.len(), 1);
    assert_eq!(requests[0].uri(), "https://sts.googleapis.com/v1/token");
    assert_eq!(requests[0].method(), "POST");
    assert_eq!(fields(&requests[0]), exchanged("jwt+1", JWT));
}

#[tokio::test]
async fn a_token_from_an_address_is_exchanged_for_a_service_accounts() {
    let source = json!({"url": "http://169.254.169.254/token?x=1", "headers": {"Metadata": "True"},
        "format": {"type": "json", "subject_token_field_name": "access_token"}});
    let more = json!({"service_account_impersonation_url": SA,
        "service_account_impersonation": {"token_lifetime_seconds": 600}});
    let tokens = Tokens::new(Some(&account(&source, &more)), FixedEnvironment::new());
    for round in ["1", "2"] {
        let said = json!({"access_token": format!("jwt{round}"), "expires_in": "3599"});
        tokens.transport.push(ScriptedReply::json(200, &said));
        tokens.answer("sts");
        // The manual clock stands at 2027-01-15T08:00:00Z.
        let until = if round == "1" {
            "2027-01-15T08:10:00Z"
        } else {
            "2027-01-15T08:20:00Z"
        };
        let granted = json!({"accessToken": format!("sa{round}"), "expireTime": until});
        tokens.transport.push(ScriptedReply::json(200, &granted));
    }
    assert_eq!(tokens.get().await.unwrap(), "sa1");
    tokens.clock.advance(Duration::from_mins(5));
    assert_eq!(tokens.get().await.unwrap(), "sa1");
    tokens.clock.advance(Duration::from_secs(100));
    assert_eq!(tokens.get().await.unwrap(), "sa2");
    let requests = tokens.transport.requests();
    assert_eq!(requests.len(), 6);
    assert_eq!(requests[0].uri(), "http://169.254.169.254/token?x=1");
    assert_eq!(requests[0].method(), "GET");
    assert_eq!(requests[0].headers()["metadata"], "True");
    assert_eq!(fields(&requests[1])["subject_token"], "jwt1");
    assert_eq!(requests[2].uri(), SA);
    assert_eq!(requests[2].headers()["authorization"], "Bearer sts");
    let body: Value = serde_json::from_slice(requests[2].body()).unwrap();
    assert_eq!(
        body,
        json!({"scope": ["https://www.googleapis.com/auth/cloud-platform"], "lifetime": "600s"})
    );
    assert_eq!(fields(&requests[4])["subject_token"], "jwt2");
}

fn at_aws() -> Value {
    json!({"environment_id": "aws1",
        "regional_cred_verification_url": "https://sts.{region}.amazonaws.com?Action=GetCallerIdentity&Version=2011-06-15",
        "region_url": "http://169.254.169.254/latest/meta-data/placement/availability-zone",
        "url": "http://169.254.169.254/latest/meta-data/iam/security-credentials",
        "imdsv2_session_token_url": "http://169.254.169.254/latest/api/token"})
}

/// The signed request that is the subject token.
fn signed(exchange: &Request<bytes::Bytes>) -> Value {
    let fields = fields(exchange);
    let token = fields["subject_token"].as_str().unwrap();
    let mut written: Value = serde_json::from_str(&plain(token)).unwrap();
    let headers = written["headers"].take();
    let pair = |it: &Value| (it["key"].as_str().unwrap().to_owned(), it["value"].clone());
    written["headers"] = Value::Object(headers.as_array().unwrap().iter().map(pair).collect());
    written
}

#[tokio::test]
async fn keys_of_the_environment_sign_what_aws_would_be_asked() {
    let environment = FixedEnvironment::new()
        .with_var("AWS_REGION", "eu-west-1")
        .with_var("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
        .with_var("AWS_SECRET_ACCESS_KEY", "secretexample");
    let tokens = Tokens::new(Some(&account(&at_aws(), &json!({}))), environment);
    tokens.answer("t1");
    assert_eq!(tokens.get().await.unwrap(), "t1");
    let requests = tokens.transport.requests();
    assert_eq!(requests.len(), 1);
    let signed = signed(&requests[0]);
    assert_eq!(signed["method"], "POST");
    let url = "https://sts.eu-west-1.amazonaws.com?Action=GetCallerIdentity&Version=2011-06-15";
    assert_eq!(signed["url"], url);
    let headers = &signed["headers"];
    assert_eq!(headers["host"], "sts.eu-west-1.amazonaws.com");
    assert_eq!(headers["x-goog-cloud-target-resource"], POOL);
    assert_eq!(headers["x-amz-date"], "20270115T080000Z");
    let said = headers["authorization"].as_str().unwrap();
    let start = "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20270115/eu-west-1/sts/aws4_request, \
                 SignedHeaders=host;x-amz-date;x-goog-cloud-target-resource, Signature=";
    assert!(said.starts_with(start), "{said}");
    assert!(!signed.to_string().contains("secretexample"));
}

#[tokio::test]
async fn a_machine_at_aws_is_asked_for_its_role() {
    let tokens = Tokens::new(
        Some(&account(&at_aws(), &json!({}))),
        FixedEnvironment::new(),
    );
    let keys = json!({"AccessKeyId": "ASIA", "SecretAccessKey": "s", "Token": "session"});
    for text in ["imds", "us-east-2b", "my-role", &keys.to_string()] {
        let reply = ScriptedReply::new(200, "text/plain", text.to_owned());
        tokens.transport.push(reply);
    }
    tokens.answer("t1");
    assert_eq!(tokens.get().await.unwrap(), "t1");
    let requests = tokens.transport.requests();
    assert_eq!(requests[0].method(), "PUT");
    assert_eq!(
        requests[0].headers()["x-aws-ec2-metadata-token-ttl-seconds"],
        "300"
    );
    for request in &requests[1..4] {
        assert_eq!(request.headers()["x-aws-ec2-metadata-token"], "imds");
    }
    assert!(
        requests[3]
            .uri()
            .path()
            .ends_with("/security-credentials/my-role")
    );
    let signed = signed(&requests[4]);
    assert!(signed["url"].as_str().unwrap().contains("us-east-2"));
    assert_eq!(signed["headers"]["x-amz-security-token"], "session");
}

#[tokio::test]
async fn a_refusal_is_told_in_the_endpoints_words_and_without_a_token() {
    let source = json!({"file": "/token"});
    let environment = FixedEnvironment::new().with_file("/token", "SECRET");
    let more = json!({"service_account_impersonation_url": SA});
    let tokens = Tokens::new(Some(&account(&source, &more)), environment);
    let said = json!({"error": "invalid_grant", "error_description": "The audience is wrong."});
    tokens.transport.push(ScriptedReply::json(400, &said));
    let error = tokens.get().await.unwrap_err();
    assert!(error.detail().unwrap().contains("The audience is wrong."));
    tokens.answer("STS-SECRET");
    let said = json!({"error": {"code": 403, "status": "PERMISSION_DENIED", "message": "No getAccessToken."}});
    tokens.transport.push(ScriptedReply::json(403, &said));
    let error = tokens.get().await.unwrap_err();
    let detail = error.detail().unwrap();
    assert!(detail.contains("PERMISSION_DENIED No getAccessToken."));
    assert!(!format!("{error:?}").contains("SECRET"));
    // A file that is gone is an error of its own.
    let gone = Tokens::new(Some(&account(&source, &json!({}))), FixedEnvironment::new());
    let error = gone.get().await.unwrap_err();
    assert!(error.message().contains("cannot be read"));
}

#[test]
fn what_is_wrong_with_a_federated_account_is_told() {
    let none = json!({});
    for (source, more, words) in [
        (
            json!({"executable": {"command": "/bin/x"}}),
            &none,
            "executable, and the gateway runs none",
        ),
        (json!({"certificate": {}}), &none, "certificate"),
        (json!({}), &none, "lacks file, url or environment_id"),
        (
            json!({"file": "/a", "url": "http://b"}),
            &none,
            "both file and url",
        ),
        (json!({"url": "ftp://b"}), &none, "not an http"),
        (
            json!({"file": "/a", "format": {"type": "xml"}}),
            &none,
            "'xml'",
        ),
        (
            json!({"file": "/a", "format": {"type": "json"}}),
            &none,
            "subject_token_field_name",
        ),
        (json!({"environment_id": "aws2"}), &none, "'aws2'"),
        (json!({"file": "/a"}), &json!({"audience": ""}), "audience"),
        (
            json!({"file": "/a"}),
            &json!({"client_id": "c"}),
            "client_id",
        ),
        (
            json!({"file": "/a"}),
            &json!({"token_url": "sts"}),
            "token_url",
        ),
        (
            json!({"file": "/a"}),
            &json!({"workforce_pool_user_project": "1"}),
            "workforce",
        ),
    ] {
        let fault = check(&account(&source, more)).unwrap_err();
        assert!(fault.contains(words), "{fault}");
    }
    check(&account(&json!({"file": "/a"}), &none)).unwrap();
}
