//! Configurations: where they come from, and what they become.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use gateway_core::config::{Loaded, Source, Strictness, load};
use gateway_core::{Checked, Registry};

use crate::Failure;
use crate::environment::{Fingerprint, ProcessEnvironment, variable};
use crate::files::{self, LARGEST_CONFIGURATION};

/// Variables that name the configuration, in order.
const VARIABLES: [&str; 2] = ["GATEWAY_CONFIG_PATH", "MLFLOW_GATEWAY_CONFIG"];

/// The configuration to use: the one of the command line, else the one of the environment, else none.
pub(crate) fn path(given: Option<&PathBuf>) -> Option<PathBuf> {
    given.cloned().or_else(|| {
        VARIABLES
            .iter()
            .find_map(|name| variable(name))
            .map(PathBuf::from)
    })
}

/// A configuration that may run, and what it depends on.
#[derive(Debug)]
pub(crate) struct Configuration {
    pub(crate) loaded: Loaded,
    /// The files that it refers to, as they were read.
    pub(crate) files: BTreeMap<PathBuf, Fingerprint>,
}

/// Reads the text of a configuration.
pub(crate) fn text_of(path: &Path) -> Result<String, Failure> {
    let name = path.display();
    match files::read(path, LARGEST_CONFIGURATION) {
        Ok(bytes) => String::from_utf8(bytes).map_err(|error| {
            let at = error.utf8_error().valid_up_to();
            Failure::Refused(format!("{name}: the file is not text in UTF-8 (byte {at})"))
        }),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            Err(Failure::Refused(format!("{name} does not exist")))
        }
        Err(error) => Err(Failure::Refused(format!("{name} cannot be read: {error}"))),
    }
}

/// Makes a plan of a text, or says everything that is wrong with it.
pub(crate) fn parse(
    name: &str,
    text: &str,
    registry: &Registry,
    strictness: Strictness,
) -> Result<Configuration, Failure> {
    let environment = ProcessEnvironment::default();
    let source = Source::new(name, text);
    let loaded = load(source, &environment, &Checked(registry), strictness)
        .map_err(|report| Failure::Refused(report.to_string()))?;
    Ok(Configuration {
        loaded,
        files: environment.files(),
    })
}
