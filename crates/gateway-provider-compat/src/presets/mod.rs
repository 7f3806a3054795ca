//! The table of vendors, one row each, in the order of the files below.
//!
//! A row states what the vendor's own reference says (linked in it) or what recorded traffic shows. A field stands
//! under `refused` only where the reference leaves it out *and* an unknown field is an error; what is merely ignored
//! is sent, so that a row never hides something a vendor has learned since.

mod local;
mod mlflow;
mod platforms;
mod vectors;
mod vendors;

use gateway_provider::{Build, Factory, TargetSpec};
use gateway_schema::{OptionProblem, Options};

use crate::preset::Preset;

/// A row, and the functions that know it, whatever name it is registered under.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Row {
    pub(crate) preset: &'static Preset,
    check: fn(&TargetSpec, &Options) -> Vec<OptionProblem>,
    build: Build,
}

impl Row {
    /// What the registry takes.
    pub(crate) const fn factory(&self) -> Factory {
        Factory {
            name: self.preset.name,
            aliases: self.preset.aliases,
            display_name: self.preset.display_name,
            options: self.preset.options,
            operations: self.preset.operations,
            check: self.check,
            build: self.build,
        }
    }
}

/// Makes rows of presets.
macro_rules! rows {
    ($($preset:expr),+ $(,)?) => {
        &[$({
            const PRESET: &$crate::preset::Preset = &$preset;
            $crate::presets::Row {
                preset: PRESET,
                check: |spec, options| $crate::build::check(PRESET, spec, options),
                build: |spec, options, deps| $crate::build::build(PRESET, spec, options, deps),
            }
        }),+]
    };
}
use rows;

/// All rows.
pub(crate) fn all() -> impl Iterator<Item = &'static Row> {
    [
        mlflow::ROWS,
        vendors::ROWS,
        platforms::ROWS,
        local::ROWS,
        vectors::ROWS,
    ]
    .into_iter()
    .flatten()
}
