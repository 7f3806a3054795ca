//! The store in a file, against the shared suite and against bad days.

#[cfg(test)]
mod bad_days;
#[cfg(test)]
mod crash;
#[cfg(test)]
mod suite;
