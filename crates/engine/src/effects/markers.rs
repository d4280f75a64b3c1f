//! The key of our markers: made once, kept with the records, so that it goes where they go.

use pullmill_core::body;
use pullmill_core::keys;
use pullmill_core::marker::MarkerKey;
use pullmill_core::ports::batch::{Batch, Expect, Write};
use pullmill_core::ports::store::Draft;

use crate::attempt::Attempts;
use crate::{EngineError, Ports};

/// Reads the key, or makes it if there is none yet.
pub async fn marker_key(ports: &Ports) -> Result<MarkerKey, EngineError> {
    let key = keys::marker_key();
    let mut attempts = Attempts::new(ports);
    loop {
        let now = ports.clock.now();
        let found = ports.store.get(std::slice::from_ref(&key), now).await?;
        if let Some(record) = found.into_iter().flatten().next() {
            return Ok(MarkerKey::new(body::decode(&record.draft.body)?));
        }
        let mut bytes = [0; 32];
        for half in bytes.chunks_mut(16) {
            half.copy_from_slice(&ports.clock.random().to_be_bytes());
        }
        let mut batch = Batch::at(now);
        batch.push(Write::Put {
            draft: Draft::new(key.clone(), body::encode(&bytes)?),
            expect: Expect::Absent,
        })?;
        // Whoever was first made the key; it is read again in any case.
        attempts.commit(batch).await?;
    }
}
