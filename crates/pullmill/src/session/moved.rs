//! Finds the base sides that were not searched but may hold what stands elsewhere at head: code that moved.

use std::collections::{BTreeMap, BTreeSet};

use pullmill_adapters::analyzer::child::Stopped;
use pullmill_core::change::{Change, RepoPath, Status};
use pullmill_core::job::{Job, JobReport, SideReport};

type Reports = [Result<JobReport, Stopped>];

/// The jobs for those bases, and which reports they belong to.
///
/// Equal stems lie in pieces of code of equal name, so a base is only asked if it holds the name around a finding
/// that the bases searched so far do not account for. The base of a copy accounts for nothing: its original still stands.
pub fn bases(change: &Change, jobs: &[Job], reports: &Reports) -> (Vec<usize>, Vec<Job>) {
    let copies: BTreeSet<&RepoPath> = (change.files.iter())
        .filter(|file| file.status == Status::Copied)
        .map(|file| &file.path)
        .collect();
    let answers = jobs.iter().zip(reports).filter_map(|(job, report)| {
        let report = report.as_ref().ok()?;
        let base = report.base.as_ref().filter(|_| !copies.contains(&job.path));
        Some((report.head.as_ref(), base))
    });
    let names = unaccounted(answers);
    let mut places = Vec::new();
    let mut again = Vec::new();
    if names.is_empty() {
        return (places, again);
    }
    for (place, (job, report)) in jobs.iter().zip(reports).enumerate() {
        let is_searched = (report.as_ref().ok())
            .and_then(|report| report.base.as_ref())
            .is_none_or(|side| side.is_searched);
        let is_asked = !is_searched && !copies.contains(&job.path);
        let Some(text) = job.base.as_ref().filter(|_| is_asked) else {
            continue;
        };
        let text = String::from_utf8_lossy(text);
        if names.iter().any(|name| text.contains(*name)) {
            places.push(place);
            again.push(Job {
                path: job.old_path.clone().unwrap_or_else(|| job.path.clone()),
                old_path: None,
                base: job.base.clone(),
                head: None,
                search_base: true,
            });
        }
    }
    (places, again)
}

/// Puts the bases that were searched now in the place of those that were not.
pub fn put_back(reports: &mut Reports, places: Vec<usize>, found: Vec<Result<JobReport, Stopped>>) {
    for (place, found) in places.into_iter().zip(found) {
        match (reports.get_mut(place), found) {
            (Some(Ok(report)), Ok(found)) => report.base = found.base,
            // What stopped the search would have stopped it in the first place.
            (Some(report), Err(stopped)) => *report = Err(stopped),
            _ => {}
        }
    }
}

/// The last words of the names around findings of which there are more at head than in the bases; `""` where there is
/// no name. What is open and what a comment sets aside are counted apart.
fn unaccounted<'a>(
    answers: impl Iterator<Item = (Option<&'a SideReport>, Option<&'a SideReport>)>,
) -> BTreeSet<&'a str> {
    let mut more: BTreeMap<(&str, bool), i64> = BTreeMap::new();
    let mut names: BTreeMap<&str, &str> = BTreeMap::new();
    for (head, base) in answers {
        for (side, step) in [(head, 1), (base, -1)] {
            let Some(side) = side else { continue };
            for finding in &side.findings {
                *more.entry((&finding.fingerprint, true)).or_default() += step;
                let name = finding.symbol.as_deref().unwrap_or_default();
                let last = name.rsplit('.').next().unwrap_or_default();
                names.insert(&finding.fingerprint, last);
            }
            for one in &side.suppressed {
                *more.entry((&one.fingerprint, false)).or_default() += step;
            }
        }
    }
    let open = more.into_iter().filter(|(_, more)| *more > 0);
    open.map(|((stem, _), _)| names.get(stem).copied().unwrap_or_default())
        .collect()
}
