//! `/gateway/model-definitions/*`.

use std::sync::Arc;

use gateway_store::definitions::{Entity, EntityKind};
use serde_json::{Map, Value, json};

use super::fields::Fields;
use super::secrets;
use crate::snapshot::{self as writes, Snapshot};
use crate::spec::{self, EndpointSpec, ModelSpec};
use crate::{Admin, AdminError, id};

pub(super) async fn create(admin: &Admin, fields: &Fields) -> Result<Value, AdminError> {
    let name = fields.required("name")?.to_owned();
    let secret_id = fields.required("secret_id")?.to_owned();
    let provider = fields.required("provider")?.to_owned();
    let model_name = fields.required("model_name")?.to_owned();
    allowed(admin, &provider)?;
    let id = id::fresh("d")?;
    let model = spec::write(&ModelSpec {
        secret_id: Some(secret_id.clone()),
        provider,
        model_name,
    })?;
    let ((), snapshot) = admin
        .write(&fields.creator(), |snapshot| {
            free(snapshot, &name, None)?;
            known_secret(snapshot, &secret_id)?;
            let change = writes::create(
                EntityKind::MODEL_DEFINITION,
                &id,
                &name,
                &model.clone(),
                None,
            )?;
            Ok((vec![change], ()))
        })
        .await?;
    shown(&snapshot, &id)
}

pub(super) async fn get(admin: &Admin, fields: &Fields) -> Result<Value, AdminError> {
    let id = fields.required("model_definition_id")?;
    shown(&admin.snapshot().await?, id)
}

pub(super) async fn list(admin: &Admin, fields: &Fields) -> Result<Value, AdminError> {
    let snapshot = admin.snapshot().await?;
    let mut models = Vec::new();
    for entity in by_age(&snapshot, EntityKind::MODEL_DEFINITION) {
        let model: ModelSpec = spec::read(entity)?;
        let provider = fields
            .text("provider")
            .is_none_or(|it| it == model.provider);
        let secret = fields.text("secret_id");
        if provider && (secret.is_none() || secret == model.secret_id.as_deref()) {
            models.push(info(&snapshot, entity, &model));
        }
    }
    Ok(listed("model_definitions", models))
}

pub(super) async fn update(admin: &Admin, fields: &Fields) -> Result<Value, AdminError> {
    let id = fields.required("model_definition_id")?.to_owned();
    if let Some(provider) = fields.text("provider") {
        allowed(admin, provider)?;
    }
    let ((), snapshot) = admin
        .write(&fields.updater(), |snapshot| {
            let entity = find(snapshot, &id)?;
            let mut model: ModelSpec = spec::read(entity)?;
            let name = fields.text("name").unwrap_or(&entity.name);
            free(snapshot, name, Some(&id))?;
            if let Some(secret) = fields.text("secret_id") {
                known_secret(snapshot, secret)?;
                model.secret_id = Some(secret.to_owned());
            }
            if let Some(provider) = fields.text("provider") {
                provider.clone_into(&mut model.provider);
            }
            if let Some(model_name) = fields.text("model_name") {
                model_name.clone_into(&mut model.model_name);
            }
            let change = writes::replace(entity, name, &spec::write(&model)?)?;
            Ok((vec![change], ()))
        })
        .await?;
    shown(&snapshot, &id)
}

pub(super) async fn delete(admin: &Admin, fields: &Fields) -> Result<Value, AdminError> {
    let id = fields.required("model_definition_id")?.to_owned();
    admin
        .write(&fields.updater(), |snapshot| {
            let entity = find(snapshot, &id)?;
            for endpoint in snapshot.of(EntityKind::ENDPOINT) {
                let endpoint: EndpointSpec = spec::read(endpoint)?;
                if endpoint
                    .mappings
                    .iter()
                    .any(|mapping| mapping.model_definition_id == id)
                {
                    return Err(AdminError::InUse(
                        "Cannot delete model definition that is currently in use by endpoints. Detach it from all endpoints first."
                            .to_owned(),
                    ));
                }
            }
            Ok((vec![writes::remove(entity)], ()))
        })
        .await?;
    Ok(json!({}))
}

