//! RTP streams of one leg: what it receives, and what it is sent.
//!
//! A leg has three slots: sound, picture, and repairs of the picture (RTX). Received streams keep their own window each. What
//! a leg is sent always has the SSRC of its answer; packet indices on it never repeat, whoever the source is, because a key,
//! an SSRC and an index seal one packet only. A new source goes on where the last one ended.

use std::time::Instant;

use super::LegId;
use super::gaps::Gaps;
use super::header::Header;
use super::rtcp::Block;
use super::srtp::Cipher;
use super::window::Window;

/// Number of slots.
pub(super) const SLOTS: usize = 3;

/// Most streams kept per slot; more than one only after the sender started anew with another SSRC.
const MAX_STREAMS: usize = 4;

/// A larger change of lateness, in seconds, is a pause or timestamps that began anew, and no unsteadiness.
const PAUSE_S: u64 = 2;

/// What a stream carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Slot {
    Audio,
    Video,
    Repair,
}

impl Slot {
    pub(super) const ALL: [Self; SLOTS] = [Self::Audio, Self::Video, Self::Repair];

    /// RTP clock, for timestamps over a change of source.
    fn clock_hz(self) -> u64 {
        if self == Self::Audio { 48_000 } else { 90_000 }
    }
}

/// Why a packet was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// A payload type nobody agreed to.
    Unknown,
    /// Seen before, or too old to tell.
    Replayed,
    /// Not from the other end.
    Forged,
}

/// A packet that was opened.
#[derive(Clone, Copy, Debug)]
pub(super) struct Opened {
    pub(super) slot: Slot,
    /// Packet index of its own stream.
    pub(super) index: u64,
    /// Where the payload ends.
    pub(super) end: usize,
    /// It is of the newest stream of its slot, the one that is forwarded.
    pub(super) is_current: bool,
}

struct Stream {
    ssrc: u32,
    window: Window,
    /// Index of the first packet.
    first: u64,
    received: u64,
    /// Packets that repairs brought.
    restored: u64,
    counted: (u64, u64),
    /// Packets expected and received when the other end was told last.
    told: (u64, u64),
    /// How late the newest packet was in ticks, and sixteen times the smoothed change of that (RFC 3550 §A.8).
    transit: Option<u32>,
    jitter: u32,
    /// The last sender report: middle bits of its time, and when it came.
    heard: Option<(u32, Instant)>,
    gaps: Gaps,
}

/// What a leg receives.
pub(super) struct Incoming {
    payload_types: [Option<u8>; SLOTS],
    announced: [Option<u32>; SLOTS],
    streams: [Vec<Stream>; SLOTS],
    /// The other end resends what is asked for.
    resends: [bool; SLOTS],
    /// A picture will never be whole.
    gave_up: bool,
}

impl Incoming {
    pub(super) fn new(payload_types: [Option<u8>; SLOTS], announced: [Option<u32>; SLOTS], resends: [bool; SLOTS]) -> Self {
        Self { payload_types, announced, streams: Default::default(), resends, gave_up: false }
    }

    /// What was agreed to for this slot.
    pub(super) fn payload_type(&self, slot: Slot) -> Option<u8> {
        self.payload_types[slot as usize]
    }

    /// SSRC of what is forwarded, or of what was announced if nothing came yet.
    pub(super) fn ssrc(&self, slot: Slot) -> Option<u32> {
        self.streams[slot as usize].last().map(|stream| stream.ssrc).or(self.announced[slot as usize])
    }

    /// Authenticates and decrypts in place. Only a genuine packet moves a window or starts a stream.
    pub(super) fn open(
        &mut self,
        cipher: &Cipher,
        packet: &mut [u8],
        header: &Header,
        now: Instant,
    ) -> Result<Opened, Refusal> {
        let slot = Slot::ALL
            .into_iter()
            .find(|slot| self.payload_types[*slot as usize] == Some(header.payload_type))
            .ok_or(Refusal::Unknown)?;
        let streams = &mut self.streams[slot as usize];
        if let Some(place) = streams.iter().position(|stream| stream.ssrc == header.ssrc) {
            let is_current = place + 1 == streams.len();
            let stream = &mut streams[place];
            let index = stream.window.guess(header.sequence).ok_or(Refusal::Replayed)?;
            if !stream.window.is_fresh(index) {
                return Err(Refusal::Replayed);
            }
            let end = cipher.open(packet, header.length, header.ssrc, index).ok_or(Refusal::Forged)?;
            self.gave_up |= stream.accept(slot, index, self.resends[slot as usize], now);
            stream.received += 1;
            return Ok(Opened { slot, index, end, is_current });
        }
        if streams.len() >= MAX_STREAMS {
            return Err(Refusal::Unknown);
        }
        let index = u64::from(header.sequence);
        let end = cipher.open(packet, header.length, header.ssrc, index).ok_or(Refusal::Forged)?;
        streams.push(Stream::starting(header.ssrc, index));
        Ok(Opened { slot, index, end, is_current: true })
    }

