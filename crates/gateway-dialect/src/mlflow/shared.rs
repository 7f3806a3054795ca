//! Fields that chat and completions share.

use gateway_schema::chat::{ResponseFormat, Sampling};
use gateway_schema::{Dialect, Extra};
use serde_json::{Map, Value};

use super::check::Check;

/// What chat and completions have in common.
#[derive(Debug, Default)]
pub(super) struct Shared {
    pub(super) model: Option<String>,
    pub(super) sampling: Sampling,
    pub(super) stream: bool,
    pub(super) include_usage: Option<bool>,
    /// Keys of `stream_options` other than `include_usage`.
    pub(super) stream_extra: Map<String, Value>,
    pub(super) response_format: Option<ResponseFormat>,
}

/// The names of the shared fields.
pub(super) const SHARED: [&str; 13] = [
    "n",
    "stop",
    "max_tokens",
    "max_completion_tokens",
    "stream",
    "stream_options",
    "model",
    "response_format",
    "temperature",
    "top_p",
    "presence_penalty",
    "frequency_penalty",
    "top_k",
];

/// Reads the shared fields, in MLflow's order. `None` when one is wrong.
pub(super) fn read(check: &mut Check, whole: &Value, fields: &Map<String, Value>) -> Shared {
    let mut out = Shared::default();
    let sampling = &mut out.sampling;
    // MLflow's default is always sent; an explicit null is a fault.
    sampling.n = if fields.contains_key("n") {
        check.required(whole, "n", |check, value| check.small_integer(value, 1))
    } else {
        Some(1)
    };
    sampling.stop = check
        .optional(fields, "stop", |check, value| {
            check.filled_list(value, Check::text)
        })
        .unwrap_or_default();
    let count = |check: &mut Check, name| {
        check.optional(fields, name, |check, value| check.integer(value, 1))
    };
    sampling.max_tokens = count(check, "max_tokens");
    sampling.max_completion_tokens = count(check, "max_completion_tokens");
    let stream = check.optional(fields, "stream", Check::boolean);
    out.stream = stream.unwrap_or(false);
    let options = check.optional(fields, "stream_options", Check::map);
    out.model = check.optional(fields, "model", Check::text);
    out.response_format = check.optional(fields, "response_format", response_format);
    let number = |check: &mut Check, name, least, most| {
        check.optional(fields, name, |check, value| {
            check.number(value, least, most)
        })
    };
    let sampling = &mut out.sampling;
    sampling.temperature = number(check, "temperature", 0.0, 2.0);
    sampling.top_p = number(check, "top_p", 0.0, 1.0);
    sampling.presence_penalty = number(check, "presence_penalty", -2.0, 2.0);
    sampling.frequency_penalty = number(check, "frequency_penalty", -2.0, 2.0);
    sampling.top_k = count(check, "top_k");

    let mut options = options.unwrap_or_default();
    out.include_usage = match options.shift_remove("include_usage") {
        Some(Value::Bool(asked)) => Some(asked),
        Some(Value::Null) | None => None,
        Some(_) => {
            check.losses.dropped(
                "stream_options.include_usage",
                "neither true nor false: usage is sent",
            );
            None
        }
    };
    // Streams carry usage unless the caller declines.
    if out.stream {
        out.include_usage.get_or_insert(true);
    }
    out.stream_extra = options;
    out
}

fn response_format(check: &mut Check, value: &Value) -> Option<ResponseFormat> {
    let fields = check.object(value)?;
    let kind = check.required(value, "type", |check, value| {
        check.literal(value, &["text", "json_object", "json_schema"])
    });
    let schema = check.optional(fields, "json_schema", |check, value| {
        check.object(value).map(|_| json_schema(check, value))
    });
    match (kind?, schema) {
        ("text", _) => Some(ResponseFormat::Text),
        ("json_object", _) => Some(ResponseFormat::JsonObject),
        (_, Some(schema)) => schema,
        (_, None) if fields.get("json_schema").is_some_and(|it| !it.is_null()) => None,
        (_, None) => {
            check.losses.approximated(
                "response_format",
                "a json_schema format without a schema asks for any JSON object",
            );
            Some(ResponseFormat::JsonObject)
        }
    }
}

fn json_schema(check: &mut Check, value: &Value) -> Option<ResponseFormat> {
    let name = check.required(value, "name", Check::text);
    let schema = check.required(value, "schema", Check::map);
    let strict = if value.get("strict").is_some() {
        check.required(value, "strict", Check::boolean)
    } else {
        Some(true)
    };
    let description = value.get("description").and_then(Value::as_str);
    if let Value::Object(fields) = value {
        let known = ["name", "schema", "strict", "description"];
        for extra in fields.keys().filter(|key| !known.contains(&key.as_str())) {
            check.losses.dropped(
                format!("response_format.json_schema.{extra}"),
                "not a field of a response format",
            );
        }
    }
    Some(ResponseFormat::JsonSchema {
        name: Some(name?),
        description: description.map(str::to_owned),
        schema: Value::Object(schema?),
        strict: Some(strict?),
    })
}

/// Fields that MLflow does not name and forwards as they are.
///
/// What the canonical form names is taken out by its type; what does not fit stays as the caller wrote it.
pub(super) struct Rest(Map<String, Value>);

impl Rest {
    /// Everything but `known`, without nulls.
    pub(super) fn of(fields: &Map<String, Value>, known: &[&[&str]]) -> Self {
        let unknown = |name: &str| !known.iter().any(|names| names.contains(&name));
        let kept = fields
            .iter()
            .filter(|(name, value)| unknown(name) && !value.is_null())
            .map(|(name, value)| (name.clone(), value.clone()));
        Self(kept.collect())
    }

    /// Takes a field out if `fit` makes something of it.
    pub(super) fn take<T>(
        &mut self,
        name: &str,
        fit: impl FnOnce(&Value) -> Option<T>,
    ) -> Option<T> {
        let out = fit(self.0.get(name)?)?;
        self.0.shift_remove(name);
        Some(out)
    }

    /// Takes out a text.
    pub(super) fn text(&mut self, name: &str) -> Option<String> {
        self.take(name, |value| value.as_str().map(str::to_owned))
    }

    /// Takes out a whole number of 32 bits.
    pub(super) fn small(&mut self, name: &str) -> Option<u32> {
        self.take(name, |value| {
            value.as_u64().and_then(|it| it.try_into().ok())
        })
    }

    /// Takes out an object.
    pub(super) fn map(&mut self, name: &str) -> Option<Map<String, Value>> {
        self.take(name, |value| value.as_object().cloned())
    }

    /// Puts something back.
    pub(super) fn put(&mut self, name: &str, value: Value) {
        self.0.insert(name.to_owned(), value);
    }

    /// What is left, as MLflow's own.
    pub(super) fn into_extra(self) -> Extra {
        Extra::of(Dialect::MLFLOW, self.0)
    }
}
