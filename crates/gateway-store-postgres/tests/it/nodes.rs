use std::sync::Arc;
use std::time::{Duration, Instant};

use gateway_store::definitions::{DefinitionStore, Revision};

use crate::bad_days::commit;
use crate::server::{given, open, schema};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_node_knows_a_revision_within_a_second() {
    let Some((url, _server)) = given() else {
        return;
    };
    let schema = schema();
    let writer = open(&url, &schema).await;
    let mut nodes = Vec::new();
    for _ in 0..3 {
        nodes.push(Arc::new(open(&url, &schema).await));
    }
    let mut waits = Vec::new();
    for n in 0..20 {
        let waiting: Vec<_> = nodes
            .iter()
            .map(|node| {
                let node = Arc::clone(node);
                tokio::spawn(async move {
                    let mut known = Revision(n);
                    while known == Revision(n) {
                        known = node.changed(known).await.unwrap();
                    }
                    (Instant::now(), node.load(Some(Revision(n))).await.unwrap())
                })
            })
            .collect();
        writer.commit(commit(n, &format!("k{n}"))).await.unwrap();
        let committed = Instant::now();
        for task in waiting {
            let (seen, loaded) = task.await.unwrap();
            assert_eq!(
                (loaded.revision, loaded.entities.len()),
                (Revision(n + 1), 1)
            );
            waits.push(seen.saturating_duration_since(committed));
        }
    }
    waits.sort();
    let (median, worst) = (waits[waits.len() / 2], waits[waits.len() - 1]);
    println!("median {median:?}, worst {worst:?}");
    assert!(
        median < Duration::from_millis(200) && worst < Duration::from_secs(1),
        "{waits:?}"
    );
}
