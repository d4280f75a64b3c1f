//! Documents and comments that a change makes untrue, and `--fix-docs`.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use serde_json::Value;

use super::{commit, json, repository, review, status, text, write};

const CONFIG: &str = "import argparse\nimport os\n\n\ndef load_config(path):\n    text = open(path).read()\n    return parse(text)\n\n\n\
def old_helper(value):\n    return value + 1\n\n\ndef url():\n    return os.environ[\"SHOP_URL\"]\n\n\ndef key():\n    return os.environ[\"SHOP_KEY\"]\n\n\n\
def arguments(parser):\n    parser.add_argument(\"--port\", type=int)\n    parser.add_argument(\"--host\", type=str)\n    return parser\n";
const README: &str = "# Shop\n\nCall `load_config(\"shop.toml\")`.\n\n    shop --port 8080 --host example\n\nSet SHOP_URL and SHOP_KEY. The load_config of prose stays.\n";

/// What was found by the agent for documents: rule, place and the line that mends it.
fn told(review: &Value) -> Vec<String> {
    let findings = review["findings"].as_array().unwrap();
    let own = findings.iter().filter(|one| one["agent"] == "docs");
    let mut told: Vec<String> = own
        .map(|one| {
            let place = &one["location"];
            let mend = one["suggestion"]["text"].as_str().unwrap_or("-");
            format!(
                "{} {}:{} {mend}",
                one["rule"].as_str().unwrap(),
                place["path"].as_str().unwrap(),
                place["line"]
            )
        })
        .collect();
    told.sort();
    told
}

fn read(folder: &Path, path: &str) -> String {
    fs::read_to_string(folder.join(path)).unwrap()
}

