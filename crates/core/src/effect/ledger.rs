//! The ledger of one object outside: what is wanted of it, what was sent, and what may be done next. Nothing is sent twice on a guess.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Found, Kind, Target};
use crate::id::{ExecutionId, WorkflowName};
use crate::ports::blob::BlobRef;
use crate::ports::store::Epoch;
use crate::retry::RetryLaw;
use crate::time::Timestamp;

/// Where the wanted version of an object is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// To be sent.
    Planned,
    /// A request may be on its way.
    Sending,
    /// A request was made and nobody knows what came of it.
    Unknown,
    /// It is there.
    Confirmed,
    /// Nobody wants it any more.
    Cancelled,
    /// The forge does not take it.
    Dead,
}

impl State {
    /// One word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Planned => "planned",
            Self::Sending => "sending",
            Self::Unknown => "unknown",
            Self::Confirmed => "confirmed",
            Self::Cancelled => "cancelled",
            Self::Dead => "dead",
        }
    }

    /// Whether nothing more will be sent.
    #[must_use]
    pub fn is_over(self) -> bool {
        matches!(self, Self::Confirmed | Self::Cancelled | Self::Dead)
    }
}

/// Who must still be active for an effect to be wanted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Guard {
    /// The lane's partition.
    pub lane: String,
    /// The workflow whose active execution it must be.
    pub workflow: WorkflowName,
}

/// What is wanted of an object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wish {
    /// The content's version.
    pub version: String,
    /// The content.
    pub content: BlobRef,
    /// Who wants it.
    pub execution: ExecutionId,
    /// For how long.
    pub guard: Option<Guard>,
    /// Since when.
    pub at: Timestamp,
}

/// A request of which it is not known, or was not when it was last looked at, whether it arrived.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sent {
    /// The sender's epoch.
    pub epoch: Epoch,
    /// Whether it makes something new: then that must not be made again before it is sure that it is not there.
    pub is_new: bool,
    /// Since when it cannot arrive any more; `None` while it is made.
    pub over_at: Option<Timestamp>,
}

/// The ledger of an object, as its record holds it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ledger {
    /// Where.
    pub target: Target,
    /// What kind of thing.
    pub kind: Kind,
    /// What is wanted.
    pub wish: Wish,
    /// Where that is.
    pub state: State,
    /// A request that may have arrived.
    pub sent: Option<Sent>,
    /// What was last known to be there: a list may not show it yet.
    pub found: Option<Found>,
    /// Which version that had.
    #[serde(default)]
    pub found_version: String,
    /// Its place in the sender's mailbox, as long as something is to be done.
    pub item: Option<String>,
    /// Not before.
    pub not_before: Timestamp,
    /// How often in a row the forge could not be asked or did not do it.
    pub faults: u32,
    /// Requests made for the wanted version.
    pub requests: u32,
    /// Looks in vain for a request that may have arrived.
    pub looks: u32,
    /// Whether an earlier sender may come late and make it once more: it is then looked at again after it is confirmed.
    pub is_doubtful: bool,
    /// The last error.
    pub error: Option<String>,
}

/// How sending goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SendLaw {
    /// How long it may take from when a request seems lost until everybody would see what it made: lists lag for up to
    /// a minute, and a forge may go on with a request whose sender has given up.
    pub stale: Duration,
    /// Longest time one request may take.
    pub request: Duration,
    /// Most requests for one version.
    pub requests: u32,
    /// When a fault is over.
    pub retry: RetryLaw,
}

impl Default for SendLaw {
    fn default() -> Self {
        Self {
            stale: Duration::from_secs(90),
            request: Duration::from_secs(30),
            requests: 20,
            retry: RetryLaw::default(),
        }
    }
}

/// What to do about an object after a look at it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Nothing: it is as wanted.
    Confirm(Found),
    /// Make it.
    Make,
    /// Change it, or go on making it.
    Change(Found),
    /// Take back what is there twice.
    Retract(Found),
    /// Look again then.
    Wait(Timestamp),
    /// Nothing: what it was about is gone.
    Drop,
}

impl Ledger {
    /// A ledger for an object of which nothing is known.
    #[must_use]
    pub fn new(target: Target, kind: Kind, wish: Wish) -> Self {
        Self {
            target,
            kind,
            state: State::Planned,
            sent: None,
            found: None,
            found_version: String::new(),
            item: None,
            not_before: wish.at,
            faults: 0,
            requests: 0,
            looks: 0,
            is_doubtful: false,
            error: None,
            wish,
        }
    }

    /// Wants something of an object that is known already. Says whether there is something to do.
    ///
    /// A request that may have arrived stays known: whatever is wanted now, nothing is made twice.
    pub fn want(&mut self, target: Target, wish: Wish) -> bool {
        let is_new = self.wish.version != wish.version;
        if !is_new && self.state == State::Confirmed {
            return false;
        }
        if is_new || self.state.is_over() {
            self.requests = 0;
            self.faults = 0;
            self.error = None;
        }
        if self.sent.is_none() {
            self.state = State::Planned;
            self.not_before = wish.at;
        } else if self.state.is_over() {
            self.state = State::Unknown;
        }
        self.target = target;
        self.wish = wish;
        true
    }

