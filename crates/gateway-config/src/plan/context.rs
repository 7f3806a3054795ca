//! What every section may ask for while it is read.

use super::policy::Policy;
use super::timeout::Timeouts;
use crate::diagnostic::Problems;
use crate::source::{Lookup, Providers};

/// What every section may ask for.
pub(crate) struct Context<'a> {
    pub(crate) lookup: &'a dyn Lookup,
    pub(crate) providers: &'a dyn Providers,
    pub(crate) policy: Policy,
    pub(crate) timeouts: Timeouts,
    pub(crate) problems: &'a mut Problems,
}

impl<'a> Context<'a> {
    /// A context in which nothing has been read.
    pub(crate) fn new(
        lookup: &'a dyn Lookup,
        providers: &'a dyn Providers,
        problems: &'a mut Problems,
    ) -> Self {
        Self {
            lookup,
            providers,
            policy: Policy::read(lookup, providers, problems),
            timeouts: Timeouts::default(),
            problems,
        }
    }
}
