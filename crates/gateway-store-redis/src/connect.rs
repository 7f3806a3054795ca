//! Sockets to the server.

use std::io;
use std::sync::Arc;

use redis::{ConnectionAddr, ErrorKind, RedisError};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::config::ConfigError;

/// A connection of any kind.
pub(crate) trait Socket: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Socket for S {}

/// What is trusted.
#[derive(Clone)]
pub(crate) enum Roots {
    /// The system's roots, or those that `SSL_CERT_FILE` and `SSL_CERT_DIR` name; read for each connection.
    System,
    /// These and none else.
    Own(Arc<ClientConfig>),
}

impl Roots {
    /// These certificates in PEM, if there are any.
    pub(crate) fn new(pem: Option<&[u8]>) -> Result<Self, ConfigError> {
        let Some(pem) = pem else {
            return Ok(Self::System);
        };
        let refused = |why: &dyn std::fmt::Display| ConfigError::Roots(why.to_string());
        let mut store = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(pem) {
            let certificate = certificate.map_err(|error| refused(&error))?;
            store.add(certificate).map_err(|error| refused(&error))?;
        }
        if store.is_empty() {
            return Err(refused(&"no PEM certificate in it"));
        }
        Ok(Self::Own(trusting(store)))
    }

    fn config(&self) -> Arc<ClientConfig> {
        match self {
            Self::Own(config) => Arc::clone(config),
            Self::System => {
                let mut store = RootCertStore::empty();
                store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
                trusting(store)
            }
        }
    }
}

fn trusting(store: RootCertStore) -> Arc<ClientConfig> {
    let config = ClientConfig::builder().with_root_certificates(store);
    Arc::new(config.with_no_client_auth())
}

/// A socket to `address`.
///
/// # Errors
/// It cannot be reached, its certificate is not trusted, or the address asks for no check of it.
pub(crate) async fn connect(
    address: &ConnectionAddr,
    roots: &Roots,
) -> Result<Box<dyn Socket>, RedisError> {
    match address {
        ConnectionAddr::Tcp(host, port) => Ok(Box::new(tcp(host, *port).await?)),
        ConnectionAddr::TcpTls {
            host,
            port,
            insecure: false,
            ..
        } => {
            let name = ServerName::try_from(host.clone()).map_err(io::Error::other)?;
            let socket = tcp(host, *port).await?;
            let connector = TlsConnector::from(roots.config());
            Ok(Box::new(connector.connect(name, socket).await?))
        }
        ConnectionAddr::TcpTls { .. } => Err(unsupported("TLS without a check of the certificate")),
        #[cfg(unix)]
        ConnectionAddr::Unix(path) => Ok(Box::new(tokio::net::UnixStream::connect(path).await?)),
        _ => Err(unsupported("this kind of address")),
    }
}

async fn tcp(host: &str, port: u16) -> io::Result<TcpStream> {
    let socket = TcpStream::connect((host, port)).await?;
    socket.set_nodelay(true)?;
    Ok(socket)
}

fn unsupported(what: &'static str) -> RedisError {
    RedisError::from((
        ErrorKind::InvalidClientConfig,
        "not supported",
        what.to_owned(),
    ))
}
