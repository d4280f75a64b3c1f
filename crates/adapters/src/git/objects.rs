//! Reads objects from git's store through one `cat-file --batch`, checks their ids, and skips the huge ones.

use std::collections::{BTreeMap, VecDeque};
use std::io::{self, BufRead, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::error::GitError;
use super::id::Hash;
use super::process::Process;

/// Requests sent ahead of their answers: few enough that neither pipe can fill up with them.
const WINDOW: usize = 32;

/// Each damaged object costs one process; beyond this the repository is given up.
const MAX_RESTARTS: usize = 64;

/// What git holds under a name.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Reply {
    /// An object that is what its id says.
    Object {
        id: String,
        kind: String,
        bytes: Vec<u8>,
    },
    /// An object larger than asked for.
    TooLarge(u64),
    /// Nothing.
    Missing,
    /// Several objects whose ids begin like this.
    Ambiguous,
    /// Something that cannot be read or is not what its id says.
    Damaged,
}

/// The object store of a repository.
pub(super) struct Objects {
    folder: PathBuf,
    hash: Hash,
    limit: Duration,
    batch: Option<Process>,
    checker: Option<Process>,
    is_careful: bool,
    restarts: usize,
}

impl Objects {
    /// Names the store and starts its process; whether it is one shows later.
    pub(super) fn open(folder: &Path, limit: Duration) -> Result<Self, GitError> {
        let mut objects = Self {
            folder: folder.to_owned(),
            hash: Hash::Sha1,
            limit,
            batch: None,
            checker: None,
            is_careful: false,
            restarts: 0,
        };
        objects.batch = Some(objects.start(&["cat-file", "--batch"])?);
        Ok(objects)
    }

    /// Says how objects are named.
    pub(super) fn use_hash(&mut self, hash: Hash) {
        self.hash = hash;
    }

