//! `stores`: where state is kept that several processes share.

use gateway_schema::Secret;
use serde::Serialize;

use super::context::Context;
use super::effective::redacted_option;
use super::resolve::{Reach, secret_item};
use super::subject::OnStoreError;
use crate::diagnostic::{Diagnostic, Kind};
use crate::file::Place;
use crate::file::item::Item;
use crate::file::shape::{Key, Section, Shape};

/// MLflow's variable for the storage of rate limits.
const STORAGE_URI: &str = "MLFLOW_GATEWAY_RATE_LIMITS_STORAGE_URI";

const SCHEMES: [&str; 4] = ["redis://", "rediss://", "valkey://", "valkeys://"];

pub(crate) static SECTION: Section = Section::new(
    "the stores",
    &[
        Key::optional(
            "redis",
            Shape::Secret,
            "URL of a Redis or Valkey server (`redis://`, `rediss://`) that several gateways share. Default: \
             MLFLOW_GATEWAY_RATE_LIMITS_STORAGE_URI, else the memory of this process.",
        ),
        Key::optional(
            "on_store_error",
            Shape::Choice(&OnStoreError::WORDS),
            "What to do with a request while the store is away: `reject` (default) or `allow`.",
        ),
    ],
);

/// Where state is kept that several processes share.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[non_exhaustive]
pub struct Stores {
    /// The URL of a Redis or Valkey server; absent: the memory of this process.
    #[serde(
        skip_serializing_if = "Option::is_none",
        serialize_with = "redacted_option"
    )]
    pub redis: Option<Secret>,
    /// What to do with a request while the store is away.
    pub on_store_error: OnStoreError,
}

pub(crate) fn read(item: Option<&Item<'_>>, context: &mut Context<'_>) -> Stores {
    let mut stores = Stores::default();
    if let Some(item) = item {
        stores.on_store_error = item
            .text_at("on_store_error")
            .and_then(OnStoreError::parse)
            .unwrap_or_default();
        if let Some(url) = item.get("redis") {
            stores.redis = secret_item(&url, Reach::NoFile, context);
            if stores.redis.as_ref().is_some_and(|url| !is_redis(url)) {
                let diagnostic = Diagnostic::error(
                    Kind::Value,
                    url.place(),
                    "this is not the URL of a Redis server",
                )
                .at(&url.path)
                .allowed("a URL that begins with `redis://` or `rediss://`");
                context.problems.push(diagnostic);
            }
        }
    }
    if stores.redis.is_none() {
        stores.redis = from_environment(context);
    }
    stores
}

fn is_redis(url: &Secret) -> bool {
    SCHEMES
        .iter()
        .any(|scheme| url.expose().starts_with(scheme))
}

fn from_environment(context: &mut Context<'_>) -> Option<Secret> {
    let url = Secret::new(context.lookup.env(STORAGE_URI)?);
    if is_redis(&url) {
        return Some(url);
    }
    let text = url.expose().trim();
    if !text.is_empty() && !text.starts_with("memory://") {
        let message = format!(
            "the environment variable {STORAGE_URI} names a storage that is not supported; limits stay in this process"
        );
        let diagnostic = Diagnostic::warning(Kind::Value, Place::default(), message)
            .allowed("`memory://`, `redis://` or `rediss://`");
        context.problems.push(diagnostic);
    }
    None
}
