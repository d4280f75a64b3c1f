//! Computes object ids, so that working files are compared and stored objects checked without git's filters.

use std::io::{self, Read};

use sha1::{Digest, Sha1};
use sha2::Sha256;

/// The hash a repository names its objects by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hash {
    Sha1,
    Sha256,
}

impl Hash {
    /// The id of an object of this kind (`blob`, `tree`, `commit`).
    pub(super) fn id(self, kind: &str, bytes: &[u8]) -> String {
        let head = format!("{kind} {}\0", bytes.len());
        match self {
            Self::Sha1 => hex(&Sha1::new_with_prefix(head).chain_update(bytes).finalize()),
            Self::Sha256 => hex(&Sha256::new_with_prefix(head).chain_update(bytes).finalize()),
        }
    }

    /// The blob id of `size` bytes read from `source`; `None` if there are more or fewer.
    pub(super) fn blob_id_of(self, source: impl Read, size: u64) -> io::Result<Option<String>> {
        let head = format!("blob {size}\0");
        match self {
            Self::Sha1 => stream(Sha1::new_with_prefix(head), source, size),
            Self::Sha256 => stream(Sha256::new_with_prefix(head), source, size),
        }
    }

    /// The tree without entries; git knows it without storing it.
    pub(super) fn empty_tree(self) -> &'static str {
        match self {
            Self::Sha1 => "4b825dc642cb6eb9a060e54bf8d69288fbee4904",
            Self::Sha256 => "6ef19b41225c5369f1c104d45d8d85efa9b057b53b14b4b9b939dd74decc5321",
        }
    }

    /// Bytes of an id.
    pub(super) fn len(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha256 => 32,
        }
    }
}

/// The SHA-256 of `size` bytes read from `source`; `None` if there are more or fewer.
pub(super) fn sha256_of(source: impl Read, size: u64) -> io::Result<Option<String>> {
    stream(Sha256::new(), source, size)
}

fn stream<D: Digest>(
    mut digest: D,
    mut source: impl Read,
    size: u64,
) -> io::Result<Option<String>> {
    let mut buffer = vec![0; 64 << 10];
    let mut seen: u64 = 0;
    loop {
        let count = source.read(&mut buffer)?;
        if count == 0 {
            break;
        }
        seen += count as u64;
        if seen > size {
            return Ok(None);
        }
        digest.update(&buffer[..count]);
    }
    Ok((seen == size).then(|| hex(&digest.finalize())))
}

/// Lower-case hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        text.push(char::from(DIGITS[usize::from(byte >> 4)]));
        text.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
    text
}
