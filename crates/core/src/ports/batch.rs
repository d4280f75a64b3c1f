//! Writes that happen together or not at all, and the limits that are the same on every back end.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use super::store::{Draft, Due, Epoch, Key, Second, Version};
use crate::time::Timestamp;

/// Most writes of a batch: DynamoDB takes 100 in a transaction, and the indexes need room.
pub const MAX_WRITES: usize = 80;
/// Most bytes of keys and bodies in a batch.
pub const MAX_BYTES: usize = 1 << 20;
/// Most bytes of one body; larger ones are blobs.
pub const MAX_BODY: usize = 128 << 10;
/// Most bytes of either half of a key, also of an index: DynamoDB's limit for a sort key.
pub const MAX_KEY: usize = 1024;

/// What a write expects to find. A record past its deadline at the batch's time is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expect {
    /// There is no such record.
    Absent,
    /// It has not changed since it was read.
    Version(Version),
    /// Nobody has leased it since.
    Epoch(Epoch),
}

/// One write.
#[derive(Clone, Debug, PartialEq)]
pub enum Write {
    /// Writes a record. It is free afterwards, whoever held it; its epoch stays.
    Put {
        /// What to write.
        draft: Draft,
        /// What must be there.
        expect: Expect,
    },
    /// Removes a record for good. Its key must never be used again: versions would start anew.
    Delete {
        /// Which.
        key: Key,
        /// What must be there.
        expect: Expect,
    },
    /// Writes nothing, but holds the batch to what a decision has read.
    Check {
        /// Which.
        key: Key,
        /// What must be there.
        expect: Expect,
    },
    /// Makes an actor look again: creates it, raises its version, and makes it due unless somebody holds it.
    ///
    /// Only for records without a deadline and without a status.
    Poke {
        /// Which.
        key: Key,
        /// The queue it gets if it is new, and when it is due.
        due: Due,
    },
    /// Moves a counter, unless that would take it out of its bounds. A counter past its deadline starts at 0.
    Add {
        /// Which.
        key: Key,
        /// By how much.
        delta: i64,
        /// What it may be afterwards.
        within: RangeInclusive<i64>,
        /// Its deadline from now on.
        expires_at: Option<Timestamp>,
    },
}

impl Write {
    /// The record that is written or checked.
    #[must_use]
    pub fn key(&self) -> &Key {
        match self {
            Self::Put { draft, .. } => &draft.key,
            Self::Delete { key, .. }
            | Self::Check { key, .. }
            | Self::Poke { key, .. }
            | Self::Add { key, .. } => key,
        }
    }

    /// Both halves of its key and of its places in indexes.
    fn halves(&self) -> impl Iterator<Item = &String> {
        let places = match self {
            Self::Put { draft, .. } => {
                let second = match &draft.second {
                    Second::Status(place) => Some(place),
                    _ => None,
                };
                [draft.first.as_ref(), second]
            }
            _ => [None, None],
        };
        let key = self.key();
        let places = places.into_iter().flatten();
        [&key.pk, &key.sk]
            .into_iter()
            .chain(places.flat_map(|place| [&place.pk, &place.sk]))
    }

    fn due(&self) -> Option<&Due> {
        match self {
            Self::Put { draft, .. } => match &draft.second {
                Second::Due(due) => Some(due),
                _ => None,
            },
            Self::Poke { due, .. } => Some(due),
            _ => None,
        }
    }
}

/// Why a write does not fit into a batch: always a mistake of the caller.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BatchError {
    /// Too many writes.
    #[error("a batch has at most {MAX_WRITES} writes")]
    TooManyWrites,
    /// Too many bytes.
    #[error("a batch has at most {MAX_BYTES} bytes; {0} would bring it to {1}")]
    TooLarge(Key, usize),
    /// The key is in the batch already.
    #[error("a batch writes each key once; {0} is in it already")]
    Repeated(Key),
    /// The body is too long.
    #[error("a body has at most {MAX_BODY} bytes; that of {0} has {1}")]
    BodyTooLarge(Key, usize),
    /// Its key or its place in an index is empty or too long, or has a zero byte, which Postgres does not take.
    #[error(
        "each half of a key, also of an index, has 1 to {MAX_KEY} bytes and none of them zero; one of {0} has not"
    )]
    BadKey(Key),
}

