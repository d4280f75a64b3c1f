//! Reads the `if:` of jobs and steps: which events still get past it in a stranger's hands.

use std::collections::BTreeSet;

/// Comparisons that only people with rights in the repository pass.
const TRUSTED: [&str; 17] = [
    "head.repo.full_name==github.repository",
    "github.repository==github.event.pull_request.head.repo.full_name",
    "head.repo.owner.login==github.repository_owner",
    "github.repository_owner==github.event.pull_request.head.repo.owner.login",
    "head.repo.owner.login=='",
    "head.repo.full_name=='",
    "head.repo.fork==false",
    "!github.event.pull_request.head.repo.fork",
    "head_repository.full_name==github.repository",
    "head_repository.fork==false",
    "author_association=='owner'",
    "author_association=='member'",
    "author_association=='collaborator'",
    "pull_request.labels.*.name,",
    "workflow_run.event=='push'",
    "workflow_run.event=='schedule'",
    "workflow_run.event=='workflow_dispatch'",
];

/// The events of `events` that pass a condition in a stranger's hands.
pub(super) fn reaching(condition: &str, events: &BTreeSet<String>) -> BTreeSet<String> {
    let written: String = condition
        .to_ascii_lowercase()
        .chars()
        .filter(|character| !character.is_whitespace())
        .collect();
    let written = written
        .replace("${{", "")
        .replace("}}", "")
        .replace('"', "'");
    if written.is_empty() {
        return events.clone();
    }
    written
        .split("||")
        .filter(|alternative| !is_trusted(alternative))
        .flat_map(|alternative| allowed(alternative, events))
        .collect()
}

fn is_trusted(alternative: &str) -> bool {
    TRUSTED.iter().any(|check| alternative.contains(check))
        || alternative.contains("contains(fromjson(") && alternative.contains("author_association")
        || compares_actor(alternative)
}

/// `github.actor == 'someone'`; a bot's name is no proof, since anyone can make a bot act on their branch.
fn compares_actor(alternative: &str) -> bool {
    [
        "github.actor=='",
        "github.triggering_actor=='",
        "event.sender.login=='",
        "user.login=='",
        "comment.user.login=='",
    ]
    .iter()
    .filter_map(|check| alternative.split_once(check))
    .any(|(_, after)| {
        !after
            .split('\'')
            .next()
            .unwrap_or_default()
            .ends_with("[bot]")
    })
}

/// The events that `github.event_name` comparisons leave.
fn allowed(alternative: &str, events: &BTreeSet<String>) -> BTreeSet<String> {
    let named = |check: &str| -> Vec<String> {
        alternative
            .split(check)
            .skip(1)
            .filter_map(|after| after.split('\'').next())
            .map(str::to_owned)
            .collect()
    };
    let only = named("github.event_name=='");
    let never = named("github.event_name!='");
    events
        .iter()
        .filter(|event| only.is_empty() || only.contains(event))
        .filter(|event| !never.contains(event))
        .cloned()
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn left(condition: &str) -> Vec<String> {
        let events = ["push", "pull_request_target"].map(str::to_owned).into();
        reaching(condition, &events).into_iter().collect()
    }

    #[test]
    fn conditions_narrow_the_events() {
        assert_eq!(left("").len(), 2);
        assert_eq!(left("github.event_name == 'push'"), ["push"]);
        assert_eq!(
            left("${{ github.event_name != 'push' }}"),
            ["pull_request_target"]
        );
        assert_eq!(
            left(
                "github.event_name == 'push' || github.event.pull_request.head.repo.full_name == github.repository"
            ),
            ["push"]
        );
        assert_eq!(left("success()").len(), 2);
        assert!(left("github.actor == 'octocat'").is_empty());
        assert_eq!(left("github.actor == 'dependabot[bot]'").len(), 2);
    }
}
