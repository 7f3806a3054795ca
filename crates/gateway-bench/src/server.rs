//! What the servers have in common: how they run, where they listen, when they stop.

use std::io::Read as _;
use std::net::{Ipv4Addr, SocketAddr};

use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};

/// A runtime that suits the processors this process may use: one thread when there is one.
///
/// # Errors
/// When the runtime cannot be made.
pub fn runtime() -> std::io::Result<Runtime> {
    let alone = std::thread::available_parallelism().is_ok_and(|n| n.get() == 1);
    if alone {
        Builder::new_current_thread().enable_all().build()
    } else {
        Builder::new_multi_thread().enable_all().build()
    }
}

/// Listens on loopback.
///
/// # Errors
/// When the port cannot be had.
pub async fn listen(port: u16) -> std::io::Result<TcpListener> {
    TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).await
}

/// Ends the process when standard input closes.
#[expect(clippy::exit, reason = "the whole program is one server")]
pub fn stop_with_parent() {
    std::thread::spawn(|| {
        let mut rest = Vec::new();
        let _ = std::io::stdin().read_to_end(&mut rest);
        std::process::exit(0);
    });
}
