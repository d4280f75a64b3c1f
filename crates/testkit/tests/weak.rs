//! The weak store keeps the contracts when nothing goes wrong.

use std::sync::Arc;

use pullmill_testkit::clock::ManualClock;
use pullmill_testkit::weak::{NoFaults, WeakStore};
use pullmill_testkit::{BlobSubject, Subject};

fn weak() -> (Arc<WeakStore>, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::new());
    let store = WeakStore::new(clock.clone(), Arc::new(NoFaults));
    (Arc::new(store), clock)
}

async fn open() -> Subject {
    let (store, clock) = weak();
    Subject {
        store: store.clone(),
        queue: store,
        clock,
        forgets: false,
        keeps: Box::new(()),
    }
}

async fn open_blobs() -> BlobSubject {
    BlobSubject {
        blobs: weak().0,
        keeps: Box::new(()),
    }
}

pullmill_testkit::store_contract!(open);
pullmill_testkit::queue_contract!(open);
pullmill_testkit::blobs_contract!(open_blobs);
