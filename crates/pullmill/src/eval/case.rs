//! Reads our own corpus: one file per case, a header and the files of both sides (see `docs/eval.md`).

use pullmill_core::change::RepoPath;

use super::families::Weakness;
use super::memory::{self, Files};
use super::{Item, Label, Place, Problem, Unlabelled};

/// Reads one case; `source` names its file and `language` is what it counts for.
///
/// # Errors
/// Returns every mistake in the file.
pub fn parse(source: &str, language: &str, text: &str) -> Result<Item, Vec<Problem>> {
    let mut reader = Reader::new(source);
    for (index, line) in text.split_inclusive('\n').enumerate() {
        reader.take(index + 1, line);
    }
    reader.finish(language)
}

const NO_TITLE: &str = "`title:` needs one line of text";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum SideName {
    Base,
    Head,
}

struct Expectation {
    line: usize,
    weakness: Weakness,
    path: RepoPath,
    text: String,
}

/// A file of one side: the line of its marker, where it belongs and what it holds.
struct Section {
    line: usize,
    side: SideName,
    path: RepoPath,
    text: String,
}

struct Reader<'a> {
    source: &'a str,
    title: Option<String>,
    expectations: Vec<Expectation>,
    sections: Vec<Section>,
    problems: Vec<Problem>,
}

impl<'a> Reader<'a> {
    fn new(source: &'a str) -> Self {
        Self {
            source,
            title: None,
            expectations: Vec::new(),
            sections: Vec::new(),
            problems: Vec::new(),
        }
    }

    fn problem(&mut self, line: usize, message: impl Into<String>) {
        self.problems.push(Problem {
            file: self.source.to_owned(),
            line,
            message: message.into(),
        });
    }

    fn take(&mut self, number: usize, line: &str) {
        if let Some((side, path)) = marker(line) {
            self.open(number, side, path);
        } else if let Some(section) = self.sections.last_mut() {
            section.text.push_str(line);
        } else {
            self.take_header(number, line.trim());
        }
    }

    fn open(&mut self, number: usize, side: SideName, path: &str) {
        if path.is_empty() || path.split('/').any(|part| matches!(part, "" | "." | "..")) {
            let message =
                format!("`{path}` is no path inside a repository, such as `app/search.py`");
            self.problem(number, message);
        }
        let path = RepoPath::from(path);
        let is_known = |section: &Section| section.side == side && section.path == path;
        if self.sections.iter().any(is_known) {
            self.problem(number, format!("`{path}` stands twice on this side"));
        }
        self.sections.push(Section {
            line: number,
            side,
            path,
            text: String::new(),
        });
    }

    fn take_header(&mut self, number: usize, line: &str) {
        if line.is_empty() {
            return;
        }
        match line.split_once(':') {
            Some(("title", title)) if title.trim().is_empty() => {
                self.problem(number, NO_TITLE);
            }
            Some(("title", _)) if self.title.is_some() => {
                self.problem(number, "a case has one `title:`");
            }
            Some(("title", title)) => self.title = Some(title.trim().to_owned()),
            Some(("expect", rest)) => match expectation(number, rest) {
                Ok(expectation) => self.expectations.push(expectation),
                Err(message) => self.problem(number, message),
            },
            _ => self.problem(
                number,
                "the header holds `title:` and `expect:` lines; files start with `-- base/PATH --` or `-- head/PATH --`",
            ),
        }
    }

    fn finish(mut self, language: &str) -> Result<Item, Vec<Problem>> {
        if self.title.is_none() && !self.problems.iter().any(|each| each.message == NO_TITLE) {
            self.problem(1, "`title:` is missing");
        }
        let change = memory::change(
            self.source,
            &self.side(SideName::Base),
            &self.side(SideName::Head),
        );
        if change.files.is_empty() {
            self.problem(
                1,
                "nothing changes; give files as `-- base/PATH --` and `-- head/PATH --`",
            );
        }
        let mut labels = Vec::new();
        for expectation in std::mem::take(&mut self.expectations) {
            match label(&expectation, &self.sections) {
                Ok(label) => labels.push(label),
                Err(message) => self.problem(expectation.line, message),
            }
        }
        if !self.problems.is_empty() {
            self.problems.sort_by_key(|problem| problem.line);
            return Err(self.problems);
        }
        Ok(Item {
            title: self.title.unwrap_or_default(),
            source: self.source.to_owned(),
            language: language.to_owned(),
            change,
            labels,
            unlabelled: Unlabelled::False,
        })
    }

    fn side(&self, side: SideName) -> Files {
        let sections = self.sections.iter().filter(|section| section.side == side);
        sections
            .map(|section| (section.path.clone(), section.text.as_bytes().into()))
            .collect()
    }
}

fn marker(line: &str) -> Option<(SideName, &str)> {
    let name = line.trim_end().strip_prefix("-- ")?.strip_suffix(" --")?;
    if let Some(path) = name.strip_prefix("base/") {
        return Some((SideName::Base, path));
    }
    Some((SideName::Head, name.strip_prefix("head/")?))
}

const EXPECT: &str = "`expect:` needs a weakness, a file and a text, such as `cwe-89 app/search.py | cursor.execute(sql)`";

fn expectation(line: usize, rest: &str) -> Result<Expectation, String> {
    let (place, text) = rest.split_once('|').ok_or(EXPECT)?;
    let (weakness, path) = (place.trim().split_once(char::is_whitespace)).ok_or(EXPECT)?;
    let (path, text) = (path.trim(), text.trim());
    if path.is_empty() || text.is_empty() {
        return Err(EXPECT.to_owned());
    }
    Ok(Expectation {
        line,
        weakness: weakness_of(weakness)?,
        path: RepoPath::from(path),
        text: text.to_owned(),
    })
}

fn weakness_of(word: &str) -> Result<Weakness, String> {
    if let Some(category) = word.strip_prefix("bug:")
        && !category.is_empty()
    {
        return Ok(Weakness::Bug(category.to_owned()));
    }
    let number = word
        .strip_prefix("cwe-")
        .and_then(|digits| digits.parse().ok());
    match number {
        Some(id) => Ok(Weakness::cwe(id)),
        None => Err(format!(
            "`{word}` is no weakness; allowed are `cwe-N` and `bug:CATEGORY`"
        )),
    }
}

fn label(expectation: &Expectation, sections: &[Section]) -> Result<Label, String> {
    let Expectation { path, text, .. } = expectation;
    let section = sections
        .iter()
        .find(|section| section.side == SideName::Head && section.path == *path)
        .ok_or_else(|| format!("there is no `-- head/{path} --`"))?;
    let mut places = (section.text.lines().enumerate()).filter(|(_, line)| line.contains(text));
    let (first, second) = (places.next(), places.next());
    let number = |index: usize| u32::try_from(index + 1).unwrap_or(u32::MAX);
    match (first, second) {
        (Some((index, _)), None) => Ok(Label {
            is_wanted: true,
            weakness: expectation.weakness.clone(),
            places: vec![Place::line(path.clone(), number(index))],
            category: None,
            text: text.clone(),
        }),
        (Some((first, _)), Some((second, _))) => Err(format!(
            "`{text}` must stand in exactly one line of head/{path}, but is in lines {} and {} of it (lines {} and {} here)",
            first + 1,
            second + 1,
            section.line + first + 1,
            section.line + second + 1,
        )),
        _ => Err(format!(
            "`{text}` must stand in exactly one line of head/{path}, but is in none"
        )),
    }
}

#[cfg(test)]
mod tests;
