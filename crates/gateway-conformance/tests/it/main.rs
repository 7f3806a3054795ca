//! What holds across crates.

#[cfg(test)]
mod codex;
#[cfg(test)]
mod failures;
#[cfg(test)]
mod gather;
#[cfg(test)]
mod matrix;
#[cfg(test)]
mod parsers;
#[cfg(test)]
mod quirks;
#[cfg(test)]
mod surfaces;
#[cfg(test)]
mod thinking;
