//! Every place where credentials come from, on a scripted transport.

use std::sync::Arc;
use std::time::Duration;

use gateway_provider::{Credential, Credentials, Deps, TargetSpec};
use gateway_schema::{Operation, Options};
use gateway_testkit::{FixedEnvironment, ManualClock, ScriptedReply, ScriptedTransport};
use serde_json::{Value, json};

use crate::options::Settings;
use crate::place::{Place, Runtime};

struct Scene {
    transport: ScriptedTransport,
    clock: ManualClock,
    credentials: Arc<dyn Credentials>,
}

fn scene(config: &Value, environment: FixedEnvironment, replies: Vec<ScriptedReply>) -> Scene {
    let mut transport = ScriptedTransport::new();
    for reply in replies {
        transport = transport.then(reply);
    }
    let clock = ManualClock::new();
    let deps = Deps::new(
        Arc::new(transport.clone()),
        Arc::new(clock.clone()),
        Arc::new(environment),
    );
    let spec = TargetSpec::new("bedrock", Some("amazon.nova".into()), Operation::Chat);
    let options = json!({"aws_config": config});
    let options = Options::new(options.as_object().unwrap().clone());
    let settings = Settings::read(&spec, &options).unwrap();
    let place = Place::find(&settings, &*deps.environment, Runtime::BEDROCK);
    Scene {
        credentials: super::find(&settings, &place, &deps),
        transport,
        clock,
    }
}

fn id(credential: &Credential) -> String {
    match credential {
        Credential::Aws {
            access_key_id,
            secret_access_key,
            session_token,
        } => format!(
            "{access_key_id}/{}/{}",
            secret_access_key.expose(),
            session_token.as_ref().map_or("-", |token| token.expose())
        ),
        Credential::Key(token) => format!("bearer {}", token.expose()),
        _ => "none".to_owned(),
    }
}

async fn got(scene: &Scene) -> String {
    id(&scene.credentials.get().await.unwrap())
}

fn assumed(id: &str, until: &str) -> ScriptedReply {
    let xml = format!(
        "<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>{id}</AccessKeyId>\
         <SecretAccessKey>s+/=</SecretAccessKey><SessionToken>t</SessionToken><Expiration>{until}</Expiration>\
         </Credentials></AssumeRoleResult></AssumeRoleResponse>"
    );
    ScriptedReply::new(200, "text/xml", xml)
}

fn machine(id: &str) -> ScriptedReply {
    ScriptedReply::json(
        200,
        &json!({"AccessKeyId": id, "SecretAccessKey": "s", "Token": "t", "Expiration": "2026-01-01T06:00:00Z"}),
    )
}

fn keys_in_environment() -> FixedEnvironment {
    FixedEnvironment::new()
        .with_var("AWS_ACCESS_KEY_ID", "AKIDENV")
        .with_var("AWS_SECRET_ACCESS_KEY", "secretenv")
        .with_var("AWS_REGION", "eu-west-1")
}

#[tokio::test]
async fn the_first_shape_that_matches_counts() {
    let none = FixedEnvironment::new;
    let all =
        json!({"aws_bearer_token": "b", "aws_access_key_id": "A", "aws_secret_access_key": "s"});
    assert_eq!(got(&scene(&all, none(), vec![])).await, "bearer b");
    let keys =
        json!({"aws_access_key_id": "A", "aws_secret_access_key": "s", "aws_session_token": "t"});
    assert_eq!(got(&scene(&keys, none(), vec![])).await, "A/s/t");
    assert_eq!(
        got(&scene(&json!({}), keys_in_environment(), vec![])).await,
        "AKIDENV/secretenv/-"
    );
    let bearer = keys_in_environment().with_var("AWS_BEARER_TOKEN_BEDROCK", "bt");
    assert_eq!(got(&scene(&json!({}), bearer, vec![])).await, "bearer bt");
}

#[tokio::test]
async fn a_role_is_assumed_once_and_again_before_it_expires() {
    let config = json!({"aws_role_arn": "arn:aws:iam::123456789012:role/r", "aws_region": "us-east-1", "aws_external_id": "x y"});
    let scene = scene(
        &config,
        keys_in_environment(),
        vec![
            assumed("ASIA1", "2026-01-01T00:15:00Z"),
            ScriptedReply::new(500, "text/xml", "<Message>later</Message>"),
            assumed("ASIA2", "2026-01-01T01:15:00Z"),
        ],
    );
    for _ in 0..3 {
        assert_eq!(got(&scene).await, "ASIA1/s+/=/t");
    }
    let sent = scene.transport.requests();
    assert_eq!(sent.len(), 1, "one request for all calls");
    assert_eq!(sent[0].uri(), "https://sts.us-east-1.amazonaws.com/");
    let body = std::str::from_utf8(sent[0].body()).unwrap();
    assert_eq!(
        body,
        "Action=AssumeRole&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam%3A%3A123456789012%3Arole%2Fr&RoleSessionName=ai-gateway-bedrock&DurationSeconds=900&ExternalId=x%20y"
    );
    let signature = sent[0].headers()["authorization"].to_str().unwrap();
    assert!(signature.contains("Credential=AKIDENV/20260101/us-east-1/sts/aws4_request"));
    scene.clock.advance(Duration::from_mins(11));
    assert_eq!(
        got(&scene).await,
        "ASIA1/s+/=/t",
        "a failure is no harm yet"
    );
    assert_eq!(got(&scene).await, "ASIA2/s+/=/t");
    assert!(scene.credentials.remaining().unwrap() > Duration::from_hours(1));
}

