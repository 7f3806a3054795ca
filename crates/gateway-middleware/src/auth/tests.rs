use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use gateway_provider::{Access, Admission, Authenticate, Call, Clock as _, Presented, Principal};
use gateway_schema::{CallError, ErrorKind};
use gateway_store::keys::{HashKey, KeyRecord, MemoryKeys};
use gateway_testkit::{FixedEnvironment, ManualClock, ScriptedReply, ScriptedTransport};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};
use tower::ServiceExt;
use tower_layer::Layer;

use super::{Auth, AuthLayer, Authenticator, Issuer, KeySet, KeySetSource, KeySets};
use crate::testing::{Scripted, call};

const URL: &str = "https://idp.test/jwks";

fn keys(records: Vec<(&str, KeyRecord)>) -> Arc<MemoryKeys> {
    Arc::new(MemoryKeys::new(HashKey::random().unwrap(), records))
}

fn with_keys(records: Vec<(&str, KeyRecord)>) -> Authenticator {
    Authenticator::new(keys(records), Arc::new(ManualClock::new()))
}

fn presented(value: &str) -> Arc<Presented> {
    Arc::new(Presented::new("authorization", value))
}

fn at_once(authenticator: &Authenticator, value: &str) -> Result<Principal, CallError> {
    match authenticator.authenticate(Some(&presented(value))) {
        Admission::Ready(outcome) => outcome,
        Admission::Waiting(_) => panic!("keys are known at once"),
    }
}

async fn ask(authenticator: &Authenticator, value: &str) -> Result<Principal, CallError> {
    match authenticator.authenticate(Some(&presented(value))) {
        Admission::Ready(outcome) => outcome,
        Admission::Waiting(future) => future.await,
    }
}

fn detail(outcome: Result<Principal, CallError>) -> String {
    outcome.unwrap_err().detail().unwrap().to_owned()
}

#[test]
fn a_key_is_who_it_is_called_with_its_facts_and_endpoints() {
    let facts = json!({"team": "a"}).as_object().unwrap().clone();
    let record = KeyRecord::new("team-a")
        .with_endpoints(["chat".into()])
        .with_metadata(facts);
    let principal = at_once(&with_keys(vec![("sk-a", record)]), "sk-a").unwrap();
    assert_eq!(principal.name.as_deref(), Some("team-a"));
    assert_eq!(principal.metadata["team"], "a");
    assert!(principal.access.allows("chat") && !principal.access.allows("other"));
}

#[test]
fn callers_without_a_credential_are_let_in_only_when_that_is_said_and_wrong_ones_never() {
    let closed = with_keys(vec![]);
    let Admission::Ready(Err(error)) = closed.authenticate(None) else {
        panic!("refused at once")
    };
    assert_eq!(error.code(), Some("missing_api_key"));
    let open = closed.with_anonymous(true);
    let Admission::Ready(Ok(principal)) = open.authenticate(None) else {
        panic!("let in at once")
    };
    assert_eq!((principal.name, principal.access), (None, Access::All));
    assert_eq!(detail(at_once(&open, "wrong")), "auth: unknown key");
    let counted: Vec<_> = open.counts().read().filter(|it| it.1 > 0).collect();
    assert_eq!(counted, [("missing", 1), ("unknown", 1)]);
}

#[test]
fn a_key_ends_when_the_clock_says_so() {
    let clock = ManualClock::new();
    let record = KeyRecord::new("a").with_expiry(clock.unix_seconds() + 5);
    let authenticator = Authenticator::new(keys(vec![("sk-a", record)]), Arc::new(clock.clone()));
    assert!(at_once(&authenticator, "sk-a").is_ok());
    clock.advance(Duration::from_secs(5));
    assert_eq!(
        detail(at_once(&authenticator, "sk-a")),
        "auth: key 'a' has expired"
    );
}

fn layered(authenticator: Authenticator) -> (Auth<Scripted>, Scripted) {
    let inner = Scripted::new("p", []);
    (
        AuthLayer::new(Arc::new(authenticator)).layer(inner.clone()),
        inner,
    )
}

fn call_with(value: Option<&str>) -> Call {
    let mut call = call();
    call.context.presented = value.map(presented);
    call
}

