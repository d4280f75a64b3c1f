//! What a review of a change looks like in each language: the pages under `docs/languages` are what the program prints.
//! Where one is not, the test leaves what is printed now beside the test's other files and says where.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::{command, git, repository, text, write};

/// The changes that are shown: name, words and the labelled cases that are one change together.
const PAGES: [(&str, &str, &[&str]); 15] = [
    (
        "bash",
        "Shell",
        &[
            "bash/eval-of-argument",
            "bash/installer-piped",
            "bash/clean-variable-that-must-be-there",
        ],
    ),
    (
        "c",
        "C",
        &[
            "c/log-line-as-format",
            "c/name-copied-without-size",
            "c/clean-realloc-kept-apart",
        ],
    ),
    (
        "cpp",
        "C++",
        &[
            "cpp/caught-by-value",
            "cpp/token-from-rand",
            "cpp/clean-owned-by-unique-ptr",
        ],
    ),
    (
        "csharp",
        "C#",
        &[
            "csharp/orders-sorted-by-request",
            "csharp/report-by-model",
            "csharp/clean-own-addresses",
        ],
    ),
    (
        "go",
        "Go",
        &[
            "go/bug-lock-kept-on-early-return",
            "go/sprintf-query-from-struct-field",
            "go/clean-upload-base-name",
        ],
    ),
    (
        "java",
        "Java",
        &[
            "java/zip-slip-plugin-install",
            "java/bug-reader-never-closed",
            "java/clean-encoded-output",
        ],
    ),
    (
        "javascript",
        "JavaScript",
        &[
            "javascript/search-page-from-array",
            "javascript/bug-foreach-with-async-callback",
            "javascript/clean-redirect-to-known-pages",
        ],
    ),
    (
        "kotlin",
        "Kotlin",
        &[
            "kotlin/notes-by-concatenation",
            "kotlin/wait-in-coroutine",
            "kotlin/clean-crypto",
        ],
    ),
    (
        "php",
        "PHP",
        &[
            "php/report-through-helper",
            "php/return-after-login",
            "php/clean-template-escapes",
        ],
    ),
    (
        "python",
        "Python",
        &[
            "python/sql-helper-builds-where",
            "python/bug-missing-await",
            "python/ssrf-link-preview",
        ],
    ),
    (
        "ruby",
        "Ruby",
        &[
            "ruby/order-by-helper",
            "ruby/log-file-by-name",
            "ruby/clean-own-redirects",
        ],
    ),
    (
        "rust",
        "Rust",
        &["rust/query-by-format", "rust/length-in-two-bytes"],
    ),
    (
        "scala",
        "Scala",
        &[
            "scala/users-by-text",
            "scala/waits-for-ever",
            "scala/clean-random",
        ],
    ),
    (
        "swift",
        "Swift",
        &[
            "swift/notes-by-text",
            "swift/config-by-force",
            "swift/clean-keychain",
        ],
    ),
    (
        "typescript",
        "TypeScript",
        &[
            "typescript/sequelize-order-in-class-field",
            "typescript/bug-find-result-not-checked",
            "typescript/clean-session-cookie-flags",
        ],
    ),
];

/// One side of a labelled change: its files by path.
type Files = BTreeMap<String, String>;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Both sides of a labelled case.
fn sides(case: &str) -> (Files, Files) {
    let whole = fs::read_to_string(root().join(format!("eval/{case}.case"))).unwrap();
    let (mut base, mut head) = (Files::new(), Files::new());
    let mut open: Option<(bool, String)> = None;
    for line in whole.split_inclusive('\n') {
        let name = line
            .trim_end()
            .strip_prefix("-- ")
            .and_then(|rest| rest.strip_suffix(" --"));
        if let Some((side, path)) = name.and_then(|name| name.split_once('/')) {
            let files = if side == "head" { &mut head } else { &mut base };
            files.insert(path.to_owned(), String::new());
            open = Some((side == "head", path.to_owned()));
        } else if let Some((is_head, path)) = &open {
            let files = if *is_head { &mut head } else { &mut base };
            files.get_mut(path).unwrap().push_str(line);
        }
    }
    (base, head)
}

fn pairs(files: &Files) -> Vec<(&str, &str)> {
    files
        .iter()
        .map(|(path, text)| (path.as_str(), text.as_str()))
        .collect()
}

/// The page of one language.
fn page(name: &str, cases: &[&str]) -> String {
    let (mut base, mut head) = (Files::new(), Files::new());
    for case in cases {
        let (before, after) = sides(case);
        for (all, own) in [(&mut base, before), (&mut head, after)] {
            for (path, text) in own {
                let other = all.insert(path, text);
                assert!(other.is_none(), "{case} has a file of another case");
            }
        }
    }
    let folder = repository(&[&[("README.md", "# Shop\n")][..], &pairs(&base)].concat());
    for path in base.keys().filter(|path| !head.contains_key(*path)) {
        fs::remove_file(folder.path().join(path)).unwrap();
    }
    write(folder.path(), &pairs(&head));
    git(folder.path(), &["add", "-A"]);
    let shown = |format: &str| {
        let output = command(folder.path(), &["--staged", "--format", format])
            .output()
            .unwrap();
        text(&output.stdout).trim_end().to_owned()
    };
    let diff = text(&git(
        folder.path(),
        &[
            "-c",
            "core.abbrev=7",
            "diff",
            "--cached",
            "--no-color",
            "--no-ext-diff",
        ],
    ));
    let diff: Vec<&str> = diff
        .lines()
        .filter(|line| !line.starts_with("index "))
        .collect();
    format!(
        "# {name}\n\nA change, and what `pullmill review --staged` says of it: in a terminal, and as it is posted. \
         A test writes this page.\n\n## The change\n\n````diff\n{}\n````\n\n## In a terminal\n\n````text\n{}\n````\n\n\
         ## As it is posted\n\n````markdown\n{}\n````\n",
        diff.join("\n"),
        shown("text"),
        shown("markdown")
    )
}

#[test]
fn the_pages_of_languages_are_what_is_printed() {
    let now = Path::new(env!("CARGO_TARGET_TMPDIR")).join("languages");
    fs::create_dir_all(&now).unwrap();
    let mut stale = Vec::new();
    for (file, name, cases) in PAGES {
        let file = format!("{file}.md");
        let page = page(name, cases);
        let kept = fs::read_to_string(root().join("docs/languages").join(&file));
        if kept.unwrap_or_default() != page {
            fs::write(now.join(&file), &page).unwrap();
            stale.push(file);
        }
    }
    assert!(
        stale.is_empty(),
        "docs/languages: {stale:?} say something else than {}",
        now.display()
    );
}
