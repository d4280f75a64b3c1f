//! Reviews put together from made-up analyses, and what must hold of all of them.

use std::collections::BTreeSet;
use std::sync::Arc;

use proptest::prelude::*;

use super::{Analyses, Analysis, BaselineEntry, Settings, family, review, scan};
use crate::change::{Change, FileChange, Side, Status};
use crate::coverage::{Outcome, SkipReason};
use crate::finding::{Agent, Confidence, Finding, Location, Severity, Step, stem};
use crate::hunk::{Hunk, Line, LineKind};
use crate::job::{JobReport, SideReport, Symbol};
use crate::review::{Review, Suppressed, SuppressedBy};
use crate::risk::{Floor, assess};
use crate::verdict::Outlook;

/// A world of files to review.
#[derive(Default)]
struct World {
    change: Change,
    analyses: Analyses,
    settings: Settings,
}

impl World {
    /// A changed file whose head has the lines `written` as new ones.
    fn file(&mut self, path: &str, written: &[u32]) -> &mut FileChange {
        self.change.files.push(FileChange {
            path: path.into(),
            old_path: None,
            status: Status::Modified,
            old_mode: Some(0o100_644),
            new_mode: Some(0o100_644),
            base: text("base"),
            head: text("head"),
            hunks: written.iter().map(|line| hunk(*line)).collect(),
        });
        self.change.files.last_mut().unwrap()
    }

    fn sides(&mut self, path: &str, base: Vec<Finding>, head: Vec<Finding>) -> &mut JobReport {
        let place = |mut one: Finding| {
            one.location.path = path.into();
            one
        };
        let report = JobReport {
            base: Some(side(base.into_iter().map(place).collect())),
            head: Some(side(head.into_iter().map(place).collect())),
        };
        self.analyses
            .files
            .insert(path.into(), Analysis::Report(Box::new(report)));
        match self.analyses.files.get_mut(&path.into()) {
            Some(Analysis::Report(report)) => report,
            _ => unreachable!(),
        }
    }

    fn review(&self) -> Review {
        review(&self.change, &self.analyses, &self.settings)
    }
}

fn text(content: &str) -> Side {
    Side::Text(Arc::from(content.as_bytes()))
}

fn hunk(line: u32) -> Hunk {
    Hunk {
        old_start: line,
        new_start: line,
        lines: vec![Line {
            kind: LineKind::Added,
            bytes: b"x\n".to_vec(),
        }],
    }
}

fn side(findings: Vec<Finding>) -> SideReport {
    SideReport {
        outcome: Outcome::Assessed {
            language: "python".into(),
        },
        is_searched: true,
        findings,
        suppressed: Vec::new(),
        symbols: Vec::new(),
        tests: Vec::new(),
        names: Vec::new(),
        imports: Vec::new(),
        dependencies: Vec::new(),
        ignores: Vec::new(),
        syntax_errors: 0,
    }
}

fn finding(rule: &str, line: u32, code: &str) -> Finding {
    Finding {
        rule: rule.into(),
        agent: Agent::Security,
        severity: Severity::High,
        confidence: Confidence::High,
        category: "injection".into(),
        cwe: Vec::new(),
        message: "m".into(),
        why: "w".into(),
        fix: "f".into(),
        location: at("a.py", line),
        comment_line: None,
        suggestion: None,
        path: Vec::new(),
        symbol: None,
        snippet: code.into(),
        fingerprint: stem(rule, None, code),
    }
}

fn at(path: &str, line: u32) -> Location {
    Location {
        path: path.into(),
        line,
        column: 1,
        end_line: line,
        end_column: 9,
    }
}

fn aside(one: &Finding) -> Suppressed {
    Suppressed {
        rule: one.rule.clone(),
        location: one.location.clone(),
        fingerprint: one.fingerprint.clone(),
        by: SuppressedBy::Comment,
        reason: "known".into(),
    }
}

fn symbol(name: &str, digest: &str) -> Symbol {
    Symbol {
        name: name.into(),
        kind: "function".into(),
        line: 1,
        end_line: 2,
        digest: digest.into(),
        is_public: true,
        signature: String::new(),
    }
}

fn lines(review: &Review) -> Vec<u32> {
    review
        .findings
        .iter()
        .map(|one| one.location.line)
        .collect()
}

