use std::fmt;

use tower_layer::Layer;

use super::policy::{RetryBudget, RetryConfig};
use super::service::Retrying;
use crate::Dice;

/// Adds [`Retrying`] to a service. Services made by one layer share one budget.
#[derive(Clone)]
pub struct RetryLayer {
    config: RetryConfig,
    budget: RetryBudget,
    dice: Dice,
}

impl RetryLayer {
    /// A layer with a budget of its own.
    pub fn new(config: RetryConfig, dice: Dice) -> Self {
        Self {
            config,
            budget: RetryBudget::new(config.budget),
            dice,
        }
    }

    /// Shares `budget` with others.
    pub fn with_budget(mut self, budget: RetryBudget) -> Self {
        self.budget = budget;
        self
    }
}

impl fmt::Debug for RetryLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RetryLayer")
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}

impl<S> Layer<S> for RetryLayer {
    type Service = Retrying<S>;

    fn layer(&self, inner: S) -> Retrying<S> {
        Retrying::new(inner, self.config, self.budget.clone(), self.dice.clone())
    }
}