#[tokio::test]
async fn the_layer_alone_lets_in_known_callers_and_names_them() {
    let (service, inner) = layered(with_keys(vec![("sk-a", KeyRecord::new("a"))]));
    let call = call_with(Some("sk-a"));
    let journal = call.context.journal.clone();
    service.clone().oneshot(call).await.unwrap();
    let named = journal.notes().principal.clone().unwrap();
    assert_eq!(named.name.as_deref(), Some("a"));
    for bad in [None, Some("sk-b")] {
        let error = service.clone().oneshot(call_with(bad)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unauthenticated);
    }
    assert_eq!(inner.count(), 1);
}

#[tokio::test]
async fn the_layer_refuses_endpoints_that_are_not_for_the_caller() {
    let record = KeyRecord::new("a").with_endpoints(["other".into()]);
    let (service, inner) = layered(with_keys(vec![("sk-a", record)]));
    let error = service
        .clone()
        .oneshot(call_with(Some("sk-a")))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Forbidden);
    // Checked before, by an edge: what it may ask is looked at all the same.
    let mut checked = call_with(None);
    checked.context.principal.access = Access::Only(Arc::default());
    assert!(service.clone().oneshot(checked).await.is_err());
    let mut vouched = call_with(None);
    vouched.context.principal = Principal::trusted();
    assert!(service.oneshot(vouched).await.is_ok());
    assert_eq!(inner.count(), 1);
}

#[test]
fn the_service_is_what_a_stack_needs() {
    fn assert_service<S: tower_service::Service<Call> + Clone + Send + Sync + 'static>(_: &S) {}
    assert_service(&layered(with_keys(vec![])).0);
}

/// An issuer's key pair.
struct Pair {
    id: &'static str,
    algorithm: Algorithm,
    private: EncodingKey,
    public: Value,
}

impl Pair {
    fn ed(id: &'static str) -> Self {
        let pair = Ed25519KeyPair::generate().unwrap();
        let der = pair.to_pkcs8v1().unwrap();
        let x = URL_SAFE_NO_PAD.encode(pair.public_key().as_ref());
        Self {
            id,
            algorithm: Algorithm::EdDSA,
            private: EncodingKey::from_ed_der(der.as_ref()),
            public: json!({"kty": "OKP", "crv": "Ed25519", "kid": id, "alg": "EdDSA", "x": x}),
        }
    }

    fn ec(id: &'static str) -> Self {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        let der = pair.to_pkcs8v1().unwrap();
        let point = pair.public_key().as_ref();
        let (x, y) = point[1..].split_at(32);
        let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        Self {
            id,
            algorithm: Algorithm::ES256,
            private: EncodingKey::from_ec_der(der.as_ref()),
            public: json!({"kty": "EC", "crv": "P-256", "kid": id, "use": "sig", "x": encode(x), "y": encode(y)}),
        }
    }

    fn token(&self, clock: &ManualClock, change: &Value) -> String {
        let mut claims = json!({
            "iss": "https://idp.test", "aud": "gateway", "sub": "alice",
            "exp": clock.unix_seconds() + 100_000, "org": {"team": "red"},
        });
        for (key, value) in change.as_object().unwrap() {
            claims[key] = value.clone();
        }
        let mut header = Header::new(self.algorithm);
        header.kid = Some(self.id.to_owned());
        jsonwebtoken::encode(&header, &claims, &self.private).unwrap()
    }
}

fn set(pairs: &[&Pair]) -> ScriptedReply {
    let keys: Vec<&Value> = pairs.iter().map(|pair| &pair.public).collect();
    ScriptedReply::json(200, &json!({"keys": keys}))
}

fn with_issuer(keys: Arc<KeySet>, clock: &ManualClock) -> Authenticator {
    let claims = [("team".to_owned(), vec!["org".to_owned(), "team".to_owned()])];
    let issuer = Issuer::new("https://idp.test", keys, vec!["gateway".to_owned()])
        .with_claims(claims.into());
    Authenticator::new(
        self::keys(vec![("sk-a", KeyRecord::new("a"))]),
        Arc::new(clock.clone()),
    )
    .with_issuers(vec![issuer])
}

fn by_url(transport: &ScriptedTransport, clock: &ManualClock) -> Authenticator {
    let source = KeySetSource::Url(URL.to_owned(), Arc::new(transport.clone()));
    with_issuer(Arc::new(KeySet::new(source)), clock)
}

