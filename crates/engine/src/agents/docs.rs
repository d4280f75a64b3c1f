//! The agent that keeps documents true: finds the lines that still use names which the change has replaced, and says what follows. It cannot write.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use pullmill_core::change::RepoPath;
use pullmill_core::commit::Tree;
use pullmill_core::docs::{Edit, drift, is_document};
use pullmill_core::effect::{CommentRef, Content, Earned, pull_name};
use pullmill_core::id::Sha;
use pullmill_core::marker::MarkerKey;
use pullmill_core::policy::{self, DocsMode, DocsPolicy, Policy};
use pullmill_core::ports::blob::Blobs;
use pullmill_core::ports::forge::{Fetched, ForgeRead, Pull, PullRef, Wanted};
use pullmill_core::posting::{Shown, edits};
use pullmill_core::reply;
use pullmill_core::review::Review;
use pullmill_core::stream::Told;
use pullmill_core::task::{Follows, Outcome};
use serde::Deserialize;
use serde_json::json;

use super::advise::{Advisors, STATIC, tell_without};
use super::pull::{Latest, failed, read_review};
use super::{Agent, Work};

/// Largest configuration that is read.
const MAX_CONFIG: u64 = policy::MAX_BYTES as u64;
/// Largest document that is read.
const MAX_DOCUMENT: u64 = 256 << 10;
/// Most bytes of all documents together.
const MAX_TEXT: usize = 16 << 20;
/// Most documents that are read.
const MAX_DOCUMENTS: usize = 450;
/// Documents that are read at once.
const AT_ONCE: usize = 45;
/// Most lines of one commit: more of them are for a person to look at.
const MAX_EDITS: usize = 200;

/// Keeps documents true.
pub struct DocsAgent {
    forge: Arc<dyn ForgeRead>,
    blobs: Arc<dyn Blobs>,
    markers: MarkerKey,
    advisors: Option<Advisors>,
}

/// What the lane hands over.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Input {
    to: Option<CommentRef>,
    latest: Option<Latest>,
}

/// Why nothing is done.
enum Idle {
    /// There is nothing to be done, in words.
    Because(&'static str),
    /// It cannot be done now or ever.
    Failed(Box<Outcome>),
}

impl From<Outcome> for Idle {
    fn from(outcome: Outcome) -> Self {
        Self::Failed(Box::new(outcome))
    }
}

/// The documents of a head, as far as they were read.
struct Library {
    tree: Tree,
    texts: BTreeMap<RepoPath, String>,
}

impl DocsAgent {
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

    async fn update(&self, work: &Work) -> Result<Outcome, Outcome> {
        let subject = work.execution.subject.as_ref();
        let pull_ref = subject.and_then(|subject| subject.pull());
        let pull_ref = pull_ref
            .ok_or_else(|| Outcome::Hopeless("the event names no pull request".to_owned()))?;
        let input: Input = serde_json::from_value(work.execution.input.clone()).unwrap_or_default();
        let pull = self.forge.pull(&pull_ref).await.map_err(failed)?;
        let head = subject.and_then(|subject| subject.head.as_deref());
        let (contents, word) = match self.contents(work, &pull_ref, &pull, head, &input).await {
            Ok(contents) => (contents, "done"),
            Err(Idle::Failed(outcome)) => return Err(*outcome),
            Err(Idle::Because(reason)) => {
                let body = reply::nothing(reason);
                let answer = input.to.map(|to| Content::Reply { to, body });
                (answer.into_iter().collect(), reason)
            }
        };
        let kinds: Vec<&str> = contents.iter().map(|one| one.kind().word()).collect();
        let told = Told::new("docs.ready", json!({"head": pull.head, "effects": kinds}));
        let earned = contents.into_iter().map(|content| Earned {
            head: pull.head.clone(),
            content,
        });
        let mut result = json!({"docs": word, "head": pull.head});
        tell_without(self.advisors.as_ref(), STATIC, &mut result);
        Ok(Outcome::Done {
            result,
            told: vec![told],
            follows: Follows::from(earned.collect::<Vec<_>>()),
        })
    }

