//! One peer connection: its path, its association, its channel, its streams.
//!
//! A leg knows nothing of the other leg but what [`Leg::send_to`] is told when two legs are paired. It waits for nothing: the
//! worker hands it what arrived and asks for [`Leg::deadline`].

use std::time::{Duration, Instant};

use bridge_core::offer::{Codec, Credentials, Extension, Format, Offer, Role};
use protocol::RobotId;
use rtc_crypto::RTCCrypto;

use super::batch::Batch;
use super::channel::Channel;
use super::checks::Checks;
use super::downlink::Downlink;
use super::dtls::{Dtls, Identity, Keys};
use super::feedback::Arrivals;
use super::header::IdMap;
use super::memory::{Memory, PICTURE, SOUND};
use super::path::{Path, Remote};
use super::probe::Probe;
use super::rtcp;
use super::stream::{Incoming, Outgoing, SLOTS, Slot, Source};
use super::tally::Tally;
use super::{LegId, Party, Talk, stun};

/// Most addresses of the other end that are remembered.
const MAX_ADDRESSES: usize = 8;

/// How long anything that only the other end can have sent counts as its wish to be sent to. A browser's checks alone come every few
/// seconds.
const CONSENT: Duration = Duration::from_secs(30);

/// An end that sends, or is sent, media and is not heard for so long has lost its network: a whole picture is asked for when it is back.
const OUTAGE: Duration = Duration::from_secs(1);

/// Credentials of our own that hold at the same time: a tablet without a network may ask for a restart several times before it hears
/// the answer to one.
const MAX_CREDENTIALS: usize = 4;

/// What the other end is told about its reception is at least this far apart.
const RECEPTION_GAP: Duration = Duration::from_millis(400);

/// Key-frame requests are at least this far apart.
const KEY_FRAME_GAP: Duration = Duration::from_millis(500);

/// What a leg is made from.
pub(super) struct Made<'a> {
    pub(super) id: LegId,
    pub(super) robot: RobotId,
    pub(super) party: Party,
    pub(super) talk: Talk,
    pub(super) offer: Offer,
    pub(super) ice: Credentials,
    /// SSRCs of what it is sent: sound, picture, repairs.
    pub(super) ssrcs: [u32; SLOTS],
    /// SSRC under which the bridge itself reports.
    pub(super) reporter: u32,
    pub(super) identity: &'a Identity,
    pub(super) now: Instant,
}

/// A leg's checks come from where another leg is, so whoever is there is asked.
#[derive(Clone, Copy, Debug)]
pub(super) struct Claim {
    pub(super) remote: Remote,
    pub(super) transaction: [u8; 12],
    /// The answer came from there: only who is there can have read the question.
    pub(super) is_proved: bool,
}

/// See the module.
pub(super) struct Leg {
    pub(super) id: LegId,
    pub(super) robot: RobotId,
    pub(super) party: Party,
    pub(super) talk: Talk,
    pub(super) offer: Offer,
    /// Our credentials, the newest first; the older ones hold until the other end has moved over.
    pub(super) ice: Vec<(Credentials, String)>,
    /// Those of the newest nomination.
    ice_in_use: String,
    pub(super) chosen: Option<Path>,
    pub(super) addresses: Vec<Remote>,
    pub(super) checks: Checks,
    pub(super) claim: Option<Claim>,
    /// Something genuine came within [`CONSENT`]; without it nothing is sent (RFC 7675).
    consents: bool,
    pub(super) dtls: Dtls,
    pub(super) channel: Channel,
    pub(super) keys: Option<Box<Keys>>,
    pub(super) incoming: Incoming,
    pub(super) outgoing: [Outgoing; SLOTS],
    /// What it was sent and may ask for again: sound, picture. `None` where it did not agree to ask.
    pub(super) memory: [Option<Memory>; SLOTS],
    pub(super) downlink: Downlink,
    /// Payload types of what it is sent, as the other leg's codec decides.
    pub(super) send_types: [Option<u8>; SLOTS],
    /// Extension ids of the other leg, translated to ours.
    pub(super) ids: IdMap,
    pub(super) extensions: Vec<(u8, Extension)>,
    pub(super) transport_id: u8,
    pub(super) level_id: u8,
    pub(super) arrivals: Arrivals,
    /// A report of arrivals is due.
    pub(super) is_to_report: bool,
    pub(super) tally: Tally,
    pub(super) probe: Probe,
    told_reception_at: Option<Instant>,
    pub(super) reporter: u32,
    pub(super) key_frames: KeyFrames,
    pub(super) born: Instant,
    pub(super) last_heard: Instant,
    /// When the last packet of sound or picture came.
    media_at: Option<Instant>,
    /// It is back after an outage, and nobody has seen to its picture yet.
    was_out: bool,
    pub(super) silent: bool,
    /// Slot of the other leg on this worker.
    pub(super) other: Option<usize>,
    /// The entry in the timer heap that counts.
    pub(super) armed: Option<Instant>,
}

