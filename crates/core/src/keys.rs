//! The key of every record. Each starts with its tenant; parts that others choose are checked names or numbers.

use crate::id::{DeliveryId, ExecutionId, QueueName, Sha, StepName, TenantId, WorkflowName};
use crate::ports::store::{IndexKey, Key};
use crate::time::Timestamp;

/// Every mailbox item's second half starts like this.
pub const MAILBOX: &str = "IN#";
/// Every page of events starts like this.
pub const EVENTS: &str = "EV#";
/// Every task starts like this.
pub const TASKS: &str = "TASK#";
/// The second half of a lane.
pub const LANE: &str = "LANE";
/// The second half of a sender.
pub const SENDER: &str = "SENDER";
/// Every item in a sender's mailbox starts like this.
pub const OUTGOING: &str = "OUT#";
/// The second half of an execution.
pub const EXECUTION: &str = "EXEC";
/// Every timer starts like this.
pub const TIMERS: &str = "TIMER#";

/// The marker of a delivery.
#[must_use]
pub fn delivery(tenant: &TenantId, id: &DeliveryId) -> Key {
    Key::new(format!("T#{tenant}#DELIVERY#{id}"), "M")
}

/// The marker of what a delivery means; the digest is of hexadecimal digits.
#[must_use]
pub fn semantic(tenant: &TenantId, digest: &str) -> Key {
    Key::new(format!("T#{tenant}#SEMANTIC#{digest}"), "M")
}

/// The partition of a pull request.
#[must_use]
pub fn pull(tenant: &TenantId, repo: u64, number: u64) -> String {
    format!("T#{tenant}#PR#{repo}#{number}")
}

/// The partition of an installation's events that belong to no pull request.
#[must_use]
pub fn installation(tenant: &TenantId, id: u64) -> String {
    format!("T#{tenant}#INST#{id}")
}

/// The lane of a partition.
#[must_use]
pub fn lane(pk: &str) -> Key {
    Key::new(pk, LANE)
}

/// An item in the mailbox of a lane.
#[must_use]
pub fn mailbox(pk: &str, id: &str) -> Key {
    Key::new(pk, format!("{MAILBOX}{id}"))
}

/// A mailbox item after it was handled.
#[must_use]
pub fn envelope(pk: &str, id: &str) -> Key {
    Key::new(pk, format!("ENV#{id}"))
}

/// Which execution of a workflow is active on a lane.
#[must_use]
pub fn active(pk: &str, workflow: &WorkflowName) -> Key {
    Key::new(pk, format!("ACTIVE#{workflow}"))
}

/// That a commit is our own.
#[must_use]
pub fn own_commit(tenant: &TenantId, repo: u64, commit: &Sha) -> Key {
    Key::new(format!("T#{tenant}#REPO#{repo}"), format!("BOT#{commit}"))
}

/// What people have decided on a lane.
#[must_use]
pub fn decided(pk: &str) -> Key {
    Key::new(pk, "DECIDED")
}

/// The partition of an execution.
#[must_use]
pub fn execution_partition(tenant: &TenantId, id: &ExecutionId) -> String {
    format!("T#{tenant}#X#{id}")
}

/// An execution.
#[must_use]
pub fn execution(tenant: &TenantId, id: &ExecutionId) -> Key {
    Key::new(execution_partition(tenant, id), EXECUTION)
}

/// A task of an execution.
#[must_use]
pub fn task(tenant: &TenantId, id: &ExecutionId, step: &StepName, round: u32) -> Key {
    Key::new(
        execution_partition(tenant, id),
        format!("{TASKS}{step}#{round}"),
    )
}

/// The timer of a generation of an execution.
#[must_use]
pub fn timer(tenant: &TenantId, id: &ExecutionId, generation: u32) -> Key {
    Key::new(
        execution_partition(tenant, id),
        format!("{TIMERS}{generation}"),
    )
}

/// A page of events, by the number of its first.
#[must_use]
pub fn events(tenant: &TenantId, id: &ExecutionId, first: u64) -> Key {
    Key::new(
        execution_partition(tenant, id),
        format!("{EVENTS}{first:010}"),
    )
}

/// Where an execution is listed by time: one list per month.
#[must_use]
pub fn executions(tenant: &TenantId, at: Timestamp, id: &ExecutionId) -> IndexKey {
    IndexKey {
        pk: executions_of(tenant, at),
        sk: format!("{}#{id}", at.digits()),
    }
}

/// The list of a month's executions.
#[must_use]
pub fn executions_of(tenant: &TenantId, at: Timestamp) -> String {
    let text = at.to_string();
    format!("T#{tenant}#EXECS#{}", text.get(..7).unwrap_or_default())
}

/// Where an execution is listed by status.
#[must_use]
pub fn by_status(tenant: &TenantId, status: &str, at: Timestamp, id: &ExecutionId) -> IndexKey {
    IndexKey {
        pk: format!("T#{tenant}#STATUS#{status}"),
        sk: format!("{}#{id}", at.digits()),
    }
}

