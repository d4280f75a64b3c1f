//! Frames between the reviewer and its analysis child: a JSON header and raw blobs, each with its length in front.
//!
//! Layout, little-endian: `u32` header length, `u32` number of blobs, one `u64` length per blob, the header, the blobs.

use std::io::{self, Read, Write};

use serde::Serialize;
use serde::de::DeserializeOwned;

/// No frame has more blobs than this.
const MAX_BLOBS: usize = 4;

/// One message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Frame {
    /// JSON.
    pub header: Vec<u8>,
    /// Bytes that are not worth escaping.
    pub blobs: Vec<Vec<u8>>,
}

/// Why bytes are no frame.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    /// The lengths in front announce more than is allowed.
    #[error("a frame of {size} bytes was announced, {limit} are allowed")]
    TooLarge {
        /// What was announced.
        size: u64,
        /// What is allowed.
        limit: u64,
    },
    /// More blobs than any message has.
    #[error("a frame with {0} blobs was announced")]
    TooManyBlobs(u32),
    /// The header is not what was expected.
    #[error("a frame has an unreadable header: {0}")]
    Header(#[from] serde_json::Error),
    /// The pipe failed, or ended inside a frame.
    #[error("the pipe failed: {0}")]
    Pipe(#[from] io::Error),
}

impl Frame {
    /// Reads the header.
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T, FrameError> {
        Ok(serde_json::from_slice(&self.header)?)
    }
}

/// Writes a message as bytes.
pub fn encode(header: &impl Serialize, blobs: &[&[u8]]) -> Result<Vec<u8>, FrameError> {
    let header = serde_json::to_vec(header)?;
    let size: usize = header.len() + blobs.iter().map(|blob| blob.len() + 8).sum::<usize>() + 8;
    let too_large = |_| FrameError::TooLarge {
        size: size as u64,
        limit: u64::from(u32::MAX),
    };
    let mut bytes = Vec::with_capacity(size);
    bytes.extend(
        u32::try_from(header.len())
            .map_err(too_large)?
            .to_le_bytes(),
    );
    bytes.extend(u32::try_from(blobs.len()).map_err(too_large)?.to_le_bytes());
    for blob in blobs {
        bytes.extend((blob.len() as u64).to_le_bytes());
    }
    bytes.extend(&header);
    for blob in blobs {
        bytes.extend(*blob);
    }
    Ok(bytes)
}

/// Sends a message down a pipe.
pub fn write(
    output: &mut impl Write,
    header: &impl Serialize,
    blobs: &[&[u8]],
) -> Result<(), FrameError> {
    output.write_all(&encode(header, blobs)?)?;
    output.flush()?;
    Ok(())
}

/// Waits for the next message of at most `limit` bytes; `None` if the pipe ended between two messages.
pub fn read(input: &mut impl Read, limit: u64) -> Result<Option<Frame>, FrameError> {
    let mut decoder = Decoder::new(limit);
    loop {
        if let Some(frame) = decoder.complete()? {
            return Ok(Some(frame));
        }
        let missing = decoder.missing()?;
        let read = input.take(missing).read_to_end(&mut decoder.bytes)?;
        if read == 0 && decoder.bytes.is_empty() {
            return Ok(None);
        }
        if (read as u64) < missing {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
        }
    }
}

/// Puts frames together from bytes that arrive in any portions; never holds more than one announced frame.
#[derive(Debug)]
pub struct Decoder {
    bytes: Vec<u8>,
    limit: u64,
}

impl Decoder {
    /// A decoder of frames of at most `limit` bytes.
    #[must_use]
    pub fn new(limit: u64) -> Self {
        Self {
            bytes: Vec::new(),
            limit,
        }
    }

    /// Takes what arrived.
    pub fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend(bytes);
    }

    /// The next frame, if all of it arrived.
    pub fn complete(&mut self) -> Result<Option<Frame>, FrameError> {
        let Some(shape) = self.shape()? else {
            return Ok(None);
        };
        if (self.bytes.len() as u64) < shape.end() {
            return Ok(None);
        }
        let mut parts = shape.lengths.iter().scan(shape.start, |at, length| {
            let from = *at;
            *at += length;
            Some(self.bytes[from..*at].to_vec())
        });
        let header = parts.next().unwrap_or_default();
        let blobs = parts.collect();
        let end = usize::try_from(shape.end()).unwrap_or(self.bytes.len());
        self.bytes.drain(..end);
        Ok(Some(Frame { header, blobs }))
    }

    /// How many bytes are missing until more can be said.
    fn missing(&self) -> Result<u64, FrameError> {
        let have = self.bytes.len() as u64;
        let wanted = match self.shape()? {
            Some(shape) => shape.end(),
            None => match self.word(4) {
                Some(count) => 8 + 8 * u64::from(count),
                None => 8,
            },
        };
        Ok(wanted.saturating_sub(have))
    }

    fn shape(&self) -> Result<Option<Shape>, FrameError> {
        let (Some(header), Some(count)) = (self.word(0), self.word(4)) else {
            return Ok(None);
        };
        let blobs = usize::try_from(count).unwrap_or(usize::MAX);
        if blobs > MAX_BLOBS {
            return Err(FrameError::TooManyBlobs(count));
        }
        let start = 8 + 8 * blobs;
        let Some(table) = self.bytes.get(8..start) else {
            return Ok(None);
        };
        let mut sizes = vec![u64::from(header)];
        sizes.extend(table.chunks_exact(8).map(|chunk| {
            chunk
                .iter()
                .rev()
                .fold(0_u64, |sum, byte| (sum << 8) | u64::from(*byte))
        }));
        let size = sizes
            .iter()
            .fold(0_u64, |sum, size| sum.saturating_add(*size));
        let too_large = FrameError::TooLarge {
            size,
            limit: self.limit,
        };
        if size > self.limit {
            return Err(too_large);
        }
        let lengths: Result<Vec<usize>, _> = sizes.into_iter().map(usize::try_from).collect();
        match lengths {
            Ok(lengths) => Ok(Some(Shape { start, lengths })),
            Err(_) => Err(too_large),
        }
    }

    fn word(&self, at: usize) -> Option<u32> {
        let bytes = self.bytes.get(at..at + 4)?;
        Some(u32::from_le_bytes(bytes.try_into().ok()?))
    }
}

