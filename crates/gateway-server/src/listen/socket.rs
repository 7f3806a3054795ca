//! What is asked of a socket besides bytes.

use std::io;

use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

/// A socket.
pub(super) trait Socket {
    /// Lets the end of the connection be a reset: the peer sees that it was cut, and what it has not taken is thrown away.
    fn abort(&self);

    /// What happened to the connection since it was asked last, although nothing was read or written.
    fn error(&self) -> Option<io::Error>;
}

impl Socket for TcpStream {
    fn abort(&self) {
        // Where it cannot be set, the connection ends in good order, in the middle of an answer.
        let _ = self.set_zero_linger();
    }

    fn error(&self) -> Option<io::Error> {
        self.take_error().unwrap_or_else(Some)
    }
}

impl Socket for TlsStream<TcpStream> {
    fn abort(&self) {
        self.get_ref().0.abort();
    }

    fn error(&self) -> Option<io::Error> {
        self.get_ref().0.error()
    }
}

#[cfg(test)]
impl Socket for tokio::io::DuplexStream {
    fn abort(&self) {}

    fn error(&self) -> Option<io::Error> {
        None
    }
}
