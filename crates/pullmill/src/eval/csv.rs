//! Reads expected results of suites with one test per file: `test name, category, real vulnerability, cwe`.

use std::collections::{BTreeMap, BTreeSet};

use pullmill_core::change::RepoPath;

use super::families::{self, Weakness};
use super::tree::{self, Index, Tree};
use super::{Corpus, EvalError, Item, Label, Place, Problem, Unlabelled, memory, named_at_most};

/// One expected result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The test's file: its path, its name, or its name without extension.
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
    let text = text.trim_start_matches('\u{feff}');
    let mut reader = ::csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(delimiter(text))
        .trim(::csv::Trim::All)
        .from_reader(text.as_bytes());
    let mut columns = Columns::default();
    let mut rows: Vec<Row> = Vec::new();
    let mut known: BTreeMap<(String, u32), usize> = BTreeMap::new();
    let mut problems = Vec::new();
    for record in reader.records() {
        let problem = |line: u64, message: String| Problem {
            file: file.to_owned(),
            line: usize::try_from(line).unwrap_or(usize::MAX),
            message,
        };
        let record = match record {
            Ok(record) => record,
            Err(error) => {
                let line = error.position().map_or(1, ::csv::Position::line);
                problems.push(problem(line, error.to_string()));
                continue;
            }
        };
        let line = record.position().map_or(1, ::csv::Position::line);
        let mut cells: Vec<&str> = record.iter().collect();
        let is_comment = (cells.first()).is_some_and(|cell| cell.starts_with('#'));
        if let Some(first) = cells.first_mut() {
            *first = first.trim_start_matches('#').trim();
        }
        if let Some(named) = Columns::named_by(&cells) {
            columns = named;
            continue;
        }
        if is_comment || cells.iter().all(|cell| cell.is_empty()) {
            continue;
        }
        match columns.row(&cells) {
            Ok(row) => match known.get(&(row.name.clone(), row.cwe)) {
                Some(earlier) => problems.push(problem(
                    line,
                    format!(
                        "`{}` stands twice with weakness {}, first in line {earlier}",
                        row.name, row.cwe
                    ),
                )),
                None => {
                    let line = usize::try_from(line).unwrap_or(usize::MAX);
                    known.insert((row.name.clone(), row.cwe), line);
                    rows.push(row);
                }
            },
            Err(message) => problems.push(problem(line, message)),
        }
    }
    if problems.is_empty() {
        Ok(rows)
    } else {
        Err(problems)
    }
}

/// The separator that the first line of text holds most of.
fn delimiter(text: &str) -> u8 {
    let first = text.lines().find(|line| !line.trim().is_empty());
    let count = |mark: u8| {
        let bytes = first.unwrap_or_default().bytes();
        bytes.filter(|byte| *byte == mark).count()
    };
    // `max_by_key` takes the last of equals.
    [b'\t', b';', b',']
        .into_iter()
        .max_by_key(|mark| count(*mark))
        .unwrap_or(b',')
}

/// Where each column stands.
struct Columns {
    name: usize,
    category: Option<usize>,
    real: usize,
    cwe: usize,
}

impl Default for Columns {
    fn default() -> Self {
        Self {
            name: 0,
            category: Some(1),
            real: 2,
            cwe: 3,
        }
    }
}

impl Columns {
    /// Reads a header line, commented out or not.
    fn named_by(cells: &[&str]) -> Option<Self> {
        let cells: Vec<String> = (cells.iter())
            .map(|cell| cell.to_ascii_lowercase().replace(['_', '-'], " "))
            .collect();
        let find = |names: &[&str]| {
            cells.iter().position(|cell| {
                (names.iter()).any(|name| cell == name || cell.starts_with(&format!("{name} ")))
            })
        };
        Some(Self {
            name: find(&["test", "testcase", "name", "file", "filename", "path"])?,
            category: find(&["category", "kind", "type", "vulnerability type"]),
            real: cells
                .iter()
                .position(|cell| cell == "vulnerability")
                .filter(|_| find(REAL).is_none())
                .or_else(|| find(REAL))?,
            cwe: find(&["cwe"])?,
        })
    }

