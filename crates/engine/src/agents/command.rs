//! The agent that carries out commands of comments: asks who may do it, and says what follows. It cannot write.

use std::sync::Arc;

use async_trait::async_trait;
use pullmill_core::assemble::BaselineEntry;
use pullmill_core::change::{Change, RepoPath};
use pullmill_core::decided::Choice;
use pullmill_core::effect::{CommentRef, Content, Earned, pull_name};
use pullmill_core::event::Asked;
use pullmill_core::event::comment::{self, Command, Permission};
use pullmill_core::markdown;
use pullmill_core::marker::MarkerKey;
use pullmill_core::policy;
use pullmill_core::ports::analyzer::Ground;
use pullmill_core::ports::blob::{BlobRef, Blobs};
use pullmill_core::ports::forge::{ComparedFile, Fetched, ForgeRead, Pull, PullRef, User, Wanted};
use pullmill_core::posting;
use pullmill_core::reply;
use pullmill_core::review::Review;
use pullmill_core::risk::Risk;
use pullmill_core::stream::Told;
use pullmill_core::task::{AskedDocs, Follows, Outcome};
use pullmill_core::verdict::Verdict;
use serde::Deserialize;
use serde_json::json;

use super::advise::Advisors;
use super::pull::{failed, read_review};
use super::reading::read_change;
use super::{Agent, Work};
use crate::consult::Task;
use crate::consult::text::Wanted as WantedWords;

/// Largest configuration that is read.
const MAX_CONFIG: u64 = policy::MAX_BYTES as u64;
/// Conversations that one command settles.
const MAX_SETTLED: usize = 50;
/// How our labels of risk begin.
const RISK: &str = "risk: ";

/// What questions of commands begin with.
const ASK: &str = include_str!("../prompts/ask.md");
const CHANGELOG: &str = include_str!("../prompts/changelog.md");
const TESTS: &str = include_str!("../prompts/tests.md");

/// Carries out commands.
pub struct CommandAgent {
    forge: Arc<dyn ForgeRead>,
    blobs: Arc<dyn Blobs>,
    markers: MarkerKey,
    advisors: Option<Advisors>,
}

/// What the lane hands over.
#[derive(Deserialize)]
struct Input {
    command: Said,
    #[serde(default)]
    latest: Option<Latest>,
}

#[derive(Deserialize)]
struct Said {
    line: String,
    comment: u64,
    thread: Option<u64>,
    is_at_line: bool,
    user: u64,
    login: String,
    /// The file whose line it stands at, and the line.
    path: Option<String>,
    at: Option<u64>,
}

/// What the last review gave.
#[derive(Deserialize)]
struct Latest {
    verdict: Verdict,
    risk: Risk,
    head: String,
    review: BlobRef,
}

/// A command with everything it is about.
struct Case<'a> {
    work: &'a Work,
    pull_ref: &'a PullRef,
    pull: &'a Pull,
    said: &'a Said,
    latest: Option<&'a Latest>,
    name: String,
}

impl CommandAgent {
    /// An agent that reads a forge.
    pub fn new(forge: Arc<dyn ForgeRead>, blobs: Arc<dyn Blobs>, markers: MarkerKey) -> Self {
        Self {
            forge,
            blobs,
            markers,
            advisors: None,
        }
    }

    /// The same agent, which also asks models.
    #[must_use]
    pub fn with_models(self, advisors: Option<Advisors>) -> Self {
        Self { advisors, ..self }
    }

    async fn carry_out(&self, work: &Work) -> Result<Outcome, Outcome> {
        let hopeless = |error: &dyn std::fmt::Display| {
            Outcome::Hopeless(format!("the command cannot be read: {error}"))
        };
        let input: Input = serde_json::from_value(work.execution.input.clone())
            .map_err(|error| hopeless(&error))?;
        let subject = work.execution.subject.as_ref();
        let pull_ref = subject.and_then(|subject| subject.pull());
        let pull_ref = pull_ref.ok_or_else(|| hopeless(&"it names no pull request"))?;
        let said = &input.command;
        let user = User {
            id: said.user,
            login: said.login.clone(),
        };
        // Asked when it runs, not when it was written.
        let has = self
            .forge
            .permission(&pull_ref.repo, &user)
            .await
            .map_err(failed)?;
        if has == Permission::None {
            let told = Told::new("command.denied", json!({"user": said.user, "has": has}));
            return Ok(done("denied", vec![told], Follows::default()));
        }
        let pull = self.forge.pull(&pull_ref).await.map_err(failed)?;
        let case = Case {
            work,
            name: pull_name(&work.execution.tenant, &pull_ref),
            pull_ref: &pull_ref,
            pull: &pull,
            said,
            latest: input.latest.as_ref(),
        };
        let mut follows = match comment::parse(&said.line) {
            Err(misread) => case.reply(reply::misread(&misread)),
            Ok(command) if has < command.needs() => {
                case.reply(reply::forbidden(command.needs(), has))
            }
            Ok(command) => self.run_command(&case, command).await?,
        };
        let eyes = Content::Reaction { to: case.comment() };
        follows.effects.insert(0, case.earned(eyes));
        let told = Told::new(
            "command.done",
            json!({"user": said.user, "line": said.line}),
        );
        Ok(done("done", vec![told], follows))
    }

