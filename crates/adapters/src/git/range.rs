//! What a user names: revisions, ranges, merge bases.

use super::{End, GitError, Repository};

impl Repository {
    /// The two ends that a range names; one revision is compared with its first parent.
    pub(super) fn range(&self, range: &str) -> Result<(End, End), GitError> {
        if let Some((from, to)) = range.split_once("...") {
            let head = self.commit(or_head(to), range)?;
            let base = self.common(or_head(from), or_head(to), range)?;
            return Ok((base, head));
        }
        if let Some((from, to)) = range.split_once("..") {
            return Ok((
                self.commit(or_head(from), range)?,
                self.commit(or_head(to), range)?,
            ));
        }
        checked(range, range)?;
        let answer = self.rev_parse(
            &[&format!("{range}^{{commit}}"), &format!("{range}^@")],
            range,
        )?;
        let mut lines = answer.lines();
        let head = lines
            .next()
            .map_or(End::Nothing, |id| End::Commit(id.to_owned()));
        let base = lines
            .next()
            .map_or(End::Nothing, |id| End::Commit(id.to_owned()));
        if let (End::Nothing, End::Commit(id)) = (&base, &head) {
            self.check_is_first(id, range)?;
        }
        Ok((base, head))
    }

    /// At the end of a shallow clone git hides parents; without one, everything would look new.
    fn check_is_first(&self, commit: &str, given: &str) -> Result<(), GitError> {
        let raw = self.objects.read(commit.as_bytes(), "commit")?;
        let header = raw.unwrap_or_default();
        let mut lines = header
            .split(|byte| *byte == b'\n')
            .take_while(|line| !line.is_empty());
        if lines.any(|line| line.starts_with(b"parent ")) {
            return Err(GitError::BadRevision {
                given: given.to_owned(),
                reason: "its parent is not in this shallow clone; `git fetch --deepen=1` gets it"
                    .to_owned(),
            });
        }
        Ok(())
    }

    /// The merge base of a revision and the last commit.
    pub(super) fn merge_base(&self, revision: &str) -> Result<End, GitError> {
        self.common(revision, "HEAD", revision)
    }

    /// The last commit; nothing if there is none yet.
    pub(super) fn last_commit(&self) -> Result<End, GitError> {
        match self
            .git
            .run("rev-parse", &["--verify", "--quiet", "HEAD^{commit}"])
        {
            Ok(id) => Ok(End::Commit(String::from_utf8_lossy(&id).trim().to_owned())),
            Err(GitError::Failed { .. }) => Ok(End::Nothing),
            Err(error) => Err(error),
        }
    }

    fn commit(&self, revision: &str, given: &str) -> Result<End, GitError> {
        checked(revision, given)?;
        let answer = self.rev_parse(&["--verify", &format!("{revision}^{{commit}}")], given)?;
        Ok(End::Commit(answer.trim().to_owned()))
    }

    /// `rev-parse A...B` prints both and, with `^` before it, what they have in common.
    fn common(&self, from: &str, to: &str, given: &str) -> Result<End, GitError> {
        checked(from, given)?;
        checked(to, given)?;
        let answer = self.rev_parse(&[&format!("{from}...{to}")], given)?;
        let base = answer.lines().find_map(|line| line.strip_prefix('^'));
        match base {
            Some(id) => Ok(End::Commit(id.to_owned())),
            None => Err(GitError::BadRevision {
                given: given.to_owned(),
                reason: "the two have no commit in common (in a shallow clone it may not have been fetched)".to_owned(),
            }),
        }
    }

    fn rev_parse(&self, arguments: &[&str], given: &str) -> Result<String, GitError> {
        match self.git.run("rev-parse", arguments) {
            Ok(answer) => Ok(String::from_utf8_lossy(&answer).into_owned()),
            Err(GitError::Failed { reason, .. }) => Err(GitError::BadRevision {
                given: given.to_owned(),
                reason,
            }),
            Err(error) => Err(error),
        }
    }
}

fn or_head(revision: &str) -> &str {
    if revision.is_empty() {
        "HEAD"
    } else {
        revision
    }
}

/// Refuses what git could take for an option or for more than one revision.
fn checked(revision: &str, given: &str) -> Result<(), GitError> {
    let reason = if revision.starts_with('-') {
        "a revision does not start with `-`"
    } else if revision.is_empty() || revision.starts_with('^') || revision.contains("..") {
        "it is not a single revision"
    } else if revision
        .chars()
        .any(|character| character.is_control() || character.is_whitespace())
    {
        "a revision has no white space"
    } else {
        return Ok(());
    };
    Err(GitError::BadRevision {
        given: given.to_owned(),
        reason: reason.to_owned(),
    })
}
