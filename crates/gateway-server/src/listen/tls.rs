//! TLS, with certificates that are renewed while it runs.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use rustls::ServerConfig;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use crate::Failure;
use crate::files::{self, LARGEST_REFERENCE};

/// How often the files are looked at.
const INTERVAL: Duration = Duration::from_secs(2);

/// Where certificate and key are.
#[derive(Debug, Clone)]
pub(crate) struct TlsFiles {
    pub(crate) cert: PathBuf,
    pub(crate) key: PathBuf,
}

/// The bytes of both files.
#[derive(PartialEq, Eq)]
struct Material {
    cert: Vec<u8>,
    key: Vec<u8>,
}

/// The present certificate. Connections that stand keep the one they began with.
pub(crate) struct Tls {
    files: TlsFiles,
    first: Material,
    config: ArcSwap<ServerConfig>,
}

impl Tls {
    /// Reads the files.
    pub(crate) fn new(files: TlsFiles) -> Result<Self, Failure> {
        let first = read(&files)?;
        let config = ArcSwap::from(config(&files, &first)?);
        Ok(Self {
            files,
            first,
            config,
        })
    }

    /// An acceptor with the present certificate.
    pub(super) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(self.config.load_full())
    }

    /// Looks at the files until `stop`. Files that do not fit together are left alone: a renewal writes two files, one
    /// after the other.
    pub(crate) async fn watch(self: Arc<Self>, stop: CancellationToken) {
        let mut known: Option<Material> = None;
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(INTERVAL) => {}
            }
            let files = self.files.clone();
            let reading = tokio::task::spawn_blocking(move || read(&files));
            let Ok(Ok(seen)) = reading.await else {
                continue;
            };
            if seen == *known.as_ref().unwrap_or(&self.first) {
                continue;
            }
            match config(&self.files, &seen) {
                Ok(config) => {
                    self.config.store(config);
                    tracing::info!(target: "gateway::listen", file = %self.files.cert.display(), "the new certificate is in use");
                }
                Err(error) => {
                    tracing::warn!(target: "gateway::listen", "the certificate before stays in use: {error}");
                }
            }
            known = Some(seen);
        }
    }
}

fn read(files: &TlsFiles) -> Result<Material, Failure> {
    let read = |path: &Path| {
        files::read(path, LARGEST_REFERENCE).map_err(|error| {
            Failure::Refused(format!("{} cannot be read: {error}", path.display()))
        })
    };
    Ok(Material {
        cert: read(&files.cert)?,
        key: read(&files.key)?,
    })
}

fn config(files: &TlsFiles, material: &Material) -> Result<Arc<ServerConfig>, Failure> {
    let refused = |path: &Path, why: &str| Failure::Refused(format!("{}: {why}", path.display()));
    let certificates: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(&material.cert)
        .collect::<Result<_, _>>()
        .map_err(|error| refused(&files.cert, &format!("not a PEM file: {error}")))?;
    if certificates.is_empty() {
        return Err(refused(&files.cert, "holds no certificate (PEM)"));
    }
    let key = PrivateKeyDer::from_pem_slice(&material.key)
        .map_err(|error| refused(&files.key, &format!("holds no private key (PEM): {error}")))?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| refused(&files.cert, &error.to_string()))?
        .with_no_client_auth()
        .with_single_cert(certificates, key)
        .map_err(|error| {
            refused(
                &files.key,
                &format!("does not fit the certificate: {error}"),
            )
        })?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}
