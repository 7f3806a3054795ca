//! TLS: a server with a certificate of its own, and what is trusted.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use gateway_provider::TransportFault;
use gateway_transport::{ConfigError, HttpTransport, TransportConfig};
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::PrivateKeyDer;
use tokio_rustls::TlsAcceptor;

use crate::support::{self, client, post, text};

/// What a server agrees to speak.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Alpn {
    Http1,
    Http2,
}

/// A TLS server that answers `/echo` with the body it got, `/slow` after a while, and anything else with what was asked.
pub(crate) struct Server {
    inner: support::Server,
    /// Its certificate, as PEM.
    pub(crate) root: String,
    /// Connections on which a TLS session was resumed.
    pub(crate) resumed: Arc<AtomicUsize>,
}

impl Server {
    pub(crate) async fn start(name: &str, alpn: Alpn) -> Self {
        let signed = rcgen::generate_simple_self_signed(vec![name.to_owned()]).unwrap();
        let key = PrivateKeyDer::try_from(signed.signing_key.serialize_der()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![signed.cert.der().clone()], key)
            .unwrap();
        config.alpn_protocols = match alpn {
            Alpn::Http1 => vec![b"http/1.1".to_vec()],
            Alpn::Http2 => vec![b"h2".to_vec(), b"http/1.1".to_vec()],
        };
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let resumed = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&resumed);
        let inner = support::Server::start(move |stream, _| {
            let (acceptor, counter) = (acceptor.clone(), Arc::clone(&counter));
            async move {
                let Ok(stream) = acceptor.accept(stream).await else {
                    return;
                };
                let session = stream.get_ref().1;
                if session.handshake_kind() == Some(rustls::HandshakeKind::Resumed) {
                    counter.fetch_add(1, Ordering::SeqCst);
                }
                let http2 = session.alpn_protocol() == Some(b"h2");
                let io = TokioIo::new(stream);
                let service = service_fn(answer);
                if http2 {
                    let builder = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
                    let _ = builder.serve_connection(io, service).await;
                } else {
                    let builder = hyper::server::conn::http1::Builder::new();
                    let _ = builder.serve_connection(io, service).await;
                }
            }
        })
        .await;
        Self {
            inner,
            root: signed.cert.pem(),
            resumed,
        }
    }

    pub(crate) fn port(&self) -> u16 {
        self.inner.port
    }

    pub(crate) fn accepted(&self) -> usize {
        self.inner.accepted()
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("https://localhost:{}{path}", self.port())
    }

    pub(crate) fn client(&self, config: TransportConfig) -> HttpTransport {
        HttpTransport::new(config.with_extra_root(self.root.clone())).unwrap()
    }
}

async fn answer(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let (parts, body) = request.into_parts();
    let host = match parts.uri.host() {
        Some(host) => host.to_owned(),
        None => parts.headers["host"].to_str().unwrap().to_owned(),
    };
    let bytes = body
        .collect()
        .await
        .map(http_body_util::Collected::to_bytes)
        .unwrap_or_default();
    let text = match parts.uri.path() {
        "/echo" => bytes,
        path => {
            if path == "/slow" {
                tokio::time::sleep(std::time::Duration::from_millis(300)).await;
            }
            let host = host.split(':').next().unwrap_or_default();
            Bytes::from(format!("{:?} {host} {path}", parts.version))
        }
    };
    Ok(Response::new(Full::new(text)))
}

#[tokio::test]
async fn a_trusted_certificate_is_accepted_and_its_connection_kept() {
    let server = Server::start("localhost", Alpn::Http1).await;
    let client = server.client(TransportConfig::default());
    for _ in 0..5 {
        let answer = text(&client, &server.url("/a")).await.unwrap();
        assert_eq!(answer, "HTTP/1.1 localhost /a");
    }
    assert_eq!(server.accepted(), 1);
}

#[tokio::test]
async fn an_unknown_or_misnamed_certificate_is_a_tls_fault() {
    let server = Server::start("localhost", Alpn::Http1).await;
    let Err(error) = post(&client(), &server.url("/"), "{}").await else {
        panic!("an unknown certificate was accepted");
    };
    assert_eq!(
        (error.fault, error.unsent),
        (TransportFault::Tls, true),
        "{error}"
    );

    let server = Server::start("other.example", Alpn::Http1).await;
    let client = server.client(TransportConfig::default());
    let Err(error) = post(&client, &server.url("/"), "{}").await else {
        panic!("a certificate for another name was accepted");
    };
    assert_eq!(error.fault, TransportFault::Tls, "{error}");
    assert_eq!(client.stats().open, 0);
}

#[tokio::test]
async fn a_server_without_tls_is_a_tls_fault() {
    let server = support::Server::start(|mut stream, _| async move {
        let reply = b"HTTP/1.1 400 Bad Request\r\n\r\n";
        let _ = tokio::io::AsyncWriteExt::write_all(&mut stream, reply).await;
        let mut buf = [0; 1024];
        while tokio::io::AsyncReadExt::read(&mut stream, &mut buf)
            .await
            .is_ok_and(|n| n > 0)
        {}
    })
    .await;
    let url = format!("https://localhost:{}/", server.port);
    let Err(error) = post(&client(), &url, "{}").await else {
        panic!("there was no TLS");
    };
    assert_eq!(error.fault, TransportFault::Tls, "{error}");
}

#[tokio::test]
async fn a_second_connection_resumes_the_session() {
    let server = Server::start("localhost", Alpn::Http1).await;
    let client = server.client(TransportConfig::default().with_idle_per_origin(0));
    for _ in 0..3 {
        text(&client, &server.url("/")).await.unwrap();
    }
    assert_eq!(server.accepted(), 3);
    assert!(server.resumed.load(Ordering::SeqCst) >= 1);
}

#[test]
fn a_root_that_is_no_certificate_is_refused_by_its_number() {
    let config = TransportConfig::default().with_extra_root("not a certificate");
    let Err(ConfigError::Root { index, .. }) = HttpTransport::new(config) else {
        panic!("it was accepted");
    };
    assert_eq!(index, 0);
}
