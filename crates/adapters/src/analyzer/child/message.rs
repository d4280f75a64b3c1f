//! What is said between the reviewer and its analysis child.

use std::sync::Arc;

use pullmill_core::change::RepoPath;
use pullmill_core::job::{Job, JobReport, Setup};
use serde::{Deserialize, Serialize};

use super::frame::{self, Frame, FrameError};

/// What the reviewer says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Request {
    /// First, and once: which rules apply.
    SetUp(Setup),
    /// A file to analyse; its texts are the frame's blobs, base first.
    Analyse(JobHeader),
}

/// A job without its texts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobHeader {
    /// How many jobs the child had before; its answer repeats it.
    pub number: u32,
    path: RepoPath,
    old_path: Option<RepoPath>,
    has_base: bool,
    has_head: bool,
    search_base: bool,
}

/// What the child says, once for each request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// The setup is accepted.
    Ready,
    /// The child does not work like this, and why: its limits could not be set, or the rules of the repository are broken.
    Refused(Vec<String>),
    /// A job is done.
    Report {
        /// The job's number.
        number: u32,
        /// What was found.
        report: Box<JobReport>,
    },
}

/// Writes a job as a frame.
pub(super) fn encode_job(number: u32, job: &Job) -> Result<Vec<u8>, FrameError> {
    let header = JobHeader {
        number,
        path: job.path.clone(),
        old_path: job.old_path.clone(),
        has_base: job.base.is_some(),
        has_head: job.head.is_some(),
        search_base: job.search_base,
    };
    let blobs: Vec<&[u8]> = [&job.base, &job.head]
        .into_iter()
        .flatten()
        .map(AsRef::as_ref)
        .collect();
    frame::encode(&Request::Analyse(header), &blobs)
}

impl JobHeader {
    /// Puts a job together from its header and its frame.
    #[must_use]
    pub fn into_job(self, frame: Frame) -> Job {
        let mut blobs = frame.blobs.into_iter();
        let base = self.has_base.then(|| blobs.next()).flatten().map(Arc::from);
        let head = self.has_head.then(|| blobs.next()).flatten().map(Arc::from);
        Job {
            path: self.path,
            old_path: self.old_path,
            base,
            head,
            search_base: self.search_base,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_arrives_as_it_was_sent() {
        for (base, head) in [(true, true), (true, false), (false, true), (false, false)] {
            let job = Job {
                path: RepoPath::from("a.py"),
                old_path: base.then(|| RepoPath::from("b.py")),
                base: base.then(|| Arc::from(b"before\xff".as_slice())),
                head: head.then(|| Arc::from(b"".as_slice())),
                search_base: head,
            };
            let bytes = encode_job(7, &job).unwrap();
            let frame = frame::read(&mut bytes.as_slice(), 1000).unwrap().unwrap();
            let Request::Analyse(header) = frame.parse().unwrap() else {
                panic!("no job");
            };
            assert_eq!(header.number, 7);
            assert_eq!(header.into_job(frame), job);
        }
    }
}
