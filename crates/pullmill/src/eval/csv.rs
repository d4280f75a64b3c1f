//! Reads expected results of suites with one test per file: `test name, category, real vulnerability, cwe`.

use std::collections::{BTreeMap, BTreeSet};

use pullmill_core::change::RepoPath;

use super::families::Weakness;
use super::tree::{self, Tree};
use super::{Corpus, EvalError, Item, Label, Place, Problem, Unlabelled, memory};

/// One test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The stem of the test's file.
    pub name: String,
    /// The suite's own name for the kind of test.
    pub category: String,
    /// Whether the weakness is real, or a look-alike.
    pub is_real: bool,
    /// The weakness.
    pub cwe: u32,
}

/// Reads the table.
///
/// # Errors
/// Returns every row that cannot be understood.
pub fn rows(file: &str, text: &str) -> Result<Vec<Row>, Vec<Problem>> {
    let mut columns = Columns::default();
    let mut rows = Vec::new();
    let mut problems = Vec::new();
    let mut names = BTreeSet::new();
    for (index, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
        let bare = line.trim().trim_start_matches('#');
        let cells: Vec<&str> = bare
            .split(',')
            .map(|cell| cell.trim().trim_matches('"').trim())
            .collect();
        if let Some(named) = Columns::named_by(&cells) {
            columns = named;
            continue;
        }
        if line.trim().is_empty() || line.trim_start().starts_with('#') {
            continue;
        }
        let row = columns.row(&cells).and_then(|row| {
            if names.insert(row.name.clone()) {
                Ok(row)
            } else {
                Err(format!("`{}` stands twice", row.name))
            }
        });
        match row {
            Ok(row) => rows.push(row),
            Err(message) => problems.push(Problem {
                file: file.to_owned(),
                line: index + 1,
                message,
            }),
        }
    }
    if problems.is_empty() {
        Ok(rows)
    } else {
        Err(problems)
    }
}

/// Where each column stands.
struct Columns {
    name: usize,
    category: usize,
    real: usize,
    cwe: usize,
}

impl Default for Columns {
    fn default() -> Self {
        Self {
            name: 0,
            category: 1,
            real: 2,
            cwe: 3,
        }
    }
}

impl Columns {
    /// Reads a header line, commented out or not.
    fn named_by(cells: &[&str]) -> Option<Self> {
        let find = |words: [&str; 2]| {
            cells.iter().position(|cell| {
                let cell = cell.to_ascii_lowercase();
                words
                    .iter()
                    .any(|word| cell == *word || cell.starts_with(&format!("{word} ")))
            })
        };
        Some(Self {
            name: find(["test", "name"])?,
            category: find(["category", "kind"])?,
            real: find(["real", "vulnerable"])?,
            cwe: find(["cwe", "cwe number"])?,
        })
    }

    fn row(&self, cells: &[&str]) -> Result<Row, String> {
        let cell = |index: usize| cells.get(index).copied().filter(|cell| !cell.is_empty());
        let (Some(name), Some(category), Some(real), Some(cwe)) = (
            cell(self.name),
            cell(self.category),
            cell(self.real),
            cell(self.cwe),
        ) else {
            return Err(
                "a row is `test name,category,true|false,cwe`, such as `Test1,sqli,true,89`"
                    .to_owned(),
            );
        };
        let is_real = match real.to_ascii_lowercase().as_str() {
            "true" => true,
            "false" => false,
            _ => {
                return Err(format!(
                    "`{real}` is not allowed; a test is `true` (a real weakness) or `false`"
                ));
            }
        };
        let digits = cwe.to_ascii_lowercase();
        let digits = digits.strip_prefix("cwe-").unwrap_or(&digits);
        Ok(Row {
            name: name.to_owned(),
            category: category.to_owned(),
            is_real,
            cwe: (digits.parse())
                .map_err(|_| format!("`{cwe}` is no weakness; allowed is a number such as `89`"))?,
        })
    }
}

/// Finds the file of every test and makes one item of each.
///
/// # Errors
/// Fails if a file cannot be read or if no row has a file.
pub fn load(name: &str, rows: &[Row], tree: &dyn Tree) -> Result<Corpus, EvalError> {
    let files = files_by_stem(tree.paths());
    let apart = told_apart(rows);
    let mut corpus = Corpus {
        name: name.to_owned(),
        ..Corpus::default()
    };
    let mut missing = Vec::new();
    for row in rows {
        match files.get(row.name.as_str()) {
            Some(paths) => corpus.items.push(item(row, paths, &apart, tree)?),
            None => missing.push(row.name.as_str()),
        }
    }
    if corpus.items.is_empty() {
        return Err(EvalError::Empty(format!(
            "{name}: none of the {} tests has a file of its name",
            rows.len()
        )));
    }
    if let Some(first) = missing.first() {
        corpus.notes.push(format!(
            "{name}: {} tests have no file of their name and are left out, such as {first}",
            missing.len()
        ));
    }
    Ok(corpus)
}

/// Files by their name without extension; programs only, where there is one.
fn files_by_stem(paths: &[RepoPath]) -> BTreeMap<&str, Vec<&RepoPath>> {
    let mut files: BTreeMap<&str, Vec<&RepoPath>> = BTreeMap::new();
    for path in paths {
        let name = path.file_name();
        let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
        files.entry(stem).or_default().push(path);
    }
    for paths in files.values_mut() {
        if paths.iter().any(|path| tree::is_code(path)) {
            paths.retain(|path| tree::is_code(path));
        }
    }
    files
}

/// Weaknesses for which the suite has a kind of test of its own.
fn told_apart(rows: &[Row]) -> BTreeSet<u32> {
    let kinds: BTreeMap<u32, &str> = rows
        .iter()
        .map(|row| (row.cwe, row.category.as_str()))
        .collect();
    let names: BTreeSet<&str> = kinds.values().copied().collect();
    if names.len() > 1 {
        kinds.into_keys().collect()
    } else {
        BTreeSet::new()
    }
}

fn item(
    row: &Row,
    paths: &[&RepoPath],
    apart: &BTreeSet<u32>,
    tree: &dyn Tree,
) -> Result<Item, EvalError> {
    let mut head = memory::Files::new();
    for path in paths {
        head.insert((*path).clone(), tree.read(path)?);
    }
    let source = paths
        .first()
        .map_or(row.name.as_str(), |path| path.as_str());
    Ok(Item {
        title: row.name.clone(),
        source: source.to_owned(),
        language: paths
            .first()
            .map_or("other", |path| tree::language(path))
            .to_owned(),
        change: memory::change(&row.name, &memory::Files::new(), &head),
        labels: vec![Label {
            is_wanted: row.is_real,
            weakness: Weakness::of(&[row.cwe], apart),
            places: paths
                .iter()
                .map(|path| Place::anywhere((*path).clone()))
                .collect(),
            category: Some(row.category.clone()),
            text: row.category.clone(),
        }],
        unlabelled: Unlabelled::Apart,
    })
}

#[cfg(test)]
mod tests;
