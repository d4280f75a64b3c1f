//! The agent that reviews pull requests: reads the forge, has the change analysed, and says what to post. It cannot write.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use pullmill_core::assemble::BaselineEntry;
use pullmill_core::baseline;
use pullmill_core::change::{Change, FileChange, RepoPath, Side, Status};
use pullmill_core::effect::{Content, Earned, Kind, Target, pull_name};
use pullmill_core::event::{AUTO, Asked};
use pullmill_core::id::Sha;
use pullmill_core::markdown;
use pullmill_core::marker::MarkerKey;
use pullmill_core::owners::{self, Owners};
use pullmill_core::policy::{self, Policy};
use pullmill_core::ports::analyzer::{Analyzer, AnalyzerError, Ground};
use pullmill_core::ports::blob::{BlobClass, BlobRef, Blobs};
use pullmill_core::ports::forge::{
    Compared, ComparedFile, Fetched, ForgeError, ForgeRead, Pull, PullRef, Wanted,
};
use pullmill_core::posting::{self, Shown};
use pullmill_core::review::Review;
use pullmill_core::section;
use pullmill_core::since::Since;
use pullmill_core::stream::Told;
use pullmill_core::task::{AskedDocs, Follows, Outcome};
use serde::Deserialize;
use serde_json::json;

use super::{Agent, Work};

/// Most bytes of a file that are read: one more than the analysis takes by default.
const MAX_FILE: u64 = (2 << 20) + 1;
/// Largest review that is read.
const MAX_REVIEW: u64 = 64 << 20;
/// Most bytes of all files together.
const MAX_TEXT: u64 = 64 << 20;
/// Most files that are read.
const MAX_FILES: usize = 3_000;
/// Files that are read at once, each with both sides.
const FILES_AT_ONCE: usize = 45;

/// Reviews pull requests.
pub struct PullAgent {
    forge: Arc<dyn ForgeRead>,
    analyzer: Arc<dyn Analyzer>,
    blobs: Arc<dyn Blobs>,
    markers: MarkerKey,
}

impl PullAgent {
    /// An agent that reads a forge.
    pub fn new(
        forge: Arc<dyn ForgeRead>,
        analyzer: Arc<dyn Analyzer>,
        blobs: Arc<dyn Blobs>,
        markers: MarkerKey,
    ) -> Self {
        Self {
            forge,
            analyzer,
            blobs,
            markers,
        }
    }

    async fn review(&self, work: &Work) -> Result<Outcome, Outcome> {
        let subject = work.execution.subject.as_ref();
        let pull_ref = subject.and_then(|subject| subject.pull());
        let pull_ref = pull_ref.ok_or_else(|| {
            Outcome::Hopeless("the event names no pull request of an installation".to_owned())
        })?;
        let pull = self.forge.pull(&pull_ref).await.map_err(failed)?;
        let input = Input::of(work);
        if let Some(reason) = unwanted(&pull, &input) {
            return Ok(Outcome::Done {
                result: json!({"skipped": reason, "head": pull.head}),
                told: Vec::new(),
                follows: Follows::default(),
            });
        }
        let compared = self
            .forge
            .change(&pull_ref, &pull.base, &pull.head)
            .await
            .map_err(failed)?;
        let (change, mut ground, owners) = self.read(&pull_ref, &pull, &compared).await?;
        let agents = agents_for(&input, &ground, &pull, &compared, &owners);
        ground.declined.clone_from(&input.declined);
        let review = match self.analyzer.review_change(change, ground).await {
            Ok(assessed) => assessed.review(),
            Err(error @ AnalyzerError::Unavailable(_)) => return Err(fault(&error)),
            Err(error @ AnalyzerError::Broken(_)) => {
                return Err(Outcome::Failed(error.to_string()));
            }
        };
        let place = Place {
            pull_ref: &pull_ref,
            pull: &pull,
            compared: &compared,
            agents,
        };
        self.post(work, &place, &review, input).await
    }

