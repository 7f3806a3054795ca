//! Idle connections of one origin.
//!
//! Last in, first out, so that the warmest connection is used and the others grow old and go. The stack is cut into
//! shards: a thread uses its own and looks into others only when its own is empty, so threads do not wait for each other.

use std::cell::Cell;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

thread_local! {
    static THREAD: Cell<usize> = const { Cell::new(usize::MAX) };
}

/// A small number that is this thread's own.
fn thread_number() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    THREAD.with(|cell| {
        let mut number = cell.get();
        if number == usize::MAX {
            number = NEXT.fetch_add(1, Ordering::Relaxed);
            cell.set(number);
        }
        number
    })
}

/// On a cache line of its own.
#[derive(Debug)]
#[repr(align(64))]
struct Shard<T>(Mutex<Vec<Slot<T>>>);

#[derive(Debug)]
struct Slot<T> {
    item: T,
    expires: Instant,
}

impl<T> Shard<T> {
    fn lock(&self) -> MutexGuard<'_, Vec<Slot<T>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The top of this shard. The lock is gone when it returns, so that closing a socket holds up nobody.
    fn take(&self) -> Option<Slot<T>> {
        self.lock().pop()
    }
}

/// The stack.
#[derive(Debug)]
pub(crate) struct IdleStack<T> {
    shards: Box<[Shard<T>]>,
    len: AtomicUsize,
    cap: AtomicUsize,
    timeout: Duration,
}

impl<T> IdleStack<T> {
    /// A stack of at most `cap` items, each kept for `timeout`.
    pub(crate) fn new(shards: usize, cap: usize, timeout: Duration) -> Self {
        Self {
            shards: (0..shards.max(1))
                .map(|_| Shard(Mutex::new(Vec::new())))
                .collect(),
            len: AtomicUsize::new(0),
            cap: AtomicUsize::new(cap),
            timeout,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.len.load(Ordering::Relaxed)
    }

    /// Takes the item put back last by this thread, or else by another.
    pub(crate) fn pop(&self) -> Option<T> {
        if self.len() == 0 {
            return None;
        }
        let own = thread_number() % self.shards.len();
        let (before, from) = self.shards.split_at_checked(own)?;
        for shard in from.iter().chain(before) {
            while let Some(slot) = shard.take() {
                self.len.fetch_sub(1, Ordering::Relaxed);
                if slot.expires > Instant::now() {
                    return Some(slot.item);
                }
            }
        }
        None
    }

    /// Keeps `item` for the usual time or `at_most`; drops it when the stack is full.
    pub(crate) fn push(&self, item: T, at_most: Option<Duration>) {
        // A server's limit runs from when it finished, which was earlier than now: stay a second clear of it.
        let keep = at_most.map_or(self.timeout, |limit| {
            limit
                .saturating_sub(Duration::from_secs(1))
                .min(self.timeout)
        });
        if keep.is_zero() {
            return;
        }
        if self.len.fetch_add(1, Ordering::Relaxed) >= self.cap.load(Ordering::Relaxed) {
            self.len.fetch_sub(1, Ordering::Relaxed);
            return;
        }
        let slot = Slot {
            item,
            expires: Instant::now() + keep,
        };
        if let Some(shard) = self.shards.get(thread_number() % self.shards.len()) {
            shard.lock().push(slot);
        }
        if self.cap.load(Ordering::SeqCst) == 0 {
            // Closed while this was under way: what was pushed behind the closing sweep goes too.
            self.close();
        }
    }

    /// Drops what has expired and what `alive` denies.
    pub(crate) fn sweep(&self, now: Instant, mut alive: impl FnMut(&mut T) -> bool) {
        let mut dead = Vec::new();
        for shard in &self.shards {
            let mut slots = shard.lock();
            let gone = slots.extract_if(.., |slot| slot.expires <= now || !alive(&mut slot.item));
            dead.extend(gone);
        }
        self.len.fetch_sub(dead.len(), Ordering::Relaxed);
    }

    /// Drops everything and keeps nothing from now on.
    pub(crate) fn close(&self) {
        self.cap.store(0, Ordering::SeqCst);
        self.sweep(Instant::now(), |_| false);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::IdleStack;

    const LONG: Duration = Duration::from_mins(1);

    #[test]
    fn the_last_in_is_the_first_out() {
        let stack = IdleStack::new(4, 10, LONG);
        stack.push(1, None);
        stack.push(2, None);
        assert_eq!(
            (stack.pop(), stack.pop(), stack.pop()),
            (Some(2), Some(1), None)
        );
    }

    #[test]
    fn a_full_stack_drops_what_comes_back() {
        let stack = IdleStack::new(1, 2, LONG);
        for item in 0..5 {
            stack.push(item, None);
        }
        assert_eq!(stack.len(), 2);
        assert_eq!(stack.pop(), Some(1));
    }

    #[test]
    fn another_thread_finds_what_this_one_put_back() {
        let stack = IdleStack::new(8, 10, LONG);
        stack.push(7, None);
        std::thread::scope(|scope| {
            let found = scope.spawn(|| stack.pop()).join().unwrap();
            assert_eq!(found, Some(7));
        });
        assert_eq!(stack.len(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn items_expire_and_a_servers_own_limit_is_respected() {
        let stack = IdleStack::new(1, 10, LONG);
        stack.push("usual", None);
        stack.push("short", Some(Duration::from_secs(5)));
        stack.push("never", Some(Duration::from_secs(1)));
        tokio::time::advance(Duration::from_secs(4)).await;
        stack.sweep(tokio::time::Instant::now(), |_| true);
        assert_eq!(stack.len(), 1);
        assert_eq!(stack.pop(), Some("usual"));
        stack.push("old", None);
        tokio::time::advance(LONG).await;
        assert_eq!(stack.pop(), None);
        assert_eq!(stack.len(), 0);
    }
}
