use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use proptest::prelude::*;

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
fn no_debt_outlives_its_period_by_more_than_one() {
    let rates = MemoryRates::new();
    let bucket = |limit, every| RateRule::Bucket { limit, every };
    for debt in [2_000, 1 << 63, u64::MAX] {
        let subject = key(&debt.to_string());
        rates.charge(&subject, bucket(1_000, MINUTE), debt, at(0));
        rates.charge(&subject, bucket(1_000, MINUTE), debt, at(0));
        let wait = no(rates.take(&subject, bucket(1_000, MINUTE), 1, at(0)));
        assert!(wait <= MINUTE * 2, "{wait:?}");
        assert_eq!(
            yes(rates.take(&subject, bucket(1_000, MINUTE), 1_000, at(120_000))),
            0
        );
    }
    let day = Duration::from_hours(24);
    rates.charge(&key("changed"), bucket(10, day), 1_000, at(0));
    let wait = no(rates.take(&key("changed"), bucket(10, MINUTE), 1, at(0)));
    assert!(wait <= MINUTE * 2, "the rule was changed: {wait:?}");
    let window = RateRule::Window {
        limit: 10,
        every: MINUTE,
    };
    rates.charge(&key("window"), window, u64::MAX, at(0));
    assert_eq!(no(rates.take(&key("window"), window, 1, at(0))), MINUTE);
    assert_eq!(yes(rates.take(&key("window"), window, 1, at(60_000))), 9);
}

#[test]
fn what_a_bucket_refilled_meanwhile_is_not_given_a_second_time() {
    let rates = MemoryRates::new();
    let rule = RateRule::Bucket {
        limit: 1_000,
        every: at(2_000),
    };
    // Eight reservations of the whole bucket, each as soon as it is full again.
    for turn in 0..8 {
        assert_eq!(yes(rates.take(&key("a"), rule, 1_000, at(turn * 2_000))), 0);
    }
    let mut passed = 0;
    for turn in 0..8 {
        rates.give(&key("a"), rule, 1_000, at(turn * 2_000));
        if matches!(
            rates.take(&key("a"), rule, 1_000, at(14_050 + turn)),
            Taken::Yes(_)
        ) {
            passed += 1;
        }
    }
    assert_eq!(passed, 1, "only the last one had not been refilled");
}

#[test]
fn what_belongs_to_a_window_that_is_over_is_not_given_to_the_next() {
    let rates = MemoryRates::new();
    let rule = RateRule::Window {
        limit: 10,
        every: MINUTE,
    };
    assert_eq!(yes(rates.take(&key("a"), rule, 10, at(0))), 0);
    assert_eq!(yes(rates.take(&key("a"), rule, 10, at(60_000))), 0);
    rates.give(&key("a"), rule, 10, at(0));
    no(rates.take(&key("a"), rule, 1, at(60_001)));
    rates.give(&key("a"), rule, 4, at(60_000));
    assert_eq!(yes(rates.take(&key("a"), rule, 1, at(60_001))), 3);
}

/// Two threads meet at the beginning of every window, and both their takes count in it.
#[test]
fn no_take_is_lost_where_one_window_follows_another() {
    const THREADS: u64 = 2;
    const WINDOWS: u64 = 3_000;
    let rates = MemoryRates::new();
    let rule = RateRule::Window {
        limit: 1_000,
        every: at(10),
    };
    let arrived = AtomicU64::new(0);
    let meet = |times: u64| {
        arrived.fetch_add(1, Ordering::AcqRel);
        while arrived.load(Ordering::Acquire) < times * THREADS {
            for _ in 0..2_000 {
                std::hint::spin_loop();
            }
            std::thread::yield_now();
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                for window in 0..WINDOWS {
                    meet(2 * window + 1);
                    yes(rates.take(&key("a"), rule, 1, at(window * 10)));
                    meet(2 * window + 2);
                    let left = yes(rates.take(&key("a"), rule, 0, at(window * 10)));
                    assert!(left <= 1_000 - THREADS, "one is lost in window {window}");
                }
            });
        }
    });
}

/// One thing that happens to a bucket.
#[derive(Debug, Clone)]
enum Event {
    /// A reservation of so many units.
    Take(u64),
    /// The reservation of this number (among those open) is settled for so many percent of it.
    Settle(usize, u64),
    /// Time passes.
    Pass(u64),
}

proptest! {
    /// However reservations are made and settled, what is used of them, as of the time they were made, never exceeds in any
    /// stretch of time what is in a full bucket and what flows into it meanwhile; and there is never more than a bucket.
    #[test]
    fn a_bucket_is_never_saved_up(events in prop::collection::vec(prop_oneof![
        (1..=100_u64).prop_map(Event::Take),
        (0..8_usize, 0..=100_u64).prop_map(|(which, part)| Event::Settle(which, part)),
        (0..=400_u64).prop_map(Event::Pass),
    ], 1..80)) {
        const LIMIT: u64 = 100;
        let every = at(1_000);
        let rule = RateRule::Bucket { limit: LIMIT, every };
        let rates = MemoryRates::new();
        let mut now = 0;
        let mut open: Vec<(u64, u64)> = Vec::new();
        let mut used: Vec<(u64, u64)> = Vec::new();
        for event in events {
            match event {
                Event::Take(units) => match rates.take(&key("a"), rule, units, at(now)) {
                    Taken::Yes(_) => open.push((now, units)),
                    Taken::No { wait, .. } => prop_assert!(wait <= every * 2),
                    Taken::Short => prop_assert!(false, "memory is never short"),
                },
                Event::Settle(which, part) if which < open.len() => {
                    let (taken, units) = open.remove(which);
                    let spent = units * part / 100;
                    rates.give(&key("a"), rule, units - spent, at(taken));
                    used.push((taken, spent));
                }
                Event::Settle(..) => {}
                Event::Pass(millis) => now += millis,
            }
            if let Taken::Yes(state) = rates.take(&key("a"), rule, 0, at(now)) {
                prop_assert!(state.remaining <= LIMIT);
            }
        }
        used.extend(open);
        for (from, _) in &used {
            for (to, _) in used.iter().filter(|(to, _)| to >= from) {
                let inside = used.iter().filter(|(at, _)| (from..=to).contains(&at));
                let sum: u64 = inside.map(|(_, units)| units).sum();
                // Rounding is up by a nanosecond for each take.
                prop_assert!(sum <= LIMIT + (to - from) / 10 + 1, "{sum} from {from} to {to}");
            }
        }
    }
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
