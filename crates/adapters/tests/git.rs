//! Changes read from real git repositories, honest and hostile.

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