    /// Reads both sides of every file, and what the base says about reviews.
    async fn read(
        &self,
        pull_ref: &PullRef,
        pull: &Pull,
        compared: &Compared,
    ) -> Result<(Change, Ground, Owners), Outcome> {
        let at_base = |path: &str| Wanted::File(pull.base.clone(), RepoPath::from(path));
        let settings = [
            at_base(policy::FILE_NAME),
            at_base(baseline::FILE_NAME),
            Wanted::Folder(pull.base.clone(), RepoPath::from(policy::RULES_FOLDER)),
            at_base(owners::FILE_NAMES[0]),
            at_base(owners::FILE_NAMES[1]),
            at_base(owners::FILE_NAMES[2]),
        ];
        let (mut ground, mut owners) = (None, Owners::default());
        let mut files = Vec::with_capacity(compared.files.len());
        let mut room = MAX_TEXT;
        let read = compared.files.len().min(MAX_FILES);
        let (near, far) = compared.files.split_at(read);
        let mut chunks = near.chunks(FILES_AT_ONCE);
        loop {
            let chunk = chunks.next();
            let mut wanted = match ground {
                None => settings.to_vec(),
                Some(_) if chunk.is_none() => break,
                Some(_) => Vec::new(),
            };
            let chunk = chunk.unwrap_or_default();
            let before = wanted.len();
            if room > 0 {
                let sides = chunk.iter().flat_map(|file| sides(file, pull, compared));
                wanted.extend(sides);
            }
            let blobs = self.forge.blobs(&pull_ref.repo, &wanted, MAX_FILE);
            let mut fetched = blobs.await.map_err(failed)?.into_iter();
            if ground.is_none() {
                let settings: Vec<Fetched> = fetched.by_ref().take(before).collect();
                owners = as_owners(&settings[settings.len().min(3)..]);
                ground = Some(as_ground(settings));
            }
            for file in chunk {
                files.push(as_change(file, &mut fetched, &mut room));
            }
        }
        files.extend(
            far.iter()
                .map(|file| unread(file, "more than 3,000 files changed")),
        );
        files.sort_by(|one: &FileChange, other| one.path.cmp(&other.path));
        let mut ground = ground.unwrap_or_default();
        if !compared.is_complete {
            let missing = "the forge does not list all files of the change";
            ground.missing.push(missing.to_owned());
        }
        let number = pull_ref.number;
        let change = Change {
            label: format!("{}#{number}", pull_ref.repo.name),
            base: Some(compared.merge_base.to_string()),
            head: Some(pull.head.to_string()),
            files,
            notes: Vec::new(),
        };
        Ok((change, ground, owners))
    }

    /// How the last review differs, if it can still be read.
    async fn since(&self, review: &Review, latest: Option<Latest>) -> Option<Since> {
        let latest = latest?;
        let before = read_review(&*self.blobs, &latest.review).await.ok()?;
        Since::of(&before, &latest.head, review)
    }

    async fn post(
        &self,
        work: &Work,
        place: &Place<'_>,
        review: &Review,
        input: Input,
    ) -> Result<Outcome, Outcome> {
        let Place {
            pull_ref,
            pull,
            compared,
            agents,
        } = place;
        let bytes = serde_json::to_vec(review)
            .map_err(|error| Outcome::Hopeless(format!("the review cannot be written: {error}")))?;
        let tenant = &work.execution.tenant;
        let kept = self
            .blobs
            .put(tenant, BlobClass::Result, Bytes::from(bytes));
        let kept = kept.await.map_err(|error| fault(&error))?;
        let name = pull_name(tenant, pull_ref);
        let read = |body: &str| self.markers.read_finding(&name, body);
        let mut shown = Shown::of(&pull.threads, read);
        let asked = input.asked.unwrap_or_default();
        shown.is_said_again = asked.is_full;
        shown.agents.clone_from(agents);
        shown.since = self.since(review, input.latest).await;
        let mark = |fingerprint: &str| self.markers.finding(&name, fingerprint);
        let mut contents = posting::plan(review, &pull.head, &compared.files, &shown, mark);
        // A commit of our own gets a check and a review, but no new summary and no work on documents (decision 12).
        let is_own = input.is_own
            && work
                .execution
                .subject
                .as_ref()
                .is_some_and(|subject| subject.head.as_deref() == Some(pull.head.as_str()));
        if is_own {
            contents.retain(|content| content.kind() != Kind::Summary);
        }
        // What somebody had us say in the description is kept up to date.
        let target = Target {
            tenant: tenant.clone(),
            pull: (*pull_ref).clone(),
            head: pull.head.clone(),
            cause: AUTO.to_owned(),
        };
        let described = Content::Description {
            body: markdown::description(review, pull.head.as_str()),
        };
        let marker = self
            .markers
            .object(Kind::Description, &target.object(&described));
        if section::read(&pull.description, &marker).is_some() {
            contents.push(described);
        }
        let docs = (!is_own && !review.renamed.is_empty()).then(|| AskedDocs {
            by: AUTO.to_owned(),
            head: pull.head.clone(),
            to: None,
        });
        let earned = contents.into_iter().map(|content| Earned {
            head: pull.head.clone(),
            content,
        });
        Ok(Outcome::Done {
            result: json!({
                "verdict": review.verdict, "risk": review.risk, "head": pull.head,
                "findings": review.findings.len(), "review": kept,
            }),
            told: vec![Told::new(
                "review.ready",
                json!({
                    "verdict": review.verdict.outlook, "risk": review.risk.score, "head": pull.head,
                    "findings": review.findings.len(), "files": review.coverage.len(),
                }),
            )],
            follows: Follows {
                effects: earned.collect(),
                docs,
                ..Follows::default()
            },
        })
    }
}

