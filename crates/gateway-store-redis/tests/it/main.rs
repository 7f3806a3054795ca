//! Against a real server: the one at `GATEWAY_TEST_REDIS`, or `redis-server` if it is installed. Else they are skipped.

#[cfg(test)]
mod processes;
#[cfg(test)]
mod restart;
#[cfg(test)]
mod server;
#[cfg(test)]
mod suite;
#[cfg(test)]
mod tls;
