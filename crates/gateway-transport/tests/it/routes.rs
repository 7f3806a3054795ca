//! Overrides and proxies.

use bytes::Bytes;
use gateway_provider::{Transport as _, TransportFault};
use gateway_transport::{HttpTransport, OriginOverrides, Proxies, TransportConfig};
use http::Request;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::sync::mpsc;

use crate::support::{Server, limits, post, read_all, read_request, text};
use crate::tls;

const OK: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

async fn recording() -> (Server, mpsc::UnboundedReceiver<String>) {
    let (tx, rx) = mpsc::unbounded_channel();
    let server = Server::start(move |mut stream, _| {
        let tx = tx.clone();
        async move {
            while let Some(request) = read_request(&mut stream).await {
                tx.send(request).unwrap();
                stream.write_all(OK).await.unwrap();
            }
        }
    })
    .await;
    (server, rx)
}

fn with(config: TransportConfig) -> HttpTransport {
    HttpTransport::new(config).unwrap()
}

#[tokio::test]
async fn an_override_changes_the_connection_and_nothing_of_the_request() {
    let (server, mut seen) = recording().await;
    let overrides = OriginOverrides::new()
        .with_rule(&format!(
            "https://api.example.com=http://127.0.0.1:{}",
            server.port
        ))
        .unwrap();
    let client = with(TransportConfig::default().with_overrides(overrides));
    let answer = text(&client, "https://api.example.com/v1/x?y=z")
        .await
        .unwrap();
    assert_eq!(answer, "ok");
    let request = seen.recv().await.unwrap();
    assert!(
        request.starts_with("POST /v1/x?y=z HTTP/1.1\r\nhost: api.example.com\r\n"),
        "{request}"
    );
}

#[tokio::test]
async fn a_star_override_catches_every_origin() {
    let (server, mut seen) = recording().await;
    let overrides = OriginOverrides::new()
        .with_rule(&format!("*=http://127.0.0.1:{}", server.port))
        .unwrap();
    let client = with(TransportConfig::default().with_overrides(overrides));
    for host in ["https://one.example", "http://two.example:8080"] {
        text(&client, &format!("{host}/")).await.unwrap();
    }
    assert!(seen.recv().await.unwrap().contains("host: one.example\r\n"));
    assert!(
        seen.recv()
            .await
            .unwrap()
            .contains("host: two.example:8080\r\n")
    );
}

#[tokio::test]
async fn plain_requests_go_to_the_proxy_in_absolute_form() {
    let (proxy, mut seen) = recording().await;
    let proxies = Proxies::new()
        .with_http(&format!("http://me:secret@127.0.0.1:{}", proxy.port))
        .unwrap();
    let client = with(TransportConfig::default().with_proxies(proxies));
    text(&client, "http://name.invalid:81/a?b").await.unwrap();
    let request = seen.recv().await.unwrap();
    assert!(
        request
            .starts_with("POST http://name.invalid:81/a?b HTTP/1.1\r\nhost: name.invalid:81\r\n"),
        "{request}"
    );
    assert!(request.contains("proxy-authorization: Basic bWU6c2VjcmV0\r\n"));
}

/// A proxy that tunnels to `port` whatever is asked for.
async fn tunnelling(port: u16) -> (Server, mpsc::UnboundedReceiver<String>) {
    let (tx, rx) = mpsc::unbounded_channel();
    let proxy = Server::start(move |mut stream, _| {
        let tx = tx.clone();
        async move {
            tx.send(read_request(&mut stream).await.unwrap()).unwrap();
            let reply = b"HTTP/1.1 200 Connection established\r\nvia: test\r\n\r\n";
            stream.write_all(reply).await.unwrap();
            let mut upstream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
            let _ = tokio::io::copy_bidirectional(&mut stream, &mut upstream).await;
        }
    })
    .await;
    (proxy, rx)
}

#[tokio::test]
async fn https_requests_go_through_a_tunnel() {
    let upstream = tls::Server::start("api.example.com", tls::Alpn::Http1).await;
    let (proxy, mut seen) = tunnelling(upstream.port()).await;
    let proxies = Proxies::new()
        .with_https(&format!("http://me:secret@127.0.0.1:{}", proxy.port))
        .unwrap();
    let config = TransportConfig::default()
        .with_proxies(proxies)
        .with_extra_root(upstream.root.clone());
    let client = with(config);
    for _ in 0..3 {
        let answer = text(&client, "https://api.example.com/x").await.unwrap();
        assert_eq!(answer, "HTTP/1.1 api.example.com /x");
    }
    let connect = seen.recv().await.unwrap();
    assert!(
        connect
            .starts_with("CONNECT api.example.com:443 HTTP/1.1\r\nHost: api.example.com:443\r\n"),
        "{connect}"
    );
    assert!(connect.contains("Proxy-Authorization: Basic bWU6c2VjcmV0\r\n"));
    assert_eq!(proxy.accepted(), 1);
}

#[tokio::test]
async fn a_proxy_that_refuses_is_a_connect_fault_that_names_it() {
    let proxy = Server::closing(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n").await;
    let proxies = Proxies::new()
        .with_https(&format!("http://me:hunter2@127.0.0.1:{}", proxy.port))
        .unwrap();
    let client = with(TransportConfig::default().with_proxies(proxies));
    let Err(error) = post(&client, "https://api.example.com/", "{}").await else {
        panic!("the proxy refused");
    };
    assert_eq!((error.fault, error.unsent), (TransportFault::Connect, true));
    assert!(error.detail.contains("407"), "{error}");
    assert!(!error.detail.contains("hunter2"));
}

#[tokio::test]
async fn direct_hosts_and_overridden_origins_avoid_the_proxy() {
    let (server, _seen) = recording().await;
    let proxies = Proxies::new()
        .with_http("http://127.0.0.1:1")
        .unwrap()
        .with_direct("127.0.0.1");
    let overrides = OriginOverrides::new()
        .with_rule(&format!(
            "http://far.example=http://127.0.0.1:{}",
            server.port
        ))
        .unwrap();
    let config = TransportConfig::default()
        .with_proxies(proxies)
        .with_overrides(overrides);
    let client = with(config);
    assert_eq!(text(&client, &server.url("/")).await.unwrap(), "ok");
    assert_eq!(text(&client, "http://far.example/").await.unwrap(), "ok");
    let request = Request::get("http://other.example/")
        .body(Bytes::new())
        .unwrap();
    assert!(client.send(request, limits()).await.is_err());
}

#[tokio::test]
async fn a_body_passes_through_a_tunnel_unchanged() {
    let upstream = tls::Server::start("localhost", tls::Alpn::Http1).await;
    let (proxy, _seen) = tunnelling(upstream.port()).await;
    let proxies = Proxies::new()
        .with_https(&format!("127.0.0.1:{}", proxy.port))
        .unwrap();
    let config = TransportConfig::default()
        .with_proxies(proxies)
        .with_extra_root(upstream.root.clone());
    let body = vec![b'z'; 1_000_000];
    let response = post(&with(config), "https://localhost/echo", body.clone())
        .await
        .unwrap();
    assert_eq!(read_all(response.into_body()).await.unwrap(), body);
}
