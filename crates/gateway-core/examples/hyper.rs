//! Serve every surface from a bare hyper server: `cargo run -p gateway-core --example hyper`, then
//! `curl -s localhost:5001/v1/chat/completions -H 'content-type: application/json'
//! -d '{"model":"chat","messages":[{"role":"user","content":"Hi"}]}'`.

use std::net::SocketAddr;
use std::sync::Arc;

use gateway_core::GatewayBuilder;
use gateway_core::edge::Peer;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tower::ServiceBuilder;

mod demo;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (builder, plan) = demo::engine()?;
    let engine = builder
        .build(&plan)
        .map_err(|errors| format!("{errors:?}"))?;
    let gateway = GatewayBuilder::new(engine, Arc::new(demo::WallClock)).build();

    let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 5001))).await?;
    loop {
        let (stream, peer) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let gateway = gateway.clone();
        // Limits that count by address need to know it.
        let service = ServiceBuilder::new()
            .map_request(move |mut request: http::Request<hyper::body::Incoming>| {
                request.extensions_mut().insert(Peer(peer.ip()));
                request
            })
            .service(gateway);
        tokio::spawn(async move {
            let served = auto::Builder::new(TokioExecutor::new())
                .serve_connection(TokioIo::new(stream), TowerToHyperService::new(service))
                .await;
            if let Err(error) = served {
                tracing::debug!(%error, "the connection ended");
            }
        });
    }
}
