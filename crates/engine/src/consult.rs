//! Has models read a change: packs it, asks, reads whatever comes back, holds it against the code and lists what was not read.
//! A model adds findings and words. It cannot take anything away, and its silence is not safety.

pub mod documents;
pub mod text;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use futures_util::stream;
use futures_util::{FutureExt as _, StreamExt as _};
use pullmill_core::advice::{Advice, Read, Unusable, Verified, is_from_model, schema_of, verify};
use pullmill_core::assemble::Assessed;
use pullmill_core::change::{Change, RepoPath};
use pullmill_core::finding::Finding;
use pullmill_core::models::{Entry, Tier, Work};
use pullmill_core::pack::{Clean, Pass, Room, pack, ranges};
use pullmill_core::policy::OwnAgent;
use pullmill_core::ports::model::{Progress, Schema, Stop};
use pullmill_core::review::{Consulted, Review, Unread, UnreadReason};

use crate::desk::{Desk, Part as Piece, Question, Unanswered};

/// What questions begin with.
const REVIEW: &str = include_str!("prompts/review.md");
const IMPROVE: &str = include_str!("prompts/improve.md");
const OWN: &str = include_str!("prompts/own.md");
/// Questions that are out at a time.
const AT_ONCE: usize = 4;
/// Tokens that are left for saying why an answer was of no use.
const AGAIN: u32 = 64;
/// Files that are named to every question when there are several questions.
const MAX_NAMED: usize = 60;

/// What models are to do with a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Task {
    /// Say what it does and what is wrong with it.
    Review,
    /// Say how it gets better.
    Improve {
        /// In whose view, in words that are ours or stand at the base.
        views: Option<String>,
        /// How able a model they want.
        tier: Option<Tier>,
    },
}

/// How models are asked about a change.
pub struct Consulting<'a> {
    /// Where.
    pub desk: &'a Desk,
    /// What for.
    pub task: Task,
    /// What takes secrets out of texts.
    pub clean: Clean<'a>,
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

/// A question about a part of a change.
struct Part<'a> {
    pass: Pass,
    question: Question,
    /// The repository's own agent that asks it; none is ours.
    agent: Option<&'a OwnAgent>,
}

/// Asks about a change of which everything is known that rules can find.
pub async fn consult(assessed: &Assessed, how: &Consulting<'_>) -> Consultation {
    let review = assessed.review();
    let mut said = Said::default();
    let own = match how.task {
        Task::Review => assessed.settings.policy.agents.as_slice(),
        Task::Improve { .. } => &[],
    };
    let mut parts = Vec::new();
    for agent in std::iter::once(None).chain(own.iter().map(Some)) {
        match questions(assessed, &review, how, agent) {
            Ok((asked, unread)) => {
                parts.extend(asked);
                said.leave(unread, agent);
            }
            Err(why) => {
                said.reasons.insert(why.to_string());
            }
        }
    }
    how.listener.begin(parts.len());
    let asked = parts.iter().map(|part| {
        let answer = async move {
            let answered = read_answer(&part.question, how).await;
            how.listener.done();
            (part, answered)
        };
        answer.boxed()
    });
    let asked: Vec<_> = asked.collect();
    let answers: Vec<_> = stream::iter(asked).buffered(AT_ONCE).collect().await;
    for (part, answered) in answers {
        said.take(part, answered, assessed);
    }
    said.finish(assessed, &review, how.desk)
}

/// The questions of one agent, and what is in none of them.
fn questions<'a>(
    assessed: &Assessed,
    review: &Review,
    how: &Consulting<'_>,
    agent: Option<&'a OwnAgent>,
) -> Result<(Vec<Part<'a>>, Vec<Unread>), Unanswered> {
    let desk = how.desk;
    let limits = &desk.catalogue.limits;
    let mut change = Cow::Borrowed(&assessed.change);
    if let Some(agent) = agent {
        change
            .to_mut()
            .files
            .retain(|file| agent.paths.matches(&file.path));
    }
    let tier = match (agent, &how.task) {
        (Some(agent), _) => agent.tier.unwrap_or(Tier::Balanced),
        (
            None,
            Task::Improve {
                tier: Some(wanted), ..
            },
        ) => *wanted,
        (None, _) => tier(&change, review, desk)?,
    };
    let (name, entry) = desk.first(tier).ok_or_else(Unanswered::nobody)?;
    let schema = Schema {
        name: "review",
        json: schema_of::<Advice>(),
    };
    let (system, look_for) = match (agent, &how.task) {
        (Some(agent), _) => {
            let words = format!("What you look for:\n{}", agent.instructions);
            (OWN, Some(words))
        }
        (None, Task::Review) => (REVIEW, None),
        (None, Task::Improve { views, .. }) => (IMPROVE, views.clone()),
    };
    let look_for = look_for.map(Piece::Ours);
    let build = |parts: Vec<Piece>| Question {
        tier,
        system: system.to_owned(),
        parts: look_for.iter().cloned().chain(parts).collect(),
        schema: Some(schema.clone()),
    };
    let names = (how.clean)(&RepoPath::from("names"), &named(review));
    let bare = build(vec![
        Piece::Ours(names.clone()),
        Piece::Theirs(String::new()),
    ]);
    let room = Room {
        pass_tokens: room(entry, limits, desk.overhead(name, &bare)),
        max_passes: limits.max_passes as usize,
    };
    let count = |text: &str| desk.count(name, text);
    let packed = pack(
        &change,
        review,
        &assessed.analyses,
        how.clean,
        &count,
        &room,
    );
    let several = packed.passes.len() > 1;
    let parts = packed.passes.into_iter().map(|pass| {
        let text: Vec<&str> = pass.files.iter().map(|file| file.text.as_str()).collect();
        let mut parts = vec![Piece::Theirs(text.join("\n\n"))];
        if several {
            // Names are what others wrote, too.
            let about = "This is a part of a larger change. All its files:";
            parts.insert(0, Piece::Ours(about.to_owned()));
            parts.insert(1, Piece::Theirs(names.clone()));
            parts.insert(2, Piece::Ours("Review this part:".to_owned()));
        }
        let question = build(parts);
        Part {
            pass,
            question,
            agent,
        }
    });
    Ok((parts.collect(), packed.unread))
}

