//! Counts what models are asked, answer and cost in this process. What all processes spent is in the ledger: `pullmill cost`.

use std::sync::Arc;

use async_trait::async_trait;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;
use pullmill_core::models::Catalogue;
use pullmill_core::ports::model::{Answer, Ask, Model, ModelError, Progress, Reservation, Stop};
use pullmill_engine::desk::Models;

use super::counters::{Labels, labels};

/// Counters of models.
#[derive(Clone, Default)]
pub struct Meter {
    calls: Family<Labels, Counter>,
    tokens: Family<Labels, Counter>,
    cost: Family<Labels, Counter>,
}

impl Meter {
    /// The same models, whose calls are counted.
    #[must_use]
    pub fn on(&self, models: Models) -> Models {
        let model = Metered {
            model: models.model,
            catalogue: Arc::clone(&models.catalogue),
            meter: self.clone(),
        };
        Models {
            model: Arc::new(model),
            ..models
        }
    }

    /// Puts the counters among others.
    pub fn register(&self, registry: &mut Registry) {
        registry.register(
            "model_calls",
            "Calls of models, by model and outcome",
            self.calls.clone(),
        );
        registry.register(
            "model_tokens",
            "Tokens of answered calls, by model and kind",
            self.tokens.clone(),
        );
        registry.register(
            "model_cost_micro_usd",
            "What answered calls cost by the price table, in millionths of a US dollar, by model",
            self.cost.clone(),
        );
    }

    fn count(&self, model: &str, outcome: &str) {
        let labels = labels([("model", model), ("outcome", outcome)]);
        self.calls.get_or_create(&labels).inc();
    }

    fn answered(&self, model: &str, answer: &Answer, catalogue: &Catalogue) {
        let outcome = match answer.stop {
            Stop::Done => "answered",
            Stop::Length => "cut",
            Stop::Refused => "declined",
        };
        self.count(model, outcome);
        let usage = &answer.usage;
        let kinds = [
            ("input", usage.input),
            ("cache_read", usage.cache_read),
            ("cache_write", usage.cache_write),
            ("output", usage.output),
        ];
        for (kind, tokens) in kinds {
            let labels = labels([("model", model), ("kind", kind)]);
            self.tokens.get_or_create(&labels).inc_by(tokens);
        }
        if let Some(entry) = catalogue.models.get(model) {
            let cost = u64::try_from(entry.usd.of(usage).0).unwrap_or(0);
            let labels = labels([("model", model)]);
            self.cost.get_or_create(&labels).inc_by(cost);
        }
    }
}

struct Metered {
    model: Arc<dyn Model>,
    catalogue: Arc<Catalogue>,
    meter: Meter,
}

#[async_trait]
impl Model for Metered {
    async fn ask(
        &self,
        ask: &Ask,
        paid: &Reservation,
        progress: &mut dyn Progress,
    ) -> Result<Answer, ModelError> {
        let answered = self.model.ask(ask, paid, progress).await;
        match &answered {
            Ok(answer) => self.meter.answered(&ask.model, answer, &self.catalogue),
            Err(error) => self.meter.count(&ask.model, word(error)),
        }
        answered
    }

    fn count(&self, model: &str, text: &str) -> u32 {
        self.model.count(model, text)
    }

    fn has(&self, model: &str) -> bool {
        self.model.has(model)
    }
}

fn word(error: &ModelError) -> &'static str {
    match error {
        ModelError::Unavailable(_) => "unavailable",
        ModelError::Limited(_) => "limited",
        ModelError::Refused(_) => "refused",
        ModelError::Late(_) => "late",
        ModelError::TooLarge(_) => "too_large",
        ModelError::Unreadable(_) => "unreadable",
        ModelError::Unrecorded(_) => "unrecorded",
    }
}
