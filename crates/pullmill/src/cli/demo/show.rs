//! Shows what was posted, and counts it.

use std::collections::{BTreeMap, BTreeSet};

use pullmill_fakehub::{Asked, CheckRun, Posted};

/// The pull request as it reads now.
pub(super) fn page(posted: &Posted) -> String {
    let mut out = String::from("\n──── the pull request ────\n");
    for comment in &posted.comments {
        let edits = comment.edits;
        out.push_str(&format!(
            "\n>>> comment, edited {edits} times\n\n{}\n",
            shown(&comment.body)
        ));
    }
    for review in &posted.reviews {
        let commit = &review.commit[..7];
        out.push_str(&format!(
            "\n>>> review of {commit}\n\n{}\n",
            shown(&review.body)
        ));
        for line in posted.lines.iter().filter(|line| line.review == review.id) {
            let state = if line.is_resolved { ", settled" } else { "" };
            out.push_str(&format!(
                "\n>>> at {}:{}{state}\n\n{}\n",
                line.path,
                line.line,
                shown(&line.body)
            ));
        }
    }
    for check in &posted.checks {
        out.push_str(&format!(
            "\n>>> check {} of {}: {}, {}\n",
            check.name,
            &check.head[..7],
            check.conclusion,
            check.title
        ));
    }
    out.push_str("\n──────────────────────────\n");
    out
}

/// What a reader sees of it: markers are hidden.
fn shown(body: &str) -> String {
    let lines = body
        .lines()
        .filter(|line| !line.starts_with("<!-- pullmill:"));
    lines.collect::<Vec<_>>().join("\n").trim_end().to_owned()
}

/// What has to hold, and whether it does.
pub(super) fn facts(posted: &Posted, checks: &[CheckRun], asked: &[Asked]) -> Vec<(bool, String)> {
    let ours = posted
        .comments
        .iter()
        .filter(|comment| comment.is_ours)
        .count();
    let commits: BTreeSet<&str> = posted
        .reviews
        .iter()
        .map(|one| one.commit.as_str())
        .collect();
    let mut heads: BTreeMap<&str, usize> = BTreeMap::new();
    for check in checks {
        *heads.entry(&check.head).or_default() += 1;
    }
    let places: BTreeSet<(&str, u64)> = posted
        .lines
        .iter()
        .map(|one| (one.path.as_str(), one.line))
        .collect();
    let settled = posted.lines.iter().filter(|line| line.is_resolved).count();
    let writes = asked.iter().filter(|one| one.is_write && one.status != 0);
    let is_green = posted
        .checks
        .iter()
        .all(|check| check.conclusion == "success");
    vec![
        (
            ours == 1,
            format!("{ours} summary, changed with every push"),
        ),
        (
            commits.len() == posted.reviews.len(),
            format!("{} review for {} head", posted.reviews.len(), commits.len()),
        ),
        (
            places.len() == posted.lines.len() && settled == 2,
            format!(
                "{} comments at lines, {settled} of them settled when they were mended",
                posted.lines.len()
            ),
        ),
        (
            heads.len() == 3 && heads.values().all(|count| *count == 1),
            format!(
                "{} checks, one for each of {} heads",
                checks.len(),
                heads.len()
            ),
        ),
        (is_green, "the check of the last head is green".to_owned()),
        (
            true,
            format!(
                "{} requests in all, {} of them writes",
                asked.len(),
                writes.count()
            ),
        ),
    ]
}
