//! Prints how long the bare parser needs for all files under a folder, to compare the analysis with: `parse FOLDER`.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use ast_grep_core::tree_sitter::LanguageExt;
use ast_grep_language::SupportLang;
use tree_sitter::Parser;

fn main() -> Result<()> {
    let folder = std::env::args().nth(1).context("a folder is needed")?;
    let mut files = Vec::new();
    list(Path::new(&folder), &mut files)?;
    let mut took = Duration::ZERO;
    let mut bytes = 0;
    for file in files {
        let Some(language) = language(&file) else {
            continue;
        };
        let text = std::fs::read(&file).with_context(|| file.display().to_string())?;
        let mut parser = Parser::new();
        parser.set_language(&language.get_ts_language())?;
        let start = Instant::now();
        let tree = parser.parse(&text, None);
        took += start.elapsed();
        drop(tree);
        bytes += text.len();
    }
    println!("{bytes} bytes {} microseconds", took.as_micros());
    Ok(())
}

fn list(folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            list(&path, files)?;
        } else {
            files.push(path);
        }
    }
    Ok(())
}

fn language(file: &Path) -> Option<SupportLang> {
    match file.extension()?.to_str()? {
        "py" => Some(SupportLang::Python),
        "js" => Some(SupportLang::JavaScript),
        "java" => Some(SupportLang::Java),
        "go" => Some(SupportLang::Go),
        _ => None,
    }
}
