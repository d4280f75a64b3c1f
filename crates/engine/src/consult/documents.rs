//! Asks which lines of documents a change has made untrue, beyond names that certainly are others now.

use std::collections::BTreeMap;

use pullmill_core::advice::{read_list, schema_of};
use pullmill_core::change::RepoPath;
use pullmill_core::docs::Edit;
use pullmill_core::docs::advised::{Advised, Passages};
use pullmill_core::models::Tier;
use pullmill_core::pack::Clean;
use pullmill_core::ports::model::{Schema, Stop, Unheard};
use pullmill_core::review::Review;

use crate::desk::{Desk, Part, Question};

const DOCS: &str = include_str!("../prompts/docs.md");

/// The edits that stand.
///
/// # Errors
/// Says in words why there is no answer.
pub async fn edits(
    review: &Review,
    documents: &BTreeMap<RepoPath, String>,
    desk: &Desk,
    clean: Clean<'_>,
) -> Result<Vec<Edit>, String> {
    let passages = Passages::of(review, documents, clean);
    if passages.is_empty() {
        return Ok(Vec::new());
    }
    let question = Question {
        tier: Tier::Fast,
        system: DOCS.to_owned(),
        parts: vec![
            Part::Ours("What changed:".to_owned()),
            Part::Theirs(passages.changes.join("\n")),
            Part::Ours("Passages:".to_owned()),
            Part::Theirs(passages.text.clone()),
        ],
        schema: Some(Schema {
            name: "edits",
            json: schema_of::<Advised>(),
        }),
    };
    let answered = desk.ask(&question, &mut Unheard).await;
    let answered = answered.map_err(|error| error.to_string())?;
    let answer = &answered.answer;
    if answer.stop == Stop::Refused {
        return Err("the model refuses to answer".to_owned());
    }
    if answer.text.contains(&answered.mark) {
        return Err("the answer repeats the marks around the documents".to_owned());
    }
    let edits = read_list(&answer.text, "edits").map_err(|error| error.to_string())?;
    desk.keep(&answered).await;
    Ok(passages.verify(&edits))
}
