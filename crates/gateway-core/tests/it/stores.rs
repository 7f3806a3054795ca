//! Shared stores over reloads: opened when a plan names them, let go when nothing uses them.

use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use gateway_core::config::{Amount, Cache, Limit, Plan, Subject};
use gateway_core::schema::{ErrorKind, Secret};
use gateway_core::{Engine, OpenStores};
use gateway_store::rate::{MemoryRates, RateStore};
use gateway_store::shared::{LinkStatus, SharedStores, StoreLink};
use gateway_testkit::store::MemoryRemote;
use gateway_testkit::{Answer, ScriptedProvider};
use tower::ServiceExt;

use crate::support::{builder, call, endpoint, plan};

struct Link;

impl StoreLink for Link {
    fn name(&self) -> &'static str {
        "redis"
    }

    fn status(&self) -> LinkStatus {
        LinkStatus::new(true, None)
    }
}

/// The URL of a store, and its rates.
type Opened = (String, Weak<dyn RateStore>);

/// Every store that was opened.
#[derive(Clone, Default)]
struct Seen(Arc<Mutex<Vec<Opened>>>);

impl Seen {
    fn open(&self) -> OpenStores {
        let seen = Arc::clone(&self.0);
        Arc::new(move |url: &Secret| {
            let rates: Arc<dyn RateStore> = Arc::new(MemoryRates::new());
            let name = url.expose().to_owned();
            seen.lock().unwrap().push((name, Arc::downgrade(&rates)));
            Ok(SharedStores {
                rates,
                cache: Arc::new(MemoryRemote::new()),
                link: Arc::new(Link),
            })
        })
    }

    /// Each store's name, and whether somebody has it.
    fn stores(&self) -> Vec<(String, bool)> {
        let seen = self.0.lock().unwrap();
        seen.iter()
            .map(|(name, rates)| (name.clone(), rates.strong_count() > 0))
            .collect()
    }

    fn assert(&self, stores: &[(&str, bool)]) {
        let seen = self.stores();
        let seen: Vec<_> = seen.iter().map(|(name, used)| (&**name, *used)).collect();
        assert_eq!(seen, stores);
    }
}

/// Two calls in an hour, counted at `url` or in memory.
fn limited(url: Option<&str>) -> Plan {
    let mut limited = endpoint("up");
    let hour = Duration::from_hours(1);
    limited.limits = vec![
        Limit::new(Subject::Endpoint, Amount::Requests(2, hour)),
        Limit::new(Subject::Endpoint, Amount::Tokens(1_000_000, hour)),
    ];
    let mut kept = endpoint("kept");
    kept.cache = Some(Cache::default());
    let mut plan = plan(vec![limited, kept]);
    plan.stores.redis = url.map(|url| Secret::new(url.to_owned()));
    plan
}

fn engine(seen: &Seen, plan: &Plan) -> Engine {
    let up = ScriptedProvider::new("up", "m").always(Answer::pieces(&["a", "b"]));
    builder(&[("up", &up), ("kept", &up)])
        .with_stores(seen.open())
        .build(plan)
        .unwrap()
}

/// How many calls pass until one does not.
async fn passing(engine: &Engine) -> usize {
    for passed in 0..10 {
        if let Err(error) = engine.clone().oneshot(call("up", false)).await {
            assert_eq!(error.kind(), ErrorKind::RateLimited);
            return passed;
        }
    }
    10
}

#[tokio::test(start_paused = true)]
async fn a_store_ends_with_the_last_plan_and_the_last_call_that_counts_in_it() {
    let seen = Seen::default();
    let engine = engine(&seen, &limited(Some("one")));
    let stream = engine.clone().oneshot(call("up", true)).await.unwrap();
    engine.apply(&limited(Some("two"))).unwrap();
    seen.assert(&[("one", true), ("two", true)]);
    assert_eq!(passing(&engine).await, 2, "the new store counts for itself");
    drop(stream);
    seen.assert(&[("one", false), ("two", true)]);
    engine.apply(&limited(None)).unwrap();
    seen.assert(&[("one", false), ("two", false)]);
    assert!(engine.shared_store().is_none());
    assert_eq!(passing(&engine).await, 2, "so does memory");
    engine.apply(&limited(Some("one"))).unwrap();
    seen.assert(&[("one", false), ("two", false), ("one", true)]);
    engine.apply(&limited(None)).unwrap();
    assert_eq!(passing(&engine).await, 0, "memory has not forgotten");
}

#[tokio::test(start_paused = true)]
async fn a_plan_with_the_same_store_finds_it_again_and_one_that_is_refused_opens_none() {
    let seen = Seen::default();
    let engine = engine(&seen, &limited(Some("one")));
    assert_eq!(passing(&engine).await, 2);
    let mut refused = limited(Some("two"));
    refused.endpoints.push(endpoint("of no provider"));
    engine.apply(&refused).unwrap_err();
    seen.assert(&[("one", true)]);
    engine.apply(&limited(Some("one"))).unwrap();
    seen.assert(&[("one", true)]);
    assert_eq!(passing(&engine).await, 0);
}
