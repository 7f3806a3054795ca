//! Where the server is, and how it is connected to.

use std::net::IpAddr;
use std::time::Duration;

use gateway_schema::Secret;
use gateway_store::StoreError;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode};

/// How long a connection may take to be made.
pub(crate) const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// What is done about the tables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SchemaMode {
    /// They must be of this program's version.
    Existing,
    /// Missing tables are made and older ones migrated.
    Migrate {
        /// The version of the program, for the record.
        app: String,
        /// The time, in milliseconds since 1970.
        now: u64,
    },
}

/// Where the store is.
#[derive(Clone)]
pub struct PostgresConfig {
    pub(crate) server: Config,
    pub(crate) schema: String,
    pub(crate) roots: Vec<CertificateDer<'static>>,
    pub(crate) mode: SchemaMode,
}

impl std::fmt::Debug for PostgresConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PostgresConfig")
            .field("server", &self.place())
            .field("schema", &self.schema)
            .finish_non_exhaustive()
    }
}

impl PostgresConfig {
    /// The store at `postgres://USER:PASSWORD@HOST:PORT/DATABASE`. `?sslmode=` may be `disable`, `require` or `verify-full`;
    /// without it, TLS is required unless the server is on this machine.
    ///
    /// # Errors
    /// [`StoreError::Invalid`] for a URL that is not understood. The URL is not repeated: it has a password.
    pub fn new(url: &Secret, mode: SchemaMode) -> Result<Self, StoreError> {
        let invalid = || StoreError::Invalid {
            field: "the store's URL",
            found: "something else".to_owned(),
            allowed: "postgres://USER:PASSWORD@HOST:PORT/DATABASE, with special characters of the password as %XX, and `sslmode` \
                      disable, require or verify-full",
        };
        // Certificates are always verified, so the two are the same here; the client knows only the first.
        let text = url
            .expose()
            .replace("sslmode=verify-full", "sslmode=require");
        let mut server: Config = text.parse().map_err(|_| invalid())?;
        if server.get_hosts().is_empty() {
            return Err(invalid());
        }
        if server.get_ssl_mode() == SslMode::Prefer {
            let local = server.get_hosts().iter().all(is_local);
            server.ssl_mode(if local {
                SslMode::Disable
            } else {
                SslMode::Require
            });
        }
        server.connect_timeout(CONNECT_TIMEOUT);
        server.tcp_user_timeout(Duration::from_secs(10));
        server.keepalives_idle(Duration::from_secs(30));
        if server.get_application_name().is_none() {
            server.application_name("gateway-server");
        }
        Ok(Self {
            server,
            schema: "gateway".to_owned(),
            roots: Vec::new(),
            mode,
        })
    }

    /// Uses another schema than `gateway`.
    ///
    /// # Errors
    /// [`StoreError::Invalid`] unless it is 1 to 63 lower-case letters, digits and `_`, a letter first.
    pub fn with_schema(mut self, schema: &str) -> Result<Self, StoreError> {
        let letter = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        let good = schema.len() <= 63
            && schema.starts_with(|c: char| c.is_ascii_lowercase())
            && schema.chars().all(letter);
        if !good {
            return Err(StoreError::Invalid {
                field: "the store's schema",
                found: format!("{schema:?}"),
                allowed: "1 to 63 lower-case letters, digits and `_`, a letter first",
            });
        }
        schema.clone_into(&mut self.schema);
        Ok(self)
    }

    /// Trusts the authorities in this PEM text instead of the public ones.
    ///
    /// # Errors
    /// [`StoreError::Invalid`] if there is no certificate in it.
    pub fn with_roots(mut self, pem: &[u8]) -> Result<Self, StoreError> {
        let read = CertificateDer::pem_slice_iter(pem).collect::<Result<Vec<_>, _>>();
        self.roots = read.unwrap_or_default();
        if self.roots.is_empty() {
            return Err(StoreError::Invalid {
                field: "the authorities for the store's certificate",
                found: "no certificate".to_owned(),
                allowed: "certificates in PEM",
            });
        }
        Ok(self)
    }

    /// The server in words, without user and password.
    pub(crate) fn place(&self) -> String {
        let ports = self.server.get_ports();
        let hosts = self.server.get_hosts().iter().enumerate();
        let hosts = hosts.map(|(at, host)| {
            let port = ports.get(at).or(ports.first()).copied().unwrap_or(5432);
            match host {
                Host::Tcp(name) => format!("{name}:{port}"),
                #[cfg(unix)]
                Host::Unix(path) => format!("{}:{port}", path.display()),
            }
        });
        hosts.collect::<Vec<_>>().join(", ")
    }
}

fn is_local(host: &Host) -> bool {
    match host {
        Host::Tcp(name) => {
            name == "localhost" || name.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
        }
        #[cfg(unix)]
        Host::Unix(_) => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(url: &str) -> Result<PostgresConfig, StoreError> {
        PostgresConfig::new(&Secret::new(url.to_owned()), SchemaMode::Existing)
    }

    #[test]
    fn tls_is_required_beyond_this_machine_unless_switched_off() {
        for (url, mode) in [
            ("postgres://u:p@db.example:6432/x", SslMode::Require),
            (
                "postgres://u:p@db.example/x?sslmode=prefer",
                SslMode::Require,
            ),
            (
                "postgres://u:p@db.example/x?sslmode=verify-full",
                SslMode::Require,
            ),
            ("postgres://u:p@10.0.0.7/x", SslMode::Require),
            (
                "postgres://u:p@10.0.0.7/x?sslmode=disable",
                SslMode::Disable,
            ),
            ("postgresql://u:p@127.0.0.1/x", SslMode::Disable),
            (
                "postgres://u:p@localhost/x?sslmode=require",
                SslMode::Require,
            ),
            ("postgres:///x?host=/run/postgresql", SslMode::Disable),
        ] {
            assert_eq!(config(url).unwrap().server.get_ssl_mode(), mode, "{url}");
        }
    }

    #[test]
    fn a_url_that_is_not_understood_is_refused_without_its_password() {
        for url in [
            "",
            "postgres://",
            "postgres://u:hunter2@h:port/x",
            "postgres://u:hunter2@h/x?sslmode=maybe",
            "hunter2",
        ] {
            let refused = config(url).unwrap_err().to_string();
            assert!(
                refused.contains("allowed is postgres://") && !refused.contains("hunter2"),
                "{refused}"
            );
        }
        let printed = format!("{:?}", config("postgres://u:hunter2@h:1/x").unwrap());
        assert!(
            printed.contains("h:1") && !printed.contains("hunter2"),
            "{printed}"
        );
        for schema in ["", "A", "a-b", "1a", "a\"b", &"a".repeat(64)] {
            assert!(
                config("postgres://h/x")
                    .unwrap()
                    .with_schema(schema)
                    .is_err(),
                "{schema}"
            );
        }
    }
}
