//! The use cases that all faces share.

use std::sync::{Arc, PoisonError, RwLock};

use gateway_config::{Definitions, Plan, Providers};
use gateway_secrets::KeyRing;
use gateway_store::StoreError;
use gateway_store::definitions::{Author, Commit, DefinitionStore, Revision, Write};
use tokio::sync::Mutex;

use crate::assemble::{Assembly, assemble};
use crate::snapshot::Snapshot;
use crate::spec;
use crate::{AdminError, Policy};

/// How often a write that another one overtook is decided again.
const ATTEMPTS: usize = 5;

/// Where a plan goes once it is checked and committed.
pub trait PlanSink: Send + Sync + 'static {
    /// Puts the plan to use. It was checked; what it cannot open or reach is an error, and the plan before it stays.
    ///
    /// # Errors
    /// What is wrong, for the log.
    fn apply(&self, plan: &Plan) -> Result<(), String>;
}

/// Where the master keys come from.
pub trait Keys: Send + Sync + 'static {
    /// The keys as they are now.
    ///
    /// # Errors
    /// Why there are none, without a key in it.
    fn ring(&self) -> Result<KeyRing, String>;
}

/// What an [`Admin`] needs.
pub struct AdminConfig {
    /// Where the definitions are.
    pub store: Arc<dyn DefinitionStore>,
    /// Where the master keys come from. Asked again when a secret is sealed under a key that is not at hand, so that a
    /// rotation reaches a running process.
    pub keys: Arc<dyn Keys>,
    /// The providers that exist.
    pub providers: Arc<dyn Providers + Send + Sync>,
    /// What the configuration file defines; it cannot be changed here, and its names come first.
    pub base: Definitions,
    /// What administrators may choose.
    pub policy: Policy,
    /// Where plans go.
    pub sink: Arc<dyn PlanSink>,
    /// The time, in milliseconds since 1970, UTC.
    pub clock: fn() -> u64,
}

impl std::fmt::Debug for AdminConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AdminConfig").finish_non_exhaustive()
    }
}

/// The control plane. Clones share one.
#[derive(Clone)]
pub struct Admin(Arc<Inner>);

struct Inner {
    config: AdminConfig,
    ring: RwLock<KeyRing>,
    /// What is in use. Held while a plan is applied, so that plans are applied in the order of their revisions.
    applied: Mutex<Option<Revision>>,
}

impl std::fmt::Debug for Admin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Admin").finish_non_exhaustive()
    }
}

impl Admin {
    /// A control plane over a store.
    ///
    /// # Errors
    /// There is no master key.
    pub fn new(config: AdminConfig) -> Result<Self, AdminError> {
        let ring = config.keys.ring().map_err(AdminError::Internal)?;
        Ok(Self(Arc::new(Inner {
            config,
            ring: RwLock::new(ring),
            applied: Mutex::default(),
        })))
    }

    pub(crate) fn policy(&self) -> &Policy {
        &self.0.config.policy
    }

    /// The master keys at hand.
    pub(crate) fn ring(&self) -> KeyRing {
        let ring = self.0.ring.read();
        ring.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The master keys that open every secret of `snapshot`, read anew when one is missing.
    fn ring_of(&self, snapshot: &Snapshot) -> Result<KeyRing, AdminError> {
        let ring = self.ring();
        if spec::unknown_key(snapshot, &ring).is_none() {
            return Ok(ring);
        }
        let ring = self.0.config.keys.ring().map_err(AdminError::Internal)?;
        if let Some(problem) = spec::unknown_key(snapshot, &ring) {
            return Err(problem);
        }
        let mut slot = self.0.ring.write().unwrap_or_else(PoisonError::into_inner);
        slot.clone_from(&ring);
        Ok(ring)
    }

    pub(crate) fn providers(&self) -> &dyn Providers {
        &*self.0.config.providers
    }

    pub(crate) fn now(&self) -> u64 {
        (self.0.config.clock)()
    }

    /// Everything that is stored.
    pub(crate) async fn snapshot(&self) -> Result<Snapshot, AdminError> {
        Ok(self.0.config.store.load(None).await?.into())
    }

    /// Loads the newest definitions and puts them to use, unless they are in use already.
    ///
    /// # Errors
    /// The store is away, a row cannot be read, or the plan cannot be put to use; the plan before it stays in use.
    pub async fn refresh(&self) -> Result<Revision, AdminError> {
        let snapshot = self.snapshot().await?;
        let assembly = self.assemble(&snapshot)?;
        self.apply(assembly).await?;
        Ok(snapshot.revision)
    }

    /// Follows the store for ever: applies each new revision. Failures are logged and tried again after `pause`.
    pub async fn follow<S: Future<Output = ()>>(&self, pause: impl Fn() -> S) {
        let mut known = self.0.applied.lock().await.unwrap_or_default();
        loop {
            let newest = match self.0.config.store.changed(known).await {
                Ok(revision) if revision == known => continue,
                Ok(_) => self.refresh().await,
                Err(error) => Err(error.into()),
            };
            match newest {
                Ok(revision) => known = revision,
                Err(error) => {
                    tracing::error!(target: "gateway::admin", %error, "the stored configuration could not be followed");
                    pause().await;
                }
            }
        }
    }

    /// Decides on the newest definitions, checks the candidate, commits, and puts it to use.
    ///
    /// `decide` is called again when another write came in between; it returns the changes and what the caller gets.
    pub(crate) async fn write<R>(
        &self,
        author: &Author,
        decide: impl Fn(&Snapshot) -> Result<(Vec<Write>, R), AdminError>,
    ) -> Result<(R, Snapshot), AdminError> {
        for _ in 0..ATTEMPTS {
            let snapshot = self.snapshot().await?;
            let (writes, result) = decide(&snapshot)?;
            let at = self.now();
            let mut candidate = snapshot.after(&writes, author, at);
            let mut assembly = self.assemble(&candidate)?;
            let mut commit = Commit::new(snapshot.revision, author.clone(), at);
            commit.writes = writes;
            match self.0.config.store.commit(commit).await {
                Ok(committed) => {
                    candidate.revision = committed.revision;
                    assembly.revision = committed.revision;
                    self.apply(assembly).await?;
                    return Ok((result, candidate));
                }
                Err(StoreError::Conflict { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(AdminError::Conflict(
            "the configuration is being changed by others; try again".to_owned(),
        ))
    }

    fn assemble(&self, snapshot: &Snapshot) -> Result<Assembly, AdminError> {
        let config = &self.0.config;
        let ring = self.ring_of(snapshot)?;
        assemble(snapshot, &config.base, &ring, self.providers())
    }

    async fn apply(&self, assembly: Assembly) -> Result<(), AdminError> {
        let mut applied = self.0.applied.lock().await;
        if *applied >= Some(assembly.revision) {
            return Ok(());
        }
        self.0
            .config
            .sink
            .apply(&assembly.plan)
            .map_err(AdminError::Internal)?;
        for (endpoint, problems) in &assembly.broken {
            for problem in problems {
                tracing::warn!(target: "gateway::admin", endpoint, problem = problem.message, "an endpoint cannot run");
            }
        }
        *applied = Some(assembly.revision);
        Ok(())
    }
}
