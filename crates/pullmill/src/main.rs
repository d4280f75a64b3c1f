//! The executable: hands the command line to `cli`, or becomes the analysis child.

mod analyse;
mod cli;
mod eval;
mod http;
mod owner;
mod progress;
mod render;
mod sarif;
mod server;
mod session;
mod telemetry;
mod terminal;
mod wire;

use std::process::ExitCode;

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    if arguments.next().is_some_and(|first| first == "__analyse") && arguments.next().is_none() {
        return analyse::run();
    }
    cli::run()
}
