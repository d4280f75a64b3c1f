//! Scoring and printing, with reviewers that say what they are told.

use std::collections::BTreeSet;

use proptest::prelude::*;
use pullmill_core::change::{Change, RepoPath};
use pullmill_core::finding::Finding;

use super::families::{Weakness, numbers_in};
use super::fixtures::{bug, corpus, finding, location, perfect, reviewer, through};
use super::score::{self, By, Outcome};
use super::table::{self, Show};
use super::{Evaluation, Item, Label, Place, Unlabelled, evaluate};

fn label(is_wanted: bool, weakness: Weakness, line: u32) -> Label {
    Label {
        is_wanted,
        weakness,
        places: vec![Place::line(RepoPath::from("app.py"), line)],
        category: None,
        text: format!("line {line}"),
    }
}

fn item(title: &str, labels: Vec<Label>, unlabelled: Unlabelled) -> Item {
    Item {
        title: title.to_owned(),
        source: format!("{title}.case"),
        language: "python".to_owned(),
        change: Change {
            label: title.to_owned(),
            ..Change::default()
        },
        labels,
        unlabelled,
    }
}

fn outcomes(item: &Item, findings: &[Finding]) -> Vec<Outcome> {
    let judgements = score::judge("corpus", item, findings);
    judgements.iter().map(|each| each.outcome).collect()
}

fn example() -> Evaluation {
    let sql = || Weakness::cwe(89);
    let mut hash = item(
        "hash",
        vec![label(true, Weakness::cwe(328), 3)],
        Unlabelled::False,
    );
    hash.language = "java".to_owned();
    let items = vec![
        item("search", vec![label(true, sql(), 2)], Unlabelled::False),
        item("clean", vec![], Unlabelled::False),
        item("constant", vec![], Unlabelled::False),
        hash,
    ];
    let mut say = reviewer(|change| match change.label.as_str() {
        "search" => vec![finding("python.sql-injection", &[89], "app.py", 2)],
        "constant" => vec![finding("python.command-injection", &[78], "app.py", 9)],
        _ => vec![],
    });
    evaluate(vec![corpus(items)], &mut say).unwrap()
}

#[test]
fn tables_show_rates_by_language_and_weakness() {
    let mut text = String::new();
    table::print(
        &mut text,
        &example(),
        &[By::Language, By::Cwe, By::Rule],
        Some(Show::All),
    )
    .unwrap();
    insta::assert_snapshot!(text);
}

#[test]
fn json_lists_rates_and_mistakes() {
    let evaluation = example();
    insta::assert_json_snapshot!(table::report(&evaluation));
}

#[test]
fn a_finding_of_the_family_on_the_line_meets_the_label() {
    let item = item(
        "a",
        vec![label(true, Weakness::cwe(89), 2)],
        Unlabelled::False,
    );
    let found = [finding("r", &[564], "app.py", 2)];
    assert_eq!(outcomes(&item, &found), [Outcome::Met]);
}

#[test]
fn another_weakness_line_or_file_is_false() {
    let item = item(
        "a",
        vec![label(true, Weakness::cwe(89), 2)],
        Unlabelled::False,
    );
    for other in [
        finding("r", &[79], "app.py", 2),
        finding("r", &[89], "app.py", 3),
        finding("r", &[89], "other.py", 2),
    ] {
        assert_eq!(outcomes(&item, &[other]), [Outcome::False, Outcome::Missed]);
    }
}

#[test]
fn the_way_and_the_comment_line_meet_a_label() {
    let item = item(
        "a",
        vec![label(true, Weakness::cwe(89), 2)],
        Unlabelled::False,
    );
    let way = through(finding("r", &[89], "app.py", 9), 2);
    let comment = Finding {
        comment_line: Some(2),
        suggestion: None,
        ..finding("r", &[89], "app.py", 9)
    };
    let lines = Finding {
        location: location("app.py", 1, 3),
        ..finding("r", &[89], "app.py", 1)
    };
    for found in [way, comment, lines] {
        assert_eq!(outcomes(&item, &[found]), [Outcome::Met]);
    }
}

