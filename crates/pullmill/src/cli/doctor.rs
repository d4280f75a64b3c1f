//! `pullmill doctor`: looks at everything that is needed, and says what is wrong and what to do.

use std::process::{Command, ExitCode};
use std::time::Instant;

use clap::Args;
use pullmill_core::ports::analyzer::{Analyzer, Submission, SubmittedFile};

use super::failure::Failure;
use super::forge::ForgeArgs;
use super::output;
use super::store::{StoreArgs, block_on};
use crate::owner::Owner;
use crate::session::submitted::ChildReviews;
use crate::wire;

/// What to look at.
#[derive(Debug, Args)]
pub struct DoctorArgs {
    #[command(flatten)]
    store: StoreArgs,
    #[command(flatten)]
    forge: ForgeArgs,
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
            ("forge", forge(args).await),
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
    // Children get no secrets of ours.
    let mut git = Command::new("git");
    git.arg("--version").env_clear();
    git.envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
    match git.output() {
        Ok(output) if output.status.success() => {
            Seen::Good(String::from_utf8_lossy(&output.stdout).trim().to_owned())
        }
        Ok(output) => Seen::Bad(format!("`git --version` ended with {}", output.status)),
        Err(error) => Seen::Bad(format!(
            "`git` cannot be run ({error}); reviews of repositories need it"
        )),
    }
}

/// Asks the forge who we are.
async fn forge(args: &DoctorArgs) -> Seen {
    let address = match args.forge.address() {
        Ok(Some(address)) => address,
        Ok(None) => {
            return Seen::Missing("none is named, so pull requests are not reviewed".to_owned());
        }
        Err(failure) => return Seen::Bad(failure.to_string()),
    };
    match wire::introduce(address).await {
        Ok(said) => Seen::Good(said),
        Err(failure) => Seen::Bad(failure.to_string()),
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
    let assessed = ChildReviews::new(1).review(submission).await;
    match assessed.map(|assessed| assessed.review()) {
        Ok(review) if review.findings.is_empty() => Seen::Bad(format!(
            "the analysis found nothing where there is something: {:?}",
            review.coverage
        )),
        Ok(_) => Seen::Good(format!("a review takes {} ms", begun.elapsed().as_millis())),
        Err(error) => Seen::Bad(error.to_string()),
    }
}

async fn store(args: &DoctorArgs) -> Seen {
    let place = match args.store.place() {
        Ok(place) => place,
        Err(failure) => return Seen::Bad(failure.to_string()),
    };
    let Some(file) = place.file() else {
        return match wire::look_at(&place).await {
            Ok((what, write)) => {
                let millis = write.as_secs_f64() * 1000.0;
                Seen::Good(format!("{what}; a durable write takes {millis:.1} ms"))
            }
            Err(failure) => Seen::Bad(failure.to_string()),
        };
    };
    if !file.exists() {
        return Seen::Missing(format!(
            "{place} is not there yet; `pullmill serve` makes it"
        ));
    }
    if Owner::is_served(&place).await {
        return Seen::Good(format!(
            "a server has {place}; `/ready` and `/metrics` say how it is"
        ));
    }
    match wire::examine(file).await {
        Ok((problems, write)) if problems.is_empty() => {
            let millis = write.as_secs_f64() * 1000.0;
            Seen::Good(format!(
                "{place} is whole; a durable write takes {millis:.1} ms"
            ))
        }
        Ok((problems, _)) => Seen::Bad(format!("the file is damaged: {}", problems.join("; "))),
        Err(failure) => Seen::Bad(failure.to_string()),
    }
}
