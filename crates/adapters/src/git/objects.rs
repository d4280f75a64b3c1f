//! The object store, read through one `git cat-file --batch` that stays open.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};
use std::sync::{Mutex, PoisonError};

use super::GitError;
use super::command::Git;

/// Largest object that is read for configuration.
const MAX_CONFIG_BYTES: u64 = 4 << 20;

/// The object store of a repository.
#[derive(Debug)]
pub(super) struct Objects {
    git: Git,
    open: Mutex<Option<Batch>>,
}

/// What reading an object gave.
#[derive(Debug)]
pub(super) enum Object {
    /// Its bytes.
    Bytes(Vec<u8>),
    /// It is larger than allowed.
    TooLarge(u64),
    /// It is not there, or cannot be read.
    Missing(String),
}

#[derive(Debug)]
struct Batch {
    process: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
}

impl Drop for Batch {
    fn drop(&mut self) {
        // Closing its input ends it; it is waited for so that it leaves no zombie.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Objects {
    pub(super) fn new(git: Git) -> Self {
        Self {
            git,
            open: Mutex::new(None),
        }
    }

    /// Reads one object of a type by any name git understands.
    pub(super) fn read(&self, name: &[u8], wanted: &str) -> Result<Option<Vec<u8>>, GitError> {
        let (kind, object) = self.ask(name, MAX_CONFIG_BYTES)?;
        match object {
            Object::Bytes(bytes) if kind == wanted => Ok(Some(bytes)),
            Object::TooLarge(size) => Err(GitError::Failed {
                command: "cat-file",
                reason: format!(
                    "`{}` has {size} bytes; at most {MAX_CONFIG_BYTES} are read",
                    String::from_utf8_lossy(name)
                ),
            }),
            Object::Bytes(_) | Object::Missing(_) => Ok(None),
        }
    }

    /// Reads a blob of at most so many bytes.
    pub(super) fn blob(&self, id: &str, at_most: u64) -> Result<Object, GitError> {
        let (kind, object) = self.ask(id.as_bytes(), at_most)?;
        Ok(match object {
            Object::Bytes(_) if kind != "blob" => {
                Object::Missing(format!("object {id} is a {kind}, not a file"))
            }
            object => object,
        })
    }

    fn ask(&self, name: &[u8], at_most: u64) -> Result<(String, Object), GitError> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        for _ in 0..2 {
            let batch = match &mut *open {
                Some(batch) => batch,
                none => none.insert(self.start()?),
            };
            match batch.ask(name, at_most) {
                Ok(answer) => return Ok(answer),
                // It died of the object, e.g. of a corrupt one; the next one gets a new process.
                Err(_) => *open = None,
            }
        }
        Ok((
            String::new(),
            Object::Missing(format!(
                "object {} cannot be read",
                String::from_utf8_lossy(name)
            )),
        ))
    }

    fn start(&self) -> Result<Batch, GitError> {
        let mut command = self.git.command("cat-file");
        command
            .arg("--batch")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let mut process = command.spawn().map_err(GitError::NoGit)?;
        let lost = || GitError::Failed {
            command: "cat-file",
            reason: "it has no pipes".to_owned(),
        };
        let to = process.stdin.take().ok_or_else(lost)?;
        let from = BufReader::new(process.stdout.take().ok_or_else(lost)?);
        Ok(Batch { process, to, from })
    }
}

impl Batch {
    /// Asks for one object. The answer is `<id> <type> <size>` NL content NL, or `<name> missing` NL.
    fn ask(&mut self, name: &[u8], at_most: u64) -> io::Result<(String, Object)> {
        if name.contains(&b'\n') {
            return Ok((
                String::new(),
                Object::Missing("a name with a line break cannot be asked for".to_owned()),
            ));
        }
        self.to.write_all(&[name, b"\n"].concat())?;
        self.to.flush()?;
        let mut header = String::new();
        if self.from.read_line(&mut header)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let words: Vec<&str> = header.trim_end().rsplitn(3, ' ').collect();
        let (Some(size), Some(kind)) = (
            words.first().and_then(|size| size.parse::<u64>().ok()),
            words.get(1),
        ) else {
            return Ok((String::new(), Object::Missing(header.trim_end().to_owned())));
        };
        let kind = (*kind).to_owned();
        let mut content = (&mut self.from).take(size);
        let object = if size > at_most {
            io::copy(&mut content, &mut io::sink())?;
            Object::TooLarge(size)
        } else {
            let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or(0));
            content.read_to_end(&mut bytes)?;
            if bytes.len() as u64 != size {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            Object::Bytes(bytes)
        };
        let mut end = [0_u8];
        self.from.read_exact(&mut end)?;
        Ok((kind, object))
    }
}
