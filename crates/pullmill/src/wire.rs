//! The only place that names adapters of ports: turns places into an engine, and looks at stores.

pub mod address;
mod local;
pub mod models;
mod store;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use pullmill_adapters::clock::SystemClock;
use pullmill_adapters::forge::github::manifest::{self, CreateError};
use pullmill_adapters::forge::github::{App, GitHub};
use pullmill_adapters::forge::local::{LocalForge, Notes};
use pullmill_adapters::git::Repository;
use pullmill_core::effect::SendLaw;
use pullmill_core::id::WorkflowName;
use pullmill_core::pace::PaceLaw;
use pullmill_core::plan::Plan;
use pullmill_core::ports::clock::Clock;
use pullmill_engine::agents::Agent;
use pullmill_engine::agents::advise::Advisors;
use pullmill_engine::agents::cleanup::CleanupAgent;
use pullmill_engine::agents::command::CommandAgent;
use pullmill_engine::agents::docs::DocsAgent;
use pullmill_engine::agents::pull::PullAgent;
use pullmill_engine::agents::snippet::SnippetAgent;
use pullmill_engine::desk::{Desks, Models};
use pullmill_engine::effects::marker_key;
use pullmill_engine::{Engine, Forge, Ports, Settings, workflow};
use rustix::fs::Mode;

use crate::cli::{Failure, Status};
use crate::session::submitted::ChildReviews;
use address::Place;
use store::ports;

pub use local::Watched;
pub use pullmill_adapters::forge::github::manifest::Created;
pub use pullmill_adapters::forge::local::Request;
pub use store::{copy_records, examine, look_at};

/// The clocks of this machine.
#[must_use]
pub fn clock() -> Arc<dyn Clock> {
    Arc::new(SystemClock)
}

/// Keeps what this process makes from now on to the account it runs under: records hold other people's code.
pub fn keep_private() {
    rustix::process::umask(Mode::RWXG | Mode::RWXO);
}

/// Which forge.
#[derive(Clone, Debug)]
pub enum ForgeAddress {
    /// GitHub.
    GitHub(GitHubAddress),
    /// A git repository on this machine.
    Local(PathBuf),
}

/// Where GitHub is, and who we are there.
#[derive(Clone, Debug)]
pub struct GitHubAddress {
    /// Our App on GitHub.
    pub app: App,
    /// Whether writing is paced. Only a forge on this machine can do without.
    pub is_paced: bool,
    /// How long it may take to show what was made.
    pub stale: Duration,
    /// How often deliveries that failed are looked for.
    pub reconcile: Duration,
}

/// Opens a place and puts an engine on it. `reviews` is how many run at a time; without a forge no pull request is reviewed, and without models none is asked.
pub async fn engine(
    place: &Place,
    reviews: usize,
    forge: Option<ForgeAddress>,
    models: Option<Models>,
) -> Result<(Engine, Option<Watched>), Failure> {
    keep_private();
    let ports = ports(place).await?;
    let analyzer = Arc::new(ChildReviews::new(reviews));
    let blobs = Arc::clone(&ports.blobs);
    let advisors = models.map(|models| {
        let law = Settings::default().breaker;
        Advisors::new(Desks::new(models, ports.clone(), law), analyzer.clone())
    });
    let agent = SnippetAgent::new(analyzer.clone(), blobs);
    let agent: Arc<dyn Agent> = Arc::new(agent.with_models(advisors.clone()));
    let mut plans = vec![workflow::snippet_review()];
    let mut agents = vec![(workflow::static_agent(), agent)];
    let Some(address) = forge else {
        let engine = Engine::new(ports, Settings::default(), plans, agents);
        return Ok((engine, None));
    };
    let (forge, watched) = match address {
        ForgeAddress::GitHub(address) => (github(address, &ports).await?, None),
        ForgeAddress::Local(folder) => {
            let (forge, watched) = local_forge(&folder, place, &ports).await?;
            (forge, Some(watched))
        }
    };
    let agent = PullAgent::new(
        Arc::clone(&forge.read),
        analyzer,
        Arc::clone(&ports.blobs),
        forge.markers.clone(),
    );
    let agent: Arc<dyn Agent> = Arc::new(agent.with_models(advisors.clone()));
    plans.extend(forge_plans());
    let commands = CommandAgent::new(
        Arc::clone(&forge.read),
        Arc::clone(&ports.blobs),
        forge.markers.clone(),
    );
    let commands: Arc<dyn Agent> = Arc::new(commands.with_models(advisors.clone()));
    agents.push((workflow::command_agent(), commands));
    let docs = DocsAgent::new(
        Arc::clone(&forge.read),
        Arc::clone(&ports.blobs),
        forge.markers.clone(),
    );
    let docs: Arc<dyn Agent> = Arc::new(docs.with_models(advisors.clone()));
    agents.push((workflow::docs_agent(), docs));
    let cleanup: Arc<dyn Agent> = Arc::new(CleanupAgent::new(Arc::clone(&forge.read)));
    agents.push((workflow::cleanup_agent(), cleanup));
    agents.push((workflow::pull_agent(), agent));
    let engine = Engine::new(ports, Settings::default(), plans, agents).with_forge(forge);
    Ok((engine, watched))
}

