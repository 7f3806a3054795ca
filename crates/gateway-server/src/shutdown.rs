//! Being told to stop.

use tokio_util::sync::CancellationToken;

/// Waits until the process is told to stop: SIGTERM or SIGINT, or Ctrl-C elsewhere.
pub(crate) async fn told_to_stop() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = tokio::signal::ctrl_c() => {}
            }
            return;
        }
    }
    if tokio::signal::ctrl_c().await.is_err() {
        // Without signals only the outside can end the process.
        std::future::pending::<()>().await;
    }
}

/// Makes a write beyond the limit of file sizes (`ulimit -f`) an error like any other. Without a handler of SIGXFSZ the
/// system ends the process. SIGPIPE is ignored by the standard library already.
pub(crate) fn ignore_file_size_limit() {
    #[cfg(unix)]
    {
        let seen = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
        // Fails only for signals that cannot be handled, which this one is not.
        let _ = signal_hook::flag::register(signal_hook::consts::SIGXFSZ, seen);
    }
}

/// Waits until the process is told to read its configuration again: SIGHUP. Never elsewhere.
pub(crate) struct Hangups {
    #[cfg(unix)]
    signal: Option<tokio::signal::unix::Signal>,
}

impl Hangups {
    pub(crate) fn new() -> Self {
        #[cfg(unix)]
        {
            use tokio::signal::unix::{SignalKind, signal};
            Self {
                signal: signal(SignalKind::hangup()).ok(),
            }
        }
        #[cfg(not(unix))]
        Self {}
    }

    pub(crate) async fn next(&mut self) {
        #[cfg(unix)]
        if let Some(signal) = &mut self.signal
            && signal.recv().await.is_some()
        {
            return;
        }
        std::future::pending::<()>().await;
    }
}

/// Cancels `stop` when the process is told to stop, and ends the process at once when it is told a second time.
pub(crate) async fn watch(stop: CancellationToken, now: CancellationToken) {
    told_to_stop().await;
    stop.cancel();
    told_to_stop().await;
    now.cancel();
}
