//! Has models read a change: packs it, asks, reads whatever comes back, holds it against the code and lists what was not read.
//! A model adds findings and words. It cannot take anything away, and its silence is not safety.

#[cfg(test)]
mod tests;
pub mod text;

use std::collections::{BTreeMap, BTreeSet};

use futures_util::stream;
use futures_util::{FutureExt as _, StreamExt as _};
use pullmill_core::advice::{Advice, Read, Unusable, Verified, is_from_model, schema_of, verify};
use pullmill_core::assemble::Assessed;
use pullmill_core::change::RepoPath;
use pullmill_core::finding::Finding;
use pullmill_core::models::{Entry, Work};
use pullmill_core::pack::{Clean, Pass, Room, pack, ranges};
use pullmill_core::ports::model::{Progress, Schema, Stop};
use pullmill_core::review::{Consulted, Review, Unread, UnreadReason};
use pullmill_core::time::Monotonic;

use crate::desk::{Desk, Part, Question, Unanswered};

/// What questions begin with.
const REVIEW: &str = include_str!("prompts/review.md");
const IMPROVE: &str = include_str!("prompts/improve.md");
/// Questions that are out at a time.
const AT_ONCE: usize = 4;
/// Files that are named to every question when there are several questions.
const MAX_NAMED: usize = 60;

/// What models are to do with a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Task {
    /// Say what it does and what is wrong with it.
    Review,
    /// Say how it gets better.
    Improve,
}

/// How models are asked about a change.
pub struct Consulting<'a> {
    /// Where.
    pub desk: &'a Desk,
    /// What for.
    pub task: Task,
    /// What takes secrets out of texts.
    pub clean: Clean<'a>,
    /// When no further question is asked.
    pub until: Option<Monotonic>,
    /// Hears how far the answers have come.
    pub listener: &'a (dyn Listener + Sync),
}

/// Hears how far the answers to a change's questions have come.
pub trait Listener {
    /// So many questions are to be asked.
    fn begin(&self, questions: usize);
    /// So many bytes more of an answer have come.
    fn received(&self, bytes: usize);
    /// An answer is whole, or there is none.
    fn done(&self);
}

/// Nobody listens.
#[derive(Clone, Copy, Debug)]
pub struct Unheard;

impl Listener for Unheard {
    fn begin(&self, _: usize) {}
    fn received(&self, _: usize) {}
    fn done(&self) {}
}

/// What models say of a change.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Consultation {
    /// What they found, with stems as fingerprints.
    pub findings: Vec<Finding>,
    /// What they say, and what it has cost.
    pub model: Consulted,
    /// What is missing, in words for the verdict.
    pub incomplete: Vec<String>,
    /// A question whose answer should have been played back and was not there.
    pub unrecorded: Option<String>,
}

impl Consultation {
    /// Puts it among what is known of the change.
    pub fn add_to(self, assessed: &mut Assessed) {
        let analyses = &mut assessed.analyses;
        analyses.found.extend(self.findings);
        analyses.incomplete.extend(self.incomplete);
        analyses.model = Some(self.model);
    }
}

/// Asks about a change of which everything is known that rules can find.
pub async fn consult(assessed: &Assessed, how: &Consulting<'_>) -> Consultation {
    let review = assessed.review();
    let mut said = Said::default();
    let desk = how.desk;
    match questions(assessed, &review, how) {
        Ok((questions, unread)) => {
            said.unread = unread;
            how.listener.begin(questions.len());
            let asked = questions.iter().map(|(pass, question)| {
                let answer = async move {
                    let answered = read_answer(question, how).await;
                    how.listener.done();
                    (pass, answered)
                };
                answer.boxed()
            });
            let asked: Vec<_> = asked.collect();
            let answers: Vec<_> = stream::iter(asked).buffered(AT_ONCE).collect().await;
            for (pass, answered) in answers {
                said.take(pass, answered, assessed);
            }
        }
        Err(why) => {
            said.reasons.insert(why.to_string());
        }
    }
    said.finish(assessed, &review, desk)
}

