//! Where master keys come from: the environment, or a file beside an SQLite store.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use gateway_core::schema::Secret;
use gateway_secrets::{Kek, KekId, KeyRing};

use super::location::Location;
use crate::environment::variable;
use crate::{Failure, files};

/// The master key.
const PRIMARY: &str = "GATEWAY_MASTER_KEY";
/// Master keys that only open, with blanks between them.
const PREVIOUS: &str = "GATEWAY_MASTER_KEY_PREVIOUS";
/// The file beside an SQLite store: a key on each line, the primary first.
const FILE: &str = "master.key";
/// The largest key file.
const LARGEST: u64 = 16 * 1024;

/// Where the keys are kept.
pub(super) enum Source {
    /// In the environment: whoever sets it decides which key is the primary one.
    Variables(KeyRing),
    /// In a file.
    File {
        /// Which.
        path: PathBuf,
        /// Its keys, the primary first.
        keys: Vec<Kek>,
    },
}

fn refused(why: String) -> Failure {
    Failure::Refused(why)
}

fn ring(keys: &[Kek]) -> Option<KeyRing> {
    let (primary, others) = keys.split_first()?;
    let ring = KeyRing::new(primary.clone());
    Some(others.iter().fold(ring, |ring, key| ring.with(key.clone())))
}

impl Source {
    pub(super) fn of(place: &Location) -> Result<Self, Failure> {
        if let Some(primary) = variable(PRIMARY) {
            let previous = variable(PREVIOUS).unwrap_or_default();
            let texts = std::iter::once((PRIMARY, primary.as_str()))
                .chain(previous.split_whitespace().map(|text| (PREVIOUS, text)));
            let keys = texts.map(|(name, text)| parse(name, text));
            let keys = keys.collect::<Result<Vec<_>, _>>()?;
            return ring(&keys)
                .map(Self::Variables)
                .ok_or_else(|| refused(format!("{PRIMARY} is empty")));
        }
        let Some(folder) = place.folder() else {
            return Err(refused(format!(
                "a PostgreSQL store needs its master key in {PRIMARY}"
            )));
        };
        let path = folder.join(FILE);
        let text = files::read(&path, LARGEST).map_err(|error| {
            refused(format!(
                "{} (and {PRIMARY} is not set): {error}",
                path.display()
            ))
        })?;
        let text = Secret::new(String::from_utf8(text).unwrap_or_default());
        let lines = text.expose().lines().filter(|line| !line.trim().is_empty());
        let name = path.display().to_string();
        let keys = lines
            .map(|line| parse(&name, line))
            .collect::<Result<Vec<_>, _>>()?;
        if keys.is_empty() {
            return Err(refused(format!("{name} has no key")));
        }
        Ok(Self::File { path, keys })
    }

    /// The same; where neither the environment nor the folder has a key, one is made in the folder.
    pub(super) fn or_made(place: &Location) -> Result<Self, Failure> {
        if variable(PRIMARY).is_none()
            && let Some(folder) = place.folder()
        {
            let path = folder.join(FILE);
            if !path.exists() {
                let key = Kek::random().map_err(|error| Failure::Broken(error.to_string()))?;
                write(&path, &[key])?;
            }
        }
        Self::of(place)
    }

    /// The ring as it is, which is never empty.
    pub(super) fn ring(&self) -> Result<KeyRing, Failure> {
        self.current()
            .ok_or_else(|| refused("no master key is known".to_owned()))
    }

    /// The ring to rotate to. A file gets a new key in front; the keys it had stay, so that servers that still seal under
    /// them lose nothing.
    pub(super) fn next(&self) -> Result<KeyRing, Failure> {
        match self {
            Self::Variables(ring) => Ok(ring.clone()),
            Self::File { path, keys } => {
                let new = Kek::random().map_err(|error| Failure::Broken(error.to_string()))?;
                let mut all = vec![new];
                all.extend(keys.iter().cloned());
                write(path, &all)?;
                ring(&all).ok_or_else(|| refused(format!("{} has no key", path.display())))
            }
        }
    }

    /// Removes all keys but the primary one and those that are still named.
    pub(super) fn keep(&self, named: &[KekId]) -> Result<usize, Failure> {
        let Self::File { path, keys } = self else {
            return Err(refused(format!(
                "the master keys are in the environment; remove {PREVIOUS} there"
            )));
        };
        let wanted = |(at, key): &(usize, &Kek)| *at == 0 || named.contains(key.id());
        let kept: Vec<Kek> = keys
            .iter()
            .enumerate()
            .filter(wanted)
            .map(|(_, key)| key.clone())
            .collect();
        if kept.len() < keys.len() {
            write(path, &kept)?;
        }
        Ok(keys.len() - kept.len())
    }

    /// What remains to be done.
    pub(super) fn advice(&self) -> String {
        match self {
            Self::Variables(_) => {
                format!("When every server has the new {PRIMARY}, remove {PREVIOUS}.")
            }
            Self::File { path, .. } => format!(
                "The old key stays in {}. When every server was restarted: `secrets rotate-key --drop-old`.",
                path.display()
            ),
        }
    }

    /// The ring as it is.
    pub(super) fn current(&self) -> Option<KeyRing> {
        match self {
            Self::Variables(ring) => Some(ring.clone()),
            Self::File { keys, .. } => ring(keys),
        }
    }
}

fn parse(name: &str, text: &str) -> Result<Kek, Failure> {
    Kek::parse(&Secret::new(text.to_owned())).map_err(|error| refused(format!("{name}: {error}")))
}

/// Writes the file beside itself, syncs it and puts it in place: a crash leaves the old keys or the new ones.
fn write(path: &Path, keys: &[Kek]) -> Result<(), Failure> {
    let aside = path.with_extension("key.new");
    let written = || -> std::io::Result<()> {
        let mut options = File::options();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(&aside)?;
        for key in keys {
            writeln!(file, "{}", key.to_hex().expose())?;
        }
        file.sync_all()?;
        fs::rename(&aside, path)?;
        #[cfg(unix)]
        if let Some(folder) = path
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty())
        {
            File::open(folder)?.sync_all()?;
        }
        Ok(())
    };
    written().map_err(|error| Failure::Broken(format!("{}: {error}", path.display())))
}
