use std::time::Duration;

use gateway_store::rate::{RateRule, Taken};
use tokio::time::Instant;

use super::lease::{Answer, Known, Lease, Question};

const LEASE: Duration = Duration::from_secs(10);
const BUCKET: RateRule = RateRule::Bucket {
    limit: 100,
    every: Duration::from_hours(1),
};
const WINDOW: RateRule = RateRule::Window {
    limit: 100,
    every: Duration::from_mins(1),
};
const HELD: RateRule = RateRule::Held { limit: 10 };

fn answer(granted: u64, generation: &str, level: u64, asked: Instant) -> Answer {
    Answer {
        granted,
        lease: LEASE,
        known: Known {
            generation: generation.to_owned(),
            level: level.to_string(),
            at: "1".to_owned(),
        },
        asked,
    }
}

/// A lease of `units`.
fn leased(rule: RateRule, units: u64, now: Instant) -> Lease {
    let mut lease = Lease::new(now);
    let question = lease.ask(rule, units, units, now);
    lease.answered(rule, &question, answer(units, "1", 50, now), now);
    lease
}

fn passes(lease: &mut Lease, rule: RateRule, amount: u64, now: Instant) -> bool {
    matches!(lease.take(rule, amount, now), Taken::Yes(_))
}

#[test]
fn nothing_is_taken_that_is_not_leased_and_nothing_after_the_lease() {
    let now = Instant::now();
    let mut lease = Lease::new(now);
    assert_eq!(lease.take(BUCKET, 1, now), Taken::Short);
    let mut lease = leased(BUCKET, 5, now);
    assert!(passes(&mut lease, BUCKET, 3, now));
    assert_eq!(lease.take(BUCKET, 3, now), Taken::Short);
    let later = now + LEASE.mul_f64(0.98);
    assert!(passes(&mut lease, BUCKET, 1, later));
    let end = now + LEASE.mul_f64(0.995);
    assert_eq!(
        lease.take(BUCKET, 1, end),
        Taken::Short,
        "a little before the server ends it"
    );
}

#[test]
fn a_refusal_is_remembered_for_a_moment() {
    let now = Instant::now();
    let mut lease = Lease::new(now);
    let question = lease.ask(HELD, 3, 3, now);
    lease.answered(HELD, &question, answer(0, "", 0, now), now);
    assert!(matches!(lease.take(HELD, 3, now), Taken::No { .. }));
    assert_eq!(lease.take(HELD, 2, now), Taken::Short, "less may be there");
    let later = now + Duration::from_millis(11);
    assert_eq!(lease.take(HELD, 3, later), Taken::Short);
}

#[test]
fn what_is_given_back_late_goes_through_the_server() {
    let now = Instant::now();
    let mut lease = leased(BUCKET, 10, now);
    assert!(passes(&mut lease, BUCKET, 10, now));
    lease.give(BUCKET, 4, now, now);
    assert!(
        passes(&mut lease, BUCKET, 4, now),
        "still counted as leased"
    );
    // The server hears that nothing is left here; what comes back now is not spare any more.
    let question = lease.ask(BUCKET, 0, 0, now);
    assert_eq!((question.have, question.returned), (0, 0));
    lease.answered(BUCKET, &question, answer(0, "1", 50, now), now);
    lease.give(BUCKET, 7, now, now);
    assert_eq!(lease.take(BUCKET, 1, now), Taken::Short);
    let question = lease.ask(BUCKET, 0, 0, now);
    assert_eq!((question.have, question.returned), (0, 7));
    lease.lost(&question);
    let question = lease.ask(BUCKET, 0, 0, now);
    assert_eq!(
        question.returned, 0,
        "what may have been heard is not said twice"
    );
}

#[test]
fn a_debt_is_paid_before_anything_passes_and_is_not_forgotten() {
    let now = Instant::now();
    let mut lease = leased(BUCKET, 10, now);
    lease.charge(BUCKET, 15, now);
    assert!(!passes(&mut lease, BUCKET, 1, now));
    let question = lease.ask(BUCKET, 0, 0, now);
    assert_eq!((question.have, question.owed), (0, 5));
    lease.lost(&question);
    let question = lease.ask(BUCKET, 0, 0, now);
    assert_eq!(question.owed, 5, "rather twice than never");
}

