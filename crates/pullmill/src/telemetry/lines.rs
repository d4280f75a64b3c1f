//! Log lines as JSON objects with fixed keys: who asks by an execution, a pull request or a repository finds all lines of it.

use std::fmt;
use std::io::Write;
use std::sync::Arc;

use pullmill_core::ports::clock::Clock;
use serde_json::{Map, Value, json};
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

/// Fields that stand at the top of a line, and their keys there. All others are metadata.
const KEYS: &[(&str, &str)] = &[
    ("execution.id", "executionId"),
    ("pr.number", "prNumber"),
    ("repo", "repo"),
    ("event", "event"),
    ("delivery.id", "deliveryId"),
    ("request.id", "requestId"),
    ("service", "service"),
    ("message", "message"),
];

/// Writes lines to what `writer` gives.
pub(super) struct Lines<W> {
    writer: W,
    clock: Arc<dyn Clock>,
}

impl<W> Lines<W> {
    pub(super) fn new(writer: W, clock: Arc<dyn Clock>) -> Self {
        Self { writer, clock }
    }
}

impl<S, W, O> Layer<S> for Lines<W>
where
    S: Subscriber,
    W: Fn() -> O + 'static,
    O: Write,
{
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        // Those of libraries are for their authors.
        if !event.metadata().target().starts_with("pullmill") {
            return;
        }
        let mut fields = Fields::default();
        event.record(&mut fields);
        let mut line = json!({
            "timestamp": self.clock.now().to_string(),
            "level": event.metadata().level().as_str(),
            "service": "pullmill",
        });
        if let Some(top) = line.as_object_mut() {
            top.append(&mut fields.top);
            top.insert("metadata".to_owned(), Value::Object(fields.metadata));
        }
        // One write, so that lines of several threads do not mix. Nobody can be told that logs cannot be written.
        let _ = (self.writer)().write_all(format!("{line}\n").as_bytes());
    }
}

#[derive(Default)]
struct Fields {
    top: Map<String, Value>,
    metadata: Map<String, Value>,
}

impl Fields {
    fn put(&mut self, field: &Field, value: Value) {
        match KEYS.iter().find(|(name, _)| *name == field.name()) {
            Some((_, key)) => self.top.insert((*key).to_owned(), value),
            None => self.metadata.insert(field.name().to_owned(), value),
        };
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field, json!(format!("{value:?}")));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, json!(value));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, json!(value));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, json!(value));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, json!(value));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use tracing_subscriber::layer::SubscriberExt as _;

    use super::*;

    #[derive(Clone, Default)]
    struct Shared(Arc<Mutex<Vec<u8>>>);

    impl Write for Shared {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_line_has_the_agreed_keys_and_no_control_characters() {
        let shared = Shared::default();
        let writer = shared.clone();
        let subscriber = tracing_subscriber::registry()
            .with(Lines::new(move || writer.clone(), crate::wire::clock()));
        tracing::subscriber::with_default(subscriber, || {
            tracing::info!(execution.id = %"exe_1", pr.number = 42_u64, repo = "o/r", event = "analysis.started",
                files = 5_u64, "Hostile \u{1b}[31m\nname");
        });
        let text = String::from_utf8(shared.0.lock().unwrap().clone()).unwrap();
        assert_eq!(text.lines().count(), 1, "{text}");
        assert!(!text.contains('\u{1b}'));
        let line: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(line["executionId"], "exe_1");
        assert_eq!(line["prNumber"], 42);
        assert_eq!(line["repo"], "o/r");
        assert_eq!(line["event"], "analysis.started");
        assert_eq!(line["level"], "INFO");
        assert_eq!(line["service"], "pullmill");
        assert_eq!(line["metadata"]["files"], 5);
        assert!(
            pullmill_core::time::Timestamp::parse(line["timestamp"].as_str().unwrap()).is_some()
        );
    }
}
