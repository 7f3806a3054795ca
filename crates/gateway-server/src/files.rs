//! Reading files that somebody else may replace while the process runs.

use std::fs::{File, Metadata, OpenOptions};
use std::io::{Error, ErrorKind, Read, Result};
use std::path::Path;

/// The largest configuration.
pub(crate) const LARGEST_CONFIGURATION: u64 = 64 * 1024 * 1024;
/// The largest file that a configuration may refer to.
pub(crate) const LARGEST_REFERENCE: u64 = 1024 * 1024;

/// Reads a regular file of at most `most` bytes. Nothing else is read, as it might have no end (a device) or never
/// answer (a fifo); opening never waits for another process.
///
/// # Errors
/// What the system answers, or that it is no regular file, or too large.
pub(crate) fn read(path: &Path, most: u64) -> Result<Vec<u8>> {
    // Before it is opened: opening alone starts something on some devices.
    check(&std::fs::metadata(path)?, most)?;
    let file = open(path)?;
    // It may have been replaced in between.
    check(&file.metadata()?, most)?;
    let mut content = Vec::new();
    file.take(most.saturating_add(1))
        .read_to_end(&mut content)?;
    if content.len() as u64 > most {
        return Err(too_large(content.len() as u64, most));
    }
    Ok(content)
}

fn check(about: &Metadata, most: u64) -> Result<()> {
    if about.is_dir() {
        return Err(Error::new(
            ErrorKind::InvalidInput,
            "it is a directory, not a file",
        ));
    }
    if !about.is_file() {
        let why = "it is not a regular file (a pipe, a socket or a device)";
        return Err(Error::new(ErrorKind::InvalidInput, why));
    }
    if about.len() > most {
        return Err(too_large(about.len(), most));
    }
    Ok(())
}

fn too_large(length: u64, most: u64) -> Error {
    let why = format!("it has {length} bytes; the most is {most}");
    Error::new(ErrorKind::FileTooLarge, why)
}

#[cfg(unix)]
fn open(path: &Path) -> Result<File> {
    use std::os::unix::fs::OpenOptionsExt;

    let flags = libc::O_NONBLOCK | libc::O_NOCTTY;
    OpenOptions::new().read(true).custom_flags(flags).open(path)
}

#[cfg(not(unix))]
fn open(path: &Path) -> Result<File> {
    OpenOptions::new().read(true).open(path)
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn only_regular_files_of_a_bounded_size_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        std::fs::write(&path, "12345").unwrap();
        assert_eq!(read(&path, 5).unwrap(), b"12345");
        let why = |path: &Path| read(path, 4).unwrap_err().to_string();
        assert_eq!(why(&path), "it has 5 bytes; the most is 4");
        assert_eq!(why(folder.path()), "it is a directory, not a file");
        assert!(why(Path::new("/dev/zero")).contains("not a regular file"));
        let fifo = folder.path().join("fifo");
        let made = std::process::Command::new("mkfifo").arg(&fifo).status();
        assert!(made.unwrap().success());
        assert!(why(&fifo).contains("not a regular file"));
        let gone = read(&folder.path().join("gone"), 4).unwrap_err();
        assert_eq!(gone.kind(), ErrorKind::NotFound);
    }
}
