//! What becomes of records over time: in lists, and when two versions read them.

#![expect(clippy::unwrap_used, reason = "a test that cannot start has failed")]

mod list;
mod upgrade;
mod world;
