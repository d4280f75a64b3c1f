//! The reference page of the configuration, written off the table of keys.

use std::fmt::Write as _;

use serde_json::Value;

use super::key::{Key, ROOT, Shape};
use super::{Code, MAX_BYTES, Policy, print};

const INTRODUCTION: &str = "\
# Configuration

This page is written by `cargo xtask docs` from the table of keys in `crates/core/src/policy/key.rs`.

A repository may say in `.pullmill.toml`, at its root, how it wants to be reviewed. Without the file the defaults below hold.
When a range of commits is reviewed, the file is read from the base, so that a change cannot soften its own review.

- `pullmill config check [FILE]` lists everything that is wrong, each with line, column, the value given and what is allowed.
- `pullmill config show` prints what holds, with the defaults filled in.
- `pullmill config schema` prints a JSON Schema for editors.

The file is plain data: nothing is included, expanded or read from the environment. Unknown keys are refused, numbers have
bounds, and a file that would leave nothing to review is refused, so that no file can switch the review off unseen.
";

const PATTERNS: &str = "\
## Path patterns

Patterns are like those of `.gitignore`, without negation. They are matched against the path from the root of the repository,
with `/` between segments, case counts.

| pattern | matches |
|---|---|
| `docs` or `*.snap` | a file or folder of that name at any depth, and everything in such a folder |
| `docs/` | everything in a folder of that name at any depth |
| `/docs` or `src/docs` | from the root of the repository only, as there is a `/` at the start or in the middle |
| `*`, `?`, `[a-z]` | any characters, one character, one of some characters; never `/` |
| `**` | any number of folders: `src/**/test.py`, `**/fixtures/*.json` |
| `*.{js,ts}` | either of the alternatives |
| `\\*` | the character itself |
";

/// The whole page.
pub(super) fn page() -> String {
    let mut out = String::from(INTRODUCTION);
    let defaults = serde_json::to_value(Policy::default()).unwrap_or(Value::Null);
    out.push_str("\n## Keys\n");
    section(&mut out, "", ROOT, &defaults);
    out.push('\n');
    out.push_str(PATTERNS);
    let _ = write!(
        out,
        "\n## Error codes\n\nThe file may have at most {MAX_BYTES} bytes. Each problem ends with its code, which stays the same over time.\n\n\
         | code | meaning |\n|---|---|\n"
    );
    for code in Code::ALL {
        let _ = writeln!(out, "| `{}` | {} |", code.text(), code.meaning());
    }
    let _ = write!(
        out,
        "\n## The defaults as a file\n\n```toml\n{}```\n",
        Policy::default().to_toml()
    );
    out
}

fn section(out: &mut String, path: &str, keys: &[Key], defaults: &Value) {
    let leaves = || {
        keys.iter()
            .filter(|key| !matches!(key.shape, Shape::Table(_) | Shape::Tables { .. }))
    };
    if leaves().next().is_some() {
        out.push_str("\n| key | allowed | default | meaning |\n|---|---|---|---|\n");
    }
    for key in leaves() {
        row(out, key, &defaults[key.name]);
    }
    for key in keys {
        let full = if path.is_empty() {
            key.name.to_owned()
        } else {
            format!("{path}.{}", key.name)
        };
        match &key.shape {
            Shape::Table(keys) => {
                let _ = write!(out, "\n### `[{full}]`\n\n{}\n", key.doc);
                section(out, &full, keys, &defaults[key.name]);
            }
            Shape::Tables { keys, example } => {
                let _ = write!(out, "\n### `[[{full}]]`\n\n{}\n", key.doc);
                section(out, &full, keys, &Value::Null);
                let _ = write!(out, "\n```toml\n{example}```\n");
            }
            _ => {}
        }
    }
}

fn row(out: &mut String, key: &Key, default: &Value) {
    let default = match default {
        Value::Null if key.is_required => "required".to_owned(),
        Value::Null => "none".to_owned(),
        Value::Array(values) if values.len() > 6 => "see the file below".to_owned(),
        Value::Object(_) => "none".to_owned(),
        value => format!("`{}`", print::toml(value, 0)),
    };
    let allowed = key.shape.allowed().replace('|', "\\|");
    let _ = writeln!(
        out,
        "| `{}` | {allowed} | {default} | {} |",
        key.name, key.doc
    );
}
