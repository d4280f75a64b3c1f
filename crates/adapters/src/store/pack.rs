//! Bodies as stores keep them: long ones are compressed. The first byte says how.

use std::cell::RefCell;
use std::io;

use bytes::Bytes;
use pullmill_core::ports::batch::MAX_BODY;
use zstd::bulk::Compressor;

/// Shorter bodies are kept as they are.
const WORTH: usize = 1024;
/// Fast, and still a tenth of JSON's size.
const LEVEL: i32 = 1;

const PLAIN: u8 = 0;
const ZSTD: u8 = 1;

/// Makes a body what is stored.
pub fn pack(body: &[u8]) -> Vec<u8> {
    if body.len() > WORTH
        && let Some(packed) = compress(body)
        && packed.len() < body.len()
    {
        return marked(ZSTD, &packed);
    }
    marked(PLAIN, body)
}

thread_local! {
    /// Making one takes longer than packing a body with it.
    static COMPRESSOR: RefCell<Option<Compressor<'static>>> = const { RefCell::new(None) };
}

fn compress(body: &[u8]) -> Option<Vec<u8>> {
    COMPRESSOR.with_borrow_mut(|compressor| {
        if compressor.is_none() {
            *compressor = Compressor::new(LEVEL).ok();
        }
        compressor.as_mut()?.compress(body).ok()
    })
}

fn marked(mark: u8, bytes: &[u8]) -> Vec<u8> {
    let mut marked = Vec::with_capacity(bytes.len() + 1);
    marked.push(mark);
    marked.extend_from_slice(bytes);
    marked
}

/// Makes what is stored a body again.
pub fn unpack(stored: &[u8]) -> io::Result<Bytes> {
    match stored.split_first() {
        Some((&PLAIN, body)) => Ok(Bytes::copy_from_slice(body)),
        Some((&ZSTD, packed)) => zstd::bulk::decompress(packed, MAX_BODY).map(Bytes::from),
        _ => Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "a stored body has an unknown form",
        )),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn bodies_come_back(body: Vec<u8>, times in 1_usize..200) {
            let body = body.repeat(times);
            let body = &body[..body.len().min(MAX_BODY)];
            prop_assert_eq!(unpack(&pack(body)).unwrap(), body);
        }

        #[test]
        fn damage_is_an_error_and_nothing_else(bytes: Vec<u8>) {
            let _ = unpack(&bytes);
        }
    }

    #[test]
    fn json_becomes_small() {
        let body = br#"{"name":"value","list":[1,2,3]},"#.repeat(1000);
        assert!(pack(&body).len() < body.len() / 10);
    }
}
