//! Prints how fast the stages of the analysis are on real files: `throughput [--by-rule|--check] RULES.yml… -- CODE…`.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use pullmill_analysis::analyser::Analyser;
use pullmill_analysis::language::Language;
use pullmill_analysis::pack::Pack;
use pullmill_analysis::source::Source;
use pullmill_analysis::source::syntax::Syntax;
use pullmill_core::change::RepoPath;
use pullmill_core::job::Job;

fn main() -> Result<()> {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    let option = arguments
        .first()
        .filter(|first| first.starts_with("--") && first.len() > 2)
        .cloned();
    if option.is_some() {
        arguments.remove(0);
    }
    let mut halves = arguments.split(|argument| argument == "--");
    let rules = texts(halves.next().unwrap_or_default())?;
    let code = halves.next().unwrap_or_default();
    let pack = Pack::only(&rules).map_err(|problems| anyhow::anyhow!(problems.join("\n")))?;
    let files: Vec<(RepoPath, Vec<u8>)> = code
        .iter()
        .map(|path| Ok((RepoPath::from(path.as_str()), std::fs::read(path)?)))
        .collect::<Result<_>>()?;
    let bytes: usize = files.iter().map(|(_, bytes)| bytes.len()).sum();
    println!("{} files, {:.2} MB", files.len(), bytes as f64 / 1e6);
    measure(&pack, &files, bytes);
    if let Some(option) = option {
        by_rule(&pack, &files, option == "--check");
        return Ok(());
    }
    let analyser = Analyser::with_pack(pack);
    let start = Instant::now();
    let mut findings = 0;
    for (path, bytes) in files {
        let report = analyser.analyse(&Job {
            path,
            old_path: None,
            base: None,
            head: Some(bytes.into()),
            search_base: false,
        });
        findings += report.head.map_or(0, |head| head.findings.len());
    }
    print("everything", start.elapsed(), bytes);
    println!("{findings} findings");
    Ok(())
}

fn texts(paths: &[String]) -> Result<Vec<(RepoPath, String)>> {
    paths
        .iter()
        .map(|path| {
            let text =
                std::fs::read_to_string(PathBuf::from(path)).with_context(|| path.clone())?;
            Ok((RepoPath::from(path.as_str()), text))
        })
        .collect()
}

/// Parsing alone, then matching alone.
fn measure(pack: &Pack, files: &[(RepoPath, Vec<u8>)], bytes: usize) {
    let start = Instant::now();
    let sources: Vec<Source> = files
        .iter()
        .filter_map(|(path, bytes)| Some(Source::parse(bytes, Language::detect(path, bytes)?).0))
        .collect();
    print("parse", start.elapsed(), bytes);
    for round in ["match, first time", "match"] {
        let start = Instant::now();
        let mut hits = 0;
        for source in &sources {
            if let (Some(language), Some(tree)) = (source.language(), source.tree())
                && let Ok(rules) = pack.language(language)
            {
                let syntax = Syntax::of(tree, language);
                hits += rules.matching.analyse(tree, &syntax).len();
            }
        }
        print(round, start.elapsed(), bytes);
        println!("{hits} hits");
    }
}

/// What every rule costs, the dearest first; `check` also tries rules where the quick look refuses them.
fn by_rule(pack: &Pack, files: &[(RepoPath, Vec<u8>)], check: bool) {
    let mut costs = BTreeMap::new();
    for (path, bytes) in files {
        if let Some(language) = Language::detect(path, bytes)
            && let Ok(rules) = pack.language(language)
        {
            let (source, _) = Source::parse(bytes, language);
            if let Some(tree) = source.tree() {
                let syntax = Syntax::of(tree, language);
                rules
                    .matching
                    .add_costs(&source, &syntax, check, &mut costs);
            }
        }
    }
    let mut costs: Vec<_> = costs.into_iter().collect();
    costs.sort_by_key(|(_, cost)| std::cmp::Reverse(cost.look + cost.trial));
    println!("   look ms  trial ms    nodes    tried  hits  lost  rule");
    for (id, cost) in costs {
        println!(
            "{:10.1}{:10.1}{:9}{:9}{:6}{:6}  {id}",
            cost.look.as_secs_f64() * 1e3,
            cost.trial.as_secs_f64() * 1e3,
            cost.nodes,
            cost.tried,
            cost.hits,
            cost.lost
        );
    }
}

fn print(stage: &str, time: Duration, bytes: usize) {
    let rate = bytes as f64 / 1e6 / time.as_secs_f64();
    println!("{stage}: {time:.1?}, {rate:.1} MB/s");
}
