//! Stores that several gateways share. They outlive plans: a new plan with the same URL finds them again.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use gateway_config::Plan;
use gateway_schema::Secret;
use gateway_store::shared::SharedStores;

use crate::running::BuildError;

/// Opens the stores of the server at a URL, or says what is wrong with the URL. It does not wait for the server.
pub type OpenStores = Arc<dyn Fn(&Secret) -> Result<SharedStores, String> + Send + Sync>;

/// The shared stores, if there are any.
#[derive(Default)]
pub(crate) struct Stores {
    pub(crate) open: Option<OpenStores>,
    current: Mutex<Option<(Secret, SharedStores)>>,
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
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((of, stores)) = &*current
            && of == url
        {
            return Ok(Some(stores.clone()));
        }
        let stores = open(url).map_err(BuildError::Stores)?;
        *current = Some((url.clone(), stores.clone()));
        Ok(Some(stores))
    }
}
