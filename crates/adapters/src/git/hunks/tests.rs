//! Regions turn the base into the head whatever both are, and hostile pairs cost little.

use std::time::{Duration, Instant};

use proptest::prelude::*;
use pullmill_core::change::{RepoPath, Status};
use pullmill_core::hunk::{FilePatch, Hunk, parse, print};

use super::{Effort, anchors, hunks, hunks_within};

fn patch(hunks: Vec<Hunk>) -> FilePatch {
    FilePatch {
        path: RepoPath::from("x"),
        old_path: None,
        status: Status::Modified,
        old_mode: None,
        new_mode: None,
        old_id: None,
        new_id: None,
        binary: false,
        hunks,
    }
}

#[test]
fn a_change_is_shown_with_three_lines_around_it() {
    let base = b"1\n2\n3\n4\n5\n6\n7\n8\n9\n";
    let head = b"1\n2\n3\n4\nfive\n6\n7\n8\n9\n";
    let text = print(&patch(hunks(base, head)));
    let text = String::from_utf8(text).unwrap();
    assert_eq!(
        text,
        "diff --git a/x b/x\n--- a/x\n+++ b/x\n@@ -2,7 +2,7 @@\n 2\n 3\n 4\n-5\n+five\n 6\n 7\n 8\n"
    );
}

#[test]
fn an_empty_side_starts_at_line_zero() {
    let hunk = &hunks(b"", b"a\nb")[0];
    assert_eq!((hunk.old_start, hunk.new_start), (0, 1));
    let hunk = &hunks(b"a\n", b"")[0];
    assert_eq!((hunk.old_start, hunk.new_start), (1, 0));
}

#[test]
fn a_hostile_pair_ends_soon() {
    let lines = |seed: u64| -> Vec<u8> {
        let mut state = seed;
        let mut text = Vec::new();
        for _ in 0..300_000 {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            text.extend([b'a' + ((state >> 60) as u8), b'\n']);
        }
        text
    };
    let start = Instant::now();
    let (base, head) = (lines(1), lines(2));
    let patch = patch(hunks(&base, &head));
    assert_eq!(patch.apply(&base), Ok(head));
    assert!(
        start.elapsed() < Duration::from_secs(10),
        "{:?}",
        start.elapsed()
    );
}

fn text() -> impl Strategy<Value = Vec<u8>> {
    let line = prop_oneof![
        4 => Just("}\n"), 2 => Just("a\n"), 2 => Just("b\r\n"), 1 => Just("c\n"), 1 => Just("\n"),
        1 => Just("d\n"), 1 => Just("e\n"),
    ];
    (proptest::collection::vec(line, 0..40), any::<bool>()).prop_map(|(lines, cut)| {
        let mut text = lines.concat().into_bytes();
        if cut {
            text.pop();
        }
        text
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn regions_turn_one_side_into_the_other(base in text(), head in text()) {
        let file = patch(hunks(&base, &head));
        prop_assert_eq!(file.apply(&base), Ok(head.clone()));
        prop_assert_eq!(file.unapply(&head), Ok(base.clone()));
        prop_assert_eq!(file.hunks.is_empty(), base == head);
        if !file.hunks.is_empty() {
            prop_assert_eq!(parse(&print(&file)), Ok(vec![file]));
        }
    }

    #[test]
    fn regions_stay_right_when_no_work_is_left(base in text(), head in text(), pairs in 0_u64..500) {
        let mut effort = Effort { pairs };
        let file = patch(hunks_within(&base, &head, &mut effort));
        prop_assert_eq!(file.apply(&base), Ok(head));
    }

    #[test]
    fn paired_lines_are_equal_lines(base in text(), head in text(), pairs in 0_u64..500) {
        let old: Vec<&[u8]> = base.split_inclusive(|byte| *byte == b'\n').collect();
        let new: Vec<&[u8]> = head.split_inclusive(|byte| *byte == b'\n').collect();
        let mut kept: (Vec<&[u8]>, Vec<&[u8]>) = Default::default();
        let (mut old_at, mut new_at) = (0, 0);
        for (gone, come) in anchors::edits(&old, &new, &mut Effort { pairs }) {
            kept.0.extend(&old[old_at..gone.start]);
            kept.1.extend(&new[new_at..come.start]);
            (old_at, new_at) = (gone.end, come.end);
        }
        kept.0.extend(&old[old_at..]);
        kept.1.extend(&new[new_at..]);
        prop_assert_eq!(kept.0, kept.1);
    }
}
