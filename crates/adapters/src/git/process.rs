//! Starts git so that nothing the repository says is run, and ends it if it does not answer.

use std::io::{self, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::error::GitError;

/// Settings that outrank the repository's own: no programs, no transports, no replaced objects.
const SAFE: [&str; 13] = [
    "--no-pager",
    "--no-replace-objects",
    "--literal-pathspecs",
    "-c",
    "core.fsmonitor=false",
    "-c",
    "core.hooksPath=/dev/null",
    "-c",
    "core.untrackedCache=false",
    "-c",
    "protocol.allow=never",
    "-c",
    // Larger blobs are streamed by git instead of held in memory.
    "core.bigFileThreshold=8m",
];

fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new("git");
    for (name, _) in std::env::vars_os() {
        if name.as_encoded_bytes().starts_with(b"GIT_") {
            command.env_remove(name);
        }
    }
    command
        .env("GIT_TERMINAL_PROMPT", "0")
        .env("GIT_OPTIONAL_LOCKS", "0")
        .env("GIT_NO_LAZY_FETCH", "1")
        .env("GIT_NO_REPLACE_OBJECTS", "1")
        .env("GIT_ALLOW_PROTOCOL", "")
        .env("LC_ALL", "C")
        .args(SAFE)
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    if arguments.first() != Some(&"ls-files") {
        // Others read the index too, need nothing of it, and die of a damaged one.
        command.env("GIT_INDEX_FILE", "/dev/no-index");
    }
    command
}

/// A running git and its two ends; it is killed when dropped.
pub(super) struct Process {
    name: &'static str,
    child: Child,
    input: Option<ChildStdin>,
    /// What git prints.
    pub(super) output: BufReader<ChildStdout>,
    errors: Option<JoinHandle<Vec<u8>>>,
    watch: Watch,
}

