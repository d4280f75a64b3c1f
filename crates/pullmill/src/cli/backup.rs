//! `pullmill backup` and `restore`: a store and its blobs as a folder, and back.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;

use super::failure::{Failure, Status};
use super::output;
use super::store::{StoreArgs, block_on};
use crate::wire;
use crate::wire::address::{BlobAddress, beside};

/// What to copy, and where.
#[derive(Debug, Args)]
pub struct BackupArgs {
    #[command(flatten)]
    store: StoreArgs,
    /// A folder that is not there yet.
    target: PathBuf,
}

/// What to make a store from.
#[derive(Debug, Args)]
pub struct RestoreArgs {
    #[command(flatten)]
    store: StoreArgs,
    /// A folder that `pullmill backup` made.
    source: PathBuf,
}

const RECORDS: &str = "records.db";
const BLOBS: &str = "blobs";

/// Copies a store. First the records as they are at one moment, then the blobs: those that records name are there before them.
pub fn back_up(args: &BackupArgs) -> Result<ExitCode, Failure> {
    let (file, blobs) = own(&args.store)?;
    let address = &args.store.store;
    if !file.exists() {
        return Err(Failure::new(
            Status::NoInput,
            format_args!("there is no store {address}"),
        ));
    }
    wire::keep_private();
    let target = &args.target;
    fs::create_dir(target).map_err(|error| cannot_create(target, &error))?;
    let records = target.join(RECORDS);
    wire::copy_records(&file, &records)?;
    examine(&records)?;
    let count = copy_folder(&blobs, &target.join(BLOBS)).map_err(|error| {
        Failure::new(
            Status::Io,
            format_args!("the blobs cannot be copied: {error}"),
        )
    })?;
    output::write(&format!(
        "{address} and {count} blobs are copied to {}, and the copy is whole\n",
        target.display()
    ))?;
    Ok(ExitCode::SUCCESS)
}

/// Makes a store from a backup, never over another one.
pub fn restore(args: &RestoreArgs) -> Result<ExitCode, Failure> {
    let (file, blobs) = own(&args.store)?;
    let address = &args.store.store;
    wire::keep_private();
    let records = args.source.join(RECORDS);
    if !records.is_file() {
        let message = format!(
            "{} is no backup: it has no {RECORDS}",
            args.source.display()
        );
        return Err(Failure::new(Status::NoInput, message));
    }
    if file.exists() || blobs.exists() {
        let message = format!("{address} is there already; move it away, or name another store");
        return Err(Failure::new(Status::CannotCreate, message));
    }
    examine(&records)?;
    copy_folder(&args.source.join(BLOBS), &blobs).map_err(|error| cannot_create(&blobs, &error))?;
    // The records come last, under their own name at once: a store is there wholly or not.
    let draft = beside(&file, ".restoring");
    copy_file(&records, &draft).map_err(|error| cannot_create(&draft, &error))?;
    fs::rename(&draft, &file).map_err(|error| cannot_create(&file, &error))?;
    output::write(&format!("{address} is restored\n"))?;
    Ok(ExitCode::SUCCESS)
}

/// The file and the folder of a store that has them.
fn own(store: &StoreArgs) -> Result<(PathBuf, PathBuf), Failure> {
    let place = store.place()?;
    match (place.file(), &place.blobs) {
        (Some(file), BlobAddress::Folder(blobs)) => Ok((file.to_owned(), blobs.clone())),
        _ => Err(Failure::new(
            Status::Usage,
            format_args!(
                "{place} is no file; copy it with its own tools, first the records, then the blobs"
            ),
        )),
    }
}

fn cannot_create(path: &Path, error: &io::Error) -> Failure {
    Failure::new(
        Status::CannotCreate,
        format_args!("{} cannot be written: {error}", path.display()),
    )
}

/// Reads the whole file. Opening it also makes sure that this program can.
fn examine(path: &Path) -> Result<(), Failure> {
    let (problems, _) = block_on(wire::examine(path))?;
    let _ = fs::remove_file(beside(path, ".lock"));
    if problems.is_empty() {
        return Ok(());
    }
    Err(Failure::list(
        Status::Data,
        "the records are damaged:",
        &problems,
    ))
}

/// Copies a folder of folders and files; says how many files. One that is not there is empty.
fn copy_folder(from: &Path, to: &Path) -> io::Result<usize> {
    fs::create_dir_all(to)?;
    let entries = match fs::read_dir(from) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
        entries => entries?,
    };
    let mut count = 0;
    for entry in entries {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            count += copy_folder(&entry.path(), &target)?;
        } else {
            match copy_file(&entry.path(), &target) {
                Ok(()) => count += 1,
                // A sweep or a draft of a put may be faster.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
    }
    Ok(count)
}

fn copy_file(from: &Path, to: &Path) -> io::Result<()> {
    fs::copy(from, to)?;
    fs::File::open(to)?.sync_all()
}
