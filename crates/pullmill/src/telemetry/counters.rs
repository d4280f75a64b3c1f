//! Counters of this process, in the text format of Prometheus. What all processes did is in the store.

use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use pullmill_core::id::QueueName;
use pullmill_core::ports::queue::Depth;

use super::meter::Meter;

pub(super) type Labels = Vec<(String, String)>;

/// The counters.
pub struct Counters {
    registry: Registry,
    requests: Family<Labels, Counter>,
    deliveries: Family<Labels, Counter>,
    signatures: Family<Labels, Counter>,
    handled: Family<Labels, Counter>,
    connections: Family<Labels, Counter>,
    queues: Family<Labels, Gauge>,
}

impl Counters {
    /// All at zero, with those of models.
    #[must_use]
    pub fn new(meter: &Meter) -> Self {
        let mut registry = Registry::with_prefix("pullmill");
        meter.register(&mut registry);
        let requests = Family::default();
        let deliveries = Family::default();
        let signatures = Family::default();
        let handled = Family::default();
        let connections = Family::default();
        let queues = Family::default();
        registry.register(
            "requests",
            "Requests answered, by route and status",
            requests.clone(),
        );
        registry.register(
            "deliveries",
            "Deliveries answered, by answer",
            deliveries.clone(),
        );
        registry.register(
            "signatures",
            "Signatures checked, by result",
            signatures.clone(),
        );
        registry.register(
            "handled",
            "Records handled, by queue and outcome",
            handled.clone(),
        );
        registry.register(
            "connections",
            "Connections, by what became of them",
            connections.clone(),
        );
        registry.register(
            "queue_records",
            "Records of a queue, by state",
            queues.clone(),
        );
        Self {
            registry,
            requests,
            deliveries,
            signatures,
            handled,
            connections,
            queues,
        }
    }

    /// A request was answered.
    pub fn request(&self, route: &str, status: u16) {
        let labels = labels([("route", route), ("status", &status.to_string())]);
        self.requests.get_or_create(&labels).inc();
    }

    /// A delivery was answered.
    pub fn delivery(&self, answer: &str) {
        self.deliveries
            .get_or_create(&labels([("answer", answer)]))
            .inc();
    }

    /// A signature was checked.
    pub fn signature(&self, result: &str) {
        self.signatures
            .get_or_create(&labels([("result", result)]))
            .inc();
    }

    /// A record was handled.
    pub fn handled(&self, queue: &QueueName, outcome: &str) {
        let labels = labels([("queue", queue.as_str()), ("outcome", outcome)]);
        self.handled.get_or_create(&labels).inc();
    }

    /// A connection was taken or not.
    pub fn connection(&self, outcome: &str) {
        self.connections
            .get_or_create(&labels([("outcome", outcome)]))
            .inc();
    }

    /// How a queue stands now.
    pub fn queue(&self, queue: &QueueName, depth: &Depth) {
        let states = [
            ("ready", depth.ready),
            ("delayed", depth.delayed),
            ("leased", depth.leased),
        ];
        for (state, count) in states {
            let labels = labels([("queue", queue.as_str()), ("state", state)]);
            self.queues
                .get_or_create(&labels)
                .set(i64::try_from(count).unwrap_or(i64::MAX));
        }
    }

    /// All of them as text.
    pub fn text(&self) -> Result<String, std::fmt::Error> {
        let mut text = String::new();
        encode(&mut text, &self.registry)?;
        Ok(text)
    }
}

pub(super) fn labels<const N: usize>(pairs: [(&str, &str); N]) -> Labels {
    let pairs = pairs.map(|(name, value)| (name.to_owned(), value.to_owned()));
    pairs.into()
}
