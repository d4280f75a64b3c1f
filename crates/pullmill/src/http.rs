//! The front door: routes, who may use them, and how answers look.

pub mod accept;
mod body;
mod costs;
mod dead_letters;
mod deliveries;
mod error;
mod executions;
mod health;
mod peer;
mod reviews;
mod webhook;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderName, HeaderValue};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use axum::routing::{get, post};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use pullmill_core::signature::Secrets;
use pullmill_engine::Engine;
use tokio_util::sync::CancellationToken;

use crate::telemetry::counters::Counters;
use crate::telemetry::meter::Meter;

pub use peer::Peer;

/// What requests may use up.
#[derive(Clone, Debug)]
pub struct RequestLimits {
    /// Most bytes of a delivery: GitHub sends no more.
    pub webhook_bytes: usize,
    /// Most bytes of a request of the API.
    pub api_bytes: usize,
    /// How long a body may take.
    pub body_time: Duration,
    /// Bytes per second that a body must bring.
    pub body_rate: u64,
    /// How long a delivery may take to become durable.
    pub durable_time: Duration,
}

impl Default for RequestLimits {
    fn default() -> Self {
        Self {
            webhook_bytes: 25 << 20,
            api_bytes: 8 << 20,
            body_time: Duration::from_secs(10),
            body_rate: 1024,
            durable_time: Duration::from_secs(5),
        }
    }
}

/// What all requests share.
pub struct Door {
    /// The stages.
    pub engine: Engine,
    /// Secrets of the webhook.
    pub secrets: Secrets,
    /// Counters.
    pub counters: Counters,
    /// What requests may use up.
    pub limits: RequestLimits,
    /// Whether the API answers on the network at all; only if the network is this machine.
    pub is_local: bool,
    /// Set when the server ends.
    pub ends: CancellationToken,
    unverified: DefaultKeyedRateLimiter<IpAddr>,
    requests: DefaultKeyedRateLimiter<IpAddr>,
}

impl Door {
    /// A door to an engine.
    #[must_use]
    pub fn new(
        engine: Engine,
        secrets: Secrets,
        is_local: bool,
        ends: CancellationToken,
        meter: &Meter,
    ) -> Self {
        Self {
            engine,
            secrets,
            counters: Counters::new(meter),
            limits: RequestLimits::default(),
            is_local,
            ends,
            // Decision 15.
            unverified: RateLimiter::hashmap(per_minute(100)),
            requests: RateLimiter::hashmap(per_second(100, 200)),
        }
    }

    /// Whether an address may send one more request that is not verified.
    pub(crate) fn allows_unverified(&self, address: IpAddr) -> bool {
        self.unverified.check_key(&address).is_ok()
    }

    /// Forgets addresses that have been quiet.
    pub fn forget_quiet(&self) {
        self.unverified.retain_recent();
        self.requests.retain_recent();
    }
}

fn per_minute(count: u32) -> Quota {
    Quota::per_minute(count.try_into().unwrap_or(std::num::NonZero::<u32>::MIN))
}

fn per_second(count: u32, burst: u32) -> Quota {
    let count = count.try_into().unwrap_or(std::num::NonZero::<u32>::MIN);
    let burst = burst.try_into().unwrap_or(std::num::NonZero::<u32>::MIN);
    Quota::per_second(count).allow_burst(burst)
}

/// The routes of somebody who only works.
pub fn health_router(door: Arc<Door>) -> Router {
    finish(health_routes(), door)
}

fn health_routes() -> Router<Arc<Door>> {
    Router::new()
        .route("/health", get(health::alive))
        .route("/ready", get(health::ready))
        .route("/metrics", get(health::metrics))
}

fn finish(routes: Router<Arc<Door>>, door: Arc<Door>) -> Router {
    routes
        .fallback(error::no_such_path)
        .method_not_allowed_fallback(error::no_such_method)
        .layer(from_fn_with_state(Arc::clone(&door), note))
        .with_state(door)
}

/// All routes.
pub fn router(door: Arc<Door>) -> Router {
    let api = Router::new()
        .route("/api/review", post(reviews::submit))
        .route("/api/review/{id}", get(reviews::show))
        .route("/api/reviews", get(reviews::list))
        .route("/api/executions", get(executions::list))
        .route("/api/executions/{id}", get(executions::show))
        .route("/api/executions/{id}/events", get(executions::events))
        .route("/api/executions/{id}/cancel", post(executions::cancel))
        .route("/api/executions/{id}/retry", post(executions::retry))
        .route("/api/dlq", get(dead_letters::list))
        .route("/api/dlq/replay", post(dead_letters::replay_all))
        .route("/api/dlq/{id}", get(dead_letters::show))
        .route("/api/dlq/{id}/replay", post(dead_letters::replay))
        .route("/api/deliveries/{id}", get(deliveries::show))
        .route("/api/deliveries/{id}/replay", post(deliveries::replay))
        .route("/api/queues", get(health::queues))
        .route("/api/costs", get(costs::show))
        .layer(from_fn_with_state(Arc::clone(&door), peer::guard));
    let routes = health_routes()
        .route("/webhook", post(webhook::receive))
        .route("/webhooks/github", post(webhook::receive))
        .route("/api/health", get(health::alive))
        .merge(api);
    finish(routes, door)
}

/// Gives each request a name, and counts and logs its answer.
async fn note(State(door): State<Arc<Door>>, request: Request, next: Next) -> Response {
    let clock = &door.engine.ports.clock;
    let id = format!(
        "req_{}",
        pullmill_core::id::uuid7(clock.now(), clock.random())
    );
    let route = request.extensions().get::<MatchedPath>();
    let route = route.map_or("none", MatchedPath::as_str).to_owned();
    let begun = clock.monotonic();
    let mut response = next.run(request).await;
    error::complete(&mut response, &id, clock.now()).await;
    let status = response.status().as_u16();
    door.counters.request(&route, status);
    let took = clock.monotonic().0.saturating_sub(begun.0);
    let took = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    if status >= 500 {
        tracing::error!(request.id = %id, event = "request.failed", route, status, duration_ms = took, "A request failed");
    } else {
        tracing::debug!(request.id = %id, event = "request.answered", route, status, duration_ms = took, "A request was answered");
    }
    if let Ok(value) = HeaderValue::from_str(&id) {
        response
            .headers_mut()
            .insert(HeaderName::from_static("x-request-id"), value);
    }
    response
}
