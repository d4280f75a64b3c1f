//! The handle of a fake GitHub: what people do there, what goes wrong, and what is to be seen.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use pullmill_core::signature::Secrets;
use tokio::net::TcpListener;
use tokio::sync::{oneshot, watch};

use crate::fault::Fault;
use crate::git::{Files, Objects};
use crate::serve;
use crate::state::{
    Asked, CheckRun, Comment, Delivery, Pull, Reaction, Repo, Review, ReviewComment, State,
};
use crate::webhook;

/// A running GitHub. It ends when this is dropped.
pub struct Hub {
    state: Arc<Mutex<State>>,
    address: SocketAddr,
    runtime: tokio::runtime::Handle,
    door: watch::Sender<bool>,
    ends: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// A pull request that was opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Opened {
    /// Its repository.
    pub repo: u64,
    /// Its number.
    pub number: u64,
}

/// All that was posted on a pull request.
#[derive(Clone, Debug)]
pub struct Posted {
    /// Comments.
    pub comments: Vec<Comment>,
    /// Reviews.
    pub reviews: Vec<Review>,
    /// Comments at lines.
    pub lines: Vec<ReviewComment>,
    /// Checks of its present head.
    pub checks: Vec<CheckRun>,
    /// Labels.
    pub labels: Vec<String>,
    /// Reactions of the App to comments.
    pub reactions: Vec<Reaction>,
    /// Its description.
    pub body: String,
    /// Its present head.
    pub head: String,
    /// Its commits, newest first.
    pub history: Vec<String>,
    /// The files of its head that are text.
    pub files: BTreeMap<String, String>,
}

