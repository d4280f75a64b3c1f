//! What is said about documents that a change has made untrue: comments where the change was made, or right at the line if it is shown.

use std::collections::{BTreeMap, BTreeSet};

use super::Shown;
use crate::change::RepoPath;
use crate::commit::{DocsCommit, Tree};
use crate::docs::{Edit, RenamedKind, is_edit};
use crate::effect::{Content, InlineComment};
use crate::hunk::CommentableLines;
use crate::id::Sha;
use crate::markdown::neutral::code;
use crate::markdown::{fence, is_showable, suggestion};
use crate::ports::forge::ComparedFile;

/// Edits that are said at once; more come when these are made.
const MAX_COMMENTS: usize = 20;
/// A longer line is not shown.
const MAX_LINE: usize = 1_000;

/// What is said where commits are wanted and not allowed.
pub const NO_COMMITS: &str =
    "`docs.mode` is `commit`, but the App may not write contents here, so this is only suggested.";

/// Says the edits that were not said yet, and settles what was said about others.
#[must_use]
pub fn suggest(
    edits: &[Edit],
    head: &Sha,
    files: &[ComparedFile],
    shown: &Shown,
    note: Option<&str>,
    mark: impl Fn(&str) -> String,
) -> Vec<Content> {
    let places: BTreeMap<&RepoPath, CommentableLines> = files
        .iter()
        .map(|file| (&file.path, CommentableLines::of(&file.hunks)))
        .collect();
    let is_new = |edit: &&Edit| !shown.threads.contains_key(&edit.fingerprint());
    let mut comments = Vec::new();
    let mut rest = Vec::new();
    for edit in edits.iter().filter(is_new).take(MAX_COMMENTS) {
        let marker = mark(&edit.fingerprint());
        match place(edit, &places) {
            Some((path, line, is_there)) => comments.push(InlineComment {
                path,
                line,
                body: format!("{}\n\n{marker}", said(edit, is_there)),
            }),
            // A file that only moved has no line to comment on.
            None => rest.push(said(edit, false)),
        }
    }
    let mut contents = Vec::new();
    if !comments.is_empty() || !rest.is_empty() {
        let count = comments.len() + rest.len();
        let noun = if count == 1 { "line" } else { "lines" };
        let verb = if count == 1 { "is" } else { "are" };
        let mut body = format!(
            "{count} {noun} of the documentation {verb} not true any more at {}.",
            head.short()
        );
        if let Some(note) = note {
            body.push_str("\n\n");
            body.push_str(note);
        }
        for one in rest {
            body.push_str("\n\n");
            body.push_str(&one);
        }
        contents.push(Content::Review {
            body: crate::markdown::clipped(body),
            comments,
        });
    }
    contents.extend(settled(edits, shown));
    contents
}

/// Settles what was said about lines that are true now.
#[must_use]
pub fn settled(edits: &[Edit], shown: &Shown) -> Vec<Content> {
    let there: BTreeSet<String> = edits.iter().map(Edit::fingerprint).collect();
    let gone = shown.threads.iter().filter(|(fingerprint, thread)| {
        is_edit(fingerprint) && !thread.is_resolved && !there.contains(*fingerprint)
    });
    gone.map(|(_, thread)| Content::Resolve {
        thread: thread.id.clone(),
    })
    .collect()
}

/// The commit that makes the edits. `texts` are the documents as they are at head.
#[must_use]
pub fn commit(
    edits: &[Edit],
    texts: &BTreeMap<RepoPath, String>,
    tree: &Tree,
    head: &Sha,
    branch: &str,
) -> Option<DocsCommit> {
    let mut by_file: BTreeMap<&RepoPath, Vec<Edit>> = BTreeMap::new();
    for edit in edits {
        by_file.entry(&edit.path).or_default().push(edit.clone());
    }
    let changed: Option<Vec<(RepoPath, String)>> = by_file
        .into_iter()
        .map(|(path, edits)| Some((path.clone(), crate::docs::apply(texts.get(path)?, &edits))))
        .collect();
    let names: BTreeSet<(&str, &str)> = edits
        .iter()
        .filter(|edit| !edit.is_advised)
        .map(|edit| (&*edit.of.from, &*edit.of.to))
        .filter(|(from, to)| is_plain(from) && is_plain(to))
        .collect();
    let is_all_advised = edits.iter().all(|edit| edit.is_advised);
    let mut message = String::from(match is_all_advised {
        true => "docs: say what the code does now\n\n",
        false => "docs: use the names that the code has now\n\n",
    });
    for (from, to) in names {
        message.push_str(&format!("- {from} is {to} now\n"));
    }
    DocsCommit::on(head, branch, tree, &changed?, message.trim_end())
}

/// Whether a name says nothing to a forge: no mention, no closing word, no trailer, no order to skip something.
fn is_plain(name: &str) -> bool {
    name.chars()
        .all(|one| one.is_ascii_alphanumeric() || matches!(one, '_' | '.' | '/' | '-'))
}

