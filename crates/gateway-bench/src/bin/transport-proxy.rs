//! The yardstick's proxy with the gateway's own upstream client in place of hyper-util's: shows what the client costs.
//!
//! `--port N --upstream HOST:PORT`.

use bytes::Bytes;
use futures_util::TryStreamExt as _;
use gateway_bench::args::Args;
use gateway_bench::server;
use gateway_provider::{BodyStream, SendLimits, Transport as _, TransportError};
use gateway_transport::{HttpTransport, TransportConfig};
use http::uri::{Authority, Scheme};
use http::{Request, Response, Uri};
use http_body::Frame;
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

type Frames = futures_util::stream::MapOk<BodyStream, fn(Bytes) -> Frame<Bytes>>;

fn main() -> Result<(), String> {
    let args = Args::read(std::env::args().skip(1))?;
    let port = args.get("port", 0)?;
    let upstream: String = args.get("upstream", "127.0.0.1:9".to_owned())?;
    let upstream: Authority = upstream.parse().map_err(|_| "--upstream: HOST:PORT")?;
    let client = HttpTransport::new(TransportConfig::default()).map_err(|e| e.to_string())?;
    server::stop_with_parent();
    let runtime = server::runtime().map_err(|error| error.to_string())?;
    runtime.block_on(async move {
        let listener = server::listen(port).await.map_err(|e| e.to_string())?;
        loop {
            let (stream, _) = listener.accept().await.map_err(|e| e.to_string())?;
            stream.set_nodelay(true).map_err(|e| e.to_string())?;
            let (client, upstream) = (client.clone(), upstream.clone());
            tokio::spawn(async move {
                let service =
                    service_fn(move |request| forward(client.clone(), upstream.clone(), request));
                let _ = http1::Builder::new()
                    .pipeline_flush(true)
                    .serve_connection(TokioIo::new(stream), service)
                    .await;
            });
        }
    })
}

type Failure = Box<dyn std::error::Error + Send + Sync>;

async fn forward(
    client: HttpTransport,
    upstream: Authority,
    request: Request<Incoming>,
) -> Result<Response<StreamBody<Frames>>, Failure> {
    let (mut head, body) = request.into_parts();
    let body = body.collect().await?.to_bytes();
    let mut parts = std::mem::take(&mut head.uri).into_parts();
    parts.scheme = Some(Scheme::HTTP);
    parts.authority = Some(upstream);
    head.uri = Uri::from_parts(parts)?;
    let response: Result<_, TransportError> = client
        .send(Request::from_parts(head, body), SendLimits::default())
        .await;
    Ok(response?.map(|body| {
        let frame: fn(Bytes) -> Frame<Bytes> = Frame::data;
        StreamBody::new(body.map_ok(frame))
    }))
}