#[test]
fn what_was_renamed_is_mended_in_documents_and_comments_and_nowhere_else() {
    let app = "from shop import config\n\n# load_config is called at the start\nx = 1\n";
    let uses =
        "from shop import config\n\n# load_config has to be called\nconfig.load_config('x')\n";
    let folder = repository(&[
        ("shop/config.py", CONFIG),
        ("shop/app.py", app),
        ("shop/uses.py", uses),
        ("README.md", README),
        ("CHANGELOG.md", "- `load_config` is new\n"),
        ("vendor/README.md", "`load_config`\n"),
    ]);
    let changed = CONFIG
        .replace("load_config", "read_config")
        .replace("SHOP_URL", "STORE_URL")
        .replace("--port", "--listen");
    write(folder.path(), &[("shop/config.py", &changed)]);
    fs::set_permissions(
        folder.path().join("README.md"),
        fs::Permissions::from_mode(0o755),
    )
    .unwrap();
    let expected = [
        "docs.renamed README.md:3 Call `read_config(\"shop.toml\")`.",
        "docs.renamed README.md:5     shop --listen 8080 --host example",
        "docs.renamed README.md:7 Set STORE_URL and SHOP_KEY. The load_config of prose stays.",
        "docs.renamed shop/app.py:3 # read_config is called at the start",
    ];
    let output = review(folder.path(), &[]);
    assert_eq!(told(&json(&output)), expected);
    assert_eq!(status(&output), 0, "documents fail nothing");
    assert_eq!(
        read(folder.path(), "README.md"),
        README,
        "nobody asked for it"
    );
    let output = review(folder.path(), &["--fix-docs"]);
    assert_eq!(
        text(&output.stderr),
        "README.md: 3 lines mended\nshop/app.py: 1 line mended\n"
    );
    let mended = README
        .replace("`load_config", "`read_config")
        .replace("SHOP_URL", "STORE_URL")
        .replace("--port", "--listen");
    assert_eq!(read(folder.path(), "README.md"), mended);
    assert_eq!(
        read(folder.path(), "shop/app.py"),
        app.replace("load_config", "read_config")
    );
    let mode = fs::metadata(folder.path().join("README.md"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o755);
    assert_eq!(told(&json(&review(folder.path(), &[]))), [""; 0]);
    // The same is found where it was committed, by reading objects alone.
    commit(folder.path());
    assert_eq!(
        told(&json(&review(folder.path(), &["HEAD~1..HEAD"]))),
        [""; 0]
    );
}

#[test]
fn a_name_that_something_else_still_gives_is_left_alone() {
    let other = "import os\nurl = os.environ[\"SHOP_URL\"]\n";
    let folder = repository(&[
        ("shop/config.py", CONFIG),
        ("tools/other.py", other),
        ("README.md", README),
    ]);
    write(
        folder.path(),
        &[("shop/config.py", &CONFIG.replace("SHOP_URL", "STORE_URL"))],
    );
    assert_eq!(told(&json(&review(folder.path(), &[]))), [""; 0]);
}

#[test]
fn what_is_gone_is_named_without_a_replacement() {
    let readme = "Use `old_helper(3)` or `--port`.\n";
    let folder = repository(&[("shop/config.py", CONFIG), ("docs/use.rst", readme)]);
    let start = CONFIG.find("def old_helper").unwrap();
    let end = CONFIG.find("def url").unwrap();
    let changed = [&CONFIG[..start], &CONFIG[end..]].concat();
    write(folder.path(), &[("shop/config.py", &changed)]);
    assert_eq!(
        told(&json(&review(folder.path(), &[]))),
        ["docs.gone docs/use.rst:1 -"]
    );
    // Somebody still calls it, so it may well be there.
    write(folder.path(), &[("shop/late.py", "old_helper(1)\n")]);
    assert_eq!(told(&json(&review(folder.path(), &[]))), [""; 0]);
}

#[test]
fn a_new_flag_is_missed_where_the_others_are_documented() {
    let folder = repository(&[("shop/config.py", CONFIG), ("README.md", README)]);
    let more = CONFIG.replace(
        "    return parser\n",
        "    parser.add_argument(\"--workers\")\n    return parser\n",
    );
    write(folder.path(), &[("shop/config.py", &more)]);
    assert_eq!(
        told(&json(&review(folder.path(), &[]))),
        ["docs.unmentioned shop/config.py:25 -"]
    );
    write(
        folder.path(),
        &[("docs/flags.md", "`--workers N` starts more.\n")],
    );
    assert_eq!(told(&json(&review(folder.path(), &[]))), [""; 0]);
    // Where no flag is documented none is missed.
    let bare = repository(&[("shop/config.py", CONFIG), ("README.md", "# Shop\n")]);
    write(bare.path(), &[("shop/config.py", &more)]);
    assert_eq!(told(&json(&review(bare.path(), &[]))), [""; 0]);
}

#[test]
fn fixing_needs_the_working_tree_that_was_reviewed() {
    let folder = repository(&[("shop/config.py", CONFIG), ("README.md", README)]);
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("README.md"), README).unwrap();
    write(folder.path(), &[("docs/README.md", README)]);
    commit(folder.path());
    write(
        folder.path(),
        &[(
            "shop/config.py",
            &CONFIG.replace("load_config", "read_config"),
        )],
    );
    commit(folder.path());
    write(folder.path(), &[("x", "")]);
    commit(folder.path());
    let refused = review(folder.path(), &["HEAD~2..HEAD~1", "--fix-docs"]);
    assert_eq!(status(&refused), 64, "{}", text(&refused.stderr));
    assert!(text(&refused.stderr).contains("must end at what is checked out"));
    // A folder that became a link leads out of the repository.
    fs::remove_dir_all(folder.path().join("docs")).unwrap();
    std::os::unix::fs::symlink(outside.path(), folder.path().join("docs")).unwrap();
    let fixed = review(folder.path(), &["HEAD~2..HEAD", "--fix-docs"]);
    assert_eq!(
        text(&fixed.stderr),
        "README.md: 1 line mended\ndocs/README.md: 0 lines mended\n"
    );
    assert_eq!(
        fs::read_to_string(outside.path().join("README.md")).unwrap(),
        README
    );
}
