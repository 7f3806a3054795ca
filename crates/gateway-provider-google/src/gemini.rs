//! Gemini models, at AI Studio and at Vertex AI.

use std::borrow::Cow;
use std::time::SystemTime;

use bytes::Bytes;
use gateway_dialect::gemini::{self, Host};
use gateway_dialect::{RequestOptions, known};
use gateway_json::{Edit, Envelope, splice};
use gateway_provider::{
    Call, Credential, Encoded, Lane, ProviderInfo, RawRequest, StreamForm, Target, Whole, Wire,
    content_type, post_json,
};
use gateway_schema::completion::CompletionResponse;
use gateway_schema::embedding::EmbeddingRequest;
use gateway_schema::stream::{Decode, Facts};
use gateway_schema::{
    CallError, Dialect, ErrorKind, Losses, ModelId, Operation, Request, Response, Retry,
};
use http::header::CONTENT_TYPE;
use http::response::Parts;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::OPERATIONS;
use crate::defaults::{Defaults, Members, as_chat, insert, members};
use crate::site::{self, Site, not_here};

const CONFIG: [&str; 2] = ["generationConfig", "generation_config"];

/// Speaks to a Gemini model.
#[derive(Debug)]
pub(crate) struct GeminiWire {
    info: ProviderInfo,
    site: Site,
    host: Host,
    /// Vertex AI's older method for embeddings.
    predicts: bool,
    defaults: Defaults,
    /// Defaults as members of a request, and of its `generationConfig`.
    members: Members,
    config: Members,
}

/// A request ready to be sent, but for its address.
struct Written {
    lane: Lane,
    body: Bytes,
    losses: Losses,
    method: &'static str,
}

impl GeminiWire {
    /// # Errors
    /// A default that Gemini cannot be given.
    pub(crate) fn new(
        name: &str,
        model: &ModelId,
        site: Site,
        parameters: &Map<String, Value>,
    ) -> Result<Self, CallError> {
        let defaults = Defaults::read(parameters)?;
        let host = if site.is_vertex() {
            Host::VERTEX
        } else {
            Host::STUDIO
        };
        let mut fields = Map::new();
        if let Some(request) = defaults.canonical() {
            let options = RequestOptions::new(model.as_str());
            let written = gemini::encode_chat_for(request, &options, host)?;
            fields = serde_json::from_slice(&written.body).unwrap_or_default();
        }
        let config = match fields.remove("generationConfig") {
            Some(Value::Object(config)) => members(config),
            _ => Members::new(),
        };
        fields.retain(|key, _| key == "tools" || key == "toolConfig");
        Ok(Self {
            predicts: site.is_vertex() && !model.as_str().starts_with("gemini-embedding-2"),
            info: ProviderInfo::new(name, model.clone(), Dialect::GEMINI, OPERATIONS),
            site,
            host,
            defaults,
            members: members(fields),
            config,
        })
    }

    fn write(&self, call: &Call, to: &Target) -> Result<Written, CallError> {
        let native = call.payload.native(Dialect::GEMINI);
        let Some((body, envelope)) = native else {
            return self.translate(call, to);
        };
        let wrapped = envelope.find(body, "generateContentRequest").is_some();
        let batch = envelope.find(body, "requests").is_some();
        let method = match call.operation {
            Operation::Chat if !call.stream => "generateContent",
            Operation::Chat if call.context.stream_form == StreamForm::JsonArray => {
                "streamGenerateContent"
            }
            Operation::Chat => "streamGenerateContent?alt=sse",
            Operation::CountTokens if self.site.is_vertex() && wrapped => {
                return self.translate(call, to);
            }
            Operation::CountTokens => "countTokens",
            Operation::Embedding if self.site.is_vertex() && (self.predicts || batch) => {
                return self.translate(call, to);
            }
            Operation::Embedding if batch => "batchEmbedContents",
            Operation::Embedding => "embedContent",
            _ => return self.translate(call, to),
        };
        Ok(Written {
            lane: Lane::Same,
            body: self.forward(call, body, envelope, to),
            losses: Losses::new(),
            method,
        })
    }

