//! How much of what was taken may still be given back.
//!
//! A bucket fills while a reservation is open. Had the reservation never been made, the bucket might have been full in the
//! meantime, and what would have flowed in then would be lost: giving all of it back would save up more than a bucket
//! holds. So no more is given back than what the bucket was missing, at the least, since the reservation was made.

use std::collections::VecDeque;

/// Low points that are remembered. Of more, the two that differ least become the lower of them, so that rather less is given
/// back.
const MOST: usize = 32;

/// What a bucket was missing at its later low points. Times and units are the store's own.
///
/// Shape: one per bucket. The low points rise: an earlier one that is not lower than a later one says nothing.
#[derive(Debug, Clone)]
pub struct Refunds<T> {
    lows: VecDeque<(T, u64)>,
}

impl<T> Default for Refunds<T> {
    fn default() -> Self {
        Self {
            lows: VecDeque::new(),
        }
    }
}

impl<T: Copy + Ord> Refunds<T> {
    /// Notes that the bucket is missing so much at `now`, before anything is taken.
    pub fn note(&mut self, now: T, missing: u64) {
        while self.lows.back().is_some_and(|(_, low)| *low >= missing) {
            self.lows.pop_back();
        }
        self.lows.push_back((now, missing));
        if self.lows.len() > MOST {
            self.join();
        }
    }

    /// Joins the two low points that differ least: the lower one, as of the later time.
    fn join(&mut self) {
        let next = self.lows.iter().skip(1);
        let gaps = self.lows.iter().zip(next).map(|(one, next)| next.1 - one.1);
        let closest = gaps.enumerate().min_by_key(|(_, gap)| *gap);
        let Some((index, _)) = closest else { return };
        if let Some((at, _)) = self.lows.remove(index + 1)
            && let Some(low) = self.lows.get_mut(index)
        {
            low.0 = at;
        }
    }

    /// How much of `amount`, taken at `taken`, may be given back. What is given back is missing no more.
    pub fn give(&mut self, taken: T, amount: u64) -> u64 {
        let later = self.lows.iter().filter(|(at, _)| *at > taken);
        let given = later
            .map(|(_, low)| *low)
            .min()
            .map_or(amount, |low| amount.min(low));
        for (_, low) in self.lows.iter_mut().filter(|(at, _)| *at > taken) {
            *low -= (*low).min(given);
        }
        self.tidy();
        given
    }

    /// Restores the order of the low points.
    fn tidy(&mut self) {
        let mut lowest = u64::MAX;
        for index in (0..self.lows.len()).rev() {
            match self.lows.get(index) {
                Some((_, low)) if *low < lowest => lowest = *low,
                _ => drop(self.lows.remove(index)),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_comes_back_than_was_missing_since() {
        let mut refunds = Refunds::default();
        refunds.note(0_u64, 0);
        assert_eq!(refunds.give(0, 10), 10, "nothing was noted since");
        refunds.note(5, 7);
        refunds.note(6, 9);
        assert_eq!(refunds.give(0, 3), 3);
        assert_eq!(refunds.give(0, 10), 4, "the other three are back");
        assert_eq!(refunds.give(0, 10), 0);
        refunds.note(7, 0);
        assert_eq!(refunds.give(6, 10), 0, "it was full at 7");
        assert_eq!(refunds.give(7, 10), 10);
    }

    #[test]
    fn however_many_low_points_there_are_few_are_remembered_and_less_comes_back() {
        let mut refunds = Refunds::default();
        for time in 0..1_000_u64 {
            refunds.note(time, time);
            assert!(refunds.lows.len() <= MOST);
        }
        for taken in [0, 10, 500, 998] {
            let given = refunds.clone().give(taken, u64::MAX);
            assert!(given <= taken + 1, "{taken}: {given}");
            assert!(given + 100 > taken, "and hardly less: {taken}: {given}");
        }
    }
}
