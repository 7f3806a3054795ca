//! Calls to bytes and back.

use std::borrow::Cow;
use std::time::SystemTime;

use bytes::Bytes;
use gateway_dialect::openai::{
    self, Defaults, Forward, Observer, Quirks, StreamDecoder, UsageChunk,
};
use gateway_dialect::{RequestOptions, known, openai_responses};
use gateway_json::{Edit, Envelope, splice};
use gateway_provider::{
    Call, Credential, Encoded, Lane, ProviderInfo, RawRequest, Target, Whole, Wire, bearer_header,
    content_type, post_json, secret_header,
};
use gateway_schema::stream::Decode;
use gateway_schema::{CallError, Dialect, ErrorKind, Losses, Mapping, ModelId, Operation, Retry};
use http::header::AUTHORIZATION;
use http::response::Parts;
use http::{HeaderName, HeaderValue};
use serde_json::{Map, Value};

use crate::OPERATIONS;
use crate::options::{Service, Settings};

const API_KEY: HeaderName = HeaderName::from_static("api-key");
const ORGANIZATION: HeaderName = HeaderName::from_static("openai-organization");

/// Speaks to OpenAI or Azure OpenAI.
#[derive(Debug)]
pub(crate) struct OpenAiWire {
    info: ProviderInfo,
    service: Service,
    base: String,
    /// Where requests are passed on to.
    root: String,
    query: String,
    organization: Option<HeaderValue>,
    defaults: Defaults,
    quirks: Quirks,
    responses: Responses,
}

/// The Responses API of the same account, for callers that speak it.
#[derive(Debug)]
struct Responses {
    uri: String,
    model: ModelId,
    defaults: Defaults,
}

impl OpenAiWire {
    /// A wire for one model or deployment of one account.
    pub(crate) fn new(name: &str, settings: Settings, defaults: &Map<String, Value>) -> Self {
        Self {
            info: ProviderInfo::new(name, settings.model, Dialect::OPENAI, OPERATIONS),
            quirks: match settings.service {
                Service::OpenAi => Quirks::OPENAI,
                Service::Azure | Service::AzureAd => Quirks::AZURE,
            },
            responses: Responses {
                uri: settings.responses,
                model: settings.responses_model,
                defaults: Defaults::new(&openai_responses::parameters(defaults)),
            },
            service: settings.service,
            base: settings.base,
            root: settings.root,
            query: settings.query,
            organization: settings.organization,
            defaults: Defaults::new(defaults),
        }
    }

    /// The caller's own bytes, with the model and absent defaults spliced in.
    fn forward(&self, call: &Call, body: &Bytes, envelope: &Envelope, to: &Target) -> Bytes {
        let how = Forward {
            model: to.model.as_str(),
            adds_model: self.quirks.names_model,
            operation: call.operation,
            stream: call.stream,
            stream_options: self.quirks.stream_options,
            defaults: &self.defaults,
        };
        splice(body, &how.edits(body, envelope))
    }

    /// The same for the Responses API, without reasoning that another provider made.
    fn forward_responses(&self, call: &Call, body: &Bytes, envelope: &Envelope) -> (Bytes, Losses) {
        let how = Forward {
            model: self.responses.model.as_str(),
            adds_model: true,
            operation: call.operation,
            stream: call.stream,
            stream_options: false,
            defaults: &self.responses.defaults,
        };
        spliced_responses(&how, body, envelope)
    }

    /// What stands below the Responses API: stored responses, and compaction, which names a model.
    fn pass_to_responses(&self, raw: &RawRequest) -> Result<http::Request<Bytes>, CallError> {
        let root = self.responses.uri.trim_end_matches("/responses");
        let mut request = raw.at(root)?;
        if raw.asks.is_some() {
            let (body, envelope) = Envelope::read(raw.body.clone()).map_err(|fault| {
                let message = format!("The request body is not valid JSON: {fault}.");
                CallError::client(ErrorKind::InvalidRequest, message).with_code("invalid_json")
            })?;
            let how = Forward {
                model: self.responses.model.as_str(),
                adds_model: true,
                operation: Operation::Chat,
                stream: false,
                stream_options: false,
                defaults: &Defaults::new(&Map::new()),
            };
            *request.body_mut() = spliced_responses(&how, &body, &envelope).0;
        }
        Ok(request)
    }

    /// Below the resource stand `openai/...`; other paths begin with a deployment, as MLflow has them. The dated paths
    /// want an `api-version`, those of `openai/v1` do not.
    fn pass_to_azure(&self, raw: &RawRequest) -> Result<http::Request<Bytes>, CallError> {
        let path = raw.path.as_str();
        let is_whole = path.starts_with("openai/");
        let root = if is_whole {
            self.root.clone()
        } else {
            format!("{}/openai/deployments", self.root)
        };
        let said = raw.query.as_deref().unwrap_or_default();
        let has_version = said
            .split('&')
            .any(|pair| pair.split('=').next() == Some("api-version"));
        if has_version || path.starts_with("openai/v1/") {
            return raw.at(&root);
        }
        let version = self.query.trim_start_matches('?');
        let joined = if said.is_empty() {
            version.to_owned()
        } else {
            format!("{said}&{version}")
        };
        raw.at_with(&root, Some(&joined))
    }

    fn translate(&self, call: &Call, to: &Target) -> Result<(Bytes, Losses), CallError> {
        let decoded = call.canonical()?;
        let mut request = Cow::Borrowed(&decoded.value);
        if !self.defaults.is_empty() {
            self.defaults.fill(request.to_mut());
        }
        if request.stream().is_some_and(|it| it != call.stream) {
            request.to_mut().set_stream(call.stream);
        }
        let options = RequestOptions::new(to.model.as_str()).with_mapping(call.context.mapping);
        let encoded = openai::encode_request(&request, &options, &self.quirks)?;
        let mut losses = decoded.losses.clone();
        losses.extend(encoded.losses);
        Ok((encoded.body, losses))
    }
}

