//! `pullmill submit`: has files reviewed as an execution that is stored.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use hyper::Method;
use serde_json::{Value, json};

use super::executions::print_event;
use super::failure::{Failure, Status};
use super::output;
use super::store::{StoreArgs, block_on};
use crate::owner::Owner;
use crate::session::content::{self, Content};

/// What to submit.
#[derive(Debug, Args)]
pub struct SubmitArgs {
    #[command(flatten)]
    store: StoreArgs,
    /// The files.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Return at once and let the server that has the store do the work.
    #[arg(long)]
    detach: bool,
    /// Print the review as JSON.
    #[arg(long)]
    json: bool,
}

/// Most bytes of one file.
const MOST: u64 = 2 << 20;

/// Submits and follows.
pub fn run(args: &SubmitArgs) -> Result<ExitCode, Failure> {
    let files = args
        .files
        .iter()
        .map(|path| file(path))
        .collect::<Result<Vec<_>, _>>()?;
    block_on(submit(args, json!({"files": files})))
}

fn file(path: &Path) -> Result<Value, Failure> {
    let name = path.display();
    let wrong = |reason: &str| Failure::new(Status::Data, format_args!("{name} {reason}"));
    let content = content::read(path, MOST, u64::MAX).map_err(|error| {
        Failure::new(
            Status::NoInput,
            format_args!("{name} cannot be read: {error}"),
        )
    })?;
    let bytes = match content {
        Content::Text(bytes) => bytes,
        Content::TooLarge(why) => return Err(wrong(&format!("has {why}"))),
        Content::Binary | Content::NotAFile => return Err(wrong("is no text file")),
    };
    let text = String::from_utf8(bytes).map_err(|_| wrong("is not UTF-8"))?;
    let parts = path.components().filter_map(|part| match part {
        std::path::Component::Normal(part) => part.to_str(),
        _ => None,
    });
    let relative = parts.collect::<Vec<_>>().join("/");
    Ok(json!({"path": relative, "content": text}))
}

async fn submit(args: &SubmitArgs, body: Value) -> Result<ExitCode, Failure> {
    let place = args.store.place()?;
    let owner = Owner::find(&place, 1).await?;
    if args.detach && owner.works() {
        let message = format!("no server has {place}, so nobody would do the work");
        return Err(Failure::new(Status::Unavailable, message));
    }
    let started = owner.ask(Method::POST, "/api/review", Some(body)).await?;
    let id = started["reviewId"].as_str().unwrap_or_default().to_owned();
    if args.detach {
        output::write(&format!("{id}\n"))?;
        return Ok(ExitCode::SUCCESS);
    }
    let path = format!("/api/executions/{id}/events");
    owner
        .work_until_over(&path, |event| {
            if !args.json {
                // Whoever closed the pipe will be noticed at the end.
                let _ = output::write(&print_event(event));
            }
        })
        .await?;
    let answer = owner
        .ask(Method::GET, &format!("/api/review/{id}"), None)
        .await?;
    let review = &answer["review"];
    if args.json {
        output::write(&format!("{review:#}\n"))?;
    }
    Ok(status(review))
}

/// The exit status of the verdict, as `pullmill review` has it.
fn status(review: &Value) -> ExitCode {
    match review["verdict"]["outlook"].as_str() {
        Some("pass") => ExitCode::SUCCESS,
        Some("fail") => ExitCode::from(1),
        _ => ExitCode::from(2),
    }
}
