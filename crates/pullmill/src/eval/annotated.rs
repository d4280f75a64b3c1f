//! Reads source files whose comments say of the next line what must (`ruleid:`) and must not (`ok:`) be reported.

mod comments;
mod extent;

use std::collections::{BTreeMap, BTreeSet};

use pullmill_core::change::RepoPath;
use serde_json::Value;

use super::families::{self, Weakness};
use super::tree::{self, Tree};
use super::{Corpus, EvalError, Item, Label, Place, Problem, Unlabelled, memory, named_at_most};

/// Which weaknesses the foreign rule ids stand for.
pub type Mapping = BTreeMap<String, Vec<u32>>;

/// Makes one item of every file with such comments.
///
/// # Errors
/// Fails if a file cannot be read or if no file has such comments.
pub fn load(name: &str, mapping: &Mapping, tree: &dyn Tree) -> Result<Corpus, EvalError> {
    let mut corpus = Corpus {
        name: name.to_owned(),
        ..Corpus::default()
    };
    for path in tree.paths() {
        let bytes = tree.read(path)?;
        let labels = labels(
            path,
            &String::from_utf8_lossy(&bytes),
            mapping,
            &mut corpus.notes,
        );
        if labels.is_empty() {
            continue;
        }
        corpus.items.push(Item {
            title: path.to_string(),
            source: path.to_string(),
            language: tree::language(path).to_owned(),
            change: memory::addition(path, &bytes),
            labels,
            unlabelled: Unlabelled::Apart,
        });
    }
    let unknown: BTreeSet<&str> = (corpus.items.iter())
        .flat_map(|item| &item.labels)
        .filter(|label| label.weakness == Weakness::Any)
        .map(|label| label.text.as_str())
        .collect();
    if !unknown.is_empty() {
        corpus.notes.push(format!(
            "{name}: any finding answers {} ids whose weakness is not known: {}",
            unknown.len(),
            named_at_most(5, &Vec::from_iter(unknown))
        ));
    }
    if corpus.items.is_empty() {
        return Err(EvalError::Empty(format!(
            "{name}: no file has a comment such as `ruleid: some-id` or `ok: some-id`"
        )));
    }
    Ok(corpus)
}

/// Reads the labels of one file.
fn labels(path: &RepoPath, text: &str, mapping: &Mapping, notes: &mut Vec<String>) -> Vec<Label> {
    let file = comments::read(path, text);
    let mut labels: Vec<Label> = Vec::new();
    for annotation in &file.annotations {
        let Some(target) = annotation.target else {
            notes.push(format!(
                "{path}:{}: no line follows this comment; it is left out",
                annotation.line + 1
            ));
            continue;
        };
        let last = if annotation.is_wanted {
            extent::block_end(&file, target)
        } else {
            extent::statement_end(&file, target)
        };
        for id in &annotation.ids {
            let label = label(path, annotation.is_wanted, (target, last), id, mapping);
            let is_same = |other: &Label| {
                other.is_wanted == label.is_wanted
                    && other.weakness == label.weakness
                    && other.places == label.places
            };
            if !labels.iter().any(is_same) {
                labels.push(label);
            }
        }
    }
    without_contradictions(path, labels, notes)
}

fn label(
    path: &RepoPath,
    is_wanted: bool,
    (first, last): (usize, usize),
    id: &str,
    mapping: &Mapping,
) -> Label {
    let number = |index: usize| u32::try_from(index + 1).unwrap_or(u32::MAX);
    let weaknesses = weaknesses_of(mapping, id);
    Label {
        is_wanted,
        weakness: Weakness::of(weaknesses, &BTreeSet::new()),
        places: vec![Place {
            path: path.clone(),
            lines: number(first)..=number(first),
            reach: number(first)..=number(last),
        }],
        category: None,
        text: id.to_owned(),
    }
}

/// Leaves out silence that a report wanted on the same line would break.
fn without_contradictions(
    path: &RepoPath,
    labels: Vec<Label>,
    notes: &mut Vec<String>,
) -> Vec<Label> {
    let (wanted, unwanted): (Vec<Label>, Vec<Label>) =
        labels.into_iter().partition(|label| label.is_wanted);
    let first_line = |label: &Label| label.places.first().map(Place::first_line);
    let (dropped, mut kept): (Vec<Label>, Vec<Label>) = unwanted.into_iter().partition(|label| {
        wanted.iter().any(|other| {
            first_line(other) == first_line(label) && other.weakness.overlaps(&label.weakness)
        })
    });
    for label in dropped {
        notes.push(format!(
            "{path}:{}: `ok: {}` is left out: another rule must report this line",
            first_line(&label).unwrap_or(1),
            label.text
        ));
    }
    kept.extend(wanted);
    kept
}

/// Reads a mapping: one `id cwe-N …` per line, with `#` comments.
///
/// # Errors
/// Returns every line that cannot be understood.
pub fn mapping(file: &str, text: &str) -> Result<Mapping, Vec<Problem>> {
    let mut mapping = Mapping::new();
    let mut problems = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.split('#').next().unwrap_or_default();
        let mut words = line
            .split([' ', '\t', ',', '='])
            .filter(|word| !word.is_empty());
        let Some(id) = words.next() else { continue };
        let numbers = families::numbers_in(line.trim_start().trim_start_matches(id));
        if numbers.is_empty() {
            problems.push(Problem {
                file: file.to_owned(),
                line: index + 1,
                message: "a line is a rule id and its weaknesses, such as `sql-concat cwe-89`"
                    .to_owned(),
            });
        }
        mapping.insert(id.to_owned(), numbers);
    }
    if problems.is_empty() {
        Ok(mapping)
    } else {
        Err(problems)
    }
}

/// Picks ids and weaknesses out of a YAML file of foreign rules; `false` if it is not YAML.
///
/// A rule is a mapping with an `id`; its weaknesses stand in its `metadata`, under keys that start with `cwe` or among
/// its `tags`.
pub fn mapping_from_rules(text: &str, mapping: &mut Mapping) -> bool {
    let text = text.trim_start_matches('\u{feff}');
    let Ok(documents) = serde_saphyr::from_multiple::<Value>(text) else {
        return false;
    };
    for document in &documents {
        let rules = document.get("rules").unwrap_or(document);
        let rules = rules
            .as_array()
            .map_or(std::slice::from_ref(rules), Vec::as_slice);
        for rule in rules {
            let Some(id) = rule.get("id").and_then(Value::as_str) else {
                continue;
            };
            let metadata = rule.get("metadata").unwrap_or(rule);
            let known = mapping.entry(id.to_owned()).or_default();
            for number in families::numbers_under(metadata) {
                if !known.contains(&number) {
                    known.push(number);
                }
            }
        }
    }
    true
}

/// The weaknesses of an id; rule files and comments may each put a path of dots in front of it.
fn weaknesses_of<'a>(mapping: &'a Mapping, id: &str) -> &'a [u32] {
    let last = |id: &str| id.rsplit('.').next().unwrap_or_default().to_owned();
    let exact = mapping.get(id).or_else(|| mapping.get(&last(id)));
    let found = exact.or_else(|| {
        let mut alike = mapping.iter().filter(|(other, _)| last(other) == last(id));
        match (alike.next(), alike.next()) {
            (Some((_, only)), None) => Some(only),
            _ => None,
        }
    });
    found.map_or(&[], Vec::as_slice)
}

#[cfg(test)]
mod tests;
