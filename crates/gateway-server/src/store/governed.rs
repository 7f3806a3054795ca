//! The control plane: a store of definitions, the management API over it, and the task that follows changes.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use gateway_admin::{Admin, AdminConfig, AdminService, Keys, Peer, PlanSink, Policy, Resolve};
use gateway_core::config::{Definitions, Plan, ProviderEntry, Providers};
use gateway_core::schema::{Operation, OptionProblem, Options, ProviderName};
use gateway_core::{Checked, Gateway, Registry};
use gateway_secrets::KeyRing;
use http::Request;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::keys::Source;
use super::location::{Location, Migration};
use crate::Failure;
use crate::environment::variable;
use crate::gateway::lines;
use crate::listen::{Arriving, Management, ManagementFuture};
use crate::open::Reach;
use crate::supervise::restarting;

#[cfg(feature = "sqlite")]
type Lock = gateway_store_sqlite::FolderLock;
#[cfg(not(feature = "sqlite"))]
type Lock = std::convert::Infallible;

/// How long the follower waits after the store did not answer.
const PAUSE: Duration = Duration::from_secs(1);

/// What the control plane is for.
pub(crate) struct Governed<'a> {
    /// Where the definitions are.
    pub(crate) place: &'a Location,
    /// The providers that exist.
    pub(crate) registry: &'a Registry,
    /// What is managed.
    pub(crate) gateway: &'a Gateway,
    /// Which plans may run.
    pub(crate) reach: Reach,
}

impl Governed<'_> {
    /// Opens the store, puts what is in it to use, and follows it until `stop`.
    pub(crate) async fn begin(
        self,
        tasks: &TaskTracker,
        stop: CancellationToken,
    ) -> Result<Arc<dyn Management>, Failure> {
        self.place.make_folder()?;
        let lock = lock(self.place)?;
        let store = self.place.open(Migration::Pending).await?;
        let sink = Sink {
            gateway: self.gateway.clone(),
            reach: self.reach,
        };
        let broken = |error: gateway_admin::AdminError| Failure::Broken(error.to_string());
        let admin = Admin::new(AdminConfig {
            store,
            keys: Arc::new(MasterKeys(self.place.clone())),
            providers: Arc::new(Known(self.registry.clone())),
            base: Definitions::default(),
            policy: policy(),
            sink: Arc::new(sink),
            clock: super::now,
        })
        .map_err(broken)?;
        admin.refresh().await.map_err(broken)?;
        let service = AdminService::new(admin.clone());
        restarting(tasks, "stored configuration", move || {
            let (admin, stop) = (admin.clone(), stop.clone());
            async move {
                tokio::select! {
                    () = stop.cancelled() => {}
                    () = admin.follow(|| tokio::time::sleep(PAUSE)) => {}
                }
            }
        });
        Ok(Arc::new(Managed {
            service,
            _lock: lock,
        }))
    }
}

/// The service behind the listener. The folder is locked as long as it lives.
struct Managed {
    service: AdminService,
    _lock: Option<Lock>,
}

impl Management for Managed {
    fn handles(&self, path: &str) -> bool {
        AdminService::handles(path)
    }

    fn call(&self, mut request: Request<Arriving>, peer: IpAddr) -> ManagementFuture {
        let service = self.service.clone();
        request.extensions_mut().insert(Peer(peer));
        Box::pin(async move { service.call(request).await })
    }
}

/// Locks the folder of a file for one server.
#[cfg(feature = "sqlite")]
fn lock(place: &Location) -> Result<Option<Lock>, Failure> {
    let Some(folder) = place.folder() else {
        return Ok(None);
    };
    let lock = gateway_store_sqlite::FolderLock::acquire(folder);
    lock.map(Some).map_err(|error| super::failure(&error))
}

#[cfg(not(feature = "sqlite"))]
#[expect(clippy::unnecessary_wraps, reason = "as in a build with SQLite")]
fn lock(_: &Location) -> Result<Option<Lock>, Failure> {
    Ok(None)
}

/// MLflow's variables.
fn policy() -> Policy {
    let list = |name: &str| -> Option<Vec<String>> {
        let text = variable(name)?;
        let items = text
            .split(',')
            .map(str::trim)
            .filter(|item| !item.is_empty());
        Some(items.map(str::to_owned).collect())
    };
    let is_on = |name: &str| {
        variable(name)
            .is_some_and(|text| matches!(text.to_ascii_lowercase().as_str(), "true" | "1"))
    };
    Policy {
        providers: list("MLFLOW_GATEWAY_ALLOWED_PROVIDERS"),
        schemes: list("MLFLOW_GATEWAY_API_BASE_ALLOWED_SCHEMES")
            .unwrap_or_else(|| vec!["https".to_owned()]),
        private_addresses: is_on("MLFLOW_GATEWAY_API_BASE_ALLOW_PRIVATE_IPS"),
        resolver: Arc::new(Resolver),
    }
}

struct Resolver;

#[async_trait::async_trait]
impl Resolve for Resolver {
    async fn resolve(&self, host: &str) -> Vec<IpAddr> {
        match tokio::net::lookup_host((host, 0)).await {
            Ok(found) => found.map(|address| address.ip()).collect(),
            Err(_) => Vec::new(),
        }
    }
}

/// The master keys of the environment or the folder. A folder without one gets one.
struct MasterKeys(Location);

impl Keys for MasterKeys {
    fn ring(&self) -> Result<KeyRing, String> {
        Source::or_made(&self.0)
            .and_then(|source| source.ring())
            .map_err(|error| error.to_string())
    }
}

/// The registry, owned.
struct Known(Registry);

impl Providers for Known {
    fn entries(&self) -> Vec<ProviderEntry<'_>> {
        let entry = |factory: &gateway_core::provider::Factory| ProviderEntry {
            name: factory.name,
            aliases: factory.aliases,
            options: factory.options,
        };
        self.0.iter().map(entry).collect()
    }

    fn check(
        &self,
        provider: &ProviderName,
        model: Option<&str>,
        operation: Operation,
        options: &Options,
    ) -> Vec<OptionProblem> {
        Checked(&self.0).check(provider, model, operation, options)
    }
}

/// Puts plans to use in this process.
struct Sink {
    gateway: Gateway,
    reach: Reach,
}

impl PlanSink for Sink {
    fn apply(&self, plan: &Plan) -> Result<(), String> {
        self.reach.check(plan).map_err(|error| error.to_string())?;
        self.gateway.apply(plan).map_err(|errors| lines(&errors))
    }
}