    /// The caller's own bytes, with the model wherever it is repeated and absent defaults spliced in.
    fn forward(&self, call: &Call, body: &Bytes, envelope: &Envelope, to: &Target) -> Bytes {
        let model = Value::from(format!("models/{}", to.model)).to_string();
        let mut edits = Vec::new();
        let is_chat = call.operation == Operation::Chat;
        if is_chat && !self.defaults.is_empty() {
            let config = CONFIG.iter().find(|key| envelope.find(body, key).is_some());
            let mut added: Vec<(&str, &[u8])> = self
                .members
                .iter()
                .filter(|(key, _)| !has(envelope, body, key))
                .map(|(key, value)| (key.as_str(), &**value))
                .collect();
            let whole = object(&self.config);
            if config.is_none() && !self.config.is_empty() {
                added.push(("generationConfig", &whole));
            }
            insert(&added, envelope, 0, &mut edits);
        }
        for member in envelope.members() {
            let key = body.get(member.key.clone()).unwrap_or_default();
            let at = member.value.clone();
            let Some(value) = body.get(at.clone()) else {
                continue;
            };
            match key {
                b"model" if value.starts_with(b"\"") => edits.push(Edit::new(at, model.clone())),
                b"generateContentRequest" | b"generate_content_request" => {
                    renamed(value, at.start, &model, &mut edits);
                }
                b"requests" => {
                    if let Some(requests) = renamed_all(value, &model) {
                        edits.push(Edit::new(at, requests));
                    }
                }
                b"generationConfig" | b"generation_config" if is_chat => {
                    self.add_config(value, at.start, &mut edits);
                }
                _ => {}
            }
        }
        splice(body, &edits)
    }

    /// Inserts defaults that `generationConfig`, which stands at `offset`, lacks.
    fn add_config(&self, value: &[u8], offset: usize, edits: &mut Vec<Edit>) {
        let Ok(envelope) = Envelope::scan(value) else {
            return;
        };
        let added: Vec<(&str, &[u8])> = self
            .config
            .iter()
            .filter(|(key, _)| !has(&envelope, value, key))
            .map(|(key, value)| (key.as_str(), &**value))
            .collect();
        insert(&added, &envelope, offset, edits);
    }

    fn translate(&self, call: &Call, to: &Target) -> Result<Written, CallError> {
        let decoded = call.canonical()?;
        let mapping = call.context.mapping;
        let options = RequestOptions::new(to.model.as_str()).with_mapping(mapping);
        let generate = if call.stream {
            "streamGenerateContent?alt=sse"
        } else {
            "generateContent"
        };
        let (encoded, method) = match (&decoded.value, call.operation) {
            (Request::Chat(request), Operation::CountTokens) => (
                gemini::encode_count_for(request, &options, self.host)?,
                "countTokens",
            ),
            (Request::Chat(request), Operation::Chat) => {
                let mut request = Cow::Borrowed(&**request);
                if !self.defaults.is_empty() {
                    self.defaults.fill_chat(request.to_mut());
                }
                (
                    gemini::encode_chat_for(&request, &options, self.host)?,
                    generate,
                )
            }
            (Request::Completion(request), Operation::Completion) => {
                let mut request = (**request).clone();
                self.defaults.fill_completion(&mut request);
                let chat = as_chat(&request, mapping).ok_or_else(one_prompt)?;
                let mut encoded = gemini::encode_chat_for(&chat, &options, self.host)?;
                for name in request.beyond_chat() {
                    encoded.losses.dropped(name, "Gemini has no such parameter");
                }
                (encoded, generate)
            }
            (Request::Embedding(request), Operation::Embedding) => self.embed(request, &options)?,
            (_, operation) => return Err(self.unsupported(operation)),
        };
        let mut losses = decoded.losses.clone();
        losses.extend(encoded.losses);
        Ok(Written {
            lane: Lane::Cross,
            body: encoded.body,
            losses,
            method,
        })
    }

    fn embed(
        &self,
        request: &EmbeddingRequest,
        options: &RequestOptions<'_>,
    ) -> Result<(gateway_dialect::EncodedRequest, &'static str), CallError> {
        if self.predicts {
            return Ok((gemini::encode_predict(request)?, "predict"));
        }
        let written = gemini::encode_embedding(request, options)?;
        match (written.batch, self.site.is_vertex()) {
            (false, _) => Ok((written.encoded, "embedContent")),
            (true, false) => Ok((written.encoded, "batchEmbedContents")),
            (true, true) => Err(CallError::client(
                ErrorKind::Unsupported,
                "input: this model takes one text per request at Vertex AI.",
            )
            .with_retry(Retry::Elsewhere)),
        }
    }

    fn unsupported(&self, operation: Operation) -> CallError {
        let models = if self.site.is_vertex() {
            "Vertex AI"
        } else {
            "Gemini"
        };
        not_here(operation.as_str(), models)
    }
}

fn one_prompt() -> CallError {
    CallError::client(
        ErrorKind::Unsupported,
        "prompt: Gemini takes one text per request.",
    )
    .with_retry(Retry::Elsewhere)
}

/// Whether a member is there, in either spelling.
fn has(envelope: &Envelope, text: &[u8], key: &str) -> bool {
    let mut snake = String::with_capacity(key.len() + 4);
    for letter in key.chars() {
        if letter.is_ascii_uppercase() {
            snake.push('_');
        }
        snake.push(letter.to_ascii_lowercase());
    }
    envelope.find(text, key).is_some() || envelope.find(text, &snake).is_some()
}

