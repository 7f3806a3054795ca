//! Stores that several gateways share. They outlive a plan when the next one names the same URL, and end with the last
//! plan, or call in flight, that counts in them.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use gateway_config::Plan;
use gateway_schema::Secret;
use gateway_store::cache::RemoteCache;
use gateway_store::rate::RateStore;
use gateway_store::shared::{SharedStores, StoreLink};

use crate::error::BuildError;

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

/// What there is of the stores that a plan asks for.
pub(crate) enum Found<'p> {
    /// It asks for none.
    None,
    /// They are open.
    Open(SharedStores),
    /// They can be opened by this function.
    Closed(&'p OpenStores, &'p Secret),
    /// This program cannot open them.
    Unsupported(BuildError),
}

impl Stores {
    /// Looks for the stores that `plan` asks for; opens nothing.
    pub(crate) fn find<'p>(&'p self, plan: &'p Plan) -> Found<'p> {
        let Some(url) = &plan.stores.redis else {
            return Found::None;
        };
        let Some(open) = &self.open else {
            let why = "this program was built without it".to_owned();
            return Found::Unsupported(BuildError::Stores(why));
        };
        let opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        let known = opened.iter().find(|one| one.url == *url);
        match known.and_then(Opened::stores) {
            Some(stores) => Found::Open(stores),
            None => Found::Closed(open, url),
        }
    }

    /// Lets later plans find stores that were opened, as long as somebody uses them.
    pub(crate) fn remember(&self, url: &Secret, stores: &SharedStores) {
        let mut opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        opened.retain(|one| one.stores().is_some());
        opened.push(Opened::new(url.clone(), stores));
    }
}
