//! The seeds of the fuzz targets, and what is made of them by a few thousand changes of a byte: a fuzz run in small,
//! the same every time.

use std::path::Path;

use gateway_schema::Operation;

use super::clients::{CODECS, OPERATIONS};
use super::{Probe, clients, envelope, event_stream};

/// The seeds of one target, by name.
fn seeds(target: &str) -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds");
    let mut found: Vec<_> = std::fs::read_dir(folder.join(target.replace('-', "_")))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.display().to_string(), std::fs::read(&path).unwrap()))
        .collect();
    found.sort();
    assert!(!found.is_empty(), "{target} has no seeds");
    found
}

/// Variants of a seed: bytes changed, taken out, said twice, and the end cut off.
fn variants(seed: &[u8], count: usize) -> impl Iterator<Item = Vec<u8>> {
    let mut state = 7_u64;
    let mut random = move |below: usize| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).unwrap() % below.max(1)
    };
    (0..count).map(move |_| {
        let mut bytes = seed.to_vec();
        for _ in 0..=random(3) {
            let at = 2 + random(bytes.len().saturating_sub(2));
            if at >= bytes.len() {
                continue;
            }
            match random(5) {
                0 => bytes[at] = b"{}[]\",:0ntf\\ \n"[random(14)],
                1 => drop(bytes.remove(at)),
                2 => bytes.truncate(at),
                3 => bytes[at] ^= 1 << random(8),
                _ => {
                    let end = (at + 1 + random(40)).min(bytes.len());
                    let piece = bytes[at..end].to_vec();
                    bytes.splice(at..at, piece);
                }
            }
        }
        bytes
    })
}

#[test]
fn no_seed_and_no_change_to_it_breaks_a_dialect() {
    for probe in Probe::all() {
        for (name, seed) in seeds(probe.name) {
            for data in [seed.clone()].into_iter().chain(variants(&seed, 60)) {
                let checked = std::panic::catch_unwind(|| probe.check(&data));
                let said = String::from_utf8_lossy(&data);
                assert!(checked.is_ok(), "{name}: {said}");
            }
        }
    }
}

#[test]
fn no_seed_and_no_change_to_it_breaks_the_scanner_of_event_streams() {
    for (_, seed) in seeds("event_stream") {
        event_stream(&seed);
        variants(&seed, 60).for_each(|data| event_stream(&data));
    }
}

#[test]
fn no_seed_and_no_change_to_it_is_read_in_another_way_than_serde_json_reads_it() {
    for (name, seed) in seeds("envelope") {
        assert!(envelope(&seed), "{name}");
        for data in variants(&seed, 2_000) {
            // Whether it is taken is not the question.
            let _: bool = envelope(&data);
        }
    }
}

#[test]
fn no_client_breaks_a_provider_and_no_provider_a_client() {
    for (name, seed) in seeds("clients") {
        for data in [seed.clone()].into_iter().chain(variants(&seed, 60)) {
            let checked = std::panic::catch_unwind(|| clients(&data));
            assert!(
                checked.is_ok(),
                "{name}: {}",
                String::from_utf8_lossy(&data)
            );
        }
    }
}

#[test]
fn every_client_has_a_seed_for_what_it_can_ask_and_it_is_read() {
    let all = seeds("clients");
    for (letter, codec) in CODECS {
        // Gemini's streams as arrays differ in replies only.
        let mut own = all.iter().filter(|(_, seed)| seed[0] == letter).peekable();
        assert!(
            letter == b'y' || own.peek().is_some(),
            "{}",
            codec.dialect()
        );
        for (name, seed) in own {
            let known = OPERATIONS.iter().find(|(letter, _)| *letter == seed[1]);
            let operation: Operation = known.unwrap().1;
            let read = codec.decode(operation, &seed[2..]);
            assert!(read.is_ok(), "{name}: {:?}", read.err());
        }
    }
}

#[test]
fn seeds_are_read_as_what_they_are() {
    // A seed that a decoder refuses at once would prove nothing.
    for probe in Probe::all() {
        for (name, seed) in seeds(probe.name) {
            if !name.ends_with("error") && !name.ends_with("exception") {
                assert!(probe.reads(&seed), "{name}");
            }
        }
    }
}