    fn start(&self, arguments: &[&'static str]) -> Result<Process, GitError> {
        Process::start(&self.folder, arguments, self.limit)
    }

    /// Reads one object by id or by any name git understands.
    pub(super) fn get(&mut self, name: &[u8], limit: u64) -> Result<Reply, GitError> {
        let mut answer = Reply::Missing;
        self.get_all(&[name.to_vec()], limit, |_, reply| answer = reply)?;
        Ok(answer)
    }

    /// Reads many objects, handing each to `take` with its place in `names`.
    pub(super) fn get_all(
        &mut self,
        names: &[Vec<u8>],
        limit: u64,
        mut take: impl FnMut(usize, Reply),
    ) -> Result<(), GitError> {
        let mut large = BTreeMap::new();
        if self.is_careful {
            large = self.larger_than(names, 0, limit)?;
        }
        let mut next = 0;
        let mut sent: VecDeque<usize> = VecDeque::new();
        loop {
            while sent.len() < WINDOW && next < names.len() {
                let place = next;
                next += 1;
                if let Some(size) = large.get(&place) {
                    take(place, Reply::TooLarge(*size));
                } else if is_sendable(&names[place]) {
                    self.send(&names[place])?;
                    sent.push_back(place);
                } else {
                    take(place, Reply::Missing);
                }
            }
            let Some(place) = sent.pop_front() else {
                return Ok(());
            };
            match self.receive(&names[place], limit)? {
                Some(Reply::TooLarge(size)) => {
                    take(place, Reply::TooLarge(size));
                    // Git is about to print it: ending git is cheaper than listening, and from here
                    // on sizes are asked for first.
                    self.batch = None;
                    self.is_careful = true;
                    next = place + 1;
                    sent.clear();
                    large = self.larger_than(names, next, limit)?;
                }
                Some(reply) => take(place, reply),
                None => {
                    take(place, Reply::Damaged);
                    self.count_restart()?;
                    next = place + 1;
                    sent.clear();
                }
            }
        }
    }

    fn count_restart(&mut self) -> Result<(), GitError> {
        let process = self.batch.take();
        if process.as_ref().is_some_and(Process::timed_out) {
            return Err(GitError::TimedOut {
                command: "cat-file",
                limit: self.limit,
            });
        }
        self.restarts += 1;
        if self.restarts > MAX_RESTARTS {
            let message = "too many objects cannot be read; the repository seems damaged";
            return Err(GitError::Failed {
                command: "cat-file",
                message: message.to_owned(),
            });
        }
        Ok(())
    }

    fn send(&mut self, name: &[u8]) -> Result<(), GitError> {
        let mut request = name.to_vec();
        request.push(b'\n');
        if let Some(process) = &mut self.batch
            && process.send(&request).is_ok()
        {
            return Ok(());
        }
        // A process that ended while idle is started again once.
        let mut process = self.start(&["cat-file", "--batch"])?;
        let result = process.send(&request);
        self.batch = Some(process);
        result.map_err(|error| GitError::Failed {
            command: "cat-file",
            message: error.to_string(),
        })
    }

    /// The next answer; `None` if git ended instead of giving it.
    fn receive(&mut self, name: &[u8], limit: u64) -> Result<Option<Reply>, GitError> {
        let Some(process) = &mut self.batch else {
            return Ok(None);
        };
        process.expect_answer();
        let reply = read_reply(process, name, limit, self.hash);
        process.answered();
        match reply {
            Ok(reply) => Ok(Some(reply)),
            Err(_) => Ok(None),
        }
    }

    /// Which of `names[from..]` hold more than `limit` bytes.
    fn larger_than(
        &mut self,
        names: &[Vec<u8>],
        from: usize,
        limit: u64,
    ) -> Result<BTreeMap<usize, u64>, GitError> {
        let mut process = match self.checker.take() {
            Some(process) => process,
            None => self.start(&["cat-file", "--batch-check"])?,
        };
        let mut large = BTreeMap::new();
        let places: Vec<usize> = (from..names.len())
            .filter(|place| is_sendable(&names[*place]))
            .collect();
        for window in places.chunks(WINDOW) {
            for place in window {
                let request = [names[*place].as_slice(), b"\n"].concat();
                if process.send(&request).is_err() {
                    return Err(process.failure("git ended early"));
                }
            }
            for place in window {
                process.expect_answer();
                let head = read_head(&mut process);
                process.answered();
                match head {
                    Ok(head) => {
                        if let Head::Found { size, .. } = parse_head(&head, &names[*place])
                            && size > limit
                        {
                            large.insert(*place, size);
                        }
                    }
                    Err(_) => return Err(process.failure("git ended early")),
                }
            }
        }
        self.checker = Some(process);
        Ok(large)
    }
}

/// A request is one line.
fn is_sendable(name: &[u8]) -> bool {
    !name.is_empty() && !name.contains(&b'\n') && !name.contains(&0)
}

enum Head {
    Found { id: String, kind: String, size: u64 },
    Missing,
    Ambiguous,
    Nonsense,
}

fn read_reply(process: &mut Process, name: &[u8], limit: u64, hash: Hash) -> io::Result<Reply> {
    let head = read_head(process)?;
    match parse_head(&head, name) {
        Head::Missing => Ok(Reply::Missing),
        Head::Ambiguous => Ok(Reply::Ambiguous),
        Head::Nonsense => Err(io::ErrorKind::InvalidData.into()),
        Head::Found { size, .. } if size > limit => Ok(Reply::TooLarge(size)),
        Head::Found { id, kind, size } => {
            let mut bytes = Vec::new();
            process
                .output
                .by_ref()
                .take(size + 1)
                .read_to_end(&mut bytes)?;
            if bytes.len() as u64 != size + 1 || bytes.pop() != Some(b'\n') {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            if hash.id(&kind, &bytes) != id {
                return Ok(Reply::Damaged);
            }
            Ok(Reply::Object { id, kind, bytes })
        }
    }
}

fn read_head(process: &mut Process) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    process
        .output
        .by_ref()
        .take(64 << 10)
        .read_until(b'\n', &mut head)?;
    if head.pop() != Some(b'\n') {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(head)
}

fn parse_head(head: &[u8], name: &[u8]) -> Head {
    match head.strip_prefix(name) {
        Some(b" missing") => return Head::Missing,
        Some(b" ambiguous") => return Head::Ambiguous,
        _ => {}
    }
    let Ok(text) = std::str::from_utf8(head) else {
        return Head::Nonsense;
    };
    let mut words = text.split(' ');
    match (
        words.next(),
        words.next(),
        words.next().map(str::parse),
        words.next(),
    ) {
        (Some(id), Some(kind), Some(Ok(size)), None) => Head::Found {
            id: id.to_owned(),
            kind: kind.to_owned(),
            size,
        },
        _ => Head::Nonsense,
    }
}
