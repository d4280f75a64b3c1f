//! One analysis child: started with nothing of ours, spoken to over two pipes, killed when it is late.

use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::process::Signal;

use super::Stopped;
use super::frame::{Decoder, Frame};

/// How often it is looked whether the answer is wanted still.
const WATCH: Duration = Duration::from_millis(100);

/// A running child. It is killed when this is dropped.
#[derive(Debug)]
pub(super) struct Process {
    child: Child,
    input: ChildStdin,
    output: ChildStdout,
    outgoing: Vec<u8>,
    written: usize,
    incoming: Decoder,
    /// Whether the setup was sent.
    pub(super) is_set_up: bool,
    /// Whether the setup was answered.
    pub(super) is_ready: bool,
    /// Jobs it has answered.
    pub(super) jobs: u32,
}

impl Process {
    /// Starts `executable __analyse` with an empty environment, in `/`, with two pipes and no other descriptor.
    pub(super) fn start(executable: &Path, answer_bytes: u64) -> io::Result<Self> {
        let mut child = Command::new(executable)
            .arg("__analyse")
            .env_clear()
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(io::Error::other("a pipe is missing"));
        };
        fcntl_setfl(&input, fcntl_getfl(&input)? | OFlags::NONBLOCK)?;
        fcntl_setfl(&output, fcntl_getfl(&output)? | OFlags::NONBLOCK)?;
        Ok(Self {
            child,
            input,
            output,
            outgoing: Vec::new(),
            written: 0,
            incoming: Decoder::new(answer_bytes),
            is_set_up: false,
            is_ready: false,
            jobs: 0,
        })
    }

    /// Queues bytes and writes what the pipe takes at once; never blocks.
    pub(super) fn send(&mut self, bytes: Vec<u8>) {
        if self.written == self.outgoing.len() {
            self.outgoing = bytes;
            self.written = 0;
        } else {
            self.outgoing.extend(bytes);
        }
        // A pipe that is closed already is noticed when the answer is waited for.
        let _ = self.write_some();
    }

    /// Writes what is queued and waits for one answer, or until nobody wants it.
    pub(super) fn receive(
        &mut self,
        limit: Duration,
        is_stopped: &AtomicBool,
    ) -> Result<Frame, Stopped> {
        let deadline = Instant::now() + limit;
        loop {
            match self.incoming.complete() {
                Ok(Some(frame)) => return Ok(frame),
                Ok(None) => {}
                Err(error) => return Err(Stopped::Nonsense(error.to_string())),
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(Stopped::TimedOut(limit.as_secs()));
            }
            if is_stopped.load(Ordering::Acquire) {
                return Err(Stopped::Cancelled);
            }
            self.wait(left.min(WATCH))
                .map_err(|error| Stopped::Crashed(error.to_string()))?;
            if !self.read_some().unwrap_or(false) {
                return Err(self.obituary(limit));
            }
            // The answer may be on its way though the child stopped reading, so only the output decides.
            let _ = self.write_some();
        }
    }

    fn wait(&self, left: Duration) -> io::Result<()> {
        let timeout = Timespec {
            tv_sec: i64::try_from(left.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: left.subsec_nanos().into(),
        };
        let mut watched = vec![PollFd::new(&self.output, PollFlags::IN)];
        if self.written < self.outgoing.len() {
            watched.push(PollFd::new(&self.input, PollFlags::OUT));
        }
        match poll(&mut watched, Some(&timeout)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Reads what is there; says whether the pipe is still open.
    fn read_some(&mut self) -> io::Result<bool> {
        let mut buffer = [0_u8; 64 * 1024];
        match self.output.read(&mut buffer) {
            Ok(0) => Ok(false),
            Ok(count) => {
                self.incoming.push(&buffer[..count]);
                Ok(true)
            }
            Err(error) if is_transient(&error) => Ok(true),
            Err(error) => Err(error),
        }
    }

    fn write_some(&mut self) -> io::Result<()> {
        while self.written < self.outgoing.len() {
            match self.input.write(&self.outgoing[self.written..]) {
                Ok(count) => self.written += count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => {
                    self.outgoing.clear();
                    self.written = 0;
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    /// Says what a child died of that closed its output.
    fn obituary(&mut self, limit: Duration) -> Stopped {
        // It may have closed its output without ending.
        let patience = Instant::now() + Duration::from_millis(500);
        loop {
            match self.child.try_wait() {
                Ok(Some(status)) => return cause(status, limit),
                Ok(None) if Instant::now() < patience => {
                    std::thread::sleep(Duration::from_millis(1));
                }
                _ => return Stopped::Nonsense("it closed its output".to_owned()),
            }
        }
    }

    /// Asks the child to end, without waiting for it.
    pub(super) fn kill(&mut self) {
        let _ = self.child.kill();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
        let _ = self.child.wait();
    }
}

fn is_transient(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
}

fn cause(status: ExitStatus, limit: Duration) -> Stopped {
    let Some(number) = status.signal() else {
        let code = status.code().unwrap_or_default();
        return Stopped::Crashed(format!("it ended with status {code}"));
    };
    match Signal::from_named_raw(number) {
        // Which of the two clocks ends a busy child is chance, so both say the same.
        Some(Signal::XCPU) => Stopped::TimedOut(limit.as_secs()),
        Some(Signal::ABORT) => {
            Stopped::Crashed("it aborted, which is how running out of memory ends".to_owned())
        }
        Some(Signal::SEGV | Signal::BUS) => {
            Stopped::Crashed("it overflowed its stack or its memory".to_owned())
        }
        _ => Stopped::Crashed(format!("it was ended by signal {number}")),
    }
}
