//! `/gateway/endpoints/*` but for bindings.

use gateway_store::definitions::{Entity, EntityKind, Write};
use serde_json::{Map, Value, json};

use super::fields::{Fields, missing};
use super::models;
use crate::snapshot::{self as writes, Snapshot};
use crate::spec::{self, EndpointSpec, FallbackConfig, Linkage, Mapping, ModelSpec};
use crate::{Admin, AdminError, id};

/// The one strategy that MLflow knows. Others count as none.
const SPLIT: &str = "REQUEST_BASED_TRAFFIC_SPLIT";
/// The one order of fallbacks that MLflow knows.
const SEQUENTIAL: &str = "SEQUENTIAL";
const NO_MODELS: &str = "Endpoint must have at least one model configuration";

pub(super) async fn create(admin: &Admin, fields: &Fields) -> Result<Value, AdminError> {
    let name = fields.required("name")?.to_owned();
    well_formed(&name)?;
    let configs = fields.list("model_configs").unwrap_or_default();
    if configs.is_empty() {
        return Err(AdminError::Invalid(NO_MODELS.to_owned()));
    }
    let author = fields.creator();
    let mappings = mappings(&configs, author.actor.as_deref(), admin.now())?;
    let id = id::fresh("e")?;
    let ((), snapshot) = admin
        .write(&author, |snapshot| {
            free(snapshot, &name, None)?;
            known_models(snapshot, &mappings)?;
            let usage_tracking = fields.flag("usage_tracking").unwrap_or(true);
            let experiment = fields.text("experiment_id").map(str::to_owned);
            let endpoint = EndpointSpec {
                mappings: mappings.clone(),
                routing_strategy: strategy(fields),
                fallback_config: fallback(fields),
                experiment_id: match experiment {
                    None if usage_tracking => Some(next_experiment(snapshot)?),
                    given => given,
                },
                usage_tracking,
                tags: std::collections::BTreeMap::default(),
                bindings: Vec::new(),
                settings: Map::new(),
            };
            let spec = spec::write(&endpoint)?;
            let change = writes::create(EntityKind::ENDPOINT, &id, &name, &spec, None)?;
            Ok((vec![change], ()))
        })
        .await?;
    shown(&snapshot, find(&snapshot, &id)?)
}

pub(super) async fn get(admin: &Admin, fields: &Fields) -> Result<Value, AdminError> {
    let snapshot = admin.snapshot().await?;
    let entity = match (fields.text("endpoint_id"), fields.text("name")) {
        (Some(id), None) => find(&snapshot, id)?,
        (None, Some(name)) => snapshot
            .of(EntityKind::ENDPOINT)
            .find(|entity| entity.name == name)
            .ok_or_else(|| AdminError::NotFound {
                entity: "GatewayEndpoint",
                key: "name",
                value: name.to_owned(),
            })?,
        _ => {
            return Err(AdminError::Invalid(
                "Exactly one of endpoint_id or name must be provided".to_owned(),
            ));
        }
    };
    shown(&snapshot, entity)
}

/// Endpoints without a model are not listed, as in MLflow.
pub(super) async fn list(admin: &Admin, fields: &Fields) -> Result<Value, AdminError> {
    let snapshot = admin.snapshot().await?;
    let mut endpoints = Vec::new();
    for entity in models::by_age(&snapshot, EntityKind::ENDPOINT) {
        let endpoint: EndpointSpec = spec::read(entity)?;
        if endpoint.mappings.is_empty() {
            continue;
        }
        let wanted = fields.text("provider");
        if wanted.is_none_or(|provider| uses(&snapshot, &endpoint, provider)) {
            endpoints.push(info(&snapshot, entity, &endpoint)?);
        }
    }
    Ok(models::listed("endpoints", endpoints))
}

