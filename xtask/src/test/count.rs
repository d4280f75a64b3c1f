//! Runs a test runner, shows what it prints, and counts its tests.

use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::process::{Command, ExitStatus, Stdio};
use std::thread;

use anyhow::{Context as _, Result};

/// Tests that passed and failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Passed.
    pub(crate) passed: u32,
    /// Failed.
    pub(crate) failed: u32,
}

/// Runs a command to its end; both of its streams are shown.
pub(super) fn run(command: &mut Command) -> Result<(ExitStatus, Counts)> {
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .context("cargo cannot be run")?;
    let stdout = child.stdout.take().context("no output")?;
    let stderr = child.stderr.take().context("no output")?;
    let other = thread::spawn(move || show(stderr));
    let mut counts = show(stdout);
    if let Ok(seen) = other.join() {
        counts.passed += seen.passed;
        counts.failed += seen.failed;
    }
    Ok((child.wait()?, counts))
}

fn show(stream: impl Read) -> Counts {
    let mut counts = Counts::default();
    let mut reader = BufReader::new(stream);
    let mut line = Vec::new();
    while reader
        .read_until(b'\n', &mut line)
        .is_ok_and(|read| read > 0)
    {
        let _ = std::io::stdout().write_all(&line);
        let seen = read(&String::from_utf8_lossy(&line));
        counts.passed += seen.passed;
        counts.failed += seen.failed;
        line.clear();
    }
    counts
}

/// What a summary line of `cargo test` or nextest says; nothing for other lines.
fn read(line: &str) -> Counts {
    let line = line.trim();
    if !line.starts_with("test result:") && !line.starts_with("Summary [") {
        return Counts::default();
    }
    let number = |word: &str| {
        let (before, _) = line.split_once(word)?;
        before
            .split([' ', ','])
            .rfind(|word| !word.is_empty())?
            .parse()
            .ok()
    };
    Counts {
        passed: number(" passed").unwrap_or(0),
        failed: number(" failed").unwrap_or(0) + number(" timed out").unwrap_or(0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn summaries_of_both_runners_are_counted() {
        let cases = [
            (
                "test result: FAILED. 25 passed; 1 failed; 0 ignored; 0 measured",
                (25, 1),
            ),
            (
                "     Summary [   0.014s] 26 tests run: 24 passed (1 slow), 2 failed, 0 skipped",
                (24, 2),
            ),
            (
                "     Summary [   0.014s] 26 tests run: 26 passed, 3 skipped",
                (26, 0),
            ),
            ("test foo ... ok", (0, 0)),
        ];
        for (line, (passed, failed)) in cases {
            assert_eq!(read(line), Counts { passed, failed }, "{line}");
        }
    }
}
