//! The only place that names adapters of ports: turns places into an engine, and looks at stores.

pub mod address;
mod local;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

#[cfg(feature = "aws")]
use pullmill_adapters::aws;
use pullmill_adapters::blob::folder::FolderBlobs;
#[cfg(feature = "aws")]
use pullmill_adapters::blob::s3::S3Blobs;
#[cfg(feature = "postgres")]
use pullmill_adapters::clock::ServerClock;
use pullmill_adapters::clock::SystemClock;
use pullmill_adapters::forge::github::manifest::{self, CreateError};
use pullmill_adapters::forge::github::{App, GitHub};
use pullmill_adapters::forge::local::{LocalForge, Notes};
use pullmill_adapters::git::Repository;
#[cfg(feature = "aws")]
use pullmill_adapters::store::dynamodb::DynamoStore;
#[cfg(feature = "postgres")]
use pullmill_adapters::store::postgres::{self, PostgresStore};
use pullmill_adapters::store::sqlite::{self, OpenError, SqliteStore};
use pullmill_core::effect::SendLaw;
use pullmill_core::id::WorkflowName;
use pullmill_core::pace::PaceLaw;
use pullmill_core::plan::Plan;
use pullmill_core::ports::blob::Blobs;
use pullmill_core::ports::clock::Clock;
use pullmill_core::ports::queue::Queue;
use pullmill_core::ports::store::Store;
use pullmill_engine::agents::Agent;
use pullmill_engine::agents::cleanup::CleanupAgent;
use pullmill_engine::agents::command::CommandAgent;
use pullmill_engine::agents::docs::DocsAgent;
use pullmill_engine::agents::pull::PullAgent;
use pullmill_engine::agents::snippet::SnippetAgent;
use pullmill_engine::effects::marker_key;
use pullmill_engine::{Engine, Forge, Ports, Settings, workflow};
use rustix::fs::Mode;

use crate::cli::{Failure, Status};
use crate::session::submitted::ChildReviews;
use address::{BlobAddress, Place, StoreAddress};

pub use local::Watched;
pub use pullmill_adapters::forge::github::manifest::Created;
pub use pullmill_adapters::forge::local::Request;

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

/// Opens a place and puts an engine on it. `reviews` is how many run at a time; without a forge no pull request is reviewed.
pub async fn engine(
    place: &Place,
    reviews: usize,
    forge: Option<ForgeAddress>,
) -> Result<(Engine, Option<Watched>), Failure> {
    keep_private();
    let ports = ports(place).await?;
    let analyzer = Arc::new(ChildReviews::new(reviews));
    let blobs = Arc::clone(&ports.blobs);
    let agent: Arc<dyn Agent> = Arc::new(SnippetAgent::new(analyzer.clone(), blobs));
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
    let agent: Arc<dyn Agent> = Arc::new(PullAgent::new(
        Arc::clone(&forge.read),
        analyzer,
        Arc::clone(&ports.blobs),
        forge.markers.clone(),
    ));
    plans.extend(forge_plans());
    let commands: Arc<dyn Agent> = Arc::new(CommandAgent::new(
        Arc::clone(&forge.read),
        Arc::clone(&ports.blobs),
        forge.markers.clone(),
    ));
    agents.push((workflow::command_agent(), commands));
    let docs: Arc<dyn Agent> = Arc::new(DocsAgent::new(
        Arc::clone(&forge.read),
        Arc::clone(&ports.blobs),
        forge.markers.clone(),
    ));
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

async fn ports(place: &Place) -> Result<Ports, Failure> {
    let blobs = blobs(&place.blobs).await?;
    match &place.records {
        StoreAddress::Sqlite(path) => {
            let store = SqliteStore::open(path, clock()).map_err(|error| failure(&error))?;
            Ok(on(Arc::new(store), blobs, clock()))
        }
        #[cfg(feature = "postgres")]
        StoreAddress::Postgres(address) => {
            let (store, clock) = open_postgres(address).await?;
            Ok(on(store, blobs, clock))
        }
        #[cfg(feature = "aws")]
        StoreAddress::DynamoDb(table) => Ok(on(open_dynamodb(table).await?, blobs, clock())),
        #[cfg(not(feature = "postgres"))]
        StoreAddress::Postgres(_) => Err(not_built("Postgres", "postgres")),
        #[cfg(not(feature = "aws"))]
        StoreAddress::DynamoDb(_) => Err(not_built("DynamoDB", "aws")),
    }
}

/// A store that is also its queue.
fn on<S: Store + Queue + 'static>(
    store: Arc<S>,
    blobs: Arc<dyn Blobs>,
    clock: Arc<dyn Clock>,
) -> Ports {
    Ports {
        store: store.clone(),
        queue: store,
        blobs,
        clock,
    }
}

