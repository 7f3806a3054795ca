use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use gateway_store::rate::{RateKey, RateRule, RateStore, Taken};

const HOUR: Duration = Duration::from_hours(1);
/// Long enough for a round trip to any server in between, short enough to be waited for.
const SOON: Duration = Duration::from_millis(1500);

/// A store under test with the time that it goes by. The time may be a made-up one.
pub trait RateBench: Send + Sync {
    /// The store.
    fn store(&self) -> Arc<dyn RateStore>;

    /// The time since the store's beginning.
    fn now(&self) -> Duration;

    /// Lets time pass.
    fn pass(&self, time: Duration) -> impl Future<Output = ()> + Send;
}

/// Every rule of [`RateStore`]. Takes a subject of its own for each, so that a server may be used again.
///
/// # Panics
/// When a rule is broken, with its name.
pub async fn rates(bench: &impl RateBench) {
    a_bucket_lets_its_size_through_and_fills(bench).await;
    a_bucket_is_corrected_in_both_directions(bench).await;
    more_than_there_is_never_passes(bench).await;
    a_window_begins_with_its_first_unit_and_starts_anew(bench).await;
    what_is_held_comes_back(bench).await;
    no_debt_outlives_its_period_by_more_than_one(bench).await;
    what_was_refilled_is_not_given_a_second_time(bench).await;
    tasks_never_get_more_than_the_limit(bench).await;
}

fn key(name: &str) -> RateKey {
    RateKey {
        rule: format!("suite/{name}").into(),
        subject: format!("{:016x}", fastrand::u64(..)).into(),
    }
}

async fn take(bench: &impl RateBench, key: &RateKey, rule: RateRule, amount: u64) -> Taken {
    let store = bench.store();
    match store.take(key, rule, amount, bench.now()) {
        Taken::Short => {
            let taken = store.borrow(key, rule, amount, bench.now()).await;
            assert!(taken.is_ok(), "the store is there: {taken:?}");
            let taken = taken.unwrap_or(Taken::Short);
            assert_ne!(taken, Taken::Short, "borrowing decides");
            taken
        }
        known => known,
    }
}

async fn passes(bench: &impl RateBench, key: &RateKey, rule: RateRule, amount: u64) -> bool {
    matches!(take(bench, key, rule, amount).await, Taken::Yes(_))
}

async fn a_bucket_lets_its_size_through_and_fills(bench: &impl RateBench) {
    let (one, other) = (key("bucket"), key("bucket"));
    let rule = RateRule::Bucket {
        limit: 6,
        every: SOON * 2,
    };
    let mut passed = 0;
    let mut last = None;
    for _ in 0..8 {
        match take(bench, &one, rule, 1).await {
            Taken::Yes(state) => {
                passed += 1;
                assert_eq!(state.limit, 6, "the state names the limit");
                assert!(state.remaining < 6, "what is left becomes less");
            }
            refused => last = Some(refused),
        }
    }
    // On a slow machine one more has flowed in meanwhile.
    assert!(
        (6..=7).contains(&passed),
        "a bucket of 6 let {passed} through"
    );
    let Some(Taken::No { wait, state }) = last else {
        assert!(last.is_some(), "the eighth is refused");
        return;
    };
    assert!(wait <= SOON, "the wait is that for one unit: {wait:?}");
    assert_eq!(state.remaining, 0, "nothing is left");
    assert!(
        passes(bench, &other, rule, 6).await,
        "subjects do not share"
    );
    bench.pass(SOON * 2).await;
    assert!(passes(bench, &one, rule, 6).await, "it is full again");
}

async fn a_bucket_is_corrected_in_both_directions(bench: &impl RateBench) {
    let one = key("corrected");
    let rule = RateRule::Bucket {
        limit: 1_000,
        every: HOUR,
    };
    let store = bench.store();
    assert!(passes(bench, &one, rule, 600).await);
    assert!(!passes(bench, &one, rule, 600).await, "400 are left");
    store.give(&one, rule, 500, bench.now());
    bench.pass(SOON).await;
    assert!(passes(bench, &one, rule, 890).await, "500 came back");
    assert!(!passes(bench, &one, rule, 100).await, "and no more");
    store.give(&one, rule, 890, bench.now());
    store.charge(&one, rule, 1_500, bench.now());
    bench.pass(SOON).await;
    assert!(!passes(bench, &one, rule, 1).await, "a debt is paid first");
    store.give(&one, rule, 1_500, bench.now());
    bench.pass(SOON).await;
    assert!(passes(bench, &one, rule, 850).await, "the debt is paid");
}

async fn more_than_there_is_never_passes(bench: &impl RateBench) {
    let one = key("large");
    let rule = RateRule::Bucket {
        limit: 10,
        every: HOUR,
    };
    assert!(!passes(bench, &one, rule, 11).await, "more than the limit");
    bench.pass(SOON).await;
    assert!(passes(bench, &one, rule, 10).await, "and it took nothing");
}

