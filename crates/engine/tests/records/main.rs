//! What becomes of records over time: in lanes that are never quiet, in lists, and when two versions read them.

#![expect(clippy::unwrap_used, reason = "a test that cannot start has failed")]

mod lane;
mod list;
mod upgrade;
mod world;
