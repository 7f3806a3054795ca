//! Request parameters under `model.config`: values for requests that lack them.
//!
//! MLflow accepts these keys and ignores them, although its articles show them; here they work.

use gateway_schema::Operation;
use serde_json::Value;

use super::super::context::Context;
use crate::diagnostic::{Diagnostic, Kind};
use crate::file::check;
use crate::file::item::{Item, Pair, json};
use crate::file::shape::Shape;

/// A request parameter that may have a default.
#[derive(Debug)]
pub(crate) struct Parameter {
    pub(crate) name: &'static str,
    /// What it looks like; absent: anything.
    pub(crate) shape: Option<Shape>,
    /// True when it means something for text generation, chat and completions.
    generation: bool,
    /// True when it means something for embeddings.
    embedding: bool,
}

const fn generation(name: &'static str, shape: Option<Shape>) -> Parameter {
    Parameter {
        name,
        shape,
        generation: true,
        embedding: false,
    }
}

const fn embedding(name: &'static str, shape: Option<Shape>) -> Parameter {
    Parameter {
        name,
        shape,
        generation: false,
        embedding: true,
    }
}

const COUNT: Option<Shape> = Some(Shape::Integer(1, i64::MAX));
const PENALTY: Option<Shape> = Some(Shape::Number(-2.0, 2.0));
const SHARE: Option<Shape> = Some(Shape::Number(0.0, 1.0));
const FLAG: Option<Shape> = Some(Shape::Flag);
const TEXT: Option<Shape> = Some(Shape::Text);

/// The request parameters that may have a default. Ranges are those that MLflow's request schema has.
pub(crate) static PARAMETERS: &[Parameter] = &[
    generation("temperature", Some(Shape::Number(0.0, 2.0))),
    generation("top_p", SHARE),
    generation("top_k", COUNT),
    generation("min_p", SHARE),
    generation("max_tokens", COUNT),
    generation("max_completion_tokens", COUNT),
    generation("n", COUNT),
    generation("stop", Some(Shape::OneOrMany(&Shape::Text))),
    generation("presence_penalty", PENALTY),
    generation("frequency_penalty", PENALTY),
    generation("repetition_penalty", Some(Shape::Number(0.0, f64::MAX))),
    generation("seed", Some(Shape::Integer(i64::MIN, i64::MAX))),
    // A number of alternatives for completions, a flag for chat.
    generation("logprobs", None),
    generation("top_logprobs", Some(Shape::Integer(0, i64::MAX))),
    generation(
        "logit_bias",
        Some(Shape::Table(&Shape::Number(-100.0, 100.0))),
    ),
    generation("response_format", None),
    generation("tools", None),
    generation("tool_choice", None),
    generation("parallel_tool_calls", FLAG),
    generation("reasoning_effort", TEXT),
    generation("reasoning", None),
    generation("thinking", None),
    generation("verbosity", TEXT),
    generation("service_tier", TEXT),
    generation("metadata", None),
    generation("store", FLAG),
    generation("stream_options", None),
    generation("best_of", COUNT),
    generation("echo", FLAG),
    generation("suffix", TEXT),
    embedding("dimensions", COUNT),
    embedding("encoding_format", Some(Shape::Choice(&["float", "base64"]))),
    embedding("input_type", TEXT),
    Parameter {
        name: "user",
        shape: TEXT,
        generation: true,
        embedding: true,
    },
];

pub(crate) fn parameter(name: &str) -> Option<&'static Parameter> {
    PARAMETERS.iter().find(|parameter| parameter.name == name)
}

/// The default that `pair` gives; `None` when it gives none, which has been reported.
pub(crate) fn read(
    pair: &Pair<'_>,
    parameter: &Parameter,
    operation: Operation,
    context: &mut Context<'_>,
) -> Option<Value> {
    let applies = match operation {
        Operation::Embedding => parameter.embedding,
        _ => parameter.generation,
    };
    if !applies {
        let message = format!("`{}` means nothing for {operation}", pair.key);
        let diagnostic = Diagnostic::lax(Kind::UnknownKey, pair.key_place, message, check::IGNORED)
            .at(&pair.item.path);
        context.problems.push(diagnostic);
        return None;
    }
    let Some(shape) = &parameter.shape else {
        return Some(json(&pair.item));
    };
    check::check(&pair.item, shape, context.problems);
    value(&pair.item, shape)
}

/// The value as the wire wants it: a number that was written in quotes is still a number.
fn value(item: &Item<'_>, shape: &Shape) -> Option<Value> {
    use crate::file::scalar;
    Some(match shape {
        Shape::Integer(..) => Value::from(scalar::integer(item.text()?)?),
        Shape::Number(..) => match json(item) {
            number @ Value::Number(_) => number,
            _ => Value::from(scalar::number(item.text()?)?),
        },
        Shape::Flag => Value::from(scalar::flag(item.text()?)?),
        Shape::Text | Shape::Choice(_) => Value::from(item.text()?),
        Shape::OneOrMany(_) => item
            .one_or_many()
            .iter()
            .filter_map(Item::text)
            .map(Value::from)
            .collect(),
        _ => json(item),
    })
}
