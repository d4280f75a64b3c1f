//! Tries document rules: the examples of the built-in ones, reports and their places, and hostile input.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path as FilePath;
use std::sync::LazyLock;

use proptest::prelude::*;

use super::*;

/// A rule as it stands in a file, as far as these tests need it.
#[derive(Deserialize)]
struct Written {
    #[serde(flatten)]
    meta: RuleMeta,
    document: DocumentRule,
    examples: crate::rule::Examples,
}

/// Turns a YAML tree into JSON; numbers and truth values are told by how they look.
fn json(node: &Node) -> serde_json::Value {
    match &node.value {
        Value::Null => serde_json::Value::Null,
        Value::Scalar(text) => match text.as_str() {
            "true" => true.into(),
            "false" => false.into(),
            _ => text
                .parse::<i64>()
                .map_or_else(|_| text.clone().into(), Into::into),
        },
        Value::Seq(items) => items.iter().map(|item| json(item)).collect(),
        Value::Map(entries) => entries
            .iter()
            .map(|entry| (entry.key.clone(), json(&entry.node)))
            .collect::<serde_json::Map<_, _>>()
            .into(),
    }
}

fn rules_of(text: &str) -> Vec<Written> {
    let documents = yaml::parse(text).unwrap();
    documents
        .iter()
        .map(|document| {
            serde_json::from_value(json(document))
                .unwrap_or_else(|error| panic!("{error} in {:?}", document.get("id")))
        })
        .collect()
}

fn built_in() -> Vec<Written> {
    let root = FilePath::new(env!("CARGO_MANIFEST_DIR")).join("../../rules");
    let mut files = BTreeMap::new();
    for folder in ["github-actions", "dockerfile", "yaml"] {
        let Ok(entries) = fs::read_dir(root.join(folder)) else {
            continue;
        };
        for entry in entries {
            let path = entry.unwrap().path();
            files.insert(path.clone(), fs::read_to_string(path).unwrap());
        }
    }
    files.values().flat_map(|text| rules_of(text)).collect()
}

fn hits(text: &str, path: &str, document: &str) -> Vec<String> {
    let written = format!(
        "id: yaml.test\nagent: security\nseverity: low\nconfidence: low\ncategory: config\nmessage: m\nwhy: w\nfix: f\nexamples: {{}}\ndocument:\n{document}"
    );
    let rules: Vec<_> = rules_of(&written)
        .into_iter()
        .map(|rule| (Arc::new(rule.meta), rule.document))
        .collect();
    let outcome = analyse(text, &RepoPath::from(path), &rules);
    assert_eq!(outcome.parse_error, None);
    outcome
        .hits
        .iter()
        .map(|hit| text[hit.range.clone()].to_owned())
        .collect()
}

