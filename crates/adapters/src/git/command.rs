//! Starts git so that nothing of the repository's configuration is run.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::GitError;
use super::tree::{self, Delta};

/// Variables that would point git elsewhere or make it run something.
const UNSET: [&str; 22] = [
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_COMMON_DIR",
    "GIT_NAMESPACE",
    "GIT_CONFIG",
    "GIT_CONFIG_COUNT",
    "GIT_CONFIG_PARAMETERS",
    "GIT_EXTERNAL_DIFF",
    "GIT_DIFF_OPTS",
    "GIT_EXEC_PATH",
    "GIT_TRACE",
    "GIT_TRACE2",
    "GIT_TRACE2_EVENT",
    "GIT_PAGER",
    "GIT_SSH",
    "GIT_SSH_COMMAND",
    "GIT_ASKPASS",
    "GIT_PREFIX",
    "GIT_REPLACE_REF_BASE",
];

/// How to call git for one repository.
#[derive(Clone, Debug)]
pub(super) struct Git {
    folder: PathBuf,
}

impl Git {
    pub(super) fn new(folder: &Path) -> Self {
        let folder = if folder.as_os_str().is_empty() {
            Path::new(".")
        } else {
            folder
        };
        Self {
            folder: folder.to_owned(),
        }
    }

    /// A command with everything switched off that could run code or wait for somebody.
    pub(super) fn command(&self, name: &str) -> Command {
        let mut command = Command::new("git");
        for variable in UNSET {
            command.env_remove(variable);
        }
        command
            .arg("-C")
            .arg(&self.folder)
            .args([
                "-c",
                "core.fsmonitor=false",
                "-c",
                "core.hooksPath=/dev/null",
                "-c",
                "core.quotePath=false",
            ])
            .args([
                "-c",
                "protocol.allow=never",
                "--no-pager",
                "--literal-pathspecs",
                name,
            ])
            .env("GIT_TERMINAL_PROMPT", "0")
            .env("GIT_OPTIONAL_LOCKS", "0")
            .env("GIT_NO_LAZY_FETCH", "1")
            .env("GIT_NO_REPLACE_OBJECTS", "1")
            .env("LC_ALL", "C")
            .stdin(Stdio::null());
        command
    }

    /// Runs a command to its end and gives what it printed.
    pub(super) fn run(&self, name: &'static str, arguments: &[&str]) -> Result<Vec<u8>, GitError> {
        let output = self
            .command(name)
            .args(arguments)
            .output()
            .map_err(GitError::NoGit)?;
        if output.status.success() {
            return Ok(output.stdout);
        }
        let said = String::from_utf8_lossy(&output.stderr);
        let first = said.lines().next().unwrap_or("it gave no reason");
        Err(GitError::Failed {
            command: name,
            reason: first.trim_start_matches("fatal: ").to_owned(),
        })
    }

    /// The differences between two trees, with renames and copies.
    pub(super) fn diff_tree(&self, from: &str, to: &str) -> Result<Vec<Delta>, GitError> {
        let options = [
            "-r",
            "-z",
            "--raw",
            "--no-abbrev",
            "--no-ext-diff",
            "--no-textconv",
            "-M",
            "-C",
            "-l1000",
        ];
        self.tree_deltas(&options, from, to)
    }

    /// Every entry of a tree, as its difference from the empty one.
    pub(super) fn list_tree(&self, empty: &str, tree: &str) -> Result<Vec<Delta>, GitError> {
        let options = [
            "-r",
            "-z",
            "--raw",
            "--no-abbrev",
            "--no-ext-diff",
            "--no-textconv",
            "--no-renames",
        ];
        self.tree_deltas(&options, empty, tree)
    }

    fn tree_deltas(&self, options: &[&str], from: &str, to: &str) -> Result<Vec<Delta>, GitError> {
        let arguments: Vec<&str> = options.iter().copied().chain([from, to, "--"]).collect();
        let raw = self.run("diff-tree", &arguments)?;
        tree::parse_raw(&raw).ok_or(GitError::Failed {
            command: "diff-tree",
            reason: "its answer cannot be understood".to_owned(),
        })
    }
}
