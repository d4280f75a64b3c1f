//! The state machine against its table, and against any order of events.

use std::collections::BTreeSet;
use std::time::Duration;

use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::id::{AgentName, QueueName, WorkflowName};
use crate::plan::{Role, StepPlan};
use crate::retry::RetryLaw;

fn step(name: &'static str, after: &[&'static str], role: Role) -> StepPlan {
    StepPlan {
        name: StepName::constant(name),
        agent: AgentName::constant("agent"),
        queue: QueueName::constant("queue"),
        after: after.iter().map(|name| StepName::constant(name)).collect(),
        role,
        provider: None,
        time_limit: Duration::from_secs(60),
        retry: RetryLaw::default(),
    }
}

/// `a` and `b` together, then `c`; `a` and `c` can be taken back; `tell` runs at the end.
fn plan() -> Plan {
    Plan {
        workflow: WorkflowName::constant("test"),
        steps: vec![
            step("a", &[], Role::Work),
            step("b", &[], Role::Work),
            step("c", &["a", "b"], Role::Work),
            step("undo-a", &[], Role::Undo(StepName::constant("a"))),
            step("undo-c", &[], Role::Undo(StepName::constant("c"))),
            step("tell", &[], Role::Finally),
        ],
        effects: Vec::new(),
        queue_ttl: Duration::from_secs(100),
        deadline: Duration::from_secs(1000),
    }
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_millis(seconds * 1000)
}

fn fresh() -> Execution {
    Execution {
        id: ExecutionId::new(at(0), 1),
        tenant: TenantId::local(),
        owner: "somebody".to_owned(),
        cause: Cause::Request("somebody".to_owned()),
        subject: None,
        input: Value::Null,
        plan: plan(),
        generation: 0,
        status: Status::Queued,
        reason: None,
        detail: None,
        after_compensation: None,
        compensated: None,
        steps: BTreeMap::new(),
        stream: Head::default(),
        created_at: at(0),
        started_at: None,
        finished_at: None,
        notified_at: None,
    }
}

fn name(text: &str) -> StepName {
    StepName::parse(text).unwrap()
}

fn done(step: &str) -> Event {
    Event::Done {
        step: name(step),
        result: Value::Null,
        told: Vec::new(),
    }
}

fn dead(step: &str) -> Event {
    Event::Dead {
        step: name(step),
        death: Death::Failed,
        error: "broken".to_owned(),
    }
}

/// What was enqueued, cancelled and told, in short.
fn short(commands: &[Command]) -> Vec<String> {
    let text = |command: &Command| match command {
        Command::Enqueue { step, round } => format!("+{step}{round}"),
        Command::Cancel { step, round } => format!("-{step}{round}"),
        Command::SetTimer(at) => format!("timer {}", at.millis() / 1000),
        Command::Tell(told) => told.kind.to_owned(),
    };
    commands.iter().map(text).collect()
}

struct Life(Execution);

impl Life {
    fn new() -> Self {
        let decision = start(fresh());
        assert_eq!(
            short(&decision.commands),
            ["execution.queued", "timer 100", "+a0", "+b0"]
        );
        Self(decision.execution)
    }

    fn meets(&mut self, event: Event, seconds: i64) -> Vec<String> {
        let decision = decide(&self.0, event, at(seconds)).unwrap();
        self.0 = decision.execution;
        short(&decision.commands)
    }
}

#[test]
fn steps_run_in_their_order_and_the_last_ones_at_the_end() {
    let mut life = Life::new();
    assert_eq!(
        life.meets(Event::Begun(name("a")), 1),
        ["execution.started", "step.started"]
    );
    assert_eq!(life.meets(Event::Begun(name("a")), 1), [""; 0]);
    assert_eq!(life.meets(done("a"), 2), ["step.completed"]);
    assert_eq!(life.meets(done("a"), 2), [""; 0]);
    assert_eq!(life.meets(done("b"), 3), ["step.completed", "+c0"]);
    assert_eq!(
        life.meets(done("c"), 4),
        ["step.completed", "execution.succeeded", "+tell0"]
    );
    assert_eq!(life.0.status, Status::Succeeded);
    assert_eq!(life.0.notified_at, None);
    assert_eq!(life.meets(done("tell"), 5), ["step.completed"]);
    assert_eq!(life.0.notified_at, Some(at(5)));
}

