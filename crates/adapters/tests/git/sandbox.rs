//! A throwaway repository driven by the real git, cut off from the user's own settings.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use pullmill_adapters::git::{Limits, Repository, Wanted};
use pullmill_core::change::{Change, FileChange};
use tempfile::TempDir;

/// A folder with a repository in `repo`.
pub struct Sandbox {
    pub folder: TempDir,
    pub root: PathBuf,
}

impl Sandbox {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("repo");
        std::fs::create_dir(&root).unwrap();
        let sandbox = Self { folder, root };
        sandbox.git(&["init", "-q", "-b", "main"]);
        sandbox
    }

    /// A repository with one commit of these files.
    pub fn with(files: &[(&str, &str)]) -> Self {
        let sandbox = Self::new();
        for (path, text) in files {
            sandbox.write(path, text);
        }
        sandbox.commit("first");
        sandbox
    }

    pub fn try_git_in(folder: &Path, arguments: &[&str]) -> Output {
        Command::new("git")
            .args(["-c", "user.name=t", "-c", "user.email=t@example.org"])
            .args([
                "-c",
                "protocol.file.allow=always",
                "-c",
                "commit.gpgSign=false",
            ])
            .args(arguments)
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .current_dir(folder)
            .output()
            .unwrap()
    }

    pub fn git(&self, arguments: &[&str]) -> String {
        let output = Self::try_git_in(&self.root, arguments);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "git {arguments:?}: {errors}");
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    pub fn path(&self, path: &str) -> PathBuf {
        self.root.join(path)
    }

    pub fn write(&self, path: &str, text: impl AsRef<[u8]>) {
        self.write_raw(path.as_bytes(), text);
    }

    pub fn write_raw(&self, path: &[u8], text: impl AsRef<[u8]>) {
        let place = self.root.join(OsStr::from_bytes(path));
        std::fs::create_dir_all(place.parent().unwrap()).unwrap();
        std::fs::write(place, text).unwrap();
    }

    pub fn remove(&self, path: &str) {
        std::fs::remove_file(self.path(path)).unwrap();
    }

    pub fn commit(&self, message: &str) -> String {
        self.git(&["add", "-A"]);
        self.git(&["commit", "-q", "--allow-empty", "-m", message]);
        self.git(&["rev-parse", "HEAD"])
    }

    pub fn open(&self) -> Repository {
        Repository::open(&self.root).unwrap()
    }

    pub fn change(&self, wanted: &Wanted) -> Change {
        self.open().change(wanted, &Limits::default()).unwrap()
    }

    pub fn range(&self, range: &str) -> Change {
        self.change(&Wanted::Range(range.to_owned()))
    }

    pub fn default_change(&self) -> Change {
        self.change(&Wanted::Default)
    }

    pub fn problem(&self, wanted: &Wanted) -> String {
        let result = self.open().change(wanted, &Limits::default());
        result.unwrap_err().to_string()
    }
}

/// The paths of a change, each with what happened to it.
pub fn summary(change: &Change) -> Vec<String> {
    let line = |file: &FileChange| {
        let old = file.old_path.as_ref();
        let old = old.map(|old| format!("{old} -> ")).unwrap_or_default();
        format!("{:?} {old}{}", file.status, file.path)
    };
    change.files.iter().map(line).collect()
}

pub fn file<'a>(change: &'a Change, path: &str) -> &'a FileChange {
    let found = change.files.iter().find(|file| file.path.as_str() == path);
    found.unwrap_or_else(|| panic!("{path} is not in {:?}", summary(change)))
}

pub fn text(side: &pullmill_core::change::Side) -> &[u8] {
    side.text().unwrap_or_else(|| panic!("no text: {side:?}"))
}
