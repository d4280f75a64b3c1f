//! Opens models: reads what the operator says about them and their keys, once.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use pullmill_adapters::clock::SystemClock;
use pullmill_adapters::model::cassette::{Player, Recorder};
use pullmill_adapters::model::{Access, Key, Providers};
use pullmill_core::models::{Catalogue, Provider};
use pullmill_core::ports::model::Model;
use pullmill_engine::desk::Models;

use crate::cli::{Failure, Status};

/// Where answers come from.
#[derive(Clone, Copy, Debug)]
pub enum Tape<'a> {
    /// From models.
    Live,
    /// From models, and they are kept in a folder.
    Record(&'a Path),
    /// From a folder.
    Replay(&'a Path),
}

/// Reads the configuration of models: the defaults, or a file over them.
pub fn catalogue(file: Option<&Path>) -> Result<Catalogue, Failure> {
    let text = file.map(|path| {
        std::fs::read_to_string(path).map_err(|error| {
            Failure::new(
                Status::NoInput,
                format_args!("{} cannot be read: {error}", path.display()),
            )
        })
    });
    let text = text.transpose()?;
    Catalogue::read(text.as_deref()).map_err(|error| {
        let name = file.map_or("models", |path| path.to_str().unwrap_or("models"));
        let lines: Vec<String> = error
            .0
            .iter()
            .map(|line| format!("{name}: {line}"))
            .collect();
        Failure::list(
            Status::Config,
            "the configuration of models has problems:",
            &lines,
        )
    })
}

/// Opens what can be asked.
pub fn open(catalogue: Catalogue, tape: Tape<'_>) -> Result<Models, Failure> {
    let catalogue = Arc::new(catalogue);
    if let Tape::Replay(folder) = tape {
        let model = Arc::new(Player::new(Arc::clone(&catalogue), folder));
        return Ok(Models { catalogue, model });
    }
    let providers = Providers::new(
        Arc::clone(&catalogue),
        access(&catalogue)?,
        Arc::new(SystemClock),
    );
    let providers = providers.map_err(|(name, error)| {
        Failure::new(
            Status::Config,
            format_args!("providers.{name}.endpoint: {error}"),
        )
    })?;
    let model: Arc<dyn Model> = Arc::new(providers);
    let model: Arc<dyn Model> = match tape {
        Tape::Record(folder) => Arc::new(Recorder::new(model, folder).map_err(|error| {
            Failure::new(
                Status::CannotCreate,
                format_args!("{} cannot be made: {error}", folder.display()),
            )
        })?),
        Tape::Live | Tape::Replay(_) => model,
    };
    Ok(Models { catalogue, model })
}

/// The providers that can be asked, and with which keys.
fn access(catalogue: &Catalogue) -> Result<BTreeMap<String, Access>, Failure> {
    let mut open = BTreeMap::new();
    for (name, provider) in &catalogue.providers {
        if let Some(access) = access_to(name, provider)? {
            open.insert(name.clone(), access);
        }
    }
    Ok(open)
}

fn access_to(name: &str, provider: &Provider) -> Result<Option<Access>, Failure> {
    let variable = |name: &String| std::env::var(name).ok().filter(|value| !value.is_empty());
    if provider
        .needs
        .as_ref()
        .is_some_and(|needs| variable(needs).is_none())
    {
        return Ok(None);
    }
    let written = match (&provider.key_file, &provider.key_env) {
        (Some(file), _) => Some(std::fs::read_to_string(file).map_err(|error| {
            let message = format!("providers.{name}.key_file: {file} cannot be read: {error}");
            Failure::new(Status::NoInput, message)
        })?),
        (None, Some(env)) => match variable(env) {
            Some(key) => Some(key),
            None => return Ok(None),
        },
        (None, None) => None,
    };
    Ok(match written {
        Some(text) => Some(Access::Key(Key::new(&text).ok_or_else(|| {
            let message =
                format!("providers.{name}: its key is empty or has characters that no key has");
            Failure::new(Status::Config, message)
        })?)),
        None => Some(Access::Open),
    })
}
