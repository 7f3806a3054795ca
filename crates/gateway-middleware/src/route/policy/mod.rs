//! Which destination is chosen: one file per strategy, each a pure function of a set and a few facts.

mod latency;
mod least;
mod set;
mod split;
mod sticky;
mod turn;

#[cfg(test)]
mod tests;

pub(super) use latency::latency;
pub(super) use least::least;
pub(super) use set::Set;
pub(super) use split::split;
pub(super) use sticky::{hash, sticky};
pub(super) use turn::{first, turn};

/// How a destination is chosen among those that may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Strategy {
    /// By chance, in the proportion of the shares. The one that was drawn answers or fails.
    #[default]
    Split,
    /// The better of two drawn at random, by the time to the first token and the calls under way.
    Latency,
    /// The one with the fewest calls under way.
    Busy,
    /// The one where the call is expected to cost least.
    Cost,
    /// Each in turn.
    Turn,
    /// The first, in the order of the destinations.
    Priority,
}

impl Strategy {
    /// The name in records and in the reply.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Split => "traffic_split",
            Self::Latency => "least_latency",
            Self::Busy => "least_busy",
            Self::Cost => "lowest_cost",
            Self::Turn => "round_robin",
            Self::Priority => "priority",
        }
    }

    /// Whether another destination answers when the chosen one fails. A split is an experiment: who was drawn for one
    /// variant is not counted for the other.
    pub(super) const fn leads_on(self) -> bool {
        !matches!(self, Self::Split)
    }
}
