//! Models in process: a hostile one that achieves nothing, and money that is never spent beyond its cap, whatever crashes.

#![expect(clippy::unwrap_used, reason = "a test that cannot start has failed")]

mod harmless;
mod hostile;
mod money;

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use pullmill_core::models::Catalogue;
use pullmill_core::ports::clock::Clock;
use pullmill_core::ports::model::{
    Answer, Ask, Model, ModelError, Progress, Reservation, Stop, Usage,
};
use pullmill_core::time::{Monotonic, Timestamp};
use pullmill_testkit::clock::ManualClock;

/// A clock on which waiting takes no time.
#[derive(Default)]
struct Rushing(ManualClock);

#[async_trait]
impl Clock for Rushing {
    fn now(&self) -> Timestamp {
        self.0.now()
    }

    fn monotonic(&self) -> Monotonic {
        self.0.monotonic()
    }

    fn random(&self) -> u128 {
        self.0.random()
    }

    async fn sleep_until(&self, at: Monotonic) {
        while self.0.monotonic() < at {
            self.0.pass(std::time::Duration::from_millis(1));
        }
    }
}

/// One model, `scripted`, at three dollars in and fifteen out per million tokens; `caps` is laid over the defaults.
fn catalogue(caps: &str) -> Arc<Catalogue> {
    let text = format!(
        "[tiers]\nfast = [\"scripted\"]\nbalanced = [\"scripted\"]\ndeep = [\"scripted\"]\n\
         [providers.scripted]\nkind = \"anthropic\"\nendpoint = \"http://127.0.0.1:1\"\n\
         [models.scripted]\nprovider = \"scripted\"\nid = \"s\"\nwindow = 100000\n\
         usd = {{ input = 3.0, output = 15.0, cache_read = 0.3, cache_write = 3.75 }}\n\
         source = \"a test\"\ndate = \"2026-01-01\"\ntokens = 1.0\n{caps}"
    );
    Arc::new(Catalogue::read(Some(&text)).unwrap())
}

type Script = Box<dyn Fn(&Ask) -> Result<(String, Usage), ModelError> + Send + Sync>;

/// A model that says what a test wants, and what it was asked.
struct Scripted {
    script: Script,
    asked: Mutex<Vec<Ask>>,
}

impl Scripted {
    fn new(
        script: impl Fn(&Ask) -> Result<(String, Usage), ModelError> + Send + Sync + 'static,
    ) -> Arc<Self> {
        Arc::new(Self {
            script: Box::new(script),
            asked: Mutex::default(),
        })
    }

    fn saying(text: &str) -> Arc<Self> {
        let text = text.to_owned();
        Self::new(move |_| Ok((text.clone(), Usage::default())))
    }
}

#[async_trait]
impl Model for Scripted {
    async fn ask(
        &self,
        ask: &Ask,
        _paid: &Reservation,
        _progress: &mut dyn Progress,
    ) -> Result<Answer, ModelError> {
        self.asked.lock().unwrap().push(ask.clone());
        // Somebody else runs while an answer is waited for.
        tokio::task::yield_now().await;
        let (text, usage) = (self.script)(ask)?;
        Ok(Answer {
            text,
            stop: Stop::Done,
            usage,
            request: None,
        })
    }

    fn count(&self, _model: &str, text: &str) -> u32 {
        u32::try_from(text.len() / 4 + 1).unwrap()
    }

    fn has(&self, _model: &str) -> bool {
        true
    }
}
