//! Event streams: pages of events, numbered without a gap and chained by digests, so that nothing can be taken out or changed unseen.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::time::Timestamp;

/// Where a stream ends; kept in its owner's record.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// The number of the last event; 0 before the first.
    pub seq: u64,
    /// The digest of the last page; empty before the first.
    pub hash: String,
}

/// One event.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Its number in the stream, from 1.
    pub seq: u64,
    /// What happened, e.g. `step.completed`.
    #[serde(rename = "type")]
    pub kind: String,
    /// When.
    pub at: Timestamp,
    /// Details.
    #[serde(default)]
    pub data: Value,
}

/// The events of one commit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Page {
    /// The events.
    pub events: Vec<Event>,
    /// The digest of the page before.
    pub previous: String,
    /// The digest of this page: of `previous` and the events.
    pub hash: String,
}

/// What is to be told, before it has a number.
#[derive(Clone, Debug, PartialEq)]
pub struct Told {
    /// What happened.
    pub kind: &'static str,
    /// Details.
    pub data: Value,
}

impl Told {
    /// Something with details.
    #[must_use]
    pub fn new(kind: &'static str, data: Value) -> Self {
        Self { kind, data }
    }
}

impl Head {
    /// Makes the next page and moves the head; nothing if there is nothing to tell.
    pub fn append(&mut self, told: Vec<Told>, at: Timestamp) -> Option<Page> {
        if told.is_empty() {
            return None;
        }
        let events = told.into_iter().zip(self.seq + 1..);
        let events: Vec<Event> = events
            .map(|(told, seq)| Event {
                seq,
                kind: told.kind.to_owned(),
                at,
                data: told.data,
            })
            .collect();
        let page = Page {
            hash: digest(&self.hash, &events),
            previous: std::mem::take(&mut self.hash),
            events,
        };
        self.seq += page.events.len() as u64;
        self.hash = page.hash.clone();
        Some(page)
    }
}

/// What is wrong with a stream.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChainError {
    /// A number is missing or comes twice.
    #[error("event {expected} should come next, and {found} does")]
    Gap {
        /// The number that should come.
        expected: u64,
        /// The number that came.
        found: u64,
    },
    /// A page was changed, or is not the one that was written there.
    #[error("the page of event {0} was changed")]
    Changed(u64),
    /// The end is missing.
    #[error("the stream ends at {found}, its owner says {expected}")]
    Cut {
        /// What the owner says.
        expected: u64,
        /// The last event there is.
        found: u64,
    },
}

/// Checks all pages of a stream against its head.
pub fn verify(pages: &[Page], head: &Head) -> Result<(), ChainError> {
    let mut reached = Head::default();
    for page in pages {
        for event in &page.events {
            if event.seq != reached.seq + 1 {
                return Err(ChainError::Gap {
                    expected: reached.seq + 1,
                    found: event.seq,
                });
            }
            reached.seq = event.seq;
        }
        if page.previous != reached.hash || page.hash != digest(&page.previous, &page.events) {
            return Err(ChainError::Changed(reached.seq));
        }
        reached.hash.clone_from(&page.hash);
    }
    if reached.seq != head.seq {
        return Err(ChainError::Cut {
            expected: head.seq,
            found: reached.seq,
        });
    }
    if reached.hash != head.hash {
        return Err(ChainError::Changed(reached.seq));
    }
    Ok(())
}

fn digest(previous: &str, events: &[Event]) -> String {
    let mut hasher = Sha256::new();
    hasher.update(previous.as_bytes());
    for event in events {
        // A value that cannot be written as JSON does not exist here.
        let text = serde_json::to_vec(event).unwrap_or_default();
        hasher.update((text.len() as u64).to_be_bytes());
        hasher.update(&text);
    }
    hex(&hasher.finalize())
}

/// Hexadecimal digits.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    struct Hex<'a>(&'a [u8]);
    impl fmt::Display for Hex<'_> {
        fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
            self.0.iter().try_for_each(|byte| write!(out, "{byte:02x}"))
        }
    }
    Hex(bytes).to_string()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn pages(sizes: &[usize]) -> (Vec<Page>, Head) {
        let mut head = Head::default();
        let mut pages = Vec::new();
        for (number, size) in sizes.iter().enumerate() {
            let told =
                (0..*size).map(|part| Told::new("step.completed", json!({"n": number, "p": part})));
            pages.extend(head.append(told.collect(), Timestamp::from_millis(7)));
        }
        (pages, head)
    }

    proptest! {
        #[test]
        fn i25_i26_numbers_have_no_gap_and_no_change_goes_unseen(
            sizes in prop::collection::vec(0_usize..4, 1..8),
            page in 0_usize..8,
            change in 0_u8..5,
        ) {
            let (mut pages, head) = pages(&sizes);
            prop_assert_eq!(verify(&pages, &head), Ok(()));
            prop_assert_eq!(head.seq as usize, sizes.iter().sum::<usize>());
            prop_assume!(!pages.is_empty());
            let page = page % pages.len();
            match change {
                0 => { pages.remove(page); }
                1 => pages[page].events[0].data = json!("other"),
                2 => pages[page].events[0].at = Timestamp::from_millis(8),
                3 => { let copy = pages[page].clone(); pages.insert(page, copy); }
                _ => pages[page].hash.push('0'),
            }
            prop_assert!(verify(&pages, &head).is_err());
        }
    }
}