#[async_trait]
impl Agent for PullAgent {
    async fn run(&self, work: &Work) -> Outcome {
        match self.review(work).await {
            Ok(outcome) | Err(outcome) => outcome,
        }
    }
}

/// Where a review is posted.
struct Place<'a> {
    pull_ref: &'a PullRef,
    pull: &'a Pull,
    compared: &'a Compared,
    /// Whose findings are said at lines; empty for all.
    agents: Vec<String>,
}

/// What the lane hands over.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Input {
    declined: Vec<BaselineEntry>,
    asked: Option<Asked>,
    is_own: bool,
    /// What a rule of the operator says.
    agents: Vec<String>,
    latest: Option<Latest>,
}

/// What the last review gave.
#[derive(Deserialize)]
pub(super) struct Latest {
    pub(super) head: Sha,
    pub(super) review: BlobRef,
}

impl Input {
    fn of(work: &Work) -> Self {
        serde_json::from_value(work.execution.input.clone()).unwrap_or_default()
    }
}

/// Whose findings are said at lines: what a command asks for counts before a rule of the operator, and that before the
/// repository's own routes at the base.
fn agents_for(
    input: &Input,
    ground: &Ground,
    pull: &Pull,
    compared: &Compared,
    owners: &Owners,
) -> Vec<String> {
    let asked = input.asked.as_ref().map(|asked| &asked.agents);
    let said = [asked, Some(&input.agents)].into_iter().flatten();
    if let Some(agents) = said.into_iter().find(|agents| !agents.is_empty()) {
        return agents.clone();
    }
    let policy = ground.config.as_ref();
    let policy = policy.and_then(|bytes| Policy::parse_bytes(bytes).ok());
    let Some(policy) = policy.filter(|policy| !policy.routes.is_empty()) else {
        return Vec::new();
    };
    let paths: Vec<&RepoPath> = compared.files.iter().map(|file| &file.path).collect();
    let owners = owners.of_any(paths.iter().copied());
    policy.agents_for(&pull.labels, &owners, &paths)
}

/// The owners as the first file that is there has them.
fn as_owners(fetched: &[Fetched]) -> Owners {
    let file = fetched.iter().find(|one| **one != Fetched::Absent);
    match file {
        Some(Fetched::File(bytes)) => Owners::read(&String::from_utf8_lossy(bytes)),
        _ => Owners::default(),
    }
}

fn unwanted(pull: &Pull, input: &Input) -> Option<&'static str> {
    if !pull.is_open {
        Some("it is closed")
    } else if pull.is_draft && !input.asked.as_ref().is_some_and(Asked::is_by_person) {
        Some("it is a draft")
    } else {
        None
    }
}

/// Faults of others are waited out; a forge that refuses may change its mind, as when an installation is suspended.
pub(super) fn failed(error: ForgeError) -> Outcome {
    match error {
        ForgeError::NotFound(_) => Outcome::Hopeless(error.to_string()),
        ForgeError::Limited(wait) => Outcome::Faulted {
            error: error.to_string(),
            retry_after: Some(wait),
        },
        ForgeError::Refused(_) | ForgeError::Unavailable(_) => fault(&error),
    }
}

