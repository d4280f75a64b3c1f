//! Stores, one technology each. A store is also its own queue where the records are at hand.

pub mod pack;
pub mod sqlite;
