//! Watches a local forge: what moves in its repository comes in as deliveries do, durable before it is remembered as told.

use std::sync::Arc;
use std::time::Duration;

use pullmill_adapters::forge::local::{LocalForge, Moved};
use pullmill_core::id::DeliveryId;
use pullmill_core::ports::clock;
use pullmill_core::time::Timestamp;
use pullmill_engine::Engine;
use pullmill_engine::ingress::{Answer, Delivery};
use serde_json::json;
use tokio_util::sync::CancellationToken;

/// How often is looked.
const EVERY: Duration = Duration::from_secs(1);

/// A local forge that is watched.
#[derive(Clone)]
pub struct Watched(pub(super) Arc<LocalForge>);

impl Watched {
    /// Watches until the server ends.
    pub async fn watch(self, engine: Engine, ends: CancellationToken) {
        loop {
            if let Err(error) = self.look(&engine).await {
                tracing::warn!(
                    event = "local.failed",
                    "The repository cannot be looked at: {error}"
                );
            }
            tokio::select! {
                biased;
                () = ends.cancelled() => return,
                () = clock::sleep(&*engine.ports.clock, EVERY) => {}
            }
        }
    }

    async fn look(&self, engine: &Engine) -> Result<(), String> {
        let forge = Arc::clone(&self.0);
        let moved = tokio::task::spawn_blocking(move || forge.look());
        let moved = moved.await.map_err(|error| error.to_string())?;
        for moved in moved.map_err(|error| error.to_string())? {
            let delivery = self.delivery(&moved)?;
            match engine.accept(delivery).await {
                // A repeat was made durable before, and not remembered.
                Ok(Answer::Accepted | Answer::Duplicate | Answer::Ignored(_)) => {
                    self.0.seen(&moved).map_err(|error| error.to_string())?;
                }
                Ok(answer) => return Err(format!("{moved:?} was answered with {answer:?}")),
                Err(error) => return Err(error.to_string()),
            }
        }
        Ok(())
    }

    /// The event as GitHub would tell it. Its time is its turn, so that telling it twice is telling it once.
    fn delivery(&self, moved: &Moved) -> Result<Delivery, String> {
        let turn = i64::try_from(moved.turn).unwrap_or(i64::MAX);
        let updated_at = Timestamp::from_millis(turn.saturating_mul(1000));
        let pull = &moved.pull;
        let body = json!({
            "action": moved.action, "number": pull.number,
            "pull_request": {
                "number": pull.number, "updated_at": updated_at, "head": {"sha": moved.head},
            },
            "repository": {
                "id": pull.repo.id, "full_name": pull.repo.name, "owner": {"login": "local"},
            },
            "installation": {"id": pull.repo.installation}, "sender": {"id": 1},
        });
        let id = format!("local-{}-{}", pull.number, moved.turn);
        Ok(Delivery {
            id: DeliveryId::parse(&id).map_err(|error| error.to_string())?,
            event: "pull_request".to_owned(),
            body: body.to_string().into(),
        })
    }
}
