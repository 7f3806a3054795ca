//! Defaults: what a request leaves open is taken from another one.

use super::request::{ChatRequest, Sampling};
use crate::completion::CompletionRequest;

macro_rules! fill {
    ($to:expr, $from:expr, [$($field:ident),* $(,)?]) => {
        $(if $to.$field.is_none() { $to.$field.clone_from(&$from.$field); })*
    };
}

impl Sampling {
    /// Takes from `defaults` what is left open here. The two spellings of the limit count as one.
    pub fn fill(&mut self, defaults: &Self) {
        if self.output_limit().is_none() {
            self.max_tokens = defaults.max_tokens;
            self.max_completion_tokens = defaults.max_completion_tokens;
        }
        fill!(
            self,
            defaults,
            [
                temperature,
                top_p,
                top_k,
                frequency_penalty,
                presence_penalty,
                seed,
                n,
                logit_bias
            ]
        );
        if self.stop.is_empty() {
            self.stop.clone_from(&defaults.stop);
            self.stop_is_text = defaults.stop_is_text;
        }
    }
}

impl ChatRequest {
    /// Takes from `defaults` every parameter that is left open here. Model, messages and `stream` are never taken.
    pub fn fill(&mut self, defaults: &Self) {
        self.sampling.fill(&defaults.sampling);
        fill!(
            self,
            defaults,
            [
                tools,
                tool_choice,
                parallel_tool_calls,
                response_format,
                reasoning,
                logprobs,
                top_logprobs,
                include_usage,
                user,
                metadata,
                service_tier
            ]
        );
        self.extra.fill(&defaults.extra);
    }
}

impl CompletionRequest {
    /// Takes from `defaults` every parameter that is left open here. Model, prompt and `stream` are never taken.
    pub fn fill(&mut self, defaults: &Self) {
        self.sampling.fill(&defaults.sampling);
        fill!(
            self,
            defaults,
            [suffix, echo, best_of, logprobs, include_usage, user]
        );
        self.extra.fill(&defaults.extra);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::Dialect;

    #[test]
    fn only_what_is_left_open_is_taken() {
        let mut defaults = ChatRequest::default();
        defaults.sampling.max_tokens = Some(100);
        defaults.sampling.temperature = Some(0.5);
        defaults.sampling.stop = vec!["X".to_owned()];
        defaults.user = Some("default".to_owned());
        defaults
            .extra
            .insert(Dialect::OPENAI, "verbosity", json!("low"));
        let mut request = ChatRequest::default();
        request.sampling.max_completion_tokens = Some(7);
        request.sampling.temperature = Some(0.0);
        request
            .extra
            .insert(Dialect::OPENAI, "verbosity", json!("high"));
        request.fill(&defaults);
        assert_eq!(request.sampling.max_tokens, None);
        assert_eq!(request.sampling.temperature, Some(0.0));
        assert_eq!(request.sampling.stop, ["X"]);
        assert_eq!(request.user.as_deref(), Some("default"));
        assert_eq!(request.extra.fields()["verbosity"], "high");
    }
}
