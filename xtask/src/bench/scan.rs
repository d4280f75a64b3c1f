//! Scans of whole trees by one analysis process, beside the bare parser and another tool on the same files.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result};

use super::code::{self, Kind};
use super::program::{self, Programs};
use super::{Figure, Limit, rivals};

/// Of each language.
const BYTES: usize = 10_000_000;
const FILE: usize = 25_000;
/// 4 MB/s where the parser alone makes 12.5, so that the limit means the same on a slower machine.
const OF_THE_PARSER: f64 = 4.0 / 12.5;
const ROUNDS: usize = 3;

/// Megabytes per second of the scan and of the bare parser, and their ratio; medians of rounds in turn.
struct Speeds {
    speed: f64,
    bare: f64,
    ratio: f64,
}

/// Every language alone.
pub(super) fn languages(programs: &Programs, folder: &Path) -> Result<Vec<Figure>> {
    let rival = rivals::ast_grep(&programs.target);
    let mut figures = Vec::new();
    for kind in Kind::CODE {
        let tree = folder.join(kind.name());
        let megabytes = write(&tree, &[kind], BYTES)?;
        let Speeds { speed, bare, ratio } = side_by_side(programs, &tree, megabytes)?;
        let name = kind.name();
        figures.push(
            Figure::new(format!("{name}, all rules and flow"), speed, "MB/s")
                .limited(Limit::AtLeast(4.0)),
        );
        figures.push(Figure::new(
            format!("{name}, the parser alone"),
            bare,
            "MB/s",
        ));
        figures.push(
            Figure::new(format!("{name}, ratio to the parser"), ratio, "×")
                .limited(Limit::AtLeast(OF_THE_PARSER)),
        );
        if let Ok(rival) = &rival {
            let other = megabytes / rival.scan(&tree, kind)?;
            figures.push(Figure::new(
                format!("{name}, ast-grep, 20 rules, one thread"),
                other,
                "MB/s",
            ));
            figures.push(Figure::new(
                format!("{name}, ratio to ast-grep"),
                speed / other,
                "×",
            ));
        }
    }
    if let Err(error) = rival {
        println!("  ast-grep is not available: {error:#}");
    }
    Ok(figures)
}

/// Text in which only secrets are looked for.
pub(super) fn secrets(programs: &Programs, folder: &Path) -> Result<Vec<Figure>> {
    let megabytes = write(folder, &[Kind::Text], BYTES)?;
    let speed = megabytes / scan(programs, folder)?;
    Ok(vec![Figure::new("text, secrets alone", speed, "MB/s")])
}

/// Fills a folder with about `bytes` of files of these kinds in turn, and says how many megabytes it became.
pub(super) fn write(folder: &Path, kinds: &[Kind], bytes: usize) -> Result<f64> {
    let mut written = 0;
    for (number, kind) in (0_u64..).zip(kinds.iter().cycle()) {
        if written >= bytes {
            break;
        }
        // Files of different sizes, as people's are.
        let size = FILE / 5 * (1 + usize::try_from(number % 9)?);
        let text = code::file(*kind, number, size);
        written += text.len();
        let part = folder.join(format!("part{}", number % 10));
        fs::create_dir_all(&part)?;
        fs::write(
            part.join(format!("file{number}.{}", kind.extension())),
            text,
        )?;
    }
    Ok(written as f64 / 1e6)
}

/// The scan and the bare parser in turn, since machines change their pace.
fn side_by_side(programs: &Programs, tree: &Path, megabytes: f64) -> Result<Speeds> {
    let (mut speeds, mut bares, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let bare = bare(programs, tree)?;
        let speed = megabytes / scan(programs, tree)?;
        speeds.push(speed);
        bares.push(bare);
        ratios.push(speed / bare);
    }
    Ok(Speeds {
        speed: middle(speeds),
        bare: middle(bares),
        ratio: middle(ratios),
    })
}

fn middle(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

/// Seconds of a scan by one process.
fn scan(programs: &Programs, tree: &Path) -> Result<f64> {
    let mut command = Command::new(&programs.pullmill);
    command
        .args(["scan", "--jobs", "1", "--format", "json"])
        .arg(tree);
    Ok(program::timed(&mut command)?.0.as_secs_f64())
}

/// Megabytes per second of the bare parser.
fn bare(programs: &Programs, tree: &Path) -> Result<f64> {
    let (_, said) = program::timed(Command::new(&programs.parse).arg(tree))?;
    let said = String::from_utf8(said)?;
    let numbers: Vec<f64> = said
        .split_whitespace()
        .filter_map(|word| word.parse().ok())
        .collect();
    let [bytes, microseconds] = numbers[..] else {
        return None.context("the parser's times cannot be read");
    };
    Ok(bytes / microseconds)
}
