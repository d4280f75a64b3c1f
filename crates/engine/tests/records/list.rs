//! Lists of executions go on from month to month.

use std::time::Duration;

use pullmill_core::id::TenantId;
use pullmill_core::ports::clock::Clock as _;
use pullmill_core::ports::store::Page;
use pullmill_core::time::Timestamp;
use pullmill_engine::view::Wanted;

use crate::world::World;

const DAY: Duration = Duration::from_secs(86_400);

async fn list(
    world: &World,
    page: Page,
    month: Option<Timestamp>,
) -> (Vec<Timestamp>, Option<String>) {
    let wanted = Wanted {
        status: None,
        page,
        month,
    };
    let listed = world.engine.executions(&TenantId::local(), &wanted).await;
    let (executions, next) = listed.unwrap();
    let times = executions.iter().map(|execution| execution.created_at);
    (times.collect(), next)
}

#[tokio::test]
async fn the_newest_come_first_whatever_month_they_are_of() {
    let world = World::new();
    let mut times = Vec::new();
    for days in [0, 1, 40, 0, 40] {
        world.clock.pass(DAY * days + Duration::from_secs(1));
        world.start().await;
        times.push(world.clock.now());
    }
    times.reverse();
    let (all, next) = list(&world, Page::last(9), None).await;
    assert_eq!((all, next), (times.clone(), None));
    // In pages, however they are cut.
    for limit in 1..5 {
        let (mut read, mut cursor) = (Vec::new(), None);
        loop {
            let (part, next) = list(&world, Page::last(limit).after(cursor), None).await;
            assert!(part.len() <= limit);
            read.extend(part);
            cursor = next;
            if cursor.is_none() {
                break;
            }
        }
        assert_eq!(read, times, "in pages of {limit}");
    }
    // One month alone.
    let (middle, _) = list(&world, Page::last(9), Some(times[1])).await;
    assert_eq!(middle, times[1..3]);
}