struct Shape {
    start: usize,
    lengths: Vec<usize>,
}

impl Shape {
    fn end(&self) -> u64 {
        (self.start + self.lengths.iter().sum::<usize>()) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_survives_arrival_byte_by_byte() {
        let bytes = encode(&"hello", &[b"\xff\x00", b""]).unwrap();
        let mut decoder = Decoder::new(100);
        for (index, byte) in bytes.iter().enumerate() {
            assert!(decoder.complete().unwrap().is_none(), "complete at {index}");
            decoder.push(&[*byte]);
        }
        let frame = decoder.complete().unwrap().unwrap();
        assert_eq!(frame.parse::<String>().unwrap(), "hello");
        assert_eq!(frame.blobs, vec![b"\xff\x00".to_vec(), Vec::new()]);
        assert!(decoder.complete().unwrap().is_none());
    }

    #[test]
    fn two_frames_in_a_row_are_read_one_by_one() {
        let mut bytes = encode(&1, &[b"a"]).unwrap();
        bytes.extend(encode(&2, &[]).unwrap());
        let mut input = bytes.as_slice();
        let first = read(&mut input, 100).unwrap().unwrap();
        let second = read(&mut input, 100).unwrap().unwrap();
        assert_eq!(first.parse::<u8>().unwrap(), 1);
        assert_eq!(second.parse::<u8>().unwrap(), 2);
        assert!(read(&mut input, 100).unwrap().is_none());
    }

    #[test]
    fn a_huge_length_is_refused_before_anything_is_kept() {
        let mut decoder = Decoder::new(1000);
        decoder.push(&[0xff; 8]);
        assert!(matches!(
            decoder.complete(),
            Err(FrameError::TooManyBlobs(_))
        ));
        let mut decoder = Decoder::new(1000);
        decoder.push(&[0xff, 0xff, 0xff, 0x7f, 0, 0, 0, 0]);
        assert!(matches!(
            decoder.complete(),
            Err(FrameError::TooLarge { .. })
        ));
        let mut decoder = Decoder::new(1000);
        decoder.push(&[0, 0, 0, 0, 2, 0, 0, 0]);
        decoder.push(&[0xff; 16]);
        assert!(matches!(
            decoder.complete(),
            Err(FrameError::TooLarge { .. })
        ));
    }

    #[test]
    fn a_pipe_that_ends_inside_a_frame_is_an_error() {
        let bytes = encode(&"hello", &[b"blob"]).unwrap();
        for end in 1..bytes.len() {
            let mut input = &bytes[..end];
            assert!(read(&mut input, 100).is_err(), "cut at {end}");
        }
    }
}
