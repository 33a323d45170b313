//! What waits for a reader that is slower than what it is sent.
//!
//! Sound goes before pictures, and late media is worth nothing: over [`MAX_MEDIA`] bytes the oldest picture packet is dropped, then the
//! oldest sound; what waited longer than [`LATE`] is dropped when its turn comes. What sets up and keeps up a connection is not
//! dropped; a reader that does not even take that is given up ([`Queue::is_over`]).

use std::collections::VecDeque;
use std::io::{ErrorKind, IoSlice, Write};
use std::time::{Duration, Instant};

use super::framing::prefix;

/// Bytes of media that wait at most: half a second of a good picture.
const MAX_MEDIA: usize = 128 * 1024;

/// Bytes of everything else.
const MAX_CONTROL: usize = 64 * 1024;

/// What waited for longer is not sent any more.
const LATE: Duration = Duration::from_millis(1000);

/// Most frames handed to one system call.
const MAX_SLICES: usize = 64;

/// Most buffers kept for later frames.
const MAX_SPARE: usize = 32;

/// What is dropped first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// ICE, DTLS and what is inside DTLS.
    Control,
    /// Sound, and reports.
    Sound,
    /// Everything else.
    Picture,
}

struct Frame {
    bytes: Vec<u8>,
    kind: Kind,
    since: Instant,
}

/// See the module.
#[derive(Default)]
pub(super) struct Queue {
    frames: VecDeque<Frame>,
    media: usize,
    control: usize,
    /// How much of the first frame is on its way. It is sent whole, or nobody would find the next one.
    begun: usize,
    spare: Vec<Vec<u8>>,
    /// Media packets dropped since the last question.
    dropped: u64,
}

impl Queue {
    /// Takes a packet. `sound` is the SSRC of sound.
    pub(super) fn push(&mut self, packet: &[u8], sound: u32, now: Instant) {
        let kind = kind(packet, sound);
        let mut bytes = self.spare.pop().unwrap_or_default();
        bytes.extend_from_slice(&prefix(packet.len()));
        bytes.extend_from_slice(packet);
        *self.size(kind) += bytes.len();
        self.frames.push_back(Frame { bytes, kind, since: now });
        while self.media > MAX_MEDIA {
            let droppable = |wanted: Kind| {
                let from = usize::from(self.begun > 0);
                (from..self.frames.len()).find(|place| self.frames[*place].kind == wanted)
            };
            let Some(place) = droppable(Kind::Picture).or_else(|| droppable(Kind::Sound)) else { break };
            self.drop_at(place);
        }
    }

