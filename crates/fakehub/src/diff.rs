//! What differs between two commits, as GitHub shows it.

use imara_diff::{Algorithm, BasicLineDiffPrinter, Diff, InternedInput, UnifiedDiffConfig};
use pullmill_core::hunk::{CommentableLines, parse};
use serde_json::{Value, json};

use crate::git::{Files, blob_id};

/// A file that differs.
pub(crate) struct Difference {
    pub(crate) path: String,
    pub(crate) old_path: Option<String>,
    status: &'static str,
    sha: String,
    /// Without the names before it; `None` if there is no text to show.
    pub(crate) patch: Option<String>,
}

/// Compares two sets of files. One that moved unchanged is one that moved.
pub(crate) fn differences(before: &Files, after: &Files) -> Vec<Difference> {
    let mut gone: Vec<&String> = before
        .keys()
        .filter(|path| !after.contains_key(*path))
        .collect();
    let mut found = Vec::new();
    for (path, bytes) in after {
        let (old_path, old, status) = match before.get(path) {
            Some(old) if old == bytes => continue,
            Some(old) => (None, Some(old), "modified"),
            None => match gone
                .iter()
                .position(|gone| before.get(*gone) == Some(bytes))
            {
                Some(place) => (Some(gone.remove(place).clone()), Some(bytes), "renamed"),
                None => (None, None, "added"),
            },
        };
        let empty = bytes::Bytes::new();
        found.push(Difference {
            path: path.clone(),
            old_path,
            status,
            sha: blob_id(bytes),
            patch: patch(old.unwrap_or(&empty), bytes),
        });
    }
    for path in gone {
        let bytes = &before[path];
        found.push(Difference {
            path: path.clone(),
            old_path: None,
            status: "removed",
            sha: blob_id(bytes),
            patch: patch(bytes, b""),
        });
    }
    found.sort_by(|one, other| one.path.cmp(&other.path));
    found
}

fn patch(before: &[u8], after: &[u8]) -> Option<String> {
    let (before, after) = (
        std::str::from_utf8(before).ok()?,
        std::str::from_utf8(after).ok()?,
    );
    if before.contains('\0') || after.contains('\0') {
        return None;
    }
    let input = InternedInput::new(before, after);
    let mut diff = Diff::compute(Algorithm::Myers, &input);
    diff.postprocess_lines(&input);
    let printer = BasicLineDiffPrinter(&input.interner);
    let text = diff
        .unified_diff(&printer, UnifiedDiffConfig::default(), &input)
        .to_string();
    (!text.is_empty()).then_some(text)
}

impl Difference {
    pub(crate) fn to_json(&self) -> Value {
        let mut value = json!({"filename": self.path, "status": self.status, "sha": self.sha});
        if let Some(old) = &self.old_path {
            value["previous_filename"] = json!(old);
        }
        if let Some(patch) = &self.patch {
            value["patch"] = json!(patch);
        }
        value
    }

    /// Whether a comment may stand at a line of the new side.
    pub(crate) fn shows(&self, line: u64) -> bool {
        let Some(patch) = &self.patch else {
            return false;
        };
        let whole = format!("--- a/file\n+++ b/file\n{patch}");
        let parsed = parse(whole.as_bytes()).unwrap_or_default();
        let lines = parsed.first().map(|file| CommentableLines::of(&file.hunks));
        let line = u32::try_from(line).unwrap_or(u32::MAX);
        lines.is_some_and(|lines| lines.is_shown(line))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_may_stand_where_the_difference_is_shown() {
        let text = |marks: &str| bytes::Bytes::from(marks.to_owned());
        let lines: String = (1..30).map(|number| format!("line {number}\n")).collect();
        let before = Files::from([
            ("a".to_owned(), text(&lines)),
            ("gone".to_owned(), text("moved\n")),
        ]);
        let after = Files::from([
            (
                "a".to_owned(),
                text(&lines.replace("line 10\n", "line ten\n")),
            ),
            ("new".to_owned(), text("moved\n")),
        ]);
        let found = differences(&before, &after);
        assert_eq!(found.len(), 2);
        assert!(found[0].shows(10) && found[0].shows(7) && !found[0].shows(20));
        assert_eq!(found[1].old_path.as_deref(), Some("gone"));
        assert!(!found[1].shows(1));
    }
}
