//! What models have cost: by day, model, repository and pull request.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::{Query, State};
use pullmill_engine::desk::ledger::{self, Entry, State as CallState};
use serde::Deserialize;
use serde_json::{Value, json};

use super::Door;
use super::error::Refusal;
use super::executions::tenant;

/// Calls that are added up.
const MOST: usize = 100_000;
/// Days that can be looked back.
const MAX_DAYS: u32 = 400;

/// Whose, and since when.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CostQuery {
    tenant: Option<String>,
    days: Option<u32>,
}

pub(super) async fn show(
    State(door): State<Arc<Door>>,
    Query(query): Query<CostQuery>,
) -> Result<Json<Value>, Refusal> {
    let tenant = tenant(query.tenant.as_deref())?;
    let days = query.days.unwrap_or(30).clamp(1, MAX_DAYS);
    let ports = &door.engine.ports;
    let since = ports.clock.now() - Duration::from_secs(86_400) * (days - 1);
    let entries = ledger::entries(ports, &tenant, since, MOST).await?;
    let by = |name: &dyn Fn(&Entry) -> Option<String>| -> Vec<Value> {
        let mut sums: BTreeMap<String, Sum> = BTreeMap::new();
        for entry in &entries {
            if let Some(name) = name(entry) {
                sums.entry(name).or_default().add(entry);
            }
        }
        sums.into_iter()
            .map(|(name, sum)| sum.to_json(Some(&name)))
            .collect()
    };
    let mut all = Sum::default();
    entries.iter().for_each(|entry| all.add(entry));
    let mut answer = all.to_json(None);
    let repo = |entry: &Entry| Some(entry.pull.as_ref()?.repo.name.to_string());
    let pull = |entry: &Entry| Some(format!("{}#{}", repo(entry)?, entry.pull.as_ref()?.number));
    let day = |entry: &Entry| entry.at.to_string().get(..10).map(str::to_owned);
    let more = [
        ("by_day", by(&day)),
        ("by_model", by(&|entry| Some(entry.model.clone()))),
        ("by_repo", by(&repo)),
        ("by_pull", by(&pull)),
    ];
    if let Some(fields) = answer.as_object_mut() {
        fields.insert("success".to_owned(), json!(true));
        fields.insert("days".to_owned(), json!(days));
        fields.extend(more.map(|(name, sums)| (name.to_owned(), json!(sums))));
    }
    Ok(Json(answer))
}

/// Calls added up.
#[derive(Default)]
struct Sum {
    calls: u64,
    unknown: u64,
    sent: u64,
    cached: u64,
    answered: u64,
    charged: i64,
}

impl Sum {
    fn add(&mut self, entry: &Entry) {
        self.calls += u64::from(entry.state != CallState::Free);
        let is_unknown = matches!(entry.state, CallState::Unknown | CallState::Reserved);
        self.unknown += u64::from(is_unknown);
        self.sent += entry.usage.sent();
        self.cached += entry.usage.cache_read;
        self.answered += entry.usage.output;
        self.charged += entry.charged;
    }

    fn to_json(&self, name: Option<&str>) -> Value {
        let mut value = json!({
            "calls": self.calls, "unknown": self.unknown, "tokens_in": self.sent,
            "tokens_cached": self.cached, "tokens_out": self.answered, "charged_micro_usd": self.charged,
        });
        if let Some(name) = name {
            value["name"] = json!(name);
        }
        value
    }
}