async fn a_window_begins_with_its_first_unit_and_starts_anew(bench: &impl RateBench) {
    let one = key("window");
    let rule = RateRule::Window {
        limit: 2,
        every: SOON * 2,
    };
    bench.pass(SOON).await;
    assert!(passes(bench, &one, rule, 1).await);
    assert!(passes(bench, &one, rule, 1).await);
    match take(bench, &one, rule, 1).await {
        Taken::No { wait, state } => {
            assert!(wait <= SOON * 2 && wait > SOON / 3, "to the end: {wait:?}");
            assert_eq!(state.remaining, 0, "nothing is left of it");
        }
        other => assert_eq!(other, Taken::Short, "a third passed"),
    }
    bench.pass(SOON * 2).await;
    assert!(passes(bench, &one, rule, 2).await, "a new window");
    assert!(!passes(bench, &one, rule, 1).await, "of the same size");
}

async fn what_is_held_comes_back(bench: &impl RateBench) {
    let one = key("held");
    let rule = RateRule::Held { limit: 2 };
    let store = bench.store();
    assert!(passes(bench, &one, rule, 1).await);
    assert!(passes(bench, &one, rule, 1).await);
    assert!(!passes(bench, &one, rule, 1).await, "both places are taken");
    store.give(&one, rule, 1, bench.now());
    assert!(passes(bench, &one, rule, 1).await, "one came back");
    assert!(!passes(bench, &one, rule, 1).await, "and only one");
    store.give(&one, rule, 2, bench.now());
    bench.pass(SOON).await;
    assert!(passes(bench, &one, rule, 2).await, "both came back");
}

async fn no_debt_outlives_its_period_by_more_than_one(bench: &impl RateBench) {
    let store = bench.store();
    let every = SOON * 2;
    for rule in [
        RateRule::Bucket { limit: 6, every },
        RateRule::Window { limit: 6, every },
    ] {
        let one = key("debt");
        assert!(passes(bench, &one, rule, 6).await);
        for debt in [1 << 40, u64::MAX, u64::MAX] {
            store.charge(&one, rule, debt, bench.now());
        }
        bench.pass(SOON / 2).await;
        match take(bench, &one, rule, 1).await {
            Taken::No { wait, .. } => assert!(wait <= every * 2, "{rule:?}: {wait:?}"),
            other => assert_eq!(other, Taken::Short, "a debt is paid first: {rule:?}"),
        }
        bench.pass(every * 2).await;
        assert!(passes(bench, &one, rule, 5).await, "it is paid: {rule:?}");
    }
}

async fn what_was_refilled_is_not_given_a_second_time(bench: &impl RateBench) {
    let one = key("saved");
    let rule = RateRule::Bucket {
        limit: 6,
        every: SOON,
    };
    let store = bench.store();
    let mut reserved = Vec::new();
    for _ in 0..3 {
        reserved.push(bench.now());
        assert!(passes(bench, &one, rule, 6).await, "it is full again");
        // A shared store fills once it knows that what was leased is used.
        assert!(!passes(bench, &one, rule, 6).await, "and empty");
        bench.pass(SOON * 2).await;
    }
    let mut passed = 0;
    assert!(passes(bench, &one, rule, 6).await, "it is full again");
    for taken in reserved {
        store.give(&one, rule, 6, taken);
        passed += usize::from(passes(bench, &one, rule, 6).await);
    }
    assert_eq!(passed, 0, "buckets that were saved up");
}

async fn tasks_never_get_more_than_the_limit(bench: &impl RateBench) {
    let limit = 400;
    let rules = [
        RateRule::Bucket { limit, every: HOUR },
        RateRule::Window { limit, every: HOUR },
        RateRule::Held { limit },
    ];
    for rule in rules {
        let one = key("tasks");
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..8 {
            let (store, now, one) = (bench.store(), bench.now(), one.clone());
            tasks.spawn(async move {
                let mut passed = 0_u64;
                for _ in 0..100 {
                    let taken = match store.take(&one, rule, 1, now) {
                        Taken::Short => store.borrow(&one, rule, 1, now).await,
                        known => Ok(known),
                    };
                    assert!(taken.is_ok(), "the store is there: {taken:?}");
                    passed += u64::from(matches!(taken, Ok(Taken::Yes(_))));
                }
                passed
            });
        }
        let mut passed = 0;
        while let Some(task) = tasks.join_next().await {
            assert!(task.is_ok(), "{task:?}");
            passed += task.unwrap_or_default();
        }
        assert_eq!(passed, limit, "all of it and no more passes: {rule:?}");
    }
}
