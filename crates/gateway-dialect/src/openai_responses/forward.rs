//! What the configuration's defaults are called here.

use serde_json::{Map, Value};

/// Parameters with the same name and meaning.
const SAME: [&str; 8] = [
    "temperature",
    "top_p",
    "user",
    "metadata",
    "service_tier",
    "parallel_tool_calls",
    "store",
    "prompt_cache_key",
];

/// Request parameters under their chat names, as members of a Responses request. What the API does not take is left out.
pub fn parameters(defaults: &Map<String, Value>) -> Map<String, Value> {
    let mut found: Map<String, Value> = defaults
        .iter()
        .filter(|(key, value)| SAME.contains(&key.as_str()) && !value.is_null())
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    let limit = ["max_output_tokens", "max_completion_tokens", "max_tokens"]
        .iter()
        .find_map(|key| defaults.get(*key).filter(|value| !value.is_null()));
    if let Some(limit) = limit {
        found.insert("max_output_tokens".to_owned(), limit.clone());
    }
    if let Some(effort) = defaults.get("reasoning_effort").filter(|it| it.is_string()) {
        found.insert(
            "reasoning".to_owned(),
            serde_json::json!({"effort": effort}),
        );
    }
    found
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn defaults_take_the_names_of_this_api_and_others_stay_out() {
        let defaults = json!({"max_tokens": 5, "temperature": 0.5, "stop": "x", "reasoning_effort": "low", "seed": 1});
        let found = parameters(defaults.as_object().unwrap());
        assert_eq!(
            Value::Object(found),
            json!({"temperature": 0.5, "max_output_tokens": 5, "reasoning": {"effort": "low"}})
        );
    }
}
