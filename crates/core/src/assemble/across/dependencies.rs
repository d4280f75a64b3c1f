//! What a change does to what the program depends on: versions that go back, and names that look like others.

use std::collections::BTreeMap;

use super::super::Analyses;
use super::super::summary::reports;
use crate::change::RepoPath;
use crate::finding::{Agent, Confidence, Finding, Location, Severity, stem};
use crate::job::{Dependency, SideReport};
use crate::review::DependencyChange;
use crate::rule_text::RuleText;

/// A dependency goes back to an older version.
pub const DOWNGRADED: RuleText = RuleText {
    id: "dependency.downgraded",
    agent: Agent::Bugs,
    severity: Severity::Low,
    confidence: Confidence::High,
    category: "dependency",
    message: "a dependency goes back to an older version",
    why: "What was mended since then is broken again, security among it.",
    fix: "Keep the newer version, or say in the change what is wrong with it.",
};

/// A new dependency is called almost like one that everybody knows.
pub const LOOK_ALIKE: RuleText = RuleText {
    id: "dependency.look-alike",
    agent: Agent::Security,
    severity: Severity::Medium,
    confidence: Confidence::Medium,
    category: "supply-chain",
    message: "a new dependency is called almost like one that everybody knows",
    why: "Packages with names one slip away from known ones are published to be installed by mistake, and run code while they are installed.",
    fix: "Look whether this is the package that was meant.",
};

/// CWE-1357: reliance on a component that is not trustworthy.
const UNTRUSTED: u32 = 1357;

/// Names that many depend on, by registry: ours, to be added to.
const KNOWN: [(&str, &[&str]); 3] = [
    (
        "npm",
        &[
            "axios",
            "babel-core",
            "chalk",
            "commander",
            "cross-env",
            "discord.js",
            "dotenv",
            "electron",
            "eslint",
            "express",
            "jquery",
            "lodash",
            "mongodb",
            "mongoose",
            "nodemailer",
            "prettier",
            "react",
            "react-dom",
            "request",
            "typescript",
            "webpack",
        ],
    ),
    (
        "pypi",
        &[
            "beautifulsoup4",
            "boto3",
            "colorama",
            "cryptography",
            "django",
            "fastapi",
            "flask",
            "jinja2",
            "matplotlib",
            "numpy",
            "pandas",
            "pillow",
            "pydantic",
            "pytest",
            "pyyaml",
            "requests",
            "scikit-learn",
            "selenium",
            "setuptools",
            "sqlalchemy",
            "tensorflow",
            "urllib3",
        ],
    ),
    (
        "cargo",
        &[
            "anyhow",
            "chrono",
            "clap",
            "futures",
            "libc",
            "rand",
            "regex",
            "reqwest",
            "rust_decimal",
            "serde",
            "serde_json",
            "tokio",
            "tracing",
        ],
    ),
];

/// Names of their own that are one slip away from those.
const NEIGHBOURS: [&str; 8] = [
    "boto", "djongo", "expresso", "future", "jinja", "preact", "regexp", "tslint",
];

/// What is new, gone or of another version, by manifest and name.
pub(in super::super) fn changes(analyses: &Analyses) -> Vec<DependencyChange> {
    let mut changes = Vec::new();
    for (path, report) in reports(analyses) {
        let (base, head) = (by_name(report.base.as_ref()), by_name(report.head.as_ref()));
        for (name, one) in &base {
            let now = head.get(name);
            if now.is_none_or(|now| now.version != one.version) {
                changes.push(change(path, name, Some(one), now.copied()));
            }
        }
        let new = head.iter().filter(|(name, _)| !base.contains_key(*name));
        changes.extend(new.map(|(name, one)| change(path, name, None, Some(*one))));
    }
    changes
}

/// Versions that go back, and names that look like others.
pub(super) fn find(analyses: &Analyses) -> Vec<Finding> {
    let mut found = Vec::new();
    for (path, report) in reports(analyses) {
        let (base, head) = (by_name(report.base.as_ref()), by_name(report.head.as_ref()));
        for (name, now) in &head {
            match base.get(name) {
                Some(was) if is_less(&now.version, &was.version) => found.push(Finding {
                    message: format!("`{name}` goes back from {} to {}", was.version, now.version),
                    fingerprint: stem(DOWNGRADED.id, Some(path.as_str()), name),
                    ..DOWNGRADED.finding(place(path, now.line))
                }),
                Some(_) => {}
                None => found.extend(look_alike(path, now)),
            }
        }
    }
    found
}