#[test]
fn every_built_in_rule_is_sound_and_its_examples_hold() {
    let rules = built_in();
    let mut failures = Vec::new();
    let mut ids = BTreeSet::new();
    for rule in &rules {
        let id = &rule.meta.id;
        if !ids.insert(id.clone()) {
            failures.push(format!("{id}: twice"));
        }
        failures.extend(
            rule.document
                .problems()
                .into_iter()
                .map(|problem| format!("{id}: {problem}")),
        );
        if rule.examples.bad.is_empty() || rule.examples.good.len() < 2 {
            failures.push(format!("{id}: too few examples"));
        }
        let path = rule.document.sample_path();
        let one = [(Arc::new(rule.meta.clone()), rule.document.clone())];
        let tried = rule
            .examples
            .bad
            .iter()
            .map(|text| (true, text))
            .chain(rule.examples.good.iter().map(|text| (false, text)));
        for (index, (bad, text)) in tried.enumerate() {
            let outcome = analyse(text, &path, &one);
            if let Some(error) = outcome.parse_error {
                failures.push(format!("{id}: example {index} at {path}: {error}"));
            } else if outcome.hits.is_empty() == bad {
                failures.push(format!(
                    "{id}: example {index} gave {} hits, bad is {bad}:\n{text}",
                    outcome.hits.len()
                ));
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert!(rules.len() >= 20, "only {} rules", rules.len());
}

#[test]
fn a_pattern_is_reported_where_it_matches() {
    let text = "jobs:\n  a:\n    steps:\n      - run: |\n          one\n          two bad\n          bad again\n";
    let rule = "  format: yaml\n  each: jobs.*.steps[*]\n  where:\n    - path: run\n      matches: 'bad.*'\n  report: run\n";
    assert_eq!(hits(text, "a.yml", rule), ["bad", "bad again"]);
}

#[test]
fn what_is_missing_is_reported_at_the_name_of_what_should_have_it() {
    let text = "jobs:\n  a: {x: 1}\n  b: {y: 1}\n";
    let rule = "  format: yaml\n  each: jobs.*\n  where:\n    - path: x\n      exists: false\n";
    assert_eq!(hits(text, "a.yml", rule), ["b"]);
}

#[test]
fn parents_siblings_and_nested_conditions_can_be_asked() {
    let text = "a:\n  - {name: x, on: 1}\n  - {name: y}\nb:\n  - {name: z}\n";
    let rule = "  format: yaml\n  each: '*[*]'\n  where:\n    - path: '^[*]'\n      where: [{path: name, equals: x}, {path: on, equals: 1}]\n    - not: [{path: on, exists: true}]\n  report: name\n";
    assert_eq!(hits(text, "a.yml", rule), ["y"]);
}

#[test]
fn a_rule_for_other_files_does_not_read_the_file() {
    let rules = rules_of(
        "id: yaml.t\nagent: bugs\nseverity: low\nconfidence: low\ncategory: c\nmessage: m\nwhy: w\nfix: f\nexamples: {}\ndocument: {format: yaml, files: ['a/*.yml'], where: [{exists: true}]}\n",
    );
    let rules: Vec<_> = rules
        .into_iter()
        .map(|rule| (Arc::new(rule.meta), rule.document))
        .collect();
    assert_eq!(
        analyse("a: [", &RepoPath::from("b/x.yml"), &rules).parse_error,
        None
    );
    assert!(
        analyse("a: [", &RepoPath::from("a/x.yml"), &rules)
            .parse_error
            .is_some()
    );
    assert_eq!(
        analyse("a: 1", &RepoPath::from("a/x.yml"), &rules)
            .hits
            .len(),
        1
    );
}

#[test]
fn untrusted_text_is_followed_to_every_line_that_uses_it() {
    let text = "on: issues\njobs:\n  read:\n    outputs:\n      title: ${{ steps.get.outputs.title }}\n    steps:\n      - id: get\n        env: {T: '${{ github.event.issue.title }}'}\n        run: echo \"title=$T\" >> $GITHUB_OUTPUT\n  use:\n    needs: read\n    steps:\n      - run: |\n          echo ok\n          echo ${{ needs.read.outputs.title }}\n          echo ${{ needs.read.outputs.other }}\n          echo ${{ github.event.issue.body }}\n";
    let path = RepoPath::from(".github/workflows/a.yml");
    let outcome = analyse(text, &path, &BUILT_IN);
    let lines: Vec<_> = outcome
        .hits
        .iter()
        .filter(|hit| hit.rule.id == "github-actions.script-injection")
        .map(|hit| {
            (
                text[..hit.range.start].matches('\n').count() + 1,
                hit.names["value"].as_str(),
            )
        })
        .collect();
    assert_eq!(
        lines,
        [
            (15, "github.event.issue.title"),
            (17, "github.event.issue.body")
        ]
    );
}

#[test]
fn aliases_of_aliases_end_in_bounded_time() {
    let mut text = "a0: &a0 [x, x]\n".to_owned();
    for level in 1..60 {
        let below = level - 1;
        text += &format!("a{level}: &a{level} [*a{below}, *a{below}, *a{below}]\n");
    }
    assert!(
        hits(
            &text,
            "a.yml",
            "  format: yaml\n  each: '**'\n  where: [{equals: never}]\n"
        )
        .is_empty()
    );
}

static BUILT_IN: LazyLock<Vec<(Arc<RuleMeta>, DocumentRule)>> = LazyLock::new(|| {
    built_in()
        .into_iter()
        .map(|rule| (Arc::new(rule.meta), rule.document))
        .collect()
});

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn no_text_makes_a_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400), pieces in proptest::collection::vec(0_usize..40, 0..60)) {
        let words = ["FROM a\n", "RUN ", "\\\n", "<<EOF\n", "EOF\n", "on: ", "jobs:\n", "  a:\n", "    steps:\n", "      - run: |\n", "${{ ", "github.event.issue.title", " }}", "&a ", "*a", "<<: ", "- ", "[", "]", "{", "}", "\"", "'", "\n", " ", "#", ":", ",", "é", "\r\n", "ENV A=b ", "--x=y ", "if: ", "env.A", "steps.a.outputs.b", "$", "\u{feff}", "ARG ", "${X:-", "resource \"a\" {\n"];
        let built: String = pieces.iter().map(|at| words[*at]).collect();
        for text in [String::from_utf8_lossy(&bytes).into_owned(), built] {
            for path in [".github/workflows/a.yml", "Dockerfile", "a.json"] {
                let outcome = analyse(&text, &RepoPath::from(path), &BUILT_IN);
                for hit in outcome.hits {
                    prop_assert!(text.get(hit.range.clone()).is_some());
                }
            }
            let _ = hcl::parse(&text);
            let _ = json::parse(&text);
        }
    }
}
