//! Checks the examples of rule files without building anything anew:
//! `cargo run -q -p pullmill-analysis --example check_rules -- rules/python/*.yml [--file CODE]`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};
use pullmill_analysis::analyser::Analyser;
use pullmill_analysis::examples;
use pullmill_analysis::pack::{self, Pack};
use pullmill_core::change::RepoPath;
use pullmill_core::job::Job;

fn main() -> Result<ExitCode> {
    let mut files = Vec::new();
    let mut code = Vec::new();
    let mut wants_code = false;
    for argument in std::env::args().skip(1) {
        match argument.as_str() {
            "--file" => wants_code = true,
            _ if wants_code => code.push(PathBuf::from(argument)),
            _ => files.push(PathBuf::from(argument)),
        }
    }
    let texts = read(&files)?;
    let pack = match Pack::only(&texts) {
        Ok(pack) => pack,
        Err(problems) => {
            for problem in problems {
                println!("WRONG  {problem}");
            }
            return Ok(ExitCode::FAILURE);
        }
    };
    let analyser = Analyser::with_pack(pack);
    if code.is_empty() {
        return Ok(check(&texts, &analyser));
    }
    for file in code {
        show(&file, &analyser)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The given rule files, and the flow model beside each of them.
fn read(files: &[PathBuf]) -> Result<Vec<(RepoPath, String)>> {
    let mut all = files.to_vec();
    all.extend(
        files
            .iter()
            .map(|file| file.with_file_name("model.yml"))
            .filter(|model| model.exists()),
    );
    all.sort();
    all.dedup();
    all.iter()
        .map(|file| {
            let text = std::fs::read_to_string(file).with_context(|| file.display().to_string())?;
            Ok((RepoPath::from(file.to_string_lossy().as_ref()), text))
        })
        .collect()
}

fn check(texts: &[(RepoPath, String)], analyser: &Analyser) -> ExitCode {
    let mut failed = 0;
    let mut passed = 0;
    for (path, text) in texts {
        for rule in pack::read(path, text).unwrap_or_default() {
            let failures = examples::failures(&rule, analyser);
            if failures.is_empty() {
                passed += 1;
                continue;
            }
            failed += 1;
            println!("FAIL   {} ({path})", rule.meta.id);
            for failure in failures {
                println!("    {failure}");
            }
        }
    }
    println!("{passed} rules pass, {failed} fail");
    if failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// Prints what the rules find in a file.
fn show(file: &Path, analyser: &Analyser) -> Result<()> {
    let bytes = std::fs::read(file).with_context(|| file.display().to_string())?;
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let report = analyser.analyse(&Job {
        path: RepoPath::from(name.as_ref()),
        old_path: None,
        base: None,
        head: Some(bytes.into()),
        search_base: false,
    });
    let Some(side) = report.head else {
        return Ok(());
    };
    println!("{}: {:?}", file.display(), side.outcome);
    for finding in side.findings {
        println!(
            "{}:{}:{} {} {}\n    {}",
            file.display(),
            finding.location.line,
            finding.location.column,
            finding.rule,
            finding.message,
            finding.snippet.replace('\n', "\n    ")
        );
    }
    Ok(())
}