    async fn contents(
        &self,
        work: &Work,
        pull_ref: &PullRef,
        pull: &Pull,
        head: Option<&str>,
        input: &Input,
    ) -> Result<Vec<Content>, Idle> {
        if !pull.is_open {
            return Err(Idle::Because("the pull request is closed"));
        }
        if head != Some(pull.head.as_str()) {
            return Err(Idle::Because(
                "the head has moved; its own review asks again",
            ));
        }
        let latest = input.latest.as_ref();
        let latest = latest
            .filter(|latest| latest.head == pull.head)
            .ok_or(Idle::Because("there is no review of this head yet"))?;
        let policy = self.policy(pull_ref, pull).await?;
        if policy.mode == DocsMode::Off {
            return Err(Idle::Because("`docs.mode` is `off` on the default branch"));
        }
        let review = read_review(&*self.blobs, &latest.review).await?;
        let may_ask = self.advisors.is_some() && says_otherwise(&review);
        if review.renamed.is_empty() && !may_ask {
            return Err(Idle::Because("the change gives nothing another name"));
        }
        let library = self.library(pull_ref, &pull.head, &policy).await?;
        let drifted = library
            .texts
            .iter()
            .flat_map(|(path, text)| drift(&review.renamed, path, text));
        let mut drifted: Vec<Edit> = drifted.collect();
        let mut unanswered = None;
        if let Some(advisors) = self.advisors.as_ref().filter(|_| may_ask) {
            match advisors.documents(work, &review, &library.texts).await {
                Ok(advised) => add(&mut drifted, advised),
                Err(why) => unanswered = Some(why),
            }
        }
        let name = pull_name(&work.execution.tenant, pull_ref);
        let shown = Shown::of(&pull.threads, |body| self.markers.read_finding(&name, body));
        let mut note = None;
        let mut commit = self.commit(pull, &policy, &library, &drifted);
        if commit.is_some()
            && !self
                .forge
                .may_commit(&pull_ref.repo)
                .await
                .map_err(failed)?
        {
            commit = None;
            note = Some(edits::NO_COMMITS);
        }
        let is_commit = commit.is_some();
        let mut contents = match commit {
            Some(commit) => {
                let mut contents = vec![commit];
                contents.extend(edits::settled(&[], &shown));
                contents
            }
            None => {
                let compared = self.forge.change(pull_ref, &pull.base, &pull.head).await;
                let files = compared.map_err(failed)?.files;
                let mark = |fingerprint: &str| self.markers.finding(&name, fingerprint);
                edits::suggest(&drifted, &pull.head, &files, &shown, note, mark)
            }
        };
        if let Some(to) = input.to {
            let mut files: Vec<&RepoPath> = drifted.iter().map(|edit| &edit.path).collect();
            files.dedup();
            let body = match (drifted.is_empty(), unanswered) {
                (true, Some(why)) => reply::no_answer(&why),
                (true, None) => reply::nothing("no document is untrue now"),
                (false, _) => reply::docs(drifted.len(), files.len(), is_commit),
            };
            contents.push(Content::Reply { to, body });
        }
        if contents.is_empty() {
            return Err(Idle::Because("no document is untrue now"));
        }
        Ok(contents)
    }

    /// What the default branch says, wherever the pull request goes (decision 21). What cannot be read allows nothing.
    async fn policy(&self, pull_ref: &PullRef, pull: &Pull) -> Result<DocsPolicy, Idle> {
        let file = Wanted::File(pull.default.clone(), RepoPath::from(policy::FILE_NAME));
        let fetched = self.forge.blobs(&pull_ref.repo, &[file], MAX_CONFIG).await;
        let read = match fetched.map_err(failed)?.pop() {
            Some(Fetched::File(bytes)) => Policy::parse_bytes(&bytes).ok(),
            Some(Fetched::Absent) => Some(Policy::default()),
            _ => None,
        };
        read.map(|policy| policy.docs).ok_or(Idle::Because(
            "the settings of the default branch cannot be read",
        ))
    }

    async fn library(
        &self,
        pull_ref: &PullRef,
        head: &Sha,
        policy: &DocsPolicy,
    ) -> Result<Library, Idle> {
        let tree = self
            .forge
            .tree(&pull_ref.repo, head)
            .await
            .map_err(failed)?;
        let documents = tree.entries.iter().filter(|entry| {
            entry.is_file() && is_document(&entry.path) && policy.paths.matches(&entry.path)
        });
        let mut paths: Vec<RepoPath> = documents.map(|entry| entry.path.clone()).collect();
        // Those nearest to the root are read most.
        paths.sort_by_cached_key(|path| (path.as_str().matches('/').count(), path.clone()));
        paths.truncate(MAX_DOCUMENTS);
        let (mut texts, mut size) = (BTreeMap::new(), 0);
        for paths in paths.chunks(AT_ONCE) {
            if size > MAX_TEXT {
                break;
            }
            let wanted = paths
                .iter()
                .map(|path| Wanted::File(head.clone(), path.clone()));
            let wanted: Vec<Wanted> = wanted.collect();
            let fetched = self
                .forge
                .blobs(&pull_ref.repo, &wanted, MAX_DOCUMENT)
                .await;
            for (path, fetched) in paths.iter().zip(fetched.map_err(failed)?) {
                if let Fetched::File(bytes) = fetched
                    && let Ok(text) = String::from_utf8(bytes.to_vec())
                {
                    size += text.len();
                    texts.insert(path.clone(), text);
                }
            }
        }
        Ok(Library { tree, texts })
    }

    /// The commit, if commits are wanted and possible here; never on a fork (decision 23).
    fn commit(
        &self,
        pull: &Pull,
        policy: &DocsPolicy,
        library: &Library,
        drifted: &[Edit],
    ) -> Option<Content> {
        // The default branch is everybody's, also where a pull request goes out from it.
        let is_default = pull.head == pull.default;
        if policy.mode != DocsMode::Commit
            || pull.is_fork
            || is_default
            || drifted.len() > MAX_EDITS
        {
            return None;
        }
        let branch = pull.branch.as_ref()?;
        let Library { tree, texts } = library;
        edits::commit(drifted, texts, tree, &pull.head, branch).map(Content::Commit)
    }
}

/// Whether a change calls something in another way that others can name or type, or takes it away.
pub(super) fn says_otherwise(review: &Review) -> bool {
    let summary = &review.summary;
    !summary.api.changed.is_empty()
        || !summary.api.removed.is_empty()
        || summary.names.iter().any(|one| one.before.is_some())
}

/// Adds what a model says of lines of which nothing is certain.
fn add(drifted: &mut Vec<Edit>, advised: Vec<Edit>) {
    for edit in advised {
        let is_same = |other: &Edit| (&other.path, other.line) == (&edit.path, edit.line);
        if !drifted.iter().any(is_same) {
            drifted.push(edit);
        }
    }
    drifted.sort_by(|one, other| (&one.path, one.line).cmp(&(&other.path, other.line)));
}

#[async_trait]
impl Agent for DocsAgent {
    async fn run(&self, work: &Work) -> Outcome {
        match self.update(work).await {
            Ok(outcome) | Err(outcome) => outcome,
        }
    }
}
