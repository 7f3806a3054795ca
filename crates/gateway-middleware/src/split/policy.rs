//! Which destination a draw means.

/// Shares of destinations, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Weights {
    /// Running sums; the last is the total.
    sums: Vec<u64>,
}

impl Weights {
    /// Shares of the destinations, in their order. They need not sum to 100.
    pub fn new(shares: impl IntoIterator<Item = u32>) -> Self {
        let sums = shares
            .into_iter()
            .scan(0_u64, |sum, share| {
                *sum += u64::from(share);
                Some(*sum)
            })
            .collect();
        Self { sums }
    }

    /// The destination that `draw` means, any number being a fair draw. `None` when every share is zero.
    pub fn choose(&self, draw: u64) -> Option<usize> {
        let total = *self.sums.last()?;
        let ticket = draw.checked_rem(total)?;
        Some(self.sums.partition_point(|sum| *sum <= ticket))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_ticket_goes_to_the_destination_it_belongs_to() {
        let weights = Weights::new([80, 0, 20]);
        let mut counts = [0; 3];
        for draw in 0..100 {
            counts[weights.choose(draw).unwrap()] += 1;
        }
        assert_eq!(counts, [80, 0, 20]);
    }

    #[test]
    fn nothing_to_choose_from_is_none() {
        assert_eq!(Weights::new([]).choose(3), None);
        assert_eq!(Weights::new([0, 0]).choose(3), None);
    }
}