/// What is run for a forge.
fn forge_plans() -> [Plan; 4] {
    [
        workflow::pull_review(),
        workflow::cleanup(),
        workflow::comment_command(),
        workflow::docs_update(),
    ]
}

/// The workflows that rules may start.
#[must_use]
pub fn forge_workflows() -> BTreeSet<WorkflowName> {
    forge_plans().map(|plan| plan.workflow).into()
}

/// Says who we are on a forge, as the forge sees it.
pub async fn introduce(address: ForgeAddress) -> Result<String, Failure> {
    match address {
        ForgeAddress::Local(folder) => {
            let opened = Repository::open(&folder);
            opened.map_err(|error| Failure::new(Status::NoInput, error))?;
            Ok(format!("{} is a repository", folder.display()))
        }
        ForgeAddress::GitHub(GitHubAddress { app, .. }) => {
            let id = app.id;
            let github = GitHub::new(app, clock());
            let github = github.map_err(|error| Failure::new(Status::Config, error))?;
            let slug = github.introduce().await;
            let slug = slug.map_err(|error| Failure::new(Status::Unavailable, error))?;
            Ok(format!("GitHub knows us as App {id}, {slug}"))
        }
    }
}

/// Has GitHub make an App of a form that was filled in.
pub async fn create_app(api: &str, code: &str) -> Result<Created, Failure> {
    let created = manifest::create(api, code, clock()).await;
    created.map_err(|error| {
        let status = match error {
            CreateError::Address(_) => Status::Usage,
            CreateError::Forge(_) => Status::Unavailable,
        };
        Failure::new(status, format_args!("the App was not made: {error}"))
    })
}

/// Where what is posted on a local forge is kept.
fn notes(place: &Place) -> Result<PathBuf, Failure> {
    match place.file() {
        Some(file) => Ok(address::beside(file, ".posted.json")),
        None => {
            let message = format!("{place} is shared; a local forge is for a file of one process");
            Err(Failure::new(Status::Usage, message))
        }
    }
}

/// What was posted on the pull requests of a local forge.
pub fn posted(place: &Place) -> Result<Vec<(u64, Request)>, Failure> {
    let notes = Notes::open(&notes(place)?).map_err(|error| Failure::new(Status::Io, error))?;
    let requests = notes.requests();
    Ok(requests
        .map(|(number, request)| (number, request.clone()))
        .collect())
}

async fn local_forge(
    folder: &Path,
    place: &Place,
    ports: &Ports,
) -> Result<(Forge, Watched), Failure> {
    let forge = LocalForge::open(folder, &notes(place)?);
    let forge = Arc::new(forge.map_err(|error| Failure::new(Status::NoInput, error))?);
    let markers = marker_key(ports).await;
    let opened = Forge {
        read: forge.clone(),
        write: forge.clone(),
        markers: markers.map_err(|error| Failure::new(Status::Io, error))?,
        send: SendLaw {
            // It shows at once what was posted.
            stale: Duration::ZERO,
            ..SendLaw::default()
        },
        pace: PaceLaw::none(),
        reconcile: Duration::ZERO,
    };
    Ok((opened, Watched(forge)))
}

async fn github(address: GitHubAddress, ports: &Ports) -> Result<Forge, Failure> {
    let github = GitHub::new(address.app, Arc::clone(&ports.clock));
    let github = Arc::new(github.map_err(|error| Failure::new(Status::Config, error))?);
    let usual = SendLaw::default();
    let spares = address.is_paced && address.stale >= usual.stale;
    if !spares && !github.is_loopback() {
        let message = "--github-pacing off and a shorter --github-stale are for a GitHub on this machine: others would ban us";
        return Err(Failure::new(Status::Usage, message));
    }
    let send = SendLaw {
        stale: address.stale,
        ..usual
    };
    let pace = match address.is_paced {
        true => PaceLaw::default(),
        false => PaceLaw::none(),
    };
    let markers = marker_key(ports).await;
    Ok(Forge {
        read: github.clone(),
        write: github,
        markers: markers.map_err(|error| Failure::new(Status::Io, error))?,
        send,
        pace,
        reconcile: address.reconcile,
    })
}
