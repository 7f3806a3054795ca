//! Calls to bytes and back.

use std::time::SystemTime;

use bytes::Bytes;
use gateway_dialect::openai::{self, Defaults, Forward, Observer, StreamDecoder, UsageChunk};
use gateway_dialect::{RequestOptions, known, rerank};
use gateway_json::{Envelope, splice};
use gateway_provider::{
    Call, Credential, Encoded, Lane, ProviderInfo, RawRequest, Target, Whole, Wire, bearer_header,
    content_type, post_json, secret_header, unversioned,
};
use gateway_schema::stream::Decode;
use gateway_schema::{
    CallError, Dialect, ErrorKind, Losses, Mapping, Operation, Request, Response,
};
use http::HeaderName;
use http::header::AUTHORIZATION;
use http::response::Parts;
use serde_json::{Map, Value};

use crate::options::Settings;
use crate::preset::{Auth, InBand, Mlflow, Preset};
use crate::stream::Nameless;
use crate::{adjust, call_ids, respell};

/// Speaks to the vendor of a row.
#[derive(Debug)]
pub(crate) struct CompatWire {
    info: ProviderInfo,
    preset: &'static Preset,
    settings: Settings,
    /// Under OpenAI's names, for translated requests.
    defaults: Defaults,
    /// Under the vendor's names, for the caller's own bytes.
    spelled: Defaults,
}

impl CompatWire {
    /// A wire for one model of one account.
    pub(crate) fn new(
        preset: &'static Preset,
        name: &str,
        settings: Settings,
        defaults: &Map<String, Value>,
    ) -> Self {
        let spelled = defaults
            .iter()
            .map(|(key, value)| {
                let renamed = preset.quirks.renamed.iter().find(|(ours, _)| ours == key);
                let name = renamed.map_or(key.as_str(), |(_, theirs)| theirs);
                (name.to_owned(), value.clone())
            })
            .collect();
        Self {
            info: ProviderInfo::new(
                name,
                settings.model.clone(),
                Dialect::OPENAI,
                preset.operations,
            )
            .with_display_name(preset.display_name),
            preset,
            settings,
            defaults: Defaults::new(defaults),
            spelled: Defaults::new(&spelled),
        }
    }

    /// The caller's bytes, if they can go out as they are.
    fn native<'c>(&self, call: &'c Call) -> Option<(&'c Bytes, &'c Envelope)> {
        let translates = call.operation == Operation::Rerank
            || (call.operation == Operation::Completion && self.preset.completes_by_chat);
        let refuses = |body: &Bytes| self.preset.short_call_ids && call_ids::are_foreign(body);
        call.payload
            .native(Dialect::OPENAI)
            .filter(|(body, _)| !translates && !refuses(body))
    }

    /// The caller's own bytes, with the model, absent defaults and the vendor's names spliced in.
    fn forward(
        &self,
        call: &Call,
        (body, envelope): (&Bytes, &Envelope),
        to: &Target,
    ) -> (Bytes, Losses) {
        let how = Forward {
            model: to.model.as_str(),
            adds_model: self.preset.quirks.names_model,
            operation: call.operation,
            stream: call.stream,
            stream_options: self.preset.quirks.stream_options,
            defaults: &self.spelled,
        };
        let edits = how.edits(body, envelope);
        let mut losses = Losses::new();
        let respelled = respell::edits(self.preset, body, envelope, &mut losses);
        (splice(body, &respell::merged(edits, respelled)), losses)
    }

    fn translate(&self, call: &Call, to: &Target) -> Result<(Bytes, Losses), CallError> {
        let decoded = call.canonical()?;
        let mut losses = decoded.losses.clone();
        let mapping = call.context.mapping;
        let mut request =
            adjust::request(self.preset, mapping, decoded.value.clone(), &mut losses)?;
        self.defaults.fill(&mut request);
        request.set_stream(call.stream);
        let options = RequestOptions::new(to.model.as_str()).with_mapping(mapping);
        let encoded = match &request {
            Request::Rerank(ranking) => rerank::encode(ranking, &options, self.preset.ranking),
            request => openai::encode_request(request, &options, &self.preset.quirks)?,
        };
        losses.extend(encoded.losses);
        Ok((encoded.body, losses))
    }

    fn names_configured_model(&self, call: &Call) -> bool {
        call.context.mapping == Mapping::Mlflow
            && (self.preset.mlflow == Mlflow::Together
                || (self.preset.mlflow == Mlflow::Mistral
                    && call.operation == Operation::Completion))
    }
}

/// Where a call goes. NVIDIA's own rerankers each have an address that is whole already.
fn address(base: &str, path: &str) -> String {
    if path == "ranking" && base.ends_with("/reranking") {
        return base.to_owned();
    }
    format!("{base}/{path}")
}

impl Wire for CompatWire {
    fn info(&self) -> &ProviderInfo {
        &self.info
    }