#[test]
fn what_only_passes_a_line_that_must_be_silent_is_no_alarm() {
    let item = item("a", vec![label(false, Weakness::Any, 2)], Unlabelled::Apart);
    let way = through(finding("r", &[89], "app.py", 9), 2);
    assert_eq!(
        outcomes(&item, &[way]),
        [Outcome::Unlabelled, Outcome::Silent]
    );
    let there = finding("r", &[89], "app.py", 2);
    assert_eq!(outcomes(&item, &[there]), [Outcome::Alarm]);
}

#[test]
fn a_finding_within_reach_of_two_labels_counts_for_the_one_it_touches() {
    let reaching = |is_wanted, line: u32| Label {
        places: vec![Place {
            path: RepoPath::from("app.py"),
            lines: line..=line,
            reach: line - 2..=line + 2,
        }],
        ..label(is_wanted, Weakness::cwe(89), line)
    };
    let item = item(
        "a",
        vec![reaching(true, 10), reaching(false, 12)],
        Unlabelled::False,
    );
    let exact = [finding("r", &[89], "app.py", 10)];
    assert_eq!(outcomes(&item, &exact), [Outcome::Met, Outcome::Silent]);
    let near = [finding("r", &[89], "app.py", 9)];
    assert_eq!(outcomes(&item, &near), [Outcome::Met, Outcome::Silent]);
}

#[test]
fn two_reports_of_one_thing_count_once() {
    let item = item(
        "a",
        vec![label(true, Weakness::cwe(89), 2)],
        Unlabelled::False,
    );
    let found = [
        finding("r", &[89], "app.py", 2),
        finding("s", &[89], "app.py", 2),
    ];
    let judgements = score::judge("corpus", &item, &found);
    assert_eq!(score::total(&judgements).met, 1);
    assert_eq!(score::split(&judgements, By::Rule).len(), 2);
}

#[test]
fn a_bug_is_told_by_agent_and_category() {
    let wanted = Weakness::Bug("null-safety".to_owned());
    let item = item("a", vec![label(true, wanted, 2)], Unlabelled::False);
    assert_eq!(
        outcomes(&item, &[bug("null-safety", "app.py", 2)]),
        [Outcome::Met]
    );
    let other = bug("correctness", "app.py", 2);
    assert_eq!(outcomes(&item, &[other]), [Outcome::False, Outcome::Missed]);
}

#[test]
fn kin_stand_for_each_other_unless_the_corpus_tells_them_apart() {
    let weak_hash = finding("r", &[328], "app.py", 1);
    assert!(Weakness::cwe(327).accepts(&weak_hash));
    let apart = BTreeSet::from([327, 328]);
    assert!(!Weakness::of(&[327], &apart).accepts(&weak_hash));
    assert!(Weakness::of(&[328], &apart).accepts(&weak_hash));
    let password_hash = finding("r", &[916], "app.py", 1);
    assert!(Weakness::of(&[328], &apart).accepts(&password_hash));
    assert!(!Weakness::of(&[327], &apart).accepts(&password_hash));
    for (label, found) in [(327, 916), (326, 328), (326, 916), (22, 73)] {
        assert!(Weakness::cwe(label).accepts(&finding("r", &[found], "app.py", 1)));
    }
    assert!(!Weakness::cwe(89).accepts(&finding("r", &[79], "app.py", 1)));
    assert!(Weakness::cwe(4711).accepts(&finding("r", &[4711], "app.py", 1)));
}

#[test]
fn weakness_numbers_are_read_from_tags_and_titles() {
    assert_eq!(numbers_in("external/cwe/cwe-089"), [89]);
    assert_eq!(numbers_in("CWE-79: Cross-site Scripting, CWE_80"), [79, 80]);
    assert_eq!(numbers_in("[cwe-22, cwe-22]"), [22]);
    assert!(numbers_in("no weakness 89").is_empty());
}

