//! A build without stores of definitions: the configuration is a file.

use std::convert::Infallible;
use std::sync::Arc;

use gateway_core::{Gateway, Registry};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::Failure;
use crate::cli::StartOptions;
use crate::listen::Management;
use crate::open::Reach;

/// There is no place for a store.
pub(crate) struct Location(Infallible);

impl std::fmt::Display for Location {
    fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {}
    }
}

impl Location {
    /// None.
    #[expect(clippy::unnecessary_wraps, reason = "as in a build with stores")]
    pub(crate) const fn of_start(_: &StartOptions) -> Result<Option<Self>, Failure> {
        Ok(None)
    }
}

/// Never made.
pub(crate) struct Governed<'a> {
    pub(crate) place: &'a Location,
    #[expect(dead_code, reason = "as in a build with stores")]
    pub(crate) registry: &'a Registry,
    #[expect(dead_code, reason = "as in a build with stores")]
    pub(crate) gateway: &'a Gateway,
    #[expect(dead_code, reason = "as in a build with stores")]
    pub(crate) reach: Reach,
}

impl Governed<'_> {
    /// Never called.
    #[expect(clippy::unused_async, reason = "as in a build with stores")]
    pub(crate) async fn begin(
        self,
        _: &TaskTracker,
        _: CancellationToken,
    ) -> Result<Arc<dyn Management>, Failure> {
        match self.place.0 {}
    }
}
