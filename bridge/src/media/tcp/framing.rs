//! RFC 4571: each packet on a stream stands behind its length in two bytes.
//!
//! What is half there is kept, at most one frame. A length that nothing of WebRTC has means that the other end speaks something
//! else: there is no way to find the next frame, so the connection is of no use any more.

/// Longest frame that is taken. What travels here is made for datagrams.
pub(super) const MAX_FRAME: usize = 2048;

/// Bytes of a length.
const LENGTH: usize = 2;

/// A frame over [`MAX_FRAME`].
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TooLong;

/// Puts frames together from what a stream brings.
#[derive(Debug, Default)]
pub(super) struct Frames {
    partial: Vec<u8>,
}

impl Frames {
    /// Hands each frame that is complete now to `take`, in order.
    pub(super) fn feed(&mut self, mut bytes: &mut [u8], mut take: impl FnMut(&mut [u8])) -> Result<(), TooLong> {
        while !self.partial.is_empty() && !bytes.is_empty() {
            let wanted = match length(&self.partial)? {
                Some(length) => LENGTH + length,
                None => LENGTH,
            };
            let missing = (wanted - self.partial.len()).min(bytes.len());
            let (now, later) = bytes.split_at_mut(missing);
            self.partial.extend_from_slice(now);
            bytes = later;
            if length(&self.partial)?.is_some_and(|length| self.partial.len() == LENGTH + length) {
                take(&mut self.partial[LENGTH..]);
                self.partial.clear();
            }
        }
        while let Some(length) = length(bytes)? {
            if bytes.len() < LENGTH + length {
                break;
            }
            let (frame, later) = bytes.split_at_mut(LENGTH + length);
            take(&mut frame[LENGTH..]);
            bytes = later;
        }
        self.partial.extend_from_slice(bytes);
        Ok(())
    }
}

/// The length of the frame that begins here, once both its bytes are there.
fn length(bytes: &[u8]) -> Result<Option<usize>, TooLong> {
    let Some(prefix) = bytes.first_chunk::<LENGTH>() else { return Ok(None) };
    let length = usize::from(u16::from_be_bytes(*prefix));
    if length > MAX_FRAME { Err(TooLong) } else { Ok(Some(length)) }
}

/// The prefix of a frame of this length. Nothing that is sent is as long as 64 KiB.
pub(super) fn prefix(length: usize) -> [u8; LENGTH] {
    u16::try_from(length).unwrap_or(u16::MAX).to_be_bytes()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn framed(frames: &[Vec<u8>]) -> Vec<u8> {
        frames.iter().flat_map(|frame| [&prefix(frame.len())[..], frame].concat()).collect()
    }

    proptest! {
        #[test]
        fn however_a_stream_is_cut_the_frames_are_the_same(
            frames in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 0..12),
            cuts in prop::collection::vec(1usize..80, 0..60),
        ) {
            let mut stream = framed(&frames);
            let mut rest = &mut stream[..];
            let (mut reader, mut taken) = (Frames::default(), Vec::new());
            for cut in cuts.into_iter().chain(std::iter::once(usize::MAX)) {
                let (now, later) = rest.split_at_mut(cut.min(rest.len()));
                reader.feed(now, |frame| taken.push(frame.to_vec())).unwrap();
                rest = later;
            }
            prop_assert_eq!(taken, frames);
            prop_assert!(reader.partial.is_empty());
        }

        #[test]
        fn what_is_kept_is_bounded_whatever_comes(pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..900), 0..40)) {
            let mut reader = Frames::default();
            for mut piece in pieces {
                if reader.feed(&mut piece, |frame| assert!(frame.len() <= MAX_FRAME)).is_err() {
                    break;
                }
                prop_assert!(reader.partial.len() < LENGTH + MAX_FRAME);
            }
        }
    }

    #[test]
    fn a_length_that_is_no_packets_ends_it() {
        let mut reader = Frames::default();
        assert_eq!(reader.feed(&mut b"GET / HTTP/1.1\r\n".to_vec(), |_| panic!("no frame")), Err(TooLong));
        let mut reader = Frames::default();
        reader.feed(&mut [8], |_| panic!("no frame")).unwrap();
        assert_eq!(reader.feed(&mut [1], |_| panic!("no frame")), Err(TooLong), "2049");
    }
}
