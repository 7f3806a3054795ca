//! The transport against servers on ephemeral ports.

#[cfg(test)]
mod bodies;
#[cfg(test)]
mod cancel;
#[cfg(test)]
mod exchanges;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod http2;
#[cfg(test)]
mod routes;
#[cfg(test)]
mod stale;
#[cfg(test)]
mod support;
#[cfg(test)]
mod tls;
#[cfg(test)]
mod uploads;
