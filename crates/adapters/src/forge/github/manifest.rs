//! Makes an App of a manifest: GitHub gives a code to whoever filled its form in, and the App's secrets for the code, once.

use std::sync::Arc;

use hyper::Method;
use pullmill_core::ports::clock::Clock;
use pullmill_core::ports::forge::ForgeError;
use serde_json::Value;

use super::TIMES;
use super::answer::{self, Failed};
use super::http::{Ask, Http};
use crate::http::AddressError;

/// An App that was made. Its secrets are never shown.
pub struct Created {
    /// Its number.
    pub id: u64,
    /// Its name.
    pub slug: String,
    /// Where people install it.
    pub url: String,
    /// Its private key.
    pub key: String,
    /// The secret of its webhook.
    pub webhook_secret: String,
}

impl std::fmt::Debug for Created {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "App {} ({})", self.id, self.slug)
    }
}

/// Why there is no App.
#[derive(Debug, thiserror::Error)]
pub enum CreateError {
    /// The API is nowhere.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// The API says no.
    #[error(transparent)]
    Forge(#[from] ForgeError),
}

/// Exchanges a code for the App's secrets.
pub async fn create(api: &str, code: &str, clock: Arc<dyn Clock>) -> Result<Created, CreateError> {
    let http = Http::new(api, Arc::clone(&clock))?;
    let path = format!("/app-manifests/{}/conversions", super::encoded(code));
    let ask = Ask {
        method: Method::POST,
        ..Ask::get(&path, TIMES[2])
    };
    let answer = async {
        let answer = http.ask(&ask, "").await?;
        let answer = answer::checked(answer, clock.now())?;
        serde_json::from_slice::<Value>(&answer.body)
            .map_err(|error| Failed::Lost(format!("its answer is no JSON: {error}")))
    };
    let answer = answer.await.map_err(ForgeError::from)?;
    let text = |field: &str| answer[field].as_str().unwrap_or_default().to_owned();
    let created = Created {
        id: answer["id"].as_u64().unwrap_or(0),
        slug: text("slug"),
        url: text("html_url"),
        key: text("pem"),
        webhook_secret: text("webhook_secret"),
    };
    if created.id == 0 || created.key.is_empty() || created.webhook_secret.is_empty() {
        let error = ForgeError::Unavailable("its answer has no App".to_owned());
        return Err(error.into());
    }
    Ok(created)
}
