//! `pullmill review --fix-docs`: writes the lines of documents that use old names as they should be.

use std::collections::BTreeSet;
use std::path::Path;

use pullmill_adapters::git::Head;
use pullmill_core::change::RepoPath;
use pullmill_core::docs::{self, finding};
use pullmill_core::review::Review;

use super::failure::{Failure, Status};
use super::replace::replace;
use super::review::git_failure;
use crate::session::around::Around;
use crate::session::content::{self, Content};

/// A larger document is left alone, as the review has left it.
const MAX_BYTES: u64 = 512 << 10;

/// Mends the working files that the review's open findings name, and says which.
pub fn apply(around: Option<Around<'_>>, review: &Review) -> Result<(), Failure> {
    let usage = |message: &str| Failure::new(Status::Usage, message);
    let around = around.ok_or_else(|| usage("--fix-docs needs a repository"))?;
    let root = around.repository.root();
    let root = root.ok_or_else(|| usage("--fix-docs needs a working tree"))?;
    if let Head::Commit(commit) = around.head {
        let checked_out = around
            .repository
            .head()
            .map_err(|error| git_failure(&error))?;
        if checked_out.as_deref() != Some(commit) {
            let message = "--fix-docs writes into the working tree, so the change must end at what is checked out";
            return Err(usage(message));
        }
    }
    let drifted = review
        .findings
        .iter()
        .filter(|one| one.rule == finding::RENAMED.id);
    let paths: BTreeSet<&RepoPath> = drifted.map(|one| &one.location.path).collect();
    for path in paths {
        let place = root.join(path.as_str());
        // A folder on the way that became a link may lead anywhere.
        let is_inside = place
            .canonicalize()
            .is_ok_and(|real| real.starts_with(root));
        let count = if is_inside {
            mend(&place, path, review)?
        } else {
            0
        };
        let noun = if count == 1 { "line" } else { "lines" };
        eprintln!("{path}: {count} {noun} mended");
    }
    Ok(())
}

/// Mends one document as it is now, whole or not at all.
fn mend(place: &Path, path: &RepoPath, review: &Review) -> Result<usize, Failure> {
    let Ok(Content::Text(bytes)) = content::read(place, MAX_BYTES, u64::MAX) else {
        return Ok(0);
    };
    let Ok(text) = String::from_utf8(bytes) else {
        return Ok(0);
    };
    let edits = docs::drift(&review.renamed, path, &text);
    if edits.is_empty() {
        return Ok(0);
    }
    replace(place, docs::apply(&text, &edits).as_bytes()).map_err(|error| {
        Failure::new(
            Status::CannotCreate,
            format_args!("{path} cannot be written: {error}"),
        )
    })?;
    Ok(edits.len())
}
