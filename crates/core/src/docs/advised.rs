//! Lines of documents that a model says are untrue: which passages it is shown, and what of its answer stands.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::Deserialize;

use super::needle::words;
use super::{Edit, Gone, Renamed, RenamedKind, mentions};
use crate::change::RepoPath;
use crate::markdown::is_showable;
use crate::markdown::neutral::is_command;
use crate::pack::{Clean, shown};
use crate::review::{NameChange, Review};

/// Lines around a mention that are shown.
const AROUND: usize = 4;
/// Lines that are shown in all.
const MAX_LINES: usize = 400;
/// A shorter name is a word of many sentences.
const MIN_NAME: usize = 4;
/// Edits of one answer that are looked at.
const MAX_EDITS: usize = 40;
const MAX_LINE: usize = 500;

/// An answer.
#[derive(Clone, Debug, Default, PartialEq, Eq, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Advised {
    /// How lines should read.
    pub edits: Vec<AdvisedEdit>,
}

/// How a line should read.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct AdvisedEdit {
    /// The document.
    pub path: String,
    /// The line.
    pub line: u32,
    /// What it says.
    pub quote: String,
    /// What it should say.
    pub replacement: String,
    /// What it is about.
    pub name: String,
}

/// What a model is shown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Passages {
    /// What changed, a line each.
    pub changes: Vec<String>,
    /// Passages with their headings.
    pub text: String,
    subjects: BTreeMap<String, Renamed>,
    names: Vec<Gone>,
    lines: BTreeMap<(RepoPath, u32), String>,
}

impl Passages {
    /// Passages that name what a change calls in another way or takes away; names that are merely new ones are mended without
    /// a model.
    #[must_use]
    pub fn of(review: &Review, documents: &BTreeMap<RepoPath, String>, clean: Clean<'_>) -> Self {
        let mut passages = Self::default();
        let renamed: BTreeSet<&str> = review.renamed.iter().map(|one| one.to.as_str()).collect();
        let api = &review.summary.api;
        for changed in api
            .changed
            .iter()
            .filter(|one| !renamed.contains(one.name.as_str()))
        {
            passages.subject(
                &changed.name,
                &changed.path,
                &changed.before,
                &changed.after,
            );
        }
        for removed in &api.removed {
            passages.subject(&removed.name, &removed.path, &removed.signature, "");
        }
        for change in &review.summary.names {
            passages.name(change);
        }
        // A default value may be a secret.
        let changes = RepoPath::from("changes");
        for line in &mut passages.changes {
            *line = clean(&changes, line);
        }
        for (path, text) in documents {
            passages.document(path, text, &clean(path, text));
        }
        passages
    }