pub(super) async fn update(admin: &Admin, fields: &Fields) -> Result<Value, AdminError> {
    let id = fields.required("endpoint_id")?.to_owned();
    if let Some(name) = fields.text("name") {
        well_formed(name)?;
    }
    let author = fields.updater();
    let configs = fields.list("model_configs").unwrap_or_default();
    let replaced = mappings(&configs, author.actor.as_deref(), admin.now())?;
    let ((), snapshot) = admin
        .write(&author, |snapshot| {
            let entity = find(snapshot, &id)?;
            let mut endpoint: EndpointSpec = spec::read(entity)?;
            let name = fields.text("name").unwrap_or(&entity.name);
            free(snapshot, name, Some(&id))?;
            if !replaced.is_empty() {
                known_models(snapshot, &replaced)?;
                endpoint.mappings.clone_from(&replaced);
            }
            if let Some(strategy) = strategy(fields) {
                endpoint.routing_strategy = Some(strategy);
            }
            if let Some(fallback) = fallback(fields) {
                endpoint.fallback_config = Some(fallback);
            }
            if let Some(experiment) = fields.text("experiment_id") {
                endpoint.experiment_id = Some(experiment.to_owned());
            }
            if let Some(tracking) = fields.flag("usage_tracking") {
                endpoint.usage_tracking = tracking;
            }
            let change = writes::replace(entity, name, &spec::write(&endpoint)?)?;
            Ok((vec![change], ()))
        })
        .await?;
    shown(&snapshot, find(&snapshot, &id)?)
}

pub(super) async fn delete(admin: &Admin, fields: &Fields) -> Result<Value, AdminError> {
    let id = fields.required("endpoint_id")?.to_owned();
    admin
        .write(&fields.updater(), |snapshot| {
            Ok((vec![writes::remove(find(snapshot, &id)?)], ()))
        })
        .await?;
    Ok(json!({}))
}

pub(super) async fn attach(admin: &Admin, fields: &Fields) -> Result<Value, AdminError> {
    let id = fields.required("endpoint_id")?.to_owned();
    let config = fields
        .object("model_config")
        .ok_or_else(|| missing("model_config"))?;
    let author = fields.creator();
    let added = mapping(
        &config,
        "model_config",
        author.actor.as_deref(),
        admin.now(),
    )?;
    let ((), snapshot) = admin
        .write(&author, |snapshot| {
            known_models(snapshot, std::slice::from_ref(&added))?;
            change(snapshot, &id, |endpoint| {
                let twice = endpoint.mappings.iter().any(|it| {
                    it.model_definition_id == added.model_definition_id
                        && it.linkage_type == added.linkage_type
                });
                if twice {
                    return Err(AdminError::Exists {
                        entity: "Mapping",
                        name: added.model_definition_id.clone(),
                    });
                }
                endpoint.mappings.push(added.clone());
                Ok(())
            })
        })
        .await?;
    Ok(json!({"mapping": mapping_info(&snapshot, &id, &added)?}))
}

pub(super) async fn detach(admin: &Admin, fields: &Fields) -> Result<Value, AdminError> {
    let id = fields.required("endpoint_id")?.to_owned();
    let model = fields.required("model_definition_id")?.to_owned();
    admin
        .write(&fields.updater(), |snapshot| {
            change(snapshot, &id, |endpoint| {
                let position = endpoint
                    .mappings
                    .iter()
                    .position(|mapping| mapping.model_definition_id == model);
                let Some(position) = position else {
                    return Err(AdminError::NotFound {
                        entity: "GatewayEndpointModelMapping",
                        key: "model_definition_id",
                        value: model.clone(),
                    });
                };
                endpoint.mappings.remove(position);
                Ok(())
            })
        })
        .await?;
    Ok(json!({}))
}

pub(super) async fn set_tag(admin: &Admin, fields: &Fields) -> Result<Value, AdminError> {
    let id = fields.required("endpoint_id")?.to_owned();
    let key = fields.required("key")?.to_owned();
    let value = fields.text("value").unwrap_or_default().to_owned();
    admin
        .write(&fields.updater(), |snapshot| {
            change(snapshot, &id, |endpoint| {
                endpoint.tags.insert(key.clone(), value.clone());
                Ok(())
            })
        })
        .await?;
    Ok(json!({}))
}

