//! Bodies cut into chunks, as networks cut them: anywhere.

use bytes::Bytes;

/// Every way to cut `body` in two, the empty halves included: `len + 1` ways.
pub fn in_two(body: &Bytes) -> impl Iterator<Item = [Bytes; 2]> + '_ {
    (0..=body.len()).map(|at| [body.slice(..at), body.slice(at..)])
}

/// Every beginning of `body`, from nothing to all but the last byte.
pub fn prefixes(body: &Bytes) -> impl Iterator<Item = Bytes> + '_ {
    (0..body.len()).map(|end| body.slice(..end))
}

/// Chunks of `size` bytes; the last may be shorter. A `size` of 0 counts as 1.
pub fn by_size(body: &Bytes, size: usize) -> Vec<Bytes> {
    let size = size.max(1);
    (0..body.len())
        .step_by(size)
        .map(|begin| body.slice(begin..(begin + size).min(body.len())))
        .collect()
}

/// One byte per chunk: the worst network there is.
pub fn one_by_one(body: &Bytes) -> Vec<Bytes> {
    by_size(body, 1)
}

/// Chunks of random sizes from 1 to `longest`; the same `seed` cuts the same way.
pub fn at_random(body: &Bytes, longest: usize, seed: u64) -> Vec<Bytes> {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut chunks = Vec::new();
    let mut rest = body.clone();
    while !rest.is_empty() {
        let size = random.usize(1..=longest.max(1)).min(rest.len());
        chunks.push(rest.split_to(size));
    }
    chunks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_split_joins_to_the_body() {
        let body = Bytes::from_static("data: {\"text\":\"héllo\"}\r\n\r\n".as_bytes());
        let mut ways: Vec<Vec<Bytes>> = in_two(&body).map(Vec::from).collect();
        assert_eq!(ways.len(), body.len() + 1);
        ways.push(one_by_one(&body));
        ways.push(by_size(&body, 7));
        ways.extend((0..20).map(|seed| at_random(&body, 5, seed)));
        for way in ways {
            assert_eq!(way.concat(), body);
        }
        assert_eq!(prefixes(&body).count(), body.len());
        assert!(one_by_one(&Bytes::new()).is_empty());
    }
}