/// Which tier a review is for. It depends on how much there is, which the usual tier's model counts.
fn tier(change: &Change, review: &Review, desk: &Desk) -> Result<Tier, Unanswered> {
    let risk = review.risk.score;
    let usual = desk.catalogue.tier(Work::Review { risk }, 0);
    let (name, _) = desk.first(usual).ok_or_else(Unanswered::nobody)?;
    let lines = change
        .files
        .iter()
        .flat_map(|file| &file.hunks)
        .flat_map(|hunk| &hunk.lines);
    let tokens = lines.map(|line| desk.count(name, &String::from_utf8_lossy(&line.bytes)));
    let tokens = tokens.fold(0, u32::saturating_add);
    Ok(desk.catalogue.tier(Work::Review { risk }, tokens))
}

/// Tokens for what is to be read: what the window leaves, and no more than can be read with care.
fn room(entry: &Entry, limits: &pullmill_core::models::Limits, overhead: u32) -> u32 {
    let left = entry
        .window
        .saturating_sub(overhead)
        .saturating_sub(AGAIN)
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
}

/// Asks, and asks once more if the answer cannot be used.
async fn read_answer(question: &Question, how: &Consulting<'_>) -> Result<Read, Useless> {
    let mut unusable = match ask_once(question, how).await? {
        Ok(read) => return Ok(read),
        Err(unusable) => unusable,
    };
    if let Some(why) = unusable.again {
        let mut again = question.clone();
        again.parts.push(Piece::Ours(format!(
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
    /// Notes what is in no question. What an agent of the repository's own does not see is said in one sentence: the list is of
    /// what nobody has read.
    fn leave(&mut self, unread: Vec<Unread>, agent: Option<&OwnAgent>) {
        match agent {
            None => self.unread = unread,
            Some(agent) => {
                let gap = gap(&unread).map(|gap| format!("agent `{}`: {gap}", agent.name));
                self.reasons.extend(gap);
            }
        }
    }

    fn take(&mut self, part: &Part<'_>, answered: Result<Read, Useless>, assessed: &Assessed) {
        let (pass, agent) = (&part.pass, part.agent);
        let read = match answered {
            Ok(read) => read,
            Err(useless) => {
                let (reason, why) = self.why(useless);
                self.say(agent, &why);
                let all = pass.files.iter().map(|file| &file.path).collect();
                return self.miss(part, &all, reason);
            }
        };
        let symbol = |path: &RepoPath, line: u32| assessed.symbol_at(path, line).map(str::to_owned);
        let name = agent.map(|agent| agent.name.as_str());
        let verified: Verified = verify(&read.advice, pass, name, &symbol);
        if read.is_cut {
            self.say(agent, "an answer was cut off at its longest");
        }
        let overview = pullmill_core::escape::one_line(&read.advice.overview);
        if !overview.is_empty() && agent.is_none() {
            self.overview.push(overview);
        }
        self.dropped += read.bad + u32::try_from(verified.dropped.len()).unwrap_or(u32::MAX);
        for finding in verified.findings {
            let key = (finding.fingerprint.clone(), finding.location.path.clone());
            self.findings.entry(key).or_insert(finding);
        }
        if agent.is_none() {
            for (path, words) in verified.words {
                self.words.entry(path).or_insert(words);
            }
        }
        let silent: BTreeSet<&RepoPath> = verified.unconfirmed.iter().collect();
        self.miss(part, &silent, UnreadReason::Unconfirmed);
    }

    fn why(&mut self, useless: Useless) -> (UnreadReason, String) {
        match useless {
            Useless::Unanswered(Unanswered::Budget(cap)) => (UnreadReason::Budget, cap),
            Useless::Unanswered(unanswered) => {
                if let Unanswered::Unrecorded(name) = &unanswered {
                    self.unrecorded = Some(name.clone());
                }
                (UnreadReason::NoAnswer, unanswered.to_string())
            }
            Useless::Unusable(why) => (UnreadReason::NoAnswer, why),
        }
    }

    fn say(&mut self, agent: Option<&OwnAgent>, why: &str) {
        self.reasons.insert(match agent {
            None => why.to_owned(),
            Some(agent) => format!("agent `{}`: {why}", agent.name),
        });
    }

    fn miss(&mut self, part: &Part<'_>, files: &BTreeSet<&RepoPath>, reason: UnreadReason) {
        let files = part
            .pass
            .files
            .iter()
            .filter(|file| files.contains(&file.path) && !file.added.is_empty());
        let missed = files.map(|file| Unread {
            path: file.path.clone(),
            lines: ranges(file.added.iter().copied()),
            reason,
        });
        let missed: Vec<Unread> = missed.collect();
        match part.agent {
            None => self.unread.extend(missed),
            Some(_) => {
                if let Some(gap) = gap(&missed) {
                    self.say(part.agent, &gap);
                }
            }
        }
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
