//! The built-in rules: all can be compiled, and all examples say what they should.
#![expect(clippy::expect_used, reason = "a test stops at what it did not expect")]

use std::fs;
use std::path::{Path, PathBuf};

use pullmill_analysis::analyser::Analyser;
use pullmill_analysis::examples;
use pullmill_analysis::pack::{self, Pack};
use pullmill_core::change::RepoPath;
use pullmill_core::job::Setup;

#[test]
fn every_rule_reports_its_bad_examples_and_none_of_its_good_ones() {
    let files = rule_files();
    let analyser = match Analyser::new(&Setup::default()) {
        Ok(analyser) => analyser,
        Err(problems) => panic!("{}", problems.join("\n")),
    };
    let mut report = String::new();
    for (path, text) in &files {
        match pack::read(path, text) {
            Err(problems) => report.push_str(&format!("{}\n", problems.join("\n"))),
            Ok(rules) => {
                for rule in rules {
                    let failures = examples::failures(&rule, &analyser);
                    if !failures.is_empty() {
                        report.push_str(&format!(
                            "{} ({path})\n    {}\n",
                            rule.meta.id,
                            failures.join("\n    ")
                        ));
                    }
                }
            }
        }
    }
    assert!(report.is_empty(), "rules fail:\n{report}");
}

#[test]
fn every_built_in_rule_compiles() {
    let pack = Pack::new(&[]).unwrap_or_else(|problems| panic!("{}", problems.join("\n")));
    let problems = pack.problems();
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

/// All rule files as path below `rules/` and text.
fn rule_files() -> Vec<(RepoPath, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../rules");
    let mut files: Vec<PathBuf> = Vec::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("rules can be listed") {
            let path = entry.expect("rules can be listed").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "yml") {
                files.push(path);
            }
        }
    }
    files.sort();
    files
        .iter()
        .map(|file| {
            let name = file
                .strip_prefix(&root)
                .expect("inside")
                .to_string_lossy()
                .into_owned();
            let text = fs::read_to_string(file).expect("rules are text");
            (RepoPath::from(name.as_str()), text)
        })
        .collect()
}