impl Leg {
    pub(super) fn new(made: Made<'_>) -> Self {
        let Made { id, robot, party, talk, offer, ice, ssrcs, reporter, identity, now } = made;
        let extensions = offer.extensions();
        let id_of = |wanted| extensions.iter().find(|(_, extension)| *extension == wanted).map_or(0, |(id, _)| *id);
        let dtls = Dtls::new(identity, offer.fingerprint, offer.setup);
        let remote_ufrag = offer.ice.ufrag.clone();
        Self {
            id,
            robot,
            party,
            talk,
            ice_in_use: ice.ufrag.clone(),
            ice: vec![(ice, remote_ufrag)],
            chosen: None,
            addresses: Vec::new(),
            checks: Checks::default(),
            claim: None,
            consents: true,
            dtls,
            channel: Channel::new(),
            keys: None,
            incoming: incoming(&offer, talk),
            outgoing: ssrcs.map(Outgoing::new),
            memory: [None, None, None],
            downlink: if party == Party::Subscriber { Downlink::new() } else { Downlink::only_counting() },
            send_types: [None; SLOTS],
            ids: IdMap::default(),
            transport_id: id_of(Extension::TransportSequence),
            level_id: id_of(Extension::AudioLevel),
            extensions,
            arrivals: Arrivals::default(),
            is_to_report: false,
            tally: Tally::default(),
            probe: Probe::default(),
            told_reception_at: None,
            reporter,
            key_frames: KeyFrames::default(),
            born: now,
            last_heard: now,
            media_at: None,
            was_out: false,
            silent: false,
            other: None,
            armed: None,
            offer,
        }
    }

    /// The robot's one codec, or what the pupil agreed to.
    pub(super) fn video_formats(&self) -> &[Format] {
        self.offer.video().map_or(&[], |track| &track.formats)
    }

    /// Prepares this leg to be sent what `from` sends.
    pub(super) fn send_to(&mut self, from: &Self) {
        let codec: Option<Codec> =
            from.offer.video().filter(|_| from.party == Party::Publisher).and_then(|track| track.formats.first()?.codec);
        let video = self.offer.video().filter(|track| self.party == Party::Subscriber && track.receives);
        let format = video.and_then(|track| track.formats.iter().find(|format| format.codec == codec && codec.is_some()));
        let audio = self.offer.audio().filter(|track| track.receives).and_then(|track| track.formats.first());
        let send_types = [
            audio.map(|format| format.payload_type),
            format.map(|format| format.payload_type),
            format.and_then(|format| format.rtx),
        ];
        let kept =
            [audio.filter(|format| resends(format)).map(|_| SOUND), format.filter(|format| resends(format)).map(|_| PICTURE)];
        for (slot, size) in kept.into_iter().enumerate() {
            // What was sent under another payload type is of no use any more.
            if size.is_none() || send_types[slot] != self.send_types[slot] {
                self.memory[slot] = size.map(Memory::new);
            }
        }
        self.send_types = send_types;
        self.ids = IdMap::between(&from.extensions, &self.extensions);
    }

    /// Whether keys are there.
    pub(super) fn is_up(&self) -> bool {
        self.keys.is_some()
    }

    /// Takes new credentials; the path in use holds until the other end nominates with them. Returns old ones that count no more.
    pub(super) fn restart(&mut self, local: Credentials, remote: Credentials) -> Option<Credentials> {
        self.ice.insert(0, (local, remote.ufrag.clone()));
        self.offer.ice = remote;
        let is_idle = |entry: &(Credentials, String)| entry.0.ufrag != self.ice_in_use;
        let oldest = self.ice.iter().rposition(is_idle).filter(|_| self.ice.len() > MAX_CREDENTIALS)?;
        Some(self.ice.remove(oldest).0)
    }

    /// The other end wants media on this path, and said so with these of our credentials. Returns whether it went elsewhere while it
    /// was connected.
    pub(super) fn choose(&mut self, path: Path, credentials: usize) -> bool {
        if self.ice[credentials].0.ufrag != self.ice_in_use {
            self.ice_in_use.clone_from(&self.ice[credentials].0.ufrag);
        }
        let before = self.chosen.replace(path);
        if before == Some(path) {
            return false;
        }
        tracing::debug!(leg.id = %self.id, "media path chosen");
        let is_elsewhere = self.is_up() && before.is_none_or(|before| before.remote != path.remote);
        if is_elsewhere {
            self.downlink.moved();
        }
        is_elsewhere
    }

