use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use gateway_schema::ErrorKind;
use tower::ServiceExt;

use super::policy::decide;
use super::{Capacity, CapacityBounds, Overloaded, Shedding};
use crate::testing::{Scripted, call};

#[test]
fn one_more_is_too_many_at_the_bound_and_a_process_without_calls_always_takes_one() {
    let calls = CapacityBounds::new().with_max_in_flight(2);
    let memory = CapacityBounds::new().with_max_memory(100);
    for (bounds, in_flight, used, expected) in [
        (CapacityBounds::new(), u64::MAX, u64::MAX, None),
        (calls, 1, u64::MAX, None),
        (calls, 2, 0, Some(Overloaded::InFlight)),
        (memory, 9, 99, None),
        (memory, 9, 100, Some(Overloaded::Memory)),
        (memory, 0, 100, None),
    ] {
        assert_eq!(decide(bounds, in_flight, used), expected, "{bounds:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_too_much_is_refused_at_once_with_when_to_come_back_and_counted() {
    let used = Arc::new(AtomicU64::new(0));
    let gauge = Arc::clone(&used);
    let capacity = Capacity::measured(Some(Arc::new(move || gauge.load(Ordering::Relaxed))));
    capacity.bound(
        CapacityBounds::new()
            .with_max_in_flight(1)
            .with_max_memory(1_000),
    );
    let slow = Scripted::new("a", []).slow(Duration::from_secs(5));
    let service = Shedding::new(slow.clone(), capacity.clone());
    let first = tokio::spawn(service.clone().oneshot(call()));
    tokio::task::yield_now().await;
    assert_eq!(capacity.in_flight(), 1);
    let error = service.clone().oneshot(call()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert_eq!(error.retry_after(), Some(Duration::from_secs(1)));
    capacity.bound(CapacityBounds::new().with_max_memory(1_000));
    used.store(2_000, Ordering::Relaxed);
    assert!(capacity.check().is_err());
    assert!(first.await.unwrap().is_ok());
    assert_eq!((capacity.in_flight(), slow.count()), (0, 1));
    assert_eq!(
        capacity.shed(),
        [(Overloaded::InFlight, 1), (Overloaded::Memory, 1)]
    );
    assert!(service.oneshot(call()).await.is_ok());
}
