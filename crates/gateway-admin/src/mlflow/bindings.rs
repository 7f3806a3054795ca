//! `/gateway/endpoints/bindings/*`: what uses an endpoint.

use gateway_store::definitions::{Entity, EntityKind};
use serde_json::{Map, Value, json};

use super::fields::Fields;
use super::{endpoints, models};
use crate::spec::{self, Binding, EndpointSpec};
use crate::{Admin, AdminError};

/// The kinds of resources that can use an endpoint.
const TYPES: [&str; 1] = ["scorer"];

pub(super) async fn create(admin: &Admin, fields: &Fields) -> Result<Value, AdminError> {
    let id = fields.required("endpoint_id")?.to_owned();
    let author = fields.creator();
    let binding = Binding {
        resource_type: resource_type(fields)?.to_owned(),
        resource_id: fields.required("resource_id")?.to_owned(),
        created_at: admin.now(),
        created_by: author.actor.clone(),
    };
    admin
        .write(&author, |snapshot| {
            endpoints::change(snapshot, &id, |endpoint| {
                endpoint.bindings.retain(|it| {
                    (&it.resource_type, &it.resource_id)
                        != (&binding.resource_type, &binding.resource_id)
                });
                endpoint.bindings.push(binding.clone());
                Ok(())
            })
        })
        .await?;
    Ok(json!({"binding": info(&id, &binding)}))
}

pub(super) async fn delete(admin: &Admin, fields: &Fields) -> Result<Value, AdminError> {
    let id = fields.required("endpoint_id")?.to_owned();
    let kind = resource_type(fields)?.to_owned();
    let resource = fields.required("resource_id")?.to_owned();
    admin
        .write(&fields.updater(), |snapshot| {
            endpoints::change(snapshot, &id, |endpoint| {
                endpoint
                    .bindings
                    .retain(|it| it.resource_type != kind || it.resource_id != resource);
                Ok(())
            })
        })
        .await?;
    Ok(json!({}))
}

pub(super) async fn list(admin: &Admin, fields: &Fields) -> Result<Value, AdminError> {
    let snapshot = admin.snapshot().await?;
    let endpoint = fields.text("endpoint_id");
    let mut found = Vec::new();
    for entity in models::by_age(&snapshot, EntityKind::ENDPOINT) {
        if endpoint.is_none_or(|id| id == entity.id) {
            found.extend(of(entity, fields)?);
        }
    }
    Ok(models::listed("bindings", found))
}

fn of(entity: &Entity, fields: &Fields) -> Result<Vec<Value>, AdminError> {
    let endpoint: EndpointSpec = spec::read(entity)?;
    let wanted = |field: &str, value: &str| fields.text(field).is_none_or(|it| it == value);
    let bindings = endpoint.bindings.iter().filter(|binding| {
        wanted("resource_type", &binding.resource_type)
            && wanted("resource_id", &binding.resource_id)
    });
    Ok(bindings.map(|binding| info(&entity.id, binding)).collect())
}

fn resource_type(fields: &Fields) -> Result<&str, AdminError> {
    let given = fields.required("resource_type")?;
    if TYPES.contains(&given) {
        return Ok(given);
    }
    Err(AdminError::Invalid(format!(
        "Invalid value for parameter 'resource_type': '{given}'. Must be one of: {}.",
        TYPES.join(", ")
    )))
}

fn info(endpoint_id: &str, binding: &Binding) -> Value {
    let mut info = Map::new();
    info.insert("endpoint_id".to_owned(), endpoint_id.into());
    info.insert(
        "resource_type".to_owned(),
        binding.resource_type.as_str().into(),
    );
    info.insert(
        "resource_id".to_owned(),
        binding.resource_id.as_str().into(),
    );
    info.insert("created_at".to_owned(), binding.created_at.into());
    info.insert("last_updated_at".to_owned(), binding.created_at.into());
    if let Some(name) = &binding.created_by {
        info.insert("created_by".to_owned(), name.as_str().into());
        info.insert("last_updated_by".to_owned(), name.as_str().into());
    }
    info.into()
}
