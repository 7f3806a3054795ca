//! The providers of this binary. Adding one is a line here, a feature, and a dependency.

use gateway_core::Registry;

/// Every provider that was compiled in.
pub fn providers() -> Registry {
    let registry = Registry::new().with_all([
        #[cfg(feature = "openai")]
        gateway_provider_openai::OPENAI,
        #[cfg(feature = "anthropic")]
        gateway_provider_anthropic::ANTHROPIC,
        #[cfg(feature = "bedrock")]
        gateway_provider_bedrock::BEDROCK,
        #[cfg(feature = "bedrock")]
        gateway_provider_bedrock::SAGEMAKER,
        #[cfg(feature = "cohere")]
        gateway_provider_cohere::COHERE,
        #[cfg(feature = "google")]
        gateway_provider_google::GEMINI,
        #[cfg(feature = "google")]
        gateway_provider_google::VERTEX_AI,
        #[cfg(feature = "simulator")]
        gateway_provider_simulator::SIMULATOR,
    ]);
    #[cfg(feature = "compat")]
    let registry = registry.with_all(gateway_provider_compat::factories());
    #[cfg(feature = "legacy")]
    let registry = registry.with_all(gateway_provider_legacy::FACTORIES);
    #[cfg(feature = "mlflow")]
    let registry = registry.with_all(gateway_provider_mlflow::FACTORIES);
    registry.with(crate::litellm::LITELLM)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Instant;

    use gateway_core::provider::{Call, Context, Payload, RawPath, RawRequest, TargetSpec};
    use gateway_core::schema::{Operation, Options};
    use gateway_testkit::{ScriptedReply, ScriptedTransport, deps};
    use serde_json::{Value, json};

    use super::providers;

    /// What a provider sends for `GET {path}?x=1&key=k`, with which credential.
    async fn sent(name: &str, config: Value, path: &str) -> (String, http::HeaderMap) {
        let registry = providers();
        let factory = registry.find(name).unwrap();
        let transport =
            ScriptedTransport::new().always(ScriptedReply::json(200, &json!({"ok": true})));
        let spec = TargetSpec::new(name, Some("model-x".into()), Operation::Chat);
        let options = Options::new(config.as_object().cloned().unwrap());
        let provider = (factory.build)(&spec, &options, &deps(&transport)).unwrap();
        let mut raw = RawRequest::new(http::Method::GET, RawPath::check(path).unwrap());
        raw.query = Some("x=1".to_owned());
        let context = Context::new("r".into(), "e".into(), Instant::now());
        let call = Call::new(context, Operation::Proxy, false, Payload::from_raw(raw));
        let reply = Arc::clone(&provider).call(call).await.unwrap();
        assert_eq!(reply.raw.unwrap().status, 200);
        let request = transport.last_request().unwrap();
        (request.uri().to_string(), request.headers().clone())
    }

    /// Provider, settings, path; where it goes, and with which credential.
    type Row = (
        &'static str,
        Value,
        &'static str,
        &'static str,
        (&'static str, &'static str),
    );

    fn of_openai() -> Vec<Row> {
        let azure = json!({
            "openai_api_key": "sk", "openai_api_type": "azure", "openai_deployment_name": "d",
            "openai_api_base": "https://r.openai.azure.com/", "openai_api_version": "2024-10-21",
        });
        vec![
            (
                "openai",
                json!({"openai_api_key": "sk"}),
                "v1/files/f/content",
                "https://api.openai.com/v1/files/f/content?x=1",
                ("authorization", "Bearer sk"),
            ),
            (
                "openai",
                azure.clone(),
                "openai/files",
                "https://r.openai.azure.com/openai/files?x=1&api-version=2024-10-21",
                ("api-key", "sk"),
            ),
            (
                "openai",
                azure.clone(),
                "openai/v1/files",
                "https://r.openai.azure.com/openai/v1/files?x=1",
                ("api-key", "sk"),
            ),
            (
                "openai",
                azure,
                "d/chat/completions",
                "https://r.openai.azure.com/openai/deployments/d/chat/completions?x=1&api-version=2024-10-21",
                ("api-key", "sk"),
            ),
        ]
    }

    fn of_others() -> Vec<Row> {
        let aws = json!({"aws_config": {
            "aws_region": "us-east-1", "aws_access_key_id": "AKID", "aws_secret_access_key": "s",
        }});
        vec![
            (
                "anthropic",
                json!({"anthropic_api_key": "sk"}),
                "v1/messages/batches",
                "https://api.anthropic.com/v1/messages/batches?x=1",
                ("x-api-key", "sk"),
            ),
            (
                "gemini",
                json!({"gemini_api_key": "sk"}),
                "v1beta/files",
                "https://generativelanguage.googleapis.com/v1beta/files?x=1",
                ("x-goog-api-key", "sk"),
            ),
            (
                "cohere",
                json!({"cohere_api_key": "sk"}),
                "v1/tokenize",
                "https://api.cohere.com/v1/tokenize?x=1",
                ("authorization", "Bearer sk"),
            ),
            (
                "bedrock",
                aws,
                "model/arn%3Aaws%2Fx/converse",
                "https://bedrock-runtime.us-east-1.amazonaws.com/model/arn%3Aaws%2Fx/converse?x=1",
                ("authorization", "AWS4-HMAC-SHA256 Credential=AKID/"),
            ),
            (
                "groq",
                json!({"api_key": "sk"}),
                "v1/audio/speech",
                "https://api.groq.com/openai/v1/audio/speech?x=1",
                ("authorization", "Bearer sk"),
            ),
            (
                "mlflow-model-serving",
                json!({"model_server_url": "http://127.0.0.1:5001"}),
                "ping",
                "http://127.0.0.1:5001/ping?x=1",
                ("", ""),
            ),
        ]
    }

    #[tokio::test]
    async fn every_provider_passes_requests_on_below_its_address_with_its_credential() {
        for (name, config, path, uri, (header, value)) in of_openai().into_iter().chain(of_others())
        {
            let (address, headers) = sent(name, config, path).await;
            assert_eq!(address, uri, "{name}");
            if !header.is_empty() {
                let found = headers.get(header).unwrap().to_str().unwrap();
                assert!(found.starts_with(value), "{name}: {found}");
            }
        }
    }
}
