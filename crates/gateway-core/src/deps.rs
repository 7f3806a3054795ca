//! What every plan is built with.

use std::sync::Arc;

use foldhash::HashMap;
use gateway_middleware::Dice;
use gateway_middleware::overload::Capacity;
use gateway_provider::{Deps, Provider, Registry};
use gateway_store::RecordSink;
use gateway_telemetry::Telemetry;

use crate::identity::Identity;
use crate::stack::{Rates, StackLayers};
use crate::state::SharedState;
use crate::stores::Stores;

/// What every plan is built with. It outlives all of them.
pub(crate) struct EngineDeps {
    pub(crate) registry: Registry,
    pub(crate) providers: HashMap<String, Arc<dyn Provider>>,
    pub(crate) deps: Deps,
    pub(crate) records: Arc<dyn RecordSink>,
    pub(crate) dice: Dice,
    pub(crate) rates: Rates,
    pub(crate) stores: Stores,
    pub(crate) state: SharedState,
    pub(crate) identity: Identity,
    pub(crate) capacity: Capacity,
    pub(crate) layers: Vec<StackLayers>,
    pub(crate) telemetry: Option<Telemetry>,
}
