//! Stores, one technology each. A store is also its own queue where the records are at hand.

#[cfg(feature = "aws")]
pub mod dynamodb;
mod hints;
pub mod pack;
#[cfg(feature = "postgres")]
pub mod postgres;
mod sql;
pub mod sqlite;
