//! A progress bar on standard error: only on a terminal, and only when the work takes long enough to wonder.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use pullmill_engine::consult::Listener;

/// Work shorter than this shows nothing.
const PATIENCE: Duration = Duration::from_millis(300);

/// Shows how far the analysis is.
#[derive(Debug)]
pub struct Progress {
    started: Instant,
    is_shown: bool,
    bar: OnceLock<ProgressBar>,
}

impl Progress {
    /// Shows nothing yet; nothing ever if `is_shown` is false.
    #[must_use]
    pub fn new(is_shown: bool) -> Self {
        Self {
            started: Instant::now(),
            is_shown,
            bar: OnceLock::new(),
        }
    }

    /// So many files of so many are done.
    pub fn report(&self, done: usize, total: usize) {
        if !self.is_shown || self.started.elapsed() < PATIENCE {
            return;
        }
        let bar = self.bar.get_or_init(|| bar(total as u64));
        bar.set_length(total as u64);
        // Reports of several workers may overtake each other.
        bar.set_position(bar.position().max(done as u64));
    }

    /// Takes the bar away.
    pub fn finish(&self) {
        if let Some(bar) = self.bar.get() {
            bar.finish_and_clear();
        }
    }
}

fn bar(total: u64) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr_with_hz(10));
    match ProgressStyle::with_template("reviewing {bar:32} {pos}/{len} files") {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

/// Shows how far the answers of models have come.
#[derive(Debug)]
pub struct Asking {
    bar: Option<ProgressBar>,
}

impl Asking {
    /// Shows nothing ever if `is_shown` is false.
    #[must_use]
    pub fn new(is_shown: bool) -> Self {
        let bar = is_shown.then(|| {
            let target = ProgressDrawTarget::stderr_with_hz(10);
            let bar = ProgressBar::with_draw_target(None, target);
            let template = "asking models: {msg} of {prefix} answered, {bytes} so far {spinner}";
            match ProgressStyle::with_template(template) {
                Ok(style) => bar.with_style(style),
                Err(_) => bar,
            }
        });
        Self { bar }
    }

    /// Takes the line away.
    pub fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

impl Listener for Asking {
    fn begin(&self, questions: usize) {
        if let Some(bar) = &self.bar {
            bar.set_prefix(questions.to_string());
            bar.set_message("0");
        }
    }

    fn received(&self, bytes: usize) {
        if let Some(bar) = &self.bar {
            bar.inc(bytes as u64);
        }
    }

    fn done(&self) {
        if let Some(bar) = &self.bar {
            let done: u32 = bar.message().parse().unwrap_or(0);
            bar.set_message((done + 1).to_string());
        }
    }
}
