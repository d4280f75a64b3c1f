//! Stores, one technology each. A store is also its own queue where the records are at hand.

mod hints;
pub mod pack;
#[cfg(feature = "postgres")]
pub mod postgres;
pub mod sqlite;
