//! `pullmill baseline`: records the present findings, so that reviews set them aside.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use pullmill_core::baseline::{self, Baseline};

use super::failure::{Failure, Status};
use super::output;
use super::replace::replace;
use super::{Common, folder_or_here};
use crate::progress::Progress;
use crate::session::settings::{self, Ground, Overrides, Settings};
use crate::session::tree::Tree;
use crate::session::{self, Reviewer};
use crate::terminal::{Color, Terminal};

/// What to record.
#[derive(Debug, Args)]
pub struct BaselineArgs {
    /// Files and folders, relative to the repository; left out: all of it. The file is written anew in any case.
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// The repository; left out: the present folder.
    #[arg(long, value_name = "PATH")]
    repo: Option<PathBuf>,
    /// Why these findings are set aside; findings that were recorded before keep their reason.
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
}

/// Records findings.
pub fn run(args: &BaselineArgs, common: &Common) -> Result<ExitCode, Failure> {
    let progress = Progress::new(Terminal::look(Color::Never).shows_progress);
    let root = folder_or_here(args.repo.as_ref());
    let analyzer = session::start(common.limits())?;
    let paths = if args.paths.is_empty() {
        vec![root.clone()]
    } else {
        args.paths.iter().map(|path| root.join(path)).collect()
    };
    let tree = Tree::walk_in(root.clone(), &paths)?;
    let everything = Overrides {
        ignores_baseline: true,
        ..Overrides::default()
    };
    let mut settings = Settings::read(Ground::Folder(&root), &everything)?;
    // All findings are recorded, not only as many as a review shows.
    settings.policy.review.max_findings = u32::MAX;
    let earlier = settings::read_baseline(Ground::Folder(&root))?;
    let review = Reviewer::new(analyzer, settings)?.scan(&tree, &progress)?;
    let recorded = Baseline::record(&review.findings, args.reason.as_deref(), &earlier);
    let text = recorded
        .to_json()
        .map_err(|error| Failure::new(Status::Internal, error))?;
    store(&root, &text)?;
    let noun = if recorded.len() == 1 {
        "finding"
    } else {
        "findings"
    };
    output::write(&format!(
        "{} {noun} recorded in {}\n",
        recorded.len(),
        root.join(baseline::FILE_NAME).display()
    ))?;
    Ok(ExitCode::SUCCESS)
}

/// Replaces the baseline as a whole. A folder that is a link may lead anywhere and is refused.
fn store(root: &Path, text: &str) -> Result<(), Failure> {
    let path = root.join(baseline::FILE_NAME);
    let folder = path.parent().unwrap_or(root);
    let failed = |error: std::io::Error| {
        Failure::new(
            Status::CannotCreate,
            format_args!("{} cannot be written: {error}", path.display()),
        )
    };
    if folder.is_symlink() {
        return Err(failed(std::io::Error::other(
            "its folder is a symbolic link",
        )));
    }
    std::fs::create_dir_all(folder).map_err(failed)?;
    replace(&path, text.as_bytes()).map_err(failed)
}