/// Where the dead tasks of a queue are listed.
#[must_use]
pub fn dead_letters(tenant: &TenantId, queue: &QueueName) -> String {
    format!("T#{tenant}#DLQ#{queue}")
}

/// The sender of an installation, by its partition.
#[must_use]
pub fn sender(pk: &str) -> Key {
    Key::new(pk, SENDER)
}

/// How fast an installation has written.
#[must_use]
pub fn pace(pk: &str) -> Key {
    Key::new(pk, "PACE")
}

/// An item in the mailbox of a sender.
#[must_use]
pub fn outgoing(pk: &str, id: &str) -> Key {
    Key::new(pk, format!("{OUTGOING}{id}"))
}

/// The ledger of an object; the digest is of hexadecimal digits.
#[must_use]
pub fn effect(pk: &str, object: &str) -> Key {
    Key::new(pk, format!("FX#{object}"))
}

/// Where the effects of an execution are listed.
#[must_use]
pub fn effects_of(tenant: &TenantId, id: &ExecutionId) -> String {
    format!("{}#FX", execution_partition(tenant, id))
}

/// Where the effects of a state are listed.
#[must_use]
pub fn effects_by_state(tenant: &TenantId, state: &str) -> String {
    format!("T#{tenant}#FX#{state}")
}

/// The second half of the reconciler.
pub const RECONCILER: &str = "RECONCILER";

/// Who looks for deliveries that failed; there is one for all tenants.
#[must_use]
pub fn reconciler() -> Key {
    Key::new("T#-#APP", RECONCILER)
}

/// The key of markers, which all tenants share.
#[must_use]
pub fn marker_key() -> Key {
    Key::new("T#-#SECRET#markers", "M")
}

/// The breaker of a provider, which all tenants share.
#[must_use]
pub fn breaker(provider: &str) -> Key {
    Key::new(format!("T#-#PROVIDER#{provider}"), "BREAKER")
}

/// A counter of money; what it counts is named by operators and forges in numbers and checked names.
#[must_use]
pub fn budget(tenant: &TenantId, scope: &str, id: &str, period: &str) -> Key {
    Key::new(format!("T#{tenant}#BUDGET#{scope}#{id}"), period)
}

/// A call of a model that was paid for.
#[must_use]
pub fn cost(tenant: &TenantId, id: &ExecutionId, call: &str) -> Key {
    Key::new(execution_partition(tenant, id), format!("COST#{call}"))
}

/// Where the calls of a day are listed.
#[must_use]
pub fn costs_of(tenant: &TenantId, at: Timestamp) -> String {
    let text = at.to_string();
    format!("T#{tenant}#COST#{}", text.get(..10).unwrap_or_default())
}

/// A model's answer to a question of an execution; the digest is of hexadecimal digits.
#[must_use]
pub fn answer(tenant: &TenantId, id: &ExecutionId, digest: &str) -> Key {
    Key::new(execution_partition(tenant, id), format!("ANSWER#{digest}"))
}

/// A model's answer to a question that others may ask; the digest is of hexadecimal digits.
#[must_use]
pub fn cached(tenant: &TenantId, digest: &str) -> Key {
    Key::new(format!("T#{tenant}#CACHE#{digest}"), "M")
}

/// A security record.
#[must_use]
pub fn security(tenant: &TenantId, at: Timestamp, id: &str) -> Key {
    let text = at.to_string();
    let month = text.get(..7).unwrap_or_default();
    Key::new(format!("T#{tenant}#SECURITY#{month}"), id)
}

/// What a client has asked for under an `Idempotency-Key`; the digest is of hexadecimal digits.
#[must_use]
pub fn idempotency(tenant: &TenantId, owner: &str, digest: &str) -> Key {
    Key::new(format!("T#{tenant}#IDEMP#{owner}#{digest}"), "M")
}

/// The tenant whose record it is, as its key says.
#[must_use]
pub fn tenant(key: &Key) -> Option<TenantId> {
    let rest = key.pk.strip_prefix("T#")?;
    let (tenant, _) = rest.split_once('#')?;
    TenantId::parse(tenant).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_names_its_tenant() {
        let tenant = TenantId::parse("octo-org").unwrap();
        let id = ExecutionId::new(Timestamp::default(), 1);
        let keys = [
            delivery(&tenant, &DeliveryId::parse("d").unwrap()),
            lane(&pull(&tenant, 1, 2)),
            execution(&tenant, &id),
            events(&tenant, &id, 12),
        ];
        for key in keys {
            assert_eq!(super::tenant(&key), Some(tenant.clone()), "{key}");
        }
        assert_eq!(super::tenant(&breaker("x")).unwrap().as_str(), "-");
    }
}
