//! `pullmill app create`: a page on this machine that sends you to GitHub with a filled-in form, and keeps the secrets that come back.

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use clap::{Args, Subcommand};
use serde::Deserialize;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::{Mutex, oneshot};

use super::failure::{Failure, Status};
use super::forge::ApiArgs;
use super::store::block_on;
use crate::wire::{self, Created};

/// What to do about a GitHub App.
#[derive(Debug, Subcommand)]
pub enum AppCommand {
    /// Make one, with the permissions and events that reviews need.
    Create(CreateArgs),
}

/// What the App shall be.
#[derive(Debug, Args)]
pub struct CreateArgs {
    /// Where GitHub will find the server: https://YOUR.HOST
    #[arg(long, value_name = "URL")]
    url: String,
    /// What it is called; names are unique on GitHub.
    #[arg(long, value_name = "NAME", default_value = "Pullmill")]
    name: String,
    /// The organisation it belongs to. Left out: your own account.
    #[arg(long, value_name = "NAME", value_parser = plain)]
    organization: Option<String>,
    /// The folder for its key and its webhook's secret.
    #[arg(long, value_name = "DIR", default_value = ".")]
    to: PathBuf,
    /// Where GitHub's pages are.
    #[arg(long, value_name = "URL", default_value = "https://github.com")]
    github_web: String,
    #[command(flatten)]
    api: ApiArgs,
}

/// The name of the file of the key, and of that of the webhook's secret.
const KEY: &str = "app.private-key.pem";
const SECRET: &str = "webhook.secret";

/// Does what was asked for.
pub fn run(command: &AppCommand) -> Result<ExitCode, Failure> {
    let AppCommand::Create(args) = command;
    for name in [KEY, SECRET] {
        let path = args.to.join(name);
        if path.exists() {
            let message = format!(
                "{} is there already; name another folder with --to",
                path.display()
            );
            return Err(Failure::new(Status::CannotCreate, message));
        }
    }
    block_on(create(args))
}

/// What the pages share.
struct Page {
    form: String,
    state: String,
    done: Mutex<Option<oneshot::Sender<String>>>,
}

async fn create(args: &CreateArgs) -> Result<ExitCode, Failure> {
    let failed = |error: &dyn std::fmt::Display| {
        Failure::new(
            Status::Unavailable,
            format_args!("the page cannot be served: {error}"),
        )
    };
    let listener = TcpListener::bind("127.0.0.1:0")
        .await
        .map_err(|error| failed(&error))?;
    let address = listener.local_addr().map_err(|error| failed(&error))?;
    let state = format!("{:032x}", wire::clock().random());
    let (done, code) = oneshot::channel();
    let page = Arc::new(Page {
        form: form(args, &format!("http://{address}/done"), &state),
        state,
        done: Mutex::new(Some(done)),
    });
    let router = Router::new()
        .route("/", get(begin))
        .route("/done", get(finish))
        .with_state(page);
    say(&format!(
        "Open http://{address}/ in your browser, and press the button on GitHub's page. Ctrl-C gives up."
    ));
    let code = tokio::select! {
        code = code => code.map_err(|error| failed(&error))?,
        Err(error) = async { axum::serve(listener, router).await } => return Err(failed(&error)),
    };
    let created = wire::create_app(&args.api.github_api, &code).await?;
    keep(args, &created)?;
    Ok(ExitCode::SUCCESS)
}

fn keep(args: &CreateArgs, created: &Created) -> Result<(), Failure> {
    let (key, secret) = (args.to.join(KEY), args.to.join(SECRET));
    write(&key, &created.key)?;
    write(&secret, &created.webhook_secret)?;
    say(&format!(
        "App {} is made: {}\n\n1. Install it: {}/installations/new\n2. pullmill serve --webhook-secret-file {} --github-app {} --github-key-file {}",
        created.id,
        created.slug,
        created.url,
        secret.display(),
        created.id,
        key.display(),
    ));
    Ok(())
}

/// For the owner's eyes alone, and never over something that is there.
fn write(path: &Path, text: &str) -> Result<(), Failure> {
    let mut options = std::fs::OpenOptions::new();
    let file = options.write(true).create_new(true).mode(0o600).open(path);
    let written = file.and_then(|mut file| {
        file.write_all(text.as_bytes())?;
        file.sync_all()
    });
    written.map_err(|error| {
        let message = format!("{} cannot be written: {error}", path.display());
        Failure::new(Status::CannotCreate, message)
    })
}

/// The form that GitHub reads: what the App is, where it listens, and what it may do.
fn form(args: &CreateArgs, back: &str, state: &str) -> String {
    let url = args.url.trim_end_matches('/');
    let manifest = json!({
        "name": args.name, "url": url, "redirect_url": back, "public": false,
        "hook_attributes": {"url": format!("{url}/webhook"), "active": true},
        "default_permissions": {
            "checks": "write", "contents": "read", "metadata": "read", "pull_requests": "write",
        },
        "default_events": [
            "check_run", "issue_comment", "pull_request", "pull_request_review_comment",
            "pull_request_review_thread",
        ],
    });
    let web = args.github_web.trim_end_matches('/');
    let place = match &args.organization {
        Some(name) => format!("{web}/organizations/{name}/settings/apps/new"),
        None => format!("{web}/settings/apps/new"),
    };
    format!(
        "<!doctype html><meta charset=\"utf-8\"><title>Pullmill</title>\
         <form method=\"post\" action=\"{}?state={state}\">\
         <input type=\"hidden\" name=\"manifest\" value=\"{}\">\
         <button>Make the App on GitHub</button></form>",
        escaped(&place),
        escaped(&manifest.to_string())
    )
}

fn escaped(text: &str) -> String {
    let mut out = String::new();
    for one in text.chars() {
        match one {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
    }
    out
}

async fn begin(State(page): State<Arc<Page>>) -> Response {
    html(StatusCode::OK, page.form.clone())
}

#[derive(Deserialize)]
struct Back {
    code: String,
    state: String,
}

async fn finish(State(page): State<Arc<Page>>, Query(back): Query<Back>) -> Response {
    if back.state != page.state {
        let text = "This does not come from the form of this page.".to_owned();
        return html(StatusCode::FORBIDDEN, text);
    }
    if let Some(done) = page.done.lock().await.take() {
        let _ = done.send(back.code);
    }
    html(
        StatusCode::OK,
        "Done. The terminal says how to go on.".to_owned(),
    )
}

fn html(status: StatusCode, text: String) -> Response {
    let kind = (header::CONTENT_TYPE, "text/html; charset=utf-8");
    (status, [kind], text).into_response()
}

fn say(text: &str) {
    let _ = writeln!(anstream::stdout(), "{text}");
}

fn plain(text: &str) -> Result<String, String> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    match !text.is_empty() && text.bytes().all(is_plain) {
        true => Ok(text.to_owned()),
        false => Err("an organisation's name has letters, digits and `-`".to_owned()),
    }
}
