use std::time::Duration;

use gateway_schema::ErrorKind;
use tower::ServiceExt;

use super::policy::decide;
use super::{Capacity, CapacityBounds, Overloaded, Shedding};
use crate::testing::{Scripted, call};

#[test]
fn one_more_is_too_many_at_the_bound() {
    for (in_flight, held, expected) in [
        (1, 99, None),
        (2, 0, Some(Overloaded::InFlight)),
        (2, 100, Some(Overloaded::InFlight)),
        (0, 100, Some(Overloaded::Memory)),
    ] {
        assert_eq!(
            decide(in_flight, 2, held, 100),
            expected,
            "{in_flight} {held}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_too_much_is_refused_at_once_with_when_to_come_back_and_counted() {
    let capacity = Capacity::new();
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
    let held = capacity.memory().hold(1_000).unwrap();
    assert!(capacity.check().is_err());
    assert!(capacity.memory().hold(1).is_err());
    drop(held);
    assert!(capacity.check().is_ok());
    assert!(first.await.unwrap().is_ok());
    assert_eq!((capacity.in_flight(), slow.count()), (0, 1));
    assert_eq!(
        capacity.shed(),
        [(Overloaded::InFlight, 1), (Overloaded::Memory, 2)]
    );
    assert!(service.oneshot(call()).await.is_ok());
}
