//! What is answered to commands. Whatever others wrote is made harmless.

use std::collections::BTreeSet;

use crate::event::comment::{COMMANDS, Misread, Permission};
use crate::markdown::neutral::{code, prose};
use crate::policy::{FILE_NAME, Policy, Problem};
use crate::review::Unread;
use crate::risk::Risk;
use crate::verdict::Verdict;

/// All commands.
#[must_use]
pub fn help() -> String {
    let mut out = String::from("| command | needs | what |\n|---|---|---|\n");
    for (command, needs, what) in COMMANDS {
        let command = code(&format!("/pullmill {command}"));
        out.push_str(&format!("| {command} | {} | {what} |\n", needs.word()));
    }
    out.push_str("\nOne command in the first line of a comment. Settings stand in the repository, never in comments.");
    out
}

/// What is wrong with a command.
#[must_use]
pub fn misread(error: &Misread) -> String {
    format!(
        "{}. `/pullmill help` lists all commands.",
        prose(&sentence(&error.to_string()))
    )
}

/// Who asks may not.
#[must_use]
pub fn forbidden(needs: Permission, has: Permission) -> String {
    format!(
        "This command needs {} permission on this repository; you have {}.",
        needs.word(),
        has.word()
    )
}

/// What the risk is made of.
#[must_use]
pub fn explain_risk(verdict: &Verdict, risk: &Risk, head: &str) -> String {
    let mut out = format!(
        "**Risk {} of 100, {}**, at {}.\n\n",
        risk.score,
        risk.level.word(),
        code(head.get(..7).unwrap_or(head))
    );
    if risk.reasons.is_empty() {
        out.push_str("Nothing raises it: no finding, and no path that counts as risky.\n");
    }
    for reason in &risk.reasons {
        let is_floor = reason.name.starts_with("floor.");
        let sign = if is_floor { "at least " } else { "+" };
        out.push_str(&format!(
            "- {sign}{}: {} ({})\n",
            reason.points,
            prose(&reason.message),
            code(&reason.name)
        ));
    }
    out.push_str("\nThe verdict is ");
    out.push_str(verdict.outlook.word());
    out.push_str(":\n");
    for reason in &verdict.reasons {
        out.push_str(&format!("- {}\n", prose(reason)));
    }
    out
}

/// The settings that hold, or what is wrong with them.
#[must_use]
pub fn config(file: Option<&[u8]>) -> String {
    let Some(bytes) = file else {
        return format!(
            "There is no {} at the base, so the defaults hold. `pullmill config show` prints them.",
            code(FILE_NAME)
        );
    };
    match Policy::parse_bytes(bytes) {
        Ok(policy) => {
            let shown = policy.to_toml();
            let lines = shown
                .lines()
                .filter(|line| !line.starts_with('#') && !line.is_empty());
            let text: Vec<&str> = lines.collect();
            let block = fenced(&text.join("\n"));
            format!(
                "What holds, from {} at the base:\n\n{block}",
                code(FILE_NAME)
            )
        }
        Err(problems) => {
            let lines = problems
                .iter()
                .take(20)
                .map(|problem: &Problem| format!("- {}", prose(&problem.to_string())));
            let lines: Vec<String> = lines.collect();
            format!(
                "{} at the base has problems, so reviews are inconclusive:\n\n{}",
                code(FILE_NAME),
                lines.join("\n")
            )
        }
    }
}

/// What a command would need.
#[must_use]
pub fn needs_model(word: &str) -> String {
    format!(
        "{} needs a model, and none is set up here. `/pullmill help` lists what works without.",
        code(word)
    )
}

/// There is no agent of that name.
#[must_use]
pub fn no_agent(name: &str, names: &[String]) -> String {
    let names: Vec<String> = names.iter().map(|name| code(name)).collect();
    format!(
        "There is no agent {}; there are {}.",
        code(name),
        names.join(", ")
    )
}

/// What a model answered, which is Markdown that can do nothing, what it did not see, and in whose view it answered.
#[must_use]
pub fn words(markdown: &str, unread: &[Unread], views: &[&str]) -> String {
    let mut out = markdown.to_owned();
    let lines: u32 = unread.iter().map(Unread::count).sum();
    if lines > 0 {
        let files: BTreeSet<&str> = unread.iter().map(|one| one.path.as_str()).collect();
        let named: Vec<String> = files.iter().take(5).map(|path| code(path)).collect();
        let lines = count(usize::try_from(lines).unwrap_or(usize::MAX), "line");
        out.push_str(&format!(
            "\n\nNot seen by the model: {lines} of {}",
            named.join(", ")
        ));
        if files.len() > named.len() {
            out.push_str(&format!(" and {} more files", files.len() - named.len()));
        }
        out.push('.');
    }
    let views: Vec<String> = views.iter().map(|name| code(name)).collect();
    let views = match views.is_empty() {
        true => String::new(),
        false => format!(" in the view of {}", views.join(" and ")),
    };
    out.push_str(&format!(
        "\n\n_A model wrote this{views}; nobody has checked it._"
    ));
    out
}

/// Why a model gave no answer.
#[must_use]
pub fn no_answer(why: &str) -> String {
    format!("There is no answer: {}.", prose(why))
}

/// What is not there yet.
#[must_use]
pub fn missing(word: &str) -> String {
    match word {
        "replay" => "Deliveries are replayed by operators: `pullmill replay DELIVERY`.".to_owned(),
        word => format!("{} is not available here: no gate is set up.", code(word)),
    }
}

/// A finding that cannot be set aside.
#[must_use]
pub fn no_finding() -> String {
    "This conversation is about no finding. Answer to the comment of a finding, or name it: `/pullmill ignore FINGERPRINT -- reason`.".to_owned()
}

/// A finding that was set aside.
#[must_use]
pub fn declined(rule: &str, by: &str) -> String {
    format!(
        "{} is set aside here by {}, until its code changes. It stays listed, with the reason.",
        code(rule),
        code(by)
    )
}

/// A command that has nothing to be done about.
#[must_use]
pub fn nothing(what: &str) -> String {
    format!("There is nothing to do: {what}.")
}

/// What became of documents that somebody asked about.
#[must_use]
pub fn docs(lines: usize, files: usize, is_commit: bool) -> String {
    let (lines, files) = (count(lines, "line"), count(files, "document"));
    match is_commit {
        true => format!("A commit mends {lines} of {files}."),
        false => {
            format!("{lines} of {files} still use old names; comments say how they should read.")
        }
    }
}

fn count(number: usize, noun: &str) -> String {
    let s = if number == 1 { "" } else { "s" };
    format!("{number} {noun}{s}")
}

fn sentence(text: &str) -> String {
    let mut rest = text.chars();
    let first = rest.next().map(|first| first.to_ascii_uppercase());
    first.into_iter().chain(rest).collect()
}

/// A block that its text cannot close.
fn fenced(text: &str) -> String {
    let text = crate::escape::visible_lines(text).replace("```", "` ` `");
    let end = text.floor_char_boundary(20_000.min(text.len()));
    format!("```toml\n{}\n```", &text[..end])
}