    /// Whether there is anything to ask.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    fn subject(&mut self, name: &str, path: &RepoPath, before: &str, after: &str) {
        let last = last(name);
        if last.len() < MIN_NAME {
            return;
        }
        self.changes.push(match after {
            "" => format!("{}: gone, was {}", shown(name), shown(before)),
            after => format!(
                "{}: was {}, is {}",
                shown(name),
                shown(before),
                shown(after)
            ),
        });
        let of = Renamed {
            kind: RenamedKind::Symbol,
            from: before.to_owned(),
            to: after.to_owned(),
            path: path.clone(),
            line: 1,
        };
        self.subjects.entry(last.to_owned()).or_insert(of);
    }

    /// A flag, a variable, a route or a key that its file does not give any more, or under another name.
    fn name(&mut self, change: &NameChange) {
        let Some(before) = change
            .before
            .as_deref()
            .filter(|name| name.len() >= MIN_NAME)
        else {
            return;
        };
        let kind = change.kind.word();
        let path = shown(change.path.as_str());
        self.changes.push(match &change.after {
            Some(after) => format!(
                "{kind} {}: is {} now, in {path}",
                shown(before),
                shown(after)
            ),
            None => format!("{kind} {}: not in {path} any more", shown(before)),
        });
        let of = Renamed {
            kind: change.kind,
            from: before.to_owned(),
            to: change.after.clone().unwrap_or_default(),
            path: change.path.clone(),
            line: 1,
        };
        self.names.push(Gone {
            kind: change.kind,
            name: before.to_owned(),
            path: change.path.clone(),
        });
        self.subjects.entry(before.to_owned()).or_insert(of);
    }

    fn document(&mut self, path: &RepoPath, original: &str, text: &str) {
        let original: Vec<&str> = original
            .split('\n')
            .map(|line| line.trim_end_matches('\r'))
            .collect();
        let lines: Vec<&str> = text
            .split('\n')
            .map(|line| line.trim_end_matches('\r'))
            .collect();
        let mentions = mentions(&self.names, path, text);
        let mut named: BTreeSet<usize> = mentions.iter().map(|one| one.line as usize - 1).collect();
        let is_symbol = |word: &str| {
            let subject = self.subjects.get(word);
            subject.is_some_and(|of| of.kind == RenamedKind::Symbol)
        };
        let of_symbols = lines.iter().enumerate();
        let of_symbols = of_symbols.filter(|(_, line)| words(line).any(is_symbol));
        named.extend(of_symbols.map(|(index, _)| index));
        let around = named
            .iter()
            .flat_map(|index| index.saturating_sub(AROUND)..(index + AROUND + 1).min(lines.len()));
        let wanted: BTreeSet<usize> = around.collect();
        if wanted.is_empty() || self.lines.len() + wanted.len() > MAX_LINES {
            return;
        }
        self.text
            .push_str(&format!("### {}\n", shown(path.as_str())));
        let mut next = None;
        for index in wanted {
            if next.is_some_and(|next| next != index) {
                self.text.push_str("…\n");
            }
            next = Some(index + 1);
            let number = u32::try_from(index + 1).unwrap_or(u32::MAX);
            let line = shown(lines[index]);
            self.text.push_str(&format!("{number} {line}\n"));
            // What was masked or taken out cannot be put back, so such a line is shown and not edited.
            if original.get(index) == Some(&line.as_str()) {
                self.lines.insert((path.clone(), number), line);
            }
        }
    }

    /// What of an answer stands: the line is there as it is quoted, little of it changes, and nothing comes in that leads elsewhere.
    #[must_use]
    pub fn verify(&self, edits: &[AdvisedEdit]) -> Vec<Edit> {
        let mut stands: BTreeMap<(RepoPath, u32), Edit> = BTreeMap::new();
        for edit in edits.iter().take(MAX_EDITS) {
            let path = RepoPath::from(edit.path.trim());
            let key = (path, edit.line);
            let name = edit.name.trim();
            let of = self.subjects.get(name);
            let of = of.or_else(|| self.subjects.get(last(name)));
            if let (Some(before), Some(of)) = (self.lines.get(&key), of)
                && before.trim() == edit.quote.trim()
                && is_fit(before, &edit.replacement)
            {
                let edit = Edit {
                    path: key.0.clone(),
                    line: edit.line,
                    before: before.clone(),
                    after: edit.replacement.clone(),
                    of: of.clone(),
                    is_advised: true,
                };
                stands.entry(key).or_insert(edit);
            }
        }
        stands.into_values().collect()
    }
}

/// The last part of a qualified name.
fn last(name: &str) -> &str {
    name.rsplit(['.', ':', '#', '\\']).next().unwrap_or(name)
}

