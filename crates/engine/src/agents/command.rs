//! The agent that carries out commands of comments: asks who may do it, and says what follows. It cannot write.

use std::sync::Arc;

use async_trait::async_trait;
use pullmill_core::assemble::BaselineEntry;
use pullmill_core::change::{Change, RepoPath};
use pullmill_core::decided::Choice;
use pullmill_core::effect::{CommentRef, Content, Earned, pull_name};
use pullmill_core::event::Asked;
use pullmill_core::event::comment::{self, AGENTS, Command, Permission};
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

use super::advise::{Advisors, tell_without};
use super::pull::{failed, read_review};
use super::reading::read_change;
use super::views::{self, Views, routed};
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
    /// What a rule of the operator says.
    #[serde(default)]
    agents: Vec<String>,
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
    /// Whose view a rule of the operator wants.
    agents: &'a [String],
}

/// Whose view an answer takes.
enum Whose<'a> {
    /// Nobody's in particular.
    Nobodys,
    /// That of the agents to which routes send it.
    Routed,
    /// That of the agent of this name.
    Of(&'a str),
}

/// What a command is about: a pull request's change, and whose view it is seen in.
struct Seen {
    change: Change,
    ground: Ground,
    files: Vec<ComparedFile>,
    views: Views,
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
            agents: &input.agents,
        };
        let command = comment::parse(&said.line);
        let without = command.as_ref().ok().and_then(Command::without_model);
        let mut follows = match command {
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
        let mut outcome = done("done", vec![told], follows);
        if let (Some(without), Outcome::Done { result, .. }) = (without, &mut outcome) {
            tell_without(self.advisors.as_ref(), without, result);
        }
        Ok(outcome)
    }

    async fn run_command(&self, case: &Case<'_>, command: Command) -> Result<Follows, Outcome> {
        Ok(match command {
            Command::Help => case.reply(reply::help()),
            Command::Ask { agent, question } => self.ask(case, agent.as_deref(), &question).await?,
            Command::Changelog => {
                let whose = Whose::Nobodys;
                self.words(case, "changelog", CHANGELOG, whose, None)
                    .await?
            }
            Command::Tests => {
                self.words(case, "tests", TESTS, Whose::Routed, None)
                    .await?
            }
            Command::Improve => self.improve(case).await?,
            Command::Missing(word) => case.reply(reply::missing(word)),
            Command::ExplainRisk => case.reply(match case.latest {
                Some(latest) => reply::explain_risk(&latest.verdict, &latest.risk, &latest.head),
                None => reply::nothing("there is no review yet"),
            }),
            Command::Config => case.reply(reply::config(self.config(case).await?.as_deref())),
            Command::Review { agents } => match self.missing_agent(case, &agents).await? {
                Some(none) => case.reply(none),
                None => case.review(false, agents),
            },
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
        let whose = agent.map_or(Whose::Routed, Whose::Of);
        self.words(case, "ask", ASK, whose, Some(&asked)).await
    }

    /// Has a model say something about the change, in the conversation in which it was asked for.
    async fn words(
        &self,
        case: &Case<'_>,
        word: &str,
        prompt: &'static str,
        whose: Whose<'_>,
        question: Option<&str>,
    ) -> Result<Follows, Outcome> {
        let Some(advisors) = &self.advisors else {
            return Ok(case.reply(reply::needs_model(word)));
        };
        let seen = match self.see(case, whose).await? {
            Ok(seen) => seen,
            Err(none) => return Ok(case.reply(none)),
        };
        let views = seen.views.words();
        let wanted = WantedWords {
            prompt,
            views: views.as_deref(),
            tier: seen.views.tier(),
            question,
            description: Some(&case.pull.description),
        };
        let answered = advisors.words(case.work, seen.change, seen.ground, &wanted);
        Ok(case.reply(match answered.await? {
            Ok(words) => reply::words(&words.markdown, &words.unread, &seen.views.names()),
            Err(why) => reply::no_answer(&why),
        }))
    }

    /// Has a model suggest how lines get better.
    async fn improve(&self, case: &Case<'_>) -> Result<Follows, Outcome> {
        let Some(advisors) = &self.advisors else {
            return Ok(case.reply(reply::needs_model("improve")));
        };
        let seen = match self.see(case, Whose::Routed).await? {
            Ok(seen) => seen,
            Err(none) => return Ok(case.reply(none)),
        };
        let assessed = advisors.assess(seen.change, seen.ground.clone()).await?;
        let task = Task::Improve {
            views: seen.views.words(),
            tier: seen.views.tier(),
        };
        let said = advisors.consult(case.work, &assessed, seen.ground, task);
        let said = said.await?;
        let improved = posting::improvements(&said.findings, &case.pull.head, &seen.files);
        let mut contents: Vec<Content> = improved.into_iter().collect();
        if let Some(why) = said.incomplete.first() {
            contents.push(case.answer(reply::no_answer(why)));
        } else if contents.is_empty() {
            let what = "the model suggests nothing that stands up to the code";
            contents.push(case.answer(reply::nothing(what)));
        }
        Ok(case.effects(contents))
    }

    /// Reads the change that a command is about, or says that there is no such agent.
    async fn see(
        &self,
        case: &Case<'_>,
        whose: Whose<'_>,
    ) -> Result<Result<Seen, String>, Outcome> {
        let (pull_ref, pull) = (case.pull_ref, case.pull);
        let compared = self.forge.change(pull_ref, &pull.base, &pull.head).await;
        let compared = compared.map_err(failed)?;
        let (mut change, ground, owners) =
            read_change(&*self.forge, pull_ref, pull, &compared).await?;
        let at = case.said.path.as_deref();
        let is_at = |path: &RepoPath| at == Some(path.as_str());
        let is_at_file = change.files.iter().any(|file| is_at(&file.path));
        if is_at_file {
            change.files.retain(|file| is_at(&file.path));
        }
        let names = match whose {
            Whose::Nobodys => Vec::new(),
            Whose::Of(name) => vec![name.to_owned()],
            Whose::Routed if !case.agents.is_empty() => case.agents.to_vec(),
            Whose::Routed => {
                let paths: Vec<&RepoPath> = change.files.iter().map(|file| &file.path).collect();
                routed(&ground, pull, &owners, &paths)
            }
        };
        let views = match Views::of(&views::policy(ground.config.as_deref()), &names) {
            Ok(views) => views,
            Err(none) => return Ok(Err(reply::no_agent(&none.name, &none.names))),
        };
        if !is_at_file {
            views.narrow(&mut change);
        }
        Ok(Ok(Seen {
            change,
            ground,
            files: compared.files,
            views,
        }))
    }

    /// What to say if there is no agent of a name.
    async fn missing_agent(
        &self,
        case: &Case<'_>,
        names: &[String],
    ) -> Result<Option<String>, Outcome> {
        if names.iter().all(|name| AGENTS.contains(&name.as_str())) {
            return Ok(None);
        }
        let policy = views::policy(self.config(case).await?.as_deref());
        let none = Views::of(&policy, names).err();
        Ok(none.map(|none| reply::no_agent(&none.name, &none.names)))
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
