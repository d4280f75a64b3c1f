//! Answers that are kept in a folder, one file per question, and played back without asking anybody.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use pullmill_core::models::Catalogue;
use pullmill_core::ports::model::{Answer, Ask, Model, ModelError, Progress, Reservation};
use serde::{Deserialize, Serialize};

use super::tokens;

/// Largest file that is read.
const MAX_FILE: u64 = 16 << 20;

/// What a file holds. Only the answer is played back; the rest is for people.
#[derive(Serialize, Deserialize)]
struct Recorded {
    model: String,
    question: String,
    answer: Answer,
}

/// Asks somebody and keeps what they answer.
pub struct Recorder {
    inner: Arc<dyn Model>,
    folder: PathBuf,
}

impl Recorder {
    /// Keeps answers in a folder, which is made.
    ///
    /// # Errors
    /// Fails if it cannot be made.
    pub fn new(inner: Arc<dyn Model>, folder: &Path) -> std::io::Result<Self> {
        std::fs::create_dir_all(folder)?;
        Ok(Self {
            inner,
            folder: folder.to_owned(),
        })
    }
}

#[async_trait]
impl Model for Recorder {
    async fn ask(
        &self,
        ask: &Ask,
        paid: &Reservation,
        progress: &mut dyn Progress,
    ) -> Result<Answer, ModelError> {
        let answer = self.inner.ask(ask, paid, progress).await?;
        let recorded = Recorded {
            model: ask.model.clone(),
            question: ask.content.clone(),
            answer,
        };
        let unwritten = |error: &dyn std::fmt::Display| {
            ModelError::Unreadable(format!("the answer cannot be recorded: {error}"))
        };
        let text = serde_json::to_string_pretty(&recorded).map_err(|error| unwritten(&error))?;
        std::fs::write(self.folder.join(file_name(ask)), text + "\n")
            .map_err(|error| unwritten(&error))?;
        Ok(recorded.answer)
    }

    fn count(&self, model: &str, text: &str) -> u32 {
        self.inner.count(model, text)
    }

    fn has(&self, model: &str) -> bool {
        self.inner.has(model)
    }
}

/// Plays answers back. A question that was not recorded has none.
pub struct Player {
    catalogue: Arc<Catalogue>,
    folder: PathBuf,
}

impl Player {
    /// Answers of a folder.
    #[must_use]
    pub fn new(catalogue: Arc<Catalogue>, folder: &Path) -> Self {
        Self {
            catalogue,
            folder: folder.to_owned(),
        }
    }
}

#[async_trait]
impl Model for Player {
    async fn ask(
        &self,
        ask: &Ask,
        _paid: &Reservation,
        _progress: &mut dyn Progress,
    ) -> Result<Answer, ModelError> {
        let path = self.folder.join(file_name(ask));
        let is_small = std::fs::metadata(&path).is_ok_and(|about| about.len() <= MAX_FILE);
        let text = is_small.then(|| std::fs::read(&path).ok()).flatten();
        let text = text.ok_or_else(|| ModelError::Unrecorded(ask.name.clone()))?;
        let recorded: Recorded = serde_json::from_slice(&text).map_err(|error| {
            ModelError::Unreadable(format!("{} is no recorded answer: {error}", file_name(ask)))
        })?;
        Ok(recorded.answer)
    }

    fn count(&self, model: &str, text: &str) -> u32 {
        tokens::count_for(&self.catalogue, model, text)
    }

    fn has(&self, model: &str) -> bool {
        self.catalogue.models.contains_key(model)
    }
}

/// The name of a question is made of letters and digits alone.
fn file_name(ask: &Ask) -> String {
    let name: String = ask
        .name
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .collect();
    format!("{name}.json")
}
