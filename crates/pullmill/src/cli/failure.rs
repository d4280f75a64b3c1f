//! What keeps a command from answering, and the exit statuses that tell it apart.

use std::fmt;
use std::process::ExitCode;

/// Exit statuses besides the verdicts, as in `sysexits`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// The command line is wrong.
    Usage = 64,
    /// The input is wrong.
    Data = 65,
    /// The input is not there.
    NoInput = 66,
    /// A program that is needed is missing.
    Unavailable = 69,
    /// A mistake of ours.
    Internal = 70,
    /// A file cannot be written.
    CannotCreate = 73,
    /// Reading or writing failed.
    Io = 74,
    /// The configuration is wrong.
    Config = 78,
}

impl From<Status> for ExitCode {
    fn from(status: Status) -> Self {
        Self::from(status as u8)
    }
}

/// Why there is no answer.
#[derive(Debug)]
pub struct Failure {
    status: Status,
    message: String,
}

impl Failure {
    /// A failure with what to tell the user.
    #[must_use]
    pub fn new(status: Status, message: impl fmt::Display) -> Self {
        Self {
            status,
            message: message.to_string(),
        }
    }

    /// Several lines, one for each problem.
    #[must_use]
    pub fn list(status: Status, title: &str, problems: &[String]) -> Self {
        Self::new(status, format!("{title}\n  {}", problems.join("\n  ")))
    }

    /// The exit status.
    #[must_use]
    pub fn status(&self) -> Status {
        self.status
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}
