//! Commits of documents: the tree, the commit and the branch, one request each. Git names all of them by what they hold, so whoever comes second changes nothing.

use hyper::Method;
use pullmill_core::change::RepoPath;
use pullmill_core::commit::{DocsCommit, EMAIL, NAME, Tree, TreeEntry};
use pullmill_core::effect::{Effect, Found};
use pullmill_core::id::Sha;
use pullmill_core::ports::forge::{ForgeError, Permit, RepoRef, SendError};
use pullmill_core::time::Timestamp;
use serde_json::{Value, json};

use super::answer::Failed;
use super::{GitHub, Reader, encoded, repo_path};

/// How GitHub says that a branch has moved; whatever else it says, it will say again.
const NOT_FORWARD: &str = "not a fast forward";
/// What is to be made next.
const TREE: &str = "tree";
const COMMIT: &str = "commit";
const BRANCH: &str = "branch";

impl GitHub {
    pub(super) async fn read_tree(&self, repo: &RepoRef, commit: &Sha) -> Result<Tree, ForgeError> {
        let (reader, place) = (Reader::agent(repo), repo_path(repo));
        let path = format!("{place}/git/commits/{commit}");
        let about = self.get(reader, &path).await?;
        let at = about["committer"]["date"]
            .as_str()
            .and_then(Timestamp::parse);
        let unusable = |what: &str| ForgeError::Unavailable(format!("a commit has no {what}"));
        let at = at.ok_or_else(|| unusable("date"))?;
        let tree = about["tree"]["sha"].as_str();
        let tree = tree.ok_or_else(|| unusable("tree"))?;
        let path = format!("{place}/git/trees/{}?recursive=1", encoded(tree));
        let answer = self.get(reader, &path).await?;
        let entries = answer["tree"].as_array().into_iter().flatten();
        let entry = |entry: &Value| {
            Some(TreeEntry {
                path: RepoPath::from(entry["path"].as_str()?),
                mode: entry["mode"].as_str()?.to_owned(),
                sha: Sha::parse(entry["sha"].as_str()?).ok()?,
            })
        };
        let entries: Option<Vec<TreeEntry>> = entries.map(entry).collect();
        Ok(Tree {
            is_complete: answer["truncated"] == false && entries.is_some(),
            entries: entries.unwrap_or_default(),
            committed_at: at,
        })
    }

    /// How far a commit has come; nothing if its branch has gone another way.
    pub(super) async fn find_commit(
        &self,
        effect: &Effect,
        wanted: &DocsCommit,
    ) -> Result<Vec<Found>, ForgeError> {
        let repo = &effect.target.pull.repo;
        let place = repo_path(repo);
        let branch = format!("{place}/git/ref/heads/{}", path_of(&wanted.branch));
        let Some(answer) = self.ask_for(repo, &branch).await? else {
            return Ok(Vec::new());
        };
        let tip = answer["object"]["sha"].as_str().unwrap_or_default();
        if tip == wanted.commit.as_str() {
            return Ok(vec![step(wanted.commit.as_str(), true)]);
        }
        if tip != wanted.parent.as_str() {
            let range = format!("{place}/compare/{}...{}", wanted.commit, encoded(tip));
            let compared = self.ask_for(repo, &range).await?;
            let is_behind = compared.is_some_and(|compared| compared["status"] == "ahead");
            // Somebody has gone on from it, or the branch never came by.
            return Ok(match is_behind {
                true => vec![step(wanted.commit.as_str(), true)],
                false => Vec::new(),
            });
        }
        let commit = format!("{place}/git/commits/{}", wanted.commit);
        if self.ask_for(repo, &commit).await?.is_some() {
            return Ok(vec![step(BRANCH, false)]);
        }
        let tree = format!("{place}/git/trees/{}", wanted.tree);
        let next = match self.ask_for(repo, &tree).await? {
            Some(_) => COMMIT,
            None => TREE,
        };
        Ok(vec![step(next, false)])
    }

    /// Makes what is to be made next. The branch moves only forward, and only to the very commit that was written down.
    pub(super) async fn send_commit(
        &self,
        permit: &Permit,
        wanted: &DocsCommit,
        found: Option<&Found>,
    ) -> Result<Found, SendError> {
        let place = repo_path(&permit.effect().target.pull.repo);
        let next = found.map_or(TREE, |found| found.id.as_str());
        let (name, path, body) = match next {
            BRANCH => {
                let path = format!("{place}/git/refs/heads/{}", path_of(&wanted.branch));
                let body = json!({"sha": wanted.commit, "force": false});
                let moved = self.write(permit, Method::PATCH, path, body).await;
                return match moved {
                    Ok(_) => Ok(step(wanted.commit.as_str(), true)),
                    // Another look says where the branch is.
                    Err(Failed::Refused(error)) if error.contains(NOT_FORWARD) => {
                        Err(SendError::Gone(error))
                    }
                    Err(Failed::NotFound(what)) => Err(SendError::Gone(what)),
                    Err(failed) => Err(failed.into()),
                };
            }
            COMMIT => {
                let who = json!({"name": NAME, "email": EMAIL, "date": seconds(wanted.at)});
                let body = json!({
                    "message": wanted.message, "tree": wanted.tree, "parents": [wanted.parent],
                    "author": who, "committer": who,
                });
                (&wanted.commit, format!("{place}/git/commits"), body)
            }
            _ => {
                let entries = wanted.files.iter().map(|file| {
                    json!({
                        "path": file.path, "mode": file.mode, "type": "blob", "content": file.text,
                    })
                });
                let entries: Vec<Value> = entries.collect();
                let body = json!({"base_tree": wanted.base_tree, "tree": entries});
                (&wanted.tree, format!("{place}/git/trees"), body)
            }
        };
        let answer = self.write(permit, Method::POST, path, body).await;
        let made = answer.map_err(SendError::from)?;
        match made["sha"].as_str() == Some(name.as_str()) {
            true => Ok(step(next, false)),
            // Nothing points at it, and nothing will.
            false => Err(SendError::Refused(format!(
                "it names a {next} {} that should be {name}",
                made["sha"]
            ))),
        }
    }

    /// Reads something that may not be there.
    async fn ask_for(&self, repo: &RepoRef, path: &str) -> Result<Option<Value>, ForgeError> {
        match self.get(Reader::committer(repo), path).await {
            Ok(answer) => Ok(Some(answer)),
            Err(ForgeError::NotFound(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

fn step(id: &str, is_current: bool) -> Found {
    Found {
        id: id.to_owned(),
        parts: 0,
        is_current,
    }
}

/// A branch as a part of a path: its slashes stay.
fn path_of(branch: &str) -> String {
    let parts: Vec<String> = branch.split('/').map(encoded).collect();
    parts.join("/")
}

/// GitHub's times have seconds, no less.
fn seconds(at: Timestamp) -> String {
    at.to_string().replace(".000Z", "Z")
}
