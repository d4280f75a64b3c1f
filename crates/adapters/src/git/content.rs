//! Says what the bytes of one side of a file are: text, a link, binary, or too large.

use std::sync::Arc;

use pullmill_core::change::Side;

use super::draft::LINK;
use super::limits::Limits;

/// How far git looks for a NUL byte, the sign of a binary file.
const BINARY_PREFIX: usize = 8_000;

/// Longest target of a link that is kept.
const MAX_LINK: usize = 4_096;

/// Says what bytes of a file with this mode are.
pub(crate) fn side_of(bytes: Arc<[u8]>, mode: Option<u32>, limits: &Limits) -> Side {
    let size = bytes.len() as u64;
    if mode == Some(LINK) {
        let target = &bytes[..bytes.len().min(MAX_LINK)];
        return Side::Symlink(String::from_utf8_lossy(target).into_owned());
    }
    if bytes[..bytes.len().min(BINARY_PREFIX)].contains(&0) {
        return Side::Binary { size };
    }
    if let Some(pointer) = Pointer::read(&bytes) {
        return Side::Binary { size: pointer.size };
    }
    let longest = bytes
        .split(|byte| *byte == b'\n')
        .map(<[u8]>::len)
        .max()
        .unwrap_or_default();
    if size > limits.max_file_bytes || longest as u64 > limits.max_line_bytes {
        return Side::TooLarge { size };
    }
    Side::Text(bytes)
}

/// What git stores in place of a large file that Git LFS keeps elsewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pointer {
    pub(super) sha256: String,
    pub(super) size: u64,
}

impl Pointer {
    /// Reads a pointer; anything that only resembles one is text, and reviewed as such.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        if bytes.len() > 200 {
            return None;
        }
        let text = std::str::from_utf8(bytes).ok()?;
        let mut lines = text.lines();
        if lines.next()? != "version https://git-lfs.github.com/spec/v1" {
            return None;
        }
        let sha256 = lines.next()?.strip_prefix("oid sha256:")?;
        let size = lines.next()?.strip_prefix("size ")?.parse().ok()?;
        let is_hash = sha256.len() == 64 && sha256.bytes().all(|byte| byte.is_ascii_hexdigit());
        (is_hash && lines.next().is_none()).then(|| Self {
            sha256: sha256.to_owned(),
            size,
        })
    }
}

/// Whether two texts differ only in `\r\n` against `\n`.
pub(super) fn is_same_but_for_line_ends(one: &[u8], other: &[u8]) -> bool {
    without_returns(one).eq(without_returns(other))
}

fn without_returns(bytes: &[u8]) -> impl Iterator<Item = u8> + '_ {
    bytes
        .iter()
        .enumerate()
        .filter(|(place, byte)| **byte != b'\r' || bytes.get(place + 1) != Some(&b'\n'))
        .map(|(_, byte)| *byte)
}
