//! What tokens cost.

use gateway_schema::{Usage, Usd};

/// Prices of one token (or one query), in pico-dollars: fine enough for every published price, so that sums are exact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Rates {
    /// Fresh input.
    pub input: Option<u64>,
    /// Output.
    pub output: Option<u64>,
    /// Input read from a prompt cache; fresh input's price if absent.
    pub cache_read: Option<u64>,
    /// Input written to a prompt cache; fresh input's price if absent.
    pub cache_write: Option<u64>,
    /// Input written to a prompt cache that lives an hour; `cache_write` if absent.
    pub cache_write_1h: Option<u64>,
    /// Audio input; fresh input's price if absent.
    pub audio_input: Option<u64>,
    /// Audio output; output's price if absent.
    pub audio_output: Option<u64>,
    /// Reasoning; output's price if absent.
    pub reasoning_output: Option<u64>,
    /// One query, or each of the search units that the provider counted (rerank, search).
    pub per_query: Option<u64>,
}

/// The price of a model: base rates, and rates that apply to the whole call above a number of input tokens.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Price {
    /// The base rates.
    pub rates: Rates,
    /// More input tokens than this: these rates. Ascending.
    pub above: Vec<(u64, Rates)>,
}

impl Price {
    /// Flat prices.
    pub const fn flat(rates: Rates) -> Self {
        Self {
            rates,
            above: Vec::new(),
        }
    }

    /// Flat prices from dollars per million tokens, as price lists state them.
    pub fn per_million(input: f64, output: f64) -> Self {
        Self::flat(Rates {
            input: pico(input / 1e6),
            output: pico(output / 1e6),
            ..Rates::default()
        })
    }

    /// The rates for a prompt of this length.
    fn rates_for(&self, input_tokens: u64) -> Rates {
        let tier = self
            .above
            .iter()
            .rev()
            .find(|(above, _)| input_tokens > *above);
        let Some((_, tier)) = tier else {
            return self.rates;
        };
        let base = &self.rates;
        Rates {
            input: tier.input.or(base.input),
            output: tier.output.or(base.output),
            cache_read: tier.cache_read.or(base.cache_read),
            cache_write: tier.cache_write.or(base.cache_write),
            cache_write_1h: tier.cache_write_1h.or(base.cache_write_1h),
            audio_input: tier.audio_input.or(base.audio_input),
            audio_output: tier.audio_output.or(base.audio_output),
            reasoning_output: tier.reasoning_output.or(base.reasoning_output),
            per_query: tier.per_query.or(base.per_query),
        }
    }

    /// What a call cost.
    ///
    /// [`Usage::input_tokens`] is the whole prompt, so every token is priced once: cached and audio tokens are taken
    /// out of the prompt before the rest is priced as fresh input, reasoning and audio out of the output likewise.
    /// Parts that add up to more than the whole are priced as reported and the rest as nothing.
    pub fn cost(&self, usage: &Usage) -> Usd {
        let input = usage.input_tokens.unwrap_or(0);
        let output = usage.output_tokens.unwrap_or(0);
        let rates = self.rates_for(input);
        let fresh_rate = rates.input.unwrap_or(0);
        let output_rate = rates.output.unwrap_or(0);

        let read = usage.cache_read_tokens.unwrap_or(0);
        let hour = usage.cache_write_1h_tokens.unwrap_or(0);
        let write = usage.cache_write_tokens.unwrap_or(0).saturating_sub(hour);
        let audio_in = usage.input_audio_tokens.unwrap_or(0);
        let fresh = input
            .saturating_sub(read)
            .saturating_sub(write)
            .saturating_sub(hour)
            .saturating_sub(audio_in);

        let reasoning = match rates.reasoning_output {
            Some(_) => usage.reasoning_tokens.unwrap_or(0),
            None => 0,
        };
        let audio_out = usage.output_audio_tokens.unwrap_or(0);
        let plain_output = output.saturating_sub(reasoning).saturating_sub(audio_out);

        let write_rate = rates.cache_write.unwrap_or(fresh_rate);
        let priced = [
            (fresh, fresh_rate),
            (read, rates.cache_read.unwrap_or(fresh_rate)),
            (write, write_rate),
            (hour, rates.cache_write_1h.unwrap_or(write_rate)),
            (audio_in, rates.audio_input.unwrap_or(fresh_rate)),
            (plain_output, output_rate),
            (reasoning, rates.reasoning_output.unwrap_or(output_rate)),
            (audio_out, rates.audio_output.unwrap_or(output_rate)),
            (
                usage.search_units.unwrap_or(1),
                rates.per_query.unwrap_or(0),
            ),
        ];
        let pico: u128 = priced
            .iter()
            .map(|(tokens, rate)| u128::from(*tokens) * u128::from(*rate))
            .sum();
        // To the nearest nano-dollar.
        let nanos = (pico + 500) / 1_000;
        Usd::from_nanos(i64::try_from(nanos).unwrap_or(i64::MAX))
    }
}

/// Dollars as whole pico-dollars; `None` for what is not a price.
pub(crate) fn pico(dollars: f64) -> Option<u64> {
    let pico = (dollars * 1e12).round();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the range is checked, and the value is whole"
    )]
    (0.0..1e18).contains(&pico).then_some(pico as u64)
}
