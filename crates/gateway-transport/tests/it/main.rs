//! The transport against servers on ephemeral ports.

#[cfg(test)]
mod exchanges;
#[cfg(test)]
mod support;
