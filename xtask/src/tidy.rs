//! Rules about the repository that no compiler checks. Lists everything that is wrong, then fails.

mod crates;
mod licence;
mod links;
mod machine;
mod sources;

use std::fs;

use anyhow::{Context as _, Result, bail};

use crate::root;

/// Checks everything.
pub(crate) fn run() -> Result<()> {
    let root = root::folder()?;
    let files = root::files(&root)?;
    let mut problems = Vec::new();
    let metadata = crates::metadata(&root)?;
    let deny = fs::read_to_string(root.join("deny.toml")).context("cannot read deny.toml")?;
    let deny: toml::Table = toml::from_str(&deny).context("cannot read deny.toml")?;
    problems.extend(crates::directions(&metadata));
    problems.extend(crates::versions(&metadata, &root)?);
    problems.extend(crates::duplicates(&metadata, &deny));
    problems.extend(crates::bans(&metadata, &deny));
    problems.extend(licence::check(&metadata, &deny));
    problems.extend(sources::check(&root, &files));
    problems.extend(links::check(&root, &files));
    problems.extend(machine::check(&root, &files));
    for problem in &problems {
        println!("tidy: {problem}");
    }
    match problems.len() {
        0 => Ok(()),
        count => bail!("{count} things are not tidy"),
    }
}