/// Writes that are committed together, at one time.
#[derive(Clone, Debug)]
pub struct Batch {
    now: Timestamp,
    writes: Vec<Write>,
    keys: BTreeSet<Key>,
    bytes: usize,
}

impl Batch {
    /// An empty batch. `now` decides what is past its deadline.
    #[must_use]
    pub fn at(now: Timestamp) -> Self {
        Self {
            now,
            writes: Vec::new(),
            keys: BTreeSet::new(),
            bytes: 0,
        }
    }

    /// Adds a write, or says why it does not fit; the batch is then as before.
    pub fn push(&mut self, write: Write) -> Result<(), BatchError> {
        let key = write.key();
        if self.writes.len() == MAX_WRITES {
            return Err(BatchError::TooManyWrites);
        }
        let is_usable = |half: &String| (1..=MAX_KEY).contains(&half.len()) && !half.contains('\0');
        if !write.halves().all(is_usable) {
            return Err(BatchError::BadKey(key.clone()));
        }
        let body = match &write {
            Write::Put { draft, .. } => draft.body.len(),
            _ => 0,
        };
        if body > MAX_BODY {
            return Err(BatchError::BodyTooLarge(key.clone(), body));
        }
        let bytes = self.bytes + key.pk.len() + key.sk.len() + body;
        if bytes > MAX_BYTES {
            return Err(BatchError::TooLarge(key.clone(), bytes));
        }
        if !self.keys.insert(key.clone()) {
            return Err(BatchError::Repeated(key.clone()));
        }
        self.bytes = bytes;
        self.writes.push(write);
        Ok(())
    }

    /// Its time.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// Its writes, in the order they were added.
    #[must_use]
    pub fn writes(&self) -> &[Write] {
        &self.writes
    }

    /// How many more writes it takes.
    #[must_use]
    pub fn room(&self) -> usize {
        MAX_WRITES - self.writes.len()
    }

    /// What it makes due: to be hinted at after the commit.
    #[must_use]
    pub fn hints(&self) -> Vec<(Due, Key)> {
        let due = |write: &Write| Some((write.due()?.clone(), write.key().clone()));
        self.writes.iter().filter_map(due).collect()
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::super::store::IndexKey;
    use super::*;

    fn put(sk: &str, body: usize) -> Write {
        Write::Put {
            draft: Draft::new(Key::new("T#t#X", sk), vec![0; body].into()),
            expect: Expect::Absent,
        }
    }

    #[test]
    fn a_batch_refuses_what_some_back_end_could_not_take() {
        let mut batch = Batch::at(Timestamp::default());
        batch.push(put("a", 10)).unwrap();
        assert!(matches!(
            batch.push(put("a", 1)),
            Err(BatchError::Repeated(_))
        ));
        let long = "x".repeat(MAX_KEY + 1);
        for half in ["", &long, "zero\0"] {
            let key = batch.push(put(half, 1));
            assert!(matches!(key, Err(BatchError::BadKey(_))));
            let mut listed = Draft::new(Key::new("T#t#X", "listed"), Bytes::new());
            listed.first = Some(IndexKey {
                pk: half.to_owned(),
                sk: "1".to_owned(),
            });
            let expect = Expect::Absent;
            let index = batch.push(Write::Put {
                draft: listed,
                expect,
            });
            assert!(matches!(index, Err(BatchError::BadKey(_))));
        }
        let body = batch.push(put("b", MAX_BODY + 1));
        assert!(matches!(body, Err(BatchError::BodyTooLarge(..))));
        for number in 0..7 {
            batch
                .push(put(&format!("large {number}"), MAX_BODY))
                .unwrap();
        }
        let full = batch.push(put("c", MAX_BODY));
        assert!(matches!(full, Err(BatchError::TooLarge(..))));
        for number in batch.writes().len()..MAX_WRITES {
            batch.push(put(&format!("small {number}"), 1)).unwrap();
        }
        assert_eq!(batch.room(), 0);
        assert_eq!(batch.push(put("d", 1)), Err(BatchError::TooManyWrites));
    }
}