    /// Notes before anything else that a request whose outcome nobody noted cannot arrive any more, but may have.
    pub fn take_over(&mut self, now: Timestamp) {
        if let Some(sent) = &mut self.sent
            && sent.over_at.is_none()
        {
            sent.over_at = Some(now);
            self.state = State::Unknown;
            self.looks = 0;
            self.is_doubtful = true;
        }
    }

    /// Says what to do after a look at the forge. `found` is what is there, oldest first.
    #[must_use]
    pub fn step(&self, found: &[Found], law: &SendLaw, now: Timestamp) -> Step {
        if found.is_empty() && matches!(self.kind, Kind::Resolve | Kind::Commit) {
            return Step::Drop;
        }
        let known = self.known();
        let found = if found.is_empty() {
            known.as_slice()
        } else {
            found
        };
        match (found, &self.sent) {
            ([_, .., extra], _) => Step::Retract(extra.clone()),
            ([one], _) if one.is_current => Step::Confirm(one.clone()),
            ([one], _) => Step::Change(one.clone()),
            ([], Some(sent)) if sent.is_new => {
                let sure_at = sent.over_at.unwrap_or(now) + law.stale;
                if now >= sure_at {
                    return Step::Make;
                }
                // After 1 s, 2 s, 4 s …, and once more when it is sure.
                let pause = Duration::from_secs(1 << self.looks.min(6));
                Step::Wait((now + pause).min(sure_at))
            }
            ([], _) => Step::Make,
        }
    }

    /// What was made or seen before. If it is gone, the forge says so when it is to be changed.
    fn known(&self) -> Option<Found> {
        let found = self.found.clone()?;
        match self.found_version == self.wish.version {
            true => Some(found),
            // Whatever it has of another version is not added to.
            false => Some(Found {
                parts: u16::MAX.into(),
                is_current: false,
                ..found
            }),
        }
    }

    /// Notes that what was to be changed is not there any more.
    pub fn lack(&mut self, error: String, now: Timestamp) {
        self.found = None;
        self.miss(error, None, now);
    }

    /// Notes that a request is about to be made.
    pub fn begin(&mut self, epoch: Epoch, is_new: bool) {
        self.is_doubtful |= is_new && self.sent.is_some();
        self.state = State::Sending;
        self.requests = self.requests.saturating_add(1);
        self.sent = Some(Sent {
            epoch,
            is_new,
            over_at: None,
        });
    }

    /// Notes what is there now; `version` is the version that was asked for.
    pub fn confirm(&mut self, found: Found, version: &str, law: &SendLaw, now: Timestamp) {
        let is_whole = found.is_current && version == self.wish.version;
        self.found = Some(found);
        version.clone_into(&mut self.found_version);
        self.sent = None;
        self.faults = 0;
        self.looks = 0;
        self.error = None;
        self.not_before = now;
        self.state = State::Planned;
        if is_whole {
            // A late request shows after so long; until then the object stays in the mailbox.
            if std::mem::take(&mut self.is_doubtful) && !law.stale.is_zero() {
                self.not_before = now + law.stale;
            }
            self.state = State::Confirmed;
        }
    }

    /// Notes that it is not known what came of a request.
    pub fn lose(&mut self, error: String, now: Timestamp) {
        if let Some(sent) = &mut self.sent {
            sent.over_at = Some(now);
        }
        self.state = State::Unknown;
        self.faults = self.faults.saturating_add(1);
        self.looks = 0;
        self.error = Some(error);
        self.not_before = now;
    }

    /// Notes that a request was certainly not done, so that the one before it counts again.
    pub fn miss(&mut self, error: String, before: Option<Sent>, next: Timestamp) {
        self.state = match before {
            Some(_) => State::Unknown,
            None => State::Planned,
        };
        self.sent = before;
        self.delay(error, next);
    }

    /// Notes that the forge could not be asked.
    pub fn delay(&mut self, error: String, next: Timestamp) {
        self.error = Some(error);
        self.faults = self.faults.saturating_add(1);
        self.not_before = next;
    }

    /// Notes a look in vain.
    pub fn wait(&mut self, next: Timestamp) {
        self.looks = self.looks.saturating_add(1);
        self.not_before = next;
    }

    /// Whether it stays in the mailbox.
    #[must_use]
    pub fn is_pending(&self, now: Timestamp) -> bool {
        match self.state {
            State::Confirmed => self.not_before > now,
            state => !state.is_over(),
        }
    }

