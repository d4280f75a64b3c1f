//! Finds the files of corpora and hands them to the loader of their format.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use pullmill_core::change::RepoPath;

use super::folder::Folder;
use super::{EvalArgs, Format};
use crate::eval::tree::Tree;
use crate::eval::{Corpus, EvalError, Problem, annotated, case, csv, sarif};

/// Reads every corpus that was asked for.
///
/// # Errors
/// Fails if one cannot be found, read or understood.
pub fn load(args: &EvalArgs) -> anyhow::Result<Vec<Corpus>> {
    let mut corpora = Vec::new();
    for path in &args.paths {
        if !path.exists() {
            bail!("there is no {}", path.display());
        }
        let folder =
            Folder::open(path).with_context(|| format!("cannot list {}", path.display()))?;
        let name = path.display().to_string();
        let mut corpus = match args.format {
            Format::Case => cases(&name, &folder)?,
            Format::Csv => table(&name, args, path, &folder)?,
            Format::Annotated => annotated(&name, args, &folder)?,
            Format::Sarif => truth(&name, args, path, &folder)?,
        };
        if let Some(unlabelled) = args.unlabelled {
            for item in &mut corpus.items {
                item.unlabelled = unlabelled;
            }
        }
        corpora.push(corpus);
    }
    Ok(corpora)
}

fn cases(name: &str, folder: &Folder) -> Result<Corpus, EvalError> {
    let mut corpus = Corpus {
        name: name.to_owned(),
        ..Corpus::default()
    };
    let mut problems = Vec::new();
    for path in folder
        .paths()
        .iter()
        .filter(|path| path.extension() == "case")
    {
        let place = folder.locate(path);
        let source = place.display().to_string();
        let parent = place.parent().and_then(Path::file_name).unwrap_or_default();
        let text = match String::from_utf8(folder.read(path)?.to_vec()) {
            Ok(text) => text,
            Err(error) => {
                problems.push(not_text(&source, &error));
                continue;
            }
        };
        match case::parse(&source, &parent.to_string_lossy(), &text) {
            Ok(item) => corpus.items.push(item),
            Err(mut found) => problems.append(&mut found),
        }
    }
    if !problems.is_empty() {
        return Err(EvalError::Malformed(problems));
    }
    if corpus.items.is_empty() {
        return Err(EvalError::Empty(format!(
            "{name}: there is no `.case` file"
        )));
    }
    Ok(corpus)
}

fn not_text(file: &str, error: &std::string::FromUtf8Error) -> Problem {
    let valid = error.utf8_error().valid_up_to();
    let before = error.as_bytes().get(..valid).unwrap_or_default();
    Problem {
        file: file.to_owned(),
        line: before.iter().filter(|byte| **byte == b'\n').count() + 1,
        message: "case files are UTF-8".to_owned(),
    }
}

fn table(name: &str, args: &EvalArgs, path: &Path, folder: &Folder) -> anyhow::Result<Corpus> {
    let file = expected(args, path, folder, "csv", |bytes| {
        csv::rows("", &String::from_utf8_lossy(bytes)).is_ok_and(|rows| !rows.is_empty())
    })?;
    let text = String::from_utf8_lossy(&read(&file)?).into_owned();
    let rows = csv::rows(&file.display().to_string(), &text).map_err(EvalError::Malformed)?;
    Ok(csv::load(name, &rows, folder)?)
}

fn truth(name: &str, args: &EvalArgs, path: &Path, folder: &Folder) -> anyhow::Result<Corpus> {
    let file = expected(args, path, folder, "sarif", |bytes| {
        sarif::truths("", bytes).is_ok_and(|truths| !truths.is_empty())
    })?;
    let truths =
        sarif::truths(&file.display().to_string(), &read(&file)?).map_err(EvalError::Malformed)?;
    let settings = sarif::Settings {
        tolerance: args.tolerance,
        unlabelled: args.unlabelled,
    };
    Ok(sarif::load(name, &truths, settings, folder)?)
}

/// The file with the labels: the one that was named, or the only one that can be read as such.
fn expected(
    args: &EvalArgs,
    path: &Path,
    folder: &Folder,
    extension: &str,
    can_be: impl Fn(&[u8]) -> bool,
) -> anyhow::Result<PathBuf> {
    if let Some(file) = &args.expected {
        return Ok(file.clone());
    }
    let all: Vec<&RepoPath> = (folder.paths().iter())
        .filter(|path| path.extension() == extension)
        .collect();
    if let [only] = all.as_slice() {
        return Ok(folder.locate(only));
    }
    let mut fit = Vec::new();
    for path in &all {
        if can_be(&folder.read(path)?) {
            fit.push(*path);
        }
    }
    let at_top: Vec<&RepoPath> = (fit.iter().copied())
        .filter(|path| !path.as_str().contains('/'))
        .collect();
    match (at_top.as_slice(), fit.as_slice(), all.as_slice()) {
        ([only], _, _) | (_, [only], _) => Ok(folder.locate(only)),
        (_, _, []) => bail!(
            "there is no .{extension} file in {}; name the labels with --expected",
            path.display()
        ),
        _ => bail!(
            "there are {} .{extension} files in {}, of which {} can be the labels; name them with --expected",
            all.len(),
            path.display(),
            fit.len()
        ),
    }
}

fn annotated(name: &str, args: &EvalArgs, folder: &Folder) -> anyhow::Result<Corpus> {
    let mut notes = Vec::new();
    let mapping = mapping(args, folder, &mut notes)?;
    let mut corpus = annotated::load(name, &mapping, folder)?;
    corpus.notes.append(&mut notes);
    Ok(corpus)
}

/// Reads what foreign rule ids mean: a mapping file, or rule files as they are, by default those beside the tests.
fn mapping(
    args: &EvalArgs,
    beside: &Folder,
    notes: &mut Vec<String>,
) -> anyhow::Result<annotated::Mapping> {
    let is_rules = |path: &RepoPath| matches!(path.extension().as_str(), "yml" | "yaml");
    let named = match &args.expected {
        Some(path) => {
            let folder =
                Folder::open(path).with_context(|| format!("cannot list {}", path.display()))?;
            if path.is_file() && !folder.paths().iter().any(is_rules) {
                let text = String::from_utf8_lossy(&read(path)?).into_owned();
                let mapping = annotated::mapping(&path.display().to_string(), &text);
                return Ok(mapping.map_err(EvalError::Malformed)?);
            }
            Some(folder)
        }
        None => None,
    };
    let folder = named.as_ref().unwrap_or(beside);
    let mut mapping = annotated::Mapping::new();
    for rules in folder.paths().iter().filter(|path| is_rules(path)) {
        let text = String::from_utf8_lossy(&folder.read(rules)?).into_owned();
        if !annotated::mapping_from_rules(&text, &mut mapping) && named.is_some() {
            notes.push(format!(
                "{}: no YAML; left out",
                folder.locate(rules).display()
            ));
        }
    }
    Ok(mapping)
}

fn read(path: &Path) -> Result<Vec<u8>, EvalError> {
    std::fs::read(path).map_err(|source| EvalError::Unreadable {
        path: path.display().to_string(),
        source,
    })
}