    async fn run_command(&self, case: &Case<'_>, command: Command) -> Result<Follows, Outcome> {
        Ok(match command {
            Command::Help => case.reply(reply::help()),
            Command::Ask { agent, question } => self.ask(case, agent.as_deref(), &question).await?,
            Command::Changelog => self.words(case, "changelog", CHANGELOG, None).await?,
            Command::Tests => self.words(case, "tests", TESTS, None).await?,
            Command::Improve => self.improve(case).await?,
            Command::Missing(word) => case.reply(reply::missing(word)),
            Command::ExplainRisk => case.reply(match case.latest {
                Some(latest) => reply::explain_risk(&latest.verdict, &latest.risk, &latest.head),
                None => reply::nothing("there is no review yet"),
            }),
            Command::Config => case.reply(reply::config(self.config(case).await?.as_deref())),
            Command::Review { agents } => case.review(false, agents),
            Command::FullReview => case.review(true, Vec::new()),
            Command::Pause => Follows {
                choices: vec![Choice::Pause(case.said.login.clone())],
                ..Follows::default()
            },
            Command::Resume => Follows {
                choices: vec![Choice::Resume],
                ..case.review(false, Vec::new())
            },
            // Decision 23: what comes from elsewhere gets a summary, comments and a check, and no more.
            Command::Labels if case.pull.is_fork => {
                case.reply(reply::nothing("pull requests of forks get no labels"))
            }
            Command::Labels => match case.latest {
                Some(latest) => case.effects(vec![Content::Labels {
                    family: RISK.to_owned(),
                    wanted: vec![format!("{RISK}{}", latest.risk.level.word())],
                }]),
                None => case.reply(reply::nothing("there is no review yet")),
            },
            Command::Docs => Follows {
                docs: Some(AskedDocs {
                    by: case.by(),
                    head: case.pull.head.clone(),
                    to: Some(case.comment()),
                }),
                ..Follows::default()
            },
            Command::Describe if case.pull.is_fork => case.reply(reply::nothing(
                "the descriptions of pull requests of forks are their own",
            )),
            Command::Describe => match case.latest {
                Some(latest) => {
                    let review = self.review_of(latest).await?;
                    let body = markdown::description(&review, &latest.head);
                    case.effects(vec![Content::Description { body }])
                }
                None => case.reply(reply::nothing("there is no review yet")),
            },
            Command::Resolve => self.resolve(case),
            Command::Ignore { finding, reason } => {
                self.ignore(case, finding.as_deref(), &reason).await?
            }
        })
    }

    /// Answers a question; one at a line is about that line's file.
    async fn ask(
        &self,
        case: &Case<'_>,
        agent: Option<&str>,
        question: &str,
    ) -> Result<Follows, Outcome> {
        let mut asked = question.to_owned();
        if let (Some(path), Some(line)) = (&case.said.path, case.said.at) {
            asked = format!("At line {line} of {path}: {asked}");
        }
        if let Some(agent) = agent {
            asked = format!("In the view of somebody who looks after {agent}: {asked}");
        }
        self.words(case, "ask", ASK, Some(&asked)).await
    }

    /// Has a model say something about the change, in the conversation in which it was asked for.
    async fn words(
        &self,
        case: &Case<'_>,
        word: &str,
        prompt: &'static str,
        question: Option<&str>,
    ) -> Result<Follows, Outcome> {
        let Some(advisors) = &self.advisors else {
            return Ok(case.reply(reply::needs_model(word)));
        };
        let (mut change, ground, _) = self.change(case).await?;
        if let Some(path) = case.said.path.as_deref()
            && change.files.iter().any(|file| file.path.as_str() == path)
        {
            change.files.retain(|file| file.path.as_str() == path);
        }
        let wanted = WantedWords {
            prompt,
            question,
            description: Some(&case.pull.description),
        };
        let answered = advisors.words(case.work, change, ground, &wanted).await?;
        Ok(case.reply(match answered {
            Ok(words) => reply::words(&words.markdown, &words.unread),
            Err(why) => reply::no_answer(&why),
        }))
    }

    /// Has a model suggest how lines get better.
    async fn improve(&self, case: &Case<'_>) -> Result<Follows, Outcome> {
        let Some(advisors) = &self.advisors else {
            return Ok(case.reply(reply::needs_model("improve")));
        };
        let (change, ground, files) = self.change(case).await?;
        let assessed = advisors.assess(change, ground.clone()).await?;
        let said = advisors.consult(case.work, &assessed, ground, Task::Improve);
        let said = said.await?;
        let improved = posting::improvements(&said.findings, &case.pull.head, &files);
        let mut contents: Vec<Content> = improved.into_iter().collect();
        if let Some(why) = said.incomplete.first() {
            contents.push(case.answer(reply::no_answer(why)));
        } else if contents.is_empty() {
            let what = "the model suggests nothing that stands up to the code";
            contents.push(case.answer(reply::nothing(what)));
        }
        Ok(case.effects(contents))
    }