fn look_alike(path: &RepoPath, new: &Dependency) -> Option<Finding> {
    let (_, known) = KNOWN
        .iter()
        .find(|(registry, _)| *registry == new.registry)?;
    let name = new.name.to_ascii_lowercase();
    if known.contains(&name.as_str()) || NEIGHBOURS.contains(&name.as_str()) {
        return None;
    }
    let like = known
        .iter()
        .find(|known| known.len() >= 5 && is_one_slip(&name, known))?;
    Some(Finding {
        message: format!("`{}` is called almost like `{like}`", new.name),
        cwe: vec![UNTRUSTED],
        fingerprint: stem(LOOK_ALIKE.id, Some(path.as_str()), &name),
        ..LOOK_ALIKE.finding(place(path, new.line))
    })
}

/// Whether two words differ by one letter more, less or other, or by two that changed places.
fn is_one_slip(one: &str, other: &str) -> bool {
    let (one, other): (Vec<char>, Vec<char>) = (one.chars().collect(), other.chars().collect());
    let same = one.iter().zip(&other).take_while(|(a, b)| a == b).count();
    let (a, b) = (&one[same..], &other[same..]);
    match (a, b) {
        ([], [_]) | ([_], []) => true,
        ([], _) | (_, []) => false,
        _ => {
            let is_swapped =
                a.len() > 1 && b.len() > 1 && a[0] == b[1] && a[1] == b[0] && a[2..] == b[2..];
            is_swapped || a[1..] == b[1..] || a[1..] == *b || *a == b[1..]
        }
    }
}

/// Whether a version is surely older: both begin with numbers, and these are less.
fn is_less(now: &str, was: &str) -> bool {
    let numbers = |version: &str| -> Option<Vec<u64>> {
        let plain = version.trim_start_matches(['^', '~', '=', '>', '<', 'v', ' ']);
        let end = plain.find(|next: char| !next.is_ascii_digit() && next != '.');
        let plain = &plain[..end.unwrap_or(plain.len())];
        plain.split('.').map(|part| part.parse().ok()).collect()
    };
    match (numbers(now), numbers(was)) {
        (Some(now), Some(was)) => now < was && !was.starts_with(&now),
        _ => false,
    }
}

fn by_name(side: Option<&SideReport>) -> BTreeMap<&str, &Dependency> {
    let all = side.into_iter().flat_map(|side| &side.dependencies);
    all.map(|one| (one.name.as_str(), one)).collect()
}

fn change(
    path: &RepoPath,
    name: &str,
    before: Option<&Dependency>,
    after: Option<&Dependency>,
) -> DependencyChange {
    let version = |one: Option<&Dependency>| one.map(|one| one.version.clone());
    DependencyChange {
        path: path.clone(),
        name: name.to_owned(),
        before: version(before),
        after: version(after),
    }
}

fn place(path: &RepoPath, line: u32) -> Location {
    Location {
        path: path.clone(),
        line,
        column: 1,
        end_line: line,
        end_column: 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn imitations_are_told_from_known_neighbours() {
        let told = |registry: &str, name: &str| {
            let new = Dependency {
                registry: registry.to_owned(),
                name: name.to_owned(),
                version: String::new(),
                line: 1,
            };
            look_alike(&"package.json".into(), &new).is_some()
        };
        assert!(told("cargo", "rustdecimal") && told("npm", "lodahs") && told("pypi", "reqests"));
        for (registry, name) in [
            ("npm", "preact"),
            ("npm", "tslint"),
            ("pypi", "boto"),
            ("npm", "react"),
            ("go", "lodahs"),
        ] {
            assert!(!told(registry, name), "{name}");
        }
    }

    #[test]
    fn one_slip_is_told_from_other_names() {
        for (one, other) in [
            ("reqests", "requests"),
            ("requestss", "requests"),
            ("lodahs", "lodash"),
            ("expresz", "express"),
        ] {
            assert!(is_one_slip(one, other), "{one}");
        }
        for (one, other) in [
            ("requests", "requests"),
            ("request-promise", "request"),
            ("flask", "flax"),
            ("tokio-util", "tokio"),
        ] {
            assert!(!is_one_slip(one, other), "{one}");
        }
    }

    #[test]
    fn versions_are_compared_by_their_numbers() {
        for (now, was) in [("1.9.0", "1.10.0"), ("^1.2", "^2.0"), ("0.9", "1")] {
            assert!(is_less(now, was), "{now}");
        }
        for (now, was) in [
            ("1.10.0", "1.9.0"),
            ("1", "1.2.3"),
            ("latest", "1.0"),
            ("", "1.0"),
            ("2.0", "2.0"),
        ] {
            assert!(!is_less(now, was), "{now}");
        }
    }
}