/// Where an edit is said: at its own line if that is shown, else where the name was changed (decision 22).
fn place(
    edit: &Edit,
    places: &BTreeMap<&RepoPath, CommentableLines>,
) -> Option<(RepoPath, u32, bool)> {
    if let Some(lines) = places.get(&edit.path)
        && lines.is_shown(edit.line)
    {
        return Some((edit.path.clone(), edit.line, true));
    }
    let lines = places.get(&edit.of.path)?;
    let line = match lines.is_shown(edit.of.line) {
        true => edit.of.line,
        false => lines.nearest(edit.of.line)?,
    };
    Some((edit.of.path.clone(), line, false))
}

fn said(edit: &Edit, is_there: bool) -> String {
    if edit.is_advised {
        return advised(edit, is_there);
    }
    let (from, to) = (code(&edit.of.from), code(&edit.of.to));
    let what = match edit.of.kind {
        RenamedKind::Symbol
        | RenamedKind::Flag
        | RenamedKind::Variable
        | RenamedKind::Key
        | RenamedKind::Route => format!("{from} is called {to} now"),
        RenamedKind::File => format!("{from} has moved to {to}"),
    };
    let place = code(&format!("{}:{}", edit.path, edit.line));
    let is_short = edit.before.len().max(edit.after.len()) <= MAX_LINE;
    if !is_short || !is_showable(&edit.before) || !is_showable(&edit.after) {
        return format!("{what}; {place} still uses the old name.");
    }
    if is_there {
        return format!(
            "{what}; this line still uses the old name.\n\n{}",
            suggestion(&edit.after)
        );
    }
    let fence = fence(&[&edit.before, &edit.after]);
    format!(
        "{what}; {place} still uses the old name.\n\n{fence}diff\n-{}\n+{}\n{fence}",
        edit.before, edit.after
    )
}

/// What a model says of a line; nobody is certain of it.
fn advised(edit: &Edit, is_there: bool) -> String {
    let from = code(&edit.of.from);
    let what = match edit.of.to.as_str() {
        "" if edit.of.kind == RenamedKind::Symbol => format!("{from} is gone"),
        "" => format!(
            "{} does not have {from} any more",
            code(edit.of.path.as_str())
        ),
        to => format!("{from} is {} now", code(to)),
    };
    let place = match is_there {
        true => "this line".to_owned(),
        false => code(&format!("{}:{}", edit.path, edit.line)),
    };
    let what = format!(
        "{what}; a model says that {place} is not true any more and should read so. Nobody has checked it."
    );
    if is_there {
        return format!("{what}\n\n{}", suggestion(&edit.after));
    }
    let fence = fence(&[&edit.before, &edit.after]);
    format!(
        "{what}\n\n{fence}diff\n-{}\n+{}\n{fence}",
        edit.before, edit.after
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::docs::{Renamed, drift};

    fn edit(line: &str) -> Option<Edit> {
        let renamed = Renamed {
            kind: RenamedKind::Symbol,
            from: "load_config".to_owned(),
            to: "read_it".to_owned(),
            path: "a.py".into(),
            line: 1,
        };
        drift(&[renamed], &"README.md".into(), line).pop()
    }

    proptest! {
        #[test]
        fn no_line_leaves_the_block_it_is_shown_in(before in "[`~@a-z <!-]{0,12}", after in "[`~#a-z >-]{0,12}") {
            let line = format!("{before}`load_config`{after}");
            if let Some(edit) = edit(&line) {
                for is_there in [true, false] {
                    let said = said(&edit, is_there);
                    let fence = said.lines().find(|line| line.ends_with("suggestion") || line.ends_with("diff")).unwrap();
                    let ticks = fence.trim_end_matches(char::is_alphabetic).to_owned();
                    let longest = edit.after.split(|character| character != '`').map(str::len).max().unwrap_or(0);
                    prop_assert!(ticks.len() > longest && ticks.len() >= 3);
                    prop_assert_eq!(said.lines().filter(|line| *line == ticks).count(), 1);
                }
            }
        }
    }

    #[test]
    fn what_cannot_be_seen_is_not_shown() {
        let hidden = edit("`load_config` \u{202e}x").unwrap();
        assert!(!said(&hidden, true).contains("suggestion"));
        assert!(!said(&hidden, false).contains('\u{202e}'));
    }

    #[test]
    fn a_commit_says_nothing_that_a_forge_obeys() {
        let sha = |digit: &str| Sha::parse(&digit.repeat(40)).unwrap();
        let line = "See old/a.md and `load_config`.\n";
        let moved = |from: &str| Renamed {
            kind: RenamedKind::File,
            from: "old/a.md".to_owned(),
            to: format!("new/{from}/a.md"),
            path: "a.py".into(),
            line: 1,
        };
        for hostile in [
            "fixes #1",
            "@octo",
            "[skip ci]",
            "x\n\nCo-authored-by: a <b@c>",
        ] {
            let path = RepoPath::from("README.md");
            let edits = drift(&[moved(hostile)], &path, line);
            assert_eq!(edits.len(), 1);
            let tree = Tree {
                entries: vec![crate::commit::TreeEntry {
                    path: path.clone(),
                    mode: "100644".to_owned(),
                    sha: sha("1"),
                }],
                is_complete: true,
                committed_at: crate::time::Timestamp::from_millis(0),
            };
            let texts = BTreeMap::from([(path, line.to_owned())]);
            let made = commit(&edits, &texts, &tree, &sha("2"), "change").unwrap();
            assert_eq!(made.message, "docs: use the names that the code has now");
        }
    }
}