#[test]
fn a_failure_takes_back_what_was_done_in_reverse() {
    let mut life = Life::new();
    life.meets(done("a"), 1);
    assert_eq!(
        life.meets(dead("b"), 2),
        [
            "task.dead",
            "step.failed",
            "execution.compensating",
            "+undo-a0"
        ]
    );
    assert_eq!(life.0.status, Status::Compensating);
    assert_eq!(
        life.meets(done("undo-a"), 3),
        ["step.completed", "execution.failed", "+tell0"]
    );
    assert_eq!(life.0.status, Status::Failed);
    assert_eq!(life.0.reason, Some(Reason::Internal));
    assert_eq!(life.0.compensated, Some(Compensated::Yes));
}

#[test]
fn what_cannot_be_taken_back_is_said() {
    let mut life = Life::new();
    life.meets(done("a"), 1);
    life.meets(dead("b"), 2);
    life.meets(dead("undo-a"), 3);
    assert_eq!(life.0.status, Status::Failed);
    assert_eq!(life.0.compensated, Some(Compensated::Partial));
}

#[test]
fn cancelling_ends_live_tasks_and_then_says_cancelled() {
    let mut life = Life::new();
    let cancel = || Event::Cancel {
        reason: Reason::User,
        by: "somebody".to_owned(),
    };
    assert_eq!(
        life.meets(cancel(), 1),
        ["-a0", "-b0", "execution.cancelled", "+tell0"]
    );
    assert_eq!(life.meets(cancel(), 2), [""; 0]);
    let mut life = Life::new();
    life.meets(done("a"), 1);
    assert_eq!(
        life.meets(cancel(), 1),
        ["-b0", "execution.compensating", "+undo-a0"]
    );
    life.meets(done("undo-a"), 2);
    assert_eq!(
        (life.0.status, life.0.reason),
        (Status::Cancelled, Some(Reason::User))
    );
}

#[test]
fn it_waits_when_every_open_step_waits() {
    let mut life = Life::new();
    life.meets(Event::Begun(name("a")), 1);
    let park = |step: &str| Event::Parked {
        step: name(step),
        wait: Wait::Human,
    };
    assert_eq!(life.meets(park("a"), 2), [""; 0]);
    assert_eq!(life.meets(park("b"), 2), ["execution.waiting"]);
    assert_eq!(life.0.status, Status::Waiting);
    assert_eq!(
        life.meets(Event::Woken(name("b")), 3),
        ["execution.resumed"]
    );
    assert_eq!(life.0.status, Status::Running);
}

#[test]
fn its_timer_ends_it_in_the_queue_or_at_its_deadline() {
    let mut life = Life::new();
    life.meets(Event::Late, 100);
    assert_eq!(
        (life.0.status, life.0.reason),
        (Status::Failed, Some(Reason::Expired))
    );
    let mut life = Life::new();
    life.meets(Event::Begun(name("a")), 50);
    assert_eq!(life.meets(Event::Late, 100), ["timer 1050"]);
    life.meets(Event::Late, 1050);
    assert_eq!(life.0.reason, Some(Reason::TimedOut));
}

#[test]
fn beginning_anew_keeps_what_is_done() {
    let mut life = Life::new();
    life.meets(done("b"), 1);
    life.meets(dead("a"), 2);
    life.meets(done("tell"), 3);
    let retry = || Event::Retry {
        by: "operator".to_owned(),
    };
    assert_eq!(
        life.meets(retry(), 4),
        ["execution.resumed", "timer 1004", "+a1"]
    );
    assert_eq!(life.0.generation, 1);
    life.meets(done("a"), 5);
    assert_eq!(life.meets(done("c"), 6).last().unwrap(), "+tell1");
    assert!(decide(&life.0, retry(), at(7)).is_err());
}