    fn row(&self, cells: &[&str]) -> Result<Row, String> {
        let cell = |index: usize| cells.get(index).copied().filter(|cell| !cell.is_empty());
        let category = self.category.map_or(Some(""), cell);
        let (Some(name), Some(category), Some(real), Some(cwe)) =
            (cell(self.name), category, cell(self.real), cell(self.cwe))
        else {
            return Err(
                "a row is `test name,category,true|false,cwe`, such as `Test1,sqli,true,89`"
                    .to_owned(),
            );
        };
        let is_real = match real.to_ascii_lowercase().as_str() {
            "true" | "yes" | "y" | "t" | "1" => true,
            "false" | "no" | "n" | "f" | "0" => false,
            _ => {
                return Err(format!(
                    "`{real}` is not allowed; a test is `true`, `yes` or `1` (a real weakness), or `false`, `no` or `0`"
                ));
            }
        };
        let number = cwe.parse().ok();
        let number = number.or_else(|| families::numbers_in(cwe).first().copied());
        let cwe = number
            .ok_or_else(|| format!("`{cwe}` is no weakness; allowed is a number such as `89`"))?;
        Ok(Row {
            name: name.to_owned(),
            category: if category.is_empty() {
                format!("cwe-{cwe}")
            } else {
                category.to_owned()
            },
            is_real,
            cwe,
        })
    }
}

/// Names of the column that says whether the weakness is real.
const REAL: &[&str] = &[
    "real",
    "vulnerable",
    "is vulnerable",
    "is real",
    "expected",
    "true positive",
];

/// Finds the file of every test and makes one item of each.
///
/// # Errors
/// Fails if a file cannot be read or if no row has a file.
pub fn load(name: &str, rows: &[Row], tree: &dyn Tree) -> Result<Corpus, EvalError> {
    let index = Index::new(tree.paths());
    let by_stem = files_by_stem(tree.paths());
    let apart = told_apart(rows);
    let mut corpus = Corpus {
        name: name.to_owned(),
        ..Corpus::default()
    };
    let mut tests: Vec<(&str, Vec<&Row>)> = Vec::new();
    let mut places: BTreeMap<&str, usize> = BTreeMap::new();
    for row in rows {
        let place = *places.entry(&row.name).or_insert(tests.len());
        match tests.get_mut(place) {
            Some((_, rows)) => rows.push(row),
            None => tests.push((&row.name, vec![row])),
        }
    }
    let mut missing = Vec::new();
    for (test, rows) in &tests {
        let named = index.find(&test.replace('\\', "/"));
        let files = named
            .map(|path| vec![path])
            .or_else(|| by_stem.get(test).cloned());
        match files {
            Some(paths) => corpus.items.push(item(test, rows, &paths, &apart, tree)?),
            None => missing.push(*test),
        }
    }
    if corpus.items.is_empty() {
        return Err(EvalError::Empty(format!(
            "{name}: none of the {} tests has a file of its name",
            tests.len()
        )));
    }
    if !missing.is_empty() {
        corpus.notes.push(format!(
            "{name}: {} tests have no file of their name and are left out: {}",
            missing.len(),
            named_at_most(5, &missing)
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
    test: &str,
    rows: &[&Row],
    paths: &[&RepoPath],
    apart: &BTreeSet<u32>,
    tree: &dyn Tree,
) -> Result<Item, EvalError> {
    let mut head = memory::Files::new();
    for path in paths {
        head.insert((*path).clone(), tree.read(path)?);
    }
    let label = |row: &&Row| Label {
        is_wanted: row.is_real,
        weakness: Weakness::of(&[row.cwe], apart),
        places: paths
            .iter()
            .map(|path| Place::anywhere((*path).clone()))
            .collect(),
        category: Some(row.category.clone()),
        text: row.category.clone(),
    };
    Ok(Item {
        title: test.to_owned(),
        source: paths.first().map_or(test, |path| path.as_str()).to_owned(),
        language: paths
            .first()
            .map_or("other", |path| tree::language(path))
            .to_owned(),
        change: memory::change(test, &memory::Files::new(), &head),
        labels: rows.iter().map(label).collect(),
        unlabelled: Unlabelled::Apart,
    })
}

#[cfg(test)]
mod tests;