impl Hub {
    /// Starts on a free loopback port.
    pub fn start() -> io::Result<Self> {
        let state = Arc::new(Mutex::new(State::new()));
        let (door, watched) = watch::channel(true);
        let (ends, ended) = oneshot::channel();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0"))?;
        let address = listener.local_addr()?;
        let handle = runtime.handle().clone();
        let shared = Arc::clone(&state);
        let thread = std::thread::spawn(move || {
            runtime.block_on(async {
                tokio::spawn(serve::run(listener, shared, watched));
                let _ = ended.await;
            });
        });
        Ok(Self {
            state,
            address,
            runtime: handle,
            door,
            ends: Some(ends),
            thread: Some(thread),
        })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The address of its API.
    #[must_use]
    pub fn api(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Sends webhooks there from now on.
    pub fn send_webhooks_to(&self, url: &str, secrets: Secrets) {
        self.lock().webhook = Some((url.to_owned(), secrets));
    }

    /// Makes a repository with one commit.
    pub fn make_repo(&self, name: &str, files: &[(&str, &str)]) -> u64 {
        let mut state = self.lock();
        let id = state.next_id();
        let mut objects = Objects::default();
        let main = objects.commit(None, as_files(Files::new(), files), "Begin");
        let repo = Repo {
            id,
            name: name.to_owned(),
            main,
            objects,
            pulls: BTreeMap::new(),
            checks: Vec::new(),
        };
        state.repos.insert(id, repo);
        id
    }

    /// Opens a pull request that changes some files of the main branch; a file with an empty text goes. Sends nothing yet.
    pub fn open(&self, repo: u64, title: &str, files: &[(&str, &str)]) -> Opened {
        let mut state = self.lock();
        let repository = state.repos.get_mut(&repo);
        let number = repository.map_or(0, |repository| {
            let base = repository.main.clone();
            let before = repository.objects.commits[&base].files.clone();
            let head = repository
                .objects
                .commit(Some(&base), as_files(before, files), title);
            let number = repository.pulls.len() as u64 + 1;
            let pull = Pull {
                title: title.to_owned(),
                body: String::new(),
                branch: format!("change/{number}"),
                base,
                head,
                is_open: true,
                is_draft: false,
                is_fork: false,
                updated: SystemTime::now(),
                comments: Vec::new(),
                reviews: Vec::new(),
                review_comments: Vec::new(),
                labels: Vec::new(),
                reactions: Vec::new(),
            };
            repository.pulls.insert(number, pull);
            number
        });
        webhook::about_pull(&mut state, repo, number, "opened");
        Opened { repo, number }
    }

    /// Pushes a commit onto a pull request.
    pub fn push(&self, opened: Opened, files: &[(&str, &str)]) {
        let mut state = self.lock();
        if let Some(repo) = state.repos.get_mut(&opened.repo)
            && let Some(pull) = repo.pulls.get_mut(&opened.number)
        {
            let before = repo.objects.commits[&pull.head].files.clone();
            let files = as_files(before, files);
            pull.head = repo.objects.commit(Some(&pull.head), files, "Go on");
            pull.updated = SystemTime::now();
        }
        webhook::about_pull(&mut state, opened.repo, opened.number, "synchronize");
    }

    /// Throws away what was pushed, and pushes something else onto the main branch's tip.
    pub fn force_push(&self, opened: Opened, files: &[(&str, &str)]) {
        let mut state = self.lock();
        if let Some(repo) = state.repos.get_mut(&opened.repo)
            && let Some(pull) = repo.pulls.get_mut(&opened.number)
        {
            let before = repo.objects.commits[&pull.base].files.clone();
            let files = as_files(before, files);
            pull.head = repo.objects.commit(Some(&pull.base), files, "Once more");
            pull.updated = SystemTime::now();
        }
        webhook::about_pull(&mut state, opened.repo, opened.number, "synchronize");
    }

    /// Changes what a pull request is; an action such as `closed` or `ready_for_review` is told.
    pub fn act(&self, opened: Opened, action: &str) {
        let mut state = self.lock();
        if let Some(repo) = state.repos.get_mut(&opened.repo)
            && let Some(pull) = repo.pulls.get_mut(&opened.number)
        {
            match action {
                "closed" => pull.is_open = false,
                "reopened" => pull.is_open = true,
                "converted_to_draft" => pull.is_draft = true,
                "ready_for_review" => pull.is_draft = false,
                _ => {}
            }
            pull.updated = SystemTime::now();
        }
        webhook::about_pull(&mut state, opened.repo, opened.number, action);
    }

    /// Somebody writes a comment on a pull request.
    pub fn comment(&self, opened: Opened, body: &str) -> u64 {
        let mut state = self.lock();
        let comment = Comment {
            id: state.next_id(),
            body: body.to_owned(),
            is_ours: false,
            edits: 0,
            made: Instant::now(),
        };
        let (id, value) = (comment.id, comment.to_json());
        if let Some(pull) = pull_of(&mut state, opened) {
            pull.comments.push(comment);
        }
        webhook::about_comment(&mut state, opened.repo, opened.number, &value, "created");
        id
    }

    /// Says what somebody may do: `admin`, `write`, `read`. Who was never named is nobody.
    pub fn allow(&self, login: &str, id: u64, permission: &str) {
        let mut state = self.lock();
        state
            .people
            .insert(login.to_owned(), (id, permission.to_owned()));
    }

    /// Somebody with a name writes a comment on a pull request.
    pub fn comment_by(&self, opened: Opened, login: &str, id: u64, body: &str) -> u64 {
        let number = self.comment(opened, body);
        self.last_by(login, id);
        number
    }

    /// Somebody with a name answers in the conversation that a comment at a line began.
    pub fn answer_by(&self, opened: Opened, line: u64, login: &str, id: u64, body: &str) -> u64 {
        let mut state = self.lock();
        let number = state.next_id();
        let answer = pull_of(&mut state, opened).and_then(|pull| {
            let first = pull
                .review_comments
                .iter()
                .find(|one| one.id == line)?
                .clone();
            let answer = ReviewComment {
                id: number,
                body: body.to_owned(),
                answers: Some(line),
                is_ours: false,
                ..first
            };
            pull.review_comments.push(answer.clone());
            Some(answer)
        });
        if let Some(answer) = answer {
            let who = serde_json::json!({"id": id, "login": login, "type": "User"});
            webhook::about_line(
                &mut state,
                opened.repo,
                opened.number,
                &answer.to_json(),
                &who,
            );
        }
        number
    }

    /// The App writes a comment, as one of its processes that came late would.
    pub fn post_as_app(&self, opened: Opened, body: &str) {
        let mut state = self.lock();
        let comment = Comment {
            id: state.next_id(),
            body: body.to_owned(),
            is_ours: true,
            edits: 0,
            made: Instant::now(),
        };
        if let Some(pull) = pull_of(&mut state, opened) {
            pull.comments.push(comment);
        }
    }

    /// Somebody deletes a comment.
    pub fn delete_comment(&self, opened: Opened, id: u64) {
        if let Some(pull) = pull_of(&mut self.lock(), opened) {
            pull.comments.retain(|comment| comment.id != id);
        }
    }

    /// Says who did what was written down last.
    pub fn last_by(&self, login: &str, id: u64) {
        if let Some(delivery) = self.lock().deliveries.last_mut() {
            delivery.say(login, id);
        }
    }

    /// Somebody writes the description of a pull request.
    pub fn describe(&self, opened: Opened, body: &str) {
        if let Some(pull) = pull_of(&mut self.lock(), opened) {
            body.clone_into(&mut pull.body);
        }
        webhook::about_pull(&mut self.lock(), opened.repo, opened.number, "edited");
    }

    /// The branch of its head becomes the default branch.
    pub fn make_default(&self, opened: Opened) {
        if let Some(repo) = self.lock().repos.get_mut(&opened.repo)
            && let Some(pull) = repo.pulls.get(&opened.number)
        {
            repo.main.clone_from(&pull.head);
        }
    }

    /// Its head is in another repository.
    pub fn fork(&self, opened: Opened) {
        if let Some(pull) = pull_of(&mut self.lock(), opened) {
            pull.is_fork = true;
        }
    }

    /// Somebody puts a label on a pull request.
    pub fn label(&self, opened: Opened, name: &str) {
        if let Some(pull) = pull_of(&mut self.lock(), opened) {
            pull.labels.push(name.to_owned());
        }
    }

    /// Somebody marks a conversation as settled.
    pub fn resolve(&self, opened: Opened, line: u64) {
        if let Some(pull) = pull_of(&mut self.lock(), opened) {
            for comment in pull.review_comments.iter_mut().filter(|one| one.id == line) {
                comment.is_resolved = true;
            }
        }
    }

    /// The webhooks that were written down.
    #[must_use]
    pub fn deliveries(&self) -> Vec<Delivery> {
        self.lock().deliveries.clone()
    }

    /// Sends a webhook, also one that was sent before; says what was answered, 0 for nothing.
    pub fn deliver(&self, number: usize) -> u16 {
        let state = Arc::clone(&self.state);
        let (answer, answered) = std::sync::mpsc::channel();
        self.runtime.spawn(async move {
            let _ = answer.send(webhook::send(&state, number).await);
        });
        answered.recv().unwrap_or(0)
    }

    /// Sends all webhooks that were not answered with success yet.
    pub fn deliver_all(&self) -> Vec<u16> {
        let deliveries = self.deliveries();
        let is_open =
            |one: &Delivery| !one.answers.iter().any(|answer| (200..300).contains(answer));
        let open = deliveries
            .iter()
            .enumerate()
            .filter(|(_, one)| is_open(one));
        let numbers: Vec<usize> = open.map(|(number, _)| number).collect();
        numbers
            .into_iter()
            .map(|number| self.deliver(number))
            .collect()
    }

    /// Something will go wrong.
    pub fn fail(&self, fault: Fault) {
        self.lock().faults.push(fault);
    }

    /// Whether all that was to go wrong has gone wrong.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        self.lock().faults.iter().all(|fault| fault.times == 0)
    }

    /// Lists show what was made only after so long.
    pub fn set_stale(&self, time: Duration) {
        self.lock().stale = time;
    }

    /// Every answer takes so long.
    pub fn set_latency(&self, time: Duration) {
        self.lock().latency = time;
    }

    /// Whether nothing is answered until it is let go.
    pub fn hold(&self, is_held: bool) {
        self.lock().is_held = is_held;
    }

    /// How many requests wait for an answer.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.lock().waiting
    }