pub(super) async fn delete_tag(admin: &Admin, fields: &Fields) -> Result<Value, AdminError> {
    let id = fields.required("endpoint_id")?.to_owned();
    let key = fields.required("key")?.to_owned();
    admin
        .write(&fields.updater(), |snapshot| {
            change(snapshot, &id, |endpoint| {
                endpoint.tags.remove(&key);
                Ok(())
            })
        })
        .await?;
    Ok(json!({}))
}

/// The change that `edit` makes of an endpoint.
pub(super) fn change(
    snapshot: &Snapshot,
    id: &str,
    edit: impl FnOnce(&mut EndpointSpec) -> Result<(), AdminError>,
) -> Result<(Vec<Write>, ()), AdminError> {
    let entity = find(snapshot, id)?;
    let mut endpoint: EndpointSpec = spec::read(entity)?;
    edit(&mut endpoint)?;
    let change = writes::replace(entity, &entity.name, &spec::write(&endpoint)?)?;
    Ok((vec![change], ()))
}

pub(super) fn find<'a>(snapshot: &'a Snapshot, id: &str) -> Result<&'a Entity, AdminError> {
    let entity = snapshot.find(&EntityKind::ENDPOINT, id);
    entity
        .map(|entity| &**entity)
        .ok_or_else(|| AdminError::NotFound {
            entity: "GatewayEndpoint",
            key: "endpoint_id",
            value: id.to_owned(),
        })
}

fn well_formed(name: &str) -> Result<(), AdminError> {
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    if name.chars().all(is_allowed) {
        return Ok(());
    }
    Err(AdminError::Invalid(format!(
        "Invalid endpoint name '{name}'. Name can only contain letters, numbers, underscores, hyphens, and dots."
    )))
}

fn free(snapshot: &Snapshot, name: &str, own: Option<&str>) -> Result<(), AdminError> {
    let taken = snapshot
        .of(EntityKind::ENDPOINT)
        .any(|entity| entity.name == name && own != Some(entity.id.as_str()));
    if taken {
        return Err(AdminError::Exists {
            entity: "Endpoint",
            name: name.to_owned(),
        });
    }
    Ok(())
}

fn known_models(snapshot: &Snapshot, mappings: &[Mapping]) -> Result<(), AdminError> {
    for mapping in mappings {
        models::find(snapshot, &mapping.model_definition_id)?;
    }
    Ok(())
}

fn strategy(fields: &Fields) -> Option<String> {
    let given = fields.text("routing_strategy")?;
    (given == SPLIT).then(|| given.to_owned())
}

fn fallback(fields: &Fields) -> Option<FallbackConfig> {
    let given = fields.object("fallback_config")?;
    let strategy = given.text("strategy").filter(|word| *word == SEQUENTIAL);
    Some(FallbackConfig {
        strategy: strategy.map(str::to_owned),
        max_attempts: given
            .whole("max_attempts")
            .and_then(|most| u32::try_from(most).ok()),
    })
}

fn mappings(configs: &[Fields], author: Option<&str>, at: u64) -> Result<Vec<Mapping>, AdminError> {
    let mut mappings = Vec::new();
    for (index, config) in configs.iter().enumerate() {
        let place = format!("model_configs[{index}]");
        mappings.push(mapping(config, &place, author, at)?);
    }
    Ok(mappings)
}

fn mapping(
    config: &Fields,
    place: &str,
    author: Option<&str>,
    at: u64,
) -> Result<Mapping, AdminError> {
    let linkage_type = match config.text("linkage_type") {
        Some("PRIMARY") => Linkage::Primary,
        Some("FALLBACK") => Linkage::Fallback,
        _ => {
            return Err(AdminError::Invalid(format!(
                "Invalid or missing value for required parameter 'linkage_type' in {place}. Must be one of: PRIMARY, FALLBACK."
            )));
        }
    };
    Ok(Mapping {
        id: id::fresh("m")?,
        model_definition_id: config.required("model_definition_id")?.to_owned(),
        weight: config.number("weight").unwrap_or(1.0),
        linkage_type,
        fallback_order: config.whole("fallback_order"),
        created_at: at,
        created_by: author.map(str::to_owned),
    })
}