/// The questions, and what is in none of them.
fn questions(
    assessed: &Assessed,
    review: &Review,
    how: &Consulting<'_>,
) -> Result<(Vec<(Pass, Question)>, Vec<Unread>), Unanswered> {
    let desk = how.desk;
    let limits = &desk.catalogue.limits;
    let risk = review.risk.score;
    // Which tier is right depends on how much there is, and that is counted by the tier's own model; one look is enough.
    let usual = desk.catalogue.tier(Work::Review { risk }, 0);
    let (name, _) = desk.first(usual).ok_or_else(Unanswered::nobody)?;
    let size = |name: &str| {
        let lines = assessed
            .change
            .files
            .iter()
            .flat_map(|file| &file.hunks)
            .flat_map(|hunk| &hunk.lines);
        lines
            .map(|line| desk.count(name, &String::from_utf8_lossy(&line.bytes)))
            .fold(0, u32::saturating_add)
    };
    let tier = desk.catalogue.tier(Work::Review { risk }, size(name));
    let (name, entry) = desk.first(tier).ok_or_else(Unanswered::nobody)?;
    let schema = Schema {
        name: "review",
        json: schema_of::<Advice>(),
    };
    let build = |parts: Vec<Part>| Question {
        tier,
        system: match how.task {
            Task::Review => REVIEW.to_owned(),
            Task::Improve => IMPROVE.to_owned(),
        },
        parts,
        schema: Some(schema.clone()),
    };
    let bare = build(vec![Part::Ours(named(review)), Part::Theirs(String::new())]);
    let room = Room {
        pass_tokens: room(entry, limits, desk.overhead(name, &bare)),
        max_passes: limits.max_passes as usize,
    };
    let count = |text: &str| desk.count(name, text);
    let packed = pack(
        &assessed.change,
        review,
        &assessed.analyses,
        how.clean,
        &count,
        &room,
    );
    let several = packed.passes.len() > 1;
    let questions = packed.passes.into_iter().map(|pass| {
        let text: Vec<&str> = pass.files.iter().map(|file| file.text.as_str()).collect();
        let mut parts = vec![Part::Theirs(text.join("\n\n"))];
        if several {
            // Names are what others wrote, too.
            parts.insert(0, Part::Theirs(named(review)));
            parts.insert(
                0,
                Part::Ours("This is a part of a larger change. All its files:".to_owned()),
            );
            parts.insert(2, Part::Ours("Review this part:".to_owned()));
        }
        let question = build(parts);
        (pass, question)
    });
    Ok((questions.collect(), packed.unread))
}

/// Tokens for what is to be read: what the window leaves, and no more than can be read with care.
fn room(entry: &Entry, limits: &pullmill_core::models::Limits, overhead: u32) -> u32 {
    let left = entry
        .window
        .saturating_sub(overhead)
        .saturating_sub(entry.output(limits));
    left.min(limits.pass_tokens)
}

/// The files of the change, for a question that shows only some of them.
fn named(review: &Review) -> String {
    let rows = &review.summary.walkthrough;
    let mut lines: Vec<String> = rows
        .iter()
        .take(MAX_NAMED)
        .map(|row| {
            format!(
                "{} +{} -{}",
                pullmill_core::pack::shown(row.path.as_str()),
                row.added_lines,
                row.removed_lines
            )
        })
        .collect();
    if rows.len() > MAX_NAMED {
        lines.push(format!("and {} more", rows.len() - MAX_NAMED));
    }
    lines.join("\n")
}

/// Why a question has no answer that is of use.
enum Useless {
    Unanswered(Unanswered),
    Unusable(String),
    OutOfTime,
}