#[tokio::test(start_paused = true)]
async fn a_good_token_is_let_in_and_its_keys_are_fetched_once() {
    let clock = ManualClock::new();
    let (one, two) = (Pair::ed("1"), Pair::ec("2"));
    let transport = ScriptedTransport::new().then(set(&[&one, &two]));
    let authenticator = by_url(&transport, &clock);
    for pair in [&one, &two, &one] {
        let principal = ask(&authenticator, &pair.token(&clock, &json!({})))
            .await
            .unwrap();
        assert_eq!(principal.name.as_deref(), Some("https://idp.test#alice"));
        assert_eq!(principal.metadata["team"], "red");
        assert_eq!(principal.access, Access::All);
    }
    assert_eq!(transport.requests().len(), 1);
    assert!(
        at_once(&authenticator, "sk-a").is_ok(),
        "keys go on working"
    );
}

#[tokio::test(start_paused = true)]
async fn a_hundred_tokens_at_the_start_wait_for_one_fetch() {
    let clock = ManualClock::new();
    let pair = Pair::ed("1");
    let transport = ScriptedTransport::new().then(set(&[&pair]));
    let authenticator = by_url(&transport, &clock);
    let tokens: Vec<String> = (0..100)
        .map(|n| pair.token(&clock, &json!({"sub": format!("user-{n}")})))
        .collect();
    let asked = tokens.iter().map(|token| ask(&authenticator, token));
    let outcomes = futures_util::future::join_all(asked).await;
    assert!(outcomes.iter().all(Result::is_ok));
    assert_eq!(transport.requests().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn bad_tokens_are_refused_and_told_apart_in_the_log() {
    let clock = ManualClock::new();
    let (good, other) = (Pair::ed("1"), Pair::ed("1"));
    let transport = ScriptedTransport::new().always(set(&[&good]));
    let authenticator = by_url(&transport, &clock);
    let now = clock.unix_seconds();
    let table = [
        (
            other.token(&clock, &json!({})),
            "auth: the signature is not the issuer's",
        ),
        (
            good.token(&clock, &json!({"exp": now - 100})),
            "auth: the token has expired, or has no `exp`",
        ),
        (
            good.token(&clock, &json!({"nbf": now + 100})),
            "auth: the token is not valid yet",
        ),
        (
            good.token(&clock, &json!({"aud": "else"})),
            "auth: the token is for another audience",
        ),
        (
            good.token(&clock, &json!({"iss": "https://evil"})),
            "auth: no issuer 'https://evil' is configured",
        ),
        (
            Pair::ed("9").token(&clock, &json!({})),
            "auth: the issuer has no key '9'",
        ),
        ("eyJ.eyJ.x".to_owned(), "auth: the token cannot be read"),
    ];
    for (token, expected) in table {
        let outcome = ask(&authenticator, &token).await;
        assert_eq!(
            outcome.as_ref().unwrap_err().message(),
            "The API key is not valid."
        );
        assert_eq!(detail(outcome), expected);
    }
}

#[tokio::test(start_paused = true)]
async fn a_token_signed_with_a_public_key_as_a_shared_secret_is_refused() {
    let clock = ManualClock::new();
    let pair = Pair::ed("1");
    let transport = ScriptedTransport::new().always(set(&[&pair]));
    let authenticator = by_url(&transport, &clock);
    let public = URL_SAFE_NO_PAD
        .decode(pair.public["x"].as_str().unwrap())
        .unwrap();
    let forged = Pair {
        id: "1",
        algorithm: Algorithm::HS256,
        private: EncodingKey::from_secret(&public),
        public: Value::Null,
    };
    let outcome = ask(&authenticator, &forged.token(&clock, &json!({}))).await;
    assert_eq!(detail(outcome), "auth: the algorithm HS256 is not accepted");
    // And without a signature at all.
    let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let unsigned = format!(
        "{}.{}.",
        part(json!({"alg": "none"})),
        part(json!({"iss": "https://idp.test", "sub": "root"}))
    );
    assert!(ask(&authenticator, &unsigned).await.is_err());
    assert_eq!(transport.requests().len(), 0, "nothing is fetched for them");
}

#[tokio::test(start_paused = true)]
async fn a_new_key_of_the_issuer_is_fetched_and_unknown_ones_do_not_hammer_it() {
    let clock = ManualClock::new();
    let (old, new) = (Pair::ed("old"), Pair::ed("new"));
    let transport = ScriptedTransport::new()
        .then(set(&[&old]))
        .always(set(&[&new]));
    let authenticator = by_url(&transport, &clock);
    let (old_token, new_token) = (old.token(&clock, &json!({})), new.token(&clock, &json!({})));
    ask(&authenticator, &old_token).await.unwrap();
    // Too soon after the first fetch.
    assert!(ask(&authenticator, &new_token).await.is_err());
    assert_eq!(transport.requests().len(), 1);
    tokio::time::advance(Duration::from_secs(6)).await;
    ask(&authenticator, &new_token).await.unwrap();
    assert_eq!(transport.requests().len(), 2);
    assert!(
        ask(&authenticator, &old_token).await.is_err(),
        "the old key is gone"
    );
    for n in 0..50 {
        let pair = Pair::ed("nobody's");
        assert!(
            ask(&authenticator, &pair.token(&clock, &json!({"n": n})))
                .await
                .is_err()
        );
    }
    assert_eq!(transport.requests().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn keys_that_cannot_be_fetched_let_nobody_in() {
    let clock = ManualClock::new();
    let pair = Pair::ed("1");
    let transport = ScriptedTransport::new()
        .then(ScriptedReply::json(500, &json!({})))
        .then(ScriptedReply::never())
        .then(ScriptedReply::json(
            200,
            &json!({"keys": [{"kty": "oct", "k": "AAAA"}]}),
        ))
        .then(set(&[&pair]));
    let authenticator = by_url(&transport, &clock);
    let token = pair.token(&clock, &json!({}));
    for _ in 0..3 {
        for _ in 0..5 {
            let error = ask(&authenticator, &token).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Unavailable);
        }
        tokio::time::advance(Duration::from_secs(6)).await;
    }
    assert!(ask(&authenticator, &token).await.is_ok());
    assert_eq!(transport.requests().len(), 4);
}

#[tokio::test(start_paused = true)]
async fn old_keys_are_fetched_anew_and_used_for_an_hour_at_most_while_that_fails() {
    let clock = ManualClock::new();
    let pair = Pair::ed("1");
    let transport = ScriptedTransport::new()
        .then(set(&[&pair]))
        .always(ScriptedReply::json(503, &json!({})));
    let authenticator = by_url(&transport, &clock);
    let token = pair.token(&clock, &json!({}));
    ask(&authenticator, &token).await.unwrap();
    tokio::time::advance(Duration::from_mins(4)).await;
    ask(&authenticator, &token).await.unwrap();
    assert_eq!(transport.requests().len(), 1);
    tokio::time::advance(Duration::from_mins(2)).await;
    ask(&authenticator, &token).await.unwrap();
    assert_eq!(transport.requests().len(), 2);
    tokio::time::advance(Duration::from_hours(1)).await;
    assert!(ask(&authenticator, &token).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_fetch_that_is_dropped_is_taken_up_by_the_next() {
    let clock = ManualClock::new();
    let pair = Pair::ed("1");
    let transport = ScriptedTransport::new()
        .then(ScriptedReply::never())
        .then(set(&[&pair]));
    let authenticator = by_url(&transport, &clock);
    let token = pair.token(&clock, &json!({}));
    let impatient = tokio::time::timeout(Duration::from_secs(1), ask(&authenticator, &token));
    assert!(impatient.await.is_err());
    assert!(ask(&authenticator, &token).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_remembered_token_ends_with_its_own_time() {
    let clock = ManualClock::new();
    let pair = Pair::ed("1");
    let transport = ScriptedTransport::new().always(set(&[&pair]));
    let authenticator = by_url(&transport, &clock);
    let token = pair.token(&clock, &json!({"exp": clock.unix_seconds() + 10}));
    ask(&authenticator, &token).await.unwrap();
    ask(&authenticator, &token).await.unwrap();
    clock.advance(Duration::from_secs(71));
    assert!(ask(&authenticator, &token).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn keys_come_from_a_file_too_and_are_shared_by_place() {
    let clock = ManualClock::new();
    let pair = Pair::ec("1");
    let text = json!({"keys": [pair.public]}).to_string();
    let environment = Arc::new(FixedEnvironment::new().with_file("/jwks.json", text));
    let sets = KeySets::default();
    let source = || KeySetSource::File("/jwks.json".to_owned(), environment.clone());
    let (one, two) = (sets.get(source()), sets.get(source()));
    assert!(Arc::ptr_eq(&one, &two));
    let authenticator = with_issuer(one, &clock);
    assert!(
        ask(&authenticator, &pair.token(&clock, &json!({})))
            .await
            .is_ok()
    );
}