    /// The effect key of a digest of its object key: at most one request of it is ever done.
    #[must_use]
    pub fn effect_key(&self, object: &str) -> String {
        format!("{object}:{}", self.wish.version)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::tests::target;
    use super::*;
    use crate::id::TenantId;
    use crate::ports::blob::BlobClass;

    fn at(seconds: u64) -> Timestamp {
        Timestamp::default() + Duration::from_secs(seconds)
    }

    fn wish(version: &str, now: Timestamp) -> Wish {
        Wish {
            version: version.to_owned(),
            content: BlobRef::of(&TenantId::local(), BlobClass::Result, version.as_bytes()),
            execution: ExecutionId::new(now, 1),
            guard: None,
            at: now,
        }
    }

    fn law() -> SendLaw {
        SendLaw {
            stale: Duration::from_secs(60),
            ..SendLaw::default()
        }
    }

    fn ledger() -> Ledger {
        Ledger::new(target(1, 2, 'a'), Kind::Summary, wish("one", at(0)))
    }

    fn found(id: &str, is_current: bool) -> Found {
        Found {
            id: id.to_owned(),
            parts: 1,
            is_current,
        }
    }

    #[test]
    fn i08_after_an_unknown_outcome_comes_a_look_and_nothing_is_made_before_it_is_sure() {
        let law = law();
        let mut ledger = ledger();
        assert_eq!(ledger.step(&[], &law, at(1)), Step::Make);
        ledger.begin(Epoch(1), true);
        ledger.lose("reset".to_owned(), at(10));
        assert_eq!(ledger.state, State::Unknown);
        for look in 0..70 {
            assert!(matches!(
                ledger.step(&[], &law, at(10) + Duration::from_millis(look * 850)),
                Step::Wait(_)
            ));
            ledger.looks += 1;
        }
        assert_eq!(ledger.step(&[], &law, at(70)), Step::Make);
        let there = found("7", true);
        assert_eq!(
            ledger.step(std::slice::from_ref(&there), &law, at(11)),
            Step::Confirm(there)
        );
    }

    #[test]
    fn a_request_of_a_dead_sender_is_unknown_and_what_it_made_late_is_looked_for() {
        let law = law();
        let mut ledger = ledger();
        ledger.begin(Epoch(1), true);
        ledger.take_over(at(5));
        assert!(matches!(ledger.step(&[], &law, at(5)), Step::Wait(_)));
        assert_eq!(ledger.step(&[], &law, at(65)), Step::Make);
        ledger.begin(Epoch(2), true);
        ledger.confirm(found("8", true), "one", &law, at(66));
        assert_eq!(ledger.state, State::Confirmed);
        assert!(ledger.is_pending(at(66)) && !ledger.is_pending(at(126)));
        let twice = [found("7", true), found("8", true)];
        assert_eq!(
            ledger.step(&twice, &law, at(126)),
            Step::Retract(found("8", true))
        );
    }

    #[test]
    fn what_is_wanted_meanwhile_is_sent_after_what_was_sent() {
        let law = law();
        let mut ledger = ledger();
        ledger.begin(Epoch(1), true);
        assert!(ledger.want(target(1, 2, 'b'), wish("two", at(3))));
        assert_eq!(ledger.state, State::Sending);
        ledger.confirm(found("7", true), "one", &law, at(4));
        assert_eq!(ledger.state, State::Planned);
        assert_eq!(
            ledger.step(&[found("7", false)], &law, at(4)),
            Step::Change(found("7", false))
        );
        ledger.begin(Epoch(1), false);
        ledger.confirm(found("7", true), "two", &law, at(5));
        assert_eq!(ledger.state, State::Confirmed);
        assert!(!ledger.want(target(1, 2, 'b'), wish("two", at(6))));
        assert!(ledger.want(target(1, 2, 'c'), wish("one", at(6))));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(512))]
        /// Any order of wishes, sends, losses and deaths: a new object is never made while an earlier making of it may yet show.
        #[test]
        fn i07_nothing_is_made_while_an_earlier_making_may_show(actions in prop::collection::vec((0_u8..6, 0_u64..90), 1..60)) {
            let law = law();
            let mut ledger = ledger();
            let (mut now, mut epoch) = (at(0), Epoch(1));
            // When the last making was over, if nobody saw what came of it.
            let mut unseen: Option<Timestamp> = None;
            for (action, pause) in actions {
                now = now + Duration::from_secs(pause);
                match action {
                    0 => {
                        ledger.want(target(1, 2, 'a'), wish(&pause.to_string(), now));
                    }
                    1 => epoch = Epoch(epoch.0 + 1),
                    _ => {
                        ledger.take_over(now);
                        if ledger.step(&[], &law, now) != Step::Make || ledger.state == State::Confirmed {
                            continue;
                        }
                        prop_assert!(unseen.is_none_or(|over| now.since(over) >= law.stale));
                        let before = ledger.sent.clone();
                        ledger.begin(epoch, true);
                        match action {
                            2 => {
                                ledger.lose(String::new(), now);
                                unseen = Some(now);
                            }
                            3 => ledger.miss(String::new(), before, now),
                            4 => {
                                ledger.confirm(found("1", true), &ledger.wish.version.clone(), &law, now);
                                unseen = None;
                            }
                            // It dies: what it sent is over when the next one comes.
                            _ => {
                                epoch = Epoch(epoch.0 + 1);
                                unseen = Some(now);
                            }
                        }
                    }
                }
            }
        }
    }
}
