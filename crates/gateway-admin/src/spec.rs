//! The documents of the stored entities.

use std::collections::BTreeMap;
use std::sync::Arc;

use gateway_secrets::{Fields, KekId, KeyRing, Sealed, SecretError};
use gateway_store::definitions::{Entity, EntityKind, SealedValue};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::AdminError;
use crate::snapshot::Snapshot;

/// What may be shown of a secret. The credentials are the sealed value of the entity.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct SecretSpec {
    /// The provider that it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) provider: Option<String>,
    /// Settings that are no credentials: `api_base`, `auth_mode`, ...
    #[serde(default)]
    pub(crate) auth_config: BTreeMap<String, String>,
    /// The credentials, masked.
    #[serde(default)]
    pub(crate) masked: BTreeMap<String, String>,
}

/// Seals credentials for the secret of this id and name.
///
/// # Errors
/// The machine gives no random numbers.
pub(crate) fn seal(
    ring: &KeyRing,
    id: &str,
    name: &str,
    fields: &Fields,
) -> Result<SealedValue, AdminError> {
    let sealed = ring.seal(id, name, fields.to_json().expose())?;
    Ok(SealedValue {
        value: sealed.value,
        wrapped_key: sealed.wrapped_key,
        kek: sealed.kek.as_str().to_owned(),
    })
}

/// Why the keys at hand do not open every secret: one of them is sealed under another key.
pub(crate) fn unknown_key(snapshot: &Snapshot, ring: &KeyRing) -> Option<AdminError> {
    let missing = |entity: &Arc<Entity>| {
        let found = KekId::from_row(&entity.sealed.as_ref()?.kek);
        (!ring.has(&found)).then(|| {
            let at_hand = ring.ids();
            let error = SecretError::UnknownKey { found, at_hand };
            AdminError::Internal(format!(
                "secret '{}' cannot be opened: {error}",
                entity.name
            ))
        })
    };
    snapshot.of(EntityKind::SECRET).find_map(missing)
}

/// The credentials of a secret; none where it has none.
///
/// # Errors
/// They do not open: another master key, or a damaged row.
pub(crate) fn open(ring: &KeyRing, entity: &Entity) -> Result<Fields, AdminError> {
    let Some(sealed) = &entity.sealed else {
        return Ok(Fields::new());
    };
    let sealed = Sealed {
        value: sealed.value.clone(),
        wrapped_key: sealed.wrapped_key.clone(),
        kek: KekId::from_row(&sealed.kek),
    };
    Ok(Fields::from_plaintext(&ring.open(
        &entity.id,
        &entity.name,
        &sealed,
    )?)?)
}

/// A provider's model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct ModelSpec {
    /// Where its credentials are; `None` once that secret was deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) secret_id: Option<String>,
    /// The provider.
    pub(crate) provider: String,
    /// The provider's name of the model.
    pub(crate) model_name: String,
}

/// How a model serves an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum Linkage {
    /// It shares the calls.
    Primary,
    /// It is tried when those fail.
    Fallback,
}

/// A model of an endpoint.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Mapping {
    /// Its id.
    #[serde(rename = "mapping_id")]
    pub(crate) id: String,
    /// The model.
    pub(crate) model_definition_id: String,
    /// Its share of the calls.
    pub(crate) weight: f64,
    /// How it serves.
    pub(crate) linkage_type: Linkage,
    /// When it is tried, lowest first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) fallback_order: Option<i64>,
    /// When it was attached, in milliseconds since 1970.
    pub(crate) created_at: u64,
    /// Who attached it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) created_by: Option<String>,
}

/// What uses an endpoint.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Binding {
    /// `scorer`.
    pub(crate) resource_type: String,
    /// Its id.
    pub(crate) resource_id: String,
    /// When it was bound, in milliseconds since 1970.
    pub(crate) created_at: u64,
    /// Who bound it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) created_by: Option<String>,
}

/// What clients call by name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct EndpointSpec {
    /// Its models.
    pub(crate) mappings: Vec<Mapping>,
    /// `REQUEST_BASED_TRAFFIC_SPLIT`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) routing_strategy: Option<String>,
    /// Whether and how often models of kind fallback are tried.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) fallback_config: Option<FallbackConfig>,
    /// The experiment that its traces go to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) experiment_id: Option<String>,
    /// Whether calls become traces.
    pub(crate) usage_tracking: bool,
    /// Labels.
    #[serde(default)]
    pub(crate) tags: BTreeMap<String, String>,
    /// What uses it.
    #[serde(default)]
    pub(crate) bindings: Vec<Binding>,
    /// Further keys of an endpoint's definition: limits, cache, retry, ...
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub(crate) settings: Map<String, Value>,
}

/// Whether and how often models of kind fallback are tried.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct FallbackConfig {
    /// `SEQUENTIAL`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) strategy: Option<String>,
    /// How many are tried at most; all where it is absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) max_attempts: Option<u32>,
}

/// The document of an entity.
///
/// # Errors
/// [`AdminError::Internal`]: another version of the program wrote it, or the row is damaged.
pub(crate) fn read<T: DeserializeOwned>(entity: &Entity) -> Result<T, AdminError> {
    serde_json::from_str(entity.document.as_str()).map_err(|error| {
        AdminError::Internal(format!(
            "the stored {} '{}' cannot be read: {error}",
            entity.kind, entity.id
        ))
    })
}

/// As the document of an entity.
///
/// # Errors
/// Never in practice: everything stored is JSON.
pub(crate) fn write<T: Serialize>(spec: &T) -> Result<Value, AdminError> {
    serde_json::to_value(spec).map_err(|error| AdminError::Internal(error.to_string()))
}
