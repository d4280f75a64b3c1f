//! What was posted on a local forge: one file, replaced as a whole and synced, so that it is never half written.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use pullmill_core::effect::{Content, Effect, Found};
use serde::{Deserialize, Serialize};

/// Why notes cannot be kept or read.
#[derive(Debug, thiserror::Error)]
pub enum NotesError {
    /// The disk does not take them.
    #[error("what was posted cannot be kept: {0}")]
    Io(#[from] io::Error),
    /// Somebody has changed them.
    #[error("what was posted is damaged: {0}")]
    Damaged(String),
    /// There is nothing to post on.
    #[error("there is no {0}")]
    Missing(String),
}

/// Everything that was posted.
#[derive(Debug, Default)]
pub struct Notes {
    path: PathBuf,
    state: State,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct State {
    /// Pull requests by number.
    requests: BTreeMap<u64, Request>,
    last_id: u64,
}

/// A branch as a pull request.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Request {
    /// Its branch.
    pub branch: String,
    /// Its head when it was last told.
    pub head: String,
    /// Whether it was open then.
    pub is_open: bool,
    /// How often something was told of it.
    pub told: u64,
    /// What was posted on it, oldest first.
    pub notes: Vec<Note>,
}

/// Something that was posted.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Note {
    /// Its number.
    pub id: u64,
    /// `summary`, `review`, `line`, `check`, `reply`, `labels` or `description`.
    pub kind: String,
    /// The object it is, and which version of it.
    pub object: String,
    /// Its version.
    pub version: String,
    /// The head it is about.
    pub head: String,
    /// Where it stands, if at a line: `path:line`.
    pub place: Option<String>,
    /// What it says.
    pub body: String,
    /// Whether it is settled, if it began a conversation.
    pub is_resolved: bool,
}

impl Notes {
    /// Reads a file, or begins one.
    pub fn open(path: &Path) -> Result<Self, NotesError> {
        let state = match fs::read(path) {
            Ok(bytes) => serde_json::from_slice(&bytes)
                .map_err(|error| NotesError::Damaged(error.to_string()))?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => State::default(),
            Err(error) => return Err(error.into()),
        };
        Ok(Self {
            path: path.to_owned(),
            state,
        })
    }

    /// All pull requests by number.
    pub fn requests(&self) -> impl Iterator<Item = (u64, &Request)> {
        self.state
            .requests
            .iter()
            .map(|(number, request)| (*number, request))
    }

    /// One by its number.
    #[must_use]
    pub fn get(&self, number: u64) -> Option<&Request> {
        self.state.requests.get(&number)
    }

    pub(super) fn request(&self, branch: &str) -> Option<&Request> {
        self.state
            .requests
            .values()
            .find(|request| request.branch == branch)
    }

    /// The number of a branch; a new one has been told of nothing.
    pub(super) fn number(&mut self, branch: &str) -> Result<u64, NotesError> {
        let known = self
            .requests()
            .find(|(_, request)| request.branch == branch);
        if let Some((number, _)) = known {
            return Ok(number);
        }
        let number = self.state.requests.len() as u64 + 1;
        let request = Request {
            branch: branch.to_owned(),
            head: String::new(),
            is_open: false,
            told: 0,
            notes: Vec::new(),
        };
        self.change(|state| drop(state.requests.insert(number, request.clone())))?;
        Ok(number)
    }

    pub(super) fn see(&mut self, number: u64, head: &str, is_open: bool) -> Result<(), NotesError> {
        self.change(|state| {
            if let Some(request) = state.requests.get_mut(&number) {
                head.clone_into(&mut request.head);
                request.is_open = is_open;
                request.told += 1;
            }
        })
    }

    pub(super) fn note(&self, number: u64, id: &str) -> Option<&Note> {
        let id: u64 = id.parse().ok()?;
        self.get(number)?.notes.iter().find(|note| note.id == id)
    }