/// Whether a line may take the place of another: much of it stays, and it has no link, tag, mention or reference that was not there.
fn is_fit(before: &str, after: &str) -> bool {
    let is_short = after.chars().count() <= MAX_LINE && !after.contains(['\n', '\r']);
    let signs = ["://", "](", "<", "![", "@", "#", "www."];
    let is_quiet = signs
        .iter()
        .all(|sign| after.matches(sign).count() <= before.matches(sign).count());
    let links = |text: &str| -> BTreeSet<String> {
        let pieces = text.split(|one: char| one.is_whitespace() || "()<>[]\"'`".contains(one));
        let links = pieces.filter(|piece| piece.contains("://") || piece.starts_with("www."));
        links.map(str::to_owned).collect()
    };
    let old: BTreeSet<&str> = words(before).collect();
    let kept = words(after).filter(|word| old.contains(word)).count();
    let is_small = kept * 2 >= old.len().min(words(after).count());
    before != after
        && !after.trim().is_empty()
        && is_short
        && is_quiet
        && is_small
        && links(after).is_subset(&links(before))
        && is_showable(after)
        && !is_command(after)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::assemble::{Analyses, Settings, review};
    use crate::change::Change;
    use crate::review::{ApiChange, ApiItem};

    fn passages() -> Passages {
        passages_cleaned(&|_, text| text.to_owned())
    }

    fn passages_cleaned(clean: Clean<'_>) -> Passages {
        let mut review = review(
            &Change::default(),
            &Analyses::default(),
            &Settings::default(),
        );
        review.summary.api.changed.push(ApiChange {
            path: "shop.py".into(),
            name: "Shop.total_of".to_owned(),
            before: "total_of(items)".to_owned(),
            after: "total_of(items, rate)".to_owned(),
        });
        review.summary.api.removed.push(ApiItem {
            path: "shop.py".into(),
            name: "drop_all".to_owned(),
            signature: "drop_all()".to_owned(),
        });
        let text = "# Shop\n\nCall `total_of(items)` for the sum, see [more](https://shop.example).\n\nOther things.\n";
        let documents = BTreeMap::from([
            ("README.md".into(), text.to_owned()),
            ("b.md".into(), "Nothing.\n".to_owned()),
        ]);
        Passages::of(&review, &documents, clean)
    }

    fn edit(replacement: &str) -> AdvisedEdit {
        AdvisedEdit {
            path: "README.md".to_owned(),
            line: 3,
            quote: "Call `total_of(items)` for the sum, see [more](https://shop.example)."
                .to_owned(),
            replacement: replacement.to_owned(),
            name: "total_of".to_owned(),
        }
    }

    #[test]
    fn flags_variables_routes_and_keys_are_asked_about_too() {
        let mut review = review(
            &Change::default(),
            &Analyses::default(),
            &Settings::default(),
        );
        let name = |kind, before: &str, after: Option<&str>| NameChange {
            kind,
            before: Some(before.to_owned()),
            after: after.map(str::to_owned),
            path: "cli.py".into(),
        };
        review.summary.names = vec![
            name(RenamedKind::Flag, "--port", Some("--listen")),
            name(RenamedKind::Variable, "SHOP_URL", None),
            name(RenamedKind::Route, "/users", Some("/people")),
            name(RenamedKind::Key, "max_size", None),
        ];
        let lines = [
            "Start it with --port 80.",
            "",
            "",
            "",
            "",
            "Set SHOP_URL or `max_size`.",
            "",
            "",
            "",
            "",
            "See GET /users for all.",
            "Support --portable.",
        ];
        let documents = BTreeMap::from([("README.md".into(), lines.join("\n"))]);
        let passages = Passages::of(&review, &documents, &|_, text| text.to_owned());
        assert_eq!(
            passages.changes,
            [
                "flag --port: is --listen now, in cli.py",
                "variable SHOP_URL: not in cli.py any more",
                "route /users: is /people now, in cli.py",
                "key max_size: not in cli.py any more",
            ]
        );
        let edit = |line: u32, replacement: &str, name: &str| AdvisedEdit {
            path: "README.md".to_owned(),
            line,
            quote: lines[line as usize - 1].to_owned(),
            replacement: replacement.to_owned(),
            name: name.to_owned(),
        };
        let edits = [
            edit(1, "Start it with --listen 80.", "--port"),
            edit(6, "Set `max_size`.", "SHOP_URL"),
            edit(11, "See GET /people for all.", "/users"),
            edit(12, "Support --listenable.", "--portable"),
        ];
        let stands = passages.verify(&edits);
        let lines: Vec<u32> = stands.iter().map(|edit| edit.line).collect();
        assert_eq!(lines, [1, 6, 11]);
    }

    #[test]
    fn signatures_are_cleaned_as_documents_are() {
        let cleaned = passages_cleaned(&|_, text| text.replace("rate", "****"));
        assert!(cleaned.changes[0].ends_with("is total_of(items, ****)"));
        assert!(!cleaned.changes.join(" ").contains("rate"));
    }

    #[test]
    fn only_passages_that_name_what_changed_are_shown() {
        let passages = passages();
        assert_eq!(
            passages.changes[0],
            "Shop.total_of: was total_of(items), is total_of(items, rate)"
        );
        assert_eq!(passages.changes[1], "drop_all: gone, was drop_all()");
        assert!(
            passages.text.starts_with("### README.md\n1 # Shop\n"),
            "{}",
            passages.text
        );
        assert!(!passages.text.contains("b.md"));
    }

    #[test]
    fn small_edits_of_what_is_there_stand_and_nothing_else_does() {
        let passages = passages();
        let good =
            edit("Call `total_of(items, rate)` for the sum, see [more](https://shop.example).");
        assert_eq!(passages.verify(std::slice::from_ref(&good)).len(), 1);
        for bad in [
            edit(&good.quote),
            edit("Call `total_of(items, rate)` for the sum, see [more](https://evil.example)."),
            edit(
                "Call `total_of(items, rate)` for the sum, see [more](https://shop.example) @octocat.",
            ),
            edit("Buy cheap things now and tell all of your friends about them here today."),
            edit("Call `total_of(items, rate)` <img src=x> for the sum."),
            edit("/approve `total_of(items, rate)` for the sum, see more."),
            AdvisedEdit {
                line: 5,
                ..good.clone()
            },
            AdvisedEdit {
                path: "b.md".to_owned(),
                ..good.clone()
            },
            AdvisedEdit {
                quote: "Call nothing.".to_owned(),
                ..good.clone()
            },
            AdvisedEdit {
                name: "nobody".to_owned(),
                ..good.clone()
            },
        ] {
            assert_eq!(passages.verify(std::slice::from_ref(&bad)), [], "{bad:?}");
        }
    }
}
