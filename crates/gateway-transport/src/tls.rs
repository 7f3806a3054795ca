//! TLS to upstreams: rustls with the Mozilla roots, extra roots if wanted, and session resumption.

use std::io;
use std::sync::Arc;

use gateway_provider::{TransportError, TransportFault};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio_rustls::TlsConnector;

use crate::ConfigError;
use crate::io::Io;

/// The two client configurations: they differ in what they offer by ALPN and share their session tickets with nobody.
#[derive(Clone)]
pub(crate) struct Tls {
    http1: TlsConnector,
    http2: TlsConnector,
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tls")
    }
}

/// What is offered by ALPN.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Offer {
    Http1,
    Http2OrHttp1,
}

impl Tls {
    /// Trusts the Mozilla roots and the PEM certificates given.
    pub(crate) fn new(extra_roots_pem: &[Vec<u8>]) -> Result<Self, ConfigError> {
        let mut roots = RootCertStore {
            roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
        };
        for (index, pem) in extra_roots_pem.iter().enumerate() {
            add_roots(&mut roots, pem).map_err(|reason| ConfigError::Root { index, reason })?;
        }
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut http1 = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| ConfigError::Tls(error.to_string()))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        http1.alpn_protocols = vec![b"http/1.1".to_vec()];
        let mut http2 = http1.clone();
        http2.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Self {
            http1: TlsConnector::from(Arc::new(http1)),
            http2: TlsConnector::from(Arc::new(http2)),
        })
    }

    /// Shakes hands over `io` with the server called `host`.
    pub(crate) async fn connect(
        &self,
        io: Io,
        host: &str,
        offer: Offer,
    ) -> Result<Io, TransportError> {
        let name = ServerName::try_from(host.to_owned()).map_err(|error| {
            TransportError::new(TransportFault::Tls, format!("{host}: {error}"))
        })?;
        let connector = match offer {
            Offer::Http1 => &self.http1,
            Offer::Http2OrHttp1 => &self.http2,
        };
        let stream = connector.connect(name, io).await.map_err(|error| {
            let fault = match error.kind() {
                io::ErrorKind::ConnectionReset
                | io::ErrorKind::ConnectionAborted
                | io::ErrorKind::BrokenPipe
                | io::ErrorKind::UnexpectedEof => TransportFault::Connect,
                _ => TransportFault::Tls,
            };
            TransportError::new(fault, format!("TLS with {host}: {error}"))
        })?;
        Ok(Io::Tls(Box::new(stream)))
    }
}

/// Trusts the certificates of one PEM text. Bundles of whole systems hold a few that this TLS library does not take as
/// roots: they are passed over, unless no other is there.
fn add_roots(roots: &mut RootCertStore, pem: &[u8]) -> Result<(), String> {
    let mut accepted = 0_usize;
    let mut refused = None;
    for certificate in CertificateDer::pem_slice_iter(pem) {
        let certificate = certificate.map_err(|error| error.to_string())?;
        match roots.add(certificate) {
            Ok(()) => accepted += 1,
            Err(error) => refused = Some(error.to_string()),
        }
    }
    match (accepted, refused) {
        (0, Some(reason)) => Err(reason),
        (0, None) => Err("no PEM certificate in it".to_owned()),
        _ => Ok(()),
    }
}
