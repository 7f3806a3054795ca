//! The thread that writes. Nothing else waits for the place that lines go to.

use std::io::{self, ErrorKind, Write};
use std::sync::Arc;
use std::time::Duration;

use super::queue::{Log, Queue};

/// The pause after a first write that failed. It doubles up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(10);
/// How soon a place that could not be written to is tried again.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// Writes what comes into the queue, for as long as the process runs.
///
/// A write that fails is counted and tried again where it stopped, so that no line is lost in the middle. Meanwhile the
/// queue fills and sheds. Once lines get through again, the log reports what was lost.
pub(super) fn run(queue: &Arc<Queue>, mut out: impl Write) {
    let mut batch = Vec::new();
    let mut reported = [0; 2];
    loop {
        queue.take(&mut batch);
        let failures = write(queue, &mut out, &batch);
        queue.written();
        if let Some((errors, why)) = failures {
            tracing::warn!(
                target: "gateway::log",
                errors,
                why,
                "the log could not be written for a while; it is written again"
            );
        }
        for (log, reported) in Log::ALL.into_iter().zip(&mut reported) {
            let shed = queue.shed(log);
            if shed > *reported {
                let lines = shed - *reported;
                *reported = shed;
                tracing::warn!(
                    target: "gateway::log",
                    log = log.as_str(),
                    lines,
                    "lines of the log were dropped because it could not be written fast enough"
                );
            }
        }
    }
}

/// Writes all of `bytes`, however long it takes. Returns how many writes failed, and why the last one did.
fn write(queue: &Queue, out: &mut impl Write, bytes: &[u8]) -> Option<(u64, String)> {
    let mut rest = bytes;
    let mut failures: Option<(u64, String)> = None;
    let mut pause = FIRST_PAUSE;
    while !rest.is_empty() {
        let error = match out.write(rest) {
            Ok(0) => io::Error::from(ErrorKind::WriteZero),
            Ok(written) => {
                rest = rest.get(written..).unwrap_or_default();
                pause = FIRST_PAUSE;
                continue;
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => error,
        };
        // A pipe that somebody else made non-blocking is full: no failure.
        if error.kind() != ErrorKind::WouldBlock {
            queue.count_error();
            let errors = failures.map_or(0, |(errors, _)| errors);
            failures = Some((errors.saturating_add(1), error.to_string()));
        }
        std::thread::sleep(pause);
        pause = pause.saturating_mul(2).min(LONGEST_PAUSE);
    }
    failures
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes three bytes, fails twice, takes the rest.
    #[derive(Default)]
    struct Flaky {
        calls: usize,
        written: Vec<u8>,
    }

    impl Write for Flaky {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.calls += 1;
            let count = match self.calls {
                1 => 3,
                2 => return Err(ErrorKind::StorageFull.into()),
                3 => return Err(ErrorKind::FileTooLarge.into()),
                4 => return Err(ErrorKind::Interrupted.into()),
                5 => return Err(ErrorKind::WouldBlock.into()),
                _ => bytes.len(),
            };
            self.written.extend_from_slice(&bytes[..count]);
            Ok(count)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_write_that_fails_is_counted_and_goes_on_where_it_stopped() {
        let queue = Queue::default();
        let mut out = Flaky::default();
        let (errors, why) = write(&queue, &mut out, b"one line\n").unwrap();
        assert_eq!((errors, queue.errors()), (2, 2));
        assert_eq!(why, io::Error::from(ErrorKind::FileTooLarge).to_string());
        assert_eq!(out.written, b"one line\n");
    }
}
