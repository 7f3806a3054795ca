//! The suite that every store passes, against those in memory.

#[cfg(test)]
mod definitions;
#[cfg(test)]
mod memory;
