//! The file, its folder, and who else uses it.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use gateway_store::StoreError;
use rusqlite::{Connection, ErrorCode, OpenFlags};

use crate::error::port_error;

/// How long a statement waits for another process.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// The file systems on which the locks of WAL mode are not reliable: those of networks.
const NETWORK: [&str; 10] = [
    "nfs",
    "nfs4",
    "cifs",
    "smb3",
    "smbfs",
    "9p",
    "afs",
    "ceph",
    "fuse.sshfs",
    "glusterfs",
];

/// Holds a folder for one server. The lock ends with the value, or with the process.
#[derive(Debug)]
pub struct FolderLock(
    #[expect(dead_code, reason = "the lock lives as long as the file is open")] File,
);

impl FolderLock {
    /// Takes the lock of a folder, by a file `lock` in it.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if another process has it, or the file cannot be made.
    pub fn acquire(folder: &Path) -> Result<Self, StoreError> {
        let path = folder.join("lock");
        let file = private()
            .open(&path)
            .map_err(|error| refused(&path, &error))?;
        match file.try_lock() {
            Ok(()) => Ok(Self(file)),
            Err(TryLockError::WouldBlock) => Err(StoreError::Unavailable(format!(
                "another server uses the folder {}",
                folder.display()
            ))),
            Err(TryLockError::Error(error)) => Err(refused(&path, &error)),
        }
    }
}

/// Options for a file that only its owner may read, created if it is not there.
fn private() -> OpenOptions {
    let mut options = File::options();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Creates a file with mode 0600, and fails if there is one.
pub(crate) fn create_new(path: &Path) -> Result<(), StoreError> {
    let made = private().create_new(true).open(path);
    made.map(drop).map_err(|error| refused(path, &error))
}

pub(crate) fn refused(path: &Path, error: &std::io::Error) -> StoreError {
    use std::io::ErrorKind;
    let file = path.display();
    match error.kind() {
        ErrorKind::ReadOnlyFilesystem | ErrorKind::PermissionDenied => {
            StoreError::ReadOnly(format!("{file}: {error}"))
        }
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
            StoreError::Full(format!("{file}: {error}"))
        }
        _ => StoreError::Unavailable(format!("{file}: {error}")),
    }
}

/// Opens the file, creating it if `create`, and sets the connection up.
pub(crate) fn open(path: &Path, create: bool) -> Result<Connection, StoreError> {
    if !path.exists() {
        if !create {
            return Err(StoreError::Unavailable(format!(
                "there is no file {}",
                path.display()
            )));
        }
        // Not exclusively: another program may be creating it at this moment.
        let made = private().open(path);
        made.map_err(|error| refused(path, &error))?;
    }
    refuse_network(path)?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags);
    let connection = connection.map_err(|error| port_error(path, &error))?;
    set_up(&connection).map_err(|error| port_error(path, &error))?;
    Ok(connection)
}

fn set_up(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.set_prepared_statement_cache_capacity(64);
    connection.execute_batch(
        "PRAGMA trusted_schema = OFF; PRAGMA foreign_keys = ON; PRAGMA cache_size = -16384;",
    )?;
    use_wal(connection)?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    // The first read of the file, so that what is no database is refused here.
    connection.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))
}

/// Switches the file to WAL mode. SQLite does not wait for a lock here, as it does everywhere else, so this does.
fn use_wal(connection: &Connection) -> rusqlite::Result<()> {
    let begun = Instant::now();
    loop {
        match connection.pragma_update(None, "journal_mode", "WAL") {
            Err(error)
                if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy)
                    && begun.elapsed() < BUSY_TIMEOUT =>
            {
                std::thread::sleep(Duration::from_millis(20));
            }
            switched => return switched,
        }
    }
}

fn refuse_network(path: &Path) -> Result<(), StoreError> {
    let path = fs::canonicalize(path).map_err(|error| refused(path, &error))?;
    let Ok(mounts) = fs::read_to_string("/proc/self/mounts") else {
        return Ok(());
    };
    match network_of(&path, &mounts) {
        None => Ok(()),
        Some(kind) => Err(StoreError::Unavailable(format!(
            "{} is on a network file system ({kind}), where SQLite's locks are not reliable; use a local disk or PostgreSQL",
            path.display()
        ))),
    }
}

/// The network file system of a path, by the table of mounts.
fn network_of(path: &Path, mounts: &str) -> Option<String> {
    let mounted = mounts.lines().filter_map(|line| {
        let mut words = line.split(' ').skip(1);
        let point = PathBuf::from(words.next()?.replace("\\040", " "));
        Some((point, words.next()?))
    });
    let (_, kind) = mounted
        .filter(|(point, _)| path.starts_with(point))
        .max_by_key(|(point, _)| point.as_os_str().len())?;
    NETWORK.contains(&kind).then(|| kind.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_innermost_mount_decides() {
        let mounts = "/dev/vda / ext4 rw 0 0\nserver:/x /data nfs4 rw 0 0\n/dev/vdb /data/local ext4 rw 0 0\nh:/s /my\\040share cifs rw 0 0\n";
        let of = |path: &str| network_of(Path::new(path), mounts);
        assert_eq!(of("/var/gateway.db"), None);
        assert_eq!(of("/data/gateway.db").as_deref(), Some("nfs4"));
        assert_eq!(of("/data/local/gateway.db"), None);
        assert_eq!(of("/database/gateway.db"), None);
        assert_eq!(of("/my share/gateway.db").as_deref(), Some("cifs"));
    }
}