/// Members as an object.
fn object(members: &Members) -> Vec<u8> {
    let mut out = vec![b'{'];
    for (key, value) in members {
        if out.len() > 1 {
            out.push(b',');
        }
        out.push(b'"');
        out.extend_from_slice(key.as_bytes());
        out.extend_from_slice(b"\":");
        out.extend_from_slice(value);
    }
    out.push(b'}');
    out
}

/// Names the model in an object that stands at `offset`, if it names one.
fn renamed(value: &[u8], offset: usize, model: &str, edits: &mut Vec<Edit>) {
    let Ok(envelope) = Envelope::scan(value) else {
        return;
    };
    for member in envelope.members() {
        if value.get(member.key.clone()) == Some(b"model") {
            let at = offset + member.value.start..offset + member.value.end;
            edits.push(Edit::new(at, model.to_owned()));
        }
    }
}

/// Names the model in every object of a list.
fn renamed_all(list: &[u8], model: &str) -> Option<Vec<u8>> {
    let items: Vec<&RawValue> = serde_json::from_slice(list).ok()?;
    let mut out = vec![b'['];
    for item in items {
        if out.len() > 1 {
            out.push(b',');
        }
        let text = Bytes::copy_from_slice(item.get().as_bytes());
        let mut edits = Vec::new();
        renamed(&text, 0, model, &mut edits);
        out.extend_from_slice(&splice(&text, &edits));
    }
    out.push(b']');
    Some(out)
}

impl Wire for GeminiWire {
    fn info(&self) -> &ProviderInfo {
        &self.info
    }

    fn encode(&self, call: &Call, to: &Target) -> Result<Encoded, CallError> {
        if !OPERATIONS.contains(&call.operation) {
            return Err(self.unsupported(call.operation));
        }
        let written = self.write(call, to)?;
        let uri = self
            .site
            .method("google", to.model.as_str(), written.method);
        Ok(Encoded {
            request: post_json(&uri, written.body)?,
            lane: written.lane,
            losses: written.losses,
        })
    }

    fn authorize(
        &self,
        request: &mut http::Request<Bytes>,
        credential: &Credential,
        _now: SystemTime,
    ) -> Result<(), CallError> {
        self.site.authorize(request, credential)
    }

    fn decode(
        &self,
        call: &Call,
        lane: Lane,
        response: http::Response<Bytes>,
    ) -> Result<Whole, CallError> {
        let (head, body) = response.into_parts();
        if lane == Lane::Same {
            let facts = match call.operation {
                Operation::CountTokens => {
                    gemini::decode_count(&body)?;
                    Facts::default()
                }
                Operation::Embedding => {
                    let mut facts = Facts::default();
                    facts.usage = gemini::decode_embedding(&body)?.usage.map(Box::new);
                    facts
                }
                _ => gemini::observe_chat(&body)?,
            };
            return Ok(Whole::raw(&head, body, facts));
        }
        Ok(Whole::Canonical(match call.operation {
            Operation::CountTokens => Response::CountTokens {
                input_tokens: gemini::decode_count(&body)?,
            },
            Operation::Embedding if self.predicts => {
                Response::Embedding(Box::new(gemini::decode_predict(&body)?))
            }
            Operation::Embedding => Response::Embedding(Box::new(gemini::decode_embedding(&body)?)),
            Operation::Completion => {
                let chat = gemini::decode_chat(&body)?;
                Response::Completion(Box::new(CompletionResponse::from(chat)))
            }
            _ => Response::Chat(Box::new(gemini::decode_chat(&body)?)),
        }))
    }

    /// A stream may come as one JSON document: an array.
    fn is_stream(&self, head: &Parts) -> bool {
        head.headers
            .get(CONTENT_TYPE)
            .is_none_or(|value| !value.as_bytes().starts_with(b"text/html"))
    }

    fn decoder(&self, _call: &Call, lane: Lane, _head: &Parts) -> Box<dyn Decode> {
        match lane {
            Lane::Same => Box::new(gemini::StreamObserver::new()),
            Lane::Cross => Box::new(gemini::StreamDecoder::new()),
        }
    }

    fn decode_error(&self, response: &http::Response<Bytes>) -> CallError {
        gemini::decode_error(
            response.status().as_u16(),
            content_type(response.headers()),
            response.body(),
        )
    }

    fn forwards(&self, header: &str) -> bool {
        site::forwards(header)
    }

    fn pass(&self, raw: &RawRequest, _to: &Target) -> Result<http::Request<Bytes>, CallError> {
        self.site.pass(raw)
    }

    fn observer(&self, raw: &RawRequest, head: &Parts) -> Option<Box<dyn Decode>> {
        let kind = content_type(&head.headers);
        known::observer(raw.method.as_str(), &raw.path.segments(), kind)
    }
}
