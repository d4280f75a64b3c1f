//! What the program says of itself: log lines for machines, and counters.

pub mod counters;
mod lines;
pub mod meter;

use tracing::level_filters::LevelFilter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

/// Writes one JSON object per line to standard error, from `level` on.
pub fn start_logs(level: LevelFilter) {
    let lines = lines::Lines::new(std::io::stderr, crate::wire::clock());
    // A second start, in a test, changes nothing.
    let _ = tracing_subscriber::registry()
        .with(level)
        .with(lines)
        .try_init();
}
