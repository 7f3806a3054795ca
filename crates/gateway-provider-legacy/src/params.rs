//! Parameters under a vendor's own names, and what it has no name for.

use gateway_schema::chat::Content;
use gateway_schema::chat::{ChatRequest, Message, ResponseFormat, Role, Sampling, ToolChoice};
use gateway_schema::completion::{CompletionRequest, Prompt};
use gateway_schema::embedding::{EmbeddingEncoding, EmbeddingInput, EmbeddingRequest};
use gateway_schema::{CallError, Extra};
use serde_json::{Map, Value, json};

use crate::wire::{Ask, refused, unsupported};

/// A vendor's words.
pub(crate) struct Words {
    /// What people call the vendor.
    pub(crate) vendor: &'static str,
    /// Our name and the vendor's, of every parameter it knows.
    pub(crate) names: &'static [(&'static str, &'static str)],
    /// The vendor's temperature for the caller's; `None` leaves it out.
    pub(crate) temperature: fn(f64, &mut Ask<'_>) -> Option<f64>,
}

impl Words {
    fn name(&self, ours: &str) -> Option<&'static str> {
        self.names
            .iter()
            .find(|(name, _)| *name == ours)
            .map(|(_, theirs)| *theirs)
    }

    /// The parameters of a completion.
    pub(crate) fn completion(
        &self,
        request: &CompletionRequest,
        ask: &mut Ask<'_>,
    ) -> Result<Map<String, Value>, CallError> {
        self.native(&request.extra, ask)?;
        let mut fields = self.sampling(&request.sampling, ask)?;
        let mut add = |name, value: Option<Value>| fields.extend(value.map(|value| (name, value)));
        add("suffix", request.suffix.clone().map(Value::from));
        add("echo", request.echo.map(Value::from));
        add("best_of", request.best_of.map(Value::from));
        add("logprobs", request.logprobs.map(Value::from));
        add("user", request.user.clone().map(Value::from));
        Ok(self.write(fields, &request.extra, ask))
    }

    /// The parameters of a chat turn.
    pub(crate) fn chat(
        &self,
        request: &ChatRequest,
        ask: &mut Ask<'_>,
    ) -> Result<Map<String, Value>, CallError> {
        self.native(&request.extra, ask)?;
        let mut fields = self.sampling(&request.sampling, ask)?;
        let mut add = |name, value: Option<Value>| fields.extend(value.map(|value| (name, value)));
        let has_tools = request
            .tools
            .as_ref()
            .is_some_and(|tools| !tools.is_empty());
        add("tools", has_tools.then_some(Value::Null));
        let choice = request.tool_choice.as_ref();
        let binding = choice.filter(|it| !matches!(it, ToolChoice::Auto | ToolChoice::None));
        add("tool_choice", binding.map(|_| Value::Null));
        let format = request.response_format.as_ref();
        let format = format.filter(|format| !matches!(format, ResponseFormat::Text));
        add("response_format", format.map(|_| Value::Null));
        add("reasoning", request.reasoning.as_ref().map(|_| Value::Null));
        add("logprobs", request.logprobs.map(Value::from));
        add("user", request.user.clone().map(Value::from));
        add("metadata", request.metadata.clone().map(Value::from));
        add(
            "service_tier",
            request.service_tier.clone().map(Value::from),
        );
        Ok(self.write(fields, &request.extra, ask))
    }

    /// The parameters of a request for vectors.
    pub(crate) fn embedding(
        &self,
        request: &EmbeddingRequest,
        ask: &mut Ask<'_>,
    ) -> Result<Map<String, Value>, CallError> {
        self.native(&request.extra, ask)?;
        let mut fields = Vec::new();
        let mut add = |name, value: Option<Value>| fields.extend(value.map(|value| (name, value)));
        let base64 = request.encoding == Some(EmbeddingEncoding::Base64);
        add("encoding_format", base64.then(|| "base64".into()));
        add("dimensions", request.dimensions.map(Value::from));
        add("task", request.task.as_ref().map(|_| Value::Null));
        add("user", request.user.clone().map(Value::from));
        Ok(self.write(fields, &request.extra, ask))
    }

    /// MLflow takes its own names only, and says so.
    fn native(&self, extra: &Extra, ask: &Ask<'_>) -> Result<(), CallError> {
        let renamed = self.names.iter().filter(|(ours, theirs)| ours != theirs);
        for (ours, theirs) in renamed {
            if ask.mlflow && extra.fields().contains_key(*theirs) {
                return Err(refused(format!(
                    "Invalid parameter {theirs}. Use {ours} instead."
                )));
            }
        }
        Ok(())
    }

