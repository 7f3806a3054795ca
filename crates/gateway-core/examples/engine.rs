//! Ask the typed engine, without HTTP: `cargo run -p gateway-core --example engine`.

use std::time::Instant;

use gateway_core::provider::{Call, Context, Payload, ReplyBody, Whole};
use gateway_core::schema::chat::{ChatRequest, Message};
use gateway_core::schema::{Operation, Request};
use tower::ServiceExt;

mod demo;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (builder, plan) = demo::engine()?;
    let engine = builder
        .build(&plan)
        .map_err(|errors| format!("{errors:?}"))?;

    let question = ChatRequest::new(vec![Message::user("Say something.")]);
    let context = Context::new("example-1".into(), "chat".into(), Instant::now());
    let payload = Payload::from_request(Request::Chat(Box::new(question)));
    let reply = engine
        .oneshot(Call::new(context, Operation::Chat, false, payload))
        .await?;

    tracing::info!(provider = %reply.provider, model = %reply.model, "answered");
    if let ReplyBody::Whole(Whole::Canonical(response)) = reply.body {
        assert!(response.usage().is_some(), "every answer states its usage");
    }
    Ok(())
}
