//! Where a route may lead.

use std::time::Duration;

use gateway_schema::EndpointName;

use super::policy::hash;
use crate::breaker::BreakerState;
use crate::fallback::Rest;
use crate::load::Load;

/// One destination of a route.
#[derive(Debug, Clone)]
pub struct Destination<S> {
    pub(super) name: EndpointName,
    pub(super) service: S,
    pub(super) share: u32,
    pub(super) load: Load,
    /// Its targets: until when each rests, and its breaker if it has one.
    targets: Vec<(Rest, Option<BreakerState>)>,
    pub(super) hash: u64,
}

impl<S> Destination<S> {
    /// The endpoint `name`, which `service` answers for, with a share of 1.
    pub fn new(name: impl Into<EndpointName>, service: S) -> Self {
        let name = name.into();
        Self {
            hash: hash(name.as_str().as_bytes()),
            name,
            service,
            share: 1,
            load: Load::default(),
            targets: Vec::new(),
        }
    }

    /// Its share of the calls, relative to the others'. With a share of zero only rules lead there.
    pub const fn with_share(mut self, share: u32) -> Self {
        self.share = share;
        self
    }

    /// How it does, as whoever asks it [watches](crate::load).
    pub fn with_load(mut self, load: Load) -> Self {
        self.load = load;
        self
    }

    /// Adds one of the targets behind it. It is left out while all of them rest or are left alone by their breakers.
    pub fn with_target(mut self, rest: Rest, breaker: Option<BreakerState>) -> Self {
        self.targets.push((rest, breaker));
        self
    }

    /// How long until one of its targets is fit.
    pub(super) fn wait(&self) -> Duration {
        let waits = self.targets.iter().map(|(rest, breaker)| {
            let breaker = breaker.as_ref().map_or(Duration::ZERO, BreakerState::wait);
            rest.remaining().max(breaker)
        });
        waits.min().unwrap_or_default()
    }
}
