//! The reading side: pull requests with our conversations, and files in batches.

use async_trait::async_trait;
use bytes::Bytes;
use pullmill_core::commit::Tree;
use pullmill_core::event::comment::Permission;
use pullmill_core::id::Sha;
use pullmill_core::ports::forge::{
    Attempt, Compared, Fetched, ForgeError, ForgeRead, Pull, PullRef, RepoRef, Thread, User, Wanted,
};
use pullmill_core::time::Timestamp;
use serde_json::{Map, Value, json};
use sha1::{Digest as _, Sha1};

use super::http::Ask;
use super::{GitHub, MAX_PAGES, Reader, encoded, repo_path};

const PULL: &str = "query($owner: String!, $name: String!, $number: Int!, $after: String) {
  repository(owner: $owner, name: $name) {
    defaultBranchRef { target { oid } }
    pullRequest(number: $number) {
      state isDraft isCrossRepository baseRefOid headRefOid headRefName body
      labels(first: 100) { nodes { name } }
      reviewThreads(first: 100, after: $after) {
        pageInfo { hasNextPage endCursor }
        nodes { id isResolved comments(first: 1) { nodes { databaseId body viewerDidAuthor } } }
      }
    }
  }
}";
const BLOB: &str = "... on Blob { oid byteSize isBinary isTruncated text }";

#[async_trait]
impl ForgeRead for GitHub {
    async fn pull(&self, pull: &PullRef) -> Result<Pull, ForgeError> {
        let mut threads = Vec::new();
        let mut after = Value::Null;
        for _ in 0..MAX_PAGES {
            let variables = json!({
                "owner": pull.repo.name.owner(), "name": pull.repo.name.name(),
                "number": pull.number, "after": after,
            });
            let data = self
                .query(Reader::agent(&pull.repo), PULL, variables)
                .await?;
            let found = &data["repository"]["pullRequest"];
            if found.is_null() {
                let name = format!("{}#{}", pull.repo.name, pull.number);
                return Err(ForgeError::NotFound(name));
            }
            let page = &found["reviewThreads"];
            threads.extend(
                page["nodes"]
                    .as_array()
                    .into_iter()
                    .flatten()
                    .filter_map(thread),
            );
            if page["pageInfo"]["hasNextPage"] != true {
                return as_pull(&data["repository"], threads);
            }
            after = page["pageInfo"]["endCursor"].clone();
        }
        Err(ForgeError::Refused(
            "it has too many conversations".to_owned(),
        ))
    }

    async fn change(&self, pull: &PullRef, base: &Sha, head: &Sha) -> Result<Compared, ForgeError> {
        self.compare(&pull.repo, base, head).await
    }

    async fn blobs(
        &self,
        repo: &RepoRef,
        wanted: &[Wanted],
        at_most_each: u64,
    ) -> Result<Vec<Fetched>, ForgeError> {
        if wanted.is_empty() {
            return Ok(Vec::new());
        }
        let (query, variables) = batch(repo, wanted);
        let data = match self.query(Reader::agent(repo), &query, variables).await {
            // Together they may be too much, or take too long.
            Err(ForgeError::Refused(_) | ForgeError::Unavailable(_)) if wanted.len() > 1 => {
                let (one, other) = wanted.split_at(wanted.len() / 2);
                let mut fetched = self.blobs(repo, one, at_most_each).await?;
                fetched.extend(self.blobs(repo, other, at_most_each).await?);
                return Ok(fetched);
            }
            data => data?,
        };
        let found = &data["repository"];
        let mut fetched = Vec::with_capacity(wanted.len());
        for (number, wanted) in wanted.iter().enumerate() {
            let object = &found[format!("f{number}")];
            fetched.push(match wanted {
                Wanted::File(..) => self.file(repo, object, at_most_each).await?,
                Wanted::Folder(..) => self.folder(repo, object, at_most_each).await?,
            });
        }
        Ok(fetched)
    }

    async fn tree(&self, repo: &RepoRef, commit: &Sha) -> Result<Tree, ForgeError> {
        self.read_tree(repo, commit).await
    }

    async fn may_commit(&self, repo: &RepoRef) -> Result<bool, ForgeError> {
        let installation = self.installation(repo).await?;
        Ok(installation["permissions"]["contents"] == "write")
    }

    async fn attempts(&self, since: Timestamp) -> Result<Vec<Attempt>, ForgeError> {
        self.list_attempts(since).await
    }

    async fn permission(&self, repo: &RepoRef, user: &User) -> Result<Permission, ForgeError> {
        let login = encoded(&user.login);
        let path = format!("{}/collaborators/{login}/permission", repo_path(repo));
        let answer = match self.get(Reader::agent(repo), &path).await {
            Err(ForgeError::NotFound(_)) => return Ok(Permission::None),
            answer => answer?,
        };
        // The name may belong to somebody else by now.
        if answer["user"]["id"].as_u64() != Some(user.id) {
            return Ok(Permission::None);
        }
        Ok(match answer["permission"].as_str() {
            Some("admin") => Permission::Admin,
            Some("write") => Permission::Write,
            Some("read") => Permission::Read,
            _ => Permission::None,
        })
    }
}