/// The number of an experiment that no endpoint has yet.
fn next_experiment(snapshot: &Snapshot) -> Result<String, AdminError> {
    let mut highest = 0;
    for entity in snapshot.of(EntityKind::ENDPOINT) {
        let endpoint: EndpointSpec = spec::read(entity)?;
        let number = endpoint.experiment_id.and_then(|id| id.parse().ok());
        highest = highest.max(number.unwrap_or(0));
    }
    let next: u64 = highest + 1;
    Ok(next.to_string())
}

fn uses(snapshot: &Snapshot, endpoint: &EndpointSpec, provider: &str) -> bool {
    endpoint.mappings.iter().any(|mapping| {
        models::find(snapshot, &mapping.model_definition_id)
            .and_then(spec::read::<ModelSpec>)
            .is_ok_and(|model| model.provider == provider)
    })
}

fn shown(snapshot: &Snapshot, entity: &Entity) -> Result<Value, AdminError> {
    let endpoint = spec::read(entity)?;
    Ok(json!({"endpoint": info(snapshot, entity, &endpoint)?}))
}

fn info(
    snapshot: &Snapshot,
    entity: &Entity,
    endpoint: &EndpointSpec,
) -> Result<Value, AdminError> {
    let mut info = Map::new();
    info.insert("endpoint_id".to_owned(), entity.id.as_str().into());
    info.insert("name".to_owned(), entity.name.as_str().into());
    let mut mappings = Vec::new();
    for mapping in &endpoint.mappings {
        mappings.push(mapping_info(snapshot, &entity.id, mapping)?);
    }
    if !mappings.is_empty() {
        info.insert("model_mappings".to_owned(), mappings.into());
    }
    if !endpoint.tags.is_empty() {
        let tags: Vec<Value> = endpoint
            .tags
            .iter()
            .map(|(key, value)| json!({"key": key, "value": value}))
            .collect();
        info.insert("tags".to_owned(), tags.into());
    }
    models::stamps(entity, &mut info);
    if let Some(strategy) = &endpoint.routing_strategy {
        info.insert("routing_strategy".to_owned(), strategy.as_str().into());
    }
    if let Some(fallback) = &endpoint.fallback_config {
        info.insert("fallback_config".to_owned(), spec::write(fallback)?);
    }
    if let Some(experiment) = &endpoint.experiment_id {
        info.insert("experiment_id".to_owned(), experiment.as_str().into());
    }
    info.insert("usage_tracking".to_owned(), endpoint.usage_tracking.into());
    Ok(info.into())
}

fn mapping_info(
    snapshot: &Snapshot,
    endpoint_id: &str,
    mapping: &Mapping,
) -> Result<Value, AdminError> {
    let mut info = Map::new();
    info.insert("mapping_id".to_owned(), mapping.id.as_str().into());
    info.insert("endpoint_id".to_owned(), endpoint_id.into());
    let model_id = &mapping.model_definition_id;
    info.insert("model_definition_id".to_owned(), model_id.as_str().into());
    if let Ok(entity) = models::find(snapshot, model_id) {
        let model = models::info(snapshot, entity, &spec::read(entity)?);
        info.insert("model_definition".to_owned(), model);
    }
    info.insert("weight".to_owned(), mapping.weight.into());
    info.insert(
        "linkage_type".to_owned(),
        spec::write(&mapping.linkage_type)?,
    );
    if let Some(order) = mapping.fallback_order {
        info.insert("fallback_order".to_owned(), order.into());
    }
    info.insert("created_at".to_owned(), mapping.created_at.into());
    if let Some(name) = &mapping.created_by {
        info.insert("created_by".to_owned(), name.as_str().into());
    }
    Ok(info.into())
}
