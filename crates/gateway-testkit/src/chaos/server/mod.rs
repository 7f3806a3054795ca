//! The listener of a chaos upstream.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::BytesMut;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{AbortHandle, JoinHandle};

use super::behaviour::{Behaviour, Reply};
use super::connection::{After, perform};
use super::request::{Received, read};

#[derive(Debug, Default)]
struct State {
    next: VecDeque<Behaviour>,
    always: Option<Behaviour>,
    received: Vec<Received>,
    connections: usize,
    tasks: Vec<AbortHandle>,
}

/// A provider on an ephemeral port of 127.0.0.1. Dropping it closes the port and all its connections.
#[derive(Debug)]
pub struct Chaos {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
    listener: JoinHandle<()>,
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Chaos {
    /// Listens. Until it is told otherwise it answers `{}`.
    ///
    /// # Errors
    /// When no port can be had.
    pub async fn start() -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let state: Arc<Mutex<State>> = Arc::default();
        let accepting = accept(listener, Arc::clone(&state));
        Ok(Self {
            address,
            state,
            listener: tokio::spawn(accepting),
        })
    }

    /// Scheme, host and port, without a slash at the end.
    pub fn origin(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Adds how the next request is answered.
    pub fn push(&self, behaviour: Behaviour) {
        lock(&self.state).next.push_back(behaviour);
    }

    /// How requests are answered for which nothing was pushed.
    pub fn always(&self, behaviour: Behaviour) {
        lock(&self.state).always = Some(behaviour);
    }

    /// The requests so far, in order of arrival.
    pub fn received(&self) -> Vec<Received> {
        lock(&self.state).received.clone()
    }

    /// How many connections were opened so far.
    pub fn connections(&self) -> usize {
        lock(&self.state).connections
    }

    /// How many connections are open now.
    pub fn open(&self) -> usize {
        let state = lock(&self.state);
        state
            .tasks
            .iter()
            .filter(|task| !task.is_finished())
            .count()
    }
}

impl Drop for Chaos {
    fn drop(&mut self) {
        self.listener.abort();
        for task in &lock(&self.state).tasks {
            task.abort();
        }
    }
}

/// An origin where nothing listens: a port that was free a moment ago.
///
/// # Errors
/// When no port can be had.
pub async fn refused_origin() -> io::Result<String> {
    let address = TcpListener::bind("127.0.0.1:0").await?.local_addr()?;
    Ok(format!("http://{address}"))
}

async fn accept(listener: TcpListener, state: Arc<Mutex<State>>) {
    while let Ok((stream, _)) = listener.accept().await {
        let task = tokio::spawn(serve(stream, Arc::clone(&state))).abort_handle();
        let mut state = lock(&state);
        state.connections += 1;
        state.tasks.push(task);
    }
}

async fn serve(mut stream: TcpStream, state: Arc<Mutex<State>>) {
    let _ = stream.set_nodelay(true);
    let mut buffer = BytesMut::new();
    // Whatever the caller does to the connection is the caller's business.
    while let Ok(Some(received)) = read(&mut stream, &mut buffer).await {
        let behaviour = {
            let mut state = lock(&state);
            state.received.push(received);
            let next = state.next.pop_front();
            next.or_else(|| state.always.clone())
                .unwrap_or_else(|| Behaviour::answer(Reply::json("{}")))
        };
        match perform(&mut stream, &behaviour).await {
            Ok(After::Keep) => {}
            Ok(After::Close) | Err(_) => break,
        }
    }
}

#[cfg(test)]
mod tests;