    pub(super) fn find(&self, effect: &Effect) -> Vec<Found> {
        let number = effect.target.pull.number;
        let notes = self.get(number).map(|request| request.notes.as_slice());
        let found = notes
            .unwrap_or_default()
            .iter()
            .find(|note| note.object == effect.object);
        found
            .map(|note| Found {
                id: note.id.to_string(),
                parts: effect.content.parts(),
                is_current: note.version == effect.version,
            })
            .into_iter()
            .collect()
    }

    /// Writes what an effect wants, all of it at once.
    pub(super) fn post(&mut self, effect: &Effect) -> Result<Found, NotesError> {
        let number = effect.target.pull.number;
        if self.get(number).is_none() {
            return Err(NotesError::Missing(format!("pull request {number}")));
        }
        let mut id = 0;
        self.change(|state| id = write(state, number, effect))?;
        Ok(Found {
            id: id.to_string(),
            parts: effect.content.parts(),
            is_current: true,
        })
    }

    /// Changes everything at once, on the disk before in memory.
    fn change(&mut self, change: impl FnOnce(&mut State)) -> Result<(), NotesError> {
        let mut state = self.state.clone();
        change(&mut state);
        let bytes = serde_json::to_vec_pretty(&state)
            .map_err(|error| NotesError::Damaged(error.to_string()))?;
        let new = self.path.with_extension("new");
        let mut file = File::create(&new)?;
        file.write_all(&bytes)?;
        file.sync_all()?;
        fs::rename(&new, &self.path)?;
        if let Some(folder) = self
            .path
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty())
        {
            File::open(folder)?.sync_all()?;
        }
        self.state = state;
        Ok(())
    }
}

/// The number of what was written.
fn write(state: &mut State, number: u64, effect: &Effect) -> u64 {
    let mut last_id = state.last_id;
    let mut next = || {
        last_id += 1;
        last_id
    };
    let Some(request) = state.requests.get_mut(&number) else {
        return 0;
    };
    let id = match &effect.content {
        Content::Resolve { thread } => {
            let wanted = thread.parse().unwrap_or(0);
            for note in request.notes.iter_mut().filter(|note| note.id == wanted) {
                note.is_resolved = true;
            }
            wanted
        }
        content => {
            let (body, lines) = said(content);
            let known = request
                .notes
                .iter_mut()
                .find(|note| note.object == effect.object);
            let id = match known {
                Some(note) => {
                    note.body = body;
                    note.version.clone_from(&effect.version);
                    note.id
                }
                None => {
                    let note = noted(next(), content.kind().word(), effect, body);
                    let id = note.id;
                    request.notes.push(note);
                    id
                }
            };
            for (place, body) in lines {
                let mut note = noted(next(), "line", effect, body);
                note.object = format!("{}-{}", effect.object, note.id);
                note.place = Some(place);
                request.notes.push(note);
            }
            id
        }
    };
    state.last_id = last_id;
    id
}

fn noted(id: u64, kind: &str, effect: &Effect, body: String) -> Note {
    Note {
        id,
        kind: kind.to_owned(),
        object: effect.object.clone(),
        version: effect.version.clone(),
        head: effect.target.head.to_string(),
        place: None,
        body,
        is_resolved: false,
    }
}

/// What some content says, and what it says at lines.
fn said(content: &Content) -> (String, Vec<(String, String)>) {
    match content {
        Content::Summary { body } | Content::Reply { body, .. } | Content::Description { body } => {
            (body.clone(), Vec::new())
        }
        Content::Review { body, comments } => {
            let lines = comments
                .iter()
                .map(|one| (format!("{}:{}", one.path, one.line), one.body.clone()));
            (body.clone(), lines.collect())
        }
        Content::Check(check) => {
            let word = check.conclusion.word();
            (format!("{word}: {}", check.title), Vec::new())
        }
        Content::Labels { wanted, .. } => (wanted.join(", "), Vec::new()),
        Content::Reaction { .. } | Content::Resolve { .. } | Content::Commit(_) => {
            (String::new(), Vec::new())
        }
    }
}
