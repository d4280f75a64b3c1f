//! Packing on changes of any shape and windows of any size.

use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::assemble::{self, Settings};
use crate::hunk::{Hunk, Line};

/// A file whose every line is context, added or removed.
fn file(path: &str, kinds: &[LineKind], wide: usize) -> FileChange {
    let (mut head, mut base, mut lines) = (Vec::new(), Vec::new(), Vec::new());
    for (index, kind) in kinds.iter().enumerate() {
        let text = format!("line {index} {}\n", "word ".repeat(index * wide % 7)).into_bytes();
        if *kind != LineKind::Removed {
            head.extend(&text);
        }
        if *kind != LineKind::Added {
            base.extend(&text);
        }
        lines.push(Line {
            kind: *kind,
            bytes: text,
        });
    }
    FileChange {
        path: RepoPath::from(path),
        old_path: None,
        status: Status::Modified,
        old_mode: None,
        new_mode: None,
        base: Side::Text(Arc::from(base)),
        head: Side::Text(Arc::from(head)),
        hunks: vec![Hunk {
            old_start: 1,
            new_start: 1,
            lines,
        }],
    }
}

fn words(text: &str) -> u32 {
    u32::try_from(text.split_whitespace().count()).unwrap()
}

fn packed(files: Vec<FileChange>, room: &Room) -> (Change, Packed) {
    let change = Change {
        files,
        ..Change::default()
    };
    let analyses = Analyses::default();
    let review = assemble::review(&change, &analyses, &Settings::default());
    let clean = |_: &RepoPath, text: &str| text.to_owned();
    let packed = pack(&change, &review, &analyses, &clean, &words, room);
    (change, packed)
}

fn added(change: &Change) -> BTreeSet<(RepoPath, u32)> {
    let mut all = BTreeSet::new();
    for file in &change.files {
        for unread in whole(file, UnreadReason::NoRoom).into_iter() {
            let lines = unread
                .lines
                .iter()
                .flat_map(|range| range.first..=range.last);
            all.extend(lines.map(|line| (file.path.clone(), line)));
        }
    }
    all
}

#[test]
fn a_hunk_is_shown_with_its_numbers_and_what_was_there() {
    use LineKind::{Added, Context, Removed};
    let (_, packed) = packed(
        vec![file("a.py", &[Context, Removed, Added, Context], 0)],
        &Room {
            pass_tokens: 1_000,
            max_passes: 3,
        },
    );
    assert_eq!(
        packed.passes[0].files[0].text,
        "### a.py (changed, 1 lines removed)\n1 line 0 \n-line 1 \n2+line 2 \n3 line 3 "
    );
    assert!(packed.unread.is_empty());
}

#[test]
fn long_deletions_are_cut_short_and_say_so() {
    let (_, packed) = packed(
        vec![file("a.py", &[LineKind::Removed; 30], 0)],
        &Room {
            pass_tokens: 1_000,
            max_passes: 3,
        },
    );
    let text = &packed.passes[0].files[0].text;
    assert!(
        text.ends_with("-line 3 \n- … 26 more lines removed"),
        "{text}"
    );
}

#[test]
fn nothing_invisible_is_shown() {
    assert_eq!(shown("a\u{200b}b\u{202e}\tc\u{1b}[0m\u{e0041}"), "ab\tc[0m");
}

fn kinds() -> impl Strategy<Value = Vec<LineKind>> {
    let kind = prop_oneof![
        Just(LineKind::Context),
        Just(LineKind::Added),
        Just(LineKind::Removed)
    ];
    proptest::collection::vec(kind, 1..60)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    /// Every line that the change wrote is in one question or on the list, whatever the window.
    #[test]
    fn every_added_line_is_read_or_listed_and_no_question_is_too_long(
        files in proptest::collection::vec((kinds(), 0_usize..5), 1..6),
        pass_tokens in 8_u32..400,
        max_passes in 1_usize..6,
    ) {
        let files: Vec<FileChange> = files
            .iter()
            .enumerate()
            .map(|(index, (kinds, wide))| file(&format!("f{index}.py"), kinds, *wide))
            .collect();
        let room = Room { pass_tokens, max_passes };
        let (change, packed) = packed(files, &room);
        prop_assert!(packed.passes.len() <= max_passes);
        let mut read = BTreeSet::new();
        for pass in &packed.passes {
            prop_assert!(pass.tokens <= pass_tokens, "{} of {pass_tokens}", pass.tokens);
            for file in &pass.files {
                prop_assert!(words(&file.text) <= pass_tokens);
                for line in &file.added {
                    prop_assert!(file.lines.contains_key(line));
                    prop_assert!(read.insert((file.path.clone(), *line)), "read twice");
                }
            }
        }
        let mut listed = BTreeSet::new();
        for unread in &packed.unread {
            for range in &unread.lines {
                for line in range.first..=range.last {
                    prop_assert!(listed.insert((unread.path.clone(), line)), "listed twice");
                }
            }
        }
        prop_assert!(read.is_disjoint(&listed));
        let all: BTreeSet<_> = read.union(&listed).cloned().collect();
        prop_assert_eq!(all, added(&change));
    }
}