    /// Writes as much as the stream takes. `false`: it takes no more for now.
    pub(super) fn write(&mut self, stream: &mut impl Write, now: Instant) -> std::io::Result<bool> {
        loop {
            while self.begun == 0
                && self
                    .frames
                    .front()
                    .is_some_and(|first| first.kind != Kind::Control && now.saturating_duration_since(first.since) > LATE)
            {
                self.drop_at(0);
            }
            if self.frames.is_empty() {
                return Ok(true);
            }
            let mut slices = [IoSlice::new(&[]); MAX_SLICES];
            let mut count = 0;
            for (slice, frame) in slices.iter_mut().zip(&self.frames) {
                let from = if count == 0 { self.begun } else { 0 };
                *slice = IoSlice::new(frame.bytes.get(from..).unwrap_or_default());
                count += 1;
            }
            match stream.write_vectored(&slices[..count]) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(written) => self.written(written),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// The reader does not even take what keeps the connection up.
    pub(super) fn is_over(&self) -> bool {
        self.control > MAX_CONTROL
    }

    /// Media packets dropped since the last call.
    pub(super) fn take_dropped(&mut self) -> u64 {
        std::mem::take(&mut self.dropped)
    }

    fn written(&mut self, mut bytes: usize) {
        while bytes > 0 {
            let Some(first) = self.frames.front() else { return };
            let left = first.bytes.len() - self.begun;
            if bytes < left {
                self.begun += bytes;
                return;
            }
            bytes -= left;
            self.begun = 0;
            self.forget(0);
        }
    }

    fn drop_at(&mut self, place: usize) {
        self.forget(place);
        self.dropped += 1;
    }

    fn forget(&mut self, place: usize) {
        let Some(mut frame) = self.frames.remove(place) else { return };
        *self.size(frame.kind) -= frame.bytes.len();
        if self.spare.len() < MAX_SPARE {
            frame.bytes.clear();
            self.spare.push(frame.bytes);
        }
    }

    fn size(&mut self, kind: Kind) -> &mut usize {
        if kind == Kind::Control { &mut self.control } else { &mut self.media }
    }
}

/// RFC 7983 and RFC 5761 tell by the first bytes what a packet is; the SSRC of RTP is in the clear.
fn kind(packet: &[u8], sound: u32) -> Kind {
    match packet {
        [128..=191, second, ..] if (64..96).contains(&(second & 127)) => Kind::Sound,
        [128..=191, ..] if packet.get(8..12) == Some(&sound.to_be_bytes()) => Kind::Sound,
        [128..=191, ..] => Kind::Picture,
        _ => Kind::Control,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOUND: u32 = 7;

    /// Takes `room` bytes, then blocks.
    struct Reader {
        room: usize,
        taken: Vec<u8>,
    }

    impl Write for Reader {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            let count = bytes.len().min(self.room);
            if count == 0 {
                return Err(ErrorKind::WouldBlock.into());
            }
            self.room -= count;
            self.taken.extend(&bytes[..count]);
            Ok(count)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn media(ssrc: u32, number: u16, length: usize) -> Vec<u8> {
        let mut packet = vec![0; length];
        packet[0] = 0x80;
        packet[2..4].copy_from_slice(&number.to_be_bytes());
        packet[8..12].copy_from_slice(&ssrc.to_be_bytes());
        packet
    }

    /// First byte, SSRC and number of each whole frame.
    fn frames(mut stream: &[u8]) -> Vec<(u8, u32, u16)> {
        let mut all = Vec::new();
        while let Some(length) = stream.first_chunk::<2>().map(|length| usize::from(u16::from_be_bytes(*length))) {
            let Some(frame) = stream.get(2..2 + length) else { break };
            let ssrc = frame.get(8..12).map_or(0, |ssrc| u32::from_be_bytes(ssrc.try_into().unwrap()));
            all.push((frame[0], ssrc, frame.get(2..4).map_or(0, |number| u16::from_be_bytes([number[0], number[1]]))));
            stream = &stream[2 + length..];
        }
        all
    }

    #[expect(clippy::disallowed_methods, reason = "an origin for durations")]
    fn start() -> Instant {
        Instant::now()
    }

    #[test]
    fn for_a_slow_reader_the_oldest_picture_goes_first_and_sound_and_control_stay() {
        let now = start();
        let mut queue = Queue::default();
        let mut reader = Reader { room: 500, taken: Vec::new() };
        queue.push(&media(1, 0, 1000), SOUND, now);
        assert!(!queue.write(&mut reader, now).unwrap(), "half of the first picture packet is under way");
        for number in 1..=400 {
            queue.push(&media(1, number, 1000), SOUND, now);
            queue.push(&media(SOUND, number, 100), SOUND, now);
        }
        queue.push(&[22; 60], SOUND, now);
        assert!(queue.media <= MAX_MEDIA && !queue.is_over());
        reader.room = usize::MAX;
        assert!(queue.write(&mut reader, now).unwrap());
        let sent = frames(&reader.taken);
        assert_eq!(sent[0], (0x80, 1, 0), "what was begun is ended");
        let numbers = |ssrc| sent.iter().filter(|frame| frame.1 == ssrc).map(|frame| frame.2).collect::<Vec<_>>();
        assert_eq!(numbers(SOUND), (1..=400).collect::<Vec<_>>());
        let pictures = numbers(1);
        assert_eq!(pictures[1..], (402 - u16::try_from(pictures.len()).unwrap()..=400).collect::<Vec<_>>(), "the newest");
        assert!(pictures.len() > 50 && sent.last().unwrap().0 == 22);
        assert_eq!(queue.take_dropped(), 401 - pictures.len() as u64);
    }

    #[test]
    fn late_media_is_not_sent_and_control_is() {
        let now = start();
        let mut queue = Queue::default();
        queue.push(&media(1, 1, 500), SOUND, now);
        queue.push(&media(SOUND, 1, 90), SOUND, now);
        queue.push(&[0, 1, 0, 0], SOUND, now);
        queue.push(&media(1, 2, 500), SOUND, now + LATE);
        let mut reader = Reader { room: usize::MAX, taken: Vec::new() };
        assert!(queue.write(&mut reader, now + LATE + Duration::from_millis(1)).unwrap());
        assert_eq!(frames(&reader.taken).iter().map(|frame| (frame.0, frame.2)).collect::<Vec<_>>(), [(0, 0), (0x80, 2)]);
        assert_eq!((queue.media, queue.control, queue.take_dropped()), (0, 0, 2));
    }

    #[test]
    fn a_reader_that_takes_nothing_at_all_is_given_up() {
        let now = start();
        let mut queue = Queue::default();
        for _ in 0..1000 {
            queue.push(&media(1, 1, 1200), SOUND, now);
        }
        assert!(!queue.is_over(), "media alone is dropped");
        for _ in 0..60 {
            queue.push(&[22; 1200], SOUND, now);
        }
        assert!(queue.is_over());
    }

    #[test]
    fn a_stream_stays_whole_however_little_is_taken_at_a_time() {
        let now = start();
        let mut queue = Queue::default();
        let mut reader = Reader { room: 0, taken: Vec::new() };
        for number in 0..100 {
            queue.push(&media(1, number, 200), SOUND, now);
            reader.room = 1 + usize::from(number) % 190;
            queue.write(&mut reader, now).unwrap();
        }
        reader.room = usize::MAX;
        assert!(queue.write(&mut reader, now).unwrap());
        assert_eq!(frames(&reader.taken).iter().map(|frame| frame.2).collect::<Vec<_>>(), (0..100).collect::<Vec<_>>());
    }
}
