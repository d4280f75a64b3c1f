//! What a repository says about its reviews: configuration, rules and baseline, read from one place (decision 21).

use std::path::{Path, PathBuf};

use pullmill_adapters::git::Repository;
use pullmill_core::assemble::{self, BaselineEntry};
use pullmill_core::baseline::{self, Baseline};
use pullmill_core::change::RepoPath;
use pullmill_core::finding::Severity;
use pullmill_core::job::Setup;
use pullmill_core::policy::{self, Policy, RULES_FOLDER};
use pullmill_core::ports::analyzer;

use super::content::{self, Content};
use crate::cli::{Failure, Status};

/// More rule files than this are a mistake.
const MAX_RULE_FILES: usize = 500;
/// A longer rule file is a mistake.
const MAX_RULE_BYTES: usize = 1 << 20;

/// Where the settings of a review stand.
#[derive(Clone, Copy, Debug)]
pub enum Ground<'a> {
    /// Nowhere: a first commit, or a patch alone.
    Nowhere,
    /// In a commit.
    Commit(&'a Repository, &'a str),
    /// In a folder.
    Folder(&'a Path),
    /// In files that were read already.
    Read(&'a analyzer::Ground),
}

/// What the command line says instead.
#[derive(Clone, Debug, Default)]
pub struct Overrides {
    /// Another configuration file.
    pub config: Option<PathBuf>,
    /// Another threshold, for all paths.
    pub fail_on: Option<Severity>,
    /// Whether the baseline is left out.
    pub ignores_baseline: bool,
}

/// What holds for a review.
#[derive(Debug, Default)]
pub struct Settings {
    /// The configuration.
    pub policy: Policy,
    /// The repository's own rules: path and text.
    pub user_rules: Vec<(RepoPath, String)>,
    /// What is known and set aside.
    pub baseline: Baseline,
    /// What people have set aside on the pull request.
    pub declined: Vec<BaselineEntry>,
}

impl Settings {
    /// Reads everything from one place.
    pub fn read(ground: Ground<'_>, overrides: &Overrides) -> Result<Self, Failure> {
        let baseline = if overrides.ignores_baseline {
            Baseline::default()
        } else {
            read_baseline(ground)?
        };
        Ok(Self {
            policy: read_policy(ground, overrides)?,
            user_rules: read_rules(ground)?,
            baseline,
            declined: Vec::new(),
        })
    }

    /// What the children must know.
    #[must_use]
    pub fn setup(&self) -> Setup {
        self.policy.setup(self.user_rules.clone())
    }

    /// What the judgement must know.
    #[must_use]
    pub fn for_assembly(&self) -> assemble::Settings {
        let entries = self.baseline.entries().map(|entry| BaselineEntry {
            fingerprint: entry.fingerprint.clone(),
            rule: entry.rule.clone(),
            path: entry.path.clone(),
            reason: entry
                .reason
                .clone()
                .unwrap_or_else(|| "recorded in the baseline".to_owned()),
        });
        assemble::Settings {
            policy: self.policy.clone(),
            baseline: entries.chain(self.declined.iter().cloned()).collect(),
            ..assemble::Settings::default()
        }
    }
}

/// Reads a configuration file that the user named.
pub fn read_config(path: &Path) -> Result<Policy, Failure> {
    let bytes = std::fs::read(path).map_err(|error| {
        Failure::new(
            Status::NoInput,
            format_args!("{} cannot be read: {error}", path.display()),
        )
    })?;
    parse_policy(&bytes, &path.display().to_string())
}

/// Reads the baseline that stands in a place; an empty one if there is none.
pub fn read_baseline(ground: Ground<'_>) -> Result<Baseline, Failure> {
    let wrong = |error: &dyn std::fmt::Display| {
        Failure::new(
            Status::Data,
            format_args!("{}: {error}", baseline::FILE_NAME),
        )
    };
    let Some(bytes) = ground.read(baseline::FILE_NAME, baseline::MAX_BYTES)? else {
        return Ok(Baseline::default());
    };
    let text = std::str::from_utf8(&bytes).map_err(|error| wrong(&error))?;
    Baseline::parse(text).map_err(|error| wrong(&error))
}

fn read_policy(ground: Ground<'_>, overrides: &Overrides) -> Result<Policy, Failure> {
    let mut policy = match &overrides.config {
        Some(path) => read_config(path)?,
        None => match ground.read(policy::FILE_NAME, policy::MAX_BYTES)? {
            Some(bytes) => parse_policy(&bytes, policy::FILE_NAME)?,
            None => Policy::default(),
        },
    };
    if let Some(severity) = overrides.fail_on {
        policy.review.fail_on = severity;
        for rule in &mut policy.paths {
            rule.fail_on = None;
        }
    }
    Ok(policy)
}

fn parse_policy(bytes: &[u8], name: &str) -> Result<Policy, Failure> {
    Policy::parse_bytes(bytes).map_err(|problems| {
        let lines: Vec<String> = problems
            .iter()
            .map(|problem| format!("{name}:{problem}"))
            .collect();
        Failure::list(Status::Config, "the configuration has problems:", &lines)
    })
}

fn read_rules(ground: Ground<'_>) -> Result<Vec<(RepoPath, String)>, Failure> {
    let mut paths = ground.list(RULES_FOLDER)?;
    paths.retain(|path| matches!(path.extension().as_str(), "yml" | "yaml"));
    paths.sort();
    if paths.len() > MAX_RULE_FILES {
        let message = format!("{RULES_FOLDER} has more than {MAX_RULE_FILES} files");
        return Err(Failure::new(Status::Config, message));
    }
    let mut rules = Vec::new();
    for path in paths {
        let bytes = ground
            .read(path.as_str(), MAX_RULE_BYTES)?
            .unwrap_or_default();
        let text = String::from_utf8(bytes)
            .map_err(|_| Failure::new(Status::Config, format_args!("{path} is not UTF-8")))?;
        rules.push((path, text));
    }
    Ok(rules)
}

impl Ground<'_> {
    /// The bytes of a file, if it is there; a failure if it is no file of at most `limit` bytes.
    fn read(self, path: &str, limit: usize) -> Result<Option<Vec<u8>>, Failure> {
        let bytes = match self {
            Self::Nowhere => return Ok(None),
            Self::Commit(repository, commit) => repository
                .read(commit, &RepoPath::from(path))
                .map_err(|error| Failure::new(Status::Io, error))?,
            Self::Folder(root) => read_file(&root.join(path), limit)?,
            Self::Read(ground) => read_already(ground, path),
        };
        if bytes.as_ref().is_some_and(|bytes| bytes.len() > limit) {
            return Err(too_large(path, limit));
        }
        Ok(bytes)
    }

    /// The files of a folder, not of the folders in it.
    fn list(self, folder: &str) -> Result<Vec<RepoPath>, Failure> {
        match self {
            Self::Nowhere => Ok(Vec::new()),
            Self::Commit(repository, commit) => repository
                .list(commit, folder)
                .map_err(|error| Failure::new(Status::Io, error)),
            Self::Folder(root) => Ok(list_folder(root, folder)),
            Self::Read(ground) => Ok(ground.rules.iter().map(|(path, _)| path.clone()).collect()),
        }
    }
}

