//! MLflow's recorded exchanges with Gemini: what it sent.

use gateway_schema::{Mapping, Operation, Request};
use serde_json::Value;

use super::super::{encode_chat, encode_embedding};
use super::json;
use crate::mlflow::MlflowCodec;
use crate::testing::corpus::workspace;
use crate::{ClientCodec, RequestOptions};

#[test]
fn requests_on_mlflows_urls_are_written_as_mlflow_writes_them() {
    let folder = workspace().join("xtask/conformance/mlflow-recorded");
    let mut checked = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        if !name.starts_with("gemini-") || name.starts_with("gemini-completions") {
            continue;
        }
        let case: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        let operation = if name.starts_with("gemini-embeddings") {
            Operation::Embedding
        } else {
            Operation::Chat
        };
        let body = case["request"]["body"].to_string();
        let decoded = MlflowCodec::invocations()
            .decode(operation, body.as_bytes())
            .unwrap();
        let seen = &case["upstream_seen"];
        let model = seen["path"].as_str().unwrap();
        let model = model
            .rsplit('/')
            .next()
            .and_then(|last| last.split(':').next())
            .unwrap();
        let options = RequestOptions::new(model).with_mapping(Mapping::Mlflow);
        let written = match decoded.value {
            Request::Embedding(request) => encode_embedding(&request, &options).unwrap().encoded,
            Request::Chat(request) => encode_chat(&request, &options).unwrap(),
            other => panic!("{other:?}"),
        };
        assert_eq!(json(&written.body), seen["body"], "{name}");
        checked += 1;
    }
    assert!(checked > 10);
}

#[test]
fn native_names_and_unknown_calls_are_refused_as_mlflow_refuses_them() {
    let options = RequestOptions::new("gemini-2.0-flash").with_mapping(Mapping::Mlflow);
    for (body, words) in [
        (
            r#"{"messages":[{"role":"user","content":"a"}],"topP":1}"#,
            "Invalid parameter topP. Use top_p instead.",
        ),
        (
            r#"{"messages":[{"role":"tool","tool_call_id":"x","content":"a"}]}"#,
            "Invalid tool message: tool_call_id=x does not match any tool call in a preceding assistant message.",
        ),
    ] {
        let decoded = MlflowCodec::invocations()
            .decode(Operation::Chat, body.as_bytes())
            .unwrap();
        let Request::Chat(request) = decoded.value else {
            panic!("not a chat");
        };
        let error = encode_chat(&request, &options).unwrap_err();
        assert_eq!(error.message(), words);
        assert_eq!(error.status(), Some(422));
    }
}
