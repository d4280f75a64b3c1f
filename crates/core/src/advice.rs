//! What a model says of a change: its form, how it is read however badly it is written, and how it is held against the code.

mod carry;
mod language;
mod repair;
mod schema;
mod verify;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use crate::finding::{Agent, Confidence, Severity};

pub use carry::carry;
pub use schema::schema_of;
pub use verify::{Dropped, PREFIX, Verified, is_from_model, is_from_own, verify};

/// An answer to a review's question.
#[derive(Clone, Debug, Default, PartialEq, Eq, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Advice {
    /// What the change does and why it matters, in a few sentences.
    pub overview: String,
    /// What happens in each file; proof that it was read.
    pub files: Vec<FileWords>,
    /// What is wrong.
    pub findings: Vec<Claim>,
}

/// What happens in a file.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct FileWords {
    /// The file.
    pub path: String,
    /// One sentence.
    pub what: String,
}

/// What a model believes to be wrong.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Claim {
    /// Whose business it is.
    pub agent: Agent,
    /// How bad.
    pub severity: Severity,
    /// How sure.
    pub confidence: Confidence,
    /// The file.
    pub path: String,
    /// The line.
    pub line: u32,
    /// What stands there.
    pub quote: String,
    /// One sentence.
    pub title: String,
    /// Why it matters.
    #[serde(default)]
    pub why: String,
    /// How to mend it.
    #[serde(default)]
    pub fix: String,
    /// The weakness, if it is one.
    #[serde(default)]
    pub cwe: Option<u32>,
    /// What the line should say instead.
    #[serde(default)]
    pub replacement: Option<String>,
}

/// An answer that could be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Read {
    /// The answer.
    pub advice: Advice,
    /// Parts of it that were no findings and no words about files, and were left out.
    pub bad: u32,
    /// Whether its end is missing.
    pub is_cut: bool,
}

/// Why an answer is of no use.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unusable {
    /// Nothing was said.
    #[error("the answer is empty")]
    Empty,
    /// It is something else.
    #[error("the answer is no JSON object")]
    NotJson,
    /// It lacks a part.
    #[error("the answer has no `{0}`, or not as it should be")]
    Lacks(&'static str),
    /// It speaks another language.
    #[error("the answer is not in English")]
    Language,
    /// It holds the marks that fence off what others wrote: it was talked into something.
    #[error("the answer repeats the marks around the change, which no honest answer does")]
    Marks,
}

impl Advice {
    /// Reads an answer. One bad part never spoils the others.
    ///
    /// # Errors
    /// Says why nothing of it is of use.
    pub fn read(text: &str) -> Result<Read, Unusable> {
        let (object, is_cut) = repair::object(text)?;
        let overview = object.get("overview").and_then(Value::as_str);
        let overview = overview.or(is_cut.then_some(""));
        let overview = overview.ok_or(Unusable::Lacks("overview"))?;
        let files = object.get("files").and_then(Value::as_array);
        let findings = object.get("findings").and_then(Value::as_array);
        // The end of an answer that was cut is missing by nature.
        let empty = is_cut.then(Vec::new);
        let files = files.or(empty.as_ref()).ok_or(Unusable::Lacks("files"))?;
        let findings = findings
            .or(empty.as_ref())
            .ok_or(Unusable::Lacks("findings"))?;
        let mut bad = 0;
        let advice = Self {
            overview: overview.to_owned(),
            files: parts(files, &mut bad),
            findings: parts(findings, &mut bad),
        };
        if !language::is_english(&advice) {
            return Err(Unusable::Language);
        }
        Ok(Read {
            advice,
            bad,
            is_cut,
        })
    }
}

/// The parts that are what they should be; the others are counted.
fn parts<T: for<'de> Deserialize<'de>>(values: &[Value], bad: &mut u32) -> Vec<T> {
    let mut good = Vec::new();
    for value in values {
        match T::deserialize(value) {
            Ok(part) => good.push(part),
            Err(_) => *bad += 1,
        }
    }
    good
}

