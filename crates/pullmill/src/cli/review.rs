//! `pullmill review`: reads a change, has it reviewed and prints the review.

use std::ffi::OsString;
use std::io::{self, Read};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use pullmill_adapters::git::{GitError, Head, Limits, Repository, Wanted};
use pullmill_adapters::patch::{self, PatchError};
use pullmill_core::change::Change;
use pullmill_core::policy;

use super::consult::{self, ModelArgs};
use super::failure::{Failure, Status};
use super::fix_docs;
use super::output::OutputArgs;
use super::{Common, folder_or_here, is_standard_input};
use crate::progress::Progress;
use crate::session::around::Around;
use crate::session::settings::{Ground, Settings};
use crate::session::{self, Reviewer, read_limits};

/// What to review.
#[derive(Debug, Args)]
pub struct ReviewArgs {
    /// Commits as git names them: `main..topic`, `main...topic`, or one commit.
    #[arg(value_name = "RANGE", conflicts_with_all = ["staged", "base", "patch"])]
    range: Option<String>,
    /// What is staged.
    #[arg(long, conflicts_with_all = ["base", "patch"])]
    staged: bool,
    /// What HEAD has since it left this branch or commit.
    #[arg(long, value_name = "REF", conflicts_with = "patch")]
    base: Option<String>,
    /// A patch; `-` is standard input.
    #[arg(long, value_name = "FILE")]
    patch: Option<OsString>,
    /// The repository; left out: the one around the present folder.
    #[arg(long, value_name = "PATH")]
    repo: Option<PathBuf>,
    /// Reports of other tools, as SARIF 2.1.0: what touches the change is merged in under the tool's name.
    #[arg(long, value_name = "FILE", num_args = 1..)]
    sarif_in: Vec<PathBuf>,
    /// Write the lines of documents that use old names as they should be, into the working tree.
    #[arg(long, conflicts_with = "patch")]
    fix_docs: bool,
    #[command(flatten)]
    models: ModelArgs,
    #[command(flatten)]
    output: OutputArgs,
}

/// A patch of more bytes is not read.
const MAX_PATCH: u64 = 256 << 20;

/// Reviews a change.
pub fn run(args: &ReviewArgs, common: &Common) -> Result<ExitCode, Failure> {
    let terminal = args.output.terminal();
    let progress = Progress::new(terminal.shows_progress);
    let models = args.models.open()?;
    // The children start while git reads.
    let analyzer = session::start(common.limits())?;
    let source = Source::open(args)?;
    let usual = read_limits(&policy::Limits::default());
    let change = source.change(&usual)?;
    let settings = Settings::read(source.ground(&change), &args.output.overrides())?;
    let wanted = read_limits(&settings.policy.limits);
    let reviewer = Reviewer::new(analyzer, settings)?;
    // The configuration is known only after the change's base is, so other limits mean another reading.
    let change = if wanted == usual {
        change
    } else {
        source.change(&wanted)?
    };
    let around = source.around(&change);
    let analyses = reviewer.look(&change, around, &args.sarif_in, &progress)?;
    let mut assessed = reviewer.assessed(change, analyses);
    if let Some(models) = &models {
        consult::consult(&mut assessed, models, &reviewer, terminal.shows_progress)?;
    }
    let review = assessed.review();
    if args.fix_docs {
        fix_docs::apply(source.around(&assessed.change), &review)?;
    }
    args.output.print(&review, &terminal)
}

/// Where the change comes from.
struct Source {
    repository: Option<Repository>,
    wanted: Wanted,
    patch: Option<Vec<u8>>,
}

impl Source {
    fn open(args: &ReviewArgs) -> Result<Self, Failure> {
        let patch = args.patch.as_ref().map(read_patch).transpose()?;
        let opened = Repository::open(&folder_or_here(args.repo.as_ref()));
        let repository = match opened {
            Ok(repository) => Some(repository),
            // A patch says enough alone, unless a repository was named for it.
            Err(_) if patch.is_some() && args.repo.is_none() => None,
            Err(error) => return Err(git_failure(&error)),
        };
        Ok(Self {
            repository,
            wanted: wanted(args),
            patch,
        })
    }

    fn change(&self, limits: &Limits) -> Result<Change, Failure> {
        match (&self.patch, &self.repository) {
            (Some(patch), repository) => patch::read(patch, repository.as_ref(), limits)
                .map_err(|error| patch_failure(&error)),
            (None, Some(repository)) => repository
                .change(&self.wanted, limits)
                .map_err(|error| git_failure(&error)),
            (None, None) => Err(Failure::new(Status::NoInput, "there is no repository")),
        }
    }

    /// What stands around the change; nobody knows around which files a patch was made.
    fn around<'a>(&'a self, change: &'a Change) -> Option<Around<'a>> {
        let repository = self.repository.as_ref().filter(|_| self.patch.is_none())?;
        let head = match (&change.head, &self.wanted) {
            (Some(commit), _) => Head::Commit(commit),
            (None, Wanted::Staged) => Head::Index,
            (None, _) => Head::Working,
        };
        Some(Around { repository, head })
    }

    /// Settings come from what was there before the change, never from the change (decision 21).
    fn ground<'a>(&'a self, change: &'a Change) -> Ground<'a> {
        match (&self.repository, &change.base) {
            (Some(repository), Some(base)) => Ground::Commit(repository, base),
            _ => Ground::Nowhere,
        }
    }
}

fn wanted(args: &ReviewArgs) -> Wanted {
    match (&args.range, &args.base) {
        (Some(range), _) => Wanted::Range(range.clone()),
        (None, Some(base)) => Wanted::Base(base.clone()),
        (None, None) if args.staged => Wanted::Staged,
        (None, None) => Wanted::Default,
    }
}

fn read_patch(argument: &OsString) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    let read = if is_standard_input(argument) {
        io::stdin()
            .lock()
            .take(MAX_PATCH + 1)
            .read_to_end(&mut bytes)
    } else {
        std::fs::File::open(argument)
            .and_then(|file| file.take(MAX_PATCH + 1).read_to_end(&mut bytes))
    };
    let name = argument.display();
    match read {
        Ok(_) if bytes.len() as u64 > MAX_PATCH => Err(Failure::new(
            Status::Data,
            format_args!("{name} has more than {MAX_PATCH} bytes"),
        )),
        Ok(_) => Ok(bytes),
        Err(error) => Err(Failure::new(
            Status::NoInput,
            format_args!("{name} cannot be read: {error}"),
        )),
    }
}

pub(super) fn git_failure(error: &GitError) -> Failure {
    let status = match error {
        GitError::NoGit(_) => Status::Unavailable,
        GitError::Revision { .. } => Status::Usage,
        _ => Status::NoInput,
    };
    Failure::new(status, error)
}

fn patch_failure(error: &PatchError) -> Failure {
    match error {
        PatchError::Git(error) => git_failure(error),
        other => Failure::new(Status::Data, other),
    }
}
