//! Stores that several gateways share. They outlive a plan when the next one names the same URL, and end with the last
//! plan, or call in flight, that counts in them.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use gateway_config::Plan;
use gateway_schema::Secret;
use gateway_store::cache::RemoteCache;
use gateway_store::rate::RateStore;
use gateway_store::shared::{SharedStores, StoreLink};

use crate::running::BuildError;

/// Opens the stores of the server at a URL, or says what is wrong with the URL. It does not wait for the server.
pub type OpenStores = Arc<dyn Fn(&Secret) -> Result<SharedStores, String> + Send + Sync>;

/// The shared stores, if there are any.
#[derive(Default)]
pub(crate) struct Stores {
    pub(crate) open: Option<OpenStores>,
    opened: Mutex<Vec<Opened>>,
}

/// Stores that somebody uses, or used until a moment ago.
struct Opened {
    url: Secret,
    /// What plans and calls in flight hold: without it, nobody counts there.
    rates: Weak<dyn RateStore>,
    cache: Weak<dyn RemoteCache>,
    link: Weak<dyn StoreLink>,
}

impl Opened {
    fn new(url: Secret, stores: &SharedStores) -> Self {
        Self {
            url,
            rates: Arc::downgrade(&stores.rates),
            cache: Arc::downgrade(&stores.cache),
            link: Arc::downgrade(&stores.link),
        }
    }

    fn stores(&self) -> Option<SharedStores> {
        Some(SharedStores {
            rates: self.rates.upgrade()?,
            cache: self.cache.upgrade()?,
            link: self.link.upgrade()?,
        })
    }
}

impl fmt::Debug for Stores {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stores").finish_non_exhaustive()
    }
}

impl Stores {
    /// The stores that `plan` asks for.
    pub(crate) fn of(&self, plan: &Plan) -> Result<Option<SharedStores>, BuildError> {
        let Some(url) = &plan.stores.redis else {
            return Ok(None);
        };
        let open = self
            .open
            .as_ref()
            .ok_or_else(|| BuildError::Stores("this program was built without it".to_owned()))?;
        let mut opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        opened.retain(|one| one.stores().is_some());
        let known = opened.iter().find(|one| one.url == *url);
        if let Some(stores) = known.and_then(Opened::stores) {
            return Ok(Some(stores));
        }
        let stores = open(url).map_err(BuildError::Stores)?;
        opened.push(Opened::new(url.clone(), &stores));
        Ok(Some(stores))
    }
}
