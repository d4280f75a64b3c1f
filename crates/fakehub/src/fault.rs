//! Ways in which requests go wrong.

use std::time::Duration;

/// Which writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Write {
    /// Comments on pull requests.
    Comment,
    /// Reviews.
    Review,
    /// Check runs.
    Check,
    /// Conversations.
    Thread,
    /// Trees, commits and branches.
    Commit,
}

impl Write {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Comment,
        Self::Review,
        Self::Check,
        Self::Thread,
        Self::Commit,
    ];
}

/// What goes wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// The connection is cut before anything is done.
    Reset,
    /// It is done, and the connection is cut.
    DoneAndReset,
    /// It is done, and the answer says that it failed.
    DoneAnd502,
    /// It is not done.
    Error(u16),
    /// Too much was asked; perhaps with the time to wait.
    Limited(u16, Option<u64>),
    /// It is done, and the answer comes in part and then no more.
    DoneAndSlow,
    /// The token is not taken any more.
    TokenEnds,
}

/// Something that will go wrong.
#[derive(Clone, Debug)]
pub struct Fault {
    /// With which writes.
    pub write: Write,
    /// What.
    pub trouble: Trouble,
    /// How often.
    pub times: u32,
}

/// How long a slow answer takes: longer than anybody waits.
pub(crate) const SLOW: Duration = Duration::from_secs(120);
