//! Who may in: the port between whoever receives a credential and whoever knows credentials.

use std::collections::HashSet;
use std::sync::Arc;

use gateway_schema::{CallError, EndpointName, ErrorKind};

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

/// What came of a look at the head of a request whose credential is a signature over it.
#[derive(Debug)]
pub enum SignedHead {
    /// The signature is good, if the body has this SHA-256.
    Verified(Principal, [u8; 32]),
    /// The signature covers a body whose digest the head does not state: present the whole request to
    /// [`Authenticate::authenticate`].
    NeedsBody,
}

/// Finds out who calls. On the way of every request: it takes no lock and does no I/O of its own.
pub trait Authenticate: Send + Sync + 'static {
    /// Who presents this. An admitted principal's [`access`](Principal::access) is never [`Access::Unchecked`].
    ///
    /// The error is of kind unauthenticated; its message tells a stranger nothing, its detail tells the log everything.
    fn authenticate(&self, presented: Option<&Arc<Presented>>) -> Admission;

    /// Who signed the request that begins with `head`, as far as that can be known before its body is there.
    ///
    /// # Errors
    /// Nobody, or not now: no more of the request is read. As for [`authenticate`](Self::authenticate).
    fn authenticate_head(&self, head: &http::request::Parts) -> Result<SignedHead, CallError> {
        let _ = head;
        Ok(SignedHead::NeedsBody)
    }

    /// Whether an admitted principal may ask the endpoint or route of this name, existing or not.
    ///
    /// # Errors
    /// It may not: [`Principal::permit`].
    fn permit(&self, principal: &Principal, name: &str) -> Result<(), CallError> {
        principal.permit(name)
    }
}

impl Principal {
    /// Whether it may ask the endpoint or route of this name. The name need not exist: a caller with a list of
    /// endpoints does not learn what else there is.
    ///
    /// # Errors
    /// It may not; of kind forbidden.
    pub fn permit(&self, name: &str) -> Result<(), CallError> {
        if self.access.allows(name) {
            return Ok(());
        }
        let who = self.name.as_deref().unwrap_or("anonymous");
        let name: String = name.chars().take(100).collect();
        let error = CallError::client(
            ErrorKind::Forbidden,
            format!("This API key may not call '{name}'."),
        );
        Err(error
            .with_code("endpoint_forbidden")
            .with_detail(format!("auth: '{who}' may not call this endpoint")))
    }
}