#[test]
fn a_last_step_can_be_done_once_more() {
    let mut life = Life::new();
    for step in ["a", "b", "c"] {
        life.meets(done(step), 1);
    }
    assert!(decide(&life.0, Event::Redo(name("tell")), at(2)).is_err());
    life.meets(dead("tell"), 2);
    assert_eq!(life.meets(Event::Redo(name("tell")), 3), ["+tell1"]);
    assert!(decide(&life.0, Event::Redo(name("a")), at(4)).is_err());
}

#[test]
fn what_was_taken_back_is_done_again() {
    let mut life = Life::new();
    life.meets(done("a"), 1);
    life.meets(dead("b"), 2);
    life.meets(done("undo-a"), 3);
    let commands = life.meets(
        Event::Retry {
            by: "operator".to_owned(),
        },
        4,
    );
    assert_eq!(
        commands,
        ["-tell0", "execution.resumed", "timer 1004", "+a1", "+b1"]
    );
    life.meets(done("a"), 5);
    assert_eq!(life.meets(dead("b"), 6).last().unwrap(), "+undo-a1");
}

/// The rows of `states` as pairs; terminal states are left by an operator only.
fn is_declared(from: Status, to: Status, is_operator: bool) -> bool {
    use Status::{Cancelled, Compensating, Failed, Queued, Running, Succeeded, Waiting};
    match (from, to) {
        (Failed, Running) => is_operator,
        (Queued, Running | Compensating | Failed | Cancelled | Succeeded)
        | (Running, Waiting | Compensating | Succeeded | Failed | Cancelled)
        | (Waiting, Running | Compensating | Failed | Cancelled | Succeeded)
        | (Compensating, Failed | Cancelled) => true,
        (from, to) => from == to,
    }
}

fn any_event() -> impl Strategy<Value = Event> {
    let steps = prop::sample::select(vec!["a", "b", "c", "undo-a", "undo-c", "tell", "other"]);
    (0_u8..10, steps).prop_map(|(kind, step)| match kind {
        0 => Event::Begun(name(step)),
        1 | 2 => done(step),
        3 => Event::Parked {
            step: name(step),
            wait: Wait::Gate,
        },
        4 => Event::Woken(name(step)),
        5 => dead(step),
        6 => Event::Cancel {
            reason: Reason::Superseded,
            by: "newer".to_owned(),
        },
        7 => Event::Late,
        8 => Event::Redo(name(step)),
        _ => Event::Retry {
            by: "operator".to_owned(),
        },
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    #[test]
    fn i15_only_declared_transitions_happen_and_no_task_is_lost(
        events in prop::collection::vec(any_event(), 1..40),
    ) {
        let mut execution = start(fresh()).execution;
        let mut live: BTreeSet<(StepName, u32)> = execution.live_tasks().into_iter().collect();
        let mut seconds = 0;
        for event in events {
            seconds += 40;
            let is_operator = matches!(event, Event::Retry { .. });
            let Ok(decision) = decide(&execution, event.clone(), at(seconds)) else { continue };
            let again = decide(&execution, event.clone(), at(seconds)).unwrap();
            prop_assert_eq!(&again, &decision);
            let (from, to) = (execution.status, decision.execution.status);
            prop_assert!(is_declared(from, to, is_operator), "{from:?} to {to:?} by {event:?}");
            if let Event::Done { step, .. } | Event::Dead { step, .. } = &event {
                live.retain(|(name, _)| name != step);
            }
            for command in &decision.commands {
                match command {
                    Command::Enqueue { step, round } => {
                        prop_assert!(live.insert((step.clone(), *round)), "{step} twice");
                    }
                    Command::Cancel { step, round } => {
                        prop_assert!(live.remove(&(step.clone(), *round)), "{step} not live");
                    }
                    _ => {}
                }
            }
            execution = decision.execution;
            let known: BTreeSet<_> = execution.live_tasks().into_iter().collect();
            prop_assert_eq!(&known, &live);
            if execution.status.is_terminal() {
                prop_assert!(live.iter().all(|(name, _)| name.as_str() == "tell"));
            } else {
                prop_assert!(!live.is_empty(), "{:?} has nothing to do", execution.status);
            }
        }
    }
}
