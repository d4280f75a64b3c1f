//! What the terminal can show. The only place besides the arguments where the environment is read, once.

use std::io::{self, IsTerminal};

use clap::ValueEnum;

/// When to use colour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// On a terminal, unless `NO_COLOR` is set or `TERM` is `dumb`.
    #[default]
    Auto,
    /// Yes.
    Always,
    /// No.
    Never,
}

/// What standard output and standard error can show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terminal {
    /// Whether the report may use colour.
    pub is_colored: bool,
    /// Whether progress may be drawn on standard error.
    pub shows_progress: bool,
    /// Columns of the report.
    pub width: usize,
}

/// Width of a report that no terminal shows.
const DEFAULT_WIDTH: usize = 100;

impl Terminal {
    /// Looks at the streams and the environment.
    #[must_use]
    pub fn look(color: Color) -> Self {
        let is_set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let is_dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        let is_terminal = io::stdout().is_terminal();
        Self {
            is_colored: match color {
                Color::Always => true,
                Color::Never => false,
                Color::Auto => is_terminal && !is_set("NO_COLOR") && !is_dumb,
            },
            shows_progress: io::stderr().is_terminal() && !is_dumb,
            width: if is_terminal {
                columns()
            } else {
                DEFAULT_WIDTH
            },
        }
    }
}

fn columns() -> usize {
    let size = rustix::termios::tcgetwinsize(io::stdout());
    match size {
        Ok(size) if size.ws_col > 0 => usize::from(size.ws_col),
        _ => DEFAULT_WIDTH,
    }
}