    /// Whether the installation is suspended.
    pub fn suspend(&self, is_suspended: bool) {
        self.lock().is_suspended = is_suspended;
    }

    /// Whether the App may write contents.
    pub fn let_commit(&self, may_commit: bool) {
        self.lock().may_commit = may_commit;
    }

    /// With the door closed nobody can connect.
    pub fn set_open(&self, is_open: bool) {
        let _ = self.door.send(is_open);
    }

    /// All requests that came.
    #[must_use]
    pub fn asked(&self) -> Vec<Asked> {
        self.lock().asked.clone()
    }

    /// Forgets the requests that came.
    pub fn forget_asked(&self) {
        self.lock().asked.clear();
    }

    /// What stands on a pull request.
    #[must_use]
    pub fn posted(&self, opened: Opened) -> Option<Posted> {
        let state = self.lock();
        let repo = state.repos.get(&opened.repo)?;
        let pull = repo.pulls.get(&opened.number)?;
        let checks = repo.checks.iter().filter(|run| run.head == pull.head);
        Some(Posted {
            comments: pull.comments.clone(),
            reviews: pull.reviews.clone(),
            lines: pull.review_comments.clone(),
            checks: checks.cloned().collect(),
            labels: pull.labels.clone(),
            reactions: pull.reactions.clone(),
            body: pull.body.clone(),
            head: pull.head.clone(),
            history: repo.objects.history(&pull.head),
            files: files_of(repo, &pull.head),
        })
    }

    /// All checks of a repository, whatever head they are about.
    #[must_use]
    pub fn checks(&self, repo: u64) -> Vec<CheckRun> {
        self.lock()
            .repos
            .get(&repo)
            .map(|repo| repo.checks.clone())
            .unwrap_or_default()
    }
}

impl Drop for Hub {
    fn drop(&mut self) {
        if let Some(ends) = self.ends.take() {
            let _ = ends.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// The files of a commit that are text.
fn files_of(repo: &Repo, commit: &str) -> BTreeMap<String, String> {
    let files = repo.objects.commits.get(commit).map(|commit| &commit.files);
    let files = files.into_iter().flatten();
    files
        .filter_map(|(path, bytes)| Some((path.clone(), String::from_utf8(bytes.to_vec()).ok()?)))
        .collect()
}

fn pull_of(state: &mut State, opened: Opened) -> Option<&mut Pull> {
    state
        .repos
        .get_mut(&opened.repo)?
        .pulls
        .get_mut(&opened.number)
}

fn as_files(mut files: Files, changes: &[(&str, &str)]) -> Files {
    for (path, text) in changes {
        match text.is_empty() {
            true => files.remove(*path),
            false => files.insert((*path).to_owned(), Bytes::from((*text).to_owned())),
        };
    }
    files
}
