//! Writes the documents that follow from the code, so that they cannot say anything else.

use std::fs;

use anyhow::{Context as _, Result, bail};
use pullmill_core::policy::Policy;

use crate::root;

/// Writes every generated document.
pub(crate) fn write() -> Result<()> {
    let root = root::folder()?;
    for (path, text) in documents()? {
        let file = root.join(path);
        if fs::read_to_string(&file).ok().as_ref() == Some(&text) {
            continue;
        }
        if let Some(folder) = file.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(&file, text).with_context(|| format!("cannot write {path}"))?;
        println!("wrote {path}");
    }
    Ok(())
}

/// Fails if a generated document is out of date.
pub(crate) fn check() -> Result<()> {
    let root = root::folder()?;
    let mut stale = Vec::new();
    for (path, text) in documents()? {
        if fs::read_to_string(root.join(path)).ok().as_ref() != Some(&text) {
            stale.push(path);
        }
    }
    if !stale.is_empty() {
        bail!("out of date: {}; run `cargo xtask docs`", stale.join(", "));
    }
    Ok(())
}

fn documents() -> Result<Vec<(&'static str, String)>> {
    let schema = serde_json::to_string_pretty(&Policy::schema())? + "\n";
    Ok(vec![
        (
            "crates/core/src/policy/default.toml",
            Policy::default().to_toml(),
        ),
        ("docs/configuration.md", Policy::reference()),
        ("schema/config.schema.json", schema),
    ])
}
