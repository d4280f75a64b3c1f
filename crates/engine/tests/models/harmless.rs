//! Whether Markdown that is posted can do anything: checked on its raw text, as the programs that read comments see it.

/// Tags that our own pages have.
const TAGS: [&str; 9] = [
    "<details>",
    "</details>",
    "<summary>",
    "</summary>",
    "<code>",
    "</code>",
    "<br>",
    "<!-- -->",
    "<!-- pullmill",
];

/// Says what is wrong with a text, if anything is.
pub fn harm(text: &str) -> Option<String> {
    let mut prose = String::new();
    let mut fence: Option<String> = None;
    for line in text.lines() {
        if let Some(harm) = command(line) {
            return Some(harm);
        }
        let trimmed = line.trim_start();
        let ticks: String = trimmed.chars().take_while(|one| *one == '`').collect();
        match &fence {
            Some(open) if ticks.len() >= open.len() && trimmed.trim_end() == ticks => fence = None,
            Some(_) => {}
            None if ticks.len() >= 3 => fence = Some(ticks),
            None => {
                prose.push_str(&without_code(line));
                prose.push('\n');
            }
        }
    }
    if fence.is_some() {
        return Some("a fence is not closed".to_owned());
    }
    in_prose(&prose)
}

/// A line that another program would take for a command.
fn command(line: &str) -> Option<String> {
    let line = line.trim_start();
    let is_slash = line
        .strip_prefix('/')
        .is_some_and(|rest| rest.starts_with(|one: char| one.is_ascii_alphabetic()));
    let word = line
        .split_whitespace()
        .next()
        .unwrap_or_default()
        .to_lowercase();
    let is_bot = ["bors", "homu", "jenkins", "retest"].contains(&word.as_str());
    (is_slash || is_bot).then(|| format!("a command: {line}"))
}

/// A line without what stands in backticks or between tags of code: nothing is a mention or a link there.
fn without_code(line: &str) -> String {
    let mut pieces = line.split("<code>");
    let first = pieces.next().unwrap_or_default().to_owned();
    let rest = pieces.map(|piece| piece.split_once("</code>").map_or(piece, |(_, rest)| rest));
    let line = first + &rest.collect::<String>();
    let line = line.as_str();
    let mut out = String::new();
    let mut rest = line;
    while let Some(open) = rest.find('`') {
        let ticks = rest[open..].chars().take_while(|one| *one == '`').count();
        let fence = "`".repeat(ticks);
        out.push_str(&rest[..open]);
        let inside = &rest[open + ticks..];
        match inside.find(&fence) {
            Some(close) => rest = &inside[close + ticks..],
            None => {
                out.push_str(&fence);
                rest = inside;
            }
        }
    }
    out + rest
}

fn in_prose(prose: &str) -> Option<String> {
    let mut bare = prose.to_owned();
    for tag in TAGS {
        bare = bare.replace(tag, if tag == "<!-- -->" { "\u{1}" } else { "" });
    }
    // A sign of code that is written as its number.
    bare = bare.replace("&#96;", "");
    // Brackets and signs that are escaped are themselves.
    for sign in ["\\\\", "\\]", "\\[", "\\!"] {
        bare = bare.replace(sign, " ");
    }
    let found = |what: &str| bare.contains(what).then(|| format!("`{what}` in {bare}"));
    let bad = ["![", "](", "http://", "https://", "www.", "<"]
        .iter()
        .find_map(|what| found(what));
    bad.or_else(|| after(&bare, '@', |one| one.is_ascii_alphanumeric()))
        .or_else(|| after(&bare, '#', |one| one.is_ascii_digit()))
        .or_else(|| {
            let lower = bare.to_lowercase();
            let at = lower.find("gh-")?;
            lower[at + 3..]
                .starts_with(|one: char| one.is_ascii_digit())
                .then(|| format!("GH- in {bare}"))
        })
}

fn after(text: &str, sign: char, is: impl Fn(char) -> bool) -> Option<String> {
    let mut pieces = text.split(sign);
    pieces.next();
    let bad = pieces.find(|rest| rest.starts_with(&is));
    bad.map(|rest| {
        format!(
            "{sign}{} in {text}",
            rest.chars().take(20).collect::<String>()
        )
    })
}

#[test]
fn everything_that_could_do_something_is_seen() {
    for text in [
        "hello @octocat",
        "see #12",
        "GH-7",
        "![x](y)",
        "[x](y)",
        "<img src=x>",
        "https://evil.example",
        "www.evil.example",
        "a\n/approve",
        "  /lgtm",
        "bors r+",
        "```\n/merge\n```",
        "```\nnever closed",
        "a <b>c</b>",
    ] {
        assert!(harm(text).is_some(), "{text}");
    }
    for text in [
        "plain `@octocat` and `https://x`",
        "a @<!-- -->b",
        "```\n@octocat #12\n```",
        "1 < 2".replace('<', "&lt;").as_str(),
    ] {
        assert_eq!(harm(text), None, "{text}");
    }
}
