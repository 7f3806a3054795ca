//! Mount the gateway in an axum application, beside routes of its own: `cargo run -p gateway-core --example axum`, then
//! `curl -s localhost:5002/llm/v1/models` and `curl -s localhost:5002/`.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::routing::get;
use gateway_core::GatewayBuilder;
use tower::ServiceExt;

mod demo;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (builder, plan) = demo::engine()?;
    let engine = builder
        .build(&plan)
        .map_err(|errors| format!("{errors:?}"))?;
    let gateway = GatewayBuilder::new(engine, Arc::new(demo::WallClock)).build();

    let app = Router::new()
        .route(
            "/",
            get(|| async { "an application with a gateway below /llm" }),
        )
        // The gateway's body is an ordinary `http_body::Body`; axum wants its own type.
        .nest_service(
            "/llm",
            ServiceExt::<http::Request<Body>>::map_response(gateway, |response| {
                response.map(Body::new)
            }),
        );

    let listener = tokio::net::TcpListener::bind("127.0.0.1:5002").await?;
    axum::serve(listener, app).await?;
    Ok(())
}
