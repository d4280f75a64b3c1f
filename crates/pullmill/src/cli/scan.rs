//! `pullmill scan`: reviews files and folders as they are.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::Common;
use super::failure::Failure;
use super::output::OutputArgs;
use crate::progress::Progress;
use crate::session::settings::{Ground, Settings};
use crate::session::tree::Tree;
use crate::session::{self, Reviewer};

/// What to scan.
#[derive(Debug, Args)]
pub struct ScanArgs {
    /// Files and folders. One folder is read with its own configuration, several paths with the present folder's.
    #[arg(value_name = "PATH", required = true)]
    paths: Vec<PathBuf>,
    #[command(flatten)]
    output: OutputArgs,
}

/// Scans files and folders.
pub fn run(args: &ScanArgs, common: &Common) -> Result<ExitCode, Failure> {
    let terminal = args.output.terminal();
    let progress = Progress::new(terminal.shows_progress);
    let analyzer = session::start(common.limits())?;
    let tree = Tree::walk(&args.paths)?;
    let settings = Settings::read(Ground::Folder(&tree.root), &args.output.overrides())?;
    let review = Reviewer::new(analyzer, settings)?.scan(&tree, &progress)?;
    args.output.print(&review, &terminal)
}
