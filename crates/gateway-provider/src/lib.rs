//! The contracts between the gateway and its providers.

mod transport;

pub use transport::{BodyStream, BoxFuture, SendLimits, Transport, TransportError, TransportFault};
