//! What the agent for documents finds: lines that use old names, lines that name what is gone, and names that no document has.

use super::{Edit, Gone, Mention, RenamedKind};
use crate::change::RepoPath;
use crate::finding::{Agent, Confidence, Finding, Location, Severity, Step, Suggestion, stem};
use crate::rule_text::RuleText;

/// A document uses a name that something certainly does not have any more.
pub const RENAMED: RuleText = RuleText {
    id: "docs.renamed",
    agent: Agent::Docs,
    severity: Severity::Low,
    confidence: Confidence::High,
    category: "drift",
    message: "a document uses the old name of something that the change renames",
    why: "Who follows this document looks for something that is not there any more.",
    fix: "Use the new name; `pullmill review --fix-docs` writes it.",
};

/// A document names something that is gone.
pub const GONE: RuleText = RuleText {
    id: "docs.gone",
    agent: Agent::Docs,
    severity: Severity::Low,
    confidence: Confidence::Medium,
    category: "stale",
    message: "a document names something that the change removes",
    why: "Nothing in the repository has this name any more, and the document still tells people to use it.",
    fix: "Take it out of the document, or say what to use instead.",
};

/// Something new that no document names, where its like is documented.
pub const UNMENTIONED: RuleText = RuleText {
    id: "docs.unmentioned",
    agent: Agent::Docs,
    severity: Severity::Info,
    confidence: Confidence::Medium,
    category: "documentation",
    message: "a new flag, variable or route is in no document, unlike its neighbours",
    why: "The others that this file gives are documented; nobody will find this one.",
    fix: "Name it where the others are named.",
};

/// A line that uses an old name, with the line that mends it.
#[must_use]
pub fn renamed(edit: &Edit) -> Finding {
    let (from, to) = (&edit.of.from, &edit.of.to);
    let message = match edit.of.kind {
        RenamedKind::File => {
            format!("`{from}` has moved to `{to}`, and this line uses the old place")
        }
        _ => format!("`{from}` is called `{to}` now, and this line uses the old name"),
    };
    let told = Step {
        location: line(&edit.of.path, edit.of.line, ""),
        message: format!("it is `{to}` here"),
    };
    Finding {
        message,
        path: vec![told],
        snippet: shown(&edit.before),
        fingerprint: stem(RENAMED.id, Some(edit.path.as_str()), &edit.before),
        suggestion: (!may_hold_secret(&edit.after)).then(|| Suggestion {
            line: edit.line,
            text: edit.after.clone(),
        }),
        ..RENAMED.finding(line(&edit.path, edit.line, &edit.before))
    }
}

/// A line that names what is gone.
#[must_use]
pub fn gone(mention: &Mention) -> Finding {
    let Gone { kind, name, path } = &mention.of;
    Finding {
        message: format!(
            "{} `{name}` is gone from `{path}`, and this line still names it",
            word(*kind)
        ),
        snippet: shown(&mention.text),
        fingerprint: stem(GONE.id, Some(mention.path.as_str()), &mention.text),
        ..GONE.finding(line(&mention.path, mention.line, &mention.text))
    }
}

/// A name that no document has.
#[must_use]
pub fn unmentioned(kind: RenamedKind, name: &str, path: &RepoPath, at: u32) -> Finding {
    Finding {
        message: format!(
            "{} `{name}` is new and in no document, unlike others of this file",
            word(kind)
        ),
        fingerprint: stem(UNMENTIONED.id, Some(name), ""),
        ..UNMENTIONED.finding(line(path, at, ""))
    }
}

fn word(kind: RenamedKind) -> &'static str {
    match kind {
        RenamedKind::Symbol => "the name",
        RenamedKind::File => "the file",
        RenamedKind::Flag => "the flag",
        RenamedKind::Variable => "the environment variable",
        RenamedKind::Key => "the key",
        RenamedKind::Route => "the route",
    }
}

fn line(path: &RepoPath, line: u32, text: &str) -> Location {
    let width = u32::try_from(text.chars().count()).unwrap_or(u32::MAX);
    Location {
        path: path.clone(),
        line,
        column: 1,
        end_line: line,
        end_column: width.saturating_add(1),
    }
}

/// A line as it may be shown. Documents around a change are not searched for secrets, so what may hold one is not shown at all.
fn shown(line: &str) -> String {
    match may_hold_secret(line) {
        true => String::new(),
        false => line.to_owned(),
    }
}

/// Words that stand before a secret.
const SECRETS: [&str; 6] = ["passw", "secret", "token", "apikey", "api_key", "api-key"];
/// Longer words of letters and digits may be a secret.
const LONGEST_WORD: usize = 16;

/// Whether a line may hold a secret: a login in an address, a value behind a telling name, or a long word of letters and digits.
fn may_hold_secret(line: &str) -> bool {
    let has_login = line.split("://").skip(1).any(|rest| {
        let host = rest.split(['/', ' ', '`']).next().unwrap_or_default();
        host.contains('@')
    });
    let lower = line.to_lowercase();
    let has_value = SECRETS.iter().any(|word| {
        lower.match_indices(word).any(|(at, _)| {
            let rest = lower[at..]
                .trim_start_matches(|next: char| next.is_alphanumeric() || "_-\"'`".contains(next));
            let rest = rest.trim_start();
            rest.strip_prefix(['=', ':'])
                .is_some_and(|value| !value.trim().is_empty())
        })
    });
    let is_of_word = |next: char| next.is_ascii_alphanumeric() || "+/=_-".contains(next);
    let has_key = line.split(|next| !is_of_word(next)).any(|word| {
        let digits = word.chars().filter(char::is_ascii_digit).count();
        let letters = word.chars().filter(char::is_ascii_alphabetic).count();
        word.len() >= LONGEST_WORD && digits >= 2 && letters >= 2
    });
    has_login || has_value || has_key
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_a_secret_is_not_shown() {
        for line in [
            "SHOP_URL=postgres://app:hunter2@db/shop",
            "export SHOP_PASSWORD='hunter2' # and `load_config`",
            "curl -H 'X-Api-Key: abc' # SHOP_URL",
            "`load_config(\"AKIA0123456789ABCDEF\")`",
        ] {
            assert_eq!(shown(line), "", "{line}");
        }
        for line in [
            "Call `load_config(\"shop.toml\")`.",
            "Set SHOP_URL and SHOP_TOKEN.",
            "    shop --port 8080 --host http://example.org/a@b",
        ] {
            assert_eq!(shown(line), line);
        }
    }
}
