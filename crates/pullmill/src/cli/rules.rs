//! `pullmill rules`: lists the rules, or explains one.

use std::process::ExitCode;

use clap::Args;

use super::failure::{Failure, Status};

/// Which rule.
#[derive(Debug, Args)]
pub struct RulesArgs {
    /// A rule's id; left out: all are listed.
    id: Option<String>,
}

/// Lists or explains.
pub fn run(args: &RulesArgs) -> Result<ExitCode, Failure> {
    Err(Failure::new(
        Status::Usage,
        format_args!(
            "there is no rule {}",
            args.id.as_deref().unwrap_or_default()
        ),
    ))
}