    /// Takes a packet of the picture out of a repair: its SSRC and index, if it did not come before.
    pub(super) fn restore(&mut self, sequence: u16, now: Instant) -> Option<(u32, u64)> {
        let stream = self.streams[Slot::Video as usize].last_mut()?;
        let index = stream.window.guess(sequence).filter(|index| stream.window.is_fresh(*index))?;
        self.gave_up |= stream.accept(Slot::Video, index, self.resends[Slot::Video as usize], now);
        stream.restored += 1;
        Some((stream.ssrc, index))
    }

    /// Sequence numbers of this slot to ask for now.
    pub(super) fn missing(&mut self, slot: Slot, now: Instant) -> Vec<u16> {
        let Some(stream) = self.streams[slot as usize].last_mut() else { return Vec::new() };
        let (due, gave_up) = stream.gaps.due(now);
        self.gave_up |= gave_up && slot == Slot::Video;
        due
    }

    /// When [`Incoming::missing`] next has something to say.
    pub(super) fn missing_at(&self) -> Option<Instant> {
        self.current().filter_map(|stream| stream.gaps.deadline()).min()
    }

    /// Whether part of the picture was given up and nobody was told.
    pub(super) fn gave_up(&self) -> bool {
        self.gave_up
    }

    /// Whether something is being asked for.
    pub(super) fn has_gaps(&self) -> bool {
        self.gave_up || self.current().any(|stream| !stream.gaps.is_empty())
    }

    /// Asks for nothing more: nobody is there to see or hear it.
    pub(super) fn forget_gaps(&mut self) {
        self.gave_up = false;
        for stream in self.streams.iter_mut().filter_map(|streams| streams.last_mut()) {
            stream.gaps.clear();
        }
    }

    /// Whether part of the picture was given up since the last call.
    pub(super) fn take_gave_up(&mut self) -> bool {
        std::mem::take(&mut self.gave_up)
    }

    fn current(&self) -> impl Iterator<Item = &Stream> {
        self.streams.iter().filter_map(|streams| streams.last())
    }

    /// A stream began.
    #[cfg(test)]
    pub(super) fn begin(&mut self, slot: Slot, ssrc: u32) {
        self.streams[slot as usize].push(Stream::starting(ssrc, 1));
    }

    /// Notes when a packet of the forwarded stream came.
    pub(super) fn timed(&mut self, slot: Slot, timestamp: u32, arrived_us: u64) {
        let Some(stream) = self.streams[slot as usize].last_mut() else { return };
        #[expect(clippy::cast_possible_truncation, reason = "ticks wrap as timestamps do")]
        let ticks = (arrived_us.wrapping_mul(slot.clock_hz()) / 1_000_000) as u32;
        let transit = ticks.wrapping_sub(timestamp);
        if let Some(before) = stream.transit.replace(transit) {
            let change = transit.wrapping_sub(before);
            let change = change.min(change.wrapping_neg());
            if u64::from(change) > slot.clock_hz() * PAUSE_S {
                return;
            }
            stream.jitter = stream.jitter.saturating_add(change).saturating_sub((stream.jitter + 8) >> 4);
        }
    }

    /// A sender report about `ssrc` came.
    pub(super) fn heard(&mut self, ssrc: u32, middle: u32, now: Instant) {
        for stream in self.streams.iter_mut().filter_map(|streams| streams.last_mut()).filter(|stream| stream.ssrc == ssrc) {
            stream.heard = Some((middle, now));
        }
    }

    /// What the other end should know about how its sound and picture arrive.
    pub(super) fn receptions(&mut self, now: Instant) -> Vec<Block> {
        self.streams[..2].iter_mut().filter_map(|streams| streams.last_mut()?.reception(now)).collect()
    }

    /// Packets expected and packets that came since the last call, over sound and picture, be it by a repair: what is missing is what a
    /// pupil misses. What the sender is told ([`Incoming::receptions`]) is the loss on the way.
    pub(super) fn count(&mut self) -> (u64, u64) {
        let mut sum = (0, 0);
        for stream in self.streams[..2].iter_mut().filter_map(|streams| streams.last_mut()) {
            let Some(highest) = stream.window.highest() else { continue };
            sum.0 += highest.saturating_sub(stream.counted.0);
            let came = stream.received + stream.restored;
            sum.1 += came.saturating_sub(stream.counted.1);
            stream.counted = (highest, came);
        }
        sum
    }
}

impl Stream {
    /// Its first packet came.
    fn starting(ssrc: u32, index: u64) -> Self {
        let mut window = Window::new();
        window.accept(index);
        Self {
            ssrc,
            window,
            first: index,
            received: 1,
            restored: 0,
            counted: (index.saturating_sub(1), 0),
            told: (0, 0),
            transit: None,
            jitter: 0,
            heard: None,
            gaps: Gaps::default(),
        }
    }

