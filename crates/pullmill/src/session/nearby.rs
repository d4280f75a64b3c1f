//! Compares a change with what stands around it: documents, copies, tests, lock files and callers.

use std::collections::BTreeMap;

use pullmill_adapters::git::GitError;
use pullmill_core::assemble::{self, Analyses};
use pullmill_core::callers::Wanted;
use pullmill_core::change::{Change, RepoPath};
use pullmill_core::docs::{self, Renamed};
use pullmill_core::duplicates::Added;
use pullmill_core::finding::Finding;
use pullmill_core::review::Callers;
use pullmill_core::untested::Touched;
use pullmill_core::{lockfiles, untested};

use super::around::{Surroundings, Texts};
use super::documents;

/// Largest lock file that is read, in bytes.
const MAX_LOCK: u64 = 8 << 20;

/// What the comparison gives.
#[derive(Debug, Default)]
pub struct Compared {
    /// What was found.
    pub found: Vec<Finding>,
    /// What certainly has another name, now that everything was looked at.
    pub renamed: Vec<Renamed>,
    /// Who uses what changed.
    pub callers: Vec<Callers>,
}

/// Code that a change repeats, with the code that was read to find it.
pub struct Copies {
    sources: Texts,
    found: Vec<Finding>,
}

/// Compares a change's code with all other code, if there is enough of it to be a copy. Needs no analysis.
pub fn copies(
    surroundings: &mut Surroundings<'_>,
    change: &Change,
) -> Result<Option<Copies>, GitError> {
    let Some(added) = Added::of(change) else {
        return Ok(None);
    };
    let sources = surroundings.read(docs::is_source)?;
    let found = added.compare(readable(&sources));
    Ok(Some(Copies { sources, found }))
}

/// Reads as much of what stands around a change as it gives reason for.
pub fn compare(
    surroundings: &mut Surroundings<'_>,
    change: &Change,
    analyses: &Analyses,
    copies: Option<Copies>,
) -> Result<Compared, GitError> {
    let mut compared = documents::compare(surroundings, change, analyses)?;
    let wanted = Wanted::of(analyses);
    // All code is read for copies, or where something may break; who uses the rest is told by the way.
    let sources = match copies {
        Some(copies) => {
            compared.found.extend(copies.found);
            Some(copies.sources)
        }
        None if wanted.is_pressing() => Some(surroundings.read(docs::is_source)?),
        None => None,
    };
    if let Some(sources) = sources {
        compared.callers = wanted.count(readable(&sources));
    }
    let locks = lockfiles::wanted(&assemble::dependencies(analyses));
    if !locks.is_empty() {
        let texts = surroundings.read_named(&locks, MAX_LOCK)?;
        let found = lockfiles::drift(change, analyses, &shown(texts));
        compared.found.extend(found);
    }
    let touched = Touched::of(change, analyses);
    if !touched.is_empty() {
        let texts = surroundings.read(|path| touched.is_tested_by(path))?;
        let found = untested::find(change, analyses, &shown(texts));
        compared.found.extend(found);
    }
    Ok(compared)
}

/// What can be compared where nothing but the change can be seen.
pub fn compare_within(change: &Change, analyses: &Analyses) -> Vec<Finding> {
    let added = Added::of(change);
    let mut found: Vec<Finding> = added.iter().flat_map(Added::compare_within).collect();
    let locks = lockfiles::wanted(&assemble::dependencies(analyses));
    let texts = change
        .files
        .iter()
        .filter(|file| locks.contains(&file.path))
        .filter_map(|file| Some((file.path.clone(), file.head.text()?.clone())));
    found.extend(lockfiles::drift(change, analyses, &shown(texts.collect())));
    found
}

fn readable(texts: &Texts) -> impl Iterator<Item = (&RepoPath, &str)> {
    let texts = texts.iter();
    texts.filter_map(|(path, text)| Some((path, std::str::from_utf8(text).ok()?)))
}

fn shown(texts: Texts) -> BTreeMap<RepoPath, String> {
    let shown = |text: &[u8]| String::from_utf8_lossy(text).into_owned();
    let texts = texts.into_iter();
    texts.map(|(path, text)| (path, shown(&text))).collect()
}
