//! What outlives a plan: the state of targets that has a name. A new plan finds it again by endpoint and account.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use gateway_middleware::breaker::{BreakerState, BreakerStatus};
use gateway_middleware::concurrency::Places;
use gateway_middleware::fallback::Rest;
use gateway_middleware::load::Load;
use gateway_schema::EndpointName;

/// The state of one target.
#[derive(Debug, Clone, Default)]
pub(crate) struct TargetState {
    pub(crate) breaker: BreakerState,
    pub(crate) rest: Rest,
    /// The places, and the number they were made for: another number is another set.
    places: Option<(u32, Places)>,
}

/// The states of all targets that any plan had, and how their endpoints do. Clones share them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Kept {
    targets: Arc<Mutex<HashMap<(EndpointName, usize), TargetState>>>,
    loads: Arc<Mutex<HashMap<EndpointName, Load>>>,
}

impl Kept {
    /// The state of an endpoint's account of that number, with places for `max_concurrency` calls if that is bounded.
    pub(crate) fn target(
        &self,
        endpoint: &EndpointName,
        account: usize,
        max_concurrency: Option<u32>,
    ) -> (TargetState, Option<Places>) {
        let mut states = self.targets.lock().unwrap_or_else(PoisonError::into_inner);
        let state = states.entry((endpoint.clone(), account)).or_default();
        let places = max_concurrency.map(|bound| match &state.places {
            Some((made_for, places)) if *made_for == bound => places.clone(),
            _ => {
                let bound_usize = bound as usize;
                // A line longer than ten times the places would only collect callers that give up.
                let places = Places::new(bound_usize, bound_usize.saturating_mul(10));
                state.places = Some((bound, places.clone()));
                places
            }
        });
        (state.clone(), places)
    }

    /// How an endpoint does, whichever way calls come to it.
    pub(crate) fn load(&self, endpoint: &EndpointName) -> Load {
        let mut loads = self.loads.lock().unwrap_or_else(PoisonError::into_inner);
        loads.entry(endpoint.clone()).or_default().clone()
    }

    /// Breakers that are not closed, by endpoint and account.
    pub(crate) fn breakers(&self) -> Vec<TargetStatus> {
        let states = self.targets.lock().unwrap_or_else(PoisonError::into_inner);
        let mut open: Vec<_> = states
            .iter()
            .map(|((endpoint, account), state)| TargetStatus {
                endpoint: endpoint.clone(),
                account: *account,
                status: state.breaker.status(),
            })
            .filter(|one| one.status != BreakerStatus::Closed)
            .collect();
        open.sort_by(|one, other| {
            (&one.endpoint, one.account).cmp(&(&other.endpoint, other.account))
        });
        open
    }
}

/// How the breaker of one target stands.
#[derive(Debug, Clone)]
pub(crate) struct TargetStatus {
    pub(crate) endpoint: EndpointName,
    pub(crate) account: usize,
    pub(crate) status: BreakerStatus,
}