/// Reads a review that was kept.
pub(super) async fn read_review(blobs: &dyn Blobs, kept: &BlobRef) -> Result<Review, Outcome> {
    let bytes = blobs.get(kept, MAX_REVIEW).await;
    let bytes = bytes.map_err(|error| fault(&error))?;
    serde_json::from_slice(&bytes)
        .map_err(|error| Outcome::Failed(format!("the review cannot be read: {error}")))
}

fn fault(error: &dyn std::fmt::Display) -> Outcome {
    Outcome::Faulted {
        error: error.to_string(),
        retry_after: None,
    }
}

/// Which sides of a file are to be read.
fn sides(file: &ComparedFile, pull: &Pull, compared: &Compared) -> Vec<Wanted> {
    if file.submodule.is_some() {
        return Vec::new();
    }
    let mut wanted = Vec::new();
    if file.status != Status::Added {
        let path = file.old_path.as_ref().unwrap_or(&file.path);
        wanted.push(Wanted::File(compared.merge_base.clone(), path.clone()));
    }
    if file.status != Status::Deleted {
        wanted.push(Wanted::File(pull.head.clone(), file.path.clone()));
    }
    wanted
}

/// A file with its sides, in the order [`sides`] asks for them.
fn as_change(
    file: &ComparedFile,
    fetched: &mut impl Iterator<Item = Fetched>,
    room: &mut u64,
) -> FileChange {
    if let Some(commit) = &file.submodule {
        let side = Side::Submodule(commit.clone());
        return with_sides(file, side.clone(), side);
    }
    let mut next = |is_there: bool| {
        if !is_there {
            return Side::Absent;
        }
        match fetched.next() {
            Some(Fetched::File(bytes)) => {
                *room = room.saturating_sub(bytes.len() as u64);
                Side::Text(Arc::from(bytes.as_ref()))
            }
            Some(Fetched::TooLarge(size)) => Side::TooLarge { size },
            Some(Fetched::Binary(size)) => Side::Binary { size },
            Some(_) => Side::Unavailable("the forge does not give its content".to_owned()),
            None => Side::Unavailable("the change holds more text than is read at once".to_owned()),
        }
    };
    let base = next(file.status != Status::Added);
    let head = next(file.status != Status::Deleted);
    with_sides(file, base, head)
}

fn unread(file: &ComparedFile, why: &str) -> FileChange {
    let side = |is_there: bool| match is_there {
        true => Side::Unavailable(why.to_owned()),
        false => Side::Absent,
    };
    let base = side(file.status != Status::Added);
    let head = side(file.status != Status::Deleted);
    with_sides(file, base, head)
}

fn with_sides(file: &ComparedFile, base: Side, head: Side) -> FileChange {
    FileChange {
        path: file.path.clone(),
        old_path: file.old_path.clone(),
        status: file.status,
        old_mode: None,
        new_mode: None,
        base,
        head,
        hunks: Vec::new(),
    }
}

/// What the base says about reviews. What is there and cannot be read makes the review incomplete.
fn as_ground(fetched: Vec<Fetched>) -> Ground {
    let mut ground = Ground::default();
    let mut fetched = fetched.into_iter();
    let mut file = |name: &str, missing: &mut Vec<String>| match fetched.next() {
        Some(Fetched::File(bytes)) => Some(bytes),
        Some(Fetched::Absent) | None => None,
        Some(_) => {
            missing.push(format!("{name} is too large to be read"));
            None
        }
    };
    ground.config = file(policy::FILE_NAME, &mut ground.missing);
    ground.baseline = file(baseline::FILE_NAME, &mut ground.missing);
    if let Some(Fetched::Folder(files)) = fetched.next() {
        for (name, bytes) in files {
            let path = RepoPath::from(format!("{}/{name}", policy::RULES_FOLDER).as_str());
            if !matches!(path.extension().as_str(), "yml" | "yaml") {
                continue;
            }
            match bytes {
                Some(bytes) => ground.rules.push((path, bytes)),
                None => ground
                    .missing
                    .push(format!("{path} is too large to be read")),
            }
        }
    }
    ground
}