async fn blobs(address: &BlobAddress) -> Result<Arc<dyn Blobs>, Failure> {
    match address {
        BlobAddress::Folder(path) => Ok(Arc::new(FolderBlobs::new(path.clone()))),
        #[cfg(feature = "aws")]
        BlobAddress::S3 { bucket, prefix } => {
            let configuration = aws::configuration().await;
            let blobs = S3Blobs::new(&configuration, bucket, prefix);
            blobs.check().await.map_err(|error| {
                let message = format!("the bucket {bucket} cannot be used: {error}");
                Failure::new(Status::Unavailable, message)
            })?;
            Ok(Arc::new(blobs))
        }
        #[cfg(not(feature = "aws"))]
        BlobAddress::S3 { .. } => Err(not_built("S3", "aws")),
    }
}

/// What to tell somebody whose program lacks a back end.
#[cfg(not(all(feature = "postgres", feature = "aws")))]
fn not_built(what: &str, feature: &str) -> Failure {
    Failure::new(
        Status::Config,
        format_args!(
            "this pullmill was built without {what}; build it with `--features {feature}`"
        ),
    )
}

#[cfg(feature = "aws")]
async fn open_dynamodb(table: &str) -> Result<Arc<DynamoStore>, Failure> {
    let configuration = aws::configuration().await;
    let opened = DynamoStore::open(&configuration, table, clock()).await;
    opened.map(Arc::new).map_err(|error| {
        Failure::new(
            Status::Unavailable,
            format_args!("the table {table} cannot be used: {error}"),
        )
    })
}

/// A database, and the clock that all who use it share.
#[cfg(feature = "postgres")]
async fn open_postgres(address: &str) -> Result<(Arc<PostgresStore>, Arc<ServerClock>), Failure> {
    let clock = Arc::new(ServerClock::default());
    let opened = PostgresStore::open(address, clock.clone(), Some(Arc::clone(&clock))).await;
    let store = opened.map_err(|error| {
        let status = match error {
            postgres::OpenError::Address(_) => Status::Usage,
            postgres::OpenError::Failed(_) => Status::Unavailable,
            postgres::OpenError::NotDurable { .. } | postgres::OpenError::Encoding(_) => {
                Status::Config
            }
            postgres::OpenError::Newer { .. } => Status::Data,
        };
        Failure::new(status, error)
    })?;
    Ok((Arc::new(store), clock))
}

/// Copies the records of a file as they are at one moment, whoever works on it.
pub fn copy_records(from: &Path, to: &Path) -> Result<(), Failure> {
    sqlite::copy(from, to).map_err(|error| {
        Failure::new(
            Status::Io,
            format_args!("the records cannot be copied: {error}"),
        )
    })
}

/// Reads all of a file that nobody else has; says what is wrong with it, and how long a durable write takes.
pub async fn examine(path: &Path) -> Result<(Vec<String>, Duration), Failure> {
    let unusable =
        |error| Failure::new(Status::Io, format_args!("the file cannot be used: {error}"));
    let store = SqliteStore::open(path, clock()).map_err(|error| failure(&error))?;
    let problems = store.examine().await.map_err(unusable)?;
    let begun = Instant::now();
    store.check().await.map_err(unusable)?;
    Ok((problems, begun.elapsed()))
}

/// Looks at a store that many share: says what it is, and how long a durable write takes.
pub async fn look_at(place: &Place) -> Result<(String, Duration), Failure> {
    let ports = ports(place).await?;
    let failed = |error| Failure::new(Status::Unavailable, error);
    // The first write also makes connections.
    ports.store.check().await.map_err(failed)?;
    let begun = Instant::now();
    ports.store.check().await.map_err(failed)?;
    let took = begun.elapsed();
    let ahead = ports.clock.now().millis() - clock().now().millis();
    let clock = match ahead.abs() {
        0..1000 => String::new(),
        _ => format!(", whose clock is {ahead} ms ahead of this machine's"),
    };
    Ok((format!("{place} works{clock}"), took))
}

/// What to tell somebody whose store cannot be opened.
fn failure(error: &OpenError) -> Failure {
    let status = match error {
        OpenError::InUse { .. } => Status::Unavailable,
        OpenError::Newer { .. } | OpenError::Foreign { .. } => Status::Data,
        OpenError::Failed { .. } => Status::Io,
    };
    Failure::new(status, error)
}
