//! `pullmill demo`: a pull request's life on a GitHub of our own, with a server that is killed in the middle of it.

mod sample;
mod server;
mod show;

use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use pullmill_core::ports::clock;
use pullmill_core::signature::Secrets;
use pullmill_core::time::Monotonic;
use pullmill_fakehub::{APP_KEY, Hub, Opened, Posted};

use super::failure::{Failure, Status};
use super::store::block_on;
use crate::wire;
use server::Server;

/// How long anything may take before the demo gives up.
const PATIENCE: Duration = Duration::from_secs(90);
const SECRET: &str = "a secret for this demo alone, which is over soon";

/// How to show.
#[derive(Debug, Args)]
pub struct DemoArgs {
    /// Stay up when all is shown, until Ctrl-C.
    #[arg(long)]
    keep: bool,
}

/// Shows a pull request's life.
pub fn run(args: &DemoArgs) -> Result<ExitCode, Failure> {
    let folder = tempfile::tempdir().map_err(|error| io(&error))?;
    let hub = Hub::start().map_err(|error| io(&error))?;
    let mut demo = Demo::begin(&hub, folder.path())?;
    demo.live()?;
    let is_good = demo.judge()?;
    if args.keep {
        say(&format!(
            "\nThe server listens on http://{}, the fake GitHub on {}. Ctrl-C ends both.",
            demo.server.address,
            hub.api()
        ));
        block_on(async {
            let _ = tokio::signal::ctrl_c().await;
            Ok(())
        })?;
    }
    demo.server.end();
    Ok(if is_good {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(1)
    })
}

struct Demo<'a> {
    hub: &'a Hub,
    folder: &'a Path,
    server: Server,
    pull: Opened,
    begun: Monotonic,
}

impl<'a> Demo<'a> {
    fn begin(hub: &'a Hub, folder: &'a Path) -> Result<Self, Failure> {
        for (name, text) in [("secret", SECRET), ("app.pem", APP_KEY)] {
            std::fs::write(folder.join(name), text).map_err(|error| io(&error))?;
        }
        let repo = hub.make_repo("acme/shop", sample::BASE);
        let server = Server::start(folder, &hub.api())?;
        let demo = Self {
            begun: wire::clock().monotonic(),
            pull: hub.open(repo, sample::TITLE, sample::OPENED),
            hub,
            folder,
            server,
        };
        demo.aim()?;
        Ok(demo)
    }

    /// Has webhooks sent to where the server listens now.
    fn aim(&self) -> Result<(), Failure> {
        let secrets = Secrets::new(vec![SECRET.as_bytes().to_vec()], false);
        let secrets = secrets.map_err(|error| Failure::new(Status::Internal, error))?;
        let url = format!("http://{}/webhook", self.server.address);
        self.hub.send_webhooks_to(&url, secrets);
        Ok(())
    }

    fn live(&mut self) -> Result<(), Failure> {
        self.tell("A pull request is opened.");
        self.deliver()?;
        self.wait_until("the review is posted", |posted| {
            is_reviewed(posted) && posted.lines.len() == 2
        })?;
        self.tell("The author pushes. The server answers, and is killed at once.");
        self.hub.push(self.pull, sample::SECOND);
        self.deliver()?;
        self.server.kill();
        self.tell("GitHub sends the same webhook again: nobody answers.");
        let last = self.hub.deliveries().len() - 1;
        self.expect(last, 0)?;
        self.server = Server::start(self.folder, &self.hub.api())?;
        self.aim()?;
        self.tell("The server is back. GitHub sends it once more: the server has it already.");
        self.expect(last, 200)?;
        self.wait_until("the second push is reviewed", is_reviewed)?;
        self.tell("The author mends what was found, and pushes again.");
        self.hub.push(self.pull, sample::MENDED);
        self.deliver()?;
        self.wait_until(
            "the mended code is reviewed and its conversations are settled",
            |posted| {
                is_reviewed(posted)
                    && posted.lines.iter().filter(|line| line.is_resolved).count() == 2
            },
        )?;
        self.tell("All webhooks so far are sent twice more.");
        for number in 0..self.hub.deliveries().len() {
            for _ in 0..2 {
                self.hub.deliver(number);
            }
        }
        Ok(())
    }

    /// Sends what was not sent yet; every webhook has to be taken.
    fn deliver(&self) -> Result<(), Failure> {
        for status in self.hub.deliver_all() {
            if !matches!(status, 200 | 202) {
                return Err(unexpected(&format!("a webhook was answered with {status}")));
            }
        }
        Ok(())
    }

    fn expect(&self, delivery: usize, wanted: u16) -> Result<(), Failure> {
        match self.hub.deliver(delivery) {
            status if status == wanted => Ok(()),
            status => Err(unexpected(&format!(
                "the webhook was answered with {status}, not {wanted}"
            ))),
        }
    }

    fn posted(&self) -> Result<Posted, Failure> {
        let posted = self.hub.posted(self.pull);
        posted.ok_or_else(|| unexpected("the pull request is gone"))
    }

    fn wait_until(&self, what: &str, is_so: impl Fn(&Posted) -> bool) -> Result<(), Failure> {
        let clock = wire::clock();
        let end = clock.monotonic() + PATIENCE;
        while clock.monotonic() < end {
            if is_so(&self.posted()?) {
                self.tell(&format!("Now {what}."));
                return Ok(());
            }
            pause(Duration::from_millis(20))?;
        }
        Err(unexpected(&format!("{what}: that did not happen")))
    }

    fn tell(&self, text: &str) {
        let since = wire::clock().monotonic().0.saturating_sub(self.begun.0);
        say(&format!("\n[{:6.2} s] {text}", since.as_secs_f64()));
    }

    /// Shows what stands on the pull request, and whether everything is there once.
    fn judge(&self) -> Result<bool, Failure> {
        let posted = self.posted()?;
        say(&show::page(&posted));
        let checks = self.hub.checks(self.pull.repo);
        let facts = show::facts(&posted, &checks, &self.hub.asked());
        say("What is there:");
        let mut is_good = true;
        for (is_so, fact) in facts {
            is_good &= is_so;
            say(&format!("  {} {fact}", if is_so { "✓" } else { "✗" }));
        }
        Ok(is_good)
    }
}

/// Whether the present head has its check and the summary speaks of it.
fn is_reviewed(posted: &Posted) -> bool {
    let speaks = |body: &str| body.contains(&format!("Reviewed at {}", posted.head));
    !posted.checks.is_empty() && posted.comments.iter().any(|comment| speaks(&comment.body))
}

fn pause(time: Duration) -> Result<(), Failure> {
    block_on(async {
        clock::sleep(&*wire::clock(), time).await;
        Ok(())
    })
}

fn say(text: &str) {
    let _ = writeln!(anstream::stdout(), "{text}");
}

fn io(error: &std::io::Error) -> Failure {
    Failure::new(Status::Io, error)
}

fn unexpected(message: &str) -> Failure {
    Failure::new(Status::Internal, message)
}
