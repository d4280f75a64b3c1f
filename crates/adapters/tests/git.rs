//! Changes read from real git repositories, honest and hostile.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot set its scene has failed"
)]

#[path = "git/hostile.rs"]
mod hostile;
#[path = "git/patches.rs"]
mod patches;
#[path = "git/ranges.rs"]
mod ranges;
#[path = "git/sandbox.rs"]
mod sandbox;
#[path = "git/working.rs"]
mod working;
