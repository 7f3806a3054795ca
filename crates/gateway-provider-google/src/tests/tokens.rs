//! Tokens: where they come from, and how long they are kept.

use std::sync::Arc;
use std::time::Duration;

use gateway_provider::{Credential, Credentials, Deps};
use gateway_testkit::{FixedEnvironment, ManualClock, ScriptedReply, ScriptedTransport};
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde_json::{Value, json};

use super::{KEY, account};
use crate::credentials::GoogleCredentials;

pub(super) struct Tokens {
    pub(super) transport: ScriptedTransport,
    pub(super) clock: Arc<ManualClock>,
    credentials: Arc<GoogleCredentials>,
}

impl Tokens {
    pub(super) fn new(configured: Option<&str>, environment: FixedEnvironment) -> Self {
        let transport = ScriptedTransport::new();
        let clock = Arc::new(ManualClock::at_unix_seconds(1_800_000_000));
        let deps = Deps::new(
            Arc::new(transport.clone()),
            clock.clone(),
            Arc::new(environment),
        );
        Self {
            credentials: Arc::new(GoogleCredentials::new(configured, &deps).unwrap()),
            transport,
            clock,
        }
    }

    pub(super) fn answer(&self, token: &str) {
        let body = json!({"access_token": token, "expires_in": 3600, "token_type": "Bearer"});
        self.transport.push(ScriptedReply::json(200, &body));
    }

    pub(super) async fn get(&self) -> Result<String, gateway_schema::CallError> {
        match &*self.credentials.get().await? {
            Credential::Key(key) => Ok(key.expose().clone()),
            _ => panic!("not a token"),
        }
    }
}

#[tokio::test]
async fn a_service_account_signs_an_assertion_that_its_key_confirms() {
    let tokens = Tokens::new(Some(&account()), FixedEnvironment::new());
    tokens.answer("t1");
    assert_eq!(tokens.get().await.unwrap(), "t1");
    let request = tokens.transport.last_request().unwrap();
    assert_eq!(request.uri(), "https://oauth2.googleapis.com/token");
    let body = String::from_utf8(request.body().to_vec()).unwrap();
    let assertion = body
        .strip_prefix("grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion=")
        .unwrap();
    let public = jsonwebtoken::EncodingKey::from_rsa_pem(KEY.as_bytes()).unwrap();
    let jwk = jsonwebtoken::jwk::Jwk::from_encoding_key(&public, Algorithm::RS256).unwrap();
    let mut validation = Validation::new(Algorithm::RS256);
    validation.set_audience(&["https://oauth2.googleapis.com/token"]);
    validation.validate_exp = false;
    let key = DecodingKey::from_jwk(&jwk).unwrap();
    let decoded = jsonwebtoken::decode::<Value>(assertion, &key, &validation).unwrap();
    assert_eq!(decoded.header.kid.as_deref(), Some("kid"));
    assert_eq!(
        decoded.claims,
        json!({"iss": "a@p.iam.gserviceaccount.com", "scope": "https://www.googleapis.com/auth/cloud-platform",
            "aud": "https://oauth2.googleapis.com/token", "iat": 1_800_000_000, "exp": 1_800_003_600})
    );
}

#[tokio::test]
async fn a_token_is_kept_until_shortly_before_it_expires() {
    let tokens = Tokens::new(Some(&account()), FixedEnvironment::new());
    tokens.answer("t1");
    tokens.answer("t2");
    for (after, want) in [(0, "t1"), (3000, "t1"), (400, "t2"), (10, "t2")] {
        tokens.clock.advance(Duration::from_secs(after));
        assert_eq!(tokens.get().await.unwrap(), want);
    }
    assert_eq!(tokens.transport.requests().len(), 2);
}

#[tokio::test]
async fn a_token_that_still_works_outlives_a_token_endpoint_that_does_not() {
    let tokens = Tokens::new(Some(&account()), FixedEnvironment::new());
    tokens.answer("t1");
    tokens.get().await.unwrap();
    tokens.clock.advance(Duration::from_secs(3500));
    let down = || ScriptedReply::json(503, &json!({"error": "unavailable"}));
    tokens.transport.push(down());
    assert_eq!(tokens.get().await.unwrap(), "t1");
    tokens.clock.advance(Duration::from_secs(200));
    tokens.transport.push(down());
    let error = tokens.get().await.unwrap_err();
    assert_eq!(error.kind(), gateway_schema::ErrorKind::Unauthenticated);
    assert!(error.detail().unwrap().contains("503"));
}

#[tokio::test]
async fn many_calls_fetch_one_token() {
    let tokens = Tokens::new(Some(&account()), FixedEnvironment::new());
    tokens.answer("t1");
    let (a, b, c) = tokio::join!(tokens.get(), tokens.get(), tokens.get());
    assert_eq!([a.unwrap(), b.unwrap(), c.unwrap()], ["t1", "t1", "t1"]);
    assert_eq!(tokens.transport.requests().len(), 1);
}

#[tokio::test]
async fn a_refused_token_is_forgotten() {
    let tokens = Tokens::new(Some(&account()), FixedEnvironment::new());
    tokens.answer("t1");
    tokens.answer("t2");
    let first = tokens.credentials.get().await.unwrap();
    let refused =
        gateway_schema::CallError::upstream(gateway_schema::ErrorKind::Unauthenticated, "no");
    tokens.credentials.report(&first, Err(&refused));
    assert_eq!(tokens.get().await.unwrap(), "t2");
}

#[tokio::test]
async fn default_credentials_are_looked_for_in_googles_order() {
    let user = json!({"type": "authorized_user", "client_id": "c", "client_secret": "s+", "refresh_token": "r/1"});
    let gcloud = FixedEnvironment::new()
        .with_var("HOME", "/users/u")
        .with_file(
            "/users/u/.config/gcloud/application_default_credentials.json",
            user.to_string(),
        );
    let named = gcloud
        .clone()
        .with_var("GOOGLE_APPLICATION_CREDENTIALS", "/key.json")
        .with_file("/key.json", account());
    for (environment, uri, body) in [
        (
            named,
            "https://oauth2.googleapis.com/token",
            "grant_type=urn",
        ),
        (
            gcloud,
            "https://oauth2.googleapis.com/token",
            "grant_type=refresh_token&client_id=c&client_secret=s%2B&refresh_token=r%2F1",
        ),
        (
            FixedEnvironment::new(),
            "http://metadata.google.internal/computeMetadata/v1/instance/service-accounts/default/token",
            "",
        ),
    ] {
        let tokens = Tokens::new(None, environment);
        tokens.answer("t");
        assert_eq!(tokens.get().await.unwrap(), "t");
        let request = tokens.transport.last_request().unwrap();
        assert_eq!(request.uri(), uri);
        assert!(request.body().starts_with(body.as_bytes()));
        if body.is_empty() {
            assert_eq!(request.headers()["metadata-flavor"], "Google");
        }
    }
}

#[test]
fn what_is_wrong_with_credentials_is_told_without_a_key() {
    for (text, words) in [
        ("{", "not valid JSON"),
        (r#"{"type":"service_account"}"#, "private_key"),
        (
            r#"{"type":"service_account","private_key":"SECRET"}"#,
            "not an RSA key",
        ),
        (
            r#"{"type":"external_account_authorized_user"}"#,
            "'external_account_authorized_user'",
        ),
        ("{}", "type"),
    ] {
        let message = crate::credentials::check(text).unwrap_err();
        assert!(message.contains(words), "{message}");
        assert!(!message.contains("SECRET"));
    }
}