#[test]
fn what_was_there_before_is_silent_and_what_is_new_is_not() {
    let mut world = World::default();
    world.file("a.py", &[7]);
    world.sides(
        "a.py",
        vec![finding("r", 2, "x")],
        vec![finding("r", 3, "x"), finding("r", 7, "y")],
    );
    let review = world.review();
    assert_eq!(lines(&review), [7]);
    assert_eq!(review.verdict.outlook, Outlook::Fail);
}

#[test]
fn a_finding_that_moves_to_another_file_is_silent() {
    let mut world = World::default();
    world.file("a.py", &[]);
    world.file("b.py", &[1]).status = Status::Added;
    world.sides("a.py", vec![finding("r", 2, "x")], vec![]);
    world.sides("b.py", vec![], vec![finding("r", 1, "x")]);
    assert!(world.review().findings.is_empty());
}

#[test]
fn a_copied_file_brings_its_findings_anew() {
    let mut world = World::default();
    let file = world.file("b.py", &[]);
    file.status = Status::Copied;
    file.old_path = Some("a.py".into());
    world.sides(
        "b.py",
        vec![finding("r", 2, "x")],
        vec![finding("r", 2, "x")],
    );
    let review = world.review();
    assert_eq!(lines(&review), [2]);
    assert_eq!(review.findings[0].comment_line, Some(2));
}

#[test]
fn a_finding_elsewhere_is_commented_on_the_changed_line_of_its_path() {
    let mut world = World::default();
    world.file("a.py", &[4, 90]);
    let mut flow = finding("r", 80, "x");
    flow.path = vec![
        Step {
            location: at("a.py", 4),
            message: "s".into(),
        },
        Step {
            location: at("a.py", 80),
            message: "t".into(),
        },
    ];
    world.sides(
        "a.py",
        vec![],
        vec![flow, finding("r", 88, "y"), finding("r", 90, "z")],
    );
    let review = world.review();
    let places: Vec<_> = review
        .findings
        .iter()
        .map(|one| (one.location.line, one.comment_line))
        .collect();
    assert_eq!(places, [(80, Some(4)), (88, Some(90)), (90, Some(90))]);
}

#[test]
fn an_ignore_comment_on_old_code_does_not_make_room_for_new_code() {
    let mut world = World::default();
    world.file("a.py", &[2, 9]);
    let report = world.sides(
        "a.py",
        vec![finding("r", 2, "x")],
        vec![finding("r", 9, "x")],
    );
    report.head.as_mut().unwrap().suppressed = vec![aside(&finding("r", 2, "x"))];
    let review = world.review();
    assert_eq!(lines(&review), [9]);
    assert_eq!(review.suppressed.len(), 1);
}

#[test]
fn an_ignore_comment_that_was_there_before_is_not_told_again() {
    let mut world = World::default();
    world.file("a.py", &[9]);
    let report = world.sides("a.py", vec![], vec![]);
    report.base.as_mut().unwrap().suppressed = vec![aside(&finding("r", 2, "x"))];
    report.head.as_mut().unwrap().suppressed = vec![aside(&finding("r", 3, "x"))];
    assert!(world.review().suppressed.is_empty());
}

#[test]
fn taking_an_ignore_comment_away_opens_the_finding() {
    let mut world = World::default();
    world.file("a.py", &[1]);
    let report = world.sides("a.py", vec![], vec![finding("r", 2, "x")]);
    report.base.as_mut().unwrap().suppressed = vec![aside(&finding("r", 2, "x"))];
    assert_eq!(lines(&world.review()), [2]);
}

fn entry(one: &Finding, path: &str) -> BaselineEntry {
    BaselineEntry {
        fingerprint: format!("{}-0", one.fingerprint),
        rule: one.rule.clone(),
        path: path.into(),
        reason: "legacy".into(),
    }
}

#[test]
fn the_baseline_sets_aside_what_it_lists_and_no_further_copy() {
    let mut world = World::default();
    world.file("a.py", &[2, 5]);
    world.sides("a.py", vec![], vec![finding("r", 2, "x")]);
    world.settings.baseline = vec![entry(&finding("r", 2, "x"), "a.py")];
    let review = world.review();
    assert!(review.findings.is_empty());
    assert_eq!(review.suppressed[0].by, SuppressedBy::Baseline);
    world.sides(
        "a.py",
        vec![finding("r", 2, "x")],
        vec![finding("r", 2, "x"), finding("r", 5, "x")],
    );
    assert_eq!(world.review().findings.len(), 1);
}