    fn reception(&mut self, now: Instant) -> Option<Block> {
        let highest = self.window.highest()?;
        let expected = highest.saturating_sub(self.first) + 1;
        let (expected_before, received_before) = std::mem::replace(&mut self.told, (expected, self.received));
        let (lately, came) = (expected.saturating_sub(expected_before), self.received.saturating_sub(received_before));
        let missed = lately.saturating_sub(came);
        let delay = |at: Instant| now.saturating_duration_since(at).as_micros() * 65_536 / 1_000_000;
        let small = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
        #[expect(clippy::cast_possible_truncation, reason = "roll-overs are told modulo 2^16")]
        let highest = highest as u32;
        Some(Block {
            ssrc: self.ssrc,
            fraction_lost: u8::try_from((missed * 256).checked_div(lately).unwrap_or(0)).unwrap_or(u8::MAX),
            lost: small(expected.saturating_sub(self.received)),
            highest,
            jitter: self.jitter >> 4,
            last_report: self.heard.map_or(0, |(middle, _)| middle),
            delay: self.heard.map_or(0, |(_, at)| u32::try_from(delay(at)).unwrap_or(u32::MAX)),
        })
    }

    /// Notes a genuine packet. Returns whether part of a picture is given up for it.
    fn accept(&mut self, slot: Slot, index: u64, resends: bool, now: Instant) -> bool {
        let highest = self.window.highest();
        self.window.accept(index);
        resends && self.gaps.arrived(index, highest, now) && slot == Slot::Video
    }
}

/// Where a sent stream comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Source {
    pub(super) leg: LegId,
    pub(super) ssrc: u32,
}

/// One stream a leg is sent.
#[derive(Debug)]
pub(super) struct Outgoing {
    pub(super) ssrc: u32,
    source: Option<Source>,
    /// Something of the source was left out on purpose.
    skipped: bool,
    /// Added to the source's packet index. Its low 16 bits are added to sequence numbers.
    offset: i64,
    /// Added to the source's timestamps.
    timestamp_offset: u32,
    /// Indices below it belong to an earlier source.
    floor: u64,
    highest: Option<u64>,
    last_timestamp: u32,
    last_at: Option<Instant>,
}

impl Outgoing {
    pub(super) fn new(ssrc: u32) -> Self {
        Self {
            ssrc,
            source: None,
            skipped: false,
            offset: 0,
            timestamp_offset: 0,
            floor: 0,
            highest: None,
            last_timestamp: 0,
            last_at: None,
        }
    }

    /// Index and timestamp a packet gets on this leg. `None` if it belongs before this source's start.
    pub(super) fn place(&mut self, slot: Slot, source: Source, index: u64, timestamp: u32, now: Instant) -> Option<(u64, u32)> {
        if self.source != Some(source) {
            self.follow(slot, source, index, timestamp, now)?;
        } else if self.skipped {
            self.go_on(index)?;
        }
        let out = index.checked_add_signed(self.offset).filter(|out| *out >= self.floor)?;
        let timestamp = timestamp.wrapping_add(self.timestamp_offset);
        if self.highest.is_none_or(|highest| out > highest) {
            self.highest = Some(out);
            self.last_timestamp = timestamp;
            self.last_at = Some(now);
        }
        Some((out, timestamp))
    }

    /// What the source sent since the last packet was left out on purpose: the next one follows without a gap. Its timestamps mean what
    /// they did, so sound and picture stay together.
    pub(super) fn skip(&mut self) {
        self.skipped = true;
    }

    /// The packet with this index is the next one.
    ///
    /// A receiver starts each SSRC at roll-over counter 0, whatever the source's is by now; and goes on counting when the
    /// source changes. The first number is below 2^15, so that a receiver which misses the first packets sees no wrap in
    /// what it missed (RFC 3711, 3.3.1).
    fn go_on(&mut self, index: u64) -> Option<()> {
        let start = self.highest.map_or(index & 0x7FFF, |highest| highest + 1);
        self.offset = i64::try_from(start).ok()?.checked_sub(i64::try_from(index).ok()?)?;
        self.floor = if self.highest.is_some() { start } else { 0 };
        self.skipped = false;
        Some(())
    }

    /// Another source than before: its timestamps go on with the time that passed.
    fn follow(&mut self, slot: Slot, source: Source, index: u64, timestamp: u32, now: Instant) -> Option<()> {
        self.go_on(index)?;
        self.timestamp_offset = match self.last_at {
            None => 0,
            Some(at) => {
                let passed = u64::try_from(now.saturating_duration_since(at).as_millis()).unwrap_or(u64::MAX);
                let ticks = passed.saturating_mul(slot.clock_hz()) / 1000;
                #[expect(clippy::cast_possible_truncation, reason = "timestamps wrap")]
                let expected = self.last_timestamp.wrapping_add((ticks as u32).max(1));
                expected.wrapping_sub(timestamp)
            }
        };
        self.source = Some(source);
        Some(())
    }

    /// Who the stream comes from now, with what is added to its timestamps.
    pub(super) fn origin(&self) -> Option<(Source, u32)> {
        self.source.map(|source| (source, self.timestamp_offset))
    }

    /// The next index of a stream that has no source but the bridge. Never mixed with [`Outgoing::place`].
    pub(super) fn take_index(&mut self) -> u64 {
        // A receiver starts at roll-over counter 0; the first number is not predictable.
        let next = self.highest.map_or(u64::from(self.ssrc & 0x7FFF), |highest| highest + 1);
        self.highest = Some(next);
        next
    }
}

#[cfg(test)]
mod tests;
