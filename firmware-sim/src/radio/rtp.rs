//! Puts encoded pictures and sound into RTP packets of one stream, with numbers and times that go on whatever the source does.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use rtc_rtp::header::Header;
use rtc_rtp::packet::Packet;
use rtc_rtp::packetizer::Payloader;
use webrtc::media_stream::track_local::TrackLocal;
use webrtc::media_stream::track_local::static_rtp::TrackLocalStaticRTP;

/// Payload bytes in a packet: with every header and tag around it, it fits any usual path.
const MTU: usize = 1_150;

/// One outgoing stream.
pub(super) struct RtpStream {
    track: Arc<TrackLocalStaticRTP>,
    ssrc: u32,
    payload_type: u8,
    clock_hz: u32,
    payloader: Box<dyn Payloader>,
    sequence: u16,
    base: u32,
    /// How the numbers of a foreign stream become ours.
    foreign: Option<Foreign>,
}

struct Foreign {
    ssrc: u32,
    sequence_shift: u16,
    timestamp_shift: u32,
}

/// The connection took no packet: it is closed.
#[derive(Debug)]
pub(super) struct Closed;

impl RtpStream {
    pub fn new(
        track: Arc<TrackLocalStaticRTP>,
        ssrc: u32,
        payload_type: u8,
        clock_hz: u32,
        payloader: Box<dyn Payloader>,
    ) -> Self {
        // The SSRC is chance already; first number and time follow from it (RFC 3550 §5.1 asks for chance).
        let sequence = (ssrc >> 7) as u16 & 0x7fff;
        Self { track, ssrc, payload_type, clock_hz, payloader, sequence, base: ssrc.rotate_left(13), foreign: None }
    }

    /// Sends one picture or one Opus packet taken at `age` of the stream.
    pub async fn send(&mut self, data: &Bytes, age: Duration) -> Result<(), Closed> {
        let Ok(payloads) = self.payloader.payload(MTU, data) else {
            // Not packetisable: drop it, the next may be.
            return Ok(());
        };
        let timestamp = self.timestamp(age);
        let last = payloads.len().saturating_sub(1);
        for (index, payload) in payloads.into_iter().enumerate() {
            let header = Header {
                version: 2,
                marker: index == last && self.clock_hz == VIDEO_HZ,
                payload_type: self.payload_type,
                sequence_number: self.sequence,
                timestamp,
                ssrc: self.ssrc,
                ..Header::default()
            };
            self.sequence = self.sequence.wrapping_add(1);
            self.track.write_rtp(Packet { header, payload }).await.map_err(|_| Closed)?;
        }
        Ok(())
    }

    /// Passes on a packet of a local encoder as part of this stream. `resumed`: after a pause, or for the first time.
    pub async fn forward(&mut self, packet: Packet, age: Duration, resumed: bool) -> Result<(), Closed> {
        let from = &packet.header;
        if resumed || self.foreign.as_ref().is_none_or(|foreign| foreign.ssrc != from.ssrc) {
            self.foreign = Some(Foreign {
                ssrc: from.ssrc,
                sequence_shift: self.sequence.wrapping_sub(from.sequence_number),
                timestamp_shift: self.timestamp(age).wrapping_sub(from.timestamp),
            });
        }
        let Some(foreign) = &self.foreign else { return Ok(()) };
        let header = Header {
            version: 2,
            marker: from.marker,
            payload_type: self.payload_type,
            sequence_number: from.sequence_number.wrapping_add(foreign.sequence_shift),
            timestamp: from.timestamp.wrapping_add(foreign.timestamp_shift),
            ssrc: self.ssrc,
            ..Header::default()
        };
        self.sequence = header.sequence_number.wrapping_add(1);
        self.track.write_rtp(Packet { header, payload: packet.payload }).await.map_err(|_| Closed)
    }

    /// Whether each packet stands for itself.
    pub fn is_sound(&self) -> bool {
        self.clock_hz == AUDIO_HZ
    }

    fn timestamp(&self, age: Duration) -> u32 {
        let ticks = age.as_micros() * u128::from(self.clock_hz) / 1_000_000;
        self.base.wrapping_add(ticks as u32)
    }
}

/// RTP clock of every video codec here.
pub(super) const VIDEO_HZ: u32 = 90_000;
/// RTP clock of Opus.
pub(super) const AUDIO_HZ: u32 = 48_000;
