//! Who may in: the port between whoever receives a credential and whoever knows credentials.

use std::collections::HashSet;
use std::sync::Arc;

use gateway_schema::{CallError, EndpointName};

use crate::call::{Presented, Principal};
use crate::transport::BoxFuture;

/// What a caller may ask.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Access {
    /// Nobody has looked at the caller's credential yet.
    #[default]
    Unchecked,
    /// Every endpoint and route.
    All,
    /// These endpoints and routes.
    Only(Arc<HashSet<EndpointName>>),
}

impl Access {
    /// True when the endpoint or route of this name may be asked. Nobody may ask anything unchecked.
    pub fn allows(&self, name: &str) -> bool {
        match self {
            Self::Unchecked => false,
            Self::All => true,
            Self::Only(names) => names.contains(name),
        }
    }
}

/// What came of a look at a credential.
pub enum Admission {
    /// It was known at once.
    Ready(Result<Principal, CallError>),
    /// Something must be fetched first, for instance an issuer's keys.
    Waiting(BoxFuture<'static, Result<Principal, CallError>>),
}

impl std::fmt::Debug for Admission {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Ready(outcome) => f.debug_tuple("Ready").field(outcome).finish(),
            Self::Waiting(_) => f.write_str("Waiting"),
        }
    }
}

/// Finds out who calls. On the way of every request: it takes no lock and does no I/O of its own.
pub trait Authenticate: Send + Sync + 'static {
    /// Who presents this. An admitted principal's [`access`](Principal::access) is never [`Access::Unchecked`].
    ///
    /// The error is of kind unauthenticated; its message tells a stranger nothing, its detail tells the log everything.
    fn authenticate(&self, presented: Option<&Arc<Presented>>) -> Admission;
}