#[test]
fn the_baseline_follows_renames_and_counts_for_no_other_file() {
    let mut world = World::default();
    world.file("b.py", &[2]).status = Status::Renamed;
    world.change.files[0].old_path = Some("a.py".into());
    world.sides("b.py", vec![], vec![finding("r", 2, "x")]);
    world.settings.baseline = vec![entry(&finding("r", 2, "x"), "a.py")];
    assert!(world.review().findings.is_empty());
    world.settings.baseline = vec![entry(&finding("r", 2, "x"), "c.py")];
    assert_eq!(world.review().findings.len(), 1);
}

#[test]
fn two_rules_that_say_the_same_of_a_line_are_one_finding() {
    let mut world = World::default();
    world.file("a.py", &[2, 3]);
    let mut flow = finding("flow", 2, "x");
    flow.cwe = vec![77];
    flow.path = vec![Step {
        location: at("a.py", 2),
        message: "s".into(),
    }];
    let mut shape = finding("shape", 2, "x");
    shape.cwe = vec![78];
    let mut other = finding("other", 2, "x");
    other.cwe = vec![327];
    world.sides("a.py", vec![], vec![shape, flow, other]);
    let review = world.review();
    let rules: Vec<&str> = review
        .findings
        .iter()
        .map(|one| one.rule.as_str())
        .collect();
    assert_eq!(rules, ["flow", "other"]);
    assert_eq!(
        review.notes,
        ["1 finding says the same as another on the same line and is not shown"]
    );
}

#[test]
fn related_weaknesses_are_of_one_family() {
    assert_eq!(family(23), family(36));
    assert_eq!(family(328), 327);
    assert_ne!(family(89), family(79));
    assert_eq!(family(1), 1);
}