/// Asks, and asks once more if the answer cannot be used.
async fn read_answer(question: &Question, how: &Consulting<'_>) -> Result<Read, Useless> {
    let mut unusable = match ask_once(question, how).await? {
        Ok(read) => return Ok(read),
        Err(unusable) => unusable,
    };
    if let Some(why) = unusable.again {
        let mut again = question.clone();
        again.parts.push(Part::Ours(format!(
            "An answer to this was of no use: {why}. Answer with the JSON object alone."
        )));
        unusable = match ask_once(&again, how).await? {
            Ok(read) => return Ok(read),
            Err(unusable) => unusable,
        };
    }
    Err(Useless::Unusable(unusable.why))
}

/// An answer that cannot be used.
struct Bad {
    why: String,
    /// What to say when asking again, if that may help.
    again: Option<Unusable>,
}

async fn ask_once(question: &Question, how: &Consulting<'_>) -> Result<Result<Read, Bad>, Useless> {
    if how
        .until
        .is_some_and(|until| how.desk.clock().monotonic() >= until)
    {
        return Err(Useless::OutOfTime);
    }
    let mut progress = Heard(how.listener);
    let answered = how.desk.ask(question, &mut progress).await;
    let answered = answered.map_err(Useless::Unanswered)?;
    let answer = &answered.answer;
    if answer.stop == Stop::Refused {
        let why = "the model refuses to answer".to_owned();
        return Ok(Err(Bad { why, again: None }));
    }
    // Only who was talked into it repeats what nobody but us can know.
    if answer.text.contains(&answered.mark) {
        return Ok(Err(bad(Unusable::Marks)));
    }
    Ok(match Advice::read(&answer.text) {
        Ok(mut read) => {
            read.is_cut |= answer.stop == Stop::Length;
            if !read.is_cut {
                how.desk.keep(&answered).await;
            }
            Ok(read)
        }
        Err(unusable) => Err(bad(unusable)),
    })
}

fn bad(unusable: Unusable) -> Bad {
    Bad {
        why: unusable.to_string(),
        again: Some(unusable),
    }
}

struct Heard<'a>(&'a (dyn Listener + Sync));

impl Progress for Heard<'_> {
    fn received(&mut self, bytes: usize) {
        self.0.received(bytes);
    }
}

/// What was said so far.
#[derive(Default)]
struct Said {
    overview: Vec<String>,
    words: BTreeMap<RepoPath, String>,
    findings: BTreeMap<(String, RepoPath), Finding>,
    dropped: u32,
    unread: Vec<Unread>,
    reasons: BTreeSet<String>,
    unrecorded: Option<String>,
}

impl Said {
    fn take(&mut self, pass: &Pass, answered: Result<Read, Useless>, assessed: &Assessed) {
        let read = match answered {
            Ok(read) => read,
            Err(useless) => {
                let (reason, why) = match useless {
                    Useless::Unanswered(Unanswered::Budget(cap)) => (UnreadReason::Budget, cap),
                    Useless::Unanswered(unanswered) => {
                        if let Unanswered::Unrecorded(name) = &unanswered {
                            self.unrecorded = Some(name.clone());
                        }
                        (UnreadReason::NoAnswer, unanswered.to_string())
                    }
                    Useless::Unusable(why) => (UnreadReason::NoAnswer, why),
                    Useless::OutOfTime => {
                        (UnreadReason::NoAnswer, "the time for it was up".to_owned())
                    }
                };
                self.reasons.insert(why);
                let all = pass.files.iter().map(|file| &file.path).collect();
                return self.miss(pass, &all, reason);
            }
        };
        let symbol = |path: &RepoPath, line: u32| assessed.symbol_at(path, line).map(str::to_owned);
        let verified: Verified = verify(&read.advice, pass, None, &symbol);
        if read.is_cut {
            self.reasons
                .insert("an answer was cut off at its longest".to_owned());
        }
        let overview = pullmill_core::escape::one_line(&read.advice.overview);
        if !overview.is_empty() {
            self.overview.push(overview);
        }
        self.dropped += read.bad + u32::try_from(verified.dropped.len()).unwrap_or(u32::MAX);
        for finding in verified.findings {
            let key = (finding.fingerprint.clone(), finding.location.path.clone());
            self.findings.entry(key).or_insert(finding);
        }
        for (path, words) in verified.words {
            self.words.entry(path).or_insert(words);
        }
        let silent: BTreeSet<&RepoPath> = verified.unconfirmed.iter().collect();
        self.miss(pass, &silent, UnreadReason::Unconfirmed);
    }

