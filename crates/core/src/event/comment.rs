//! Commands in comments: a closed grammar, one line, no settings (CM1).

use crate::models::WithoutModel;

/// What a comment may ask for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Review now; only these agents' findings are said, if any are named.
    Review {
        /// Names of agents, in small letters; whether there are such is for the repository to say.
        agents: Vec<String>,
    },
    /// Review now, and say again what was said before.
    FullReview,
    /// Say what the risk is made of.
    ExplainRisk,
    /// Stop reviewing this pull request.
    Pause,
    /// Go on reviewing it.
    Resume,
    /// Set the finding of this conversation, or the one with this fingerprint, aside.
    Ignore {
        /// How its fingerprint begins; `None` in a conversation about it.
        finding: Option<String>,
        /// Why.
        reason: String,
    },
    /// Mark our conversations as settled.
    Resolve,
    /// Label the pull request with its risk.
    Labels,
    /// Mend the documents that the change has made untrue.
    Docs,
    /// Say in the description what changes, and keep it up to date.
    Describe,
    /// Show the settings that hold.
    Config,
    /// Show the commands.
    Help,
    /// Answer a question; only a model can.
    Ask {
        /// Whose view is wanted.
        agent: Option<String>,
        /// The question.
        question: String,
    },
    /// Suggest how lines get better; only a model can.
    Improve,
    /// Write the entry of a change log; only a model can.
    Changelog,
    /// Suggest tests that are missing; only a model can.
    Tests,
    /// What is not there yet.
    Missing(&'static str),
}

/// What may be done to a repository, least first.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Permission {
    /// Nothing.
    None,
    /// Read.
    Read,
    /// Write.
    Write,
    /// Everything.
    Admin,
}

impl Permission {
    /// One word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Read => "read",
            Self::Write => "write",
            Self::Admin => "admin",
        }
    }
}

/// A line that begins like a command and is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Misread {
    /// There is no such command.
    #[error("there is no command `{0}`")]
    Unknown(String),
    /// It takes nothing.
    #[error("`{0}` takes nothing after it")]
    Excess(&'static str),
    /// It asks nothing.
    #[error("`ask` needs a question: `/pullmill ask why is this safe?`")]
    NoQuestion,
    /// It does not say why.
    #[error(
        "`ignore` needs a reason: `/pullmill ignore -- why`, in the conversation about the finding"
    )]
    NoReason,
}

/// The built-in agents.
pub const AGENTS: [&str; 5] = ["security", "bugs", "architecture", "tests", "docs"];

/// How every command begins.
const PREFIX: &str = "/pullmill";
/// A longer line is no command.
const MAX_LINE: usize = 500;
/// Everything there is, with what it needs and what it does; the order of the help.
pub const COMMANDS: [(&str, Permission, &str); 17] = [
    (
        "review [agent…]",
        Permission::Write,
        "review now, drafts too",
    ),
    (
        "full-review",
        Permission::Write,
        "the same, and say again what was said before",
    ),
    ("explain-risk", Permission::Read, "what the risk is made of"),
    (
        "pause",
        Permission::Write,
        "stop reviewing this pull request",
    ),
    ("resume", Permission::Write, "go on"),
    (
        "ignore -- reason",
        Permission::Write,
        "set the finding of this conversation aside, with a reason that is shown",
    ),
    (
        "resolve",
        Permission::Write,
        "mark our conversations as settled",
    ),
    (
        "labels",
        Permission::Write,
        "label the pull request with its risk",
    ),
    (
        "describe",
        Permission::Write,
        "say in the description what changes, and keep it up to date",
    ),
    (
        "docs",
        Permission::Write,
        "mend documents that the change has made untrue, or suggest how",
    ),
    ("config", Permission::Read, "the settings that hold here"),
    ("help", Permission::Read, "this list"),
    (
        "ask [@agent] question",
        Permission::Write,
        "answer a question about the change, or about the line it is asked at; needs a model",
    ),
    (
        "improve",
        Permission::Write,
        "suggest how lines of the change get better; needs a model",
    ),
    (
        "tests",
        Permission::Write,
        "suggest tests that are missing; needs a model",
    ),
    (
        "changelog",
        Permission::Write,
        "write an entry for the change log; needs a model",
    ),
    (
        "replay",
        Permission::Admin,
        "for operators: `pullmill replay DELIVERY`",
    ),
];

/// The line of a comment that begins like a command, if its first line does.
#[must_use]
pub fn line(body: &str) -> Option<&str> {
    let line = body.trim_start().lines().next()?.trim_end();
    let rest = line.strip_prefix(PREFIX)?;
    let is_whole = rest.is_empty() || rest.starts_with([' ', '\t']);
    (is_whole && line.len() <= MAX_LINE).then_some(line)
}

