use std::sync::{Arc, Mutex};
use std::time::Duration;

use gateway_store::rate::{MemoryRates, RateStore};
use gateway_testkit::store::{self, MemoryRemote, RateBench};

struct Memory {
    rates: Arc<MemoryRates>,
    now: Mutex<Duration>,
}

impl RateBench for Memory {
    fn store(&self) -> Arc<dyn RateStore> {
        Arc::clone(&self.rates) as _
    }

    fn now(&self) -> Duration {
        *self.now.lock().unwrap()
    }

    async fn pass(&self, time: Duration) {
        *self.now.lock().unwrap() += time;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rates_in_memory_keep_every_rule() {
    let bench = Memory {
        rates: Arc::new(MemoryRates::new()),
        now: Mutex::new(Duration::from_secs(5)),
    };
    store::rates(&bench).await;
}

#[tokio::test]
async fn the_far_cache_of_tests_keeps_every_rule() {
    let remote = MemoryRemote::new();
    store::remote_cache(&remote.clone(), &remote).await;
}
