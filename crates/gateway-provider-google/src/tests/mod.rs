//! The providers on a scripted transport.

mod claude;
mod federated;
mod gemini;
mod tokens;
mod vertex;

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use gateway_dialect::ClientCodec;
use gateway_dialect::gemini::GeminiCodec;
use gateway_json::Envelope;
use gateway_provider::{Call, Context, Deps, Factory, Payload, Provider, Reply, TargetSpec};
use gateway_schema::{
    CallError, Decoded, Dialect, EndpointName, Operation, OptionProblem, Options, RequestId,
};
use gateway_testkit::{FixedEnvironment, ManualClock, ScriptedReply, ScriptedTransport};
use serde_json::{Value, json};

/// An RSA key made for these tests alone.
pub(crate) const KEY: &str = include_str!("key.pem");

fn decode(operation: Operation, body: &[u8]) -> Result<Decoded, CallError> {
    GeminiCodec::EVENTS.decode(operation, body)
}

fn native(text: &str) -> Payload {
    let bytes = Bytes::copy_from_slice(text.as_bytes());
    let envelope = Envelope::scan(&bytes).unwrap();
    Payload::from_bytes(Dialect::GEMINI, bytes, envelope, &decode)
}

fn context() -> Context {
    Context::new(
        RequestId::from("r"),
        EndpointName::from("e"),
        Instant::now(),
    )
}

fn whole(text: &str) -> Value {
    json!({
        "candidates": [{"content": {"parts": [{"text": text}], "role": "model"}, "finishReason": "STOP", "index": 0}],
        "usageMetadata": {"promptTokenCount": 10, "candidatesTokenCount": 4, "totalTokenCount": 14},
        "modelVersion": "gemini-2.5-flash", "responseId": "r1",
    })
}

fn stream(text: &str) -> String {
    let (head, tail) = text.split_at(2);
    let piece = |text: &str, rest: Value| {
        let mut candidate =
            json!({"content": {"parts": [{"text": text}], "role": "model"}, "index": 0});
        let mut body = json!({"modelVersion": "gemini-2.5-flash", "responseId": "r1"});
        if rest == true {
            candidate["finishReason"] = json!("STOP");
            body["usageMetadata"] =
                json!({"promptTokenCount": 10, "candidatesTokenCount": 4, "totalTokenCount": 14});
        }
        body["candidates"] = json!([candidate]);
        format!("data: {body}\r\n\r\n")
    };
    piece(head, json!(false)) + &piece(tail, json!(true))
}

/// A service account with the tests' key.
fn account() -> String {
    json!({
        "type": "service_account", "client_email": "a@p.iam.gserviceaccount.com", "private_key": KEY,
        "private_key_id": "kid", "token_uri": "https://oauth2.googleapis.com/token",
    })
    .to_string()
}

/// A provider with answers to give, and what it is asked with.
struct Scene {
    transport: ScriptedTransport,
    provider: Arc<dyn Provider>,
}

impl Scene {
    fn build(
        factory: Factory,
        model: &str,
        options: &Value,
        defaults: &Value,
        environment: FixedEnvironment,
    ) -> Result<Self, Vec<OptionProblem>> {
        let transport = ScriptedTransport::new().aside(
            |request| request.uri().path() == "/token",
            ScriptedReply::json(200, &json!({"access_token": "ya29.t", "expires_in": 3600})),
        );
        let clock = Arc::new(ManualClock::at_unix_seconds(1_800_000_000));
        let deps = Deps::new(Arc::new(transport.clone()), clock, Arc::new(environment));
        let mut spec = TargetSpec::new(factory.name, Some(model.into()), Operation::Chat);
        spec.defaults = Arc::new(defaults.as_object().unwrap().clone());
        let options = Options::new(options.as_object().unwrap().clone());
        let provider = (factory.build)(&spec, &options, &deps)?;
        Ok(Self {
            transport,
            provider,
        })
    }

    fn studio(model: &str, defaults: &Value) -> Self {
        let options = json!({"gemini_api_key": "AIza-key"});
        Self::build(
            crate::GEMINI,
            model,
            &options,
            defaults,
            FixedEnvironment::new(),
        )
        .unwrap()
    }

    fn vertex(model: &str, options: &Value) -> Self {
        let mut all = json!({"vertex_project": "p", "vertex_credentials": account()});
        all.as_object_mut()
            .unwrap()
            .extend(options.as_object().unwrap().clone());
        Self::build(
            crate::VERTEX_AI,
            model,
            &all,
            &json!({}),
            FixedEnvironment::new(),
        )
        .unwrap()
    }

    async fn ask(&self, call: Call, reply: ScriptedReply) -> Result<Reply, CallError> {
        self.transport.push(reply);
        Arc::clone(&self.provider).call(call).await
    }

    /// The last request to the model.
    fn sent(&self) -> (http::Request<Bytes>, Value) {
        let request = self.transport.last_request().unwrap();
        let body = serde_json::from_slice(request.body()).unwrap_or_default();
        (request, body)
    }
}
