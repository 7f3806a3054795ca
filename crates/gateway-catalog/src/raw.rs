//! A line of the table, as it is written.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::catalog::ModelFacts;
use crate::price::{Price, Rates, pico};

#[derive(Deserialize)]
pub(crate) struct Line {
    pub(crate) provider: String,
    pub(crate) model: String,
    mode: Option<String>,
    max_input_tokens: Option<u64>,
    max_output_tokens: Option<u64>,
    cost: Option<Cost>,
    #[serde(default)]
    cost_above: BTreeMap<String, Cost>,
    #[serde(default)]
    supports: Vec<String>,
}

#[derive(Deserialize, Clone, Copy)]
struct Cost {
    input: Option<f64>,
    output: Option<f64>,
    cache_read: Option<f64>,
    cache_write: Option<f64>,
    cache_write_1h: Option<f64>,
    audio_input: Option<f64>,
    audio_output: Option<f64>,
    reasoning_output: Option<f64>,
    per_query: Option<f64>,
}

impl Cost {
    fn rates(self) -> Rates {
        Rates {
            input: self.input.and_then(pico),
            output: self.output.and_then(pico),
            cache_read: self.cache_read.and_then(pico),
            cache_write: self.cache_write.and_then(pico),
            cache_write_1h: self.cache_write_1h.and_then(pico),
            audio_input: self.audio_input.and_then(pico),
            audio_output: self.audio_output.and_then(pico),
            reasoning_output: self.reasoning_output.and_then(pico),
            per_query: self.per_query.and_then(pico),
        }
    }
}

impl Line {
    pub(crate) fn facts(self) -> ModelFacts {
        let mut above: Vec<(u64, Rates)> = self
            .cost_above
            .iter()
            .filter_map(|(tokens, cost)| Some((tokens.parse().ok()?, cost.rates())))
            .collect();
        above.sort_by_key(|(tokens, _)| *tokens);
        ModelFacts {
            provider: self.provider,
            model: self.model,
            mode: self.mode,
            max_input_tokens: self.max_input_tokens,
            max_output_tokens: self.max_output_tokens,
            price: self.cost.map(|cost| Price {
                rates: cost.rates(),
                above,
            }),
            supports: self.supports,
        }
    }
}