    /// Notes that something genuine came. Returns whether the leg had been silent.
    pub(super) fn heard(&mut self, now: Instant) -> bool {
        if now.saturating_duration_since(self.last_heard) >= OUTAGE {
            // An end without transport feedback may have had nothing to say.
            self.was_out |= self.downlink.is_fed();
            self.downlink.interrupted();
        }
        self.last_heard = now;
        if !std::mem::replace(&mut self.consents, true) {
            // Its source went on while nothing was sent here. Over a gap of half the numbers the other end would count the roll-overs wrong
            // and open nothing any more (RFC 3711 §3.3.1).
            self.outgoing.iter_mut().for_each(Outgoing::skip);
        }
        std::mem::take(&mut self.silent)
    }

    /// Notes that media came.
    pub(super) fn media_came(&mut self, now: Instant) {
        self.was_out |= self.media_at.replace(now).is_some_and(|before| now.saturating_duration_since(before) >= OUTAGE);
    }

    /// Whether the leg was out for [`OUTAGE`] or longer, since this was asked last: what it was sent or sent itself meanwhile is lost, and a
    /// whole picture comes sooner than all that is missing.
    pub(super) fn take_outage(&mut self) -> bool {
        std::mem::take(&mut self.was_out)
    }

    /// Notes an address that passed a check. Returns one that is forgotten for it, if any.
    pub(super) fn note_address(&mut self, address: Remote) -> Option<Remote> {
        if self.addresses.contains(&address) {
            return None;
        }
        self.addresses.push(address);
        if self.addresses.len() <= MAX_ADDRESSES {
            return None;
        }
        let current = self.chosen.map(|path| path.remote);
        let oldest = self.addresses.iter().position(|known| Some(*known) != current)?;
        Some(self.addresses.remove(oldest))
    }

    /// Sends what DTLS and SCTP have to say.
    pub(super) fn flush(&mut self, now: Instant, out: &mut Batch) {
        self.channel.flush(now, &mut self.dtls);
        while let Some(datagram) = self.dtls.poll_transmit() {
            if let Some(path) = self.path() {
                out.push(path, &datagram);
            }
        }
    }

    /// Where it is sent to.
    pub(super) fn path(&self) -> Option<Path> {
        self.chosen.filter(|_| self.consents)
    }

    /// Stops sending to an end that has not shown for long that it wants to be sent to.
    pub(super) fn check_consent(&mut self, now: Instant) {
        self.consents = now.saturating_duration_since(self.last_heard) < CONSENT;
    }

    /// Asks the other end for what did not come, and for a fresh picture if part of one never will.
    pub(super) fn ask_for_missing(&mut self, now: Instant, out: &mut Batch) {
        if !self.incoming.has_gaps() {
            return;
        }
        if self.other.is_none() {
            self.incoming.forget_gaps();
            return;
        }
        for slot in [Slot::Audio, Slot::Video] {
            let missing = self.incoming.missing(slot, now);
            if let Some(media) = self.incoming.ssrc(slot).filter(|_| !missing.is_empty()) {
                self.send_report(&rtcp::nack(self.reporter, media, &missing), out);
            }
        }
        if self.incoming.take_gave_up() {
            self.key_frames.want();
        }
    }

    /// Tells the other end how much of a picture it may send, if it agreed to hear that.
    pub(super) fn send_limit(&mut self, bits_per_second: u64, out: &mut Batch) {
        let hears = self.video_formats().first().is_some_and(|format| format.feedback.contains(&"goog-remb"));
        if let Some(media) = self.incoming.ssrc(Slot::Video).filter(|_| hears) {
            tracing::debug!(leg.id = %self.id, bits_per_second, "the robot is told what the tablet's network takes");
            self.send_report(&rtcp::maximum(self.reporter, media, bits_per_second), out);
        }
    }

    /// Tells the other end how its streams arrive. Done when its own report comes, about once a second: so reports of many legs are
    /// spread, and the answer holds nothing up that its round trip is measured with.
    pub(super) fn tell_reception(&mut self, now: Instant, out: &mut Batch) {
        if self.told_reception_at.is_some_and(|at| now.saturating_duration_since(at) < RECEPTION_GAP) {
            return;
        }
        let blocks = self.incoming.receptions(now);
        if !blocks.is_empty() {
            self.told_reception_at = Some(now);
            self.send_report(&rtcp::reception(self.reporter, &blocks), out);
        }
    }

    /// Asks the other end whether it is there, if that is due.
    pub(super) fn ask_whether_there(&mut self, now: Instant, crypto: &dyn RTCCrypto, out: &mut Batch) {
        let Some(transaction) = self.probe.take_due(now) else { return };
        let question =
            self.ice.first().and_then(|(local, _)| stun::question(&local.ufrag, &self.offer.ice, transaction, crypto));
        if let (Some(question), Some(path)) = (question, self.path()) {
            out.push(path, &question);
        }
    }

