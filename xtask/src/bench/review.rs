//! Reviews of changes in a repository of its own.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result};

use super::code::{self, Kind};
use super::program::{self, Programs};
use super::repository::{commit, git, start};
use super::{Figure, Limit, rivals};

const FILES: u64 = 50;
const LINES: usize = 180;
const BYTES: usize = 10_000;

/// 50 files, of each about 100 lines new and about as many gone.
pub(super) fn large(programs: &Programs, folder: &Path) -> Result<Vec<Figure>> {
    let write = |lines| -> Result<usize> {
        let mut bytes = 0;
        for number in 0..FILES {
            let kind = Kind::CODE[usize::try_from(number)? % Kind::CODE.len()];
            let text = code::changed(kind, number, BYTES, lines);
            bytes += text.len();
            put(folder, &name(kind, number), &text)?;
        }
        Ok(bytes)
    };
    fs::create_dir_all(folder)?;
    write(0)?;
    start(folder)?;
    let bytes = write(LINES)?;
    commit(folder, "Rewrite a part of everything")?;
    let mut figures = vec![
        Figure::new("files changed", FILES as f64, "files"),
        Figure::new("lines added", counted(folder, 0)?, "lines"),
        Figure::new("lines gone", counted(folder, 1)?, "lines"),
        Figure::new("text of the files", bytes as f64 / 1e6, "MB"),
    ];
    let (reviewed, median) = review(programs, folder, 15, 300.0)?;
    figures.extend(reviewed);
    match rivals::ast_grep(&programs.target) {
        Ok(rival) => {
            let other = rival.scan_mixed(&folder.join("src"), 15)?;
            figures.push(Figure::new(
                "ast-grep, 20 rules, new files only",
                other,
                "ms",
            ));
            figures.push(Figure::new("ratio to ast-grep", median / other, "×"));
        }
        Err(error) => println!("  ast-grep is not available: {error:#}"),
    }
    Ok(figures)
}

/// One line in a small repository.
pub(super) fn line(programs: &Programs, folder: &Path) -> Result<Vec<Figure>> {
    fs::create_dir_all(folder)?;
    for number in 0..20 {
        let kind = Kind::CODE[usize::try_from(number)? % Kind::CODE.len()];
        put(
            folder,
            &name(kind, number),
            &code::file(kind, number, 3_000),
        )?;
    }
    start(folder)?;
    let path = name(Kind::Python, 0);
    let text = fs::read_to_string(folder.join(&path))?;
    put(folder, &path, &(text + "\nLAST = 1\n"))?;
    commit(folder, "Change a line")?;
    Ok(review(programs, folder, 25, 50.0)?.0)
}

/// The figures of a review, and its median.
fn review(
    programs: &Programs,
    folder: &Path,
    rounds: usize,
    limit: f64,
) -> Result<(Vec<Figure>, f64)> {
    let (median, best) = program::median(rounds, || {
        let mut command = Command::new(&programs.pullmill);
        command
            .args(["review", "HEAD", "--format", "json"])
            .current_dir(folder);
        Ok(program::timed(&mut command)?.0)
    })?;
    let what = format!("from start to output, median of {rounds}");
    let figures = vec![
        Figure::new(what, median, "ms").limited(Limit::AtMost(limit)),
        Figure::new("the fastest of them", best, "ms"),
    ];
    Ok((figures, median))
}

fn name(kind: Kind, number: u64) -> String {
    format!("src/part{}/file{number}.{}", number % 5, kind.extension())
}

fn put(folder: &Path, path: &str, text: &str) -> Result<()> {
    let file = folder.join(path);
    fs::create_dir_all(file.parent().context("a file without a folder")?)?;
    fs::write(file, text)?;
    Ok(())
}

/// The sum of a column of git's numbers: lines added, lines gone.
fn counted(folder: &Path, column: usize) -> Result<f64> {
    let counts = git(folder, &["diff", "--numstat", "HEAD~1", "HEAD"])?;
    let lines = counts
        .lines()
        .filter_map(|line| line.split('\t').nth(column)?.parse::<f64>().ok());
    Ok(lines.sum())
}
