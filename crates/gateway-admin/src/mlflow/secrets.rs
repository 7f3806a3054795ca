//! `/gateway/secrets/*`.

use std::collections::BTreeMap;

use gateway_schema::Secret;
use gateway_secrets::Fields as Credentials;
use gateway_store::definitions::{Entity, EntityKind, Write};
use serde_json::{Map, Value, json};

use super::fields::Fields;
use crate::snapshot::{self as writes, Snapshot};
use crate::spec::{self, ModelSpec, SecretSpec};
use crate::{Admin, AdminError, destination, id};

/// Settings that choose where requests go; they are not taken from anyone.
const RESERVED: [&str; 4] = ["base_url", "model_list", "fallbacks", "custom_llm_provider"];
/// The address of a provider: judged in `auth_config`, refused among the credentials.
const ADDRESS: &str = "api_base";

pub(super) async fn create(admin: &Admin, fields: &Fields) -> Result<Value, AdminError> {
    let name = fields.required("secret_name")?.to_owned();
    let credentials = credentials(fields)?.unwrap_or_default();
    let settings = settings(admin, fields).await?.unwrap_or_default();
    let provider = fields.text("provider").map(str::to_owned);
    let id = id::fresh("s")?;
    let sealed = spec::seal(&admin.ring(), &id, &name, &credentials)?;
    let secret = spec::write(&SecretSpec {
        provider,
        auth_config: settings,
        masked: credentials.masked(),
    })?;
    let ((), snapshot) = admin
        .write(&fields.creator(), |snapshot| {
            let taken = snapshot
                .of(EntityKind::SECRET)
                .any(|entity| entity.name == name);
            if taken {
                return Err(AdminError::Exists {
                    entity: "Secret",
                    name: name.clone(),
                });
            }
            let write = writes::create(
                EntityKind::SECRET,
                &id,
                &name,
                &secret,
                Some(sealed.clone()),
            )?;
            Ok((vec![write], ()))
        })
        .await?;
    shown(&snapshot, &id)
}

pub(super) async fn get(admin: &Admin, fields: &Fields) -> Result<Value, AdminError> {
    let id = fields.required("secret_id")?;
    shown(&admin.snapshot().await?, id)
}

pub(super) async fn update(admin: &Admin, fields: &Fields) -> Result<Value, AdminError> {
    let id = fields.required("secret_id")?.to_owned();
    let credentials = credentials(fields)?.filter(|it| it.iter().next().is_some());
    let settings = settings(admin, fields).await?;
    let ((), snapshot) = admin
        .write(&fields.updater(), |snapshot| {
            let entity = find(snapshot, &id)?;
            let mut secret: SecretSpec = spec::read(entity)?;
            if let Some(settings) = &settings {
                secret.auth_config.clone_from(settings);
            }
            if let Some(credentials) = &credentials {
                secret.masked = credentials.masked();
            }
            let mut write = writes::replace(entity, &entity.name, &spec::write(&secret)?)?;
            if let (Some(credentials), Write::Replace { draft, .. }) = (&credentials, &mut write) {
                draft.sealed = Some(spec::seal(&admin.ring(), &id, &entity.name, credentials)?);
            }
            Ok((vec![write], ()))
        })
        .await?;
    shown(&snapshot, &id)
}

/// Removes a secret. Model definitions that use it keep existing, without one.
pub(super) async fn delete(admin: &Admin, fields: &Fields) -> Result<Value, AdminError> {
    let id = fields.required("secret_id")?.to_owned();
    admin
        .write(&fields.updater(), |snapshot| {
            let mut changes = Vec::new();
            for entity in snapshot.of(EntityKind::MODEL_DEFINITION) {
                let mut model: ModelSpec = spec::read(entity)?;
                if model.secret_id.as_deref() == Some(&id) {
                    model.secret_id = None;
                    changes.push(writes::replace(
                        entity,
                        &entity.name,
                        &spec::write(&model)?,
                    )?);
                }
            }
            changes.push(writes::remove(find(snapshot, &id)?));
            Ok((changes, ()))
        })
        .await?;
    Ok(json!({}))
}

pub(super) async fn list(admin: &Admin, fields: &Fields) -> Result<Value, AdminError> {
    let snapshot = admin.snapshot().await?;
    let mut secrets = Vec::new();
    for entity in super::models::by_age(&snapshot, EntityKind::SECRET) {
        let secret: SecretSpec = spec::read(entity)?;
        let wanted = fields.text("provider");
        if wanted.is_none() || wanted == secret.provider.as_deref() {
            secrets.push(info(entity, &secret));
        }
    }
    Ok(super::models::listed("secrets", secrets))
}

fn find<'a>(snapshot: &'a Snapshot, id: &str) -> Result<&'a Entity, AdminError> {
    let entity = snapshot.find(&EntityKind::SECRET, id);
    entity.map(|entity| &**entity).ok_or_else(|| absent(id))
}

/// The error for a secret that is not there.
pub(super) fn absent(id: &str) -> AdminError {
    AdminError::NotFound {
        entity: "GatewaySecret",
        key: "secret_id",
        value: id.to_owned(),
    }
}

fn shown(snapshot: &Snapshot, id: &str) -> Result<Value, AdminError> {
    let entity = find(snapshot, id)?;
    Ok(json!({"secret": info(entity, &spec::read(entity)?)}))
}

fn info(entity: &Entity, secret: &SecretSpec) -> Value {
    let mut info = Map::new();
    info.insert("secret_id".to_owned(), entity.id.as_str().into());
    info.insert("secret_name".to_owned(), entity.name.as_str().into());
    if !secret.masked.is_empty() {
        info.insert("masked_values".to_owned(), json!(secret.masked));
    }
    super::models::stamps(entity, &mut info);
    if let Some(provider) = &secret.provider {
        info.insert("provider".to_owned(), provider.as_str().into());
    }
    if !secret.auth_config.is_empty() {
        info.insert("auth_config".to_owned(), json!(secret.auth_config));
    }
    info.into()
}

fn credentials(fields: &Fields) -> Result<Option<Credentials>, AdminError> {
    let Some(texts) = fields.texts("secret_value") else {
        return Ok(None);
    };
    let reserved = RESERVED
        .iter()
        .chain([&ADDRESS])
        .find(|name| texts.contains_key(**name));
    if let Some(name) = reserved {
        return Err(AdminError::Invalid(format!(
            "secret_value must not contain '{name}': these keys choose where the gateway sends requests. Set the upstream with 'api_base' in auth_config, where it is validated."
        )));
    }
    let mut credentials = Credentials::new();
    for (name, value) in texts {
        credentials.insert(name, Secret::new(value));
    }
    Ok(Some(credentials))
}

async fn settings(
    admin: &Admin,
    fields: &Fields,
) -> Result<Option<BTreeMap<String, String>>, AdminError> {
    let Some(mut texts) = fields.texts("auth_config") else {
        return Ok(None);
    };
    if let Some(name) = RESERVED.iter().find(|name| texts.contains_key(**name)) {
        return Err(AdminError::Invalid(format!(
            "auth_config must not contain '{name}': these keys choose where the gateway sends requests. Set the upstream with 'api_base' in auth_config, where it is validated."
        )));
    }
    if let Some(address) = texts.remove(ADDRESS)
        && let Some(address) = destination::check(&address, admin.policy()).await?
    {
        texts.insert(ADDRESS.to_owned(), address);
    }
    Ok(Some(texts))
}
