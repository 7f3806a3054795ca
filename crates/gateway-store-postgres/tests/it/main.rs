//! Against a real server: the one at `GATEWAY_TEST_POSTGRES`, or one of Debian's programs. Else they are skipped.

#[cfg(test)]
mod bad_days;
#[cfg(test)]
mod nodes;
#[cfg(test)]
mod server;
#[cfg(test)]
mod suite;