#[tokio::test]
async fn a_role_that_is_refused_is_an_error_that_says_so_without_secrets() {
    let config = json!({"aws_role_arn": "arn:aws:iam::1:role/r", "aws_region": "us-east-1"});
    let refusal = "<ErrorResponse><Error><Code>AccessDenied</Code><Message>not you</Message></Error></ErrorResponse>";
    let scene = scene(
        &config,
        keys_in_environment(),
        vec![ScriptedReply::new(403, "text/xml", refusal)],
    );
    let error = scene.credentials.get().await.unwrap_err();
    assert!(error.message().contains("AWS STS answered 403"), "{error}");
    assert_eq!(error.detail(), Some("not you"));
    assert!(!format!("{error:?}").contains("secretenv"));
}

#[tokio::test]
async fn the_shared_profile_is_read_from_both_files() {
    let environment = FixedEnvironment::new()
        .with_var("HOME", "/u")
        .with_var("AWS_PROFILE", "work")
        .with_file("/u/.aws/config", "[profile work]\nregion = us-west-2\nrole_arn = arn:aws:iam::1:role/r\nsource_profile = base\ns3 =\n  max = 1\n[default]\nregion=x\n")
        .with_file("/u/.aws/credentials", "# mine\n[base]\naws_access_key_id = AKIDBASE\naws_secret_access_key=sb\n");
    let scene = scene(
        &json!({}),
        environment,
        vec![assumed("ASIAROLE", "2026-01-01T01:00:00Z")],
    );
    assert_eq!(got(&scene).await, "ASIAROLE/s+/=/t");
    let sent = scene.transport.requests();
    assert_eq!(sent[0].uri(), "https://sts.us-west-2.amazonaws.com/");
    let signature = sent[0].headers()["authorization"].to_str().unwrap();
    assert!(signature.contains("Credential=AKIDBASE/"));
}

#[tokio::test]
async fn a_web_identity_proves_itself() {
    let environment = FixedEnvironment::new()
        .with_var("AWS_REGION", "us-east-1")
        .with_var("AWS_WEB_IDENTITY_TOKEN_FILE", "/token")
        .with_var("AWS_ROLE_ARN", "arn:aws:iam::1:role/pod")
        .with_file("/token", "jwt\n");
    let scene = scene(
        &json!({}),
        environment,
        vec![assumed("ASIAPOD", "2026-01-01T01:00:00Z")],
    );
    assert_eq!(got(&scene).await, "ASIAPOD/s+/=/t");
    let sent = scene.transport.requests();
    assert!(!sent[0].headers().contains_key("authorization"));
    let body = std::str::from_utf8(sent[0].body()).unwrap();
    assert!(body.ends_with("WebIdentityToken=jwt"), "{body}");
}

#[tokio::test]
async fn a_container_gives_credentials_and_its_token_goes_nowhere_else() {
    let environment = FixedEnvironment::new()
        .with_var(
            "AWS_CONTAINER_CREDENTIALS_FULL_URI",
            "http://169.254.170.23/v1/credentials",
        )
        .with_var("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "/pod")
        .with_file("/pod", "podtoken\n");
    let one = scene(&json!({}), environment, vec![machine("ASIAECS")]);
    assert_eq!(got(&one).await, "ASIAECS/s/t");
    assert_eq!(
        one.transport.requests()[0].headers()["authorization"],
        "podtoken"
    );
    let elsewhere = FixedEnvironment::new()
        .with_var("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://example.com/x")
        .with_var("AWS_CONTAINER_AUTHORIZATION_TOKEN", "podtoken");
    let other = scene(&json!({}), elsewhere, vec![]);
    assert!(other.credentials.get().await.is_err());
    assert!(other.transport.requests().is_empty());
    let relative =
        FixedEnvironment::new().with_var("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/v2/x");
    let third = scene(&json!({}), relative, vec![machine("ASIAECS2")]);
    assert_eq!(got(&third).await, "ASIAECS2/s/t");
    assert_eq!(
        third.transport.requests()[0].uri(),
        "http://169.254.170.2/v2/x"
    );
}

#[tokio::test]
async fn an_instance_gives_credentials_by_the_second_version_of_its_service() {
    let scene = scene(
        &json!({}),
        FixedEnvironment::new(),
        vec![
            ScriptedReply::new(200, "text/plain", "imds-token"),
            ScriptedReply::new(200, "text/plain", "role-of-instance"),
            machine("ASIAEC2"),
        ],
    );
    assert_eq!(got(&scene).await, "ASIAEC2/s/t");
    let sent = scene.transport.requests();
    assert_eq!(sent[0].method(), "PUT");
    assert_eq!(sent[2].headers()["x-aws-ec2-metadata-token"], "imds-token");
    assert!(
        sent[2]
            .uri()
            .path()
            .ends_with("/security-credentials/role-of-instance")
    );
}

#[tokio::test]
async fn nothing_anywhere_is_an_error_that_says_where_was_looked() {
    let off = FixedEnvironment::new().with_var("AWS_EC2_METADATA_DISABLED", "true");
    let scene = scene(&json!({}), off, vec![]);
    let error = scene.credentials.get().await.unwrap_err();
    assert!(error.message().starts_with("No AWS credentials were found"));
}