    fn miss(&mut self, pass: &Pass, files: &BTreeSet<&RepoPath>, reason: UnreadReason) {
        let missed = pass
            .files
            .iter()
            .filter(|file| files.contains(&file.path) && !file.added.is_empty());
        self.unread.extend(missed.map(|file| Unread {
            path: file.path.clone(),
            lines: ranges(file.added.iter().copied()),
            reason,
        }));
    }

    fn finish(self, assessed: &Assessed, review: &Review, desk: &Desk) -> Consultation {
        let mut incomplete: Vec<String> = Vec::new();
        let gap = gap(&self.unread);
        if gap.is_some() || !self.reasons.is_empty() {
            let mut words: Vec<String> = gap.into_iter().collect();
            words.extend(self.reasons);
            incomplete.push(format!(
                "the model's review is incomplete: {}",
                words.join("; ")
            ));
        }
        let mut findings: Vec<Finding> = self.findings.into_values().collect();
        findings.sort_by(|one, other| one.rank().cmp(&other.rank()));
        let shown = assessed.settings.policy.review.max_findings as usize;
        let ruled = review
            .findings
            .iter()
            .filter(|one| !is_from_model(&one.rule))
            .count();
        let most = desk.catalogue.limits.max_findings as usize;
        let most = most.min(shown.saturating_sub(ruled));
        let beyond = findings.len().saturating_sub(most);
        findings.truncate(most);
        let mut unread = self.unread;
        unread.sort_by(|one, other| (&one.path, &one.lines).cmp(&(&other.path, &other.lines)));
        let tally = desk.tally();
        Consultation {
            findings,
            model: Consulted {
                overview: self.overview,
                files: self.words,
                models: tally.models.into_iter().collect(),
                calls: tally.calls,
                tokens_in: tally.sent,
                tokens_cached: tally.cached,
                tokens_out: tally.answered,
                cost_micro_usd: tally.cost.0,
                dropped: self
                    .dropped
                    .saturating_add(u32::try_from(beyond).unwrap_or(u32::MAX)),
                unread,
            },
            incomplete,
            unrecorded: self.unrecorded,
        }
    }
}

/// How much was not read that should have been, e.g. "120 lines of 3 files were not read". What the analysis could not read
/// either is said by it.
fn gap(unread: &[Unread]) -> Option<String> {
    let is_gap = |one: &&Unread| {
        !one.reason.is_neutral()
            && !matches!(
                one.reason,
                UnreadReason::TooLarge | UnreadReason::Unavailable
            )
    };
    let gaps: Vec<&Unread> = unread.iter().filter(is_gap).collect();
    let lines: u32 = gaps.iter().map(|one| one.count()).sum();
    let files: BTreeSet<&RepoPath> = gaps.iter().map(|one| &one.path).collect();
    let why: BTreeSet<&str> = gaps.iter().map(|one| one.reason.words()).collect();
    let why: Vec<&str> = why.into_iter().collect();
    let plural =
        |count: usize, noun: &str| format!("{count} {noun}{}", if count == 1 { "" } else { "s" });
    let (lines, count) = (plural(lines as usize, "line"), plural(files.len(), "file"));
    (!gaps.is_empty()).then(|| format!("{lines} of {count} not read ({})", why.join(", ")))
}
