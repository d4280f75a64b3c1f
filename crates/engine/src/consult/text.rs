//! Questions with an answer in words: asked about a change, read, and built anew before anybody sees them.

use pullmill_core::advice::{Unusable, read_text, schema_of};
use pullmill_core::assemble::Assessed;
use pullmill_core::coverage;
use pullmill_core::markdown::rebuild::rebuild;
use pullmill_core::models::{Tier, Work};
use pullmill_core::pack::{Clean, Pass, Room, pack};
use pullmill_core::ports::model::{Schema, Stop, Unheard};
use pullmill_core::review::{Review, Unread};
use schemars::JsonSchema;

use super::room;
use crate::desk::{Desk, Part, Question, Unanswered};

/// What is wanted.
pub struct Wanted<'a> {
    /// What to do, in our words.
    pub prompt: &'static str,
    /// Whose view the answer takes, in words that are ours or stand at the base.
    pub views: Option<&'a str>,
    /// How able a model they want.
    pub tier: Option<Tier>,
    /// What somebody asks.
    pub question: Option<&'a str>,
    /// What the author says of the pull request.
    pub description: Option<&'a str>,
}

/// An answer in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Words {
    /// Markdown that can do nothing.
    pub markdown: String,
    /// Lines that the change wrote and the model did not see.
    pub unread: Vec<Unread>,
}

/// What such an answer looks like.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Answer {
    #[expect(
        dead_code,
        reason = "only its schema is used; answers are read however they look"
    )]
    answer: String,
}

/// Asks.
///
/// # Errors
/// Says in words why there is no answer.
pub async fn ask(
    assessed: &Assessed,
    desk: &Desk,
    clean: Clean<'_>,
    wanted: &Wanted<'_>,
) -> Result<Words, String> {
    let review = assessed.review();
    let (question, unread) =
        question(assessed, &review, desk, clean, wanted).map_err(|error| error.to_string())?;
    let mut asked = question.clone();
    for is_last in [false, true] {
        let answered = desk.ask(&asked, &mut Unheard).await;
        let answered = answered.map_err(|error| error.to_string())?;
        let answer = &answered.answer;
        if answer.stop == Stop::Refused {
            return Err("the model refuses to answer".to_owned());
        }
        let read = match answer.text.contains(&answered.mark) {
            true => Err(Unusable::Marks),
            false => read_text(&answer.text, "answer"),
        };
        match read {
            Ok((text, is_cut)) => {
                let is_cut = is_cut || answer.stop == Stop::Length;
                if !is_cut {
                    desk.keep(&answered).await;
                }
                let mut markdown = rebuild(&text);
                if is_cut {
                    markdown.push_str("\n\n(The answer was cut off here.)");
                }
                return Ok(Words { markdown, unread });
            }
            Err(unusable) if is_last => return Err(unusable.to_string()),
            Err(unusable) => {
                let again = format!(
                    "An answer to this was of no use: {unusable}. Answer with the JSON object alone."
                );
                asked.parts.push(Part::Ours(again));
            }
        }
    }
    Err("there was no answer".to_owned())
}

fn question(
    assessed: &Assessed,
    review: &Review,
    desk: &Desk,
    clean: Clean<'_>,
    wanted: &Wanted<'_>,
) -> Result<(Question, Vec<Unread>), Unanswered> {
    let usual = desk.catalogue.tier(Work::Other, 0);
    let tier = wanted.tier.unwrap_or(usual);
    let (name, entry) = desk.first(tier).ok_or_else(Unanswered::nobody)?;
    let path = pullmill_core::change::RepoPath::from("question");
    let safe = |text: &str| {
        let lines: Vec<String> = clean(&path, text)
            .lines()
            .map(pullmill_core::pack::shown)
            .collect();
        lines.join("\n")
    };
    let mut parts: Vec<Part> = wanted
        .views
        .map(|views| Part::Ours(views.to_owned()))
        .into_iter()
        .collect();
    if let Some(description) = wanted.description.filter(|text| !text.trim().is_empty()) {
        parts.push(Part::Ours(
            "What its author says of the pull request:".to_owned(),
        ));
        parts.push(Part::Theirs(
            safe(description).chars().take(4_000).collect(),
        ));
    }
    let mut question = Question {
        tier,
        system: wanted.prompt.to_owned(),
        parts,
        schema: Some(Schema {
            name: "answer",
            json: schema_of::<Answer>(),
        }),
    };
    let asked = wanted.question.map(safe);
    let theirs: String = question.parts.iter().filter_map(Part::theirs).collect();
    let before = desk.overhead(name, &question);
    let before = before.saturating_add(desk.count(name, &theirs));
    let before =
        before.saturating_add(asked.as_deref().map_or(0, |text| desk.count(name, text)) + 64);
    let room = Room {
        pass_tokens: room(entry, &desk.catalogue.limits, before),
        max_passes: 1,
    };
    let count = |text: &str| desk.count(name, text);
    let packed = pack(
        &assessed.change,
        review,
        &assessed.analyses,
        clean,
        &count,
        &room,
    );
    let shown = packed.passes.first().map(text).unwrap_or_default();
    question.parts.push(Part::Ours(format!(
        "The change ({}):",
        coverage::words(&review.coverage)
    )));
    question.parts.push(Part::Theirs(shown));
    if let Some(asked) = asked {
        question.parts.push(Part::Ours("The question:".to_owned()));
        question.parts.push(Part::Theirs(asked));
    }
    Ok((question, packed.unread))
}

fn text(pass: &Pass) -> String {
    let files: Vec<&str> = pass.files.iter().map(|file| file.text.as_str()).collect();
    files.join("\n\n")
}
