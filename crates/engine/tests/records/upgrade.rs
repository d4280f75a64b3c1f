//! Two versions side by side: what a newer one wrote is left to it, what nobody can read is a dead letter, and neither holds up the rest.

use std::time::Duration;

use pullmill_core::id::TenantId;
use pullmill_core::ports::store::Second;
use pullmill_engine::worker::{Handled, Settled};

use crate::world::World;

#[tokio::test]
async fn what_a_newer_version_wrote_is_left_to_it() {
    let world = World::new();
    let newer = world.start().await;
    world
        .rewrite(&newer, |text| text.replacen("\"v\":1", "\"v\":2", 1))
        .await;
    let body = world.read(&newer).await.draft.body;
    world.start().await;
    let handled = world.work().await;
    assert!(
        handled.contains(&Handled::Settled(Settled::Again)),
        "{handled:?}"
    );
    assert!(
        handled.contains(&Handled::Settled(Settled::Done)),
        "{handled:?}"
    );
    let record = world.read(&newer).await;
    assert_eq!(record.draft.body, body, "it was written over");
    assert!(matches!(record.draft.second, Second::Due(_)));
    // Left alone for a minute, not spun around.
    assert_eq!(world.work().await, []);
    // Its turn comes when a newer worker, or here one that can read it, is there.
    world
        .rewrite(&newer, |text| text.replacen("\"v\":2", "\"v\":1", 1))
        .await;
    world.clock.pass(Duration::from_secs(61));
    assert_eq!(world.work().await, [Handled::Settled(Settled::Done)]);
}

#[tokio::test]
async fn what_nobody_can_read_is_a_dead_letter_and_blocks_nobody() {
    let world = World::new();
    let broken = world.start().await;
    let good = world.read(&broken).await.draft.body;
    world
        .rewrite(&broken, |text| text[..text.len() / 2].to_owned())
        .await;
    world.start().await;
    let handled = world.work().await;
    assert!(
        handled.contains(&Handled::Settled(Settled::Dead)),
        "{handled:?}"
    );
    assert!(
        handled.contains(&Handled::Settled(Settled::Done)),
        "{handled:?}"
    );
    let letters = world
        .engine
        .dead_letters(&TenantId::local(), 9)
        .await
        .unwrap();
    assert_eq!(letters.len(), 1);
    assert!(letters[0].task.is_none());
    // Somebody mends it and puts it back.
    world
        .rewrite(&broken, |_| String::from_utf8(good.to_vec()).unwrap())
        .await;
    let letter = world.engine.dead_letter(&broken).await.unwrap();
    let letter = pullmill_engine::operate::DeadLetter {
        task: None,
        ..letter
    };
    world.engine.put_back(&letter, "somebody").await.unwrap();
    assert_eq!(world.work().await, [Handled::Settled(Settled::Done)]);
    assert!(
        world
            .engine
            .dead_letters(&TenantId::local(), 9)
            .await
            .unwrap()
            .is_empty()
    );
}

#[tokio::test]
async fn a_step_of_an_agent_nobody_has_here_is_left_to_others() {
    let world = World::new();
    let task = world.start().await;
    world
        .rewrite(&task, |text| text.replace("obliging", "newcomer"))
        .await;
    assert_eq!(world.work().await, [Handled::Settled(Settled::Again)]);
    let record = world.read(&task).await;
    assert!(matches!(record.draft.second, Second::Due(_)));
}
