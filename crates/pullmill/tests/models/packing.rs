//! What is read of changes through windows of any size: everything the change wrote is read, or listed as unread.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::*;

/// A file of functions.
fn source(functions: usize, tag: &str) -> String {
    let mut text = String::new();
    for number in 0..functions {
        let _ = write!(
            text,
            "def {tag}_{number}(items):\n    total = 0\n    for item in items:\n        total += item * {number}\n    return total\n\n\n"
        );
    }
    text
}

/// The lines that a review's questions showed as written by the change, by file.
fn read(world: &World) -> BTreeSet<(String, u64)> {
    let mut all = BTreeSet::new();
    for asked in world.server.asked() {
        let mut file = String::new();
        for line in asked.content.lines() {
            if let Some(heading) = line.strip_prefix("### ") {
                file = heading.rsplit_once(" (").unwrap().0.to_owned();
            }
            let digits: String = line.chars().take_while(char::is_ascii_digit).collect();
            if !digits.is_empty() && line[digits.len()..].starts_with('+') {
                all.insert((file.clone(), digits.parse().unwrap()));
            }
        }
    }
    all
}

fn unread(review: &Value) -> BTreeSet<(String, u64)> {
    let mut all = BTreeSet::new();
    for one in review["model"]["unread"].as_array().unwrap() {
        let path = one["path"].as_str().unwrap();
        for range in one["lines"].as_array().unwrap() {
            let bound = |name: &str| range[name].as_u64().unwrap();
            all.extend((bound("first")..=bound("last")).map(|line| (path.to_owned(), line)));
        }
    }
    all
}

/// Property 4: Large Diff Context Window Handling.
#[test]
fn property_04_every_line_is_read_or_listed_at_every_window() {
    let files: Vec<(String, String)> = (0..6)
        .map(|number| {
            (
                format!("pkg/part{number}.py"),
                source(12 + number * 5, &format!("f{number}")),
            )
        })
        .collect();
    let after: Vec<(&str, &str)> = files
        .iter()
        .map(|(path, text)| (path.as_str(), text.as_str()))
        .collect();
    let wanted: BTreeSet<(String, u64)> = files
        .iter()
        .flat_map(|(path, text)| (1..=text.lines().count() as u64).map(|line| (path.clone(), line)))
        .collect();
    for window in [8_000, 16_000, 32_000, 200_000] {
        for passes in [1, 3, 12] {
            let mut world = World::with(&[("README.md", "# x\n")], &after, |asked| {
                with(asked, vec![])
            });
            world.window = window;
            let review = world.review(&format!("max_passes = {passes}\n"));
            let (read, unread) = (read(&world), unread(&review));
            assert!(read.is_disjoint(&unread), "{window} {passes}");
            let all: BTreeSet<_> = read.union(&unread).cloned().collect();
            assert_eq!(all, wanted, "{window} {passes}");
            assert!(world.server.asked().len() <= passes, "{window} {passes}");
            let outlook = &review["verdict"]["outlook"];
            assert_eq!(
                unread.is_empty(),
                outlook == "pass",
                "{window} {passes}: {outlook}"
            );
        }
    }
}

#[test]
fn a_line_that_fits_no_question_is_listed_by_its_number() {
    let long = format!("a = 1\nb = \"{}\"\nc = 3\n", "x y ".repeat(9_000));
    let mut world = World::with(&[("README.md", "# x\n")], &[("a.py", &long)], |asked| {
        with(asked, vec![])
    });
    world.window = 8_000;
    let review = world.review("");
    assert_eq!(
        review["model"]["unread"],
        json!([{"path": "a.py", "lines": [{"first": 2, "last": 2}], "reason": "line_too_long"}])
    );
    assert_eq!(review["verdict"]["outlook"], "inconclusive");
}

#[test]
fn generated_files_are_left_out_and_said_and_the_verdict_does_not_wait_for_them() {
    let lock = "{\n  \"lockfileVersion\": 3\n}\n";
    let world = World::with(
        &[("app.py", BEFORE)],
        &[("package-lock.json", lock), ("a.py", "X = 1\n")],
        |asked| with(asked, vec![]),
    );
    let review = world.review("");
    assert_eq!(world.server.asked()[0].files(), ["a.py"]);
    assert_eq!(review["model"]["unread"][0]["reason"], "generated");
    assert_eq!(review["verdict"]["outlook"], "pass", "{review:#}");
}

/// Property 14: Optimal Model Selection and Processing Efficiency. The samples of `eval/packing`: 1 call and 6,000 tokens for the small one; for the others at most three tokens for each token
/// of the difference, and 3 calls for the medium one.
#[test]
fn property_14_a_whole_review_of_the_samples_takes_as_few_tokens_as_promised() {
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../eval/packing");
    for (name, most_calls) in [("small", 1), ("medium", 3), ("large", 12)] {
        let world = World::with(&[], &[], |asked| Reply::Say(asked.diligent().to_string()));
        let mut world = world;
        world.window = 200_000;
        let folder = world.folder.path();
        for file in ["base.patch", "change.patch"] {
            let patch = samples.join(name).join(file);
            git(
                folder,
                &["apply", "--whitespace=nowarn", patch.to_str().unwrap()],
            );
            git(folder, &["add", "-Af"]);
            git(folder, &["commit", "-q", "-m", "m"]);
        }
        let difference = fs::read_to_string(samples.join(name).join("change.patch")).unwrap();
        let difference = pullmill_testkit::models::tokens(&difference);
        let review = world.review("");
        let model = &review["model"];
        let number = |field: &str| usize::try_from(model[field].as_u64().unwrap()).unwrap();
        let all = number("tokens_in") + number("tokens_out");
        let most = if name == "small" {
            6_000
        } else {
            3 * difference
        };
        assert!(
            all <= most,
            "{name}: {all} tokens for a difference of {difference}"
        );
        assert!(
            number("calls") <= most_calls,
            "{name}: {} calls",
            number("calls")
        );
        let unread = model["unread"].as_array().unwrap().iter();
        let gaps: Vec<_> = unread.filter(|one| one["reason"] != "generated").collect();
        assert!(gaps.is_empty(), "{name}: {gaps:?}");
    }
}
