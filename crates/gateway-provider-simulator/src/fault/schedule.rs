//! When something goes wrong: a pure function of the request's number and one roll of a die.

/// When a fault strikes. Requests are counted from 1 per provider.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Schedule {
    /// Always.
    Always,
    /// This share of the requests, from 0 to 1, chosen by the seed.
    Rate(f64),
    /// Every n-th request.
    Every(u64),
    /// Exactly these requests.
    At(Vec<u64>),
}

impl Schedule {
    /// Whether it strikes at request `number`. `roll` is from 0 to 1, without 1.
    pub fn strikes(&self, number: u64, roll: f64) -> bool {
        match self {
            Self::Always => true,
            Self::Rate(rate) => roll < *rate,
            Self::Every(n) => *n > 0 && number.is_multiple_of(*n),
            Self::At(numbers) => numbers.contains(&number),
        }
    }
}