/// What MLflow says of a provider that the policy does not allow.
pub(super) fn allowed(admin: &Admin, provider: &str) -> Result<(), AdminError> {
    if admin.policy().allows(provider) {
        return Ok(());
    }
    Err(AdminError::Invalid(format!(
        "Provider '{provider}' is not allowed by the current gateway provider policy."
    )))
}

fn free(snapshot: &Snapshot, name: &str, own: Option<&str>) -> Result<(), AdminError> {
    let taken = snapshot
        .of(EntityKind::MODEL_DEFINITION)
        .any(|entity| entity.name == name && own != Some(entity.id.as_str()));
    if taken {
        return Err(AdminError::Exists {
            entity: "Model definition",
            name: name.to_owned(),
        });
    }
    Ok(())
}

fn known_secret(snapshot: &Snapshot, id: &str) -> Result<(), AdminError> {
    match snapshot.find(&EntityKind::SECRET, id) {
        Some(_) => Ok(()),
        None => Err(secrets::absent(id)),
    }
}

pub(super) fn find<'a>(snapshot: &'a Snapshot, id: &str) -> Result<&'a Entity, AdminError> {
    let entity = snapshot.find(&EntityKind::MODEL_DEFINITION, id);
    entity
        .map(|entity| &**entity)
        .ok_or_else(|| AdminError::NotFound {
            entity: "GatewayModelDefinition",
            key: "model_definition_id",
            value: id.to_owned(),
        })
}

fn shown(snapshot: &Snapshot, id: &str) -> Result<Value, AdminError> {
    let entity = find(snapshot, id)?;
    Ok(json!({"model_definition": info(snapshot, entity, &spec::read(entity)?)}))
}

/// A model definition as MLflow writes it.
pub(super) fn info(snapshot: &Snapshot, entity: &Entity, model: &ModelSpec) -> Value {
    let mut info = Map::new();
    info.insert("model_definition_id".to_owned(), entity.id.as_str().into());
    info.insert("name".to_owned(), entity.name.as_str().into());
    if let Some(id) = &model.secret_id {
        info.insert("secret_id".to_owned(), id.as_str().into());
        if let Some(secret) = snapshot.find(&EntityKind::SECRET, id) {
            info.insert("secret_name".to_owned(), secret.name.as_str().into());
        }
    }
    info.insert("provider".to_owned(), model.provider.as_str().into());
    info.insert("model_name".to_owned(), model.model_name.as_str().into());
    stamps(entity, &mut info);
    info.into()
}

/// When and by whom something was made and changed.
pub(super) fn stamps(entity: &Entity, info: &mut Map<String, Value>) {
    info.insert("created_at".to_owned(), entity.created_at.into());
    info.insert("last_updated_at".to_owned(), entity.updated_at.into());
    if let Some(name) = &entity.created_by {
        info.insert("created_by".to_owned(), name.as_str().into());
    }
    if let Some(name) = &entity.updated_by {
        info.insert("last_updated_by".to_owned(), name.as_str().into());
    }
}

/// All of a kind, oldest first.
pub(super) fn by_age(snapshot: &Snapshot, kind: EntityKind) -> Vec<&Arc<Entity>> {
    let mut entities: Vec<&Arc<Entity>> = snapshot.of(kind).collect();
    entities.sort_by(|a, b| (a.created_at, &a.id).cmp(&(b.created_at, &b.id)));
    entities
}

/// A list under its name; an empty one is left out, as protobuf's JSON has it.
pub(super) fn listed(name: &str, items: Vec<Value>) -> Value {
    let mut body = Map::new();
    if !items.is_empty() {
        body.insert(name.to_owned(), items.into());
    }
    body.into()
}