/// Reads a command's line.
pub fn parse(line: &str) -> Result<Command, Misread> {
    let rest = line.strip_prefix(PREFIX).unwrap_or(line).trim();
    let (word, rest) = rest.split_once([' ', '\t']).unwrap_or((rest, ""));
    let rest = rest.trim();
    let alone = |word: &'static str, command: Command| match rest.is_empty() {
        true => Ok(command),
        false => Err(Misread::Excess(word)),
    };
    match word.to_ascii_lowercase().as_str() {
        "" | "help" => alone("help", Command::Help),
        "review" => Ok(Command::Review {
            agents: rest.split_whitespace().map(name).collect(),
        }),
        "full-review" => alone("full-review", Command::FullReview),
        "explain-risk" => alone("explain-risk", Command::ExplainRisk),
        "pause" => alone("pause", Command::Pause),
        "resume" => alone("resume", Command::Resume),
        "ignore" => ignore(rest),
        "resolve" => alone("resolve", Command::Resolve),
        "labels" => alone("labels", Command::Labels),
        "config" => alone("config", Command::Config),
        "describe" => alone("describe", Command::Describe),
        "improve" => alone("improve", Command::Improve),
        "ask" => ask(rest),
        "changelog" => alone("changelog", Command::Changelog),
        "tests" => alone("tests", Command::Tests),
        "docs" => alone("docs", Command::Docs),
        "approve" => Ok(Command::Missing("approve")),
        "deploy" => Ok(Command::Missing("deploy")),
        "replay" => Ok(Command::Missing("replay")),
        _ => Err(Misread::Unknown(word.chars().take(40).collect())),
    }
}

fn name(agent: &str) -> String {
    let agent = agent.trim_start_matches('@').to_lowercase();
    agent.chars().take(40).collect()
}

fn ask(rest: &str) -> Result<Command, Misread> {
    let (agent, question) = match rest.strip_prefix('@') {
        Some(named) => {
            let (agent, question) = named.split_once([' ', '\t']).unwrap_or((named, ""));
            (Some(name(agent)), question.trim())
        }
        None => (None, rest),
    };
    match question.is_empty() {
        true => Err(Misread::NoQuestion),
        false => Ok(Command::Ask {
            agent,
            question: question.to_owned(),
        }),
    }
}

fn ignore(rest: &str) -> Result<Command, Misread> {
    let (finding, reason) = rest.split_once("--").ok_or(Misread::NoReason)?;
    let (finding, reason) = (finding.trim(), reason.trim());
    if reason.is_empty() {
        return Err(Misread::NoReason);
    }
    Ok(Command::Ignore {
        finding: Some(finding.to_owned()).filter(|finding| !finding.is_empty()),
        reason: reason.to_owned(),
    })
}

impl Command {
    /// What its author must be allowed to do.
    #[must_use]
    pub fn needs(&self) -> Permission {
        match self {
            Self::ExplainRisk | Self::Config | Self::Help => Permission::Read,
            _ => Permission::Write,
        }
    }

    /// What becomes of it where no model can be asked; `None` if it never asks one.
    #[must_use]
    pub fn without_model(&self) -> Option<WithoutModel> {
        match self {
            Self::Ask { .. } | Self::Improve | Self::Changelog | Self::Tests => {
                Some(WithoutModel::Skip)
            }
            Self::Review { .. } | Self::FullReview | Self::Describe | Self::Docs => {
                Some(WithoutModel::StaticFallback)
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_first_line_is_a_command_or_there_is_none() {
        assert_eq!(line("/pullmill review\nmore"), Some("/pullmill review"));
        assert_eq!(line("\n  /pullmill help  "), Some("/pullmill help"));
        assert_eq!(line("please /pullmill review"), None);
        assert_eq!(line("/pullmillreview"), None);
        assert_eq!(line("> /pullmill review"), None);
        assert_eq!(line(&format!("/pullmill ask {}", "x".repeat(600))), None);
    }

    #[test]
    fn commands_are_read_and_nothing_else() {
        let read = |text: &str| parse(line(text).unwrap());
        assert_eq!(read("/pullmill"), Ok(Command::Help));
        let agents = vec!["security".to_owned()];
        assert_eq!(
            read("/pullmill review Security"),
            Ok(Command::Review { agents })
        );
        let agents = vec!["all".to_owned(), "docs".to_owned()];
        assert_eq!(
            read("/pullmill review all @docs"),
            Ok(Command::Review { agents })
        );
        assert_eq!(
            read("/pullmill pause --config.fail_on=low"),
            Err(Misread::Excess("pause"))
        );
        assert_eq!(read("/pullmill ignore"), Err(Misread::NoReason));
        assert_eq!(
            read("/pullmill ignore abc -- it is a test -- really"),
            Ok(Command::Ignore {
                finding: Some("abc".to_owned()),
                reason: "it is a test -- really".to_owned()
            })
        );
        assert_eq!(
            read("/pullmill reviw"),
            Err(Misread::Unknown("reviw".to_owned()))
        );
        let asks = |agent: Option<&str>, question: &str| {
            Ok(Command::Ask {
                agent: agent.map(str::to_owned),
                question: question.to_owned(),
            })
        };
        assert_eq!(read("/pullmill ask why?"), asks(None, "why?"));
        assert_eq!(
            read("/pullmill ask @Security is it safe?"),
            asks(Some("security"), "is it safe?")
        );
        assert_eq!(read("/pullmill ask @docs"), Err(Misread::NoQuestion));
        assert_eq!(read("/pullmill ask @root why"), asks(Some("root"), "why"));
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic_and_settings_are_never_taken(text in "(/pullmill )?[ -~\n\u{202e}é]{0,80}") {
            if let Some(line) = line(&text) {
                prop_assert!(line.starts_with("/pullmill"));
                let _ = parse(line);
            }
        }
    }
}
