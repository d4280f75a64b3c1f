//! Pull requests on a GitHub that fits into a test, reviewed by the real program over real HTTP.

#![expect(clippy::unwrap_used, reason = "a test that cannot start has failed")]

mod app;
mod commands;
mod described;
mod docs;
mod documents;
mod live;
mod local;
mod models;
mod outcomes;
#[path = "../serve/program.rs"]
#[expect(dead_code, reason = "the other tests use the rest")]
mod program;
mod properties;
mod reviews;
mod routes;
mod scene;
mod trust;