    fn encode(&self, call: &Call, to: &Target) -> Result<Encoded, CallError> {
        let Some(path) = self.preset.path(call.operation) else {
            return Err(self.info.lacks(call.operation));
        };
        let (lane, (body, losses)) = match self.native(call) {
            Some(native) => (Lane::Same, self.forward(call, native, to)),
            None => (Lane::Cross, self.translate(call, to)?),
        };
        let uri = address(&self.settings.base, path);
        let mut request = post_json(&uri, body)?;
        let headers = request.headers_mut();
        for (name, value) in &self.settings.headers {
            headers.insert(name.clone(), value.clone());
        }
        Ok(Encoded {
            request,
            lane,
            losses,
        })
    }

    fn authorize(
        &self,
        request: &mut http::Request<Bytes>,
        credential: &Credential,
        _now: SystemTime,
    ) -> Result<(), CallError> {
        let headers = request.headers_mut();
        match (credential, self.preset.auth) {
            (Credential::Key(key), Auth::Apart { header, .. }) => {
                headers.insert(
                    HeaderName::from_static(header),
                    secret_header(key.expose())?,
                );
            }
            (Credential::Key(key), _) => {
                let value = bearer_header(key.expose())?;
                headers.insert(AUTHORIZATION, value);
            }
            (Credential::None, _) => {}
            _ => {
                return Err(CallError::gateway(
                    ErrorKind::Internal,
                    "This kind of credential does not fit the provider.",
                ));
            }
        }
        if let Some(bearer) = &self.settings.bearer {
            headers.insert(AUTHORIZATION, bearer.clone());
        }
        Ok(())
    }

    fn decode(
        &self,
        call: &Call,
        lane: Lane,
        response: http::Response<Bytes>,
    ) -> Result<Whole, CallError> {
        let (head, body) = response.into_parts();
        if let Some(error) = self.preset.in_band.and_then(|band| told(band, &body)) {
            return Err(error);
        }
        if lane == Lane::Same {
            let facts = openai::observe(&body)?;
            return Ok(Whole::raw(&head, body, facts));
        }
        let reply = match call.operation {
            Operation::Rerank => match &call.canonical()?.value {
                Request::Rerank(request) => {
                    Response::Rerank(Box::new(rerank::decode(&body, request)?))
                }
                _ => return Err(self.info.lacks(call.operation)),
            },
            Operation::Completion if self.preset.completes_by_chat => {
                openai::decode_response(Operation::Chat, &body)?
            }
            operation => openai::decode_response(operation, &body)?,
        };
        let completion = call.operation == Operation::Completion;
        Ok(Whole::Canonical(adjust::reply(
            self.preset,
            call.context.mapping,
            completion,
            reply,
        )))
    }

    fn decoder(&self, call: &Call, lane: Lane, _head: &Parts) -> Box<dyn Decode> {
        let native = self.native(call).filter(|_| lane == Lane::Same);
        let Some((body, envelope)) = native else {
            return if self.names_configured_model(call) {
                Box::new(Nameless(StreamDecoder::new()))
            } else {
                Box::new(StreamDecoder::new())
            };
        };
        let hides = self.preset.quirks.stream_options && openai::hides_usage(body, envelope);
        Box::new(Observer::new(UsageChunk::hidden_when(hides)))
    }

    fn decode_error(&self, response: &http::Response<Bytes>) -> CallError {
        let kind = content_type(response.headers());
        openai::decode_error(response.status().as_u16(), kind, response.body())
    }

    fn forwards(&self, header: &str) -> bool {
        // What applications say of themselves to services that list them, and the wire's own.
        matches!(header, "http-referer" | "openai-beta" | "x-title")
    }

    fn pass(&self, raw: &RawRequest, _to: &Target) -> Result<http::Request<Bytes>, CallError> {
        let mut request = raw.at(unversioned(&self.settings.base))?;
        let headers = request.headers_mut();
        for (name, value) in &self.settings.headers {
            headers.insert(name.clone(), value.clone());
        }
        Ok(request)
    }

    fn observer(&self, raw: &RawRequest, head: &Parts) -> Option<Box<dyn Decode>> {
        let kind = content_type(&head.headers);
        known::observer(raw.method.as_str(), &raw.path.segments(), kind)
    }
}

/// The error that an answer with a good status tells.
fn told(band: InBand, body: &[u8]) -> Option<CallError> {
    let answer: Value = serde_json::from_slice(body).ok()?;
    let told = answer.get(band.member)?;
    let code = told.get(band.code)?.as_i64().filter(|code| *code != 0)?;
    let known = band.statuses.iter().find(|(known, _)| *known == code);
    let status = known.map_or(502, |(_, status)| *status);
    let message = told.get(band.message).and_then(Value::as_str);
    let words = serde_json::json!({"error": {"message": message, "code": code.to_string()}});
    let error = openai::decode_error(status, None, words.to_string().as_bytes());
    Some(error)
}