    async fn change(
        &self,
        case: &Case<'_>,
    ) -> Result<(Change, Ground, Vec<ComparedFile>), Outcome> {
        let (pull_ref, pull) = (case.pull_ref, case.pull);
        let compared = self.forge.change(pull_ref, &pull.base, &pull.head).await;
        let compared = compared.map_err(failed)?;
        let (change, ground, _) = read_change(&*self.forge, pull_ref, pull, &compared).await?;
        Ok((change, ground, compared.files))
    }

    async fn config(&self, case: &Case<'_>) -> Result<Option<Vec<u8>>, Outcome> {
        let path = RepoPath::from(policy::FILE_NAME);
        let wanted = [Wanted::File(case.pull.base.clone(), path)];
        let fetched = self.forge.blobs(&case.pull_ref.repo, &wanted, MAX_CONFIG);
        Ok(match fetched.await.map_err(failed)?.pop() {
            Some(Fetched::File(bytes)) => Some(bytes.to_vec()),
            _ => None,
        })
    }

    async fn review_of(&self, latest: &Latest) -> Result<Review, Outcome> {
        read_review(&*self.blobs, &latest.review).await
    }

    fn resolve(&self, case: &Case<'_>) -> Follows {
        let ours = case.pull.threads.iter().filter(|thread| {
            !thread.is_resolved
                && self
                    .markers
                    .read_finding(&case.name, &thread.body)
                    .is_some()
        });
        let settled: Vec<Content> = ours
            .take(MAX_SETTLED)
            .map(|thread| Content::Resolve {
                thread: thread.id.clone(),
            })
            .collect();
        match settled.is_empty() {
            true => case.reply(reply::nothing("no conversation of ours is open")),
            false => case.effects(settled),
        }
    }

    /// Sets a finding aside: the one its conversation is about, or the one that is named.
    async fn ignore(
        &self,
        case: &Case<'_>,
        named: Option<&str>,
        reason: &str,
    ) -> Result<Follows, Outcome> {
        let thread = case.said.thread.and_then(|root| {
            let mut threads = case.pull.threads.iter();
            threads.find(|thread| thread.comment == root)
        });
        let of_thread =
            thread.and_then(|thread| self.markers.read_finding(&case.name, &thread.body));
        let Some(latest) = case.latest else {
            return Ok(case.reply(reply::nothing("there is no review yet")));
        };
        let review = self.review_of(latest).await?;
        let mut findings = review.findings.iter().filter(|finding| {
            let is_of_thread = of_thread.as_ref() == Some(&finding.fingerprint);
            let is_named = |name: &str| name.len() >= 6 && finding.fingerprint.starts_with(name);
            named.map_or(is_of_thread, is_named)
        });
        let (Some(finding), None) = (findings.next(), findings.next()) else {
            return Ok(case.reply(reply::no_finding()));
        };
        let login = &case.said.login;
        let entry = BaselineEntry {
            fingerprint: finding.fingerprint.clone(),
            rule: finding.rule.clone(),
            path: finding.location.path.clone(),
            reason: format!("{login}: {reason}"),
        };
        let mut contents = vec![case.answer(reply::declined(&finding.rule, login))];
        contents.extend(thread.map(|thread| Content::Resolve {
            thread: thread.id.clone(),
        }));
        Ok(Follows {
            choices: vec![Choice::Decline(entry)],
            effects: case.effects(contents).effects,
            ..case.review(false, Vec::new())
        })
    }
}

impl Case<'_> {
    fn comment(&self) -> CommentRef {
        CommentRef {
            id: self.said.comment,
            thread: self
                .said
                .is_at_line
                .then(|| self.said.thread.unwrap_or(self.said.comment)),
        }
    }

    fn earned(&self, content: Content) -> Earned {
        Earned {
            head: self.pull.head.clone(),
            content,
        }
    }

    fn effects(&self, contents: Vec<Content>) -> Follows {
        let earned: Vec<Earned> = contents.into_iter().map(|one| self.earned(one)).collect();
        earned.into()
    }

    fn answer(&self, body: String) -> Content {
        Content::Reply {
            to: self.comment(),
            body,
        }
    }

    fn reply(&self, body: String) -> Follows {
        self.effects(vec![self.answer(body)])
    }

    /// What asks, for what follows.
    fn by(&self) -> String {
        format!("command-{}", self.said.comment)
    }

    fn review(&self, is_full: bool, agents: Vec<String>) -> Follows {
        Follows {
            review: Some(Asked {
                by: self.by(),
                is_full,
                agents,
            }),
            ..Follows::default()
        }
    }
}

fn done(word: &str, told: Vec<Told>, follows: Follows) -> Outcome {
    Outcome::Done {
        result: json!({"command": word}),
        told,
        follows,
    }
}

#[async_trait]
impl Agent for CommandAgent {
    async fn run(&self, work: &Work) -> Outcome {
        match self.carry_out(work).await {
            Ok(outcome) | Err(outcome) => outcome,
        }
    }
}
