//! `pullmill pulls`: what stands on the pull requests of a local forge.

use std::fmt::Write as _;
use std::io::Write as _;
use std::process::ExitCode;

use clap::{Args, Subcommand};

use super::failure::{Failure, Status};
use super::store::StoreArgs;
use crate::wire::{self, Request};

/// What to show.
#[derive(Debug, Subcommand)]
pub enum PullsCommand {
    /// The branches that are pull requests, and their checks.
    List(ListArgs),
    /// What was posted on one of them.
    Show(ShowArgs),
}

/// Of which store.
#[derive(Debug, Args)]
pub struct ListArgs {
    #[command(flatten)]
    store: StoreArgs,
}

/// Which one.
#[derive(Debug, Args)]
pub struct ShowArgs {
    #[command(flatten)]
    store: StoreArgs,
    /// Its number, or its branch.
    pull: String,
}

/// Shows what was posted.
pub fn run(command: &PullsCommand) -> Result<ExitCode, Failure> {
    let text = match command {
        PullsCommand::List(args) => list(&posted(&args.store)?),
        PullsCommand::Show(args) => {
            let all = posted(&args.store)?;
            let is_it = |(number, request): &&(u64, Request)| {
                number.to_string() == args.pull || request.branch == args.pull
            };
            let found = all.iter().find(is_it).ok_or_else(|| {
                let message = format!("there is no pull request {}", args.pull);
                Failure::new(Status::NoInput, message)
            })?;
            show(found)
        }
    };
    let _ = anstream::stdout().write_all(text.as_bytes());
    Ok(ExitCode::SUCCESS)
}

fn posted(store: &StoreArgs) -> Result<Vec<(u64, Request)>, Failure> {
    wire::posted(&store.place()?)
}

fn list(all: &[(u64, Request)]) -> String {
    let mut out = String::new();
    for (number, request) in all {
        let state = if request.is_open { "open" } else { "closed" };
        let head = request.head.get(..7).unwrap_or(&request.head);
        let checks = request.notes.iter().filter(|note| note.kind == "check");
        let check = checks.rev().find(|note| note.head == request.head);
        let check = check.map_or("no check yet", |note| note.body.as_str());
        let _ = writeln!(
            out,
            "{number:>4}  {state:<6}  {head}  {}  {check}",
            request.branch
        );
    }
    if out.is_empty() {
        out.push_str("There is no pull request: no branch differs from the default branch.\n");
    }
    out
}

fn show((number, request): &(u64, Request)) -> String {
    let state = if request.is_open { "open" } else { "closed" };
    let mut out = format!(
        "# {number} {}, {state}, at {}\n",
        request.branch, request.head
    );
    for note in &request.notes {
        let what = match (&note.place, note.is_resolved) {
            (Some(place), true) => format!("at {place}, settled"),
            (Some(place), false) => format!("at {place}"),
            (None, _) => format!(
                "{} of {}",
                note.kind,
                note.head.get(..7).unwrap_or_default()
            ),
        };
        let lines = note
            .body
            .lines()
            .filter(|line| !line.starts_with("<!-- pullmill:"));
        let body: Vec<&str> = lines.collect();
        let _ = write!(out, "\n>>> {what}\n\n{}\n", body.join("\n").trim_end());
    }
    out
}
