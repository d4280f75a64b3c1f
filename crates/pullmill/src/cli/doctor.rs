//! `pullmill doctor`: looks at everything that is needed, and says what is wrong and what to do.

use std::process::{Command, ExitCode};
use std::sync::Arc;
use std::time::Instant;

use clap::Args;
use pullmill_adapters::clock::SystemClock;
use pullmill_adapters::store::sqlite::{OpenError, SqliteStore};
use pullmill_core::ports::analyzer::{Analyzer, Submission, SubmittedFile};
use pullmill_core::ports::store::Store as _;

use super::failure::Failure;
use super::output;
use super::store::{StoreArgs, block_on};
use crate::owner::Owner;
use crate::session::submitted::ChildReviews;

/// What to look at.
#[derive(Debug, Args)]
pub struct DoctorArgs {
    #[command(flatten)]
    store: StoreArgs,
}

/// What was seen of one thing.
enum Seen {
    Good(String),
    /// It works without it.
    Missing(String),
    Bad(String),
}

/// Looks.
pub fn run(args: &DoctorArgs) -> Result<ExitCode, Failure> {
    block_on(async {
        let seen = [
            ("git", git()),
            ("analysis", analysis().await),
            ("store", store(args).await),
        ];
        let mut is_good = true;
        for (name, seen) in seen {
            let (mark, text) = match seen {
                Seen::Good(text) => ("ok", text),
                Seen::Missing(text) => ("--", text),
                Seen::Bad(text) => {
                    is_good = false;
                    ("BAD", text)
                }
            };
            output::write(&format!("{mark:<4} {name:<10} {text}\n"))?;
        }
        Ok(if is_good {
            ExitCode::SUCCESS
        } else {
            ExitCode::from(1)
        })
    })
}

fn git() -> Seen {
    match Command::new("git").arg("--version").output() {
        Ok(output) if output.status.success() => {
            Seen::Good(String::from_utf8_lossy(&output.stdout).trim().to_owned())
        }
        Ok(output) => Seen::Bad(format!("`git --version` ended with {}", output.status)),
        Err(error) => Seen::Bad(format!(
            "`git` cannot be run ({error}); reviews of repositories need it"
        )),
    }
}

/// Has code reviewed that holds something to find.
async fn analysis() -> Seen {
    let file = SubmittedFile {
        path: "a.py".to_owned(),
        base: None,
        content: "import hashlib\n\n\ndef f(d):\n    return hashlib.md5(d).hexdigest()\n"
            .to_owned(),
    };
    let submission = Submission {
        label: "doctor".to_owned(),
        files: vec![file],
    };
    let begun = Instant::now();
    match ChildReviews::new(1).review(submission).await {
        Ok(review) if review.findings.is_empty() => Seen::Bad(format!(
            "the analysis found nothing where there is something: {:?}",
            review.coverage
        )),
        Ok(_) => Seen::Good(format!("a review takes {} ms", begun.elapsed().as_millis())),
        Err(error) => Seen::Bad(error.to_string()),
    }
}

async fn store(args: &DoctorArgs) -> Seen {
    let address = &args.store.store;
    if !address.file().exists() {
        return Seen::Missing(format!(
            "{address} is not there yet; `pullmill serve` makes it"
        ));
    }
    match SqliteStore::open(address.file(), Arc::new(SystemClock)) {
        Ok(store) => examine(&store).await,
        Err(OpenError::InUse { .. }) => match Owner::find(address, 1).await {
            Ok(Owner::Server(_)) => Seen::Good(format!(
                "a server has {address}; `/ready` and `/metrics` say how it is"
            )),
            _ => Seen::Bad(format!(
                "{address} is in use by a process that does not answer"
            )),
        },
        Err(error) => Seen::Bad(error.to_string()),
    }
}

async fn examine(store: &SqliteStore) -> Seen {
    match store.examine().await {
        Ok(problems) if problems.is_empty() => {}
        Ok(problems) => return Seen::Bad(format!("the file is damaged: {}", problems.join("; "))),
        Err(error) => return Seen::Bad(format!("the file cannot be read: {error}")),
    }
    let begun = Instant::now();
    match store.check().await {
        Ok(()) => {
            let millis = begun.elapsed().as_secs_f64() * 1000.0;
            Seen::Good(format!(
                "{} is whole; a durable write takes {millis:.1} ms",
                store.path().display()
            ))
        }
        Err(error) => Seen::Bad(format!("the file takes no writes: {error}")),
    }
}