fn read_already(ground: &analyzer::Ground, path: &str) -> Option<Vec<u8>> {
    let bytes = match path {
        policy::FILE_NAME => ground.config.as_ref(),
        baseline::FILE_NAME => ground.baseline.as_ref(),
        _ => {
            let mut rules = ground.rules.iter();
            let found = rules.find(|(rule, _)| rule.as_str() == path);
            found.map(|(_, bytes)| bytes)
        }
    };
    bytes.map(|bytes| bytes.to_vec())
}

fn list_folder(root: &Path, folder: &str) -> Vec<RepoPath> {
    let Ok(entries) = std::fs::read_dir(root.join(folder)) else {
        return Vec::new();
    };
    entries
        .flatten()
        .filter_map(|entry| {
            Some(RepoPath::from(
                format!("{folder}/{}", entry.file_name().to_str()?).as_str(),
            ))
        })
        .collect()
}

fn read_file(path: &Path, limit: usize) -> Result<Option<Vec<u8>>, Failure> {
    let name = path.display().to_string();
    match content::read(path, limit as u64, u64::MAX) {
        Ok(Content::Text(bytes)) => Ok(Some(bytes)),
        Ok(Content::TooLarge(_)) => Err(too_large(&name, limit)),
        Ok(Content::Binary | Content::NotAFile) => Err(Failure::new(
            Status::Config,
            format_args!("{name} is no text file"),
        )),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Failure::new(Status::Io, format_args!("{name}: {error}"))),
    }
}

fn too_large(path: &str, limit: usize) -> Failure {
    Failure::new(
        Status::Config,
        format_args!("{path} has more than {limit} bytes"),
    )
}
