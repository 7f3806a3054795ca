//! Where AWS's own clients look, in their order: environment, web identity, shared profile, container, instance.

use std::sync::Arc;

use async_trait::async_trait;
use gateway_provider::{Credential, Deps, Environment, Transport};
use gateway_schema::{CallError, Secret};

use super::sts::{AssumeRole, Sts, web_identity};
use super::{Fixed, Fresh, Source, metadata, none, pair};
use crate::options::{Keys, Role};
use crate::place::{Place, Profile, default_profile};

const SESSION: &str = "ai-gateway-bedrock";
/// How many profiles may refer to each other.
const MAX_PROFILES: usize = 4;

/// Looks everywhere, and takes the first that is found. A place that is there but refuses is an error, not passed over.
pub(super) struct Chain {
    /// The profile that the configuration names: then the environment's keys do not count.
    profile: Option<String>,
    sts: Sts,
    environment: Arc<dyn Environment>,
    transport: Arc<dyn Transport>,
}

impl Chain {
    pub(super) fn new(profile: Option<String>, place: &Place, deps: &Deps) -> Self {
        Self {
            profile,
            sts: Sts::new(place, deps),
            environment: Arc::clone(&deps.environment),
            transport: Arc::clone(&deps.transport),
        }
    }

    fn variables(&self) -> Option<Fresh> {
        let var = |name: &str| self.environment.var(name);
        if let Some(token) = var("AWS_BEARER_TOKEN_BEDROCK") {
            return Some(Fresh::new(Credential::Key(Secret::new(token)), None));
        }
        let id = var("AWS_ACCESS_KEY_ID")?;
        let secret = Secret::new(var("AWS_SECRET_ACCESS_KEY")?);
        let token = var("AWS_SESSION_TOKEN").map(Secret::new);
        Some(Fresh::new(pair(id, secret, token), None))
    }

    async fn web_identity(&self, path: &str, arn: &str, session: &str) -> Result<Fresh, CallError> {
        let token = self
            .environment
            .read(path)
            .ok_or_else(|| none("The file of the AWS web identity token cannot be read."))?;
        web_identity(&self.sts, arn, session, token.trim()).await
    }

    async fn profile(&self) -> Result<Option<Fresh>, CallError> {
        let mut name = self
            .profile
            .clone()
            .unwrap_or_else(|| default_profile(&*self.environment));
        // Roles on the way to the profile that has keys, outermost first.
        let mut roles = Vec::new();
        let mut found: Option<Fresh> = None;
        for _ in 0..MAX_PROFILES {
            let profile = Profile::read(&*self.environment, &name);
            let session = profile.get("role_session_name").unwrap_or(SESSION);
            let role = profile.get("role_arn");
            if let (Some(arn), Some(path)) = (role, profile.get("web_identity_token_file")) {
                found = Some(self.web_identity(path, arn, session).await?);
                break;
            }
            let source = profile.get("source_profile");
            if let (Some(arn), Some(source)) = (role, source.filter(|source| *source != name)) {
                roles.push(Role {
                    arn: arn.to_owned(),
                    session: session.to_owned(),
                    external_id: profile.get("external_id").map(str::to_owned),
                    seconds: profile
                        .get("duration_seconds")
                        .and_then(|text| text.parse().ok())
                        .unwrap_or(3600),
                });
                name = source.to_owned();
                continue;
            }
            let keys = profile
                .get("aws_access_key_id")
                .zip(profile.get("aws_secret_access_key"))
                .map(|(id, secret)| Keys {
                    id: id.to_owned(),
                    secret: Secret::new(secret.to_owned()),
                    token: profile
                        .get("aws_session_token")
                        .map(|token| Secret::new(token.to_owned())),
                });
            if let Some(arn) = role.filter(|_| keys.is_some() && source.is_some()) {
                roles.push(Role {
                    arn: arn.to_owned(),
                    session: session.to_owned(),
                    external_id: profile.get("external_id").map(str::to_owned),
                    seconds: 3600,
                });
            }
            found = keys.map(|keys| Fixed::new(&keys).0);
            break;
        }
        let Some(mut fresh) = found else {
            return if roles.is_empty() {
                Ok(None)
            } else {
                Err(none(
                    "The AWS profile names a role, but no keys to assume it with.",
                ))
            };
        };
        for role in roles.into_iter().rev() {
            let base: Arc<dyn Source> = Arc::new(Fixed(fresh));
            let assumed = AssumeRole::new(role, base, self.sts.clone())
                .fetch()
                .await?;
            let Some(next) = assumed else { return Ok(None) };
            fresh = next;
        }
        Ok(Some(fresh))
    }
}

#[async_trait]
impl Source for Chain {
    async fn fetch(&self) -> Result<Option<Fresh>, CallError> {
        if self.profile.is_none() {
            if let Some(found) = self.variables() {
                return Ok(Some(found));
            }
            let var = |name: &str| self.environment.var(name);
            if let (Some(path), Some(arn)) =
                (var("AWS_WEB_IDENTITY_TOKEN_FILE"), var("AWS_ROLE_ARN"))
            {
                let session = var("AWS_ROLE_SESSION_NAME").unwrap_or_else(|| SESSION.to_owned());
                return self.web_identity(&path, &arn, &session).await.map(Some);
            }
        }
        if let Some(found) = self.profile().await? {
            return Ok(Some(found));
        }
        if let Some(found) = metadata::container(&*self.environment, &self.transport).await? {
            return Ok(Some(found));
        }
        metadata::instance(&*self.environment, &self.transport).await
    }
}
