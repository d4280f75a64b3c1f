//! The contract of the blob port, one scenario per function.

use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;
use pullmill_core::id::TenantId;
use pullmill_core::ports::blob::{BlobClass, BlobError, BlobRef};
use pullmill_core::time::Timestamp;

use crate::BlobSubject;
use crate::chance::Chance;

/// Runs every scenario on what `$open` gives.
#[macro_export]
macro_rules! blobs_contract {
    ($open:path) => {
        $crate::__contract!(
            blobs,
            $open,
            [
                what_is_put_comes_back,
                the_same_content_has_one_name,
                tenants_and_classes_do_not_mix,
                no_more_is_read_than_asked_for,
                a_sweep_takes_old_blobs_of_its_class,
            ]
        );
    };
}

fn tenant(name: &str) -> TenantId {
    match TenantId::parse(name) {
        Ok(tenant) => tenant,
        Err(error) => panic!("{error}"),
    }
}

async fn put(subject: &BlobSubject, owner: &str, class: BlobClass, body: &[u8]) -> BlobRef {
    let body = Bytes::copy_from_slice(body);
    match subject.blobs.put(&tenant(owner), class, body).await {
        Ok(blob) => blob,
        Err(error) => panic!("{error}: {error:?}"),
    }
}

/// Nothing, little, much that packs well, and much that does not.
pub async fn what_is_put_comes_back(subject: &BlobSubject) {
    let mut chance = Chance::new(3);
    let random: Vec<u8> = (0..300_000)
        .map(|_| chance.draw().to_be_bytes()[0])
        .collect();
    let plain = vec![b'x'; 3 << 20];
    for body in [&b""[..], b"x", &random, &plain] {
        let blob = put(subject, "octo", BlobClass::Payload, body).await;
        assert_eq!(blob, BlobRef::of(&tenant("octo"), BlobClass::Payload, body));
        let read = subject.blobs.get(&blob, u64::MAX).await;
        assert!(
            read.is_ok_and(|read| read == body),
            "{} bytes changed",
            body.len()
        );
    }
}

/// Putting again, also at the same time, changes nothing.
pub async fn the_same_content_has_one_name(subject: &BlobSubject) {
    let puts = (0..8).map(|_| put(subject, "octo", BlobClass::Result, b"the same"));
    let blobs = join_all(puts).await;
    assert!(blobs.iter().all(|blob| *blob == blobs[0]));
    assert!(subject.blobs.get(&blobs[0], 8).await.is_ok());
}

/// A name holds for its tenant and class only, whatever the tenant is called.
pub async fn tenants_and_classes_do_not_mix(subject: &BlobSubject) {
    let blob = put(subject, "..", BlobClass::Payload, b"secret").await;
    assert!(subject.blobs.get(&blob, 9).await.is_ok());
    for (owner, class) in [("octo", BlobClass::Payload), ("..", BlobClass::Result)] {
        let other = BlobRef {
            tenant: tenant(owner),
            class,
            ..blob.clone()
        };
        let read = subject.blobs.get(&other, 9).await;
        assert!(matches!(read, Err(BlobError::Missing)), "{read:?}");
    }
}

/// A limit holds for the content, however small its packed form is.
pub async fn no_more_is_read_than_asked_for(subject: &BlobSubject) {
    let blob = put(subject, "octo", BlobClass::Payload, &vec![0; 1 << 20]).await;
    let read = subject.blobs.get(&blob, (1 << 20) - 1).await;
    assert!(matches!(read, Err(BlobError::TooLarge(_))), "{read:?}");
    assert!(subject.blobs.get(&blob, 1 << 20).await.is_ok());
}

/// By the time they were last put.
pub async fn a_sweep_takes_old_blobs_of_its_class(subject: &BlobSubject) {
    let payload = put(subject, "octo", BlobClass::Payload, b"old").await;
    let result = put(subject, "octo", BlobClass::Result, b"old").await;
    let future = Timestamp::from_millis(99_000_000_000_000);
    let past = Timestamp::from_millis(0) + Duration::from_secs(1);
    let swept = subject.blobs.sweep(BlobClass::Payload, past, 9).await;
    assert!(swept.is_ok_and(|swept| swept.removed == 0));
    let swept = subject.blobs.sweep(BlobClass::Payload, future, 9).await;
    assert!(swept.is_ok_and(|swept| swept.removed == 1 && !swept.has_more));
    let read = subject.blobs.get(&payload, 9).await;
    assert!(matches!(read, Err(BlobError::Missing)));
    assert!(subject.blobs.get(&result, 9).await.is_ok());
}
