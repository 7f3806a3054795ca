//! Where the store is.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

#[cfg(feature = "postgres")]
use gateway_core::schema::Secret;
use gateway_store::definitions::DefinitionStore;

use super::failure;
use crate::Failure;
use crate::cli::{StartOptions, StoreOptions};

/// Whether pending migrations are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Migration {
    /// They are.
    Pending,
    /// Older tables are refused.
    None,
}

/// A store that the command line names.
#[derive(Clone)]
pub(crate) enum Location {
    /// A file.
    File(PathBuf),
    /// A PostgreSQL server.
    #[cfg(feature = "postgres")]
    Server(Secret),
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
            #[cfg(feature = "postgres")]
            Self::Server(_) => f.write_str("PostgreSQL"),
        }
    }
}

impl Location {
    pub(super) fn of(options: &StoreOptions) -> Result<Self, Failure> {
        match options.store_url.as_deref().filter(|url| !url.is_empty()) {
            Some(url) => Self::at(url),
            None => Ok(Self::within(&options.data)),
        }
    }

    /// The store to serve from; `None`: the configuration is a file.
    pub(crate) fn of_start(options: &StartOptions) -> Result<Option<Self>, Failure> {
        match (&options.store_url, &options.data) {
            (Some(url), _) => Self::at(url).map(Some),
            (None, Some(folder)) => Ok(Some(Self::within(folder))),
            (None, None) => Ok(None),
        }
    }

    fn within(folder: &Path) -> Self {
        Self::File(folder.join("gateway.db"))
    }

    fn at(url: &str) -> Result<Self, Failure> {
        if let Some(path) = url.strip_prefix("sqlite:") {
            let path = path.strip_prefix("//").unwrap_or(path);
            return Ok(Self::File(PathBuf::from(path)));
        }
        #[cfg(feature = "postgres")]
        if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            return Ok(Self::Server(Secret::new(url.to_owned())));
        }
        Err(Failure::Refused(
            "--store-url is not understood; allowed are `sqlite:PATH` and `postgres://USER:PASSWORD@HOST:PORT/DATABASE`"
                .to_owned(),
        ))
    }

    /// Makes the folder of a file, for its owner only, if it is not there.
    pub(super) fn make_folder(&self) -> Result<(), Failure> {
        match self.folder() {
            Some(folder) => make_folder(folder),
            None => Ok(()),
        }
    }

    /// The folder of a file.
    pub(super) fn folder(&self) -> Option<&Path> {
        match self {
            Self::File(path) => path
                .parent()
                .filter(|folder| !folder.as_os_str().is_empty()),
            #[cfg(feature = "postgres")]
            Self::Server(_) => None,
        }
    }

    #[cfg_attr(
        not(feature = "postgres"),
        expect(clippy::unused_async, reason = "only servers are waited for")
    )]
    pub(super) async fn open(
        &self,
        migration: Migration,
    ) -> Result<Arc<dyn DefinitionStore>, Failure> {
        match self {
            Self::File(path) => open_file(path, migration),
            #[cfg(feature = "postgres")]
            Self::Server(url) => Ok(Arc::new(open_server(url, migration).await?)),
        }
    }

    #[cfg_attr(
        not(feature = "postgres"),
        expect(clippy::unused_async, reason = "only servers are waited for")
    )]
    pub(super) async fn check(&self) -> Result<Vec<String>, Failure> {
        match self {
            Self::File(path) => check_file(path),
            #[cfg(feature = "postgres")]
            Self::Server(url) => {
                let store = open_server(url, Migration::None).await?;
                store.check().await.map_err(|error| failure(&error))
            }
        }
    }

    pub(super) fn backup(&self, to: &Path) -> Result<(), Failure> {
        match self {
            Self::File(path) => backup_file(path, to),
            #[cfg(feature = "postgres")]
            Self::Server(_) => Err(Failure::Refused(
                "a PostgreSQL store is copied with `pg_dump --schema=gateway`".to_owned(),
            )),
        }
    }
}

#[cfg(feature = "sqlite")]
fn open_file(path: &Path, migration: Migration) -> Result<Arc<dyn DefinitionStore>, Failure> {
    use gateway_store_sqlite::{OpenMode, SqliteConfig, SqliteStore};
    let mode = match migration {
        Migration::None => OpenMode::Existing,
        Migration::Pending => {
            Location::File(path.to_owned()).make_folder()?;
            OpenMode::Migrate {
                app: env!("CARGO_PKG_VERSION").to_owned(),
                now: super::now(),
            }
        }
    };
    let store = SqliteStore::open(SqliteConfig::new(path, mode));
    Ok(Arc::new(store.map_err(|error| failure(&error))?))
}

fn make_folder(folder: &Path) -> Result<(), Failure> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder
        .create(folder)
        .map_err(|error| Failure::Broken(format!("{} cannot be made: {error}", folder.display())))
}

#[cfg(feature = "sqlite")]
fn check_file(path: &Path) -> Result<Vec<String>, Failure> {
    gateway_store_sqlite::check(path).map_err(|error| failure(&error))
}

#[cfg(feature = "sqlite")]
fn backup_file(path: &Path, to: &Path) -> Result<(), Failure> {
    gateway_store_sqlite::backup(path, to).map_err(|error| failure(&error))
}

#[cfg(not(feature = "sqlite"))]
fn without<T>() -> Result<T, Failure> {
    Err(Failure::Refused(
        "this program was built without SQLite".to_owned(),
    ))
}

#[cfg(not(feature = "sqlite"))]
fn open_file(_: &Path, _: Migration) -> Result<Arc<dyn DefinitionStore>, Failure> {
    without()
}

#[cfg(not(feature = "sqlite"))]
fn check_file(_: &Path) -> Result<Vec<String>, Failure> {
    without()
}

#[cfg(not(feature = "sqlite"))]
fn backup_file(_: &Path, _: &Path) -> Result<(), Failure> {
    without()
}

#[cfg(feature = "postgres")]
async fn open_server(
    url: &Secret,
    migration: Migration,
) -> Result<gateway_store_postgres::PostgresStore, Failure> {
    use gateway_store_postgres::{PostgresConfig, PostgresStore, SchemaMode};
    let mode = match migration {
        Migration::None => SchemaMode::Existing,
        Migration::Pending => SchemaMode::Migrate {
            app: env!("CARGO_PKG_VERSION").to_owned(),
            now: super::now(),
        },
    };
    let config = PostgresConfig::new(url, mode).map_err(|error| failure(&error))?;
    let store = PostgresStore::open(config).await;
    store.map_err(|error| failure(&error))
}
