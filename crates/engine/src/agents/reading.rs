//! Reads a pull request's change from a forge: both sides of every file, and what the base says about reviews.

use std::sync::Arc;

use pullmill_core::baseline;
use pullmill_core::change::{Change, FileChange, RepoPath, Side, Status};
use pullmill_core::owners::{self, Owners};
use pullmill_core::policy;
use pullmill_core::ports::analyzer::Ground;
use pullmill_core::ports::forge::{
    Compared, ComparedFile, Fetched, ForgeRead, Pull, PullRef, Wanted,
};
use pullmill_core::task::Outcome;

use super::pull::failed;

/// Most bytes of a file that are read: one more than the analysis takes by default.
const MAX_FILE: u64 = (2 << 20) + 1;
/// Most bytes of all files together.
const MAX_TEXT: u64 = 64 << 20;
/// Most files that are read.
const MAX_FILES: usize = 3_000;
/// Files that are read at once, each with both sides.
const FILES_AT_ONCE: usize = 45;

/// Reads both sides of every file, and what the base says about reviews.
pub(super) async fn read_change(
    forge: &dyn ForgeRead,
    pull_ref: &PullRef,
    pull: &Pull,
    compared: &Compared,
) -> Result<(Change, Ground, Owners), Outcome> {
    let at_base = |path: &str| Wanted::File(pull.base.clone(), RepoPath::from(path));
    let settings = [
        at_base(policy::FILE_NAME),
        at_base(baseline::FILE_NAME),
        Wanted::Folder(pull.base.clone(), RepoPath::from(policy::RULES_FOLDER)),
        at_base(owners::FILE_NAMES[0]),
        at_base(owners::FILE_NAMES[1]),
        at_base(owners::FILE_NAMES[2]),
    ];
    let (mut ground, mut owners) = (None, Owners::default());
    let mut files = Vec::with_capacity(compared.files.len());
    let mut room = MAX_TEXT;
    let read = compared.files.len().min(MAX_FILES);
    let (near, far) = compared.files.split_at(read);
    let mut chunks = near.chunks(FILES_AT_ONCE);
    loop {
        let chunk = chunks.next();
        let mut wanted = match ground {
            None => settings.to_vec(),
            Some(_) if chunk.is_none() => break,
            Some(_) => Vec::new(),
        };
        let chunk = chunk.unwrap_or_default();
        let before = wanted.len();
        if room > 0 {
            let sides = chunk.iter().flat_map(|file| sides(file, pull, compared));
            wanted.extend(sides);
        }
        let blobs = forge.blobs(&pull_ref.repo, &wanted, MAX_FILE);
        let mut fetched = blobs.await.map_err(failed)?.into_iter();
        if ground.is_none() {
            let settings: Vec<Fetched> = fetched.by_ref().take(before).collect();
            owners = as_owners(&settings[settings.len().min(3)..]);
            ground = Some(as_ground(settings));
        }
        for file in chunk {
            files.push(as_change(file, &mut fetched, &mut room));
        }
    }
    files.extend(
        far.iter()
            .map(|file| unread(file, "more than 3,000 files changed")),
    );
    files.sort_by(|one: &FileChange, other| one.path.cmp(&other.path));
    let mut ground = ground.unwrap_or_default();
    if !compared.is_complete {
        let missing = "the forge does not list all files of the change";
        ground.missing.push(missing.to_owned());
    }
    let number = pull_ref.number;
    let change = Change {
        label: format!("{}#{number}", pull_ref.repo.name),
        base: Some(compared.merge_base.to_string()),
        head: Some(pull.head.to_string()),
        files,
        notes: Vec::new(),
    };
    Ok((change, ground, owners))
}

/// The owners as the first file that is there has them.
fn as_owners(fetched: &[Fetched]) -> Owners {
    let file = fetched.iter().find(|one| **one != Fetched::Absent);
    match file {
        Some(Fetched::File(bytes)) => Owners::read(&String::from_utf8_lossy(bytes)),
        _ => Owners::default(),
    }
}

/// Which sides of a file are to be read.
fn sides(file: &ComparedFile, pull: &Pull, compared: &Compared) -> Vec<Wanted> {
    if file.submodule.is_some() {
        return Vec::new();
    }
    let mut wanted = Vec::new();
    if file.status != Status::Added {
        let path = file.old_path.as_ref().unwrap_or(&file.path);
        wanted.push(Wanted::File(compared.merge_base.clone(), path.clone()));
    }
    if file.status != Status::Deleted {
        wanted.push(Wanted::File(pull.head.clone(), file.path.clone()));
    }
    wanted
}

/// A file with its sides, in the order [`sides`] asks for them.
fn as_change(
    file: &ComparedFile,
    fetched: &mut impl Iterator<Item = Fetched>,
    room: &mut u64,
) -> FileChange {
    if let Some(commit) = &file.submodule {
        let side = Side::Submodule(commit.clone());
        return with_sides(file, side.clone(), side);
    }
    let mut next = |is_there: bool| {
        if !is_there {
            return Side::Absent;
        }
        match fetched.next() {
            Some(Fetched::File(bytes)) => {
                *room = room.saturating_sub(bytes.len() as u64);
                Side::Text(Arc::from(bytes.as_ref()))
            }
            Some(Fetched::TooLarge(size)) => Side::TooLarge { size },
            Some(Fetched::Binary(size)) => Side::Binary { size },
            Some(_) => Side::Unavailable("the forge does not give its content".to_owned()),
            None => Side::Unavailable("the change holds more text than is read at once".to_owned()),
        }
    };
    let base = next(file.status != Status::Added);
    let head = next(file.status != Status::Deleted);
    with_sides(file, base, head)
}

fn unread(file: &ComparedFile, why: &str) -> FileChange {
    let side = |is_there: bool| match is_there {
        true => Side::Unavailable(why.to_owned()),
        false => Side::Absent,
    };
    let base = side(file.status != Status::Added);
    let head = side(file.status != Status::Deleted);
    with_sides(file, base, head)
}

fn with_sides(file: &ComparedFile, base: Side, head: Side) -> FileChange {
    FileChange {
        path: file.path.clone(),
        old_path: file.old_path.clone(),
        status: file.status,
        old_mode: None,
        new_mode: None,
        base,
        head,
        hunks: Vec::new(),
    }
}

/// What the base says about reviews. What is there and cannot be read makes the review incomplete.
fn as_ground(fetched: Vec<Fetched>) -> Ground {
    let mut ground = Ground::default();
    let mut fetched = fetched.into_iter();
    let mut file = |name: &str, missing: &mut Vec<String>| match fetched.next() {
        Some(Fetched::File(bytes)) => Some(bytes),
        Some(Fetched::Absent) | None => None,
        Some(_) => {
            missing.push(format!("{name} is too large to be read"));
            None
        }
    };
    ground.config = file(policy::FILE_NAME, &mut ground.missing);
    ground.baseline = file(baseline::FILE_NAME, &mut ground.missing);
    if let Some(Fetched::Folder(files)) = fetched.next() {
        for (name, bytes) in files {
            let path = RepoPath::from(format!("{}/{name}", policy::RULES_FOLDER).as_str());
            if !matches!(path.extension().as_str(), "yml" | "yaml") {
                continue;
            }
            match bytes {
                Some(bytes) => ground.rules.push((path, bytes)),
                None => ground
                    .missing
                    .push(format!("{path} is too large to be read")),
            }
        }
    }
    ground
}