#[test]
fn a_reviewer_that_loses_changes_is_an_error() {
    let items = vec![item("a", vec![], Unlabelled::False)];
    let error = evaluate(vec![corpus(items)], &mut |_| Ok(vec![])).unwrap_err();
    assert_eq!(
        error.to_string(),
        "1 changes were reviewed, but 0 reviews came back"
    );
}

fn any_weakness() -> impl Strategy<Value = Weakness> {
    prop_oneof![
        Just(Weakness::Any),
        proptest::sample::select(vec![22, 78, 79, 89, 327, 328, 4711]).prop_map(Weakness::cwe),
        Just(Weakness::Bug("null-safety".to_owned())),
    ]
}

/// Labels on lines of their own, so that a perfect reviewer can please all of them.
fn any_item() -> impl Strategy<Value = Item> {
    let labels = proptest::collection::vec((any::<bool>(), any_weakness()), 0..6);
    let unlabelled = prop_oneof![Just(Unlabelled::False), Just(Unlabelled::Apart)];
    (labels, unlabelled).prop_map(|(labels, unlabelled)| {
        let labels = (1..).zip(labels);
        let labels = labels.map(|(line, (is_wanted, weakness))| label(is_wanted, weakness, line));
        item("any", labels.collect(), unlabelled)
    })
}

fn any_findings() -> impl Strategy<Value = Vec<Finding>> {
    let cwe = proptest::sample::select(vec![23_u32, 77, 80, 564, 326, 916, 4711]);
    let one = (cwe, 0..9_u32, any::<bool>()).prop_map(|(cwe, line, is_bug)| {
        if is_bug {
            bug("null-safety", "app.py", line)
        } else {
            finding("r", &[cwe], "app.py", line)
        }
    });
    proptest::collection::vec(one, 0..12)
}

proptest! {
    #[test]
    fn rates_lie_between_0_and_1(item in any_item(), findings in any_findings()) {
        let judgements = score::judge("corpus", &item, &findings);
        let mut tallies = vec![score::total(&judgements)];
        for by in [By::Language, By::Cwe, By::Rule, By::Corpus, By::Category] {
            tallies.extend(score::split(&judgements, by).into_values());
        }
        for tally in tallies {
            let rates = [tally.precision(), tally.recall(), tally.f1(), tally.false_positive_rate()];
            for rate in rates.into_iter().flatten() {
                prop_assert!((0.0..=1.0).contains(&rate));
            }
            prop_assert!(tally.score().is_none_or(|score| (-1.0..=1.0).contains(&score)));
        }
    }

    #[test]
    fn every_label_is_judged_once(item in any_item(), findings in any_findings()) {
        let judgements = score::judge("corpus", &item, &findings);
        let total = score::total(&judgements);
        let wanted = item.labels.iter().filter(|label| label.is_wanted).count();
        prop_assert_eq!((total.met + total.missed) as usize, wanted);
        let rest = item.labels.len() - wanted;
        let is_clean = item.labels.is_empty() && item.unlabelled == Unlabelled::False;
        prop_assert_eq!(total.negatives as usize, rest + usize::from(is_clean));
    }

    #[test]
    fn a_perfect_reviewer_scores_1(items in proptest::collection::vec(any_item(), 1..5)) {
        let judgements: Vec<_> = items
            .iter()
            .flat_map(|item| score::judge("corpus", item, &perfect(item)))
            .collect();
        let total = score::total(&judgements);
        for rate in [total.precision(), total.recall(), total.f1()] {
            prop_assert!(rate.is_none_or(|rate| rate == 1.0));
        }
        prop_assert!(total.false_positive_rate().is_none_or(|rate| rate == 0.0));
        prop_assert_eq!(total.false_reports + total.missed, 0);
    }
}
