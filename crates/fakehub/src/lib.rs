//! A GitHub that fits into a test: keeps what it is told, sends signed webhooks, and fails in the ways the real one does.
//!
//! It answers over HTTP on a loopback port. Who holds it also plays the people: makes repositories, opens pull
//! requests, pushes, and reads what was posted.

mod app;
mod diff;
mod fault;
mod git;
mod graphql;
mod hub;
mod rest;
mod serve;
mod state;
mod webhook;

pub use app::{APP, APP_KEY, INSTALLATION, SLUG};
pub use fault::{Fault, Trouble, Write};
pub use hub::{Hub, Opened, Posted};
pub use state::{Asked, CheckRun, Comment, Delivery, Reaction, Review, ReviewComment};
