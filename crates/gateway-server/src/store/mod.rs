//! The store of the configuration: where it is, and the commands that look after it.

mod governed;
mod keys;
mod location;
mod rotate;

use std::sync::Arc;
use std::time::UNIX_EPOCH;

use gateway_core::provider::Clock;
use gateway_store::StoreError;
use gateway_store::definitions::DefinitionStore;

use crate::cli::{DbCommand, SecretsCommand};
use crate::clock::SystemClock;
use crate::{Failure, output, runtime};

pub(crate) use governed::Governed;
pub(crate) use location::Location;
use location::Migration;

/// Milliseconds since 1970.
fn now() -> u64 {
    let since = SystemClock.now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| {
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    })
}

/// What a store refuses is a fault of the machine, or of the store; what an argument names wrongly is the user's.
fn failure(error: &StoreError) -> Failure {
    match error {
        StoreError::Invalid { .. } => Failure::Refused(error.to_string()),
        error => Failure::Broken(error.to_string()),
    }
}

/// `db`.
pub(crate) fn db(command: &DbCommand) -> Result<(), Failure> {
    let runtime = runtime::build(Some(1))?;
    runtime.block_on(async {
        match command {
            DbCommand::Migrate(options) => {
                let place = Location::of(options)?;
                let store = place.open(Migration::Pending).await?;
                let revision = store.revision().await.map_err(|error| failure(&error))?;
                output::say(&format!(
                    "{place}: the tables are up to date (revision {revision})"
                ));
                Ok(())
            }
            DbCommand::Check(options) => {
                let place = Location::of(options)?;
                let findings = place.check().await?;
                if findings.is_empty() {
                    output::say(&format!("{place}: fine"));
                    return Ok(());
                }
                Err(Failure::Broken(findings.join("\n")))
            }
            DbCommand::Backup { store, to } => {
                let place = Location::of(store)?;
                place.backup(to)?;
                output::say(&format!("{place}: copied to {}", to.display()));
                Ok(())
            }
        }
    })
}

/// `secrets`.
pub(crate) fn secrets(command: &SecretsCommand) -> Result<(), Failure> {
    let SecretsCommand::RotateKey { store, drop_old } = command;
    let runtime = runtime::build(Some(1))?;
    runtime.block_on(async {
        let place = Location::of(store)?;
        let source = keys::Source::of(&place)?;
        let opened: Arc<dyn DefinitionStore> = place.open(Migration::None).await?;
        if *drop_old {
            let dropped = rotate::drop_old(&*opened, &source).await?;
            output::say(&format!("{place}: {dropped} old master keys dropped"));
            return Ok(());
        }
        rotate::verify(&*opened, &source).await?;
        let ring = source.next()?;
        let sealed = rotate::rotate(&*opened, &ring).await?;
        output::say(&format!(
            "{place}: {sealed} credentials moved under the master key {}\n{}",
            ring.primary(),
            source.advice()
        ));
        Ok(())
    })
}
