//! Questions: what is ours to say and what others wrote, kept apart until the last moment and fenced off with marks that
//! nobody can guess.

use std::fmt::Write as _;

use pullmill_core::event::digest_of;
use pullmill_core::models::Tier;
use pullmill_core::ports::model::Schema;

/// A question, whoever is asked.
#[derive(Clone, Debug, PartialEq)]
pub struct Question {
    /// How able a model is wanted.
    pub tier: Tier,
    /// What is to be done: the same for many questions.
    pub system: String,
    /// What to do it with.
    pub parts: Vec<Part>,
    /// What the answer must look like.
    pub schema: Option<Schema>,
}

/// A part of a question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// We say it.
    Ours(String),
    /// Others wrote it. It is fenced off.
    Theirs(String),
}

impl Part {
    /// What we say, if we do.
    #[must_use]
    pub fn ours(&self) -> Option<&str> {
        match self {
            Self::Ours(text) => Some(text),
            Self::Theirs(_) => None,
        }
    }

    /// What others wrote, if they did.
    #[must_use]
    pub fn theirs(&self) -> Option<&str> {
        match self {
            Self::Theirs(text) => Some(text),
            Self::Ours(_) => None,
        }
    }
}

/// A mark out of chance.
#[must_use]
pub fn mark(random: u128) -> String {
    format!(
        "{:016x}",
        u64::try_from(random & u128::from(u64::MAX)).unwrap_or(0)
    )
}

impl Question {
    /// The parts as one text, with marks around what others wrote.
    #[must_use]
    pub fn content(&self, mark: &str) -> String {
        let mut content = format!("Marks: `{mark}`.\n");
        for part in &self.parts {
            // Writing to a `String` cannot fail.
            let _ = match part {
                Part::Ours(text) => writeln!(content, "{text}"),
                Part::Theirs(text) => writeln!(content, "<<<{mark}\n{text}\n{mark}>>>"),
            };
        }
        content
    }

    /// The question's name for a model: the same whatever the marks are.
    #[must_use]
    pub fn name(&self, model: &str, max_output: u32) -> String {
        let schema = self.schema.as_ref().map(|schema| schema.json.to_string());
        let most = max_output.to_string();
        let mut fields = vec![
            model,
            &most,
            self.system.as_str(),
            schema.as_deref().unwrap_or(""),
        ];
        for part in &self.parts {
            match part {
                Part::Ours(text) => fields.extend(["ours", text.as_str()]),
                Part::Theirs(text) => fields.extend(["theirs", text.as_str()]),
            }
        }
        digest_of(&fields)
    }
}