/// The caller's bytes for the Responses API, without reasoning that another provider made.
fn spliced_responses(how: &Forward<'_>, body: &Bytes, envelope: &Envelope) -> (Bytes, Losses) {
    let mut edits = how.edits(body, envelope);
    let own = envelope.find(body, "input").and_then(|input| {
        let (items, losses) = openai_responses::own_items(body.get(input.value.clone())?)?;
        Some((Edit::new(input.value.clone(), items), losses))
    });
    let mut losses = Losses::new();
    if let Some((edit, lost)) = own {
        edits.push(edit);
        edits.sort_by_key(|edit| edit.at.start);
        losses = lost;
    }
    (splice(body, &edits), losses)
}

/// The caller's bytes, if the Responses API is asked in its own words.
fn of_responses(call: &Call) -> Option<(&Bytes, &Envelope)> {
    call.payload
        .native(Dialect::OPENAI_RESPONSES)
        .filter(|_| call.operation == Operation::Chat)
}

fn path(operation: Operation) -> Result<&'static str, CallError> {
    match operation {
        Operation::Chat => Ok("chat/completions"),
        Operation::Completion => Ok("completions"),
        Operation::Embedding => Ok("embeddings"),
        other => Err(CallError::gateway(
            ErrorKind::Unsupported,
            format!("The {other} route is not implemented for OpenAI models."),
        )
        .with_status(501)
        .with_retry(Retry::Elsewhere)),
    }
}

impl Wire for OpenAiWire {
    fn info(&self) -> &ProviderInfo {
        &self.info
    }

    fn encode(&self, call: &Call, to: &Target) -> Result<Encoded, CallError> {
        let mut uri = format!("{}/{}{}", self.base, path(call.operation)?, self.query);
        let native = call.payload.native(Dialect::OPENAI);
        let (lane, body, losses) = if let Some((body, envelope)) = of_responses(call) {
            uri.clone_from(&self.responses.uri);
            let (body, losses) = self.forward_responses(call, body, envelope);
            (Lane::Same, body, losses)
        } else if let Some((body, envelope)) = native {
            let body = self.forward(call, body, envelope, to);
            (Lane::Same, body, Losses::new())
        } else {
            let (body, losses) = self.translate(call, to)?;
            (Lane::Cross, body, losses)
        };
        let mut request = post_json(&uri, body)?;
        let headers = request.headers_mut();
        if let Some(organization) = &self.organization {
            headers.insert(ORGANIZATION, organization.clone());
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
        let key = credential.key_for("OpenAI")?.expose();
        let headers = request.headers_mut();
        match self.service {
            Service::OpenAi | Service::AzureAd => {
                headers.insert(AUTHORIZATION, bearer_header(key)?);
            }
            Service::Azure => {
                headers.insert(API_KEY, secret_header(key)?);
            }
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
        if lane == Lane::Same {
            let facts = if of_responses(call).is_some() {
                openai_responses::observe(&body)?
            } else {
                openai::observe(&body)?
            };
            return Ok(Whole::raw(&head, body, facts));
        }
        openai::decode_response(call.operation, &body).map(Whole::Canonical)
    }

    fn decoder(&self, call: &Call, lane: Lane, _head: &Parts) -> Box<dyn Decode> {
        if lane == Lane::Same && of_responses(call).is_some() {
            return Box::new(openai_responses::StreamObserver::new());
        }
        let native = call
            .payload
            .native(Dialect::OPENAI)
            .filter(|_| lane == Lane::Same);
        let Some((body, envelope)) = native else {
            // MLflow skips what is not JSON in a stream, and its clients may rely on it.
            let skips = call.context.mapping == Mapping::Mlflow;
            return Box::new(StreamDecoder::new().with_malformed_skipped(skips));
        };
        let hides = self.quirks.stream_options && openai::hides_usage(body, envelope);
        Box::new(Observer::new(UsageChunk::hidden_when(hides)))
    }

    fn decode_error(&self, response: &http::Response<Bytes>) -> CallError {
        let kind = content_type(response.headers());
        openai::decode_error(response.status().as_u16(), kind, response.body())
    }

    fn has_paths_of(&self, dialect: Dialect) -> bool {
        dialect == Dialect::OPENAI_RESPONSES
    }

    fn forwards(&self, header: &str) -> bool {
        matches!(
            header,
            "extra-parameters" | "openai-beta" | "x-ms-client-request-id" | "x-ms-useragent"
        )
    }

    fn pass(&self, raw: &RawRequest, _to: &Target) -> Result<http::Request<Bytes>, CallError> {
        let mut request = match self.service {
            _ if raw.dialect == Some(Dialect::OPENAI_RESPONSES) => self.pass_to_responses(raw)?,
            Service::OpenAi => raw.at(&self.root)?,
            Service::Azure | Service::AzureAd => self.pass_to_azure(raw)?,
        };
        if let Some(organization) = &self.organization {
            let headers = request.headers_mut();
            headers.insert(ORGANIZATION, organization.clone());
        }
        Ok(request)
    }

    fn observer(&self, raw: &RawRequest, head: &Parts) -> Option<Box<dyn Decode>> {
        let kind = content_type(&head.headers);
        known::observer(raw.method.as_str(), &raw.path.segments(), kind)
    }
}
