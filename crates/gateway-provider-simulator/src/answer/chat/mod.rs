//! Answers to chats and completions.

use serde_json::{Map, Value, json};

use super::{first_tokens, random, schema, text_inside, tokens, words};
use crate::options::{Settings, Speech};

/// A call of a tool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Called {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) arguments: String,
}

/// One answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Said {
    pub(crate) text: String,
    pub(crate) calls: Vec<Called>,
    pub(crate) finish: &'static str,
}

/// What a request gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    /// 16 hex digits that depend on the request.
    pub(crate) id: String,
    pub(crate) choices: Vec<Said>,
    pub(crate) prompt_tokens: u64,
    pub(crate) completion_tokens: u64,
}

/// The most answers to one request.
const MOST_CHOICES: u64 = 16;

/// Answers a chat request.
pub(crate) fn chat(settings: &Settings, body: &Map<String, Value>) -> Answer {
    let null = Value::Null;
    let messages = body.get("messages").unwrap_or(&null);
    let mut prompt = String::new();
    text_inside(messages, &mut prompt);
    let last = messages.as_array().and_then(|all| all.last());
    let mut question = String::new();
    text_inside(
        last.and_then(|last| last.get("content")).unwrap_or(&null),
        &mut question,
    );
    let answered = last.and_then(|last| last.get("role")) == Some(&json!("tool"));

    answer(settings, body, &prompt, |random| {
        let calls = tool_calls(body, &question, answered, random);
        if !calls.is_empty() {
            return Said {
                text: String::new(),
                calls,
                finish: "tool_calls",
            };
        }
        let text = match structured(body, random) {
            Some(text) => text,
            None => speak(settings, question.trim_end(), random),
        };
        limited(body, text)
    })
}

/// Answers a completion request for one prompt.
pub(crate) fn completion(settings: &Settings, body: &Map<String, Value>, prompt: &str) -> Answer {
    answer(settings, body, prompt, |random| {
        limited(body, speak(settings, prompt, random))
    })
}

fn answer(
    settings: &Settings,
    body: &Map<String, Value>,
    prompt: &str,
    mut say: impl FnMut(&mut fastrand::Rng) -> Said,
) -> Answer {
    let model = body
        .get("model")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let own_seed = body.get("seed").map(Value::to_string).unwrap_or_default();
    let mut random = random(settings.seed, &[model, &own_seed, prompt]);
    let id = format!("{:016x}", random.u64(..));
    let count = body.get("n").and_then(Value::as_u64).unwrap_or(1);
    let choices: Vec<Said> = (0..count.clamp(1, MOST_CHOICES))
        .map(|_| say(&mut random))
        .collect();
    let said = |said: &Said| -> u64 {
        let calls = said.calls.iter();
        tokens(&said.text)
            + calls
                .map(|call| tokens(&call.name) + tokens(&call.arguments))
                .sum::<u64>()
    };
    Answer {
        id,
        prompt_tokens: tokens(prompt),
        completion_tokens: choices.iter().map(said).sum(),
        choices,
    }
}

fn speak(settings: &Settings, question: &str, random: &mut fastrand::Rng) -> String {
    match settings.speech {
        Speech::Echo => question.to_owned(),
        Speech::Lorem => words::sentences(random, settings.reply_tokens),
    }
}

/// Applies the request's limits: stop sequences, then tokens.
fn limited(body: &Map<String, Value>, mut text: String) -> Said {
    let stops: Vec<&str> = match body.get("stop") {
        Some(Value::String(stop)) => vec![stop],
        Some(Value::Array(stops)) => stops.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    let first = stops
        .iter()
        .filter(|stop| !stop.is_empty())
        .filter_map(|stop| text.find(stop))
        .min();
    if let Some(end) = first {
        text.truncate(end);
    }
    let limit = ["max_completion_tokens", "max_tokens"]
        .iter()
        .find_map(|key| body.get(*key).and_then(Value::as_u64));
    let kept = limit.map_or(text.len(), |limit| first_tokens(&text, limit).len());
    let finish = if kept < text.len() { "length" } else { "stop" };
    text.truncate(kept);
    Said {
        text,
        calls: Vec::new(),
        finish,
    }
}

fn structured(body: &Map<String, Value>, random: &mut fastrand::Rng) -> Option<String> {
    let format = body.get("response_format")?;
    match format.get("type")?.as_str()? {
        "json_object" => Some(json!({"answer": words::sentences(random, 6)}).to_string()),
        "json_schema" => {
            let wanted = format.pointer("/json_schema/schema")?;
            Some(schema::value(wanted, random).to_string())
        }
        _ => None,
    }
}

/// Which tools may be called, and whether one must.
fn choice<'a>(body: &Map<String, Value>, tools: &[&'a Value]) -> (Vec<&'a Value>, bool) {
    let named = |name: &Value| -> Vec<&'a Value> {
        let same = |tool: &&&Value| tool.get("name") == Some(name);
        tools.iter().filter(same).copied().collect()
    };
    match body.get("tool_choice") {
        Some(Value::String(word)) if word == "none" => (Vec::new(), false),
        Some(Value::String(word)) if word == "required" => (tools.to_vec(), true),
        Some(object @ Value::Object(_)) => {
            if let Some(name) = object.pointer("/function/name") {
                return (named(name), true);
            }
            let allowed = object.get("allowed_tools").unwrap_or(object);
            let names = allowed.get("tools").and_then(Value::as_array);
            let chosen = names
                .into_iter()
                .flatten()
                .filter_map(|tool| tool.pointer("/function/name"))
                .flat_map(named)
                .collect();
            (chosen, allowed.get("mode") == Some(&json!("required")))
        }
        _ => (tools.to_vec(), false),
    }
}

/// The calls of an answer: of the tools that the question names, otherwise of one of them. None where the question is
/// the result of a tool, unless a call is demanded.
fn tool_calls(
    body: &Map<String, Value>,
    question: &str,
    answered: bool,
    random: &mut fastrand::Rng,
) -> Vec<Called> {
    let tools: Vec<&Value> = body
        .get("tools")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(|tool| tool.get("function"))
        .collect();
    let (allowed, must) = choice(body, &tools);
    if allowed.is_empty() || (answered && !must) {
        return Vec::new();
    }
    let mut chosen: Vec<&Value> = allowed
        .iter()
        .filter(|tool| {
            let name = tool.get("name").and_then(Value::as_str);
            name.is_some_and(|name| !name.is_empty() && question.contains(name))
        })
        .copied()
        .collect();
    if chosen.is_empty() {
        chosen.extend(random.choice(&allowed));
    }
    if body.get("parallel_tool_calls") == Some(&Value::Bool(false)) {
        chosen.truncate(1);
    }
    let any = json!({"type": "object"});
    chosen
        .into_iter()
        .map(|tool| {
            let parameters = tool.get("parameters").unwrap_or(&any);
            let name = tool.get("name").and_then(Value::as_str);
            Called {
                id: format!("call_{:016x}", random.u64(..)),
                name: name.unwrap_or_default().to_owned(),
                arguments: schema::value(parameters, random).to_string(),
            }
        })
        .collect()
}

#[cfg(test)]
mod tests;