    /// Seals and queues a compound RTCP packet.
    pub(super) fn send_report(&mut self, compound: &[u8], out: &mut Batch) {
        let path = self.path();
        let (Some(keys), Some(path)) = (&mut self.keys, path) else { return };
        match keys.send_reports.encrypt_rtcp(compound) {
            Ok(sealed) => out.push(path, &sealed),
            Err(error) => tracing::debug!(leg.id = %self.id, %error, "a report could not be sealed"),
        }
    }

    /// Asks the other end for a fresh picture if that is wanted and not too soon.
    pub(super) fn ask_for_key_frame(&mut self, now: Instant, out: &mut Batch) {
        if !self.is_up() || !self.key_frames.is_due(now) {
            return;
        }
        // Without an announced SSRC the request waits for the first packet.
        let Some(media) = self.incoming.ssrc(Slot::Video) else { return };
        self.key_frames.sent(now);
        let request = rtcp::picture_loss(self.reporter, media);
        self.send_report(&request, out);
    }

    /// Reports arrivals, if the other end numbers its packets.
    pub(super) fn report_arrivals(&mut self, out: &mut Batch) {
        if !self.arrivals.is_pending() || !self.is_up() {
            return;
        }
        let media = self.incoming.ssrc(Slot::Video).or_else(|| self.incoming.ssrc(Slot::Audio)).unwrap_or(0);
        if let Some(report) = self.arrivals.report(self.reporter, media) {
            self.send_report(&report, out);
        }
    }

    /// Where a stream that this leg sends comes from, for the leg it is forwarded to.
    pub(super) fn source(&self, ssrc: u32) -> Source {
        Source { leg: self.id, ssrc }
    }

    /// When the leg next needs [`Leg::timeout`].
    pub(super) fn deadline(&self, connect_within: Duration) -> Option<Instant> {
        let connect = (!self.is_up()).then(|| self.born + connect_within);
        let key_frame = self.key_frames.deadline().filter(|_| self.is_up());
        [connect, self.dtls.deadline(), self.channel.deadline(), key_frame, self.incoming.missing_at(), self.probe.deadline()]
            .into_iter()
            .flatten()
            .min()
    }
}

/// Only what was agreed to is let in: one format per slot.
fn incoming(offer: &Offer, talk: Talk) -> Incoming {
    let audio = offer.audio().filter(|track| track.sends && (offer.role == Role::Publisher || talk == Talk::Forward));
    let video = offer.video().filter(|track| track.sends && offer.role == Role::Publisher);
    let format = video.and_then(|track| track.formats.first());
    let types = [
        audio.and_then(|track| track.formats.first()).map(|format| format.payload_type),
        format.map(|format| format.payload_type),
        format.and_then(|format| format.rtx),
    ];
    let announced =
        [audio.and_then(|track| track.ssrc), video.and_then(|track| track.ssrc), video.and_then(|track| track.rtx_ssrc)];
    let asked = [audio.and_then(|track| track.formats.first()).is_some_and(resends), format.is_some_and(resends), false];
    Incoming::new(types, announced, asked)
}

/// Whether both ends agreed that what is lost may be asked for.
fn resends(format: &Format) -> bool {
    format.feedback.contains(&"nack")
}

/// Requests for a fresh picture: wanted by anyone, sent at most twice a second.
#[derive(Debug, Default)]
pub(super) struct KeyFrames {
    wanted: bool,
    sent_at: Option<Instant>,
}

impl KeyFrames {
    pub(super) fn want(&mut self) {
        self.wanted = true;
    }

    fn is_due(&self, now: Instant) -> bool {
        self.wanted && self.sent_at.is_none_or(|at| now.saturating_duration_since(at) >= KEY_FRAME_GAP)
    }

    fn sent(&mut self, now: Instant) {
        *self = Self { wanted: false, sent_at: Some(now) };
    }

    fn deadline(&self) -> Option<Instant> {
        self.sent_at.filter(|_| self.wanted).map(|at| at + KEY_FRAME_GAP)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::disallowed_methods, reason = "an origin for durations")]
    fn key_frames_are_asked_for_at_most_twice_a_second() {
        let start = Instant::now();
        let mut requests = KeyFrames::default();
        let mut sent = 0;
        for millis in 0..2000 {
            let now = start + Duration::from_millis(millis);
            requests.want();
            if requests.is_due(now) {
                requests.sent(now);
                sent += 1;
            }
        }
        assert_eq!(sent, 4);
        requests.want();
        assert_eq!(requests.deadline(), Some(start + Duration::from_secs(2)));
    }
}