#[test]
fn every_file_is_covered_and_gaps_are_never_a_pass() {
    let mut world = World::default();
    world.file("binary", &[]).head = Side::Binary { size: 1_500 };
    world.file("huge", &[]).head = Side::TooLarge { size: 9_000_000 };
    world.file("link", &[]).head = Side::Symlink("../x".into());
    world.file("lost", &[]).head = Side::Unavailable("patch only".into());
    world.file("module", &[]).head = Side::Submodule("0123456789abcdef".into());
    world.file("none.py", &[]);
    let gone = world.file("gone.py", &[]);
    gone.head = Side::Absent;
    gone.status = Status::Deleted;
    let mode = world.file("mode.sh", &[]);
    mode.status = Status::ModeChanged;
    mode.head = text("base");
    mode.new_mode = Some(0o100_755);
    let review = world.review();
    let words: Vec<String> = review
        .coverage
        .iter()
        .map(|file| match &file.outcome {
            Outcome::Assessed { language } => format!("{} {language}", file.path),
            Outcome::Skipped { reason, detail } => {
                format!("{} {}: {detail}", file.path, reason.words())
            }
        })
        .collect();
    insta::assert_snapshot!(words.join("\n"), @r#"
    binary binary: 1.5 kB
    gone.py text
    huge too large: 9.0 MB
    link symlink
    lost content unavailable: patch only
    mode.sh text
    module vendored: submodule at 0123456789ab
    none.py analysis stopped: the analysis gave no answer
    "#);
    assert_eq!(review.verdict.outlook, Outlook::Inconclusive);
    assert_eq!(review.verdict.reasons.len(), 3);
    assert!(review.agents.iter().all(|agent| !agent.is_complete));
    let said: Vec<String> = review
        .summary
        .walkthrough
        .iter()
        .map(|row| format!("{}: {}", row.path, row.what))
        .collect();
    insta::assert_snapshot!(said.join("\n"), @r#"
    binary: updates a binary file
    gone.py: removes code
    huge: updates a file
    link: links to `../x`
    lost: updates a file
    mode.sh: becomes executable
    module: points the submodule at `0123456789ab`
    none.py: updates code
    "#);
}

#[test]
fn the_headline_says_what_changed_in_plain_words() {
    let mut world = World::default();
    world.file("auth/login.py", &[1, 2]);
    world.file("api/users.py", &[4]);
    let report = world.sides("auth/login.py", vec![], vec![finding("r", 2, "x")]);
    report.base.as_mut().unwrap().symbols = vec![
        symbol("logout", "1"),
        symbol("Old", "5"),
        symbol("Old.a", "6"),
    ];
    report.head.as_mut().unwrap().symbols = vec![
        symbol("login", "2"),
        symbol("logout", "3"),
        symbol("New", "7"),
        symbol("New.a", "6"),
    ];
    let report = world.sides("api/users.py", vec![], vec![]);
    report.base.as_mut().unwrap().symbols = vec![symbol("f", "9")];
    report.head.as_mut().unwrap().symbols = vec![symbol("g", "9")];
    let review = world.review();
    insta::assert_snapshot!(review.summary.headline, @"Changes 2 files in `auth` and `api` (+3 −0): adds `login` and `New`, changes `logout`, removes `Old`, renames 2 functions or classes; 1 high finding.");
    let row = &review.summary.walkthrough[1];
    insta::assert_snapshot!(row.what, @"adds `login` and `New`; changes `logout`; removes `Old`; renames `Old.a` to `New.a`");
}

#[test]
fn a_function_that_moves_between_files_is_said_to_move() {
    let mut world = World::default();
    world.file("src/a.py", &[]);
    world.file("src/b.py", &[1]);
    world
        .sides("src/a.py", vec![], vec![])
        .base
        .as_mut()
        .unwrap()
        .symbols = vec![symbol("f", "9")];
    world
        .sides("src/b.py", vec![], vec![])
        .head
        .as_mut()
        .unwrap()
        .symbols = vec![symbol("f", "9")];
    let review = world.review();
    insta::assert_snapshot!(review.summary.headline, @"Changes 2 files in `src` (+1 −0): moves `f`; no findings.");
    insta::assert_snapshot!(review.summary.walkthrough[1].what, @"takes `f` from `src/a.py`");
}

#[test]
fn an_empty_change_passes_and_says_so() {
    let review = World::default().review();
    assert_eq!(review.summary.headline, "Changes nothing; no findings.");
    assert_eq!(review.verdict.outlook, Outlook::Pass);
    assert_eq!(review.risk.score, 0);
}

#[test]
fn findings_beyond_the_cap_still_count() {
    let mut world = World::default();
    world.file("a.py", &[1]);
    let many = (1..=9).map(|line| finding("r", line, &line.to_string()));
    world.sides("a.py", vec![], many.collect());
    world.settings.policy.review.max_findings = 2;
    let review = world.review();
    assert_eq!(review.findings.len(), 2);
    assert_eq!(review.risk.score, 100);
    assert_eq!(review.agents[0].findings, 9);
    assert!(review.notes[0].starts_with("2 of 9 findings are shown"));
}

#[test]
fn a_scan_reports_everything_without_comment_lines() {
    let mut world = World::default();
    world.sides("a/x.py", vec![], vec![finding("r", 2, "x")]);
    world.sides("b/y.py", vec![], vec![finding("r", 2, "x")]);
    world.settings.baseline = vec![entry(&finding("r", 2, "x"), "b/y.py")];
    let review = scan(".", &world.analyses, &world.settings);
    assert_eq!(lines(&review), [2]);
    assert_eq!(review.findings[0].comment_line, None);
    assert_eq!(review.findings[0].location.path, "a/x.py".into());
    assert_eq!(
        review.summary.headline,
        "Scans 2 files in `a` and `b`; 1 high finding."
    );
}

/// A file's findings: a kind of code and its line, for each side.
type Side2 = Vec<(u8, u32)>;

fn worlds() -> impl Strategy<Value = Vec<(Side2, Side2, Vec<u32>, u8)>> {
    let lines = || proptest::collection::vec((0_u8..4, 1_u32..60), 0..8);
    let written = proptest::collection::btree_set(1_u32..60, 0..8)
        .prop_map(|lines: BTreeSet<u32>| lines.into_iter().collect::<Vec<u32>>());
    proptest::collection::vec((lines(), lines(), written, 0_u8..12), 1..6)
}

fn world(files: &[(Side2, Side2, Vec<u32>, u8)], shift: u32) -> World {
    let mut world = World::default();
    for (index, (base, head, written, fate)) in files.iter().enumerate() {
        let path = format!("dir{}/f{index}.py", index % 2);
        let written: Vec<u32> = written.iter().map(|line| line + shift).collect();
        let file = world.file(&path, &written);
        match fate {
            0 => file.head = Side::TooLarge { size: 1 },
            1 => file.head = Side::Binary { size: 1 },
            2 => file.status = Status::Copied,
            _ => {}
        }
        let made = |list: &Side2, shift: u32| {
            list.iter()
                .map(|(kind, line)| {
                    let mut one =
                        finding(&format!("r{}", kind % 3), line + shift, &kind.to_string());
                    one.severity = Severity::ALL[usize::from(*kind)];
                    one.cwe = vec![u32::from(kind / 2)];
                    one
                })
                .collect()
        };
        if *fate == 3 {
            world.analyses.files.insert(
                path.as_str().into(),
                Analysis::Skipped {
                    reason: SkipReason::Stopped,
                    detail: "too long".into(),
                },
            );
        } else {
            world.sides(&path, made(base, 0), made(head, shift));
        }
    }
    world
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn the_order_of_files_does_not_matter(files in worlds(), seed in 0_usize..9) {
        let first = world(&files, 0);
        let mut second = world(&files, 0);
        second.change.files.reverse();
        let middle = seed % second.change.files.len();
        second.change.files.rotate_left(middle);
        prop_assert_eq!(first.review(), second.review());
    }

    #[test]
    fn fingerprints_survive_lines_inserted_above(files in worlds(), shift in 1_u32..500) {
        let prints = |shift| -> Vec<(String, String)> {
            let review = world(&files, shift).review();
            let mut all: Vec<_> = review.findings.iter()
                .map(|one| (one.location.path.to_string(), one.fingerprint.clone()))
                .collect();
            all.sort();
            all
        };
        prop_assert_eq!(prints(0), prints(shift));
    }

    #[test]
    fn fingerprints_do_not_depend_on_what_base_had(files in worlds()) {
        let bare: Vec<_> = files.iter().cloned().map(|(_, head, written, fate)| (vec![], head, written, fate)).collect();
        let mut without_base = world(&bare, 0);
        let mut with_base = world(&files, 0);
        // Merging keeps one of several rules, which depends on what is new; it is not what is tested here.
        for one in [&mut without_base, &mut with_base] {
            one.settings.policy.review.max_findings = u32::MAX;
        }
        let all = super::cause::find(&super::sorted(&without_base.change), &without_base.analyses).open;
        let new = super::cause::find(&super::sorted(&with_base.change), &with_base.analyses).open;
        for one in new {
            let twin = all.iter().find(|other| other.location == one.location && other.rule == one.rule && super::cause::stem_of(&other.fingerprint) == super::cause::stem_of(&one.fingerprint));
            prop_assert_eq!(twin.map(|twin| &twin.fingerprint), Some(&one.fingerprint));
        }
    }

    #[test]
    fn fingerprints_are_unique(files in worlds()) {
        let review = world(&files, 0).review();
        let prints: BTreeSet<&str> = review.findings.iter().map(|one| one.fingerprint.as_str()).collect();
        prop_assert_eq!(prints.len(), review.findings.len());
    }

    #[test]
    fn a_gap_never_passes_and_risk_is_in_range(files in worlds()) {
        let review = world(&files, 0).review();
        let has_gap = review.coverage.iter().any(|file| matches!(
            &file.outcome,
            Outcome::Skipped { reason, .. } if !reason.is_neutral()
        ));
        prop_assert!(!has_gap || review.verdict.outlook != Outlook::Pass);
        prop_assert_eq!(review.coverage.len(), files.len());
        prop_assert!(review.risk.score <= 100);
        for one in &review.findings {
            prop_assert!(one.comment_line.is_some());
        }
    }

    #[test]
    fn risk_is_monotone_in_findings_and_floors(
        kinds in proptest::collection::vec(0_usize..5, 0..40),
        more in 0_usize..5,
        heights in proptest::collection::vec(0_u32..300, 0..4),
        height in any::<u32>(),
    ) {
        let of = |kind: &usize| { let mut one = finding("r", 1, "x"); one.severity = Severity::ALL[*kind]; one };
        let floor = |score: &u32| Floor { name: "n".into(), score: *score, path: "p".into() };
        let mut findings: Vec<Finding> = kinds.iter().map(of).collect();
        let mut floors: Vec<Floor> = heights.iter().map(floor).collect();
        let before = assess(&findings, &floors);
        findings.push(of(&more));
        let with_finding = assess(&findings, &floors);
        floors.push(floor(&height));
        let with_floor = assess(&findings, &floors);
        prop_assert!(before.score <= with_finding.score);
        prop_assert!(with_finding.score <= with_floor.score);
        prop_assert!(with_floor.score <= 100);
        prop_assert!(with_floor.reasons.is_sorted_by_key(|reason| std::cmp::Reverse(reason.points)));
    }
}
