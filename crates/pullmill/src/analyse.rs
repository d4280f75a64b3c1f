//! The analysis child: limits itself, then answers jobs from standard input until it ends. It reads no file and no environment.

mod limits;

use std::io::{self, Read, Write};
use std::process::ExitCode;

use pullmill_adapters::analyzer::child::frame::{self, Frame, FrameError};
use pullmill_adapters::analyzer::child::message::{Answer, Request};
use pullmill_analysis::analyser::Analyser;

/// The reviewer reads no files that large, so a longer request is a mistake.
const MAX_REQUEST: u64 = 256 << 20;

/// Runs the child to its end.
pub fn run() -> ExitCode {
    let mut input = io::stdin().lock();
    let mut output = io::stdout().lock();
    match serve(&mut input, &mut output) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nobody listens when the reviewer started it; somebody who typed the command should learn something.
            let _ = writeln!(io::stderr(), "pullmill __analyse: {error}");
            ExitCode::from(70)
        }
    }
}

fn serve(input: &mut impl Read, output: &mut impl Write) -> Result<(), FrameError> {
    let limited = limits::apply();
    let Some(first) = frame::read(input, MAX_REQUEST)? else {
        return Ok(());
    };
    let analyser = match limited.and_then(|()| set_up(&first)) {
        Ok(analyser) => analyser,
        Err(problems) => return frame::write(output, &Answer::Refused(problems), &[]),
    };
    frame::write(output, &Answer::Ready, &[])?;
    while let Some(frame) = frame::read(input, MAX_REQUEST)? {
        let Request::Analyse(header) = frame.parse()? else {
            return Ok(());
        };
        limits::grant_processor_time();
        let number = header.number;
        let report = Box::new(analyser.analyse(&header.into_job(frame)));
        frame::write(output, &Answer::Report { number, report }, &[])?;
    }
    Ok(())
}

fn set_up(first: &Frame) -> Result<Analyser, Vec<String>> {
    match first.parse() {
        Ok(Request::SetUp(setup)) => Analyser::new(&setup),
        Ok(Request::Analyse(_)) => Err(vec!["a job came before the setup".to_owned()]),
        Err(error) => Err(vec![error.to_string()]),
    }
}
