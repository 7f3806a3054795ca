//! Opened credentials, for the time in which a plan is checked.

use std::collections::BTreeMap;

use gateway_config::{FileText, Lookup};
use gateway_schema::Secret;
use gateway_secrets::{Fields, KeyRing};
use gateway_store::definitions::EntityKind;

use crate::snapshot::Snapshot;
use crate::spec;

/// The credentials of a snapshot, by the id of the secret.
pub(crate) struct Vault {
    secrets: BTreeMap<String, Fields>,
}

impl Vault {
    /// Opens every secret. One that does not open is logged by its name and is absent: the endpoints that need it are
    /// left out of the plan.
    pub(crate) fn open(snapshot: &Snapshot, ring: &KeyRing) -> Self {
        let mut secrets = BTreeMap::new();
        for entity in snapshot.of(EntityKind::SECRET) {
            match spec::open(ring, entity) {
                Ok(fields) => {
                    secrets.insert(entity.id.clone(), fields);
                }
                Err(error) => {
                    tracing::error!(target: "gateway::admin", secret = entity.name, %error, "a secret cannot be opened");
                }
            }
        }
        Self { secrets }
    }

    /// The names of the credentials of one secret.
    pub(crate) fn names(&self, id: &str) -> impl Iterator<Item = &str> {
        self.secrets
            .get(id)
            .into_iter()
            .flat_map(|fields| fields.iter().map(|(name, _)| name))
    }

    /// How [`Lookup::secret`] calls one credential.
    pub(crate) fn reference(id: &str, field: &str) -> String {
        format!("{id}.{field}")
    }
}

/// Only stored secrets are found: definitions in a store may not read variables or files of the machine.
impl Lookup for Vault {
    fn env(&self, _name: &str) -> Option<String> {
        None
    }

    fn file(&self, _path: &str) -> FileText {
        FileText::Absent
    }

    fn secret(&self, name: &str) -> Option<Secret> {
        let (id, field) = name.split_once('.')?;
        self.secrets.get(id)?.get(field).cloned()
    }
}