impl GitHub {
    /// A file as GraphQL gives it. Its text is only believed if it has the digest that git gave it.
    async fn file(
        &self,
        repo: &RepoRef,
        object: &Value,
        at_most: u64,
    ) -> Result<Fetched, ForgeError> {
        let Some((oid, size)) = object["oid"].as_str().zip(object["byteSize"].as_u64()) else {
            return Ok(Fetched::Absent);
        };
        if size > at_most {
            return Ok(Fetched::TooLarge(size));
        }
        if object["isBinary"] == true {
            return Ok(Fetched::Binary(size));
        }
        if let Some(text) = object["text"].as_str()
            && object["isTruncated"] == false
            && is_blob(text.as_bytes(), oid)
        {
            return Ok(Fetched::File(Bytes::copy_from_slice(text.as_bytes())));
        }
        // Cut short, or no UTF-8.
        let oid = Sha::parse(oid).map_err(|error| ForgeError::Unavailable(error.to_string()))?;
        let path = format!("{}/git/blobs/{oid}", repo_path(repo));
        let bytes = self
            .read_bytes(Reader::agent(repo), |time| Ask {
                accept: "application/vnd.github.raw+json",
                ..Ask::get(&path, time)
            })
            .await?;
        match is_blob(&bytes, oid.as_str()) {
            true => Ok(Fetched::File(bytes)),
            false => Err(ForgeError::Unavailable(format!("blob {oid} came damaged"))),
        }
    }

    async fn folder(
        &self,
        repo: &RepoRef,
        object: &Value,
        at_most: u64,
    ) -> Result<Fetched, ForgeError> {
        let Some(entries) = object["entries"].as_array() else {
            return Ok(Fetched::Absent);
        };
        let mut files = Vec::new();
        for entry in entries.iter().filter(|entry| entry["type"] == "blob") {
            let name = entry["name"].as_str().unwrap_or_default().to_owned();
            let bytes = match self.file(repo, &entry["object"], at_most).await? {
                Fetched::File(bytes) => Some(bytes),
                _ => None,
            };
            files.push((name, bytes));
        }
        Ok(Fetched::Folder(files))
    }
}

/// One query for many objects. Their names are variables, never part of the query.
fn batch(repo: &RepoRef, wanted: &[Wanted]) -> (String, Value) {
    let mut parameters = String::from("$owner: String!, $name: String!");
    let mut fields = String::new();
    let mut variables = Map::new();
    variables.insert("owner".to_owned(), json!(repo.name.owner()));
    variables.insert("name".to_owned(), json!(repo.name.name()));
    for (number, wanted) in wanted.iter().enumerate() {
        let (commit, path, what) = match wanted {
            Wanted::File(commit, path) => (commit, path, BLOB.to_owned()),
            Wanted::Folder(commit, path) => {
                let tree = format!("... on Tree {{ entries {{ name type object {{ {BLOB} }} }} }}");
                (commit, path, tree)
            }
        };
        parameters.push_str(&format!(", $e{number}: String!"));
        fields.push_str(&format!(
            " f{number}: object(expression: $e{number}) {{ {what} }}"
        ));
        let path = String::from_utf8_lossy(&path.to_bytes()).into_owned();
        variables.insert(format!("e{number}"), json!(format!("{commit}:{path}")));
    }
    let query =
        format!("query({parameters}) {{ repository(owner: $owner, name: $name) {{{fields} }} }}");
    (query, Value::Object(variables))
}

fn is_blob(bytes: &[u8], oid: &str) -> bool {
    let mut hash = Sha1::new();
    hash.update(format!("blob {}\0", bytes.len()));
    hash.update(bytes);
    let digits = hash
        .finalize()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect::<String>();
    // Repositories with SHA-256 have longer names; of those the size is all there is to go by.
    oid.len() != 40 || digits == oid
}

fn as_pull(repository: &Value, threads: Vec<Thread>) -> Result<Pull, ForgeError> {
    let found = &repository["pullRequest"];
    let sha = |name: &str, value: &Value| {
        let text = value.as_str().unwrap_or_default();
        Sha::parse(text).map_err(|error| ForgeError::Unavailable(format!("{name}: {error}")))
    };
    let is_fork = found["isCrossRepository"] == true;
    let branch = found["headRefName"].as_str().map(str::to_owned);
    let labels = found["labels"]["nodes"].as_array().into_iter().flatten();
    Ok(Pull {
        is_open: found["state"] == "OPEN",
        is_draft: found["isDraft"] == true,
        is_fork,
        base: sha("baseRefOid", &found["baseRefOid"])?,
        head: sha("headRefOid", &found["headRefOid"])?,
        default: sha(
            "defaultBranchRef",
            &repository["defaultBranchRef"]["target"]["oid"],
        )?,
        branch: branch.filter(|_| !is_fork),
        labels: labels
            .filter_map(|one| Some(one["name"].as_str()?.to_owned()))
            .collect(),
        description: found["body"].as_str().unwrap_or_default().to_owned(),
        threads,
    })
}

/// A conversation that we began.
fn thread(node: &Value) -> Option<Thread> {
    let first = node["comments"]["nodes"].as_array()?.first()?;
    (first["viewerDidAuthor"] == true).then(|| Thread {
        id: node["id"].as_str().unwrap_or_default().to_owned(),
        is_resolved: node["isResolved"] == true,
        comment: first["databaseId"].as_u64().unwrap_or(0),
        body: first["body"].as_str().unwrap_or_default().to_owned(),
    })
}
