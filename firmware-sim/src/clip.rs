//! Recorded pictures and sound that replace what is drawn: files read once and played in a loop.
//!
//! The payloads are passed on as they are. What is not such a file is refused with a sentence; nothing in a file can make the
//! reader panic or read more than [`MAX_FILE_BYTES`].

mod annexb;
mod ivf;
mod ogg;

use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;

use crate::config::VideoCodec;

/// A larger file is refused.
pub const MAX_FILE_BYTES: u64 = 512 * 1024 * 1024;

/// One encoded picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    /// VP8: the frame. H.264: the access unit in Annex B.
    pub data: Bytes,
    /// Whether it stands alone.
    pub key: bool,
    /// Until the next one.
    pub duration: Duration,
}

/// Pictures in a loop.
#[derive(Clone, Debug)]
pub struct VideoClip {
    /// How they are compressed.
    pub codec: VideoCodec,
    pictures: Vec<Picture>,
    next: usize,
}

/// Sound in a loop.
#[derive(Clone, Debug)]
pub struct AudioClip {
    packets: Vec<Packet>,
    next: usize,
}

/// One Opus packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packet {
    /// As in RTP.
    pub data: Bytes,
    /// How many samples at 48 kHz it holds.
    pub samples: u32,
}

/// Why a file cannot be played.
#[derive(Debug, thiserror::Error)]
pub enum ClipError {
    /// It cannot be read.
    #[error("cannot read {}: check the path and that this user may read it", path.display())]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It is too large.
    #[error("{} is larger than {} MiB: use a shorter clip, it is played in a loop", path.display(), MAX_FILE_BYTES >> 20)]
    TooLarge {
        /// Which file.
        path: PathBuf,
    },
    /// It is something else.
    #[error("{}: {reason}", path.display())]
    Unsuitable {
        /// Which file.
        path: PathBuf,
        /// What is wrong and what to do.
        reason: &'static str,
    },
}

impl VideoClip {
    /// Reads an IVF file with VP8, or an H.264 file in Annex B that has `fps` pictures in a second.
    ///
    /// # Errors
    /// Says what is wrong with the file.
    pub fn open(path: &Path, fps: u32) -> Result<Self, ClipError> {
        let bytes = read(path)?;
        let read = if bytes.starts_with(b"DKIF") {
            ivf::pictures(&bytes).map(|pictures| (VideoCodec::Vp8, pictures))
        } else {
            let duration = Duration::from_secs(1) / fps.max(1);
            annexb::pictures(&bytes, duration).map(|pictures| (VideoCodec::H264, pictures))
        };
        let (codec, pictures) = read.map_err(|reason| ClipError::Unsuitable { path: path.to_owned(), reason })?;
        Ok(Self { codec, pictures, next: 0 })
    }

    /// The next picture; with `key`, the next one that stands alone.
    pub fn advance(&mut self, key: bool) -> Picture {
        if key {
            // Readers see to it that the first picture stands alone.
            let later = (self.next..self.pictures.len()).find(|at| self.pictures[*at].key);
            self.next = later.unwrap_or(0);
        }
        let picture = self.pictures[self.next].clone();
        self.next = (self.next + 1) % self.pictures.len();
        picture
    }
}

impl AudioClip {
    /// Reads an Ogg file with Opus.
    ///
    /// # Errors
    /// Says what is wrong with the file.
    pub fn open(path: &Path) -> Result<Self, ClipError> {
        let packets = ogg::packets(&read(path)?).map_err(|reason| ClipError::Unsuitable { path: path.to_owned(), reason })?;
        Ok(Self { packets, next: 0 })
    }

    /// The next packet.
    pub fn advance(&mut self) -> Packet {
        let packet = self.packets[self.next].clone();
        self.next = (self.next + 1) % self.packets.len();
        packet
    }
}

fn read(path: &Path) -> Result<Bytes, ClipError> {
    let unreadable = |source| ClipError::Unreadable { path: path.to_owned(), source };
    if std::fs::metadata(path).map_err(unreadable)?.len() > MAX_FILE_BYTES {
        return Err(ClipError::TooLarge { path: path.to_owned() });
    }
    std::fs::read(path).map(Bytes::from).map_err(unreadable)
}

#[cfg(test)]
mod tests;
