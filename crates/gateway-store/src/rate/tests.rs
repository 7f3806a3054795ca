use std::sync::Arc;
use std::time::Duration;

use super::{MemoryRates, RateKey, RateRule, RateStore, Taken};

const MINUTE: Duration = Duration::from_mins(1);

fn key(subject: &str) -> RateKey {
    RateKey {
        rule: "chat/limits[0]".into(),
        subject: subject.into(),
    }
}

fn at(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn yes(taken: Taken) -> u64 {
    match taken {
        Taken::Yes(state) => state.remaining,
        other => panic!("{other:?}"),
    }
}

fn no(taken: Taken) -> Duration {
    match taken {
        Taken::No { wait, .. } => wait,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_bucket_lets_its_size_through_and_fills_evenly() {
    let rates = MemoryRates::new();
    let rule = RateRule::Bucket {
        limit: 60,
        every: MINUTE,
    };
    for left in (0..60).rev() {
        assert_eq!(yes(rates.take(&key("a"), rule, 1, at(0))), left);
    }
    assert_eq!(
        no(rates.take(&key("a"), rule, 1, at(0))),
        Duration::from_secs(1)
    );
    assert_eq!(no(rates.take(&key("a"), rule, 1, at(400))), at(600));
    assert_eq!(yes(rates.take(&key("a"), rule, 1, at(1_000))), 0);
    assert_eq!(
        yes(rates.take(&key("b"), rule, 1, at(1_000))),
        59,
        "subjects do not share"
    );
}

#[test]
fn a_bucket_is_corrected_in_both_directions() {
    let rates = MemoryRates::new();
    let rule = RateRule::Bucket {
        limit: 1_000,
        every: MINUTE,
    };
    assert_eq!(yes(rates.take(&key("a"), rule, 600, at(0))), 400);
    rates.give(&key("a"), rule, 500, at(0));
    assert_eq!(yes(rates.take(&key("a"), rule, 0, at(0))), 900);
    rates.charge(&key("a"), rule, 1_900, at(0));
    // A debt of 1,000: a minute to be out of it, and the time for one unit.
    assert_eq!(no(rates.take(&key("a"), rule, 1, at(0))), MINUTE + at(60));
}

#[test]
fn more_than_the_bucket_holds_never_passes() {
    let rates = MemoryRates::new();
    let rule = RateRule::Bucket {
        limit: 10,
        every: MINUTE,
    };
    assert!(matches!(
        rates.take(&key("a"), rule, 11, at(0)),
        Taken::No { .. }
    ));
    assert_eq!(
        yes(rates.take(&key("a"), rule, 10, at(0))),
        0,
        "and takes nothing"
    );
}

#[test]
fn a_window_begins_with_its_first_unit_and_starts_anew() {
    let rates = MemoryRates::new();
    let rule = RateRule::Window {
        limit: 2,
        every: MINUTE,
    };
    assert_eq!(yes(rates.take(&key("a"), rule, 1, at(30_000))), 1);
    assert_eq!(yes(rates.take(&key("a"), rule, 1, at(60_000))), 0);
    assert_eq!(
        no(rates.take(&key("a"), rule, 1, at(70_000))),
        Duration::from_secs(20)
    );
    assert_eq!(yes(rates.take(&key("a"), rule, 1, at(90_000))), 1);
}

#[test]
fn what_is_held_comes_back() {
    let rates = MemoryRates::new();
    let rule = RateRule::Held { limit: 2 };
    rates.take(&key("a"), rule, 1, at(0));
    rates.take(&key("a"), rule, 1, at(0));
    assert!(matches!(
        rates.take(&key("a"), rule, 1, at(0)),
        Taken::No { .. }
    ));
    rates.give(&key("a"), rule, 1, at(0));
    assert!(matches!(
        rates.take(&key("a"), rule, 1, at(0)),
        Taken::Yes(_)
    ));
}

#[test]
fn threads_never_get_more_than_the_limit() {
    let rates = Arc::new(MemoryRates::new());
    for rule in [
        RateRule::Bucket {
            limit: 1_000,
            every: Duration::from_hours(1),
        },
        RateRule::Window {
            limit: 1_000,
            every: Duration::from_hours(1),
        },
        RateRule::Held { limit: 1_000 },
    ] {
        let subject = format!("{rule:?}");
        let admitted: usize = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4)
                .map(|_| {
                    scope.spawn(|| {
                        (0..1_000)
                            .filter(|_| {
                                matches!(rates.take(&key(&subject), rule, 1, at(5)), Taken::Yes(_))
                            })
                            .count()
                    })
                })
                .collect();
            threads
                .into_iter()
                .map(|thread| thread.join().unwrap())
                .sum()
        });
        assert_eq!(admitted, 1_000, "{rule:?}");
    }
}

#[test]
fn subjects_that_are_as_good_as_new_are_forgotten() {
    let rates = MemoryRates::new();
    let rule = RateRule::Bucket {
        limit: 10,
        every: Duration::from_millis(1),
    };
    for number in 0..200_000_u64 {
        rates.take(&key(&number.to_string()), rule, 1, at(number));
    }
    assert!(rates.len() < 80_000, "{}", rates.len());
}

#[test]
fn a_window_is_remembered_to_its_end_however_many_subjects_come() {
    let rates = MemoryRates::new();
    let month = Duration::from_hours(24 * 30);
    let rule = RateRule::Window {
        limit: 1,
        every: month,
    };
    assert_eq!(yes(rates.take(&key("a"), rule, 1, at(0))), 0);
    for subject in 0..200_000 {
        let later = Duration::from_hours(48);
        let short = RateRule::Bucket {
            limit: 1,
            every: at(1),
        };
        let _ = rates.take(&key(&subject.to_string()), short, 1, later + at(subject));
    }
    no(rates.take(&key("a"), rule, 1, Duration::from_hours(24 * 29)));
    assert!(rates.len() < 150_000, "{}", rates.len());
}