/// Reads a list out of an answer that is a JSON object with one; parts of it that are not what they should be are left out.
///
/// # Errors
/// Says why it is of no use.
pub fn read_list<T: for<'de> Deserialize<'de>>(
    answer: &str,
    field: &'static str,
) -> Result<Vec<T>, Unusable> {
    let (object, _) = repair::object(answer)?;
    let list = object.get(field).and_then(Value::as_array);
    Ok(parts(list.ok_or(Unusable::Lacks(field))?, &mut 0))
}

/// Reads a text out of an answer that is a JSON object with one.
///
/// # Errors
/// Says why it is of no use.
pub fn read_text(answer: &str, field: &'static str) -> Result<(String, bool), Unusable> {
    let (object, is_cut) = repair::object(answer)?;
    let text = object.get(field).and_then(Value::as_str).map(str::trim);
    match text.filter(|text| !text.is_empty()) {
        Some(text) => Ok((text.to_owned(), is_cut)),
        None => Err(Unusable::Lacks(field)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"{"overview": "It adds a thing to the list.", "files": [{"path": "a.py", "what": "Adds it."}],
      "findings": [{"agent": "bugs", "severity": "high", "confidence": "high", "path": "a.py", "line": 3, "quote": "x = 1",
        "title": "It is wrong", "why": "", "fix": "", "cwe": null, "replacement": null}]}"#;

    #[test]
    fn a_good_answer_is_read_as_it_is_with_words_around_it_too() {
        let plain = Advice::read(GOOD).unwrap();
        assert_eq!(
            (plain.advice.findings.len(), plain.bad, plain.is_cut),
            (1, 0, false)
        );
        for text in [
            format!("```json\n{GOOD}\n```"),
            format!("Here is the review you asked for:\n{GOOD}\nI hope that it helps {{you}}."),
            GOOD.replace("\"replacement\": null}]}", "\"replacement\": null,},],}"),
            GOOD.replace("It is wrong", "It is\nwrong")
                .replace("\\n", "\n"),
        ] {
            let read = Advice::read(&text).unwrap();
            assert_eq!(read.advice.findings.len(), 1, "{text}");
            assert!(!read.is_cut, "{text}");
        }
    }

    #[test]
    fn one_bad_finding_spoils_no_other() {
        let text = GOOD.replace(
            "\"findings\": [",
            "\"findings\": [7, {\"agent\": \"king\"}, ",
        );
        let read = Advice::read(&text).unwrap();
        assert_eq!((read.advice.findings.len(), read.bad), (1, 2));
    }

    #[test]
    fn the_whole_parts_of_an_answer_that_was_cut_are_kept() {
        let cut = &GOOD[..GOOD.len() - 40];
        let read = Advice::read(cut).unwrap();
        assert!(read.is_cut);
        assert_eq!(read.advice.files.len(), 1);
    }

    #[test]
    fn answers_of_no_use_say_why() {
        let why = |text: &str| Advice::read(text).unwrap_err();
        assert_eq!(why(" \n"), Unusable::Empty);
        assert_eq!(why("LGTM, no issues found!"), Unusable::NotJson);
        assert_eq!(why("[1, 2]"), Unusable::NotJson);
        assert_eq!(why("{\"poem\": \"of roses\"}"), Unusable::Lacks("overview"));
        assert_eq!(
            why("{\"overview\": \"x\", \"files\": 3}"),
            Unusable::Lacks("files")
        );
        let french = GOOD.replace(
            "It adds a thing to the list.",
            "Ce changement ajoute une chose dans notre liste des choses qui sont bonnes",
        );
        assert_eq!(why(&french), Unusable::Language);
        let greek = GOOD.replace("It adds a thing to the list.", "Προσθέτει κάτι στη λίστα");
        assert_eq!(why(&greek), Unusable::Language);
    }

    proptest::proptest! {
        #[test]
        fn no_answer_makes_it_panic(text in "[\\[\\]{}\",:a-z0-9\\\\\n ]{0,200}") {
            let _ = Advice::read(&text);
        }

        #[test]
        fn every_beginning_of_an_answer_is_read_or_refused(end in 0_usize..GOOD.len()) {
            let text = &GOOD[..GOOD.floor_char_boundary(end)];
            if let Ok(read) = Advice::read(text) {
                proptest::prop_assert!(read.is_cut);
                proptest::prop_assert!(read.advice.findings.len() <= 1);
            }
        }
    }
}