    fn sampling(
        &self,
        sampling: &Sampling,
        ask: &mut Ask<'_>,
    ) -> Result<Vec<(&'static str, Value)>, CallError> {
        if let Some(n) = sampling.n.filter(|n| *n > 1 && self.name("n").is_none()) {
            let vendor = self.vendor;
            return Err(if ask.mlflow {
                // MLflow's text, missing blank included.
                refused(format!(
                    "'n' must be '1' for the {vendor} provider.Received value: '{n}'."
                ))
            } else {
                unsupported(format!("n: {vendor} gives one answer per request."))
            });
        }
        let mut fields = Vec::new();
        let mut add = |name, value: Option<Value>| fields.extend(value.map(|value| (name, value)));
        add("n", sampling.n.map(Value::from));
        add("max_tokens", sampling.output_limit().map(Value::from));
        let temperature = sampling.temperature;
        let temperature = temperature.and_then(|value| (self.temperature)(value, ask));
        add("temperature", temperature.map(Value::from));
        add("top_p", sampling.top_p.map(Value::from));
        add("top_k", sampling.top_k.map(Value::from));
        let stop = (!sampling.stop.is_empty()).then(|| sampling.stop.as_slice().into());
        add("stop", stop);
        add(
            "frequency_penalty",
            sampling.frequency_penalty.map(Value::from),
        );
        add(
            "presence_penalty",
            sampling.presence_penalty.map(Value::from),
        );
        add("seed", sampling.seed.map(Value::from));
        add("logit_bias", sampling.logit_bias.clone().map(Value::from));
        Ok(fields)
    }

    /// Writes what the vendor has a name for and reports the rest. What the caller of one of MLflow's URLs says
    /// besides goes to the vendor as it is, as with MLflow.
    fn write(
        &self,
        fields: Vec<(&'static str, Value)>,
        extra: &Extra,
        ask: &mut Ask<'_>,
    ) -> Map<String, Value> {
        let mut out = Map::new();
        for (ours, value) in fields {
            match self.name(ours) {
                Some(theirs) => {
                    out.insert(theirs.to_owned(), value);
                }
                None if says_nothing(ours, &value) => {}
                None => self.lose(ours, ask),
            }
        }
        for (name, value) in extra.fields() {
            if ask.mlflow {
                out.entry(name.as_str()).or_insert_with(|| value.clone());
            } else {
                self.lose(name, ask);
            }
        }
        out
    }

    fn lose(&self, field: &str, ask: &mut Ask<'_>) {
        let why = format!("{} has no such parameter", self.vendor);
        ask.losses.dropped(field, why);
    }

    /// The one text of a prompt.
    pub(crate) fn prompt<'a>(&self, prompt: &'a Prompt) -> Result<&'a str, CallError> {
        match prompt {
            Prompt::Text(text) => Ok(text),
            Prompt::Texts(texts) => {
                if let [text] = texts.as_slice() {
                    return Ok(text);
                }
                Err(unsupported(format!(
                    "prompt: {} takes one prompt per request.",
                    self.vendor
                )))
            }
            Prompt::Tokens(_) | Prompt::TokenLists(_) => Err(unsupported(format!(
                "prompt: {} takes text, not token ids.",
                self.vendor
            ))),
        }
    }

    /// The texts of a request for vectors.
    pub(crate) fn texts(&self, input: &EmbeddingInput) -> Result<Value, CallError> {
        match input {
            EmbeddingInput::Text(text) => Ok(json!([text])),
            EmbeddingInput::Texts(texts) => Ok(json!(texts)),
            _ => Err(unsupported(format!(
                "input: {} takes text, not token ids.",
                self.vendor
            ))),
        }
    }

    /// The text of a message; other parts are reported.
    pub(crate) fn text(&self, index: usize, message: &Message, ask: &mut Ask<'_>) -> String {
        let mut out = String::new();
        for (place, part) in message.parts.iter().enumerate() {
            if let Content::Text { text, .. } = &part.content {
                out.push_str(text);
            } else {
                let path = format!("messages[{index}].content[{place}]");
                let why = format!("{} takes text only", self.vendor);
                ask.losses.dropped(path, why);
            }
        }
        if message.name.is_some() {
            self.lose(&format!("messages[{index}].name"), ask);
        }
        out
    }
}

/// True for values that ask for what happens anyway.
fn says_nothing(name: &str, value: &Value) -> bool {
    match name {
        "n" | "best_of" => value.as_u64() == Some(1),
        "top_p" => value.as_f64() == Some(1.0),
        "frequency_penalty" | "presence_penalty" => value.as_f64() == Some(0.0),
        "echo" | "logprobs" => *value == Value::Bool(false),
        "logit_bias" | "metadata" => value.as_object().is_some_and(Map::is_empty),
        _ => false,
    }
}

/// A temperature for models whose highest is 1.
pub(crate) fn at_most_one(temperature: f64, ask: &mut Ask<'_>) -> f64 {
    if temperature > 1.0 {
        ask.losses
            .approximated("temperature", "this model's highest is 1");
    }
    temperature.min(1.0)
}

/// A role as callers spell it.
pub(crate) fn role(role: &Role) -> &str {
    match role {
        Role::System => "system",
        Role::Developer => "developer",
        Role::User => "user",
        Role::Assistant => "assistant",
        Role::Tool => "tool",
        Role::Other(word) => word,
        _ => "unknown",
    }
}