impl Process {
    /// Starts git in `folder`; the first of `arguments` is the command's name.
    pub(super) fn start(
        folder: &Path,
        arguments: &[&'static str],
        limit: Duration,
    ) -> Result<Self, GitError> {
        Self::spawn(command(folder, arguments), arguments, limit)
    }

    /// Starts git with one argument more, which is no constant and so must not look like an option.
    pub(super) fn start_with(
        folder: &Path,
        arguments: &[&'static str],
        operand: &str,
        limit: Duration,
    ) -> Result<Self, GitError> {
        let mut command = command(folder, arguments);
        command.arg(operand);
        Self::spawn(command, arguments, limit)
    }

    fn spawn(
        mut command: Command,
        arguments: &[&'static str],
        limit: Duration,
    ) -> Result<Self, GitError> {
        let mut child = command.spawn().map_err(GitError::NoGit)?;
        let pipes = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let (Some(input), Some(output), Some(errors)) = pipes else {
            return Err(GitError::NoGit(io::Error::other("git has no pipes")));
        };
        let watch = Watch::over(&child, limit);
        Ok(Self {
            name: arguments.first().copied().unwrap_or_default(),
            child,
            input: Some(input),
            output: BufReader::with_capacity(64 << 10, output),
            errors: Some(std::thread::spawn(move || read_errors(errors))),
            watch,
        })
    }

    /// Starts the clock for the next answer.
    pub(super) fn expect_answer(&self) {
        self.watch.arm();
    }

    /// Stops the clock.
    pub(super) fn answered(&self) {
        self.watch.disarm();
    }

    /// Sends a request.
    pub(super) fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        match &mut self.input {
            Some(input) => input.write_all(bytes),
            None => Err(io::ErrorKind::BrokenPipe.into()),
        }
    }

    /// Says that no more requests come.
    pub(super) fn close_input(&mut self) {
        self.input = None;
    }

    /// Whether the process was ended because it took too long.
    pub(super) fn timed_out(&self) -> bool {
        self.watch.fired()
    }

    /// Waits for the end and turns a failure into an error with git's words.
    pub(super) fn finish(mut self) -> Result<(), GitError> {
        self.close_input();
        self.expect_answer();
        // Git may still be writing; an unread pipe would keep it from ending.
        let _ = io::copy(&mut self.output, &mut io::sink());
        let errors = self.errors.take().and_then(|thread| thread.join().ok());
        if self.timed_out() {
            return Err(self.watch.error(self.name));
        }
        let status = self.watch.retire(|| self.child.wait());
        match status {
            Ok(status) if status.success() => Ok(()),
            _ => Err(GitError::Failed {
                command: self.name,
                message: first_lines(&errors.unwrap_or_default()),
            }),
        }
    }

    /// The error for an answer that ended early or made no sense.
    pub(super) fn failure(self, otherwise: &str) -> GitError {
        let name = self.name;
        match self.finish() {
            Err(GitError::Failed { message, .. }) if message.is_empty() => GitError::Failed {
                command: name,
                message: otherwise.to_owned(),
            },
            Err(error) => error,
            Ok(()) => GitError::Failed {
                command: name,
                message: otherwise.to_owned(),
            },
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let child = &mut self.child;
        self.watch.retire(|| {
            // Both fail only if the process has ended already.
            let _ = child.kill();
            let _ = child.wait();
        });
    }
}

/// Keeps the beginning of what git complains about and throws away the rest.
fn read_errors(mut errors: ChildStderr) -> Vec<u8> {
    let mut kept = Vec::new();
    // Whatever could be read is good enough for a message.
    let _ = errors.by_ref().take(8 << 10).read_to_end(&mut kept);
    let _ = io::copy(&mut errors, &mut io::sink());
    kept
}

fn first_lines(errors: &[u8]) -> String {
    let text = String::from_utf8_lossy(errors);
    let lines: Vec<&str> = text
        .lines()
        .map(str::trim)
        .filter(|l| !l.is_empty())
        .collect();
    let shown: Vec<String> = lines
        .iter()
        .take(3)
        .map(|line| line.chars().filter(|c| !c.is_control()).take(300).collect())
        .collect();
    shown.join("; ")
}

/// Kills a process whose answer is overdue.
struct Watch {
    shared: Arc<(Mutex<Clock>, Condvar)>,
    limit: Duration,
}

#[derive(Default)]
struct Clock {
    deadline: Option<Instant>,
    fired: bool,
    retired: bool,
}

impl Watch {
    fn over(child: &Child, limit: Duration) -> Self {
        let shared = Arc::new((Mutex::new(Clock::default()), Condvar::new()));
        let pid = Pid::from_child(child);
        let seen = Arc::clone(&shared);
        std::thread::spawn(move || watch(&seen, pid));
        Self { shared, limit }
    }

    fn change(&self, change: impl FnOnce(&mut Clock)) {
        let (clock, changed) = &*self.shared;
        change(&mut clock.lock().unwrap_or_else(PoisonError::into_inner));
        changed.notify_one();
    }

    fn arm(&self) {
        let deadline = Instant::now() + self.limit;
        // The thread need not wake: it waits for the earlier moment and then looks again.
        let (clock, changed) = &*self.shared;
        let mut clock = clock.lock().unwrap_or_else(PoisonError::into_inner);
        if clock.deadline.replace(deadline).is_none() {
            changed.notify_one();
        }
    }

    fn disarm(&self) {
        let mut clock = self.shared.0.lock().unwrap_or_else(PoisonError::into_inner);
        clock.deadline = None;
    }

    fn fired(&self) -> bool {
        let clock = self.shared.0.lock().unwrap_or_else(PoisonError::into_inner);
        clock.fired
    }

    fn error(&self, command: &'static str) -> GitError {
        let limit = self.limit;
        GitError::TimedOut { command, limit }
    }

    /// Ends the watch, then runs what frees the process id.
    fn retire<T>(&self, end: impl FnOnce() -> T) -> T {
        self.change(|clock| clock.retired = true);
        end()
    }
}

fn watch(shared: &(Mutex<Clock>, Condvar), pid: Pid) {
    let (clock, changed) = shared;
    let mut clock = clock.lock().unwrap_or_else(PoisonError::into_inner);
    while !clock.retired {
        let Some(deadline) = clock.deadline else {
            clock = changed.wait(clock).unwrap_or_else(PoisonError::into_inner);
            continue;
        };
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            clock.fired = true;
            // Fails only if the process has ended already.
            let _ = kill_process(pid, Signal::KILL);
            return;
        }
        clock = changed
            .wait_timeout(clock, left)
            .unwrap_or_else(PoisonError::into_inner)
            .0;
    }
}
