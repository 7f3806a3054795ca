//! What of a body is there, counted before it is copied.

use bytes::Bytes;
use gateway_provider::{ByteBudget, Exhausted, HeldBytes};
use gateway_schema::CallError;

/// The first buffer of a body in pieces.
const FIRST: usize = 8 * 1024;

/// Where the bytes of a body count.
#[derive(Clone, Default)]
pub(crate) struct Budgets {
    /// Until the body is let go.
    pub(crate) process: ByteBudget,
    /// Until the body is whole: what the requests of one connection share.
    pub(crate) connection: ByteBudget,
}

/// A body as far as it is there. A body of one piece is not copied.
pub(crate) struct Buffer {
    first: Option<Bytes>,
    joined: Vec<u8>,
    held: HeldBytes,
    on_connection: HeldBytes,
    /// No more than this is set aside.
    limit: usize,
}

impl Buffer {
    pub(crate) fn new(budgets: &Budgets, limit: usize) -> Self {
        Self {
            first: None,
            joined: Vec::new(),
            held: budgets.process.nothing(),
            on_connection: budgets.connection.nothing(),
            limit,
        }
    }

    /// Appends `data`, behind which `announced` bytes follow if the client keeps its word.
    ///
    /// # Errors
    /// There is no room for it.
    pub(crate) fn push(&mut self, data: Bytes, announced: u64) -> Result<(), CallError> {
        if self.joined.is_empty() {
            let Some(first) = self.first.take() else {
                return self.begin(data);
            };
            self.reserve(first.len() + data.len(), announced)?;
            self.joined.extend_from_slice(&first);
        } else {
            self.reserve(data.len(), announced)?;
        }
        self.joined.extend_from_slice(&data);
        Ok(())
    }

    fn begin(&mut self, data: Bytes) -> Result<(), CallError> {
        self.count(data.len())?;
        self.first = Some(data);
        Ok(())
    }

    fn count(&mut self, more: usize) -> Result<(), CallError> {
        self.on_connection
            .grow(more as u64)
            .map_err(|_| connection_full())?;
        Ok(self.held.grow(more as u64)?)
    }

    /// Makes room for `more` bytes. Twice what was there, so that copying stays linear, but no more than is announced.
    fn reserve(&mut self, more: usize, announced: u64) -> Result<(), CallError> {
        let need = self.joined.len() + more;
        let there = self.joined.capacity();
        if need <= there {
            return Ok(());
        }
        let announced = usize::try_from(announced).unwrap_or(usize::MAX);
        let whole = need.saturating_add(announced).min(self.limit);
        let double = there.saturating_mul(2).max(FIRST);
        let target = if announced == 0 {
            double
        } else {
            double.min(whole)
        }
        .max(need);
        let counted = usize::try_from(self.held.bytes()).unwrap_or(usize::MAX);
        self.count(target.saturating_sub(counted))?;
        let room = self.joined.try_reserve_exact(target - self.joined.len());
        Ok(room.map_err(|_| Exhausted)?)
    }

    /// The whole body. It counts until the last clone of it is dropped, but no more on its connection.
    pub(crate) fn take(&mut self) -> Bytes {
        self.on_connection.shrink_to(0);
        let held = std::mem::take(&mut self.held);
        match self.first.take() {
            Some(first) => held.attach(first),
            None if self.joined.is_empty() => Bytes::new(),
            None => held.attach(std::mem::take(&mut self.joined)),
        }
    }
}

fn connection_full() -> CallError {
    let error = CallError::from(Exhausted);
    error.with_detail("this connection has as many bytes of bodies in progress as it may")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn budgets(process: u64, connection: u64) -> Budgets {
        Budgets {
            process: ByteBudget::new(process),
            connection: ByteBudget::new(connection),
        }
    }

    #[test]
    fn one_piece_is_not_copied_and_many_are_joined_in_as_much_as_was_announced() {
        let budgets = budgets(1 << 20, 1 << 20);
        let mut buffer = Buffer::new(&budgets, 1 << 20);
        let piece = Bytes::from(vec![7; 1000]);
        buffer.push(piece.clone(), 0).unwrap();
        let body = buffer.take();
        assert_eq!(body.as_ptr(), piece.as_ptr());
        assert_eq!(budgets.process.used(), 1000);
        assert_eq!(budgets.connection.used(), 0);
        drop(body);
        let mut buffer = Buffer::new(&budgets, 1 << 20);
        for left in (0..100_u64).rev() {
            buffer.push(piece.clone(), left * 1000).unwrap();
        }
        assert_eq!(budgets.process.used(), 100_000, "no more than announced");
        assert_eq!(buffer.take().len(), 100_000);
        assert_eq!(budgets.process.used(), 0);
    }

    #[test]
    fn what_has_no_room_is_refused_before_it_is_held() {
        for budgets in [budgets(50_000, 1 << 30), budgets(1 << 30, 50_000)] {
            let mut buffer = Buffer::new(&budgets, 1 << 20);
            let piece = Bytes::from(vec![7; 10_000]);
            let refused = (0..10).find_map(|_| buffer.push(piece.clone(), 0).err());
            assert_eq!(refused.unwrap().code(), Some("overloaded"));
            assert!(buffer.joined.capacity() <= 50_000);
            drop(buffer);
            assert_eq!((budgets.process.used(), budgets.connection.used()), (0, 0));
        }
    }
}
