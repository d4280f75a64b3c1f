//! Measures how fast the reviewer is and how much memory it takes; `--check` fails if a limit is exceeded.

pub(crate) mod bare;
mod code;
mod load;
mod memory;
mod packing;
pub(crate) mod program;
mod pulls;
pub(crate) mod repository;
mod review;
mod rivals;
mod scan;
mod server;
mod store;

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

use crate::root;
use program::Programs;

/// One measurement.
struct Bench {
    name: &'static str,
    what: &'static str,
    run: fn(&Programs, &Path) -> Result<Vec<Figure>>,
}

/// One measured number.
struct Figure {
    what: String,
    value: f64,
    unit: &'static str,
    limit: Option<Limit>,
}

/// What a figure must keep to.
#[derive(Clone, Copy)]
enum Limit {
    AtMost(f64),
    AtLeast(f64),
}

const BENCHES: [Bench; 10] = [
    Bench {
        name: "change",
        what: "a review of 50 files, 5,000 changed lines",
        run: review::large,
    },
    Bench {
        name: "line",
        what: "a review of one changed line",
        run: review::line,
    },
    Bench {
        name: "tree",
        what: "a scan of 10 MB per language by one process",
        run: scan::languages,
    },
    Bench {
        name: "memory",
        what: "peak memory of a scan of 10 MB",
        run: memory::peak,
    },
    Bench {
        name: "secrets",
        what: "a scan for secrets alone by one process",
        run: scan::secrets,
    },
    Bench {
        name: "ingress",
        what: "signed deliveries a second, 32 at a time, durable before each answer",
        run: server::ingress,
    },
    Bench {
        name: "pulls",
        what: "from a webhook to the first comment on an instant GitHub, and what the door does while GitHub is slow",
        run: pulls::first_write,
    },
    Bench {
        name: "server",
        what: "start, memory and cancelling of the server",
        run: server::life,
    },
    Bench {
        name: "packing",
        what: "tokens of a review by a model, beside the tokens of the difference",
        run: packing::samples,
    },
    Bench {
        name: "store",
        what: "stores through their port beside plain SQL",
        run: store::stores,
    },
];

/// Runs the benches that are named, or all.
pub(crate) fn run(arguments: &[&str]) -> Result<()> {
    let must_hold = arguments.contains(&"--check");
    let names: Vec<&str> = arguments
        .iter()
        .copied()
        .filter(|argument| *argument != "--check")
        .collect();
    let is_known = |name: &&str| BENCHES.iter().any(|bench| bench.name == *name);
    if let Some(name) = names.iter().find(|name| !is_known(name)) {
        let known: Vec<&str> = BENCHES.iter().map(|bench| bench.name).collect();
        bail!("no bench is called {name}; there are {}", known.join(", "));
    }
    let root = root::folder()?;
    let programs = Programs::build(&root)?;
    let folder = fresh(&programs.target.join("bench"))?;
    println!("{}", program::machine());
    let mut exceeded = Vec::new();
    for bench in &BENCHES {
        if !names.is_empty() && !names.contains(&bench.name) {
            continue;
        }
        println!("\n{}: {}", bench.name, bench.what);
        for figure in (bench.run)(&programs, &folder.join(bench.name))? {
            println!("  {figure}");
            if !figure.holds() {
                exceeded.push(format!("{}: {}", bench.name, figure.what));
            }
        }
    }
    if must_hold && !exceeded.is_empty() {
        bail!("limits are exceeded: {}", exceeded.join("; "));
    }
    Ok(())
}

impl Figure {
    fn new(what: impl Into<String>, value: f64, unit: &'static str) -> Self {
        Self {
            what: what.into(),
            value,
            unit,
            limit: None,
        }
    }

    fn limited(mut self, limit: Limit) -> Self {
        self.limit = Some(limit);
        self
    }

    fn holds(&self) -> bool {
        match self.limit {
            Some(Limit::AtMost(limit)) => self.value <= limit,
            Some(Limit::AtLeast(limit)) => self.value >= limit,
            None => true,
        }
    }
}

impl std::fmt::Display for Figure {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            what, value, unit, ..
        } = self;
        write!(out, "{what:<44} {value:>9.2} {unit}")?;
        let (words, limit) = match self.limit {
            Some(Limit::AtMost(limit)) => ("at most", limit),
            Some(Limit::AtLeast(limit)) => ("at least", limit),
            None => return Ok(()),
        };
        let verdict = if self.holds() { "holds" } else { "EXCEEDED" };
        let ratio = value / limit;
        write!(out, "  {words} {limit} {unit}, ratio {ratio:.2}: {verdict}")
    }
}

/// An empty folder in place of what an earlier run left.
fn fresh(folder: &Path) -> Result<PathBuf> {
    if folder.exists() {
        std::fs::remove_dir_all(folder)?;
    }
    std::fs::create_dir_all(folder)?;
    Ok(folder.to_path_buf())
}
