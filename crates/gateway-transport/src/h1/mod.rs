//! HTTP/1.1, the client's half, driven by whoever waits for the answer.
//!
//! There is no task per connection: the future that sends and the body that is read poll the socket themselves. That
//! saves the two wake-ups and the three channels that a driver task costs per request, gives backpressure for nothing
//! (who does not poll does not read), and makes cancelling exact: dropping the future or the body closes the socket.
//!
//! Not here: upgrades and pipelining. The gateway has no use for them.

mod body;
mod decode;
mod exchange;
mod head;
mod scratch;
mod upload;

pub(crate) use body::H1Body;
pub(crate) use exchange::{Answer, Failure, exchange};
pub(crate) use head::{Target, encode, encode_upload, strip_connection_headers};
pub(crate) use upload::upload;

use std::pin::Pin;
use std::task::{Context, Waker};

use tokio::io::{AsyncRead as _, ReadBuf};

use crate::io::Io;

/// A connection between two exchanges.
#[derive(Debug)]
pub(crate) struct H1 {
    pub(crate) io: Io,
}

impl H1 {
    /// Whether the connection can take a request, as far as is known without waiting: the peer has neither closed it nor
    /// said anything unasked.
    pub(crate) fn is_quiet(&mut self) -> bool {
        let mut byte = [0_u8; 1];
        let mut buf = ReadBuf::new(&mut byte);
        let mut cx = Context::from_waker(Waker::noop());
        Pin::new(&mut self.io)
            .poll_read(&mut cx, &mut buf)
            .is_pending()
    }
}