#[test]
fn no_debt_is_larger_than_the_limit() {
    let now = Instant::now();
    let mut lease = leased(BUCKET, 10, now);
    lease.charge(BUCKET, 1 << 63, now);
    lease.charge(BUCKET, u64::MAX, now);
    let question = lease.ask(BUCKET, 1, 1, now);
    assert_eq!(question.owed, 100);
    lease.answered(BUCKET, &question, answer(0, "1", 0, now), now);
    match lease.take(BUCKET, 1, now) {
        Taken::No { wait, .. } => assert!(wait <= Duration::from_hours(2), "{wait:?}"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_the_bucket_refilled_meanwhile_is_not_given_back() {
    let now = Instant::now();
    let mut lease = leased(BUCKET, 10, now);
    assert!(passes(&mut lease, BUCKET, 10, now));
    let later = now + Duration::from_hours(1);
    let question = lease.ask(BUCKET, 10, 10, later);
    let full = 90;
    lease.answered(BUCKET, &question, answer(10, "1", full, later), later);
    assert!(passes(&mut lease, BUCKET, 10, later));
    lease.give(BUCKET, 10, now, later);
    assert!(!passes(&mut lease, BUCKET, 1, later), "it was full since");
    lease.give(BUCKET, 10, later, later);
    assert!(passes(&mut lease, BUCKET, 10, later));
}

#[test]
fn a_unit_of_a_window_that_is_over_does_not_enlarge_the_next() {
    let now = Instant::now();
    let mut lease = leased(WINDOW, 2, now);
    assert!(passes(&mut lease, WINDOW, 2, now));
    let later = now + LEASE * 2;
    let question = lease.ask(WINDOW, 1, 1, later);
    lease.answered(WINDOW, &question, answer(1, "2", 99, later), later);
    assert!(passes(&mut lease, WINDOW, 1, later));
    lease.give(WINDOW, 2, now, later);
    assert_eq!(lease.take(WINDOW, 1, later), Taken::Short);
    lease.give(WINDOW, 1, later, later);
    assert!(passes(&mut lease, WINDOW, 1, later), "its own unit");
}

#[test]
fn what_nobody_uses_is_returned_and_places_in_use_are_not() {
    let now = Instant::now();
    let mut lease = leased(BUCKET, 10, now);
    assert!(!lease.is_due(BUCKET, now, LEASE));
    let later = now + Duration::from_millis(1_100);
    assert!(lease.is_due(BUCKET, later, LEASE));
    let question = lease.ask(BUCKET, 0, 0, later);
    assert_eq!((question.have, question.returned), (0, 10));

    let mut lease = leased(HELD, 6, now);
    assert!(passes(&mut lease, HELD, 2, now));
    let question = lease.ask(HELD, 0, 0, later);
    assert_eq!(question.have, 2);
    lease.answered(HELD, &question, answer(0, "", 8, later), later);
    lease.give(HELD, 1, now, later);
    lease.give(HELD, 5, now, later);
    let question = lease.surrender(HELD, later);
    assert_eq!(question.have, 0, "never less than nothing");
}

/// A server that counts exactly, and what it believes of one process.
#[derive(Default)]
struct Server {
    left: u64,
    believed: u64,
}

impl Server {
    fn hear(&mut self, question: &Question, asked: Instant) -> Answer {
        self.left += question.returned;
        self.left = self.left.saturating_sub(question.owed);
        let wanted = question.need.saturating_sub(question.have) + question.wish;
        let granted = wanted.min(self.left);
        self.left -= granted;
        self.believed = question.have + granted;
        answer(granted, "1", self.left, asked)
    }
}

#[test]
fn whatever_gets_lost_no_more_is_spent_than_there_was() {
    for seed in 0..300 {
        let mut dice = fastrand::Rng::with_seed(seed);
        let mut now = Instant::now();
        let rule = RateRule::Bucket {
            limit: 1_000,
            every: Duration::from_hours(1_000_000),
        };
        let mut server = Server {
            left: 1_000,
            believed: 0,
        };
        let mut lease = Lease::new(now);
        let (mut spent, mut given) = (0_u64, 0_u64);
        for _ in 0..400 {
            now += Duration::from_millis(dice.u64(0..400));
            match dice.u8(0..6) {
                0..3 => {
                    let amount = dice.u64(1..20);
                    if passes(&mut lease, rule, amount, now) {
                        spent += amount;
                    }
                }
                3 if spent > given => {
                    let amount = dice.u64(1..=(spent - given).min(20));
                    lease.give(rule, amount, now, now);
                    given += amount;
                }
                4 => {
                    let amount = dice.u64(0..10);
                    lease.charge(rule, amount, now);
                    spent += amount;
                }
                _ => {
                    let need = dice.u64(0..30);
                    let question = lease.ask(rule, need, need.min(1), now);
                    match dice.u8(0..4) {
                        0 => lease.unasked(&question),
                        1 => {
                            server.hear(&question, now);
                            lease.lost(&question);
                        }
                        2 => lease.lost(&question),
                        _ => {
                            let answer = server.hear(&question, now);
                            lease.answered(rule, &question, answer, now);
                        }
                    }
                }
            }
        }
        let owed = lease.ask(rule, 0, 0, now).owed;
        assert!(
            spent - given <= 1_000 + owed,
            "seed {seed}: {spent} - {given}, {owed} owed"
        );
    }
}
