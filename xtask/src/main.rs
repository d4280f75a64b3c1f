//! Tasks of the repository: checks, generated documents, and the one test command.

mod bench;
mod docs;
mod real_changes;
mod root;
mod test;
mod tidy;

use std::process::ExitCode;

const USAGE: &str = "usage: cargo xtask <task>

tasks:
  test [STAGE…]    everything that must hold, or only some stages; docs/ci.md lists them
  servers COMMAND… run a command beside the servers that tests need
  tidy             crate directions, licences, file names and headers, links
  bench [NAME…] [--check]
                   how fast the reviewer is; docs/performance.md explains the figures
  real-changes     reviews releases of public packages; docs/performance.md explains it
  docs [--check]   write the generated documents, or say which are out of date
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let result = match words.as_slice() {
        ["test", stages @ ..] => test::run(stages),
        ["servers", program, arguments @ ..] => test::servers::run(program, arguments),
        ["tidy"] => tidy::run(),
        ["bench", arguments @ ..] => bench::run(arguments),
        ["__bare-receiver", path] => bench::bare::serve(std::path::Path::new(path)),
        ["real-changes"] => real_changes::run(),
        ["docs"] => docs::write(),
        ["docs", "--check"] => docs::check(),
        _ => {
            eprint!("{USAGE}");
            return ExitCode::from(64);
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
