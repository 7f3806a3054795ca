//! A set of destinations in one word, so that choosing allocates nothing.

/// Numbers of destinations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Set(u128);

impl Set {
    /// How many destinations a set can tell apart.
    pub(crate) const CAPACITY: usize = 128;

    /// Those of the first `count` numbers for which `holds`.
    pub(crate) fn of(count: usize, holds: impl Fn(usize) -> bool) -> Self {
        let numbers = (0..count.min(Self::CAPACITY)).filter(|number| holds(*number));
        numbers.fold(Self::default(), Self::with)
    }

    pub(crate) const fn with(self, number: usize) -> Self {
        Self(self.0 | 1 << number)
    }

    pub(crate) const fn contains(self, number: usize) -> bool {
        number < Self::CAPACITY && self.0 >> number & 1 == 1
    }

    pub(crate) const fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub(crate) const fn len(self) -> usize {
        self.0.count_ones() as usize
    }

    /// The numbers, ascending.
    pub(crate) fn iter(self) -> impl Iterator<Item = usize> {
        let mut left = self.0;
        std::iter::from_fn(move || {
            let number = left.trailing_zeros() as usize;
            left &= left.checked_sub(1)?;
            Some(number)
        })
    }

    /// The number at this place among its own.
    pub(crate) fn nth(self, place: usize) -> Option<usize> {
        self.iter().nth(place)
    }
}
