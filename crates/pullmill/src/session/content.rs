//! Reads files of a tree that nobody vouches for: regular files only, no links followed, never more than a limit.

use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rustix::fs::OFlags;

/// What a file holds.
#[derive(Debug, PartialEq, Eq)]
pub enum Content {
    /// Bytes without NUL.
    Text(Vec<u8>),
    /// Bytes that are no text.
    Binary,
    /// More bytes, or a longer line, than the limits allow; says which.
    TooLarge(String),
    /// A symbolic link, a device, a pipe.
    NotAFile,
}

/// Reads a file of at most `max_bytes`, with lines of at most `max_line` bytes.
pub fn read(path: &Path, max_bytes: u64, max_line: u64) -> io::Result<Content> {
    let Some(file) = open(path)? else {
        return Ok(Content::NotAFile);
    };
    let mut bytes = Vec::new();
    // The size may change while it is read, so the limit holds for the reading.
    file.take(max_bytes.saturating_add(1))
        .read_to_end(&mut bytes)?;
    // Git's own test for text.
    if bytes.iter().take(8000).any(|byte| *byte == 0) {
        return Ok(Content::Binary);
    }
    if bytes.len() as u64 > max_bytes {
        return Ok(Content::TooLarge(format!("more than {max_bytes} bytes")));
    }
    if bytes.contains(&0) {
        return Ok(Content::Binary);
    }
    let longest = bytes.split(|byte| *byte == b'\n').map(<[u8]>::len).max();
    if longest.unwrap_or(0) as u64 > max_line {
        return Ok(Content::TooLarge(format!(
            "a line of more than {max_line} bytes"
        )));
    }
    Ok(Content::Text(bytes))
}

/// Opens a regular file without following a link and without waiting for a pipe's other end.
fn open(path: &Path) -> io::Result<Option<File>> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY;
    let flags = i32::try_from(flags.bits()).unwrap_or_default();
    match OpenOptions::new().read(true).custom_flags(flags).open(path) {
        Ok(file) if file.metadata()?.is_file() => Ok(Some(file)),
        Ok(_) => Ok(None),
        Err(error) if rustix::io::Errno::from_io_error(&error) == Some(rustix::io::Errno::LOOP) => {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_and_pipes_are_not_followed_or_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let link = folder.path().join("link");
        std::os::unix::fs::symlink("/dev/zero", &link).unwrap();
        assert_eq!(read(&link, 10, 10).unwrap(), Content::NotAFile);
        let pipe = folder.path().join("pipe");
        let status = std::process::Command::new("mkfifo").arg(&pipe).status();
        assert!(status.unwrap().success());
        assert_eq!(read(&pipe, 10, 10).unwrap(), Content::NotAFile);
        assert_eq!(
            read(Path::new("/dev/zero"), 10, 10).unwrap(),
            Content::NotAFile
        );
        assert_eq!(read(folder.path(), 10, 10).unwrap(), Content::NotAFile);
    }

    #[test]
    fn sizes_and_lines_are_limited() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        std::fs::write(&path, "12345\n12345").unwrap();
        assert_eq!(
            read(&path, 11, 5).unwrap(),
            Content::Text(b"12345\n12345".to_vec())
        );
        assert!(matches!(read(&path, 10, 5).unwrap(), Content::TooLarge(_)));
        assert!(matches!(read(&path, 11, 4).unwrap(), Content::TooLarge(_)));
        std::fs::write(&path, "a\0").unwrap();
        assert_eq!(read(&path, 11, 5).unwrap(), Content::Binary);
    }
}
