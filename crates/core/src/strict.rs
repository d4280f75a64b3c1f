//! Reads JSON that others send: one document, no key twice, nothing deeper than 128 levels. Two readers can then not disagree about it.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeOwned, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};

/// Keys of one object that are compared one by one before they are put into a set.
const FEW: usize = 128;

/// Checks a document and reads it.
pub fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, serde_json::Error> {
    serde_json::from_str(check(bytes)?)
}

/// The text of a document.
pub fn text(bytes: &[u8]) -> Result<&str, serde_json::Error> {
    // Once for all, instead of for each string.
    std::str::from_utf8(bytes).map_err(|_| serde_json::Error::custom("it is not UTF-8"))
}

/// Checks that a document is JSON without repeated keys, and gives it as text.
pub fn check(bytes: &[u8]) -> Result<&str, serde_json::Error> {
    let text = text(bytes)?;
    let mut reader = serde_json::Deserializer::from_str(text);
    Strict::deserialize(&mut reader)?;
    reader.end()?;
    Ok(text)
}

/// Makes structs whose reading checks all of an object: no key comes twice in it, nor in what is in it and not kept.
///
/// A struct of these that is read is a document that is both checked and read, in one go. Fields are `Option`s or lists: what is not there is empty.
macro_rules! strict_structs {
    ($($(#[$meta:meta])* $name:ident { $($field:ident: $kind:ty),* $(,)? })*) => {
        $(
            $(#[$meta])*
            #[derive(Debug, Default)]
            struct $name {
                $($field: $kind,)*
            }

            impl<'de> serde::Deserialize<'de> for $name {
                fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                    struct Fields;

                    impl<'de> serde::de::Visitor<'de> for Fields {
                        type Value = $name;

                        fn expecting(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                            out.write_str("an object")
                        }

                        fn visit_map<A: serde::de::MapAccess<'de>>(self, mut entries: A) -> Result<$name, A::Error> {
                            let mut read = $name::default();
                            let mut seen = $crate::strict::Seen::default();
                            while let Some(key) = seen.next_key(&mut entries)? {
                                match key {
                                    $(stringify!($field) => read.$field = entries.next_value()?,)*
                                    _ => {
                                        entries.next_value::<$crate::strict::Strict>()?;
                                    }
                                }
                            }
                            Ok(read)
                        }
                    }

                    deserializer.deserialize_map(Fields)
                }
            }
        )*
    };
}
pub(crate) use strict_structs;

/// A value of which nothing is kept.
#[derive(Debug)]
pub(crate) struct Strict;

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Self)
    }
}

/// A key, borrowed where it has no escapes.
#[derive(Deserialize)]
struct Key<'a>(#[serde(borrow)] Cow<'a, str>);

/// The keys of an object so far.
#[derive(Default)]
pub(crate) struct Seen<'a> {
    few: Vec<Cow<'a, str>>,
    /// Those that came when there were no few any more.
    many: BTreeSet<Cow<'a, str>>,
    /// The last of the many.
    last: Cow<'a, str>,
    /// A bit for each key. One whose bit is not set yet is new, and needs no comparing.
    bits: [u64; BITS / 64],
}

/// Bits of [`Seen`]: enough for the hundred keys of GitHub's repositories to meet few others.
const BITS: usize = 512;

impl<'a> Seen<'a> {
    /// The next key, if it is none of those before.
    pub(crate) fn next_key<A: MapAccess<'a>>(
        &mut self,
        entries: &mut A,
    ) -> Result<Option<&str>, A::Error> {
        let Some(Key(key)) = entries.next_key::<Key<'a>>()? else {
            return Ok(None);
        };
        if !self.is_new(&key) {
            return Err(A::Error::custom("a key comes twice in an object"));
        }
        if self.few.len() < FEW {
            self.few.push(key);
            return Ok(self.few.last().map(|key| &**key));
        }
        self.last = key.clone();
        self.many.insert(key);
        Ok(Some(&self.last))
    }

    /// Whether a key is none of those before; sets its bit.
    fn is_new(&mut self, key: &str) -> bool {
        let place = bit(key);
        let (word, mask) = (place / 64, 1 << (place % 64));
        let is_surely_new = self.bits[word] & mask == 0;
        self.bits[word] |= mask;
        is_surely_new || !self.few.iter().any(|one| one == key) && !self.many.contains(key)
    }
}

/// Which bit stands for a key: by its length and its first and last four bytes, in which the keys of an object differ most often.
fn bit(key: &str) -> usize {
    let bytes = key.as_bytes();
    let ends = match (bytes.first_chunk(), bytes.last_chunk()) {
        (Some(first), Some(last)) => {
            u64::from(u32::from_le_bytes(*first)) << 32 | u64::from(u32::from_le_bytes(*last))
        }
        _ => bytes
            .iter()
            .fold(0, |ends, byte| ends << 8 | u64::from(*byte)),
    };
    // Multiplying by the golden ratio spreads them over the upper bits (Knuth, The Art of Computer Programming 3, 6.4).
    let spread = (ends ^ bytes.len() as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (spread >> (64 - BITS.trailing_zeros())) as usize
}

impl<'de> Visitor<'de> for Strict {
    type Value = Self;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("JSON")
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_str<E>(self, _: &str) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_unit<E>(self) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self, A::Error> {
        while items.next_element::<Self>()?.is_some() {}
        Ok(self)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Self, A::Error> {
        let mut seen = Seen::default();
        while seen.next_key(&mut entries)?.is_some() {
            entries.next_value::<Self>()?;
        }
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn documents_that_readers_could_take_differently_are_refused() {
        for text in [
            r#"{"a":1,"a":2}"#,
            r#"{"a":{"b":[{"c":1,"\u0063":2}]}}"#,
            "{} {}",
            "[1,]",
            "\"\u{fffd}",
            "",
            "NaN",
        ] {
            assert!(check(text.as_bytes()).is_err(), "{text}");
        }
        assert!(check(b"{\"a\":\"\xff\"}").is_err());
        let nested = |depth| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(check(nested(127).as_bytes()).is_ok());
        assert!(check(nested(129).as_bytes()).is_err());
        assert!(check(nested(1_000_000).as_bytes()).is_err());
    }

    proptest! {
        #[test]
        fn keys_are_compared_however_many_there_are(count in 1_usize..300, repeated in 0_usize..600) {
            let keys = (0..count).map(|number| format!("\"k{number}\":0"));
            let mut text = keys.collect::<Vec<_>>().join(",");
            if repeated < count {
                text.push_str(&format!(",\"k{repeated}\":1"));
            }
            prop_assert_eq!(check(format!("{{{text}}}").as_bytes()).is_ok(), repeated >= count);
        }

        #[test]
        fn any_bytes_are_answered(bytes: Vec<u8>) {
            let _ = check(&bytes);
        }
    }
}
